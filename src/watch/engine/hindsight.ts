/**
 * What was looked at by paths, while events of renames above it were perhaps still to be read: what the events of files do not
 * say, such as their kind, is looked for again when nothing is left to read, and directories are opened again.
 *
 * @module
 */
import type { Directories } from "../directories/directories.ts";
import { type Look, look } from "../disk/look.ts";
import { KIND, type Node } from "../tree/node.ts";
import type { Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";

/** Files between two looks at the time. */
const STEP = 32;

/** What is to be looked at, later or again. */
export class Hindsight {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #directories: Directories;
  /** Looked at by their path since nothing was left to read. */
  #looked = new Set<Node>();
  /** The same before that: what was read since then may say that directories were renamed when it was looked at. */
  #before = new Set<Node>();
  /** Those that are looked at again, in slices. */
  readonly #again = new Set<Node>();
  /** Files that were made and written to a moment ago, and are looked at when that is told. */
  readonly #unseen = new Set<Node>();
  /** Whether those paths may have led elsewhere: directories were renamed meanwhile. */
  #isConfused = false;

  /** Directories that were opened by their path since nothing was left to read. Their numbers may be others' by now. */
  #opened: Node[] = [];
  /** The same before that. */
  #openedBefore: Node[] = [];
  /** Directories that were renamed since then. */
  readonly #renamed = new Set<Node>();

  constructor(tree: Tree, paths: Paths, directories: Directories) {
    this.#tree = tree;
    this.#paths = paths;
    this.#directories = directories;
  }

  /** Whether there are files that {@linkcode Hindsight.lookBack} is to look at. */
  get isBehind(): boolean {
    return this.#unseen.size > 0;
  }

  /** A directory is about to be renamed. */
  confuse(): void {
    this.#isConfused = true;
  }

  /** A directory was renamed. What was opened below it may have been what another one had in it, which had its path. */
  renamed(node: Node): void {
    if (this.#opened.length + this.#openedBefore.length > 0) this.#renamed.add(node);
  }

  /** A directory was opened by its path, and is watched as what that led to. */
  opened(node: Node): void {
    this.#opened.push(node);
  }

  /** A file is looked at when what is known of it has been told. */
  postpone(node: Node): void {
    this.#unseen.add(node);
  }

  /** Its kind was looked for, and is what it was said to be if no directory was renamed since the event. */
  remember(node: Node, now: Look | undefined): void {
    if (this.#tree.isDirectory(node)) return;
    this.#looked.add(node);
    if (now === undefined) this.#isConfused = true;
  }

  /** Whether an event told of a file since nothing was left to read: what it is was perhaps found out later. */
  wasTold(node: Node): boolean {
    const isLooked = this.#looked.has(node) || this.#before.has(node);
    return isLooked || this.#again.has(node) || this.#unseen.has(node);
  }

  /** Renames of directories may never be told: those files were looked at by paths that led elsewhere by then, perhaps, and not when they were told of. */
  lose(): void {
    for (const nodes of [this.#looked, this.#before, this.#again])
      for (const node of nodes) this.#tree.setIno(node, 0);
  }

  /** An entry is gone. */
  forget(node: Node): void {
    this.#looked.delete(node);
    this.#before.delete(node);
    this.#again.delete(node);
    this.#unseen.delete(node);
    this.#renamed.delete(node);
  }

  /** Looks at files that were told of before that. */
  lookBack(): void {
    for (const node of this.#unseen) {
      this.#unseen.delete(node);
      this.#looked.add(node);
      this.#ascertain(node);
    }
  }

  /**
   * Nothing is left to read: looks again at what was looked at by paths that may have led elsewhere.
   *
   * @param limit As `performance.now()` has it: some files are looked at in any case.
   * @returns Whether that is done: else it goes on the next time.
   */
  emptied(limit: number): boolean {
    if (this.#opened.length + this.#openedBefore.length > 0) this.#openAgain();
    if (this.#again.size === 0) this.#turn();
    let left = STEP;
    for (const node of this.#again) {
      if (left-- === 0) {
        if (performance.now() >= limit) return false;
        left = STEP - 1;
      }
      this.#again.delete(node);
      // What is not there has been renamed, which is still to be read.
      const isThere = this.#ascertain(node);
      (isThere ? this.#before : this.#looked).add(node);
    }
    return true;
  }

  /** Finds out whether what was looked at is to be looked at again. */
  #turn(): void {
    const looked = this.#looked;
    const before = this.#before;
    const isConfused = this.#isConfused;
    this.#isConfused = false;
    // Also an empty set is made anew by clear(), and this is done each time that somebody looks.
    if (looked.size + before.size === 0) return;
    if (isConfused)
      for (const nodes of [looked, before]) for (const node of nodes) this.#again.add(node);
    before.clear();
    if (isConfused) return looked.clear();
    this.#looked = before;
    this.#before = looked;
  }

  /** Opens directories again whose paths may have led elsewhere. */
  #openAgain(): void {
    const opened = this.#opened;
    const before = this.#openedBefore;
    this.#openedBefore = opened;
    this.#opened = [];
    if (this.#renamed.size === 0) return;
    for (const nodes of [before, opened])
      for (const node of nodes)
        if (this.#tree.handle(node) !== 0 && this.#tree.isWithinAny(node, this.#renamed))
          this.#directories.enter(node, "check", true);
    this.#renamed.clear();
  }

  /** Looks again, when paths are what they are said to be. @returns Whether it is there. */
  #ascertain(node: Node): boolean {
    const now = look(this.#paths.place(node));
    if (now === undefined || now.kind === KIND.DIRECTORY) {
      this.#isConfused = true;
      return false;
    }
    const isLosing = this.#directories.loss.isUnderWay;
    const known = this.#tree.ino(node);
    // What made it another one may be lost: then nothing else tells.
    const isOther = isLosing && ![0, now.ino].includes(known);
    const isSame = now.kind === this.#tree.kind(node) && !isOther;
    // Whether it is what was told turns out when its directory is compared with the disk.
    const ino = isLosing && known === 0 ? 0 : now.ino;
    this.#directories.become(node, { ...now, ino });
    if (isSame) return true;
    this.#directories.tellChanged(node);
    this.#directories.enter(node, "new", true);
    return true;
  }
}
