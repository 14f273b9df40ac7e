/**
 * Directories by their file handles: a number for each, which is used again after its removal.
 *
 * @module
 */
import { brief } from "../tree/brief.ts";
import { grown } from "../tree/node.ts";

/** Handles, fixed in length as far as they go: those of one file system have one length. */
export class FanotifyHandles {
  /** The first of those whose hashes end alike: in a map each would take five times as much as its handle. */
  #first = new Int32Array(64);
  #next = new Int32Array(64);
  #ranks = new Uint8Array(64);
  /** Units of four bytes for each in `#keys`. */
  #stride = 6;
  #keys = new Int32Array(64 * this.#stride);
  /** The handle that is looked for. */
  #wanted = new Int32Array(this.#stride);
  readonly #free: number[] = [];
  /** Removed, but somebody may still speak of them. */
  readonly #retired: number[] = [];
  #used = 1;

  constructor() {
    brief(this.add, this.rank, this.raise, this.#grow, this.#spread, this.#link, this.#hashOf);
  }

  /** The number of what has these bytes, or 0. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.#at(this.#take(bytes, start, end));
  }

  /** The number of what has these bytes, which is made if there is none. */
  add(bytes: Uint8Array, start: number, end: number): number {
    const hash = this.#take(bytes, start, end);
    const known = this.#at(hash);
    if (known !== 0) return known;
    const id = this.#free.pop() ?? this.#used++;
    if (id >= this.#next.length) this.#grow();
    this.#keys.set(this.#wanted, id * this.#stride);
    this.#link(id, hash);
    this.#ranks[id] = 0;
    return id;
  }

  /** The bytes of a handle, and zeros behind them. */
  key(id: number): Uint8Array {
    const { buffer } = this.#keys.slice(id * this.#stride, (id + 1) * this.#stride);
    return new Uint8Array(buffer);
  }

  /** Forgets a handle. Its number is not used again before {@linkcode recycle}. */
  remove(id: number): void {
    const next = this.#next[id] ?? 0;
    const chain = this.#hashOf(id) & (this.#first.length - 1);
    let at = this.#first[chain] ?? 0;
    if (at === id) this.#first[chain] = next;
    else {
      while (at !== 0 && this.#next[at] !== id) at = this.#next[at] ?? 0;
      if (at === 0) return;
      this.#next[at] = next;
    }
    this.#retired.push(id);
  }

  /** Nobody speaks of removed ones any more. */
  recycle(): void {
    for (const id of this.#retired) this.#free.push(id);
    this.#retired.length = 0;
  }

  /** What was said to be its rank, or 0. */
  rank(id: number): number {
    return this.#ranks[id] ?? 0;
  }

  /** Makes its rank that, if it is lower. */
  raise(id: number, rank: number): void {
    if (rank > this.rank(id)) this.#ranks[id] = rank;
  }

  #at(hash: number): number {
    const stride = this.#stride;
    const chain = hash & (this.#first.length - 1);
    for (let id = this.#first[chain] ?? 0; id !== 0; id = this.#next[id] ?? 0) {
      let at = 0;
      while (at < stride && this.#keys[id * stride + at] === this.#wanted[at]) at++;
      if (at === stride) return id;
    }
    return 0;
  }

  /** Makes the bytes the handle that is looked for. @returns Its hash. */
  #take(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > this.#stride * 4) this.#widen(Math.ceil((end - start) / 4));
    const wanted = this.#wanted;
    for (let word = 0, at = start; word < wanted.length; word++, at += 4) {
      const left = end - at;
      if (left <= 0) wanted[word] = 0;
      else {
        wanted[word] =
          (bytes[at] ?? 0) |
          (left > 1 ? (bytes[at + 1] ?? 0) << 8 : 0) |
          (left > 2 ? (bytes[at + 2] ?? 0) << 16 : 0) |
          (left > 3 ? (bytes[at + 3] ?? 0) << 24 : 0);
      }
    }
    return hashOf(wanted, 0, wanted.length);
  }

  #hashOf(id: number): number {
    const from = id * this.#stride;
    return hashOf(this.#keys, from, from + this.#stride);
  }

  #link(id: number, hash: number): void {
    const chain = hash & (this.#first.length - 1);
    this.#next[id] = this.#first[chain] ?? 0;
    this.#first[chain] = id;
  }

  #grow(): void {
    const length = this.#next.length + (this.#next.length >>> 1);
    this.#next = grown(this.#next, new Int32Array(length));
    this.#ranks = grown(this.#ranks, new Uint8Array(length));
    this.#keys = grown(this.#keys, new Int32Array(length * this.#stride));
    if (length > this.#first.length) this.#spread();
  }

  /** Makes twice as many chains. */
  #spread(): void {
    const before = this.#first;
    this.#first = new Int32Array(before.length * 2);
    for (const head of before) {
      for (let id = head, next = 0; id !== 0; id = next) {
        next = this.#next[id] ?? 0;
        this.#link(id, this.#hashOf(id));
      }
    }
  }

  /** Makes room for longer handles. Zeros at the end leave a hash as it is. */
  #widen(stride: number): void {
    const keys = new Int32Array(this.#next.length * stride);
    for (let id = 1; id < this.#used; id++) {
      const from = id * this.#stride;
      keys.set(this.#keys.subarray(from, from + this.#stride), id * stride);
    }
    this.#keys = keys;
    this.#stride = stride;
    this.#wanted = new Int32Array(stride);
  }
}

/** The same with zeros at the end. All of it is in its last bits. */
function hashOf(words: Int32Array, start: number, end: number): number {
  let hash = 0;
  for (let at = start; at < end; at++)
    hash ^= Math.imul(words[at] ?? 0, 0x9e3779b1 + (at - start) * 0x5bd1e996);
  return hash ^ (hash >>> 15);
}
