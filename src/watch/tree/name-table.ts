/**
 * The names of a tree, byte for byte in one array, and a hash table that finds an entry by its parent and its name.
 *
 * The table grows one bucket at a time (linear hashing): one that is hashed anew at once would stop the event loop for
 * tens of milliseconds with a million entries.
 *
 * @module
 */
import { brief } from "./brief.ts";
import { grown, type NameBytes, type Node, NONE } from "./node.ts";

/** Less than this is not worth moving the names together. */
const LEAST_GARBAGE = 64 * 1024;

/** Entries of a bucket, on the average. */
const LOAD = 2;

/** Buckets that are divided in one go. */
const TURN = 64;

/** Bytes of one block of names, so that more of them never means to copy those that are there. */
const BLOCK = 1 << 20;

/** Bytes of the first one. */
const LEAST_BLOCK = 1024;

/** Entries whose names are looked at with each that is dropped: all of them at once would stop the event loop as well. */
const MOVES = 64;

export class NameTable {
  readonly #blocks: Uint8Array[] = [new Uint8Array(LEAST_BLOCK)];
  /** The block that names are kept in, and where the next one begins. */
  #last = 0;
  #end = 0;
  /** Blocks that are none any more. */
  readonly #free: number[] = [];
  /** Bytes of names, also of those that were dropped; and of those alone. */
  #kept = 0;
  #garbage = 0;
  /** Blocks that are given up when the names in them are moved, and the entry whose name is moved next. */
  readonly #old = new Set<number>();
  #next = 0;
  /** Where a name begins: the block, and the place in it. */
  #at = new Uint32Array(64);
  /** Of most file systems 255 bytes at most, but 765 where names have up to 255 UTF-16 units, and more of what FUSE serves. */
  #length = new Uint16Array(64);
  #hash = new Int32Array(64);
  #chain = new Int32Array(64);
  #buckets = new Int32Array(64);
  /** There are `half + split` buckets, `half` a power of two; those before `split` have given half of theirs to a new one. */
  #half = 16;
  #split = 0;
  #count = 0;
  /** The block that a text was made of last, and the same for making texts. */
  #textBlock: Uint8Array = NOTHING;
  #text: Buffer = Buffer.alloc(0);

