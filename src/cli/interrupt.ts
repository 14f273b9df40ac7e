/**
 * The signals that ask a command to end.
 *
 * @module
 */
import { readFileSync } from "node:fs";

const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** A signal that asks a command to end. */
export type Interrupt = keyof typeof signals;

/** What is called at them. */
export const INTERRUPTS = Object.keys(signals) as readonly Interrupt[];

/**
 * Calls `first` at the first signal. The second one ends the process as if it had not been caught,
 * after `last` has tidied up what can't wait.
 */
export class Interrupts implements Disposable {
  readonly #caught = INTERRUPTS.filter((signal) => !ignored(signal));
  readonly #handle = (signal: NodeJS.Signals): void => this.take(signal as Interrupt);
  readonly #first: (signal: Interrupt) => void;
  readonly #last: () => void;
  #seen = false;

  constructor(first: (signal: Interrupt) => void, last: () => void) {
    this.#first = first;
    this.#last = last;
    for (const signal of this.#caught) process.on(signal, this.#handle);
  }

  /** Does what a signal does. */
  take(signal: Interrupt): void {
    if (!this.#seen) {
      this.#seen = true;
      this.#first(signal);
      return;
    }
    this.#last();
    this[Symbol.dispose]();
    process.kill(process.pid, signal);
  }

  [Symbol.dispose](): void {
    for (const signal of this.#caught) process.off(signal, this.#handle);
  }
}

/** Whether the process was started with it ignored, as nohup and `&` in a script do: that stays so. */
export function ignored(signal: Interrupt): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return (BigInt(`0x${mask ?? "0"}`) & (1n << BigInt(signals[signal] - 1))) !== 0n;
}
