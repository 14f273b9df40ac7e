/**
 * What a descriptor is open as.
 *
 * @module
 */
import { builtin, type FdLike, fileno } from "../libc.ts";
import { type Name, nameOf } from "./names.ts";

const DELETED = " (deleted)";

/**
 * What a descriptor is open as, without what the kernel adds to the path of what was deleted. `undefined` without /proc.
 */
export function linkOf(fd: FdLike): Name | undefined {
  const { fstatSync, readlinkSync } = builtin("node:fs");
  try {
    const number = fileno(fd);
    const link = readlinkSync(`/proc/self/fd/${number}`, "buffer");
    const isDeleted = link.subarray(-DELETED.length).toString() === DELETED;
    // A name may end like that as well.
    if (!isDeleted || fstatSync(number).nlink > 0) return nameOf(link);
    return nameOf(link.subarray(0, -DELETED.length));
  } catch {
    return undefined;
  }
}
