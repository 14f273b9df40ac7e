/**
 * Which entries a backend's number stands for: one, or more if several paths lead to one directory.
 *
 * @module
 */
import { type Node, NONE } from "./tree.ts";

const NOBODY: readonly Node[] = [];

/** Entries by the number that they are watched by. */
export class Handles {
  readonly #first = new Map<number, Node>();
  /** All of those that are more than one. */
  readonly #all = new Map<number, readonly Node[]>();

  /** How many directories are watched. */
  get size(): number {
    return this.#first.size;
  }

  /** The entries, which stay as they are while they are looked through. */
  of(handle: number): readonly Node[] {
    const all = this.#all.get(handle);
    if (all !== undefined) return all;
    const node = this.#first.get(handle);
    return node === undefined ? NOBODY : [node];
  }

  /** The entry, or `NONE` if there is none, or more than one. */
  only(handle: number): Node {
    if (this.#all.size > 0 && this.#all.has(handle)) return NONE;
    return this.#first.get(handle) ?? NONE;
  }

  add(handle: number, node: Node): void {
    if (!this.#first.has(handle)) {
      this.#first.set(handle, node);
      return;
    }
    const before = this.of(handle);
    if (!before.includes(node)) this.#all.set(handle, [...before, node]);
  }

  /** @returns Whether it was the last. */
  remove(handle: number, node: Node): boolean {
    const rest = this.of(handle).filter((other) => other !== node);
    if (rest.length > 1) this.#all.set(handle, rest);
    else this.#all.delete(handle);
    const first = rest[0] ?? NONE;
    if (first === NONE) this.#first.delete(handle);
    else this.#first.set(handle, first);
    return first === NONE;
  }

  /** Forgets the number. */
  take(handle: number): readonly Node[] {
    const nodes = this.of(handle);
    this.#first.delete(handle);
    this.#all.delete(handle);
    return nodes;
  }
}
