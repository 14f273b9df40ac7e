/**
 * Sending signals: {@link https://man7.org/linux/man-pages/man2/kill.2.html | kill(2)},
 * {@link https://man7.org/linux/man-pages/man3/sigqueue.3.html | sigqueue(3)} and
 * {@link https://man7.org/linux/man-pages/man2/rt_sigqueueinfo.2.html | rt_sigqueueinfo(2)}.
 *
 * @module
 */
import { read } from "bun:ffi";

import { InternalError, OSError, PermissionError, ValueError } from "../errors.ts";
import {
  type Address,
  bind,
  int,
  numbered,
  type Pinned,
  since,
  ssize_t,
  SYS,
  uint,
} from "../libc.ts";

const { ENOSYS } = since("2.2");

const gone = [ValueError, "there is no such process or thread"] as const;

const mayNot = [PermissionError, "it needs CAP_KILL, or the same user"] as const;

const full = [OSError, "the receiver's user has too many signals queued (ulimit -i)"] as const;

const onlyOneself = [
  PermissionError,
  "only a thread itself may be sent what looks like kill(2) or the kernel: a si_code of at least 0, or SI.TKILL",
] as const;

/** What each errno of these calls becomes. */
export const kill_errors = {
  kill: { ENOSYS, EINVAL: ValueError, EPERM: mayNot, ESRCH: gone },
  sigqueue: { ENOSYS, EAGAIN: full, EINVAL: ValueError, EPERM: mayNot, ESRCH: gone },
  rt_sigqueueinfo: {
    ENOSYS,
    E2BIG: [ValueError, "the si_code is unknown, and something is behind what is known"],
    EAGAIN: full,
    EFAULT: InternalError,
    EINVAL: ValueError,
    EPERM: onlyOneself,
    ESRCH: gone,
  },
  rt_tgsigqueueinfo: {
    ENOSYS: since("2.6.31").ENOSYS,
    E2BIG: [ValueError, "the si_code is unknown, and something is behind what is known"],
    EAGAIN: full,
    EFAULT: InternalError,
    EINVAL: ValueError,
    EPERM: onlyOneself,
    ESRCH: gone,
  },
} as const;

const { c, check } = bind(
  {
    kill: { args: ["i32" /* pid_t pid */, "i32" /* int sig */], returns: "i32" },
    sigqueue: {
      args: ["i32" /* pid_t pid */, "i32" /* int sig */, "u64" /* const union sigval value */],
      returns: "i32",
    },
    syscall: numbered(ssize_t, ssize_t, ssize_t, ssize_t /* long, up to four */),
  },
  kill_errors,
);

/** `siginfo_t`. Which members mean something depends on `si_signo` and `si_code`: the others are read from the same bytes. */
export interface Siginfo {
  readonly si_signo: number;
  readonly si_errno: number;
  /** An `SI`, `CLD` or `SI_POLL` member. */
  readonly si_code: number;
  /** Who sent it, or which child it tells of. */
  readonly si_pid: number;
  readonly si_uid: number;
  /** Of a child: its exit code, or the number of a signal. */
  readonly si_status: number;
  /** Of a child, in ticks of 1/100 s. */
  readonly si_utime: bigint;
  /** Of a child, in ticks of 1/100 s. */
  readonly si_stime: bigint;
  /** What the sender says. */
  readonly si_int: number;
  /** What the sender says, all of it: `si_int` is its low half. */
  readonly si_ptr: bigint;
  /** Of a timer. */
  readonly si_timerid: number;
  /** Of a timer. */
  readonly si_overrun: number;
  /** Of a descriptor: what is ready. */
  readonly si_band: bigint;
  /** Of a descriptor. */
  readonly si_fd: number;
}

/** Of `siginfo_t` what a sender may say. A number as `si_value` is `sival_int`, a bigint `sival_ptr`. */
export interface SenderSiginfo extends Pick<Siginfo, "si_signo" | "si_code" | "si_pid" | "si_uid"> {
  readonly si_value: number | bigint;
}

/**
 * `kill(pid, sig)`: sends a signal to a process, or to several.
 *
 * @param pid 0 for this process group, -1 for everybody, -N for the process group N.
 * @param sig Its number; 0 sends none, and only checks.
 * @throws {PermissionError} `EPERM`: other users' only.
 * @throws {ValueError} `ESRCH`: there is none. `EINVAL`: no such signal.
 */
