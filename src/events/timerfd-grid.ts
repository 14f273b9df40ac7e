/**
 * The times of a timer that the kernel doesn't repeat: when it fires, and what fell due meanwhile.
 *
 * @module
 */
import type { Schedule } from "./timerfd-options.ts";

/**
 * Nanoseconds between the finest points of the grid. The coarser ones are 2, 4, 8, … times as far apart, which
 * makes 50 ms, 100 ms and 200 ms points of their own; a power of two alone would make 32 and 64 of them.
 */
const UNIT = 390_625n;

/**
 * The roundest point of the grid that is not before `due`, and not more than `accuracy` after it: the one in as
 * many other timers' reach as can be, whatever their own accuracies are. The grid begins at 0 of the
 * clock, so other threads and processes have the same.
 *
 * @param due Nanoseconds of the clock.
 * @param accuracy Nanoseconds.
 * @returns Nanoseconds of the clock; `due` itself if no point is in reach.
 */
export function gridPoint(due: bigint, accuracy: bigint): bigint {
  // In units, the whole range of the clock is well below 2^53.
  const first = Number((due + UNIT - 1n) / UNIT);
  const last = Number((due + accuracy) / UNIT);
  if (first > last) return due;
  let step = 1;
  while (floor(last, step * 2) >= first) step *= 2;
  return BigInt(floor(last, step)) * UNIT;
}

/** How late is not late, in nanoseconds, as tokio has it. */
export const PUNCTUAL = 5_000_000n;

/**
 * How many expiries are due, and when the one after them is.
 *
 * @param due When the first is due, in nanoseconds of the clock.
 * @param delay Whether a late one begins a new interval.
 */
export function advance(
  { interval, accuracy }: Pick<Schedule, "interval" | "accuracy">,
  due: bigint,
  now: bigint,
  delay: boolean,
): { readonly count: bigint; readonly next: bigint | undefined } {
  if (now < due) return { count: 0n, next: due };
  if (interval === 0n) return { count: 1n, next: undefined };
  const count = (now - due) / interval + 1n;
  if (delay) {
    // What the accuracy has let fall due together is not late.
    const planned = gridPoint(due, accuracy);
    const inTime = now - planned <= PUNCTUAL && count <= (planned - due) / interval + 1n;
    if (!inTime) return { count, next: now + interval };
  }
  return { count, next: due + count * interval };
}

/** The last multiple of `step` that is not after `value`. */
function floor(value: number, step: number): number {
  return Math.floor(value / step) * step;
}
