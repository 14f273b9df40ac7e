/**
 * What is mounted: {@link https://man7.org/linux/man-pages/man2/listmount.2.html | listmount(2)} and
 * {@link https://man7.org/linux/man-pages/man2/statmount.2.html | statmount(2)}, or
 * {@link https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html | /proc/self/mountinfo} where
 * the kernel is too old for them.
 *
 * @module
 */
import type { MountEntry } from "./mount-entry.ts";
import { listEntries } from "./mount-list.ts";
import { readMountinfo } from "./mountinfo.ts";

/**
 * Every mount that this process can reach, in no order. Of two at one place, the one below is the other's
 * parent.
 *
 * @throws {Error} There is neither the call (Linux 6.15) nor `/proc`.
 *
 * @example
 * ```ts
 * import { mounts } from "bun-butter";
 *
 * const proc = mounts().find(({ target }) => target === "/proc");
 * console.log(proc?.type); // proc
 * ```
 */
export function mounts(): MountEntry[] {
  return listEntries() ?? readMountinfo();
}
