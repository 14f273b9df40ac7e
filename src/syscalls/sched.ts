/**
 * The processor: {@link https://man7.org/linux/man-pages/man2/sched_yield.2.html | sched_yield(2)}.
 *
 * @module
 */
import { bind } from "../libc.ts";

const { c } = bind({ sched_yield: { args: [], returns: "i32" } }, {});

/**
 * `sched_yield()`: lets the other threads that are ready on this processor run first, for some milliseconds at most if they never
 * wait. It returns at once if there are none, and never fails.
 */
export function sched_yield(): void {
  c.sched_yield();
}
