/**
 * How what was read of directories stands to what is told: who reads one may be quicker than the events of what happened in it.
 *
 * @module
 */
import type { Backend } from "../backend/backend.ts";
import { brief } from "../tree/brief.ts";
import type { Node } from "../tree/node.ts";
import type { Directories } from "./directories.ts";
import { Recent } from "./recent.ts";

/** Knows whether what was read was there before what is told next. */
export class Settled {
  readonly #directories: Directories;
  readonly #backend: Backend;
  /** Of which something was told because it was found by reading them. */
  readonly #met = new Recent();
  /** Whether what was read quietly was read before what is told next. */
  #isSettled = false;
  /** Whether nothing was read since the backend's mark. */
  #isMarked = false;

  constructor(directories: Directories, backend: Backend) {
    this.#directories = directories;
    this.#backend = backend;
    brief(this.wish, this.meet);
  }

  /** Whether what is known, and nobody was told of, was there before what is told now. */
  get isExact(): boolean {
    return this.#directories.recall !== undefined || this.#isSettled || this.isPast;
  }

  /** Whether what is known of a directory may be newer than what is told now, because that was read a moment ago. */
  isMet(dir: Node): boolean {
    return !this.isExact || (this.#met.has(dir) && !this.isPast);
  }

  /** Whether all that was read was read before what is told now, whatever has happened since. */
  get isPast(): boolean {
    return this.#isMarked && this.#backend.isMarkTold;
  }

  /** Whether all directories are read, and it is not known that nothing which is told next was before that. */
  get isUncertain(): boolean {
    const { isRead } = this.#directories;
    return !this.#isSettled && isRead && !this.#directories.isHeld();
  }

  /** Something is to be read quietly. */
  wish(): void {
    this.#isSettled = this.#isMarked = false;
  }

  /** Some of a directory is read, which may be newer than what is told next. */
  meet(dir: Node, loud: boolean): void {
    this.#isSettled ||= this.isPast;
    this.#isMarked = false;
    if (loud) this.#met.add(dir);
  }

  /** All that is to be read by now was read. */
  mark(): void {
    const { lost, isClosed } = this.#directories;
    if (isClosed) return;
    this.#backend.mark();
    // What happened to an entry that left is told when it is known where to.
    this.#isMarked = lost.size === 0 && !this.#directories.isHeld();
  }

  /** Nothing is left to read: what was read of directories is known, and not only met. */
  emptied(): void {
    this.#met.emptied();
    this.#isSettled ||= this.#directories.isRead;
  }

  /** An entry is gone. */
  forget(node: Node): void {
    this.#met.delete(node);
  }
}
