/**
 * Who keeps a timer's time: the kernel, or we.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { clock_gettime } from "../syscalls/clock.ts";
import { TFD, timerfd_gettime, timerfd_settime } from "../syscalls/timerfd.ts";
import { advance, gridPoint, PUNCTUAL } from "./timerfd-grid.ts";
import { NOTHING, type Schedule } from "./timerfd-options.ts";
import {
  fromTimespec,
  milliseconds,
  readableClock,
  type TimerfdClock,
  toTimespec,
} from "./timerfd-time.ts";

/** What a timer is set to. `set({ delay: remaining, interval })` sets it to the same again. */
export interface TimerfdState {
  /** Milliseconds to the next expiry, `undefined` if none follows. 0 if one is due and was not read. */
  readonly remaining: number | undefined;
  /** Milliseconds between expiries, `undefined` if there is one only. */
  readonly interval: number | undefined;
}

/** What one read of a timer tells. */
export interface Passed {
  readonly expirations: number;
  readonly cancelled: boolean;
}

export const DISARMED: TimerfdState = Object.freeze({ remaining: undefined, interval: undefined });

/** Later than everything: the clock ends in 2262. */
const NEVER = 2n ** 63n - 1n;

/**
 * What a timer is set to. Where the kernel can't, it keeps the time, and the kernel has one expiry only: it knows no
 * grid, and forgets the expiries of a timer whose clock is set.
 */
export class Keeper {
  readonly #clock: TimerfdClock;
  #schedule: Schedule = NOTHING;
  /** The next expiry as a time of the clock, if it is kept here. */
  #due: bigint | undefined;
  /** Whether the kernel tells when the clock is set. */
  #watching = false;
  /** Whether the clock was set, and no read will tell. */
  #changed = false;

  constructor(clock: TimerfdClock) {
    this.#clock = clock;
  }

  get schedule(): Schedule {
    return this.#schedule;
  }

  /** Arms a timer, or disarms it if the schedule has no time. What fell due before must be read by now. */
  start(fd: number, schedule: Schedule): void {
    const { delay, at, interval, cancelOnSet } = schedule;
    // That the clock was set while the last setting watched it is still news, if nobody has read it.
    const told = this.#watching && cancelOnSet;
    this.#schedule = schedule;
    this.#watching = cancelOnSet;
    this.#changed &&= told;
    if (!this.#kept) {
      if (at !== undefined) settime(fd, TFD.TIMER_ABSTIME, at || 1n, interval);
      else if (delay !== undefined) settime(fd, 0, delay || 1n, interval);
      else settime(fd, 0, 0n);
      return;
    }
    let changed: boolean;
    do {
      this.#due = at ?? (delay === undefined ? undefined : this.#now() + delay);
      changed = this.#arm(fd);
      if (changed) this.#changed = told;
    } while (changed);
    // Whoever waits is woken by an expiry in the past.
    if (this.#changed) settime(fd, this.#flags, 1n);
  }

  /** Disarms it. */
  stop(fd: number): void {
    this.#due = undefined;
    this.#watching = this.#changed = false;
    settime(fd, 0, 0n);
  }

  state(fd: number): TimerfdState {
    if (!this.#kept) {
      const { it_value, it_interval } = timerfd_gettime(fd);
      return stateOf(fromTimespec(it_value), fromTimespec(it_interval));
    }
    if (this.#due === undefined) return DISARMED;
    const { interval, accuracy } = this.#schedule;
    const remaining = gridPoint(this.#due, accuracy) - this.#now();
    if (remaining > 0n) return stateOf(remaining, interval);
    return interval === 0n ? DISARMED : { remaining: 0, interval: milliseconds(interval) };
  }

  /**
   * What has passed, by what a read tells; arms the timer for what follows.
   *
   * @param delay Whether a late expiry begins a new interval.
   */
  pass(fd: number, seen: Passed, delay: boolean): Passed {
    if (!this.#kept) {
      if (delay && !seen.cancelled) postpone(fd, BigInt(seen.expirations));
      return seen;
    }
    const told = seen.cancelled || this.#changed;
    this.#changed = false;
    const expirations = this.#count(delay);
    // A clock that is set while it is armed again is the same news.
    const changed = this.#arm(fd);
    return { expirations, cancelled: told || changed };
  }

  /** Whether the time is kept here. */
  get #kept(): boolean {
    const { accuracy, cancelOnSet } = this.#schedule;
    return accuracy > 0n || cancelOnSet;
  }

  #now(): bigint {
    return fromTimespec(clock_gettime(readableClock(this.#clock)));
  }

  get #flags(): number {
    return TFD.TIMER_ABSTIME | (this.#schedule.cancelOnSet ? TFD.TIMER_CANCEL_ON_SET : 0);
  }

  /** Arms it for what is due next, and tells whether the clock was set before that. It is armed in any case. */
  #arm(fd: number): boolean {
    const { accuracy, cancelOnSet } = this.#schedule;
    const never = cancelOnSet ? NEVER : 0n;
    const value = this.#due === undefined ? never : gridPoint(this.#due, accuracy) || 1n;
    return settime(fd, this.#flags, value);
  }

  /** How many expiries are due now; goes on to the one after them. */
  #count(delay: boolean): number {
    if (this.#due === undefined) return 0;
    const { count, next } = advance(this.#schedule, this.#due, this.#now(), delay);
    this.#due = next;
    return Number(count);
  }
}

/** Whether an error says that the clock of a timer was set. */
export function isCancelled(error: unknown): boolean {
  return error instanceof OSError && error.code === "ECANCELED";
}

/** Whether the clock was set before that. */
function settime(fd: number, flags: number, value: bigint, interval: bigint = 0n): boolean {
  try {
    timerfd_settime(fd, flags, {
      it_value: toTimespec(value),
      it_interval: toTimespec(interval),
    });
    return false;
  } catch (error) {
    if (isCancelled(error)) return true;
    throw error;
  }
}

/** Begins a new interval now, if the kernel's last one was missed. */
function postpone(fd: number, expirations: bigint): void {
  const { it_value, it_interval } = timerfd_gettime(fd);
  const interval = fromTimespec(it_interval);
  if (interval === 0n) return;
  const late = expirations * interval - fromTimespec(it_value);
  if (expirations > 1n || late > PUNCTUAL) settime(fd, 0, interval, interval);
}

function stateOf(remaining: bigint, interval: bigint): TimerfdState {
  if (remaining === 0n) return DISARMED;
  return {
    remaining: milliseconds(remaining),
    interval: interval === 0n ? undefined : milliseconds(interval),
  };
}
