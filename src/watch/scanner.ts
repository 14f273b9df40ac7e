/**
 * Reads directories, a slice at a time so that the event loop goes on: the newest wish first, which is what was made a
 * moment ago.
 *
 * @module
 */
import { closeQuietly } from "../events/intake.ts";
import { type Pinned, pinned } from "../libc.ts";
import { getdents64, read_linux_dirents64 } from "../syscalls/dirent.ts";
import type { NameBytes, Node } from "./tree.ts";

/** Why a directory is read. */
export type ScanMode =
  /** Nothing is known of it. */
  | "new"
  /** It may be another one than it was: if it is not, nothing is to be done. */
  | "check"
  /** Events were lost: everything below it is compared with what is known. */
  | "compare";

/** A directory that is to be read. */
export interface Scan {
  readonly node: Node;
  mode: ScanMode;
  /** Whether what is found is told as made. */
  readonly loud: boolean;
  /** Files that were changed since then are told as changed: milliseconds since 1970. */
  since: number;
  /** Of the directory, while it is read. */
  fd: number;
  /** Wished for again while it was read. */
  again: boolean;
  cancelled: boolean;
}

/** Who wants directories read. None of it may throw. */
export interface Reader {
  /** Opens it. -1 if it is not to be read. */
  open(scan: Scan): number;
  /** One entry. The name is valid for the call alone. */
  found(scan: Scan, ino_low: number, ino_high: number, type: number, name: NameBytes): void;
  /** It was read to its end, and is still open. */
  end(scan: Scan): void;
}

/** Some hundred entries: what is found in one go, before events are looked at again. */
const BUFFER_SIZE = 32 * 1024;

const RANK: Readonly<Record<ScanMode, number>> = { check: 0, new: 1, compare: 2 };

/** The directories that are still to be read. */
export class Scanner implements Disposable {
  readonly #reader: Reader;
  readonly #stack: Scan[] = [];
  readonly #scans = new Map<Node, Scan>();
  #buffer: Pinned | undefined;
  #running = false;
  #visiting = false;

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  /** Whether there is nothing to be read. */
  get idle(): boolean {
    return this.#stack.length === 0;
  }

  /** The scan of a directory that is waiting or under way. */
  get(node: Node): Scan | undefined {
    return this.#scans.get(node);
  }

  /** Wishes for a directory to be read. */
  push(node: Node, mode: ScanMode, loud: boolean, since: number = Infinity): void {
    const known = this.#scans.get(node);
    if (known !== undefined) {
      if (RANK[mode] > RANK[known.mode]) known.mode = mode;
      known.since = Math.min(known.since, since);
      known.again = known.fd !== -1;
      return;
    }
    const scan = { node, mode, loud, since, fd: -1, again: false, cancelled: false };
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
   */
  run(limit: number): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#stack.length > 0) {
        this.#step();
        if (performance.now() >= limit) break;
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

  /** One directory opened, or one buffer of entries. */
  #step(): void {
    const scan = this.#stack[this.#stack.length - 1] as Scan;
    if (!scan.cancelled && scan.fd === -1) scan.fd = this.#reader.open(scan);
    if (scan.cancelled || scan.fd === -1) return this.#end(scan);
    const length = this.#read(scan.fd);
    if (length > 0) return this.#visit(scan, length);
    this.#reader.end(scan);
    this.#end(scan);
    if (scan.again && !scan.cancelled) this.push(scan.node, scan.mode, scan.loud, scan.since);
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

  #read(fd: number): number {
    this.#buffer ??= pinned(BUFFER_SIZE);
    try {
      return getdents64(fd, this.#buffer);
    } catch {
      // Deleted meanwhile, or its disk is broken: there is nothing more to read.
      return 0;
    }
  }

  #visit(scan: Scan, length: number): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    const { bytes } = buffer;
    const name = { bytes, start: 0, end: 0 };
    this.#visiting = true;
    read_linux_dirents64(buffer, length, (low, high, type, start, len) => {
      if (scan.cancelled) return;
      const dot = bytes[start] === 0x2e && (len === 1 || (len === 2 && bytes[start + 1] === 0x2e));
      if (dot) return;
      name.start = start;
      name.end = start + len;
      this.#reader.found(scan, low, high, type, name);
    });
    this.#visiting = false;
  }

  #release(): void {
    this.#buffer?.[Symbol.dispose]();
    this.#buffer = undefined;
  }
}
