/**
 * Signals that a test sends itself, or waits for.
 *
 * @module
 */
import { deadline, type WaitOptions } from "../events/deadline.ts";
import { signalNumber } from "../events/signal-names.ts";
import type { SignalfdEvent } from "../events/signalfd-event.ts";
import { Signalfd, type SignalLike } from "../events/signalfd.ts";
import { sigqueue } from "../syscalls/kill.ts";

/** Options of {@linkcode signals}. */
export interface SignalWaitOptions extends WaitOptions {
  /**
   * Milliseconds.
   *
   * @default 4000
   */
  readonly timeout?: number;
}

/** Milliseconds: less than `bun test` gives a test. */
const TIMEOUT = 4000;

/**
 * Real signals to this process. While one is waited for, it does nothing else in the process: it does not end it, and is told to nobody who
 * took it before.
 *
 * @example
 * ```ts
 * import { signals } from "bun-butter/testing";
 *
 * const { signal, pid, value } = await signals.send("SIGUSR1", 7);
 * console.log(signal, pid === process.pid, value); // SIGUSR1 true 7
 *
 * const told = signals.next("SIGHUP");
 * Bun.spawn(["sh", "-c", "kill -HUP $PPID"]);
 * console.log((await told).signal); // SIGHUP
 * ```
 */
export const signals = {
  /**
   * Sends a signal to this process, and waits until it has come.
   *
   * @param value Goes with it: an integer of 32 bits.
   * @throws {TypeError} There is no signal of that name.
   * @throws {ValueError} `EINVAL`: it can't be taken.
   * @throws {DOMException} `TimeoutError`: it didn't come in time.
   */
  async send(
    signal: SignalLike,
    value: number = 0,
    options: SignalWaitOptions = {},
  ): Promise<SignalfdEvent> {
    check(options);
    using taken = new Signalfd(signal);
    sigqueue(process.pid, signalNumber(signal), value);
    return await one(taken, options);
  },

  /**
   * Waits for a signal that comes to this process from when it is called on. Throws as {@linkcode signals.send} does.
   *
   * @param wanted One, or any of many.
   */
  async next(
    wanted: SignalLike | Iterable<SignalLike>,
    options: SignalWaitOptions = {},
  ): Promise<SignalfdEvent> {
    using taken = new Signalfd(wanted);
    return await one(taken, options);
  },
} as const;

/** Before the signal is sent: what nobody has waited for ends the process. */
function check(options: SignalWaitOptions): void {
  deadline(options, "send()", false, noop, noop)[Symbol.dispose]();
}

function noop(): void {}

async function one(taken: Signalfd, options: SignalWaitOptions): Promise<SignalfdEvent> {
  return await taken.wait({ timeout: TIMEOUT, ...options });
}