export function kill(pid: number, sig: number): void {
  check("kill", c.kill(int(pid, "pid"), int(sig, "sig")), `${pid}`);
}

/**
 * `sigqueue(pid, sig, value)`: sends a signal with a value to a process.
 *
 * @param value A number is `sival_int`, a bigint `sival_ptr`.
 * @throws {OSError} `EAGAIN`: too many are queued.
 * @throws {PermissionError} `EPERM`: another user's.
 * @throws {ValueError} `ESRCH`: there is none. `EINVAL`: no such signal.
 */
export function sigqueue(pid: number, sig: number, value: number | bigint): void {
  check("sigqueue", c.sigqueue(int(pid, "pid"), int(sig, "sig"), sigval(value)), `${pid}`);
}

/**
 * `rt_sigqueueinfo(tgid, sig, info)`: sends a signal to a process, and says who sent it. libc has no function for it.
 *
 * @param info A `siginfo_t`: see {@linkcode write_siginfo}.
 * @throws {OSError} `EAGAIN`: too many are queued.
 * @throws {PermissionError} `EPERM`: a `si_code` that only the main thread of `tgid` itself may give.
 * @throws {ValueError} `ESRCH`: there is none. `EINVAL`: no such signal.
 */
export function rt_sigqueueinfo(tgid: number, sig: number, info: Pinned): void {
  const number = SYS.rt_sigqueueinfo;
  const at = siginfo(info);
  check("rt_sigqueueinfo", c.syscall(number, int(tgid, "tgid"), int(sig, "sig"), at, 0), `${tgid}`);
}

/**
 * `rt_tgsigqueueinfo(tgid, tid, sig, info)`: does that for one thread of a process.
 *
 * @throws What {@linkcode rt_sigqueueinfo} throws.
 */
export function rt_tgsigqueueinfo(tgid: number, tid: number, sig: number, info: Pinned): void {
  const number = SYS.rt_tgsigqueueinfo;
  const at = siginfo(info);
  check(
    "rt_tgsigqueueinfo",
    c.syscall(number, int(tgid, "tgid"), int(tid, "tid"), int(sig, "sig"), at),
    `${tid}`,
  );
}

/** Bytes of a `siginfo_t`. */
const SIZE = 128;

/** Writes a `siginfo_t`: all of it, what is not given is 0. */
export function write_siginfo(info: Pinned, fields: SenderSiginfo): void {
  siginfo(info);
  const { view } = info;
  info.bytes.fill(0, 0, SIZE);
  view.setInt32(0, int(fields.si_signo, "si_signo"), true);
  view.setInt32(8, int(fields.si_code, "si_code"), true);
  view.setInt32(16, int(fields.si_pid, "si_pid"), true);
  view.setUint32(20, uint(fields.si_uid, "si_uid"), true);
  view.setBigUint64(24, sigval(fields.si_value), true);
}

/**
 * Reads the `siginfo_t` at `offset` of memory.
 *
 * @param length How many bytes there are.
 * @returns The record, or `undefined` if there is no whole one.
 */
export function read_siginfo(
  buf: Pinned,
  offset: number,
  length: number = buf.byteLength,
): Siginfo | undefined {
  if (offset < 0 || offset + SIZE > Math.min(length, buf.byteLength)) return undefined;
  const address: Address = buf.address;
  const si_pid = read.i32(address, offset + 16);
  const si_uid = read.u32(address, offset + 20);
  const si_int = read.i32(address, offset + 24);
  return {
    si_signo: read.i32(address, offset),
    si_errno: read.i32(address, offset + 4),
    si_code: read.i32(address, offset + 8),
    si_pid,
    si_uid,
    si_status: si_int,
    si_utime: read.i64(address, offset + 32),
    si_stime: read.i64(address, offset + 40),
    si_int,
    si_ptr: read.u64(address, offset + 24),
    si_timerid: si_pid,
    si_overrun: si_uid | 0,
    si_band: read.i64(address, offset + 16),
    si_fd: si_int,
  };
}

function siginfo(info: Pinned): number {
  if (info.byteLength >= SIZE) return info.address;
  throw new RangeError(`Cannot take info: ${info.byteLength} bytes are not ${SIZE}`);
}

function sigval(value: number | bigint): bigint {
  if (typeof value === "bigint") return BigInt.asUintN(64, value);
  return BigInt(int(value, "value") >>> 0);
}