  constructor() {
    brief(this.take, this.copy, this.#divide, this.#room, this.#isNamed, hashOfBytes);
  }

  get byteLength(): number {
    const blocks = this.#blocks.reduce((sum, block) => sum + block.length, 0);
    return blocks + this.#at.length * (4 + 2 + 4 + 4) + this.#buckets.length * 4;
  }

  /** The arrays beside the entries, which are enlarged one by one. */
  readonly growers: readonly ((length: number) => void)[] = [
    (length) => (this.#at = grown(this.#at, new Uint32Array(length))),
    (length) => (this.#length = grown(this.#length, new Uint16Array(length))),
    (length) => (this.#hash = grown(this.#hash, new Int32Array(length))),
    (length) => (this.#chain = grown(this.#chain, new Int32Array(length))),
  ];

  /** Keeps a copy of an entry's name. */
  name(node: Node, { bytes, start, end }: NameBytes): void {
    const length = end - start;
    const at = this.#room(length);
    const block = this.#blocks[at >>> 20];
    const from = at & (BLOCK - 1);
    if (block === undefined) return;
    for (let index = 0; index < length; index++) block[from + index] = bytes[start + index] ?? 0;
    this.#at[node] = at;
    this.#length[node] = length;
  }

  /** The bytes of an entry's name, until the table changes. */
  get(node: Node): Uint8Array {
    const at = this.#at[node] ?? 0;
    const from = at & (BLOCK - 1);
    return (this.#blocks[at >>> 20] ?? NOTHING).subarray(from, from + (this.#length[node] ?? 0));
  }

  length(node: Node): number {
    return this.#length[node] ?? 0;
  }

  /** Copies the bytes of an entry's name. One by one: names are short, and a view of them would be an object for each. */
  copy(node: Node, into: Uint8Array, at: number): number {
    const place = this.#at[node] ?? 0;
    const block = this.#blocks[place >>> 20] ?? NOTHING;
    const from = place & (BLOCK - 1);
    const length = this.#length[node] ?? 0;
    for (let index = 0; index < length; index++) into[at + index] = block[from + index] ?? 0;
    return length;
  }

  /** An entry's name as text, if it is ASCII: for less than what a decoder takes. */
  text(node: Node): string | undefined {
    const place = this.#at[node] ?? 0;
    const block = this.#blocks[place >>> 20] ?? NOTHING;
    const start = place & (BLOCK - 1);
    const end = start + (this.#length[node] ?? 0);
    let bits = 0;
    for (let at = start; at < end; at++) bits |= block[at] ?? 0;
    if (bits > 0x7f) return undefined;
    if (block !== this.#textBlock) {
      this.#textBlock = block;
      this.#text = Buffer.from(block.buffer, block.byteOffset, block.length);
    }
    return this.#text.toString("latin1", start, end);
  }

  /** Forgets the name of an entry that was withdrawn. */
  drop(node: Node): void {
    const isOld = this.#old.size > 0 && this.#old.has((this.#at[node] ?? 0) >>> 20);
    if (!isOld) this.#garbage += this.#length[node] ?? 0;
    this.#length[node] = 0;
    if (this.#old.size > 0) this.#move();
    else if (this.#garbage > LEAST_GARBAGE && this.#garbage > this.#kept / 2) this.#renew();
  }

  /** @param hash Of the parent and the name: {@linkcode hashOf}. */
  find(hash: number, parent: Node, name: NameBytes, parents: Int32Array): Node {
    const { bytes, start, end } = name;
    const length = end - start;
    let node = this.#buckets[this.#bucket(hash)] ?? NONE;
    while (node !== NONE) {
      const isLikely = this.#hash[node] === hash && parents[node] === parent;
      if (isLikely && this.#isNamed(node, bytes, start, length)) return node;
      node = this.#chain[node] ?? NONE;
    }
    return NONE;
  }

  /**
   * Keeps a copy of a name and puts its entry into the table, in one go.
   *
   * @returns Whether it did: not if there is one of that name.
   */
  take(
    node: Node,
    parent: Node,
    bytes: Uint8Array,
    start: number,
    length: number,
    parents: Int32Array,
  ): boolean {
    const end = start + length;
    const hash = hashOfBytes(parent, bytes, start, end);
    let bucket = hash & (this.#half - 1);
    if (bucket < this.#split) bucket = hash & (this.#half * 2 - 1);
    const first = this.#buckets[bucket] ?? NONE;
    const hashes = this.#hash;
    for (let other = first; other !== NONE; other = this.#chain[other] ?? NONE)
      if (hashes[other] === hash && parents[other] === parent) {
        if (this.#isNamed(other, bytes, start, length)) return false;
      }
    const at = this.#room(length);
    const block = this.#blocks[at >>> 20] ?? NOTHING;
    const to = (at & (BLOCK - 1)) - start;
    for (let from = start; from < end; from++) block[to + from] = bytes[from] ?? 0;
    this.#at[node] = at;
    this.#length[node] = length;
    hashes[node] = hash;
    this.#chain[node] = first;
    this.#buckets[bucket] = node;
    if (++this.#count > (this.#half + this.#split) * LOAD) this.#divide();
    return true;
  }

  #isNamed(node: Node, bytes: Uint8Array, start: number, length: number): boolean {
    if (this.#length[node] !== length) return false;
    const place = this.#at[node] ?? 0;
    const block = this.#blocks[place >>> 20] ?? NOTHING;
    const from = place & (BLOCK - 1);
    let at = 0;
    while (at < length && block[from + at] === bytes[start + at]) at++;
    return at === length;
  }

  /** Puts an entry into the table, whose name is kept. */
  insert(hash: number, node: Node): void {
    this.#hash[node] = hash;
    const bucket = this.#bucket(hash);
    this.#chain[node] = this.#buckets[bucket] ?? NONE;
    this.#buckets[bucket] = node;
    if (++this.#count > (this.#half + this.#split) * LOAD) this.#divide();
  }

  /** Takes an entry out of the table, and leaves its name. */
  withdraw(node: Node): void {
    const bucket = this.#bucket(this.#hash[node] ?? 0);
    const next = this.#chain[node] ?? NONE;
    let at = this.#buckets[bucket] ?? NONE;
    if (at === node) {
      this.#buckets[bucket] = next;
    } else {
      while (this.#chain[at] !== node && at !== NONE) at = this.#chain[at] ?? NONE;
      if (at !== NONE) this.#chain[at] = next;
    }
    this.#count--;
  }

  #bucket(hash: number): number {
    const bucket = hash & (this.#half - 1);
    return bucket < this.#split ? hash & (this.#half * 2 - 1) : bucket;
  }

  /** Gives halves of some buckets to new ones. Many at a time, because that is several times faster than one by one. */
  #divide(): void {
    const hashes = this.#hash;
    const chain = this.#chain;
    for (let times = 0; times < TURN; times++) {
      const from = this.#split;
      const half = this.#half;
      const to = from + half;
      if (to >= this.#buckets.length)
        this.#buckets = grown(this.#buckets, new Int32Array(to + (to >>> 1)));
      const buckets = this.#buckets;
      let node = buckets[from] ?? NONE;
      let stay = NONE;
      let go = NONE;
      while (node !== NONE) {
        const next = chain[node] ?? NONE;
        if (((hashes[node] ?? 0) & half) === 0) {
          chain[node] = stay;
          stay = node;
        } else {
          chain[node] = go;
          go = node;
        }
        node = next;
      }
      buckets[from] = stay;
      buckets[to] = go;
      if (++this.#split < half) continue;
      this.#half *= 2;
      this.#split = 0;
    }
  }

  /** Where a name of that length can be kept. */
  #room(length: number): number {
    const block = this.#blocks[this.#last] ?? NOTHING;
    if (this.#end + length > BLOCK) this.#open(BLOCK);
    else if (this.#end + length > block.length) {
      const room = Math.min(BLOCK, block.length * 2 + length);
      this.#blocks[this.#last] = grown(block, new Uint8Array(room));
    }
    const at = this.#last * BLOCK + this.#end;
    this.#end += length;
    this.#kept += length;
    return at;
  }

  /** Names are kept in another block from now on. */
  #open(bytes: number): void {
    this.#last = this.#free.pop() ?? this.#blocks.length;
    this.#blocks[this.#last] = new Uint8Array(bytes);
    this.#end = 0;
  }

  /** Moves the names that are left to other blocks, some with each that is dropped from now on. */
  #renew(): void {
    for (const [index, block] of this.#blocks.entries()) if (block.length > 0) this.#old.add(index);
    this.#kept = this.#garbage = 0;
    this.#next = 1;
    this.#open(LEAST_BLOCK);
  }

  #move(): void {
    const end = Math.min(this.#next + MOVES, this.#at.length);
    for (; this.#next < end; this.#next++) {
      const length = this.#length[this.#next] ?? 0;
      const from = this.#at[this.#next] ?? 0;
      if (length === 0 || !this.#old.has(from >>> 20)) continue;
      const bytes = this.#blocks[from >>> 20] ?? NOTHING;
      const start = from & (BLOCK - 1);
      this.name(this.#next, { bytes, start, end: start + length });
    }
    if (end < this.#at.length) return;
    for (const index of this.#old) {
      this.#blocks[index] = NOTHING;
      this.#free.push(index);
    }
    this.#old.clear();
    this.#textBlock = NOTHING;
    this.#text = Buffer.alloc(0);
  }
}

const NOTHING = new Uint8Array(0);

/** What finds an entry. */
export function hashOf(parent: Node, { bytes, start, end }: NameBytes): number {
  return hashOfBytes(parent, bytes, start, end);
}

function hashOfBytes(parent: Node, bytes: Uint8Array, start: number, end: number): number {
  let hash = Math.imul(parent ^ 0x811c9dc5, 0x9e3779b1);
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x85ebca6b) ^ (hash >>> 13);
}
