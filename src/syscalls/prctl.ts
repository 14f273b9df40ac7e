/**
 * What a thread or a process is to the kernel:
 * {@link https://man7.org/linux/man-pages/man2/prctl.2.html | prctl(2)}. What is about privileges and about memory
 * has files of its own.
 *
 * Bun has threads of its own. What is said to be of the thread concerns the one that calls, which runs the
 * JavaScript, and those that it starts later.
 *
 * @module
 */
import { InternalError, OSError, PermissionError, ValueError } from "../errors.ts";
import { bind, cstring, described, int, numbered, pinned, since, SYS, uint64 } from "../libc.ts";

/** What each errno of these calls becomes. */
export const prctl_errors = {
  prctl: {
    ENOSYS: since("2.2").ENOSYS,
    EACCES: PermissionError,
    EBADF: ValueError,
    EBUSY: OSError,
    EFAULT: InternalError,
    EINVAL: [ValueError, "the option or its value is unknown to this kernel"],
    ENODEV: OSError,
    ENOMEM: [OSError, "nothing is mapped there, or the kernel has no memory for it"],
    ENXIO: OSError,
    EOPNOTSUPP: OSError,
    EPERM: [PermissionError, "it lacks a capability, or a sandbox such as seccomp refuses it"],
    ERANGE: ValueError,
  },
} as const;

// The raw call, because libc's own cuts what PR_GET_TIMERSLACK returns to an int.
const { c, check } = bind(
  {
    syscall: numbered(
      "i32" /* int option */,
      "u64" /* unsigned long arg2 */,
      "u64" /* unsigned long arg3 */,
      "u64" /* unsigned long arg4 */,
      "u64" /* unsigned long arg5 */,
    ),
  },
  prctl_errors,
);

/** Options of {@linkcode prctl}, those that have a call of their own here. */
export const PR = {
  SET_PDEATHSIG: 1,
  GET_PDEATHSIG: 2,
  GET_DUMPABLE: 3,
  SET_DUMPABLE: 4,
  GET_KEEPCAPS: 7,
  SET_KEEPCAPS: 8,
  SET_NAME: 15,
  GET_NAME: 16,
  GET_SECCOMP: 21,
  SET_SECCOMP: 22,
  CAPBSET_READ: 23,
  CAPBSET_DROP: 24,
  GET_SECUREBITS: 27,
  SET_SECUREBITS: 28,
  SET_TIMERSLACK: 29,
  GET_TIMERSLACK: 30,
  SET_CHILD_SUBREAPER: 36,
  GET_CHILD_SUBREAPER: 37,
  SET_NO_NEW_PRIVS: 38,
  GET_NO_NEW_PRIVS: 39,
  SET_THP_DISABLE: 41,
  GET_THP_DISABLE: 42,
  CAP_AMBIENT: 47,
  CAP_AMBIENT_IS_SET: 1,
  CAP_AMBIENT_RAISE: 2,
  CAP_AMBIENT_LOWER: 3,
  CAP_AMBIENT_CLEAR_ALL: 4,
  SET_VMA: 0x53564d41,
  SET_VMA_ANON_NAME: 0,
} as const;

/** A value of {@linkcode prctl_set_dumpable}. */
export type Dumpable = 0 | 1;

/** `TASK_COMM_LEN`. */
const NAME_LENGTH = 16;

/**
 * `prctl(option, arg2, arg3, arg4, arg5)`: any option, for those that have no call of their own here.
 *
 * An argument that is an address is that of pinned memory, which the caller keeps as long as the kernel
 * needs it.
 *
 * @returns What the option returns.
 * @throws {OSError} What the manual says of the option.
 */
export function prctl(
  option: number,
  arg2: number | bigint,
  arg3: number | bigint,
  arg4: number | bigint,
  arg5: number | bigint,
): number {
  return Number(
    check(
      "prctl",
      c.syscall(
        SYS.prctl,
        int(option, "option"),
        uint64(arg2, "arg2"),
        uint64(arg3, "arg3"),
        uint64(arg4, "arg4"),
        uint64(arg5, "arg5"),
      ),
    ),
  );
}

