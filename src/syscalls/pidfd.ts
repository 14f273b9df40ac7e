/**
 * Processes held by a descriptor, so that their number can't come to mean another one:
 * {@link https://man7.org/linux/man-pages/man2/pidfd_open.2.html | pidfd_open(2)},
 * {@link https://man7.org/linux/man-pages/man2/pidfd_send_signal.2.html | pidfd_send_signal(2)},
 * {@link https://man7.org/linux/man-pages/man2/pidfd_getfd.2.html | pidfd_getfd(2)} and
 * {@link https://man7.org/linux/man-pages/man2/waitid.2.html | waitid(2)}. Old C libraries have
 * no functions for the first three.
 *
 * @module
 */
import {
  InternalError,
  MemoryError,
  OSError,
  PermissionError,
  UnsupportedError,
  ValueError,
} from "../errors.ts";
import { bind, type FdLike, fileno, int, numbered, since, ssize_t, SYS, uint } from "../libc.ts";

const noInfo = [UnsupportedError, "PIDFD_GET_INFO needs Linux 6.13"] as const;

const gone = [ValueError, "the process has ended, and its parent has waited for it"] as const;

/** What each errno of these calls becomes. */
export const pidfd_errors = {
  pidfd_open: {
    ...since("5.3"),
    EINVAL: [ValueError, "the number is no process's, or a flag is unknown to this kernel"],
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENFILE: OSError,
    ENODEV: OSError,
    ENOENT: [ValueError, "it is a thread, which needs PIDFD.THREAD"],
    ENOMEM: MemoryError,
    ESRCH: [ValueError, "no process has this number: it ended, or never was"],
  },
  pidfd_getfd: {
    ENOSYS: since("5.6").ENOSYS,
    EBADF: [ValueError, "the descriptor is not open in that process, or the pidfd here is none"],
    EINVAL: ValueError,
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENFILE: OSError,
    EPERM: [
      PermissionError,
      "it takes what ptrace takes: CAP_SYS_PTRACE, or the same user and kernel.yama.ptrace_scope 0",
    ],
    ESRCH: gone,
  },
  pidfd_send_signal: {
    ENOSYS: since("5.1").ENOSYS,
    EAGAIN: [OSError, "the receiver's queue is full (ulimit -i)"],
    EBADF: ValueError,
    EFAULT: InternalError,
    EINVAL: [ValueError, "unknown signal or flag, or a pidfd of another pid namespace"],
    EPERM: [PermissionError, "it needs CAP_KILL, or the same user"],
    ESRCH: gone,
  },
  waitid: {
    ...since("5.4"),
    EAGAIN: [OSError, "the process has not ended yet, and the descriptor is non-blocking"],
    EBADF: ValueError,
    ECHILD: [ValueError, "it is no child of this process, or was waited for already"],
    EFAULT: InternalError,
    EINTR: OSError,
    EINVAL: ValueError,
  },
  ioctl: {
    ENOSYS: since("2.6").ENOSYS,
    EBADF: ValueError,
    EFAULT: InternalError,
    EINVAL: noInfo,
    ENOTTY: noInfo,
    EPERM: since("2.6").EPERM,
    EREMOTE: [ValueError, "the process is not in this pid namespace, or below it"],
    ESRCH: gone,
  },
} as const;

const { c, check } = bind(
  {
    syscall: numbered(ssize_t, ssize_t, ssize_t, ssize_t, ssize_t /* long, up to five */),
    waitid: {
      args: [
        "u32" /* idtype_t idtype */,
        "u32" /* id_t id */,
        "ptr" /* siginfo_t *infop */,
        "i32" /* int options */,
      ],
      returns: "i32",
    },
    ioctl: {
      args: ["i32" /* int fd */, "u64" /* unsigned long op */, "ptr" /* void *argp */],
      returns: "i32",
    },
  },
  pidfd_errors,
);

/** Flags of {@linkcode pidfd_open}. */
export const PIDFD = {
  /** {@linkcode waitid} returns at once. Linux 5.10. */
  NONBLOCK: 0o4000,
  /** Takes a thread's number. Linux 6.9. */
  THREAD: 0o200,
} as const;

