/**
 * Names of signals, and their numbers.
 *
 * @module
 */
import { SIG, SIGRTMAX, SIGRTMIN } from "../syscalls/signal.ts";

/** A signal's name: `"SIGTERM"`, `"SIGRTMIN+3"`. */
export type SignalName =
  | `SIG${keyof typeof SIG}`
  | NodeJS.Signals
  | "SIGRTMIN"
  | "SIGRTMAX"
  | `SIGRTMIN+${number}`
  | `SIGRTMAX-${number}`;

/** Standard signals by name, second names included. */
const numbers = new Map<string, number>([
  ...Object.entries(SIG).map(([name, number]): [string, number] => [`SIG${name}`, number]),
  ["SIGCLD", SIG.CHLD],
  ["SIGIOT", SIG.ABRT],
  ["SIGPOLL", SIG.IO],
  // Node.js lists it, and Linux has none.
  ["SIGUNUSED", SIG.SYS],
]);

const names = new Map<number, SignalName>(
  Object.entries(SIG).map(([name, number]) => [number, `SIG${name as keyof typeof SIG}`]),
);

/**
 * The name of a signal: `"SIGTERM"`, `"SIGRTMIN+3"`, and `"SIG33"` of one that has none. Real-time signals count
 * from libc's first one: 34 in glibc, 35 in musl.
 *
 * @example
 * ```ts
 * import { signalName, signalNumber } from "bun-butter";
 *
 * console.log(signalName(15), signalNumber("SIGHUP")); // SIGTERM 1
 * ```
 */
export function signalName(signo: number): string {
  const name = names.get(signo);
  if (name !== undefined) return name;
  const first = SIGRTMIN();
  const last = SIGRTMAX();
  if (signo < first || signo > last) return `SIG${signo}`;
  if (signo === first) return "SIGRTMIN";
  return signo === last ? "SIGRTMAX" : `SIGRTMIN+${signo - first}`;
}

/**
 * The number of a signal. A number is returned as it is.
 *
 * @throws {TypeError} There is no signal of that name.
 */
export function signalNumber(signal: SignalName | number): number {
  if (typeof signal === "number") return signal;
  const number = numbers.get(signal) ?? realTime(signal);
  if (number !== undefined) return number;
  throw new TypeError(`Cannot take signal: ${JSON.stringify(signal)} is no signal's name`);
}

function realTime(name: string): number | undefined {
  if (name === "SIGRTMIN") return SIGRTMIN();
  if (name === "SIGRTMAX") return SIGRTMAX();
  const [, from, offset] = /^SIGRT(MIN\+|MAX-)(\d{1,2})$/.exec(name) ?? [];
  if (from === undefined) return undefined;
  const number = from === "MIN+" ? SIGRTMIN() + Number(offset) : SIGRTMAX() - Number(offset);
  return number >= SIGRTMIN() && number <= SIGRTMAX() ? number : undefined;
}
