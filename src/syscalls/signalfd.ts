/**
 * Signals read through a descriptor:
 * {@link https://man7.org/linux/man-pages/man2/signalfd.2.html | signalfd(2)}.
 *
 * @module
 */
import { MemoryError, OSError, ValueError } from "../errors.ts";
import { bind, type FdLike, fileno, int, type Pinned, since, uint64 } from "../libc.ts";

/** What each errno of these calls becomes. */
export const signalfd_errors = {
  signalfd: {
    ...since("2.6.27"),
    EBADF: ValueError,
    EINVAL: [ValueError, "a flag is unknown, or the descriptor is not signalfd's"],
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENFILE: OSError,
    ENODEV: OSError,
    ENOMEM: MemoryError,
  },
} as const;

const { c, check } = bind(
  {
    signalfd: {
      args: ["i32" /* int fd */, "ptr" /* const sigset_t *mask */, "i32" /* int flags */],
      returns: "i32",
    },
  },
  signalfd_errors,
);

/** Flags of {@linkcode signalfd}. */
export const SFD = {
  /** Reads return at once. */
  NONBLOCK: 0o4000,
  /** Closed by execve. */
  CLOEXEC: 0o2000000,
} as const;

/** `struct signalfd_siginfo`. Which fields mean something depends on the signal and its code; the others are 0. */
export interface SignalfdSiginfo {
  readonly ssi_signo: number;
  readonly ssi_errno: number;
  readonly ssi_code: number;
  readonly ssi_pid: number;
  readonly ssi_uid: number;
  readonly ssi_fd: number;
  readonly ssi_tid: number;
  readonly ssi_band: number;
  readonly ssi_overrun: number;
  readonly ssi_trapno: number;
  readonly ssi_status: number;
  readonly ssi_int: number;
  readonly ssi_ptr: bigint;
  /** In ticks of 1/100 s. */
  readonly ssi_utime: bigint;
  /** In ticks of 1/100 s. */
  readonly ssi_stime: bigint;
  readonly ssi_addr: bigint;
}

/** `sizeof(struct signalfd_siginfo)`. */
export const SIGNALFD_SIGINFO_SIZE = 128;

const SIGSET_WORDS = 128 / 8;

/**
 * `signalfd(fd, mask, flags)`: makes a descriptor that signals are read from, or changes which. It reads what waits for
 * the reading thread and for the process, so the signals must be blocked, in every thread.
 *
 * @param fd -1 for a new descriptor.
 * @param mask As in `pthread_sigmask`: a bit for each signal. `SIGKILL` and `SIGSTOP` are left out silently.
 * @param flags {@linkcode SFD} members, or 0.
 * @returns The descriptor, for the caller to close.
 * @throws {ValueError} `EINVAL`: unknown flag, or `fd` is not signalfd's. `EBADF`.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 */
export function signalfd(fd: FdLike, mask: bigint, flags: number): number {
  const set = new BigUint64Array(SIGSET_WORDS);
  set[0] = uint64(mask, "mask");
  return check("signalfd", c.signalfd(fileno(fd), set, int(flags, "flags")));
}

/**
 * Reads the `struct signalfd_siginfo` at `offset` of what one read returned.
 *
 * @param length How many bytes were read.
 * @returns The record, or `undefined` if there is no whole one.
 */
export function read_signalfd_siginfo(
  buf: Pinned,
  offset: number,
  length: number,
): SignalfdSiginfo | undefined {
  const end = Math.min(length, buf.byteLength);
  if (offset < 0 || offset + SIGNALFD_SIGINFO_SIZE > end) return undefined;
  const { view } = buf;
  return {
    ssi_signo: view.getUint32(offset, true),
    ssi_errno: view.getInt32(offset + 4, true),
    ssi_code: view.getInt32(offset + 8, true),
    ssi_pid: view.getUint32(offset + 12, true),
    ssi_uid: view.getUint32(offset + 16, true),
    ssi_fd: view.getInt32(offset + 20, true),
    ssi_tid: view.getUint32(offset + 24, true),
    ssi_band: view.getUint32(offset + 28, true),
    ssi_overrun: view.getUint32(offset + 32, true),
    ssi_trapno: view.getUint32(offset + 36, true),
    ssi_status: view.getInt32(offset + 40, true),
    ssi_int: view.getInt32(offset + 44, true),
    ssi_ptr: view.getBigUint64(offset + 48, true),
    ssi_utime: view.getBigUint64(offset + 56, true),
    ssi_stime: view.getBigUint64(offset + 64, true),
    ssi_addr: view.getBigUint64(offset + 72, true),
  };
}
