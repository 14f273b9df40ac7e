/**
 * What is known of the watched trees: every entry as a number, its name, kind and inode beside it in typed arrays. An
 * object for each would be three times as large, and the garbage collector would have to look at a million of them.
 *
 * @module
 */
import type { Pinned, PinnedString } from "../../libc.ts";
import { brief } from "./brief.ts";
import { type Leaf, Leaves } from "./leaves.ts";
import { hashOf, NameTable } from "./name-table.ts";
import {
  FLAG,
  grown,
  identity,
  KIND,
  type Kind,
  type NameBytes,
  type Node,
  NONE,
  ROW,
} from "./node.ts";

const KIND_BITS = 0x3;

/** Entries by parent and name. */
export class Tree {
  #parent = new Int32Array(64);
  #first = new Int32Array(64);
  #next = new Int32Array(64);
  #previous = new Int32Array(64);
  #handle = new Int32Array(64);
  #ino = new Float64Array(64);
  #bits = new Uint16Array(64);
  readonly #names = new NameTable();
  readonly #leaves = new Leaves();
  readonly #growers: readonly ((length: number) => void)[] = [
    (length) => (this.#parent = grown(this.#parent, new Int32Array(length))),
    (length) => (this.#first = grown(this.#first, new Int32Array(length))),
    (length) => (this.#next = grown(this.#next, new Int32Array(length))),
    (length) => (this.#previous = grown(this.#previous, new Int32Array(length))),
    (length) => (this.#handle = grown(this.#handle, new Int32Array(length))),
    (length) => (this.#ino = grown(this.#ino, new Float64Array(length))),
    (length) => (this.#bits = grown(this.#bits, new Uint16Array(length))),
    (length) => this.#leaves.grow(length),
    ...this.#names.growers,
  ];
  #capacity = 64;
  /** The entry before which room is made. */
  #ahead = 64;
  #grownCount = 0;
  #free: Node[] = [];
  #used = 1;
  #size = 0;
  #renewals = 0;
  #places = 0;

  constructor() {
    brief(
      this.keep,
      this.fill,
      this.#fill,
      this.isEmpty,
      this.nameLength,
      this.copyName,
      this.#reserve,
      inoOf,
      identity,
    );
  }

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** How often a number was given back, or got another name: what is kept of one may be of another since then. */
  get renewals(): number {
    return this.#renewals;
  }

  /** How often that was one which others may be below, or may be from now on. */
  get places(): number {
    return this.#places;
  }

  /** Bytes that it takes, for the curious. */
  get byteLength(): number {
    const columns = this.#parent.length * (5 * 4 + 8 + 2);
    return columns + this.#names.byteLength + this.#leaves.byteLength;
  }

  /** Adds an entry that is not there yet. `NONE` as parent makes one that no name leads to. */
  add(parent: Node, name: NameBytes, kind: Kind, ino: number): Node {
    const node = (this.#free.length > 0 ? this.#free.pop() : undefined) ?? this.#used++;
    if (node >= this.#ahead) this.#reserve(node);
    this.#bits[node] = kind;
    this.#ino[node] = ino;
    this.#handle[node] = 0;
    this.#first[node] = NONE;
    this.#names.name(node, name);
    this.#link(node, parent, name);
    this.#size++;
    return node;
  }

  /** Whether nothing is known to be in a directory. */
  isEmpty(dir: Node): boolean {
    return this.#first[dir] === NONE && !this.#leaves.has(dir);
  }

  /**
   * Adds what one read found in a directory that is empty as far as is known: directories, and without numbers all else, until somebody
   * asks for one of them.
   *
   * @param kinds The kind of each type, or -1 for what is not told.
   * @param leafKinds The same, and -1 for directories as well.
   * @param rows Room for all of it.
   * @param directories Takes those that are directories.
   * @returns Whether it was added: not if the kind of any is not told.
   */
  keep(
    dir: Node,
    buffer: Pinned,
    length: number,
    kinds: Int8Array,
    leafKinds: Int8Array,
    rows: Int32Array,
    directories: Node[],
  ): boolean {
    const count = this.#leaves.keep(dir, buffer, length, leafKinds, rows);
    this.#size += this.#leaves.count(dir);
    for (let at = 0; at < count; at++) {
      if ((kinds[rows[at * ROW.LENGTH + ROW.TYPE] ?? 0] ?? -1) >= 0) continue;
      this.discard(dir);
      return false;
    }
    // A file system may tell of a name twice: once is enough.
    for (let at = 0; at < count; at++)
      at = this.#fill(dir, buffer.bytes, rows, at, count, kinds, directories);
    return true;
  }

  /**
   * Adds entries of a directory that are not there yet.
   *
   * @param rows Numbers of each entry: those of `ROW`.
   * @param kinds The kind of each type, or -1 for an entry that is not added.
   * @param directories Takes those that are directories.
   * @returns The first that was not added, of which one is there by its name already, or `count`.
   */
  fill(
    dir: Node,
    bytes: Uint8Array,
    rows: Int32Array,
    from: number,
    count: number,
    kinds: Int8Array,
    directories: Node[],
  ): number {
    this.#number(dir);
    return this.#fill(dir, bytes, rows, from, count, kinds, directories);
  }

  #fill(
    dir: Node,
    bytes: Uint8Array,
    rows: Int32Array,
    from: number,
    count: number,
    kinds: Int8Array,
    directories: Node[],
  ): number {
    while (this.#used + count - from >= this.#ahead) this.#reserve(this.#ahead);
    const parents = this.#parent;
    const firsts = this.#first;
    const nexts = this.#next;
    const previous = this.#previous;
    const handles = this.#handle;
    const inos = this.#ino;
    const bits = this.#bits;
    const free = this.#free;
    let first = firsts[dir] ?? NONE;
    let at = from;
    for (; at < count; at++) {
      const row = at * ROW.LENGTH;
      const kind = kinds[rows[row + ROW.TYPE] ?? 0] ?? -1;
      if (kind < 0) break;
      const isOld = free.length > 0;
      const node = isOld ? (free[free.length - 1] ?? NONE) : this.#used;
      const start = rows[row + ROW.NAME] ?? 0;
      if (!this.#names.take(node, dir, bytes, start, rows[row + ROW.BYTES] ?? 0, parents)) break;
      if (isOld) free.pop();
      else this.#used = node + 1;
      parents[node] = dir;
      firsts[node] = NONE;
      previous[node] = NONE;
      nexts[node] = first;
      previous[first] = node;
      handles[node] = 0;
      inos[node] = inoOf(rows, row);
      bits[node] = kind;
      first = node;
      this.#size++;
      if (kind === KIND.DIRECTORY) directories.push(node);
    }
    firsts[dir] = first;
    return at;
  }

  /** Gives numbers to those of a directory's entries that have none. */
  #number(dir: Node): void {
    if (!this.#leaves.has(dir)) return;
    const { bytes, rows, count } = this.#leaves.take(dir);
    this.#size -= count;
    for (let at = 0; at < count; at++) {
      at = this.#fill(dir, bytes, rows, at, count, LEAF_KINDS, NOBODY);
      if (at === count) return;
      // A file system told of the name twice: the last time is as right as any, and the events say how it ends.
      const row = at * ROW.LENGTH;
      const start = rows[row + ROW.NAME] ?? 0;
      const name = { bytes, start, end: start + (rows[row + ROW.BYTES] ?? 0) };
      const node = this.#names.find(hashOf(dir, name), dir, name, this.#parent);
      if (this.isDirectory(node)) continue;
      this.setKind(node, (rows[row + ROW.TYPE] ?? 0) as Kind);
      this.setIno(node, inoOf(rows, row));
    }
  }

  /** The entry of that name, or `NONE`. */
  find(parent: Node, name: NameBytes): Node {
    this.#number(parent);
    return this.#names.find(hashOf(parent, name), parent, name, this.#parent);
  }

  /** Forgets those of a directory's entries that have no numbers. */
  discard(dir: Node): void {
    this.#size -= this.#leaves.drop(dir);
  }

  /** Removes an entry without children. */
  remove(node: Node): void {
    this.discard(node);
    this.#renew(node);
    this.#unlink(node);
    this.#names.drop(node);
    this.#free.push(node);
    this.#size--;
  }

  /** Lets no name lead to an entry until it is moved. It stays a child of its directory, and keeps its path. */
  conceal(node: Node): void {
    this.#number(this.parent(node));
    this.#names.withdraw(node);
    this.set(node, FLAG.HELD);
  }

  /** Moves an entry with all below it. The caller has made sure that the new parent is not below it. */
  move(node: Node, parent: Node, name: NameBytes): void {
    this.#renew(node);
    this.#unlink(node);
    this.#names.drop(node);
    this.#names.name(node, name);
    this.#link(node, parent, name);
  }

  parent(node: Node): Node {
    return this.#parent[node] ?? NONE;
  }

  /** The first of its children, or `NONE`. */
  first(node: Node): Node {
    this.#number(node);
    return this.firstNumbered(node);
  }

  /** The first of its children that have numbers already, as all directories have, or `NONE`. */
  firstNumbered(node: Node): Node {
    return this.#first[node] ?? NONE;
  }

  /** The first of its children that have no numbers yet, or 0. */
  firstLeaf(node: Node): Leaf {
    return this.#leaves.first(node);
  }

  /** Behind the last of them, or 0. */
  endOfLeaves(node: Node): Leaf {
    return this.#leaves.end(node);
  }

  /** The one behind it, if that is not the last. */
  nextLeaf(leaf: Leaf): Leaf {
    return this.#leaves.next(leaf);
  }

  /** Its name, until another one is asked for. */
  leafName(leaf: Leaf): PinnedString {
    return this.#leaves.name(leaf);
  }

  /** The next child of its parent, or `NONE`. */
  next(node: Node): Node {
    return this.#next[node] ?? NONE;
  }

  /** The exact bytes of its name, until the tree changes. */
  name(node: Node): Uint8Array {
    return this.#names.get(node);
  }

  /** Its name as text, if it is ASCII. */
  text(node: Node): string | undefined {
    return this.#names.text(node);
  }

  nameLength(node: Node): number {
    return this.#names.length(node);
  }

  /**
   * Copies the bytes of its name to a place in an array.
   *
   * @returns How many they are.
   */
  copyName(node: Node, into: Uint8Array, at: number): number {
    return this.#names.copy(node, into, at);
  }

  kind(node: Node): Kind {
    return ((this.#bits[node] ?? 0) & KIND_BITS) as Kind;
  }

  isDirectory(node: Node): boolean {
    return this.kind(node) === KIND.DIRECTORY;
  }

  setKind(node: Node, kind: Kind): void {
    if (this.kind(node) !== kind) this.#places++;
    this.#bits[node] = ((this.#bits[node] ?? 0) & ~KIND_BITS) | kind;
  }

  has(node: Node, flag: number): boolean {
    return ((this.#bits[node] ?? 0) & flag) !== 0;
  }

  set(node: Node, flag: number): void {
    this.#bits[node] = (this.#bits[node] ?? 0) | flag;
  }

  clear(node: Node, flag: number): void {
    this.#bits[node] = (this.#bits[node] ?? 0) & ~flag;
  }

  /** Its inode number, folded as {@linkcode identity} does; 0 if it is not known. */
  ino(node: Node): number {
    return this.#ino[node] ?? 0;
  }

  setIno(node: Node, ino: number): void {
    this.#ino[node] = ino;
  }

  /** What the backend watches it by, or 0. */
  handle(node: Node): number {
    return this.#handle[node] ?? 0;
  }

  setHandle(node: Node, handle: number): void {
    this.#handle[node] = handle;
  }

  /** Whether an entry is where that name would lead to, also if none leads to it at the moment. */
  isAt(node: Node, dir: Node, { bytes, start, end }: NameBytes): boolean {
    if (this.parent(node) !== dir) return false;
    return Buffer.compare(this.name(node), bytes.subarray(start, end)) === 0;
  }

  /** Whether `node` is `above` or below it. */
  isWithin(node: Node, above: Node): boolean {
    let at = node;
    while (at !== NONE && at !== above) at = this.parent(at);
    return at === above;
  }

  /** The same of any of several. */
  isWithinAny(node: Node, above: ReadonlySet<Node>): boolean {
    let at = node;
    while (at !== NONE && !above.has(at)) at = this.parent(at);
    return at !== NONE;
  }

  #renew(node: Node): void {
    this.#renewals++;
    if (this.kind(node) !== KIND.FILE || this.firstNumbered(node) !== NONE) this.#places++;
  }

  #link(node: Node, parent: Node, name: NameBytes): void {
    this.#parent[node] = parent;
    this.#previous[node] = NONE;
    const next = parent === NONE ? NONE : this.first(parent);
    this.#next[node] = next;
    if (next !== NONE) this.#previous[next] = node;
    if (parent === NONE) return;
    this.#first[parent] = node;
    this.#names.insert(hashOf(parent, name), node);
  }

  #unlink(node: Node): void {
    const parent = this.parent(node);
    if (parent === NONE) return;
    if (this.has(node, FLAG.HELD)) this.clear(node, FLAG.HELD);
    else this.#names.withdraw(node);
    const next = this.next(node);
    const previous = this.#previous[node] ?? NONE;
    if (next !== NONE) this.#previous[next] = previous;
    if (previous === NONE) this.#first[parent] = next;
    else this.#next[previous] = next;
    this.#parent[node] = NONE;
  }

  /** Makes room for an entry. Large arrays are enlarged ahead of time and one by one, because each takes milliseconds. */
  #reserve(node: Node): void {
    const { length } = this.#growers;
    // By a half, because what is not used yet is memory as well.
    const larger = this.#capacity + (this.#capacity >>> 1);
    if (this.#capacity < length * STEP * 4) {
      for (const grow of this.#growers) grow(larger);
      this.#capacity = larger;
      this.#ahead = this.#capacity < length * STEP * 4 ? this.#capacity : this.#startAt();
      return;
    }
    this.#growers[this.#grownCount++]?.(larger);
    this.#ahead = node + STEP;
    if (this.#grownCount < length) return;
    this.#capacity = larger;
    this.#grownCount = 0;
    this.#ahead = this.#startAt();
  }

  #startAt(): Node {
    return this.#capacity - this.#growers.length * STEP - 1;
  }
}

/** How many entries are added between two arrays that are enlarged. */
const STEP = 1024;

/** Nobody wants to know of directories, where there are none. */
const NOBODY: Node[] = [];

/** The kind of each kind, for rows that have those in place of types. */
const LEAF_KINDS = Int8Array.from(Object.values(KIND));

function inoOf(rows: Int32Array, row: number): number {
  return identity((rows[row + ROW.INO_LOW] ?? 0) >>> 0, (rows[row + ROW.INO_HIGH] ?? 0) >>> 0);
}