/** Flags of {@linkcode pidfd_send_signal}: to whom, if not to what the descriptor is of. Linux 6.9. */
export const PIDFD_SIGNAL = { THREAD: 1, THREAD_GROUP: 2, PROCESS_GROUP: 4 } as const;

/** What {@linkcode waitid} waits for. */
export const P = { ALL: 0, PID: 1, PGID: 2, PIDFD: 3 } as const;
export type IdType = (typeof P)[keyof typeof P];

/** Options of {@linkcode waitid}. */
export const W = {
  /** Returns at once. */
  NOHANG: 1,
  /** Reports those that ended. */
  EXITED: 4,
  /** Leaves it to be waited for again. */
  NOWAIT: 0x1000000,
} as const;

/** How a child changed: `si_code` of {@linkcode waitid}. */
export const CLD = {
  EXITED: 1,
  KILLED: 2,
  DUMPED: 3,
  TRAPPED: 4,
  STOPPED: 5,
  CONTINUED: 6,
} as const;

/** Members of `struct pidfd_info` to ask for, and the mask of those that are told. */
export const PIDFD_INFO = {
  /** `pid`, `tgid`, `ppid`. Always told. */
  PID: 1n,
  /** User and group ids. Always told. */
  CREDS: 2n,
  /** `cgroupid`. */
  CGROUPID: 4n,
  /** `exit_code`, of what has been waited for. Linux 6.15. */
  EXIT: 8n,
} as const;

/** What {@linkcode waitid} fills of `siginfo_t`. */
export interface WaitidSiginfo {
  /** `SIGCHLD`. */
  readonly si_signo: number;
  /** A {@linkcode CLD} member. */
  readonly si_code: number;
  readonly si_pid: number;
  readonly si_uid: number;
  /** The exit code, or the number of the signal. */
  readonly si_status: number;
}

/** `struct pidfd_info`, as far as Linux 6.15 has it. */
export interface PidfdInfo {
  /** {@linkcode PIDFD_INFO} members: what is told. The rest is 0. */
  readonly mask: bigint;
  readonly cgroupid: bigint;
  readonly pid: number;
  readonly tgid: number;
  readonly ppid: number;
  readonly ruid: number;
  readonly rgid: number;
  readonly euid: number;
  readonly egid: number;
  readonly suid: number;
  readonly sgid: number;
  readonly fsuid: number;
  readonly fsgid: number;
  /** As `wait(2)` has it: the exit code in bits 8 to 15, the signal in bits 0 to 6. */
  readonly exit_code: number;
}

/** `sizeof(siginfo_t)`. */
export const SIGINFO_SIZE = 128;

/** `sizeof(struct pidfd_info)` as it was first published; newer kernels take it as well. */
export const PIDFD_INFO_SIZE = 64;

/** `_IOWR(0xff, 11, struct pidfd_info)` */
const PIDFD_GET_INFO = BigInt(0xc000ff0b + PIDFD_INFO_SIZE * 2 ** 16);

/**
 * `pidfd_open(pid, flags)`: holds a process, or with `PIDFD.THREAD` a thread.
 *
 * @param flags {@linkcode PIDFD} members, or 0.
 * @returns A descriptor for the caller to close, closed by execve. It is readable once the process has ended.
 * @throws {ValueError} `ESRCH`: no such process. `ENOENT`, `EINVAL`: a thread, or an unknown flag.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.3.
 */
export function pidfd_open(pid: number, flags: number): number {
  return Number(
    check(
      "pidfd_open",
      c.syscall(SYS.pidfd_open, int(pid, "pid"), uint(flags, "flags"), 0, 0, 0),
      `${pid}`,
    ),
  );
}

/**
 * `pidfd_getfd(pidfd, targetfd, flags)`: duplicates a descriptor of another process.
 *
 * @param flags 0.
 * @returns A descriptor of the same open file for the caller to close, closed by execve.
 * @throws {PermissionError} `EPERM`: that process may not be traced.
 * @throws {ValueError} `EBADF`: not open there. `ESRCH`: the process has ended.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.6.
 */
export function pidfd_getfd(pidfd: FdLike, targetfd: number, flags: number): number {
  const number = fileno(pidfd);
  const target = int(targetfd, "targetfd");
  return Number(
    check(
      "pidfd_getfd",
      c.syscall(SYS.pidfd_getfd, number, target, uint(flags, "flags"), 0, 0),
      `${target}`,
    ),
  );
}

