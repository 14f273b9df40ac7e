/**
 * When letting others run is cheaper than waiting for them.
 *
 * @module
 */
import { Courtesy } from "../events/courtesy.ts";

/** Bytes since the last wait from which on more are likely to come at once. */
const BULK = 2 ** 15;

/** How often in a row the processor is left to others, which takes less than one wait if there are none. */
const YIELDS = 4;

/** The most waits in a row for which yielding is not tried, after it was in vain. */
const MOST_SKIPPED = 63;

/**
 * Those at the other ends of two pipes often share the processor with who moves bytes between them. When it has nothing to do, it
 * leaves the processor to them, and finds a full pipe afterwards; a wait through the event loop ends with the first bytes
 * instead, takes longer than they do, and is made again for the next ones.
 */
export class Yielding {
  readonly #courtesy = new Courtesy();
  #bytes = 0;
  #tries = 0;
  #skipped = 0;
  #left = 0;

  /** Takes note of bytes that were moved. */
  moved(bytes: number): void {
    if (this.#tries > 0) this.#skipped = 0;
    this.#tries = 0;
    this.#bytes += bytes;
  }

  /** Leaves the processor to others, if that is likely to be enough; `false`: it takes a wait. */
  try(): boolean {
    if (this.#bytes < BULK) return false;
    if (this.#left > 0) {
      this.#left--;
      return false;
    }
    if (this.#tries++ < YIELDS) return this.#courtesy.yield();
    this.#skipped = Math.min(this.#skipped * 2 + 1, MOST_SKIPPED);
    this.#left = this.#skipped;
    return false;
  }

  /** Takes note of a wait. */
  waited(): void {
    this.#bytes = this.#tries = 0;
  }
}
