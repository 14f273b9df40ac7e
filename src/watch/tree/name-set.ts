/**
 * Names, byte for byte in one array: no text is made of each, and no object.
 *
 * @module
 */
import { hashOf } from "./name-table.ts";
import { grown, type NameBytes, NONE } from "./node.ts";

/** Each name once, in the order in which they were added. */
export class NameSet {
  #bytes = new Uint8Array(64);
  /** Where each of them ends, behind a zero. */
  #ends = new Int32Array(8);
  #hashes = new Int32Array(8);
  /** The place of a name, counted from 1, near that of its hash; twice as many as there can be names. */
  #slots = new Int32Array(16);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(name: NameBytes): void {
    const hash = hashOf(NONE, name);
    if (this.#find(hash, name) !== -1) return;
    const { bytes, start, end } = name;
    const from = this.#ends[this.#size] ?? 0;
    const to = from + end - start;
    while (to > this.#bytes.length)
      this.#bytes = grown(this.#bytes, new Uint8Array(this.#bytes.length * 2));
    for (let at = start; at < end; at++) this.#bytes[from + at - start] = bytes[at] ?? 0;
    this.#hashes[this.#size] = hash;
    this.#ends[++this.#size] = to;
    this.#slots[this.#slotFor(hash)] = this.#size;
    if (this.#size === this.#ends.length - 1) this.#grow();
  }

  /** The place of a name, or -1. */
  indexOf(name: NameBytes): number {
    return this.#find(hashOf(NONE, name), name);
  }

  /** The name at a place. Its bytes stay as they are until one is added. */
  at(index: number): NameBytes {
    return { bytes: this.#bytes, start: this.#ends[index] ?? 0, end: this.#ends[index + 1] ?? 0 };
  }

  #find(hash: number, { bytes, start, end }: NameBytes): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = (this.#slots[slot] ?? 0) - 1;
      if (index === -1) return -1;
      const from = this.#ends[index] ?? 0;
      const isLikely = this.#hashes[index] === hash;
      if (!isLikely || (this.#ends[index + 1] ?? 0) - from !== end - start) continue;
      let at = start;
      while (at < end && this.#bytes[from + at - start] === bytes[at]) at++;
      if (at === end) return index;
    }
  }

  #slotFor(hash: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const length = this.#ends.length * 2;
    this.#ends = grown(this.#ends, new Int32Array(length));
    this.#hashes = grown(this.#hashes, new Int32Array(length));
    this.#slots = new Int32Array(length * 2);
    for (let index = 0; index < this.#size; index++)
      this.#slots[this.#slotFor(this.#hashes[index] ?? 0)] = index + 1;
  }
}
