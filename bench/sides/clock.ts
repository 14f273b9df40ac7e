/** The clock that the writer uses. */
import { bind } from "../../src/libc.ts";

const { c } = bind(
  {
    clock_gettime: {
      args: ["i32" /* clockid_t clockid */, "ptr" /* struct timespec *tp */],
      returns: "i32",
    },
  },
  {},
);

const CLOCK_MONOTONIC = 1;
const CLOCK_THREAD_CPUTIME_ID = 3;
const time = new BigInt64Array(2);

/** `CLOCK_MONOTONIC` in ns. As a number it is exact for 104 days after the boot, and to 2 ns after that. */
export function now(): number {
  return read(CLOCK_MONOTONIC);
}

/** How long this thread has run, in ns. */
export function ran(): number {
  return read(CLOCK_THREAD_CPUTIME_ID);
}

function read(clock: number): number {
  c.clock_gettime(clock, time);
  const [seconds = 0n, nanoseconds = 0n] = time;
  return Number(seconds) * 1e9 + Number(nanoseconds);
}
