/**
 * What a descriptor is open as.
 *
 * @module
 */
import { builtin, type FdLike } from "../libc.ts";
import { type Name, nameOf } from "./names.ts";

const DELETED = " (deleted)";

/** What a descriptor is open as, without what the kernel adds to the path of what was deleted. */
export function linkOf(fd: FdLike): Name {
  const number = typeof fd === "number" ? fd : "fd" in fd ? fd.fd : fd.fileno();
  const { fstatSync, readlinkSync } = builtin("node:fs");
  const link = readlinkSync(`/proc/self/fd/${number}`, "buffer");
  if (link.subarray(-DELETED.length).toString() !== DELETED || fstatSync(number).nlink > 0)
    return nameOf(link);
  return nameOf(link.subarray(0, -DELETED.length));
}
