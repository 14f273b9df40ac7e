/**
 * Directories that are watched but not read yet: with fanotify nothing that happens in them is missed, and all of it is told.
 *
 * @module
 */
import type { Directories } from "../directories/directories.ts";
import { KIND, type Node, NONE } from "../tree/node.ts";
import { nameOf, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";

/** What is not known yet. */
export class Unread {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #directories: Directories;

  constructor(tree: Tree, paths: Paths, directories: Directories) {
    this.#tree = tree;
    this.#paths = paths;
    this.#directories = directories;
  }

  /**
   * Enters a directory before those above it are read, unless they can be read as they were.
   *
   * @param names What leads from one above it to where it is at the time of what is told next.
   * @param ids What the directories of those names are, if that is known.
   * @param limit As `performance.now()` has it.
   * @returns Whether it is known by its handle from now on; `"later"` if the time was up before that.
   */
  hasten(
    top: Node,
    names: readonly Uint8Array[],
    handle: number,
    ids: readonly Uint8Array[],
    limit: number,
  ): boolean | "later" {
    const directories = this.#directories;
    const { recall } = directories;
    // What files of rules say is known when they are read, from the top down.
    if (directories.readsRules || names.length === 0) return false;
    let node = top;
    let loud = directories.meets(top);
    for (const [at, bytes] of names.entries()) {
      const name = nameOf(bytes);
      if (recall?.read(node, limit) === false) return "later";
      const isOutside = this.#paths.level(node) >= directories.depth;
      if (isOutside || directories.isIgnored(node, name, true)) return false;
      let next = this.#tree.find(node, name);
      if (next === NONE) {
        // Only what will be met, and told of as it would be then.
        if (loud === undefined || recall !== undefined) return false;
        directories.onMeet(node, name, 0);
        next = directories.make(node, name, KIND.DIRECTORY, 0);
        if (loud) directories.tellMade(next);
        directories.enter(next, "new", loud);
      } else if (!this.#tree.isDirectory(next)) return false;
      node = next;
      // If events were lost, what is not known of a directory that was read is found when that is compared with the disk.
      loud = directories.meets(node) ?? (directories.gap.isOpen ? undefined : loud);
      // The first ones may lead from a root to what is known by its path alone.
      const id = ids[at + ids.length - names.length];
      if (id !== undefined) recall?.identify(node, id);
    }
    if (this.#tree.handle(node) === handle) return true;
    const isOther = loud === undefined || this.#tree.handle(node) !== 0;
    if (recall !== undefined || isOther) return false;
    if (directories.watches.bind(node, handle) === "loop") return false;
    // What is known to be in it was in another one, perhaps, which had its place.
    const isLost = directories.lost.has(node) && !this.#tree.isEmpty(node);
    const isAnother = isLost || directories.scanner.modeOf(node) === "check";
    directories.enter(node, isAnother ? "compare" : "new", loud === true);
    return true;
  }
}