/**
 * `prctl(PR_SET_NAME, name)`: names the thread, as `ps -L` and `/proc/thread-self/comm` show it. The main thread's
 * name is the process's. The kernel cuts it to 15 bytes.
 */
export function prctl_set_name(name: string | Uint8Array): void {
  const checked = cstring(name, "name");
  const bytes = typeof checked === "string" ? new TextEncoder().encode(checked) : checked;
  using buf = pinned(NAME_LENGTH);
  buf.bytes.set(bytes.subarray(0, NAME_LENGTH - 1));
  prctl(PR.SET_NAME, buf.address, 0, 0, 0);
}

/** `prctl(PR_GET_NAME, name)`: the thread's name. Bytes that are not UTF-8 are U+FFFD. */
export function prctl_get_name(): string {
  using buf = pinned(NAME_LENGTH);
  prctl(PR.GET_NAME, buf.address, 0, 0, 0);
  return new TextDecoder().decode(buf.bytes.subarray(0, buf.bytes.indexOf(0)));
}

/**
 * `prctl(PR_SET_PDEATHSIG, sig)`: has the kernel send the process a signal when the thread that started it ends,
 * which may be before its process does. It is the process that gets the signal, but each thread has a setting of its own:
 * of the thread. Neither children nor the threads that it starts inherit it.
 *
 * @param sig A number, 0 for none.
 * @throws {ValueError} `EINVAL`: no such signal.
 */
export function prctl_set_pdeathsig(sig: number): void {
  prctl(PR.SET_PDEATHSIG, int(sig, "sig") >>> 0, 0, 0, 0);
}

/** `prctl(PR_GET_PDEATHSIG, sig)`: which signal that is, 0 if none. */
export function prctl_get_pdeathsig(): number {
  using sig = pinned(4);
  prctl(PR.GET_PDEATHSIG, sig.address, 0, 0, 0);
  return sig.view.getInt32(0, true);
}

/**
 * `prctl(PR_SET_CHILD_SUBREAPER, on)`: makes orphaned descendants children of this process, as if it were init: it has
 * to wait for them. Of the process.
 */
export function prctl_set_child_subreaper(on: boolean): void {
  prctl(PR.SET_CHILD_SUBREAPER, flag(on, "on"), 0, 0, 0);
}

/** `prctl(PR_GET_CHILD_SUBREAPER, on)`: whether this process is one. */
export function prctl_get_child_subreaper(): boolean {
  using on = pinned(4);
  prctl(PR.GET_CHILD_SUBREAPER, on.address, 0, 0, 0);
  return on.view.getInt32(0, true) !== 0;
}

/**
 * `prctl(PR_SET_DUMPABLE, dumpable)`: whether the process dumps core, may be traced by others of its user, and leaves its
 * /proc files to that user. Of the process.
 *
 * @throws {ValueError} `EINVAL`: neither 0 nor 1.
 */
export function prctl_set_dumpable(dumpable: Dumpable): void {
  prctl(PR.SET_DUMPABLE, int(dumpable, "dumpable") >>> 0, 0, 0, 0);
}

/** `prctl(PR_GET_DUMPABLE)`: 0, 1, or 2 (core dumps for root alone), which can't be asked for. */
export function prctl_get_dumpable(): number {
  return prctl(PR.GET_DUMPABLE, 0, 0, 0, 0);
}

/**
 * `prctl(PR_SET_TIMERSLACK, nanoseconds)`: how late the kernel may wake the thread, so that it wakes for several timers
 * at once. Of the thread; those that it starts, and children, begin with it.
 *
 * @param nanoseconds 0 for the default again.
 */
export function prctl_set_timerslack(nanoseconds: number | bigint): void {
  prctl(PR.SET_TIMERSLACK, nanoseconds, 0, 0, 0);
}

/** `prctl(PR_GET_TIMERSLACK)`: how late that is, in nanoseconds. */
export function prctl_get_timerslack(): number {
  return prctl(PR.GET_TIMERSLACK, 0, 0, 0, 0);
}

function flag(value: boolean, name: string): number {
  if (typeof value === "boolean") return value ? 1 : 0;
  throw new TypeError(`Cannot take ${name}: expected a boolean, got ${described(value)}`);
}
