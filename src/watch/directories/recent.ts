/**
 * Directories about which something is known that is newer than what is told next, perhaps.
 *
 * @module
 */
import type { Node } from "../tree/node.ts";

/** A set whose members leave it when nothing was left to read for the second time: what was read the first time may have been read before them. */
export class Recent {
  #before = new Set<Node>();
  #now = new Set<Node>();

  has(node: Node): boolean {
    return this.#now.has(node) || this.#before.has(node);
  }

  add(node: Node): void {
    this.#now.add(node);
  }

  delete(node: Node): void {
    if (this.#now.size + this.#before.size === 0) return;
    this.#now.delete(node);
    this.#before.delete(node);
  }

  /** Nothing was left to read, and what was read is told. */
  emptied(): void {
    if (this.#now.size + this.#before.size === 0) return;
    [this.#before, this.#now] = [this.#now, this.#before];
    this.#now.clear();
  }
}
