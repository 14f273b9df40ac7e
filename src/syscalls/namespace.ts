/**
 * Namespaces, what a process sees of the system:
 * {@link https://man7.org/linux/man-pages/man2/unshare.2.html | unshare(2)},
 * {@link https://man7.org/linux/man-pages/man2/setns.2.html | setns(2)} and
 * {@link https://man7.org/linux/man-pages/man2/ioctl_ns.2.html | ioctl_ns(2)}.
 *
 * They are of the calling thread, which runs the JavaScript; Bun's other threads, which read files for promises,
 * stay where they are, and so do all threads in a user namespace, which takes a process with one thread.
 *
 * @module
 */
import {
  ERRNO,
  InternalError,
  MemoryError,
  OSError,
  PermissionError,
  UnsupportedError,
  ValueError,
} from "../errors.ts";
import { bind, builtin, type FdLike, fileno, int, since, sysctl } from "../libc.ts";

const oneThread =
  "user namespaces (CLONE.NEWUSER) take a process with one thread, and Bun has several: start a program that does it, such as unshare(1)";

/** What each errno of these calls becomes. */
export const namespace_errors = {
  unshare: {
    ENOSYS: since("2.6.16").ENOSYS,
    EINVAL: [
      ValueError,
      `${oneThread}; a second CLONE.NEWPID takes a way back first; or the kernel lacks a flag`,
    ],
    ENOMEM: MemoryError,
    ENOSPC: [
      OSError,
      () =>
        `too many namespaces of a kind (/proc/sys/user/max_*_namespaces, user.max_pid_namespaces is ${sysctl("user.max_pid_namespaces")} now), or 32 levels of pid or user namespaces`,
    ],
    EPERM: [PermissionError, "it needs CAP_SYS_ADMIN, unless a sandbox such as seccomp refuses it"],
    EUSERS: [OSError, "32 levels of user namespaces"],
  },
  setns: {
    ENOSYS: since("3.0").ENOSYS,
    EBADF: ValueError,
    EINVAL: [
      ValueError,
      `it is of another type than nstype, or no namespace; a mount namespace takes unshare(CLONE.FS) first; a pid namespace is not below the thread's own; ${oneThread}`,
    ],
    ENOMEM: MemoryError,
    EPERM: [
      PermissionError,
      "it needs CAP_SYS_ADMIN in both user namespaces, and CAP_SYS_CHROOT for a mount namespace",
    ],
    ESRCH: [ValueError, "the process of the pidfd has ended, and its parent has waited for it"],
    EUSERS: [ValueError, "a time namespace takes a process with one thread, and Bun has several"],
  },
  ioctl: {
    ENOSYS: since("4.9").ENOSYS,
    EBADF: ValueError,
    EFAULT: InternalError,
    EINVAL: [
      ValueError,
      "only pid and user namespaces have a parent, and only the latter an owner",
    ],
    ENOTTY: [ValueError, "it is not a descriptor of a namespace"],
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENFILE: OSError,
    ENOMEM: MemoryError,
    EOPNOTSUPP: UnsupportedError,
    EPERM: [PermissionError, "what it asks for is outside of this process's own namespaces"],
  },
} as const;

const { c, check } = bind(
  {
    unshare: { args: ["i32" /* int flags */], returns: "i32" },
    setns: { args: ["i32" /* int fd */, "i32" /* int nstype */], returns: "i32" },
    ioctl: {
      args: ["i32" /* int fd */, "u64" /* unsigned long op */, "ptr" /* void *argp */],
      returns: "i32",
    },
  },
  namespace_errors,
);

/** What can be of a thread's own. `FS` is no namespace, the others are. */
export const CLONE = {
  /** Root and working directory, and the umask: {@linkcode unshare} alone. */
  FS: 0x200,
  /** Time namespace: the clocks that count from boot. For children. Linux 5.6. */
  NEWTIME: 0x80,
  /** Mount namespace; it brings `FS` with it. */
  NEWNS: 0x2_0000,
  /** Cgroup namespace. */
  NEWCGROUP: 0x200_0000,
  /** Host name and domain. */
  NEWUTS: 0x400_0000,
  /** System V IPC and POSIX message queues. */
  NEWIPC: 0x800_0000,
  /** User namespace. */
  NEWUSER: 0x1000_0000,
  /** Pid namespace, for children: the first one is process 1 there. */
  NEWPID: 0x2000_0000,
  /** Network namespace. */
  NEWNET: 0x4000_0000,
} as const;

