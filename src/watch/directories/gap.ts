/**
 * What came to a tree before it was read, while events were lost. Whoever reads a directory then does not see since when something is in
 * it, but the times of both say whether it can have come since then: what is made, renamed or linked has a new ctime, and so has the
 * directory that it comes to. What a directory has in it that came is as new to the user as that is.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import { changedIn } from "../disk/look.ts";
import type { Teller } from "../teller/teller.ts";
import { FLAG, type Node, NONE } from "../tree/node.ts";
import { nameOf } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import type { Directories } from "./directories.ts";
import type { Scan } from "./scanner.ts";
import { Still } from "./still.ts";

/** The time of which events are lost, and what it concerns. */
export class Gap implements Disposable {
  readonly #tree: Tree;
  readonly #teller: Teller;
  readonly #directories: Directories;
  #since = Infinity;
  /** Directories that were read quietly, of which not all is told that happened before. */
  readonly #read = new Set<Node>();
  #still: Still | undefined;

  constructor(tree: Tree, teller: Teller, directories: Directories) {
    this.#tree = tree;
    this.#teller = teller;
    this.#directories = directories;
  }

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

  /** All that a directory has in it is known, or was told; or it is gone. */
  delete(dir: Node): void {
    if (this.#read.size > 0) this.#read.delete(dir);
  }

  /** All directories are read. */
  close(): void {
    this.#since = Infinity;
    this.#read.clear();
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#still?.[Symbol.dispose]();
    this.#still = undefined;
  }

  // --- What is known -----------------------------------------------------------

  /** Whether something in a directory may have come so, and nobody was told. */
  isUnsure(dir: Node): boolean {
    return this.#read.has(dir) || (this.isOpen && this.#directories.meets(dir) === false);
  }

  /** Whether an entry may have come so, or with what has, and nobody was told of it yet. */
  isUntold(node: Node): boolean {
    if (this.#tree.has(node, FLAG.TOLD)) return false;
    let dir = this.#tree.parent(node);
    if (!this.isOpen || this.isUnsure(dir)) return this.isUnsure(dir);
    while (dir !== NONE && !this.#tree.has(dir, FLAG.TOLD)) dir = this.#tree.parent(dir);
    return dir !== NONE;
  }

  /** The same of an entry of a directory that is looked at for it. */
  mayHaveCome(node: Node): boolean {
    const dir = this.#tree.parent(node);
    if (this.#tree.has(node, FLAG.TOLD | FLAG.ANCHOR) || !this.isUnsure(dir)) return false;
    const fd = this.#directories.watches.locate(dir);
    // It is somewhere else by now.
    if (fd === -1) return true;
    try {
      return changedIn(fd, nameOf(this.#tree.name(node))) >= this.#cameTo(fd);
    } finally {
      closeQuietly(fd);
    }
  }

  /** Whether a directory is another one than was met, or may be, of which nobody told. */
  isAnother(node: Node, ino: number): boolean {
    const known = this.#tree.ino(node);
    if (!this.isOpen || known === ino) return false;
    return known !== 0 || (this.#tree.handle(node) === 0 && this.isUnsure(node));
  }

  /** Since when what is in a directory that is read was changed if it may have come so, or `undefined` if all that is in it was told. */
  cameSince({ node, fd, since }: Scan): number | undefined {
    if (!this.isOpen) return undefined;
    if (since === -Infinity) return since;
    return this.isUnsure(node) ? this.#cameTo(fd) : undefined;
  }

  /** Since when the entries of an open directory were changed that may have come: `Infinity` if none did, `-Infinity` if nothing says which. */
  #cameTo(fd: number): number {
    const still = (this.#still ??= new Still(this.#tree));
    if (!still.isExact(fd)) return -Infinity;
    return still.isLeftAlone(fd, this.#since) ? Infinity : this.#since;
  }

  // --- What is told ------------------------------------------------------------

  /** Tells of an entry that has come so, and of all that is in it when that is read. */
  reveal(node: Node): void {
    this.#directories.tellMade(node);
    this.#readAll(node);
  }

  /** An entry was told of as made: what is in it came with it. */
  told(node: Node): void {
    if (this.isOpen && this.#tree.isDirectory(node) && this.isUnsure(node)) this.#readAll(node);
  }

  /** A directory is another one than what was read: tells of all in it as deleted that was told of, from the bottom up. */
  withdraw(top: Node): void {
    // Where events are lost, some of it was told of as what came.
    if (!this.isOpen && this.#directories.recall?.isTorn !== true) return;
    const nodes = [top];
    // It grows while it is looked through. What was told of has a number.
    for (const dir of nodes)
      for (
        let child = this.#tree.firstNumbered(dir);
        child !== NONE;
        child = this.#tree.next(child)
      )
        nodes.push(child);
    for (const node of nodes.slice(1).toReversed())
      if (this.#tree.has(node, FLAG.TOLD)) this.#teller.tell("delete", node);
  }

  #readAll(node: Node): void {
    this.#directories.enter(node, "compare", true, -Infinity);
  }
}
