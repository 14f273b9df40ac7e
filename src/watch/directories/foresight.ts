/**
 * Directories that paths lead to before it is told that they came there: what renamed them, or one above them, is still to be read. A path
 * is followed when that is told, for what is known of a directory, and told of it, is of the one that events say has its name.
 *
 * @module
 */
import type { Backend, Past } from "../backend/backend.ts";
import { FLAG, type Node } from "../tree/node.ts";
import { keyOf } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";

/** No event says what the paths of these lead to. */
const PLACED = FLAG.ANCHOR | FLAG.GUARD | FLAG.FOLLOWED | FLAG.LINKED;

/** Knows what is not to be believed yet. */
export class Foresight {
  readonly #tree: Tree;
  readonly #past: Past | undefined;
  /** What paths led to instead, the last time. */
  readonly #seen = new Map<Node, string>();

  constructor(tree: Tree, { past }: Backend) {
    this.#tree = tree;
    this.#past = past;
  }

  /**
   * Whether what the path of an entry leads to is another directory than it is, and that may be told later.
   *
   * @param fd Of what the path leads to.
   * @param handle The number of that.
   */
  isLater(node: Node, fd: number, handle: number): boolean {
    const past = this.#past;
    const known = this.#tree.handle(node);
    if (past === undefined || known === handle || this.#tree.has(node, PLACED)) {
      this.forget(node);
      return false;
    }
    if (past.hasMore && !this.#isConfirmed(past, node, fd, handle)) return true;
    this.forget(node);
    return false;
  }

  /** It is gone, or about to be somewhere else. */
  forget(node: Node): void {
    if (this.#seen.size > 0) this.#seen.delete(node);
  }

  /** Whether nothing explains it: somebody may be so quick that there is always more to be read. */
  #isConfirmed(past: Past, node: Node, fd: number, handle: number): boolean {
    const above = this.#tree.handle(this.#tree.parent(node));
    const now = above === 0 ? undefined : past.aboveOpen(fd);
    // One above it is another one.
    if (now === undefined || keyOf(now) !== keyOf(past.idOf(above))) {
      this.#seen.delete(node);
      return false;
    }
    if (this.#tree.handle(node) === 0) return true;
    const id = keyOf(past.idOf(handle));
    // All that had happened the last time is told by now, and it did not leave.
    if (this.#seen.get(node) === id) return true;
    this.#seen.set(node, id);
    return false;
  }
}
