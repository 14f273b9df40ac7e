/**
 * Which accesses wait, in memory that the thread of a group and its warden share, so that one of them answers each.
 *
 * @module
 */

/** Descriptors below this are in the table; those above are left to the thread alone. */
export const SLOTS = 65_536;

/** Nobody waits by this descriptor. Above it: for how many periods of the warden somebody does, and one. */
export const FREE = 0;
/** The warden is answering: it takes microseconds, and the descriptor must stay open so long. */
export const ANSWERING = -1;
/** The warden has allowed it. */
export const ALLOWED = -2;

/** Milliseconds that an answer of the warden is waited for. */
const PATIENCE = 1000;

/** The table, as the thread of the group sees it: a cell for each descriptor. */
export class Waiting {
  readonly #cells: Int32Array;
  readonly #onAdd: (fd: number) => void;

  /** @param onAdd Called when there is one more in the table. */
  constructor(cells: Int32Array, onAdd: (fd: number) => void) {
    this.#cells = cells;
    this.#onAdd = onAdd;
  }

  /** Somebody waits from now on. @returns Whether the warden has allowed it before. */
  add(fd: number): boolean {
    if (fd >= SLOTS) return false;
    const state = Atomics.compareExchange(this.#cells, fd, FREE, 1);
    if (state === FREE) this.#onAdd(fd);
    return state === ALLOWED;
  }

  /** Takes the right to answer. @returns `false` if the warden has answered. */
  claim(fd: number): boolean {
    if (fd >= SLOTS) return true;
    for (;;) {
      const state = Atomics.load(this.#cells, fd);
      if (state === ANSWERING && !this.#isAnswered(fd)) return false;
      if (Atomics.compareExchange(this.#cells, fd, state, FREE) === state) return state >= FREE;
    }
  }

  /** Waits for an answer of the warden. */
  #isAnswered(fd: number): boolean {
    const giveUp = performance.now() + PATIENCE;
    while (Atomics.load(this.#cells, fd) === ANSWERING)
      if (performance.now() > giveUp) return false;
    return true;
  }
}
