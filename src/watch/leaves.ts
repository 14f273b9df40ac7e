/**
 * Entries that nobody has asked for: no directories, and of directories that were read in one go. They have no numbers and
 * no hashes, only their inode numbers, kinds and names, one behind the other. Each takes some 16 bytes, a third of what
 * one takes that a name leads to, and most entries of most trees are never asked for.
 *
 * @module
 */
import { brief } from "./brief.ts";
import { grown, KIND, type Node, ROW } from "./tree.ts";

/** Where an entry is: a block, and a word in it. 0 is nowhere. */
export type Leaf = number;

/** Words of one block, so that more of them never means to copy those that are there. */
const BLOCK = 1 << 18;
const BLOCK_BITS = 18;

/** Words that one directory may take: giving numbers to what is in it must not stop the event loop. */
const MOST = 1 << 14;

/** Words that are garbage, before the others are moved together. */
const LEAST_GARBAGE = 16 * 1024;

/** The length of the name, in an entry's second word: more than that of any path. The first word is the low half of its inode number. */
const LENGTH_BITS = 0x1fff;
/** Bits that share the lower half of the second word with it. */
const KIND_SHIFT = 13;
/** The high half is not 0, and is behind the name. */
const IS_HIGH = 0x8000;

/** Bytes before the name. */
const HEAD = 6;

/** Entries of a directory as rows, as a read of it has them; their types are kinds. */
export interface LeafRows {
  readonly bytes: Uint8Array;
  readonly rows: Int32Array;
  readonly count: number;
}

class Block {
  readonly words: Int32Array;
  readonly bytes: Uint8Array;

  constructor(words: Int32Array) {
    this.words = words;
    this.bytes = new Uint8Array(words.buffer);
  }
}

export class Leaves {
  #blocks: Block[] = [new Block(new Int32Array(256))];
  /** Words that are taken of the last block. The first of all is nowhere. */
  #end = 1;
  /** In earlier blocks. */
  #before = 0;
  #garbage = 0;
  /** Where the entries of a directory are: a word that says how many words there are, and the entries behind it. */
  #at = new Int32Array(64);

