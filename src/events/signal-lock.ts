/**
 * One thread of the process at a time.
 *
 * Threads share no JavaScript, and what a process does about a signal is asked with one call and changed with the next. So they
 * need a word of memory that each of them finds. libc's `getdate_err` is one: an `int` that nothing but getdate(3) writes, and
 * Bun never calls that. A page of our own would have to be found first, at a fixed address or by name in /proc; a lock on a file
 * would need a descriptor just where the limit of them may be why a source is closed.
 *
 * @module
 */
import { toArrayBuffer } from "bun:ffi";

import { variable } from "../libc.ts";
import { gettid } from "../syscalls/getpid.ts";
import { hasEnded } from "./signal-thread.ts";

/** The thread that holds it; 0 if none does. */
let word: Int32Array | undefined;

/** Looks that take longer than anybody holds it. */
const SPINS = 1000;

const clock = new Int32Array(new SharedArrayBuffer(4));

/** Calls a function while no other thread is in one that was given to this. It may be called inside itself. */
export function exclusively<T>(act: () => T): T {
  const held = (word ??= new Int32Array(toArrayBuffer(variable("getdate_err"), 0, 4)));
  const self = gettid();
  if (Atomics.load(held, 0) === self) return act();
  for (let look = 0; ; look++) {
    const holder = Atomics.compareExchange(held, 0, 0, self);
    if (holder === 0) break;
    if (look < SPINS) continue;
    Atomics.wait(clock, 0, 0, 0.1);
    // A Worker may be terminated anywhere.
    if (hasEnded(holder) && Atomics.compareExchange(held, 0, holder, self) === holder) break;
  }
  try {
    return act();
  } finally {
    Atomics.store(held, 0, 0);
  }
}
