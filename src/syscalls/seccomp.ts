/**
 * Filters that decide which calls a thread may make:
 * {@link https://man7.org/linux/man-pages/man2/seccomp.2.html | seccomp(2)}. libc has no function for it. The
 * strict mode is left out: no JavaScript engine survives it.
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
import { bind, int, numbered, type Pinned, pinned, since, SYS, uint } from "../libc.ts";

/** What each errno of these calls becomes. */
export const seccomp_errors = {
  seccomp: {
    ...since("3.17"),
    EACCES: [PermissionError, "it needs prctl_set_no_new_privs() first, or CAP_SYS_ADMIN"],
    EBUSY: [ValueError, "the thread has a filter with a listener already"],
    EFAULT: InternalError,
    EINVAL: [ValueError, "the filter is invalid, longer than 4096 instructions, or a flag unknown"],
    ENOMEM: MemoryError,
    EOPNOTSUPP: [UnsupportedError, "this kernel does not have the action"],
    ESRCH: [OSError, "another thread has filters that this one does not have"],
  },
} as const;

const { c, check } = bind(
  {
    syscall: numbered(
      "u32" /* unsigned int operation */,
      "u32" /* unsigned int flags */,
      "ptr" /* void *args */,
    ),
  },
  seccomp_errors,
);

/** Operations of seccomp(2), and {@linkcode prctl} with `PR.GET_SECCOMP`'s answers. */
export const SECCOMP = {
  SET_MODE_FILTER: 1,
  GET_ACTION_AVAIL: 2,
  /** Of a thread: no filter. */
  MODE_DISABLED: 0,
  /** Of a thread: four calls, and no more. */
  MODE_STRICT: 1,
  /** Of a thread: it has filters. */
  MODE_FILTER: 2,
} as const;

/** Flags of {@linkcode seccomp_set_mode_filter}. */
export const SECCOMP_FILTER_FLAG = {
  /** For all threads of the process, which Bun has several of. */
  TSYNC: 0x1,
  /** Logs what is not allowed. Linux 4.14. */
  LOG: 0x2,
  /** Without the cure for speculation. Linux 4.17. */
  SPEC_ALLOW: 0x4,
  /** Returns a descriptor that answers for the filter. Linux 5.0. */
  NEW_LISTENER: 0x8,
  /** `TSYNC` fails with `ESRCH`, and does not return a thread's number. Linux 5.7. */
  TSYNC_ESRCH: 0x10,
  /** A call that a listener has received waits for it, unless it is killed. Linux 5.19. */
  WAIT_KILLABLE_RECV: 0x20,
} as const;

/** What a filter returns. The low half goes with `ERRNO`, `TRAP` and `TRACE`. */
export const SECCOMP_RET = {
  /** Linux 4.14. */
  KILL_PROCESS: 0x8000_0000,
  KILL_THREAD: 0,
  TRAP: 0x3_0000,
  ERRNO: 0x5_0000,
  /** Linux 5.0. */
  USER_NOTIF: 0x7fc0_0000,
  TRACE: 0x7ff0_0000,
  /** Linux 4.14. */
  LOG: 0x7ffc_0000,
  ALLOW: 0x7fff_0000,
} as const;

/** `struct sock_filter`: an instruction of classic BPF. */
export interface SockFilter {
  readonly code: number;
  /** How many to skip if it is so. */
  readonly jt: number;
  /** How many to skip if not. */
  readonly jf: number;
  readonly k: number;
}

/**
 * `seccomp(SECCOMP_SET_MODE_FILTER, flags, filter)`: asks a filter about every call from now on. There is no way back.
 * Of the thread and those it starts later, or with `TSYNC` of all.
 *
 * @param flags {@linkcode SECCOMP_FILTER_FLAG} members, or 0.
 * @returns 0; a descriptor for the caller to close with `NEW_LISTENER`; with `TSYNC` the number of a thread that stood
 * against it, and then nothing was done.
 * @throws {PermissionError} `EACCES`: without `no_new_privs`.
 * @throws {ValueError} `EINVAL`, `EBUSY`.
 * @throws {OSError} `ESRCH`: with `TSYNC_ESRCH`.
 */
export function seccomp_set_mode_filter(flags: number, filter: readonly SockFilter[]): number {
  const number = uint(flags, "flags");
  using program = write_sock_filter(filter);
  // struct sock_fprog { unsigned short len; struct sock_filter *filter; }
  using fprog = pinned(16);
  fprog.view.setUint16(0, filter.length, true);
  fprog.view.setBigUint64(8, BigInt(program.address), true);
  return Number(
    check("seccomp", c.syscall(SYS.seccomp, SECCOMP.SET_MODE_FILTER, number, fprog.address)),
  );
}

/**
 * `seccomp(SECCOMP_GET_ACTION_AVAIL, 0, action)`: nothing, if a filter may return this. Linux 4.14.
 *
 * @param action A {@linkcode SECCOMP_RET} member.
 * @throws {UnsupportedError} `EOPNOTSUPP`: it may not.
 */
export function seccomp_get_action_avail(action: number): void {
  using args = pinned(4);
  args.view.setUint32(0, uint(action, "action"), true);
  check("seccomp", c.syscall(SYS.seccomp, SECCOMP.GET_ACTION_AVAIL, 0, args.address));
}

/** Writes instructions as the kernel has them: `struct sock_filter`, one behind the other. */
export function write_sock_filter(filter: readonly SockFilter[]): Pinned {
  if (filter.length === 0 || filter.length > 0xffff)
    throw new RangeError(
      `Cannot take filter: ${filter.length} instructions are not from 1 to 65535`,
    );
  const program = pinned(filter.length * 8);
  try {
    for (const [index, { code, jt, jf, k }] of filter.entries()) {
      program.view.setUint16(index * 8, within(code, 0xffff, "code"), true);
      program.view.setUint8(index * 8 + 2, within(jt, 0xff, "jt"));
      program.view.setUint8(index * 8 + 3, within(jf, 0xff, "jf"));
      program.view.setUint32(index * 8 + 4, uint(k, "k"), true);
    }
    return program;
  } catch (error) {
    program[Symbol.dispose]();
    throw error;
  }
}

function within(value: number, most: number, name: string): number {
  if (int(value, name) >= 0 && value <= most) return value;
  throw new RangeError(`Cannot take ${name}: ${value} is not an integer from 0 to ${most}`);
}
