/**
 * Capabilities, what root's power is divided into:
 * {@link https://man7.org/linux/man-pages/man2/capget.2.html | capget(2)} and
 * {@link https://man7.org/linux/man-pages/man7/capabilities.7.html | capabilities(7)}. libc has no functions for them.
 *
 * @module
 */
import { InternalError, PermissionError, ValueError } from "../errors.ts";
import { bind, int, numbered, pinned, since, SYS, uint64 } from "../libc.ts";

const { ENOSYS, EPERM } = since("2.6.26");

const noThread = [ValueError, "there is no such thread"] as const;

/** What each errno of these calls becomes. */
export const capability_errors = {
  capget: { ENOSYS, EPERM, EFAULT: InternalError, EINVAL: ValueError, ESRCH: noThread },
  capset: {
    ENOSYS,
    EFAULT: InternalError,
    EINVAL: ValueError,
    EPERM: [
      PermissionError,
      "a capability that is not permitted can't be got back, and an inheritable one needs CAP_SETPCAP",
    ],
    ESRCH: noThread,
  },
} as const;

const { c, check } = bind(
  {
    syscall: numbered("ptr" /* cap_user_header_t hdrp */, "ptr" /* cap_user_data_t datap */),
  },
  capability_errors,
);

/** Capabilities, by their number: `1n << BigInt(CAP.KILL)` is one's bit in a set. */
export const CAP = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  DAC_READ_SEARCH: 2,
  FOWNER: 3,
  FSETID: 4,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SETPCAP: 8,
  LINUX_IMMUTABLE: 9,
  NET_BIND_SERVICE: 10,
  NET_BROADCAST: 11,
  NET_ADMIN: 12,
  NET_RAW: 13,
  IPC_LOCK: 14,
  IPC_OWNER: 15,
  SYS_MODULE: 16,
  SYS_RAWIO: 17,
  SYS_CHROOT: 18,
  SYS_PTRACE: 19,
  SYS_PACCT: 20,
  SYS_ADMIN: 21,
  SYS_BOOT: 22,
  SYS_NICE: 23,
  SYS_RESOURCE: 24,
  SYS_TIME: 25,
  SYS_TTY_CONFIG: 26,
  MKNOD: 27,
  LEASE: 28,
  AUDIT_WRITE: 29,
  AUDIT_CONTROL: 30,
  SETFCAP: 31,
  MAC_OVERRIDE: 32,
  MAC_ADMIN: 33,
  SYSLOG: 34,
  WAKE_ALARM: 35,
  BLOCK_SUSPEND: 36,
  AUDIT_READ: 37,
  /** Linux 5.8. */
  PERFMON: 38,
  /** Linux 5.8. */
  BPF: 39,
  /** Linux 5.9. */
  CHECKPOINT_RESTORE: 40,
} as const;

/** The capabilities of a thread, as sets of bits. */
export interface UserCapData {
  /** What it can do now. */
  readonly effective: bigint;
  /** What it can make effective. */
  readonly permitted: bigint;
  /** What programs can get from it. */
  readonly inheritable: bigint;
}

/** `_LINUX_CAPABILITY_VERSION_3`: sets of 64 bits. */
const VERSION = 0x2008_0522;

/** `struct __user_cap_header_struct` and two of `struct __user_cap_data_struct`, one for each half of the sets. */
const HEADER_SIZE = 8;
const DATA_SIZE = 12;

/**
 * `capget(hdrp, datap)`: the capabilities of a thread.
 *
 * @param pid Its number, 0 for the calling thread. That of a process is its main thread.
 * @throws {ValueError} `ESRCH`: there is none. `EINVAL`: the number is negative.
 */
export function capget(pid: number): UserCapData {
  using hdrp = header(pid);
  using datap = pinned(2 * DATA_SIZE);
  check("capget", c.syscall(SYS.capget, hdrp.address, datap.address), `${pid}`);
  return read_user_cap_data(datap.view);
}

/**
 * `capset(hdrp, datap)`: changes the capabilities of the calling thread. Those that it starts later begin with them; Bun's
 * other threads, which read files for it, keep what they had.
 *
 * @param pid 0, or the calling thread's number.
 * @throws {PermissionError} `EPERM`: more than is permitted, or another thread.
 * @throws {ValueError} `ESRCH`, `EINVAL`.
 */
export function capset(pid: number, data: UserCapData): void {
  using hdrp = header(pid);
  using datap = pinned(2 * DATA_SIZE);
  write_user_cap_data(datap.view, data);
  check("capset", c.syscall(SYS.capset, hdrp.address, datap.address), `${pid}`);
}

/** Reads two `struct __user_cap_data_struct`. */
export function read_user_cap_data(view: DataView): UserCapData {
  const set = (at: number): bigint =>
    BigInt(view.getUint32(at, true)) | (BigInt(view.getUint32(DATA_SIZE + at, true)) << 32n);
  return { effective: set(0), permitted: set(4), inheritable: set(8) };
}

/** Writes two `struct __user_cap_data_struct`. */
export function write_user_cap_data(view: DataView, data: UserCapData): void {
  const names = ["effective", "permitted", "inheritable"] as const;
  for (const [index, name] of names.entries()) {
    const set = uint64(data[name], name);
    view.setUint32(4 * index, Number(set & 0xffff_ffffn), true);
    view.setUint32(DATA_SIZE + 4 * index, Number(set >> 32n), true);
  }
}

function header(pid: number) {
  const hdrp = pinned(HEADER_SIZE);
  hdrp.view.setUint32(0, VERSION, true);
  hdrp.view.setInt32(4, int(pid, "pid"), true);
  return hdrp;
}
