/**
 * Reads directories, a slice at a time so that the event loop goes on: the newest wish first, which is what was made a
 * moment ago.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import { type Pinned, pinned } from "../../libc.ts";
import { getdents64_quietly, linux_dirent64_rows } from "../../syscalls/dirent.ts";
import { brief } from "../tree/brief.ts";
import { grown, type Node } from "../tree/node.ts";

/** Why a directory is read. */
export type ScanMode =
  /** Nothing is known of it. */
  | "new"
  /** It may be another one than it was: if it is not, nothing is to be done. */
  | "check"
  /** Events were lost: everything below it is compared with what is known, as far as it was not left alone since. */
  | "repair"
  /** Everything below it is compared with what is known. */
  | "compare";

/** A directory that is to be read. */
export interface Scan {
  readonly node: Node;
  mode: ScanMode;
  /** Whether what is found is told as made. */
  loud: boolean;
  /** Files that were changed since then are told as changed: milliseconds since 1970. */
  since: number;
  /** Of the directory, while it is read. */
  fd: number;
  /** Whether there were entries before it was read. */
  hasUnseen: boolean;
  /** Those of them that were not met, when it was read to its end. */
  unseen: Node[] | undefined;
  /** Whether it is another directory than what is known of it was read in. */
  isAnother: boolean;
  /** Wished for again while it was read. */
  again: boolean;
  cancelled: boolean;
}

/** What reads of directories are taken by. It is valid for one of them. */
export interface Portion {
  /** What the read returned. */
  readonly buffer: Pinned;
  /** Room for what it found, as rows. */
  readonly rows: Int32Array;
}

/** Who wants directories read. None of it may throw. */
export interface Reader {
  /** Opens one that nothing is known of, without a scan of its own. -1 if that is not so simple: then nothing was done. */
  sweep(node: Node): number;
  /**
   * What the first read of one has returned that was opened so.
   *
   * @returns Whether it was taken: else nothing was done.
   */
  take(node: Node, portion: Portion, length: number): boolean;
  /** Opens it. -1 if it is not to be read. */
  open(scan: Scan): number;
  /** Some of its entries. */
  found(scan: Scan, portion: Portion, length: number): void;
  /**
   * It was read to its end, and is still open.
   *
   * @returns Whether that was all: else it is called again, perhaps in a later turn of the event loop.
   */
  end(scan: Scan): boolean;
  /** Whether nothing is to be read now. */
  readonly isBusy: boolean;
}

/** Some hundred entries: what is found in one go, before events are looked at again. */
const BUFFER_SIZE = 32 * 1024;

/** Of entries that are told, or looked at, one by one: that takes ten times as long. */
const SLOW_SIZE = 8 * 1024;

/** The longest name of most file systems, with what belongs to it. With less room left, the directory has more. */
const LONGEST_ENTRY = 280;

const RANK: Readonly<Record<ScanMode, number>> = { check: 0, new: 1, repair: 2, compare: 3 };

/** The directories that are still to be read. */
export class Scanner implements Disposable {
  readonly #reader: Reader;
  /** Some are cancelled: they are neither new nor have a scan. */
  readonly #stack: Node[] = [];
  /** Whether a directory waits that is new and not told of, as most are: no object for each. */
  #isNew = new Uint8Array(64);
  readonly #scans = new Map<Node, Scan>();
  #portions = new Map<number, Portion>();
  #running = false;
  #visiting = false;

