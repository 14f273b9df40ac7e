/**
 * Waiting for what no descriptor of the waiter's tells: for what others put in.
 *
 * @module
 */
import { LONGEST_DELAY } from "./deadline.ts";

/** Who waits. Nothing else may refer to them meanwhile. */
const staying = new Set<object>();

/** Those of them that keep the process alive. */
const holding = new Set<object>();

/** Keeps it alive for all of them: a timer for each wait would take longer than what is waited for. */
let timer: NodeJS.Timeout | undefined;

/** Waits from now on, or waits in another way. */
export function stay(waiter: object, held: boolean): void {
  staying.add(waiter);
  if (held) holding.add(waiter);
  else holding.delete(waiter);
  timer ??= setInterval(() => {}, LONGEST_DELAY);
  timer[holding.size > 0 ? "ref" : "unref"]();
}

/** Waits no more. */
export function leave(waiter: object): void {
  staying.delete(waiter);
  if (holding.delete(waiter) && holding.size === 0) timer?.unref();
}

/** Whether it waits. */
export function stays(waiter: object): boolean {
  return staying.has(waiter);
}
