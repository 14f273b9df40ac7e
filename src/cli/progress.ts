/**
 * How far something has come that takes longer than a second, on a terminal.
 *
 * @module
 */

/** Milliseconds until something is said, and between two times. */
const FIRST = 1000;
const NEXT = 100;

/** A line on standard error that is gone when it is done. Without a terminal there is none. */
export class Progress implements Disposable {
  readonly #what: string;
  #next: number;
  #shown = false;

  /**
   * @param what What is done, such as `"Looking at processes"`.
   * @param first Milliseconds until something is said.
   */
  constructor(what: string, first: number = FIRST) {
    this.#what = what;
    this.#next = performance.now() + first;
  }

  /**
   * Tells how far it is.
   *
   * @param all `undefined` if nobody knows how much it is.
   */
  at(done: number, all?: number): void {
    if (!process.stderr.isTTY) return;
    const now = performance.now();
    if (now < this.#next) return;
    this.#next = now + NEXT;
    this.#shown = true;
    process.stderr.write(
      `\r\x1b[K${this.#what}: ${all === undefined ? done : `${done} of ${all}`}`,
    );
  }

  [Symbol.dispose](): void {
    if (this.#shown) process.stderr.write("\r\x1b[K");
    this.#shown = false;
  }
}

/** Tells for how many seconds something has been going on of which nobody knows how much is left. */
export class Busy implements Disposable {
  readonly #timer: NodeJS.Timeout | undefined;
  #seconds = 0;

  /**
   * @param what What is done, such as `"Taking a snapshot"`.
   * @param second Milliseconds of one.
   */
  constructor(what: string, second: number = FIRST) {
    if (!process.stderr.isTTY) return;
    this.#timer = setInterval(() => {
      this.#seconds++;
      process.stderr.write(`\r\x1b[K${what}: ${this.#seconds} s`);
    }, second);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#seconds > 0) process.stderr.write("\r\x1b[K");
    this.#seconds = 0;
  }
}
