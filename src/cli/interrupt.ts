/**
 * The signals that ask a command to end.
 *
 * @module
 */
import { readFileSync } from "node:fs";

const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** A signal that asks a command to end. */
export type Interrupt = keyof typeof signals;

/** All of them. */
export const INTERRUPTS = Object.keys(signals) as readonly Interrupt[];

/**
 * Calls `first` at the first signal. The second one ends the process as if it had not been caught,
 * after `last` has tidied up what can't wait.
 */
export function onInterrupt(first: (signal: Interrupt) => void, last: () => void): Disposable {
  const caught = INTERRUPTS.filter((signal) => !ignored(signal));
  let seen = false;
  const handle = (signal: NodeJS.Signals): void => {
    if (!seen) {
      seen = true;
      first(signal as Interrupt);
      return;
    }
    last();
    stop();
    process.kill(process.pid, signal);
  };
  const stop = (): void => {
    for (const signal of caught) process.off(signal, handle);
  };
  for (const signal of caught) process.on(signal, handle);
  return { [Symbol.dispose]: stop };
}

/** Whether the process was started with it ignored, as nohup and `&` in a script do: that stays so. */
export function ignored(signal: Interrupt): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return (BigInt(`0x${mask ?? "0"}`) & (1n << BigInt(signals[signal] - 1))) !== 0n;
}
