/**
 * A timer's clocks by name, and its times in nanoseconds.
 *
 * @module
 */
import { described } from "../libc.ts";
import { CLOCK, type Timespec } from "../syscalls/clock.ts";
import type { ClockId } from "../syscalls/timerfd.ts";

const clocks = {
  monotonic: CLOCK.MONOTONIC,
  realtime: CLOCK.REALTIME,
  boottime: CLOCK.BOOTTIME,
  "realtime-alarm": CLOCK.REALTIME_ALARM,
  "boottime-alarm": CLOCK.BOOTTIME_ALARM,
} as const satisfies Readonly<Record<string, ClockId>>;

/** A clock that a timer follows. */
export type TimerfdClock = keyof typeof clocks;

export const clockNames = Object.keys(clocks) as TimerfdClock[];

/** The kernel's number of a clock. */
export function clockId(clock: TimerfdClock): ClockId {
  return clocks[clock];
}

/** The number of the clock to read, since an alarm's own can't be without an RTC. */
export function readableClock(clock: TimerfdClock): number {
  if (clock === "realtime-alarm") return CLOCK.REALTIME;
  return clock === "boottime-alarm" ? CLOCK.BOOTTIME : clocks[clock];
}

/** The name of the kernel's number. */
export function clockName(id: number): TimerfdClock | undefined {
  return clockNames.find((name) => clocks[name] === id);
}

/** A nanosecond. */
export const LEAST_INTERVAL = 0.000001;

/** What the kernel counts as 63 bits of nanoseconds: 292 years. */
const MOST = 9_223_372_036_854;

/** Milliseconds as nanoseconds. */
export function nanosecondsOf(value: number, name: string, least: number = 0): bigint {
  if (typeof value !== "number")
    throw new TypeError(`Cannot take ${name}: expected milliseconds, got ${described(value)}`);
  if (!(value >= least && value <= MOST)) {
    throw new RangeError(
      `Cannot take ${name}: ${value} is not between ${least === 0 ? 0 : least.toFixed(6)} and ${MOST} ms`,
    );
  }
  const whole = Math.floor(value);
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((value - whole) * 1e6));
}

/** Nanoseconds as milliseconds. */
export function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}

const SECOND = 1_000_000_000n;

export function toTimespec(nanoseconds: bigint): Timespec {
  return { tv_sec: nanoseconds / SECOND, tv_nsec: nanoseconds % SECOND };
}

export function fromTimespec({ tv_sec, tv_nsec }: Timespec): bigint {
  return tv_sec * SECOND + tv_nsec;
}

/** Checks a word. */
export function oneOf<Word extends string>(
  value: Word,
  name: string,
  words: readonly Word[],
): Word {
  if (words.includes(value)) return value;
  throw new TypeError(`Cannot take ${name}: ${described(value)} is none of ${words.join(", ")}`);
}
