/** Instants of the kernel's clocks, in milliseconds. */
import { CLOCK, clock_gettime } from "bun-butter/syscalls";

/** What a clock shows now; fractions are exact to a microsecond. */
export function instant(clock: keyof typeof CLOCK = "MONOTONIC"): number {
  const { tv_sec, tv_nsec } = clock_gettime(CLOCK[clock]);
  return Number(tv_sec) * 1000 + Number(tv_nsec) / 1e6;
}

/**
 * For a child's script: `setClock()` sets the wall clock to what it shows, which everybody who waits for a change
 * is told. Between the two calls is a microsecond, the libc is open before.
 */
export const setClock = `
  import { CLOCK, clock_gettime, clock_settime } from "bun-butter/syscalls";
  const setClock = () => clock_settime(CLOCK.REALTIME, clock_gettime(CLOCK.REALTIME));
  clock_gettime(CLOCK.REALTIME);
`;
