/**
 * The two ways to end a wait early: too late, and no longer wanted.
 *
 * @module
 */

import { described } from "../libc.ts";
import { checkNames, checkSignal, type OptionNames } from "./options.ts";

/** Options of one wait. */
export interface WaitOptions {
  /**
   * Milliseconds after which the wait rejects with a `TimeoutError`. 0 looks once.
   *
   * @default Infinity
   */
  readonly timeout?: number;
  /** Ends the wait, not the source, when it aborts. */
  readonly signal?: AbortSignal;
}

/** What they are called. */
const waitNames: OptionNames<WaitOptions> = { timeout: true, signal: true };

/** The longest delay that a timer of the event loop takes, in milliseconds. */
export const LONGEST_DELAY = 2 ** 31 - 1;

/**
 * Calls `onAbort` with the signal's reason or `onTimeout` with a `TimeoutError`, unless it is disposed first.
 *
 * @param what The call and its object, for the message: `wait() on Inotify`.
 * @param held Whether the timer keeps the process alive.
 * @throws If the options are wrong, or the signal has aborted already.
 */
export function deadline(
  options: WaitOptions,
  what: string,
  held: boolean,
  onAbort: (reason: unknown) => void,
  onTimeout: (error: DOMException) => void,
): Disposable {
  checkNames(options, waitNames);
  const { signal, timeout = Infinity } = options;
  checkSignal(signal);
  checkTimeout(timeout);
  signal?.throwIfAborted();
  const abort = (): void => onAbort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  let timer: NodeJS.Timeout | undefined;
  if (timeout <= LONGEST_DELAY) {
    const text = `Cannot ${what}: nothing came within ${timeout} ms`;
    timer = setTimeout(() => onTimeout(new DOMException(text, "TimeoutError")), timeout);
    if (!held) timer.unref();
  }
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    },
  };
}

function checkTimeout(timeout: unknown): void {
  if (typeof timeout !== "number") {
    throw new TypeError(`Cannot take timeout: expected milliseconds, got ${described(timeout)}`);
  }
  if (!(timeout >= 0)) throw new RangeError(`Cannot take timeout: ${timeout} is not at least 0 ms`);
}
