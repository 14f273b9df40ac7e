/**
 * Reads directories, a slice at a time so that the event loop goes on: the newest wish first, which is what was made a
 * moment ago.
 *
 * @module
 */
import { closeQuietly } from "../events/intake.ts";
import { type Pinned, pinned } from "../libc.ts";
import {
  getdents64_quietly,
  linux_dirent64_rows,
  read_linux_dirents64_rows,
} from "../syscalls/dirent.ts";
import { brief } from "./brief.ts";
import type { Node } from "./tree.ts";

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
  /** Wished for again while it was read. */
  again: boolean;
  cancelled: boolean;
}

/** What one read returned. It is valid for the call alone. */
export interface Entries {
  /** Where the names are. */
  readonly bytes: Uint8Array;
  /** The numbers of each entry, as {@linkcode read_linux_dirents64_rows} writes them. */
  readonly rows: Int32Array;
  readonly count: number;
}

/** Who wants directories read. None of it may throw. */
export interface Reader {
  /** Opens it. -1 if it is not to be read. */
  open(scan: Scan): number;
  /** Some of its entries, until the scan is cancelled. */
  found(scan: Scan, entries: Entries): void;
  /** It was read to its end, and is still open. */
  end(scan: Scan): void;
}

/** Some hundred entries: what is found in one go, before events are looked at again. */
const BUFFER_SIZE = 32 * 1024;

/** Of entries that are told, or looked at, one by one: that takes ten times as long. */
const SLOW_SIZE = 8 * 1024;

/** The longest name of most file systems, with what belongs to it. With less room left, the directory has more. */
const LONGEST_ENTRY = 280;

const NO_ROWS = new Int32Array(0);

const RANK: Readonly<Record<ScanMode, number>> = { check: 0, new: 1, repair: 2, compare: 3 };

/** The directories that are still to be read. */
export class Scanner implements Disposable {
  readonly #reader: Reader;
  readonly #stack: Scan[] = [];
  readonly #scans = new Map<Node, Scan>();
  readonly #buffers = new Map<number, Pinned>();
  #rows: Int32Array = NO_ROWS;
  #running = false;
  #visiting = false;

  constructor(reader: Reader) {
    this.#reader = reader;
    brief(this.run, this.push, this.#step, this.#visit, this.#end, this.#release);
  }

  /** Whether there is nothing to be read. */
  get idle(): boolean {
    return this.#stack.length === 0;
  }

  /** The scan of a directory that is waiting or under way. */
  get(node: Node): Scan | undefined {
    return this.#scans.get(node);
  }

  /** The directories that are waiting or under way. */
  get nodes(): Iterable<Node> {
    return this.#scans.keys();
  }

  /** Wishes for a directory to be read. */
  push(node: Node, mode: ScanMode, loud: boolean, since: number = Infinity): void {
    const known = this.#scans.get(node);
    if (known !== undefined) {
      // Only what was read to its end before can have been left alone since.
      const isMixed = mode !== known.mode && (mode === "repair" || known.mode === "repair");
      if (isMixed) known.mode = "compare";
      else if (RANK[mode] > RANK[known.mode]) known.mode = mode;
      known.since = Math.min(known.since, since);
      known.again = known.fd !== -1;
      return;
    }
    const scan = {
      node,
      mode,
      loud,
      since,
      fd: -1,
      hasUnseen: false,
      again: false,
      cancelled: false,
    };
    this.#scans.set(node, scan);
    // What a directory has in it waits until that is read to its end, so that few are open at once.
    const top = this.#visiting ? this.#stack.pop() : undefined;
    this.#stack.push(scan);
    if (top !== undefined) this.#stack.push(top);
  }

  /** Its entry is gone. */
  cancel(node: Node): void {
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
      for (let steps = 1; this.#stack.length > 0; steps++) {
        const isLarge = this.#step();
        if ((isLarge || steps >= least) && performance.now() >= limit) break;
      }
    } finally {
      this.#running = false;
    }
    if (this.idle) this.#release();
  }

  [Symbol.dispose](): void {
    for (const node of this.#scans.keys()) this.cancel(node);
    this.#stack.length = 0;
    if (!this.#running) this.#release();
  }

  /** One directory, or a buffer of its entries. @returns Whether it may have more. */
  #step(): boolean {
    const scan = this.#stack[this.#stack.length - 1] as Scan;
    if (!scan.cancelled && scan.fd === -1) {
      this.#visiting = true;
      scan.fd = this.#reader.open(scan);
      this.#visiting = false;
    }
    const isOpen = !scan.cancelled && scan.fd !== -1;
    const length = isOpen ? this.#visit(scan) : 0;
    // Nearly every directory is read by one call, and the next one says that it was all.
    const isFull = length > sizeFor(scan) - LONGEST_ENTRY;
    if (isFull || (length > 0 && !scan.cancelled && this.#visit(scan) > 0)) return true;
    const isRead = isOpen && !scan.cancelled;
    if (isRead) this.#reader.end(scan);
    this.#end(scan);
    if (isRead && scan.again && !scan.cancelled)
      this.push(scan.node, scan.mode, scan.loud, scan.since);
    return false;
  }

  #end(scan: Scan): void {
    if (this.#stack[this.#stack.length - 1] === scan) this.#stack.pop();
    else this.#take(scan);
    closeQuietly(scan.fd);
    scan.fd = -1;
    if (this.#scans.get(scan.node) === scan) this.#scans.delete(scan.node);
  }

  /** Something was wished for meanwhile, and is in front of it. */
  #take(scan: Scan): void {
    const at = this.#stack.lastIndexOf(scan);
    if (at !== -1) this.#stack.splice(at, 1);
  }

  /** @returns How much there was to read. It was deleted meanwhile, or its disk is broken, if that fails. */
  #visit(scan: Scan): number {
    const buffer = this.#bufferOf(sizeFor(scan));
    const length = getdents64_quietly(scan.fd, buffer);
    if (length <= 0) return 0;
    if (this.#rows.length === 0) this.#rows = linux_dirent64_rows(BUFFER_SIZE);
    const rows = this.#rows;
    const count = read_linux_dirents64_rows(buffer, length, rows);
    this.#visiting = true;
    this.#reader.found(scan, { bytes: buffer.bytes, rows, count });
    this.#visiting = false;
    return length;
  }

  #bufferOf(size: number): Pinned {
    let buffer = this.#buffers.get(size);
    if (buffer === undefined) this.#buffers.set(size, (buffer = pinned(size)));
    return buffer;
  }

  #release(): void {
    for (const buffer of this.#buffers.values()) buffer[Symbol.dispose]();
    this.#buffers.clear();
    this.#rows = NO_ROWS;
  }
}

/** How many bytes of entries are taken in one go. */
function sizeFor({ mode, loud }: Scan): number {
  return mode === "new" && !loud ? BUFFER_SIZE : SLOW_SIZE;
}
