/**
 * Timers read through a file descriptor:
 * {@link https://man7.org/linux/man-pages/man2/timerfd_create.2.html | timerfd_create(2)}.
 *
 * One that has expired reads as 8 bytes: how often, since the last read.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import { bind, type FdLike, fileno, int, since } from "../libc.ts";
import { type CLOCK, read_timespec, type Timespec, write_timespec } from "./clock.ts";

const alarmPermission = [
  PermissionError,
  "a timer that wakes a suspended machine takes CAP_WAKE_ALARM, unless a sandbox such as seccomp refuses it",
] as const;

/** What each errno of these calls becomes. */
export const timerfd_errors = {
  timerfd_create: {
    ...since("2.6.25"),
    EINVAL: [
      ValueError,
      "timers follow REALTIME, MONOTONIC, BOOTTIME, REALTIME_ALARM and BOOTTIME_ALARM, and no coarse, raw or processor time clock; or a flag is unknown",
    ],
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENFILE: OSError,
    ENODEV: OSError,
    ENOMEM: MemoryError,
    EPERM: alarmPermission,
  },
  timerfd_settime: {
    ...since("2.6.25"),
    EBADF: ValueError,
    ECANCELED: [OSError, "the clock was set meanwhile; the timer is armed nevertheless"],
    EFAULT: InternalError,
    EINVAL: [
      ValueError,
      "a time is negative or has 1,000,000,000 nanoseconds or more, a flag is unknown, or the descriptor is not timerfd's",
    ],
    EMFILE: OSError,
    ENFILE: OSError,
    ENODEV: OSError,
    ENOMEM: MemoryError,
    EPERM: alarmPermission,
  },
  timerfd_gettime: {
    ...since("2.6.25"),
    EBADF: ValueError,
    EFAULT: InternalError,
    EINVAL: [ValueError, "the descriptor is not timerfd's"],
  },
} as const;

const { c, check } = bind(
  {
    timerfd_create: { args: ["i32" /* int clockid */, "i32" /* int flags */], returns: "i32" },
    timerfd_settime: {
      args: [
        "i32" /* int fd */,
        "i32" /* int flags */,
        "ptr" /* const struct itimerspec *new_value */,
        "ptr" /* struct itimerspec *old_value */,
      ],
      returns: "i32",
    },
    timerfd_gettime: {
      args: ["i32" /* int fd */, "ptr" /* struct itimerspec *curr_value */],
      returns: "i32",
    },
  },
  timerfd_errors,
);

/** Clocks that a timer can follow. */
export type ClockId = (typeof CLOCK)[
  "REALTIME" | "MONOTONIC" | "BOOTTIME" | "REALTIME_ALARM" | "BOOTTIME_ALARM"];

/** Flags of {@linkcode timerfd_create} and of {@linkcode timerfd_settime}. */
export const TFD = {
  /** For {@linkcode timerfd_create}: reads return at once. */
  NONBLOCK: 0o4000,
  /** For {@linkcode timerfd_create}: closed by execve. */
  CLOEXEC: 0o2000000,
  /** For {@linkcode timerfd_settime}: `it_value` is a time of the clock, and not from now. */
  TIMER_ABSTIME: 1,
  /** For {@linkcode timerfd_settime}, with `TIMER_ABSTIME` and a wall clock: reading fails with `ECANCELED` when that is set. */
  TIMER_CANCEL_ON_SET: 2,
} as const;

/** `struct itimerspec` */
export interface Itimerspec {
  /** Between expiries; 0 for one expiry only. */
  readonly it_interval: Timespec;
  /** The first expiry; 0 disarms. */
  readonly it_value: Timespec;
}

/** Words of a `struct itimerspec`. */
const ITIMERSPEC_WORDS = 4;

/**
 * `timerfd_create(clockid, flags)`: makes a disarmed timer.
 *
 * @param clockid Clock to follow.
 * @param flags `TFD.NONBLOCK`, `TFD.CLOEXEC`, both or 0.
 * @returns A descriptor for the caller to close.
 * @throws {ValueError} `EINVAL`: not a clock for timers, or an unknown flag.
 * @throws {PermissionError} `EPERM`: an alarm clock without CAP_WAKE_ALARM.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit. `ENODEV`.
 */
export function timerfd_create(clockid: ClockId, flags: number): number {
  return check("timerfd_create", c.timerfd_create(int(clockid, "clockid"), int(flags, "flags")));
}

/**
 * `timerfd_settime(fd, flags, new_value, old_value)`: arms or disarms a timer. Expiries that were not read are dropped.
 *
 * @param flags `TFD.TIMER_ABSTIME`, that with `TFD.TIMER_CANCEL_ON_SET`, or 0.
 * @param new_value An `it_value` of 0 disarms, whatever `it_interval` is; one in the past expires at once.
 * @returns The previous setting, from now, as {@linkcode timerfd_gettime} has it.
 * @throws {OSError} `ECANCELED`: the clock was set since the last call or read; it is armed nevertheless.
 * @throws {ValueError} `EINVAL`: not a time, or an unknown flag. `EBADF`, `EINVAL`: not a timer.
 * @throws {PermissionError} `EPERM`: an alarm clock without CAP_WAKE_ALARM.
 */
export function timerfd_settime(fd: FdLike, flags: number, new_value: Itimerspec): Itimerspec {
  const old_value = new BigInt64Array(ITIMERSPEC_WORDS);
  const words = write_itimerspec(new_value);
  check("timerfd_settime", c.timerfd_settime(fileno(fd), int(flags, "flags"), words, old_value));
  return read_itimerspec(old_value);
}

/**
 * `timerfd_gettime(fd, curr_value)`: when a timer expires next, from now, and its interval.
 *
 * @returns An `it_value` of 0 if it is disarmed, or has expired for the only time.
 * @throws {ValueError} `EBADF`, `EINVAL`: not a timer.
 */
export function timerfd_gettime(fd: FdLike): Itimerspec {
  const curr_value = new BigInt64Array(ITIMERSPEC_WORDS);
  check("timerfd_gettime", c.timerfd_gettime(fileno(fd), curr_value));
  return read_itimerspec(curr_value);
}

/** Reads a `struct itimerspec`. */
export function read_itimerspec(words: BigInt64Array): Itimerspec {
  return { it_interval: read_timespec(words, 0), it_value: read_timespec(words, 2) };
}

/** A `struct itimerspec`, as the kernel reads it. */
export function write_itimerspec({ it_interval, it_value }: Itimerspec): BigInt64Array {
  const words = new BigInt64Array(ITIMERSPEC_WORDS);
  write_timespec(words, 0, it_interval, "it_interval");
  write_timespec(words, 2, it_value, "it_value");
  return words;
}