  constructor() {
    brief(this.keep, this.#room, this.#encode, wordsOf);
  }

  get byteLength(): number {
    const blocks = this.#blocks.reduce((sum, { bytes }) => sum + bytes.length, 0);
    return blocks + this.#at.length * 4;
  }

  /** The array beside the numbers of directories. */
  grow(length: number): void {
    this.#at = grown(this.#at, new Int32Array(length));
  }

  /** Whether any of a directory's entries are here. */
  has(dir: Node): boolean {
    return (this.#at[dir] ?? 0) !== 0;
  }

  /**
   * Keeps entries of a directory that has none here.
   *
   * @param rows As those of `Tree.fill()`, whose directories are passed over.
   * @returns How many: none if there is too much.
   */
  keep(
    dir: Node,
    bytes: Uint8Array,
    rows: Int32Array,
    from: number,
    to: number,
    kinds: Int8Array,
  ): number {
    let words = 0;
    let count = 0;
    for (let row = from * ROW.LENGTH; row < to * ROW.LENGTH; row += ROW.LENGTH) {
      if (kinds[rows[row + ROW.TYPE] ?? 0] === KIND.DIRECTORY) continue;
      words += wordsOf(rows[row + ROW.BYTES] ?? 0, rows[row + ROW.INO_HIGH] ?? 0);
      count++;
    }
    if (count === 0 || words > MOST) return 0;
    const block = this.#room(words + 1);
    const start = this.#end;
    block.words[start] = words;
    let at = start + 1;
    for (let row = from * ROW.LENGTH; row < to * ROW.LENGTH; row += ROW.LENGTH) {
      const kind = kinds[rows[row + ROW.TYPE] ?? 0] ?? 0;
      if (kind !== KIND.DIRECTORY) at = this.#encode(block, at, bytes, rows, row, kind);
    }
    this.#end = at;
    this.#at[dir] = ((this.#blocks.length - 1) << BLOCK_BITS) | start;
    return count;
  }

  /** Takes the entries of a directory out. They are valid until others are kept. */
  take(dir: Node): LeafRows {
    const { bytes, words } = this.#blockOf(this.#at[dir] ?? 0);
    const rows: number[] = [];
    for (let leaf = this.first(dir); leaf !== 0; leaf = this.next(dir, leaf)) {
      const at = leaf & (BLOCK - 1);
      const head = words[at + 1] ?? 0;
      const length = head & LENGTH_BITS;
      const high = (head & IS_HIGH) === 0 ? 0 : (words[at + wordsOf(length, 0)] ?? 0);
      rows.push(words[at] ?? 0, high, (head >>> KIND_SHIFT) & 3, at * 4 + HEAD, length);
    }
    this.drop(dir);
    return { bytes, rows: Int32Array.from(rows), count: rows.length / ROW.LENGTH };
  }

  /** Forgets the entries of a directory. @returns How many there were. */
  drop(dir: Node): number {
    let count = 0;
    for (let leaf = this.first(dir); leaf !== 0; leaf = this.next(dir, leaf)) count++;
    if (count === 0) return 0;
    const at = this.#at[dir] ?? 0;
    this.#garbage += 1 + (this.#blockOf(at).words[at & (BLOCK - 1)] ?? 0);
    this.#at[dir] = 0;
    if (this.#garbage > LEAST_GARBAGE && this.#garbage > (this.#before + this.#end) / 2)
      this.#compact();
    return count;
  }

  /** The first of a directory's entries, or 0. */
  first(dir: Node): Leaf {
    const at = this.#at[dir] ?? 0;
    return at === 0 ? 0 : at + 1;
  }

  /** The one behind it, or 0. */
  next(dir: Node, leaf: Leaf): Leaf {
    const begin = this.#at[dir] ?? 0;
    const { words } = this.#blockOf(leaf);
    const head = words[(leaf & (BLOCK - 1)) + 1] ?? 0;
    const next = leaf + wordsOf(head & LENGTH_BITS, head & IS_HIGH);
    return next > begin + (words[begin & (BLOCK - 1)] ?? 0) ? 0 : next;
  }

  /**
   * Copies the bytes of an entry's name to a place in an array.
   *
   * @returns How many they are.
   */
  copyName(leaf: Leaf, into: Uint8Array, at: number): number {
    const { bytes, words } = this.#blockOf(leaf);
    const place = leaf & (BLOCK - 1);
    const length = (words[place + 1] ?? 0) & LENGTH_BITS;
    const start = place * 4 + HEAD;
    for (let index = 0; index < length; index++) into[at + index] = bytes[start + index] ?? 0;
    return length;
  }

  #encode(
    { words, bytes: into }: Block,
    at: number,
    bytes: Uint8Array,
    rows: Int32Array,
    row: number,
    kind: number,
  ): number {
    const high = rows[row + ROW.INO_HIGH] ?? 0;
    const length = rows[row + ROW.BYTES] ?? 0;
    words[at] = rows[row + ROW.INO_LOW] ?? 0;
    words[at + 1] = length | (kind << KIND_SHIFT) | (high === 0 ? 0 : IS_HIGH);
    const from = rows[row + ROW.NAME] ?? 0;
    const to = at * 4 + HEAD;
    for (let index = 0; index < length; index++) into[to + index] = bytes[from + index] ?? 0;
    const end = at + wordsOf(length, 0);
    if (high === 0) return end;
    words[end] = high;
    return end + 1;
  }

  #blockOf(at: number): Block {
    return this.#blocks[at >>> BLOCK_BITS] ?? NOTHING;
  }

  /** The block that has room for so many words behind `#end`. */
  #room(words: number): Block {
    const last = this.#blocks.length - 1;
    const block = this.#blocks[last] ?? NOTHING;
    const { length } = block.words;
    if (this.#end + words <= length) return block;
    let larger: Block;
    if (this.#end + words <= BLOCK) {
      const room = Math.min(BLOCK, length * 2 + words);
      larger = this.#blocks[last] = new Block(grown(block.words, new Int32Array(room)));
    } else {
      this.#before += this.#end;
      this.#end = 0;
      this.#blocks.push((larger = new Block(new Int32Array(BLOCK))));
    }
    return larger;
  }

  #compact(): void {
    const before = this.#blocks;
    this.#blocks = [new Block(new Int32Array(256))];
    this.#end = 1;
    this.#before = 0;
    this.#garbage = 0;
    for (let dir = 1; dir < this.#at.length; dir++) {
      const at = this.#at[dir] ?? 0;
      if (at === 0) continue;
      const { words } = before[at >>> BLOCK_BITS] ?? NOTHING;
      const from = at & (BLOCK - 1);
      const length = 1 + (words[from] ?? 0);
      const into = this.#room(length).words;
      for (let word = 0; word < length; word++) into[this.#end + word] = words[from + word] ?? 0;
      this.#at[dir] = ((this.#blocks.length - 1) << BLOCK_BITS) | this.#end;
      this.#end += length;
    }
  }
}

const NOTHING = new Block(new Int32Array(0));

/** How many words an entry takes. */
function wordsOf(length: number, high: number): number {
  return ((HEAD + length + 3) >>> 2) + (high === 0 ? 0 : 1);
}
