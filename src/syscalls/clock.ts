/**
 * The kernel's clocks:
 * {@link https://man7.org/linux/man-pages/man2/clock_gettime.2.html | clock_gettime(2)}.
 *
 * @module
 */
import { InternalError, PermissionError, ValueError } from "../errors.ts";
import { bind, int, int64, since } from "../libc.ts";

/** What each errno of these calls becomes. */
export const clock_errors = {
  clock_gettime: {
    ...since("2.6"),
    EACCES: PermissionError,
    EFAULT: InternalError,
    EINVAL: [ValueError, "there is no such clock, or it is a wake-up clock without an RTC"],
    ENODEV: ValueError,
  },
  clock_settime: {
    ...since("2.6"),
    EACCES: PermissionError,
    EFAULT: InternalError,
    EINVAL: [ValueError, "the clock cannot be set, or not to that time"],
    ENODEV: ValueError,
    EOPNOTSUPP: ValueError,
    EPERM: [PermissionError, "setting the clock takes CAP_SYS_TIME"],
  },
} as const;

const { c, check } = bind(
  {
    clock_gettime: {
      args: ["i32" /* clockid_t clockid */, "ptr" /* struct timespec *tp */],
      returns: "i32",
    },
    clock_settime: {
      args: ["i32" /* clockid_t clockid */, "ptr" /* const struct timespec *tp */],
      returns: "i32",
    },
  },
  clock_errors,
);

/** The clocks. Timers follow five of them: {@linkcode ClockId}. */
export const CLOCK = {
  /** The wall clock, since 1970. Jumps when the time is set. */
  REALTIME: 0,
  /** Since some time before boot, without the time of suspend. Never jumps. */
  MONOTONIC: 1,
  /** Processor time of the process. */
  PROCESS_CPUTIME_ID: 2,
  /** Processor time of the thread. */
  THREAD_CPUTIME_ID: 3,
  /** `MONOTONIC` as the hardware has it, at no time adjusted to the right rate. */
  MONOTONIC_RAW: 4,
  /** `REALTIME` as of the last tick. */
  REALTIME_COARSE: 5,
  /** `MONOTONIC` as of the last tick. */
  MONOTONIC_COARSE: 6,
  /** `MONOTONIC` with the time of suspend. */
  BOOTTIME: 7,
  /** For timers: `REALTIME`, and wakes a suspended machine. */
  REALTIME_ALARM: 8,
  /** For timers: `BOOTTIME`, and wakes a suspended machine. */
  BOOTTIME_ALARM: 9,
  /** `REALTIME` without leap seconds. */
  TAI: 11,
} as const;

/** `struct timespec` */
export interface Timespec {
  /** Seconds. */
  readonly tv_sec: bigint;
  /** Nanoseconds, 0 to 999,999,999. */
  readonly tv_nsec: bigint;
}

/**
 * `clock_gettime(clockid, tp)`: what a clock shows.
 *
 * @param clockid A {@linkcode CLOCK} member, or that of a process or a device.
 * @throws {ValueError} `EINVAL`, `ENODEV`: no such clock.
 */
export function clock_gettime(clockid: number): Timespec {
  const tp = new BigInt64Array(2);
  check("clock_gettime", c.clock_gettime(int(clockid, "clockid"), tp));
  return read_timespec(tp, 0);
}

/**
 * `clock_settime(clockid, tp)`: sets a clock, for the whole machine.
 *
 * @param clockid `CLOCK.REALTIME`, or a device's.
 * @throws {PermissionError} `EPERM`: not without CAP_SYS_TIME.
 * @throws {ValueError} `EINVAL`: not a clock to set, or not a time.
 */
export function clock_settime(clockid: number, tp: Timespec): void {
  const words = new BigInt64Array(2);
  write_timespec(words, 0, tp, "tp");
  check("clock_settime", c.clock_settime(int(clockid, "clockid"), words));
}

/** Reads the `struct timespec` of which `words[index]` is the first half. */
export function read_timespec(words: BigInt64Array, index: number): Timespec {
  return { tv_sec: words[index] ?? 0n, tv_nsec: words[index + 1] ?? 0n };
}

/**
 * Writes a `struct timespec` to `words[index]` and the next.
 *
 * @param name What it is, for the message of a wrong one.
 */
export function write_timespec(
  words: BigInt64Array,
  index: number,
  { tv_sec, tv_nsec }: Timespec,
  name: string = "timespec",
): void {
  words[index] = int64(tv_sec, `${name}.tv_sec`);
  words[index + 1] = int64(tv_nsec, `${name}.tv_nsec`);
}
