/**
 * Directories that were read a moment ago, of which not all is told that happened before.
 *
 * @module
 */
import { brief } from "../tree/brief.ts";
import { FLAG, type Node } from "../tree/node.ts";
import type { Tree } from "../tree/tree.ts";

/** A set, as bits of the entries: a large tree puts each of its directories in. */
export class Fresh {
  readonly #tree: Tree;
  readonly #nodes: Node[] = [];

  constructor(tree: Tree) {
    this.#tree = tree;
    brief(this.has, this.add, this.clear);
  }

  /** How many there are, or were. */
  get size(): number {
    return this.#nodes.length;
  }

  /** In the order in which they were read; some are not in it any more. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  has(node: Node): boolean {
    return this.#tree.has(node, FLAG.FRESH);
  }

  add(node: Node): void {
    if (this.has(node)) return;
    this.#tree.set(node, FLAG.FRESH);
    this.#nodes.push(node);
  }

  delete(node: Node): void {
    this.#tree.clear(node, FLAG.FRESH);
  }

  clear(): void {
    for (const node of this.#nodes) this.#tree.clear(node, FLAG.FRESH);
    this.#nodes.length = 0;
  }
}
