/**
 * When the reading of directories goes on: in slices, between which the event loop turns, and not while more is unread
 * than who reads can take.
 *
 * @module
 */

/** Milliseconds of a slice. */
export const SLICE = 4;

/** Of one beside another in the same turn of the event loop. */
export const SHORT = 1;

/** Events that may wait for who reads them, as many as the kernel keeps by default. */
export const MOST_UNREAD = 16_384;

/** How much waits to be told. */
export interface Backlog {
  /** In the queue, for who reads. */
  readonly queued: number;
  /** For a batch to be full. */
  readonly gathered: number;
  /** For a file to be left alone. */
  readonly held: number;
}

/** Slices, one after another. */
export class Pace implements Disposable {
  readonly #slice: () => void;
  readonly #backlog: () => Backlog;
  #next: NodeJS.Immediate | undefined;
  /** Until who reads has caught up. */
  #pause: NodeJS.Timeout | undefined;
  /** Whether somebody has read, and how many were unread when that was last looked at. */
  #isRead = false;
  #unread = 0;
  /** Whether nobody waits for all of it to be read any more. */
  isReady = false;

  /** @param slice Reads on for a while, and calls {@linkcode Pace.later} if something is left. */
  constructor(slice: () => void, backlog: () => Backlog) {
    this.#slice = slice;
    this.#backlog = backlog;
  }

  /** Whether a slice follows in a later turn of the event loop. */
  get isComing(): boolean {
    return this.#next !== undefined;
  }

  /** Lets a slice follow in a later turn of the event loop. */
  later(): void {
    if (this.#next !== undefined || this.#pause !== undefined) return;
    if (this.#isFull()) return this.#wait();
    this.begin();
  }

  /** The same at the start, when nothing is unread. */
  begin(): void {
    // It holds the process, as it ends by itself: Bun does not call it otherwise while a module waits for `ready`.
    this.#next = setImmediate(() => {
      this.#next = undefined;
      this.#slice();
    });
  }

  /**
   * Events were put into the queue.
   *
   * @param before How many were in it.
   * @param after How many are.
   */
  pushed(before: number, count: number, after: number): void {
    this.#isRead ||= before < this.#unread || after < before + count;
    this.#unread = after;
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#next);
    clearTimeout(this.#pause);
    this.#next = this.#pause = undefined;
  }

  /** Nothing tells when somebody reads. It does not hold the process: if nobody does, it never ends. */
  #wait(): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      this.later();
    }, SLICE);
    this.#pause.unref();
  }

  /** Whether what is found would be more than who reads can take. If nobody has read yet, it is `ready` that is waited for, perhaps. */
  #isFull(): boolean {
    const { queued, gathered, held } = this.#backlog();
    if (queued < this.#unread) this.#isRead = true;
    if (held >= MOST_UNREAD) return true;
    return (this.#isRead || this.isReady) && queued + gathered >= MOST_UNREAD;
  }
}