/**
 * `pidfd_send_signal(pidfd, sig, NULL, flags)`: sends a signal to this process and no other.
 *
 * @param sig Its number; 0 sends none, and only checks.
 * @param flags A {@linkcode PIDFD_SIGNAL} member, or 0.
 * @throws {PermissionError} `EPERM`: it is another user's.
 * @throws {ValueError} `ESRCH`: the process has ended. `EINVAL`: no such signal. `EBADF`: not a pidfd.
 * @throws {OSError} `EAGAIN`: the queue of a real-time signal is full.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.1.
 */
export function pidfd_send_signal(pidfd: FdLike, sig: number, flags: number): void {
  const number = fileno(pidfd);
  check(
    "pidfd_send_signal",
    c.syscall(SYS.pidfd_send_signal, number, int(sig, "sig"), 0, uint(flags, "flags"), 0),
  );
}

/**
 * `waitid(idtype, id, infop, options)`: how a child ended.
 *
 * @param id For `P.PIDFD` the descriptor (Linux 5.4), else a process or group.
 * @param options {@linkcode W} members: `EXITED` at least. Without `NOHANG` it blocks the thread.
 * @returns What happened, `undefined` if nothing did yet and `NOHANG` is set.
 * @throws {ValueError} `ECHILD`: not a child, or waited for already. `EINVAL`, `EBADF`.
 * @throws {OSError} `EAGAIN`: not ended yet, and the pidfd is non-blocking. `EINTR`.
 */
export function waitid(idtype: IdType, id: FdLike, options: number): WaitidSiginfo | undefined {
  const infop = new Uint8Array(SIGINFO_SIZE);
  const number = fileno(id);
  check("waitid", c.waitid(int(idtype, "idtype"), number, infop, int(options, "options")));
  const info = read_waitid_siginfo(infop);
  return info.si_pid === 0 ? undefined : info;
}

/**
 * `ioctl(pidfd, PIDFD_GET_INFO, info)`: who a process is, and how it ended.
 *
 * @param mask {@linkcode PIDFD_INFO} members to ask for.
 * @returns What is told, by its `mask`. Of a process that was waited for only `EXIT`, if it was asked for.
 * @throws {ValueError} `ESRCH`: it was waited for. `EREMOTE`: not in this pid namespace. `EBADF`.
 * @throws {UnsupportedError} `ENOTTY`, `EINVAL`: before Linux 6.13, or not a pidfd.
 */
export function ioctl_pidfd_get_info(pidfd: FdLike, mask: bigint): PidfdInfo {
  const info = new Uint8Array(PIDFD_INFO_SIZE);
  new DataView(info.buffer).setBigUint64(0, mask, true);
  check("ioctl", c.ioctl(fileno(pidfd), PIDFD_GET_INFO, info));
  return read_pidfd_info(info);
}

/** Reads what {@linkcode waitid} fills of a `siginfo_t`. */
export function read_waitid_siginfo(infop: Uint8Array): WaitidSiginfo {
  const view = new DataView(infop.buffer, infop.byteOffset, SIGINFO_SIZE);
  return {
    si_signo: view.getInt32(0, true),
    si_code: view.getInt32(8, true),
    si_pid: view.getInt32(16, true),
    si_uid: view.getUint32(20, true),
    si_status: view.getInt32(24, true),
  };
}

/** Reads a `struct pidfd_info`. */
export function read_pidfd_info(info: Uint8Array): PidfdInfo {
  const view = new DataView(info.buffer, info.byteOffset, PIDFD_INFO_SIZE);
  return {
    mask: view.getBigUint64(0, true),
    cgroupid: view.getBigUint64(8, true),
    pid: view.getUint32(16, true),
    tgid: view.getUint32(20, true),
    ppid: view.getUint32(24, true),
    ruid: view.getUint32(28, true),
    rgid: view.getUint32(32, true),
    euid: view.getUint32(36, true),
    egid: view.getUint32(40, true),
    suid: view.getUint32(44, true),
    sgid: view.getUint32(48, true),
    fsuid: view.getUint32(52, true),
    fsgid: view.getUint32(56, true),
    exit_code: view.getInt32(60, true),
  };
}