  constructor(reader: Reader) {
    this.#reader = reader;
    brief(this.run, this.push, this.#step, this.#sweep, this.#visit, this.#end);
    brief(sizeFor, this.#begin, this.#await, this.#portionOf, this.#release);
  }

  /** Whether there is nothing to be read. */
  get idle(): boolean {
    return this.#stack.length === 0;
  }

  /** Whether what is in a directory is told as made, if that is waiting or under way. */
  isLoud(node: Node): boolean | undefined {
    return this.#isNew[node] === 1 ? false : this.#scans.get(node)?.loud;
  }

  /** Why a directory is read, if it is waiting or under way. */
  modeOf(node: Node): ScanMode | undefined {
    return this.#isNew[node] === 1 ? "new" : this.#scans.get(node)?.mode;
  }

  /** Wishes for a directory to be read. */
  push(node: Node, mode: ScanMode, loud: boolean, since: number = Infinity): void {
    const isNew = mode === "new" && !loud && since === Infinity;
    if (this.#isNew[node] === 1) {
      if (isNew) return;
      this.#begin(node, "new", false);
    }
    const known = this.#scans.size === 0 ? undefined : this.#scans.get(node);
    if (known !== undefined) {
      // Only what was read to its end before can have been left alone since.
      const isMixed = mode !== known.mode && (mode === "repair" || known.mode === "repair");
      if (isMixed) known.mode = "compare";
      else if (RANK[mode] > RANK[known.mode]) known.mode = mode;
      known.since = Math.min(known.since, since);
      known.again = known.fd !== -1;
      return;
    }
    if (isNew) this.#await(node);
    else this.#begin(node, mode, loud, since);
    // What a directory has in it waits until that is read to its end, so that few are open at once.
    const top = this.#visiting ? this.#stack.pop() : undefined;
    this.#stack.push(node);
    if (top !== undefined) this.#stack.push(top);
  }

  /** Its entry is gone. */
  cancel(node: Node): void {
    this.#isNew[node] = 0;
    const scan = this.#scans.get(node);
    if (scan === undefined) return;
    this.#scans.delete(node);
    scan.cancelled = true;
    closeQuietly(scan.fd);
    scan.fd = -1;
  }

  /**
   * Reads on, until nothing is left or the time is up.
   *
   * @param limit As `performance.now()` has it.
   * @param least Steps that are taken in any case, a directory each, as long as none of them has thousands of entries.
   */
  run(limit: number, least: number = 0): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let steps = 1; this.#stack.length > 0 && !this.#reader.isBusy; steps++) {
        const isLarge = this.#step();
        if ((isLarge || steps >= least) && performance.now() >= limit) break;
      }
    } finally {
      this.#running = false;
    }
    if (this.idle) this.#release();
  }

  /**
   * Reads one directory before all others, to its end or so many buffers of its entries.
   *
   * @returns Whether nothing of it is to be read any more.
   */
  finish(node: Node, most: number = Infinity): boolean {
    if (this.isLoud(node) === undefined) return true;
    // Another one may be under way: what that has found stays as it is.
    const portions = this.#portions;
    const isVisiting = this.#visiting;
    const wasRunning = this.#running;
    if (wasRunning) this.#portions = new Map<number, Portion>();
    this.#running = true;
    this.#visiting = false;
    try {
      this.#take(node);
      this.#stack.push(node);
      for (let left = most; left > 0 && this.isLoud(node) !== undefined; left--) this.#step();
    } finally {
      this.#visiting = isVisiting;
      this.#running = wasRunning;
      if (wasRunning || this.idle) this.#release();
      this.#portions = portions;
    }
    return this.isLoud(node) === undefined;
  }

  /** Opens a directory that waits: that is what is read when its turn comes, wherever it is by then. */
  hold(node: Node): void {
    const scan = this.#isNew[node] === 1 ? this.#begin(node, "new", false) : this.#scans.get(node);
    if (scan === undefined || scan.fd !== -1) return;
    scan.fd = this.#reader.open(scan);
    if (scan.fd === -1) this.#end(scan);
  }

  /** Lets what is found in a directory be told as made, if that is to be read. */
  raise(node: Node): void {
    const isNew = this.#isNew[node] === 1;
    const scan = isNew ? this.#begin(node, "new", true) : this.#scans.get(node);
    if (scan !== undefined) scan.loud = true;
  }

  [Symbol.dispose](): void {
    for (const node of this.#scans.keys()) this.cancel(node);
    this.#isNew.fill(0);
    this.#stack.length = 0;
    if (!this.#running) this.#release();
  }

  #await(node: Node): void {
    if (node >= this.#isNew.length)
      this.#isNew = grown(this.#isNew, new Uint8Array(node + (node >>> 1)));
    this.#isNew[node] = 1;
  }

  #begin(node: Node, mode: ScanMode, loud: boolean, since: number = Infinity): Scan {
    this.#isNew[node] = 0;
    const scan = {
      node,
      mode,
      loud,
      since,
      fd: -1,
      hasUnseen: false,
      unseen: undefined,
      isAnother: false,
      again: false,
      cancelled: false,
    };
    this.#scans.set(node, scan);
    return scan;
  }

  /** One directory, or a buffer of its entries. @returns Whether it may have more. */
  #step(): boolean {
    const node = this.#stack[this.#stack.length - 1] as Node;
    if (this.#isNew[node] === 1) {
      const fd = this.#reader.sweep(node);
      if (fd !== -1) return this.#sweep(node, fd);
      this.#begin(node, "new", false);
    }
    const scan = this.#scans.get(node);
    if (scan !== undefined) return this.#read(scan);
    this.#stack.pop();
    return false;
  }

  /** Reads an open directory of which nothing is known. @returns Whether it may have more. */
  #sweep(node: Node, fd: number): boolean {
    this.#isNew[node] = 0;
    this.#stack.pop();
    const portion = this.#portionOf(BUFFER_SIZE);
    const { buffer } = portion;
    const first = getdents64_quietly(fd, buffer);
    const isTaken = first <= 0 || this.#reader.take(node, portion, first);
    const isFull = first > BUFFER_SIZE - LONGEST_ENTRY;
    // Nearly every directory is read by one call, and the next one says that it was all.
    const more = isTaken && first > 0 && !isFull ? getdents64_quietly(fd, buffer) : 0;
    if (isTaken && !isFull && more <= 0) {
      closeQuietly(fd);
      return false;
    }
    const scan = this.#begin(node, "new", false);
    scan.fd = fd;
    this.#stack.push(node);
    const length = isTaken ? more : first;
    if (length > 0) this.#found(scan, portion, length);
    return true;
  }

  #read(scan: Scan): boolean {
    if (!scan.cancelled && scan.fd === -1) {
      this.#visiting = true;
      scan.fd = this.#reader.open(scan);
      this.#visiting = false;
    }
    const isOpen = !scan.cancelled && scan.fd !== -1;
    const length = isOpen ? this.#visit(scan) : 0;
    const isFull = length > sizeFor(scan) - LONGEST_ENTRY;
    if (isFull || (length > 0 && !scan.cancelled && this.#visit(scan) > 0)) return true;
    const isRead = isOpen && !scan.cancelled;
    if (isRead && !this.#reader.end(scan) && !scan.cancelled) return true;
    this.#end(scan);
    if (isRead && scan.again && !scan.cancelled)
      this.push(scan.node, scan.mode, scan.loud, scan.since);
    return false;
  }

  #end(scan: Scan): void {
    if (this.#stack[this.#stack.length - 1] === scan.node) this.#stack.pop();
    else this.#take(scan.node);
    closeQuietly(scan.fd);
    scan.fd = -1;
    if (this.#scans.get(scan.node) === scan) this.#scans.delete(scan.node);
  }

  /** Something was wished for meanwhile, and is in front of it. */
  #take(node: Node): void {
    const at = this.#stack.lastIndexOf(node);
    if (at !== -1) this.#stack.splice(at, 1);
  }

  /** @returns How much there was to read. It was deleted meanwhile, or its disk is broken, if that fails. */
  #visit(scan: Scan): number {
    const portion = this.#portionOf(sizeFor(scan));
    const length = getdents64_quietly(scan.fd, portion.buffer);
    if (length <= 0) return 0;
    this.#found(scan, portion, length);
    return length;
  }

  #found(scan: Scan, portion: Portion, length: number): void {
    this.#visiting = true;
    this.#reader.found(scan, portion, length);
    this.#visiting = false;
  }

  #portionOf(size: number): Portion {
    let portion = this.#portions.get(size);
    if (portion === undefined) {
      portion = { buffer: pinned(size), rows: linux_dirent64_rows(size) };
      this.#portions.set(size, portion);
    }
    return portion;
  }

  #release(): void {
    for (const { buffer } of this.#portions.values()) buffer[Symbol.dispose]();
    this.#portions.clear();
  }
}

/** How many bytes of entries are taken in one go. */
function sizeFor({ mode, loud }: Scan): number {
  return mode === "new" && !loud ? BUFFER_SIZE : SLOW_SIZE;
}
