/**
 * Leaving the processor to others, while that is cheap.
 *
 * @module
 */
import { sched_yield } from "../syscalls/sched.ts";

/** Milliseconds: longer than it takes those who are worked with, so that somebody else must have had the processor. */
const LONG = 0.25;

/** How often it is left alone after it took long. */
const SKIPPED = 255;

/**
 * Who this thread works with often shares its processor, and can't go on while this thread looks for what they do. A yield takes
 * half a microsecond where nobody waits for the processor, and some milliseconds where somebody else wants it for himself: it is seldom
 * tried again then.
 */
export class Courtesy {
  #left = 0;

  /** Lets others run. @returns `false` if not, because it took long before. */
  yield(): boolean {
    if (this.#left > 0) {
      this.#left--;
      return false;
    }
    const began = performance.now();
    sched_yield();
    if (performance.now() - began > LONG) this.#left = SKIPPED;
    return true;
  }
}
