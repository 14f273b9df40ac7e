/**
 * Whether a directory is the one that its path leads to twice in a row.
 *
 * While a large tree is entered for the first time, each directory is watched and opened by its path, which takes
 * less time than to watch what is open by way of `/proc/self/fd`. The two calls meet different directories if one on the
 * way was replaced in between: it was renamed or deleted first, and that is an event of the directory above it, or of
 * itself if it is above a root. The first such change since that one was read is always heard, for all on the way to it are
 * watched by then; and what is heard waits until both calls are made. So nothing has to be looked for: it is enough that such an
 * event, which has its directory looked at in any case, finds out more as long as there may be one. What is below a directory that was
 * renamed is read again then, by descriptors, whether it seems to be what it was or not; after an overflow all is that was not left
 * alone since the start.
 *
 * What is mounted, or no longer, between the two calls is not heard, but that is so a moment before or after them as well.
 *
 * @module
 */
import { CLOCK_SLACK } from "../disk/look.ts";

/** Milliseconds after which the event of a change is queued: the kernel makes the change first. */
const GRACE = 10_000;

/** Whether paths are trusted, and what came of it. */
export class Trust {
  #isOn = false;
  /** When the first directory may have been watched by its path: milliseconds since 1970, `Infinity` if none was. */
  #from = Infinity;
  /** When the last one may have been, or else nothing was left to do after that, as `performance.now()` has it. */
  #to = -Infinity;
  #isSettling = false;

  /** Whether directories may be watched by their paths. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Since when what happened in a directory may be unheard, if it turns out to be another one: `Infinity` if none may. */
  get since(): number {
    return this.#from;
  }

  /** A large tree is entered. */
  begin(): void {
    this.#isOn = true;
    this.#isSettling = false;
    this.#from = Math.min(this.#from, Date.now() - CLOCK_SLACK);
  }

  /** It is. */
  end(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#to = performance.now();
  }

  /** Nothing was left to read at that time, as `performance.now()` has it, nor any directory. */
  emptied(at: number): void {
    if (this.#isOn || at - this.#to <= GRACE) return;
    // All events are read. What they made doubtful, or what left and is waited for, is known the second time.
    if (this.#isSettling) this.#from = Infinity;
    this.#isSettling = true;
    this.#to = at;
  }
}