const NS_GET_USERNS = 0xb701;
const NS_GET_PARENT = 0xb702;
const NS_GET_NSTYPE = 0xb703;
const NS_GET_OWNER_UID = 0xb704;
const PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE = 0xff06;

/**
 * `unshare(flags)`: moves the calling thread into new namespaces.
 *
 * With `NEWPID` (as with {@linkcode setns} to a pid namespace) the next thread that Bun starts aborts the process. So
 * go back before anything is awaited: if the thread has not when the turn is over, an `OSError` (`ENOTRECOVERABLE`) that nobody can catch says so.
 *
 * @param flags {@linkcode CLONE} members.
 * @throws {PermissionError} `EPERM`: without `CAP_SYS_ADMIN`.
 * @throws {ValueError} `EINVAL`: `NEWUSER` in a process of several threads, or a flag that the kernel does not know.
 * @throws {OSError} `ENOSPC`, `EUSERS`: at a limit.
 */
export function unshare(flags: number): void {
  check("unshare", c.unshare(int(flags, "flags")));
  if ((flags & CLONE.NEWPID) !== 0) expectReturn("unshare");
}

/**
 * `setns(fd, nstype)`: moves the calling thread into namespaces that are there.
 *
 * @param fd A file of `/proc/PID/ns`, or (Linux 5.8) a pidfd: into several of that process's.
 * @param nstype {@linkcode CLONE} members: what it must be, or is to be taken of a pidfd. 0 for a file of any type.
 * @throws {PermissionError} `EPERM`: without `CAP_SYS_ADMIN`.
 * @throws {ValueError} `EBADF`, `EINVAL`, `ESRCH`, `EUSERS`.
 */
export function setns(fd: FdLike, nstype: number): void {
  check("setns", c.setns(fileno(fd), int(nstype, "nstype")));
  if (nstype === 0 || (nstype & CLONE.NEWPID) !== 0) expectReturn("setns");
}

/** The last call of this turn after which there may have to be a way back. */
let leaving: OSError | undefined;

/** The engine would say nothing but that it crashed, at some later time, and this says who began it. */
function expectReturn(syscall: string): void {
  const isFirst = leaving === undefined;
  leaving = new OSError(ERRNO.ENOTRECOVERABLE[0], {
    syscall,
    hint: "children of this thread still get another pid namespace than its own, where Bun can start no thread and aborts: go back by setns before anything is awaited",
  });
  if (isFirst) queueMicrotask(expectHome);
}

function expectHome(): void {
  const error = leaving;
  leaving = undefined;
  if (error !== undefined && link("pid") !== link("pid_for_children")) throw error;
}

/** `undefined` of a pid namespace without any process so far. */
function link(file: string): string | undefined {
  try {
    return builtin("node:fs").readlinkSync(`/proc/thread-self/ns/${file}`);
  } catch {
    return undefined;
  }
}

/**
 * `unshare(CLONE_FS)`, then `setns(fd, nstype)`: into a mount namespace, which takes a root and a working directory that no
 * other thread shares.
 *
 * They are one function because a thread that is started in between would share them (`EINVAL`), and entering a JavaScript function
 * may start the compiler's.
 *
 * @throws What {@linkcode unshare} and {@linkcode setns} do.
 */
export function unshare_fs_setns(fd: FdLike, nstype: number): void {
  const there = fileno(fd);
  const type = int(nstype, "nstype");
  const alone = c.unshare(CLONE.FS);
  if (alone === -1) check("unshare", alone);
  check("setns", c.setns(there, type));
}

/**
 * `unshare(CLONE_NEWPID)`, or `setns(fd, CLONE_NEWPID)`, then a call of a native function, then `setns(home, CLONE_NEWPID)`.
 *
 * They are one function because no JavaScript may begin in between: entering a function may have it compiled, and the compiler's
 * thread may have to be started, which the kernel refuses there and the engine does not survive.
 *
 * @param fd -1 for a new namespace.
 * @param home The one to return to.
 * @param fn A function of Bun's own, such as `Bun.spawn`.
 * @returns What it returns.
 * @throws What it throws, and what {@linkcode unshare} and {@linkcode setns} do.
 */
