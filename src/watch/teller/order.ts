/**
 * Events in the order in which they are told, some of them in parts: what is told meanwhile comes behind those.
 *
 * @module
 */
import type { WatchEvent } from "../event.ts";

/** What was told, and nobody took yet. */
export class Order {
  /** The first of them may be taken. The others are behind something each of which is told in parts. */
  readonly #stretches: WatchEvent[][] = [[]];
  /** Whether a part is told at the moment. */
  #isPart = false;

  get size(): number {
    return this.#stretches.reduce((sum, { length }) => sum + length, 0);
  }

  /** Whether a part is told at the moment. */
  get isPart(): boolean {
    return this.#isPart;
  }

  add(event: WatchEvent): void {
    this.#stretches[this.#isPart ? 0 : this.#stretches.length - 1]?.push(event);
  }

  take(): WatchEvent[] {
    const [events = []] = this.#stretches;
    this.#stretches[0] = [];
    return events;
  }

  /** What is told from now on comes behind something that is told in parts. */
  split(): void {
    this.#stretches.push([]);
  }

  /** Tells a part of the first of those things. @param tell It returns whether that was the last one. */
  part(tell: () => boolean): boolean {
    this.#isPart = true;
    try {
      if (!tell()) return false;
    } finally {
      this.#isPart = false;
    }
    const [events = [], behind = []] = this.#stretches.splice(0, 2);
    this.#stretches.unshift(events.concat(behind));
    return true;
  }
}
