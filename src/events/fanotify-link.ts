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

/**
 * Where a path leads to what is open, or did before it was deleted. `undefined` without /proc, and if no path of this process
 * leads there: it is below another root, or mounted elsewhere, or something is mounted over it.
 */
export function truePathOf(fd: number): Name | undefined {
  const { fstatSync, lstatSync, readlinkSync } = builtin("node:fs");
  try {
    const is = fstatSync(fd, { bigint: true });
    // It may be renamed between the two looks.
    for (let attempt = 0; attempt < 3; attempt++) {
      const link = readlinkSync(`/proc/self/fd/${fd}`, "buffer");
      const at = lstatSync(link, { bigint: true, throwIfNoEntry: false });
      if (at?.ino === is.ino && at.dev === is.dev) return nameOf(link);
      if (link.subarray(-DELETED.length).toString() === DELETED)
        return nameOf(link.subarray(0, -DELETED.length));
    }
    return undefined;
  } catch {
    return undefined;
  }
}
