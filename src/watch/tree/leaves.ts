/**
 * Entries that nobody has asked for: no directories, and of directories that were read in one go. They have no numbers and
 * no hashes, only their inode numbers, kinds and names, one behind the other. Each takes some 20 bytes, a third of what
 * one takes that a name leads to, and most entries of most trees are never asked for.
 *
 * @module
 */
import { type Pinned, pinned, PinnedString } from "../../libc.ts";
import {
  pack_linux_dirents64,
  packed_dirent64_length,
  packed_dirent64_name,
  read_packed_dirents64_rows,
} from "../../syscalls/dirent.ts";
import { brief } from "./brief.ts";
import { grown, type Node, ROW } from "./node.ts";

/** Where an entry is: a block, and a word in it. 0 is nowhere. */
export type Leaf = number;

/** Words of one block, so that more of them never means to copy those that are there. */
const BLOCK = 1 << 18;
const BLOCK_BITS = 18;

/** Words of the first block. */
const FIRST = 256;

/** What the first word of a directory says: how many words follow, and how many entries. */
const WORDS = 0xffff;
const COUNT_SHIFT = 16;

/** Words that are garbage, before the others are moved together. */
const LEAST_GARBAGE = 16 * 1024;

/** Entries of a directory as rows, as a read of it has them; their types are kinds. */
export interface LeafRows {
  readonly bytes: Uint8Array;
  readonly rows: Int32Array;
  readonly count: number;
}

/** Memory that a call can take names from. */
class Block {
  readonly memory: Pinned;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  readonly name: PinnedString;

  constructor(words: number) {
    this.memory = pinned(words * 4);
    this.words = this.memory.words;
    this.bytes = this.memory.bytes;
    this.name = new PinnedString(this.memory);
  }
}

export class Leaves {
  #blocks: Block[] = [new Block(FIRST)];
  /** Words that are taken of the last block. The first of all is nowhere. */
  #end = 1;
  /** In earlier blocks. */
  #before = 0;
  #garbage = 0;
  /** Where the entries of a directory are: a word that says how many words and entries there are, and the entries behind it. */
  #at = new Int32Array(64);

  constructor() {
    brief(this.keep, this.has, this.count, this.#header, this.#room, this.#blockOf);
    brief(this.first, this.end, this.next, this.name);
    brief(pack_linux_dirents64, packed_dirent64_length, packed_dirent64_name);
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
   * Keeps what one read found in a directory that has none here.
   *
   * @param kinds The kind of each type, or -1 for what is not kept.
   * @param rows Takes what is not kept.
   * @returns How many rows those are.
   */
  keep(dir: Node, buffer: Pinned, length: number, kinds: Int8Array, rows: Int32Array): number {
    const { words } = this.#room((length >>> 2) + 1);
    const start = this.#end;
    const apart = pack_linux_dirents64(buffer, length, words, start, kinds, rows);
    const header = words[start] ?? 0;
    if (header === 0) return apart;
    this.#end = start + 1 + (header & WORDS);
    this.#at[dir] = ((this.#blocks.length - 1) << BLOCK_BITS) | start;
    return apart;
  }

  /** How many of a directory's entries are here. */
  count(dir: Node): number {
    return this.#header(dir) >>> COUNT_SHIFT;
  }

  /** Takes the entries of a directory out. They are valid until others are kept. */
  take(dir: Node): LeafRows {
    const at = this.#at[dir] ?? 0;
    const { bytes, words } = this.#blockOf(at);
    const rows = new Int32Array(this.count(dir) * ROW.LENGTH);
    const count = at === 0 ? 0 : read_packed_dirents64_rows(words, bytes, at & (BLOCK - 1), rows);
    this.drop(dir);
    return { bytes, rows, count };
  }

  /** Forgets the entries of a directory. @returns How many there were. */
  drop(dir: Node): number {
    const header = this.#header(dir);
    if (header === 0) return 0;
    this.#garbage += 1 + (header & WORDS);
    this.#at[dir] = 0;
    if (this.#garbage > LEAST_GARBAGE && this.#garbage > (this.#before + this.#end) / 2)
      this.#compact();
    return header >>> COUNT_SHIFT;
  }

  /** The first of a directory's entries, or 0. */
  first(dir: Node): Leaf {
    const at = this.#at[dir] ?? 0;
    return at === 0 ? 0 : at + 1;
  }

  /** Behind the last of them, or 0. */
  end(dir: Node): Leaf {
    const at = this.#at[dir] ?? 0;
    return at === 0 ? 0 : at + 1 + (this.#header(dir) & WORDS);
  }

  /** The one behind an entry, if that was not the last. */
  next(leaf: Leaf): Leaf {
    return leaf + packed_dirent64_length(this.#blockOf(leaf).words, leaf & (BLOCK - 1));
  }

  /** The name of an entry, until another one is asked for. */
  name(leaf: Leaf): PinnedString {
    const { name } = this.#blockOf(leaf);
    name.offset = packed_dirent64_name(leaf & (BLOCK - 1));
    return name;
  }

  #header(dir: Node): number {
    const at = this.#at[dir] ?? 0;
    return at === 0 ? 0 : (this.#blockOf(at).words[at & (BLOCK - 1)] ?? 0);
  }

  #blockOf(at: number): Block {
    return this.#blocks[at >>> BLOCK_BITS] as Block;
  }

  /** The block that has room for so many words behind `#end`. */
  #room(words: number): Block {
    const last = this.#blocks.length - 1;
    const block = this.#blocks[last] as Block;
    const { length } = block.words;
    if (this.#end + words <= length) return block;
    let larger: Block;
    if (this.#end + words <= BLOCK) {
      const room = Math.min(BLOCK, length * 2 + words);
      larger = this.#blocks[last] = new Block(room);
      larger.words.set(block.words);
      block.memory[Symbol.dispose]();
    } else {
      this.#before += this.#end;
      this.#end = 0;
      this.#blocks.push((larger = new Block(BLOCK)));
    }
    return larger;
  }

  #compact(): void {
    const before = this.#blocks;
    // Whoever has taken entries may still look at the memory where they were.
    this.#blocks = [new Block(FIRST)];
    this.#end = 1;
    this.#before = 0;
    this.#garbage = 0;
    for (let dir = 1; dir < this.#at.length; dir++) {
      const at = this.#at[dir] ?? 0;
      if (at === 0) continue;
      const { words } = before[at >>> BLOCK_BITS] as Block;
      const from = at & (BLOCK - 1);
      const length = 1 + ((words[from] ?? 0) & WORDS);
      const into = this.#room(length).words;
      for (let word = 0; word < length; word++) into[this.#end + word] = words[from + word] ?? 0;
      this.#at[dir] = ((this.#blocks.length - 1) << BLOCK_BITS) | this.#end;
      this.#end += length;
    }
  }
}
