/**
 * Timers that a test waits for.
 *
 * @module
 */
import { Timerfd, type TimerfdEvent } from "../events/timerfd.ts";

/**
 * Real timers of the kernel, as promises. None has come before its time.
 *
 * @example
 * ```ts
 * import { timers } from "bun-butter/testing";
 *
 * console.log((await timers.after(5)).expirations); // 1
 * console.log((await timers.ticks(2, 3)) >= 3); // true
 * ```
 */
export const timers = {
  /**
   * Waits for so many milliseconds, fractions of them included.
   *
   * @throws {RangeError} It is no time.
   */
  async after(delay: number): Promise<TimerfdEvent> {
    using timer = Timerfd.after(delay);
    return await timer.readEvent();
  },

  /**
   * Waits for a time of the wall clock: milliseconds since 1970, or a `Date`.
   *
   * @throws {RangeError} It is no time.
   */
  async at(time: Date | number): Promise<TimerfdEvent> {
    using timer = Timerfd.at(time);
    return await timer.readEvent();
  },

  /**
   * Waits for so many ticks of a periodic timer.
   *
   * @param interval Milliseconds.
   * @returns How many fell due: more than `count` if the process was busy.
   * @throws {RangeError} `interval` is no time, or `count` no integer of at least 1.
   */
  async ticks(interval: number, count: number): Promise<number> {
    if (!Number.isSafeInteger(count) || count < 1)
      throw new RangeError(`Cannot take count: ${count} is not an integer of at least 1`);
    using timer = Timerfd.every(interval);
    let ticks = 0;
    while (ticks < count) ticks += (await timer.readEvent()).expirations;
    return ticks;
  },
} as const;