export function call_in_pid_namespace<Argument, Result>(
  fd: FdLike,
  home: FdLike,
  fn: (argument: Argument) => Result,
  argument: Argument,
): Result {
  const there = fileno(fd);
  const back = fileno(home);
  const entered = there === -1 ? c.unshare(CLONE.NEWPID) : c.setns(there, CLONE.NEWPID);
  // Not called if there is nothing to check: it is JavaScript.
  if (entered === -1) check(there === -1 ? "unshare" : "setns", entered);
  let outcome: { readonly result: Result } | { readonly error: unknown };
  try {
    outcome = { result: fn(argument) };
  } catch (error) {
    outcome = { error };
  }
  const returned = c.setns(back, CLONE.NEWPID);
  check("setns", returned);
  if ("error" in outcome) throw outcome.error;
  return outcome.result;
}

/**
 * `unshare(CLONE_NEWPID)`, `ioctl(pidfd, PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE)`, `setns(home, CLONE_NEWPID)`: a pid namespace
 * without any process in it. /proc leads to one only when it has its first process. Linux 6.11; they are one function for the
 * reason that {@linkcode call_in_pid_namespace} is.
 *
 * @param pidfd Of the calling thread: `pidfd_open(gettid(), PIDFD.THREAD)`.
 * @param home The one to return to.
 * @returns A descriptor for the caller to close, closed by execve.
 * @throws {ValueError} `ENOTTY`, `EINVAL`: an older kernel.
 * @throws What {@linkcode unshare} and {@linkcode setns} do.
 */
export function new_pid_namespace(pidfd: FdLike, home: FdLike): number {
  const self = fileno(pidfd);
  const back = fileno(home);
  const left = c.unshare(CLONE.NEWPID);
  if (left === -1) check("unshare", left);
  const fd = c.ioctl(self, PIDFD_GET_PID_FOR_CHILDREN_NAMESPACE, null);
  const returned = c.setns(back, CLONE.NEWPID);
  check("setns", returned);
  // That succeeded, and left errno alone.
  return check("ioctl", fd);
}

/**
 * `ioctl(fd, NS_GET_USERNS)`: the user namespace that a namespace belongs to.
 *
 * @returns A descriptor for the caller to close, closed by execve.
 * @throws {PermissionError} `EPERM`: it is outside of this process's own.
 * @throws {ValueError} `ENOTTY`, `EBADF`: not a namespace.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 */
export function ioctl_ns_get_userns(fd: FdLike): number {
  return check("ioctl", c.ioctl(fileno(fd), NS_GET_USERNS, null));
}

/**
 * `ioctl(fd, NS_GET_PARENT)`: the namespace that a pid or user namespace was made in.
 *
 * @returns A descriptor for the caller to close, closed by execve.
 * @throws {PermissionError} `EPERM`: it is outside of this process's own.
 * @throws {ValueError} `EINVAL`: of another kind. `ENOTTY`, `EBADF`: not a namespace.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 */
export function ioctl_ns_get_parent(fd: FdLike): number {
  return check("ioctl", c.ioctl(fileno(fd), NS_GET_PARENT, null));
}

/**
 * `ioctl(fd, NS_GET_NSTYPE)`: the kind of a namespace.
 *
 * @returns A {@linkcode CLONE} member. Linux 4.11.
 * @throws {ValueError} `ENOTTY`, `EBADF`: not a namespace.
 */
export function ioctl_ns_get_nstype(fd: FdLike): number {
  return check("ioctl", c.ioctl(fileno(fd), NS_GET_NSTYPE, null));
}

/**
 * `ioctl(fd, NS_GET_OWNER_UID, uid)`: who made a user namespace, by the ids of this process's own. Linux 4.11.
 *
 * @throws {ValueError} `EINVAL`: not a user namespace. `ENOTTY`, `EBADF`: not a namespace.
 */
export function ioctl_ns_get_owner_uid(fd: FdLike): number {
  const uid = new Uint32Array(1);
  check("ioctl", c.ioctl(fileno(fd), NS_GET_OWNER_UID, uid));
  return uid[0] ?? 0;
}
