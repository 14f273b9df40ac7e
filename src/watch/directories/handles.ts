/**
 * Which entries a backend's number stands for: one, or more if several paths lead to one directory.
 *
 * @module
 */
import { brief } from "../tree/brief.ts";
import { grown, type Node, NONE } from "../tree/node.ts";

const NOBODY: readonly Node[] = [];

/** How many times as large as their count numbers may be, to be found in an array. */
const SPREAD = 4;

/** Entries by the number that they are watched by. */
export class Handles {
  /** By number, as long as numbers are small: the kernel counts them up. In a map each takes five times as much. */
  #near = new Int32Array(64);
  readonly #far = new Map<number, Node>();
  #size = 0;
  /** All of those that are more than one. */
  readonly #all = new Map<number, readonly Node[]>();

  constructor() {
    brief(this.add, this.#get, this.#set);
  }

  /** How many directories are watched. */
  get size(): number {
    return this.#size;
  }

  /** The entries, which stay as they are while they are looked through. */
  of(handle: number): readonly Node[] {
    const all = this.#all.get(handle);
    if (all !== undefined) return all;
    const node = this.#get(handle);
    return node === NONE ? NOBODY : [node];
  }

  /** Whether it stands for any. */
  has(handle: number): boolean {
    return this.#get(handle) !== NONE;
  }

  /** The entry, or `NONE` if there is none, or more than one. */
  only(handle: number): Node {
    if (this.#all.size > 0 && this.#all.has(handle)) return NONE;
    return this.#get(handle);
  }

  add(handle: number, node: Node): void {
    if (this.#get(handle) === NONE) return this.#set(handle, node);
    const before = this.of(handle);
    if (!before.includes(node)) this.#all.set(handle, [...before, node]);
  }

  /** @returns Whether it was the last. */
  remove(handle: number, node: Node): boolean {
    const rest = this.of(handle).filter((other) => other !== node);
    if (rest.length > 1) this.#all.set(handle, rest);
    else this.#all.delete(handle);
    const first = rest[0] ?? NONE;
    this.#set(handle, first);
    return first === NONE;
  }

  /** Forgets the number. */
  take(handle: number): readonly Node[] {
    const nodes = this.of(handle);
    this.#set(handle, NONE);
    this.#all.delete(handle);
    return nodes;
  }

  #get(handle: number): Node {
    return (handle < this.#near.length ? this.#near[handle] : this.#far.get(handle)) ?? NONE;
  }

  #set(handle: number, node: Node): void {
    const before = this.#get(handle);
    if (before === NONE && node !== NONE) this.#size++;
    if (before !== NONE && node === NONE) this.#size--;
    const isNear = handle < Math.max(this.#near.length, this.#size * SPREAD);
    if (isNear && handle >= this.#near.length && node !== NONE) this.#grow(handle);
    if (handle < this.#near.length) this.#near[handle] = node;
    else if (node === NONE) this.#far.delete(handle);
    else this.#far.set(handle, node);
  }

  #grow(handle: number): void {
    const { length } = this.#near;
    this.#near = grown(this.#near, new Int32Array(Math.max(handle + 1, length + (length >>> 1))));
    for (const [far, node] of this.#far) {
      if (far >= this.#near.length) continue;
      this.#near[far] = node;
      this.#far.delete(far);
    }
  }
}
