/**
 * What a thread may do, and what it can't get any more: the options of prctl(2) that
 * {@link https://man7.org/linux/man-pages/man7/capabilities.7.html | capabilities(7)} is about. Numbers of capabilities
 * are members of `CAP`.
 *
 * All of it is of the calling thread. Those that it starts later begin with it, and so do child processes; Bun's other
 * threads, which read files and compile, keep what they had.
 *
 * @module
 */
import { PermissionError, ValueError } from "../errors.ts";
import { bind, described, int, numbered, since, SYS, uint } from "../libc.ts";
import { PR } from "./prctl.ts";

/** What each errno of these calls becomes. */
export const prctl_privileges_errors = {
  prctl: {
    ENOSYS: since("2.6.26").ENOSYS,
    EINVAL: [ValueError, "this kernel knows no such capability, or no such bit"],
    EPERM: [
      PermissionError,
      "it needs CAP_SETPCAP; a locked bit stays; and what is raised must be permitted and inheritable",
    ],
  },
} as const;

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
  prctl_privileges_errors,
);

/** Securebits: which of root's privileges are none any more. The `LOCKED` ones make another bit stay. */
export const SECBIT = {
  /** User 0 gets no capabilities by execve. */
  NOROOT: 0x1,
  NOROOT_LOCKED: 0x2,
  /** A change of user from or to 0 leaves the capabilities. */
  NO_SETUID_FIXUP: 0x4,
  NO_SETUID_FIXUP_LOCKED: 0x8,
  /** A change of user from 0 leaves the permitted ones: {@linkcode prctl_set_keepcaps}. */
  KEEP_CAPS: 0x10,
  KEEP_CAPS_LOCKED: 0x20,
  /** Ambient capabilities can't be raised. */
  NO_CAP_AMBIENT_RAISE: 0x40,
  NO_CAP_AMBIENT_RAISE_LOCKED: 0x80,
} as const;

function ask(option: number, arg2: number, arg3: number): number {
  return Number(check("prctl", c.syscall(SYS.prctl, option, arg2, arg3, 0, 0)));
}

/**
 * `prctl(PR_SET_NO_NEW_PRIVS, 1)`: from now on execve grants nothing: no set-user-ID, no file capabilities. There is no
 * way back. Of the thread.
 */
export function prctl_set_no_new_privs(): void {
  ask(PR.SET_NO_NEW_PRIVS, 1, 0);
}

/** `prctl(PR_GET_NO_NEW_PRIVS)`: whether that is so. */
export function prctl_get_no_new_privs(): boolean {
  return ask(PR.GET_NO_NEW_PRIVS, 0, 0) === 1;
}

/**
 * `prctl(PR_SET_KEEPCAPS, on)`: whether the thread keeps its permitted capabilities when it changes from user 0 to another.
 * execve clears it. Of the thread.
 *
 * @throws {PermissionError} `EPERM`: locked by {@linkcode SECBIT}.
 */
export function prctl_set_keepcaps(on: boolean): void {
  if (typeof on !== "boolean")
    throw new TypeError(`Cannot take on: expected a boolean, got ${described(on)}`);
  ask(PR.SET_KEEPCAPS, on ? 1 : 0, 0);
}

/** `prctl(PR_GET_KEEPCAPS)`: whether it does. */
export function prctl_get_keepcaps(): boolean {
  return ask(PR.GET_KEEPCAPS, 0, 0) === 1;
}

/**
 * `prctl(PR_CAPBSET_READ, cap)`: whether the thread could get a capability by execve.
 *
 * @throws {ValueError} `EINVAL`: this kernel has no such capability.
 */
export function prctl_capbset_read(cap: number): boolean {
  return ask(PR.CAPBSET_READ, uint(cap, "cap"), 0) === 1;
}

/**
 * `prctl(PR_CAPBSET_DROP, cap)`: the thread never gets a capability by execve again; what it has it keeps.
 *
 * @throws {ValueError} `EINVAL`: this kernel has no such capability.
 * @throws {PermissionError} `EPERM`: without `CAP_SETPCAP`.
 */
export function prctl_capbset_drop(cap: number): void {
  ask(PR.CAPBSET_DROP, uint(cap, "cap"), 0);
}

/**
 * `prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap)`: whether programs without capabilities of their own get this one from
 * the thread. Of the thread.
 *
 * @throws {ValueError} `EINVAL`: this kernel has no such capability.
 */
export function prctl_cap_ambient_is_set(cap: number): boolean {
  return ask(PR.CAP_AMBIENT, PR.CAP_AMBIENT_IS_SET, uint(cap, "cap")) === 1;
}

/**
 * `prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap)`: hands a capability to programs that are run.
 *
 * @throws {PermissionError} `EPERM`: it is not permitted and inheritable, or {@linkcode SECBIT} forbids it.
 * @throws {ValueError} `EINVAL`: this kernel has no such capability.
 */
export function prctl_cap_ambient_raise(cap: number): void {
  ask(PR.CAP_AMBIENT, PR.CAP_AMBIENT_RAISE, uint(cap, "cap"));
}

/**
 * `prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, cap)`: hands it on no longer.
 *
 * @throws {ValueError} `EINVAL`: this kernel has no such capability.
 */
export function prctl_cap_ambient_lower(cap: number): void {
  ask(PR.CAP_AMBIENT, PR.CAP_AMBIENT_LOWER, uint(cap, "cap"));
}

/** `prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)`: hands on none. */
export function prctl_cap_ambient_clear_all(): void {
  ask(PR.CAP_AMBIENT, PR.CAP_AMBIENT_CLEAR_ALL, 0);
}

/**
 * `prctl(PR_SET_SECUREBITS, bits)`: takes privileges from user 0. Of the thread.
 *
 * @param bits {@linkcode SECBIT} members: all that shall be set.
 * @throws {PermissionError} `EPERM`: without `CAP_SETPCAP`, or a bit is locked or unknown.
 */
export function prctl_set_securebits(bits: number): void {
  ask(PR.SET_SECUREBITS, int(bits, "bits") >>> 0, 0);
}

/** `prctl(PR_GET_SECUREBITS)`: {@linkcode SECBIT} members. */
export function prctl_get_securebits(): number {
  return ask(PR.GET_SECUREBITS, 0, 0);
}
