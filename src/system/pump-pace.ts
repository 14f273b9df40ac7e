/**
 * How much is moved at once, and when the event loop turns.
 *
 * @module
 */
import { turn } from "./again.ts";

/** The first piece, in bytes: under a millisecond of the slowest way. */
export const FIRST_PIECE = 2 ** 20;

/** The largest, where one of half of it took no time, as on a file system that shares blocks instead of copying them. */
const LARGEST_PIECE = 2 ** 26;

/** Milliseconds for which the event loop may wait. */
const PATIENCE = 4;

/** Pieces as large as the time that the last ones took allows. */
export class Pace {
  #piece = FIRST_PIECE;
  #began = performance.now();
  #turned = this.#began;

  /** The next piece, in bytes. */
  get piece(): number {
    return this.#piece;
  }

  /** Takes note of a piece that was moved. */
  moved(bytes: number): void {
    const now = performance.now();
    const took = now - this.#began;
    if (took < PATIENCE / 16 && bytes === this.#piece)
      this.#piece = Math.min(this.#piece * 2, LARGEST_PIECE);
    else if (took > PATIENCE) this.#piece = Math.max(this.#piece / 2, FIRST_PIECE);
    this.#began = now;
  }

  /** Whether the event loop has waited for long enough. */
  get isOver(): boolean {
    return this.#began - this.#turned > PATIENCE;
  }

  /** Lets the event loop turn. */
  async turn(): Promise<void> {
    await turn();
    this.turned();
  }

  /** Takes note that the event loop has turned. */
  turned(): void {
    this.#turned = this.#began = performance.now();
  }
}
