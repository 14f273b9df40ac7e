/**
 * What came to a tree before it was read, while events were lost. Whoever reads a directory then does not see since when something is in
 * it, but the times of both say whether it can have come since then: what is made, renamed or linked has a new ctime, and so has the
 * directory that it comes to. What a directory has in it that came is as new to the user as that is.
 *
 * @module
 */
import { changedIn } from "../disk/look.ts";
import type { NameBytes, Node } from "../tree/node.ts";
import type { Still } from "./still.ts";

/** The time of which events are lost, and what it concerns. */
export class Gap {
  #since = Infinity;
  /** Directories that were read quietly, of which not all is told that happened before. */
  readonly #read = new Set<Node>();

  /** When the first of those events may have been: milliseconds since 1970, `Infinity` if none is lost, or nothing is left that it concerns. */
  get since(): number {
    return this.#since;
  }

  get isOpen(): boolean {
    return this.#since !== Infinity;
  }

  /** Events are lost, and the tree is not read. @param since `-Infinity` if no time says anything. */
  open(since: number): void {
    this.#since = Math.min(this.#since, since);
  }

  /** A directory was read quietly, and events of before that are lost, or will turn out to be. */
  add(dir: Node): void {
    this.#read.add(dir);
  }

  has(dir: Node): boolean {
    return this.#read.has(dir);
  }

  /** All that a directory has in it is known, or was told; or it is gone. */
  delete(dir: Node): void {
    if (this.#read.size > 0) this.#read.delete(dir);
  }

  /** All directories are read. */
  close(): void {
    this.#since = Infinity;
    this.#read.clear();
  }

  /** Since when the entries of an open directory were changed that may have come: `Infinity` if none did, `-Infinity` if nothing says which. */
  sinceIn(fd: number, still: Still): number {
    if (!still.isExact(fd)) return -Infinity;
    return still.isLeftAlone(fd, this.#since) ? Infinity : this.#since;
  }

  /** Whether an entry of an open directory may have come. */
  hasCome(fd: number, name: NameBytes, still: Still): boolean {
    return changedIn(fd, name) >= this.sinceIn(fd, still);
  }
}
