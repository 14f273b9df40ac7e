/**
 * The kernel's calls, 1:1: C names, C arguments. Errors become exceptions,
 * out-parameters become results, C strings become JavaScript strings; nothing is retried, cached
 * or chosen for you.
 *
 * @module bun-butter/syscalls
 */
export {
  pinned,
  type Address,
  type FdLike,
  type PathLike,
  type Pinned,
  type PinnedString,
} from "../libc.ts";
export * from "./aio.ts";
export * from "./capability.ts";
export * from "./chdir.ts";
export * from "./clock.ts";
export * from "./copy.ts";
export * from "./dirent.ts";
export * from "./epoll.ts";
export * from "./eventfd.ts";
export * from "./fanotify-info.ts";
export * from "./fanotify-records.ts";
export * from "./fanotify-response.ts";
export * from "./fanotify.ts";
export * from "./fd.ts";
export * from "./getpid.ts";
export * from "./fsconfig.ts";
export * from "./fsopen.ts";
export * from "./handle.ts";
export * from "./inotify.ts";
export * from "./kill.ts";
export * from "./lseek.ts";
export * from "./memfd.ts";
export * from "./mman.ts";
export * from "./namespace.ts";
export * from "./mount-setattr.ts";
export * from "./mount.ts";
export * from "./netdevice.ts";
export * from "./open-tree.ts";
export * from "./open.ts";
export * from "./pidfd.ts";
export * from "./poll.ts";
export * from "./pread.ts";
export * from "./prctl-memory.ts";
export * from "./prctl-privileges.ts";
export * from "./prctl.ts";
export * from "./psi.ts";
export * from "./sched.ts";
export * from "./seccomp.ts";
export * from "./signal.ts";
export * from "./signalfd.ts";
export * from "./splice.ts";
export * from "./statmount-struct.ts";
export * from "./statmount.ts";
export * from "./statfs.ts";
export * from "./stat.ts";
export * from "./timerfd.ts";
export * from "./truncate.ts";
export * from "./uts.ts";
