/**
 * Events of fanotify that are read and not told yet. As long as directories are still to be read, all that the kernel has is read before any
 * of it is told: then it is known of each directory that an event is about whether it is renamed or deleted later in what
 * was read, and so where it was at the time of the event.
 *
 * @module
 */
import { type Pinned, pinned } from "../../libc.ts";
import { read_fanotify_events } from "../../syscalls/fanotify-records.ts";
import { FAN, FAN_REPORTED } from "../../syscalls/fanotify.ts";
import type { Step } from "./backend.ts";
import { FanotifyAbout } from "./fanotify-about.ts";
import { FanotifyNames } from "./fanotify-names.ts";
import { FanotifyQueued } from "./fanotify-queued.ts";

const CREATE = Number(FAN.CREATE);
const RENAME = Number(FAN.RENAME);
const DIR = Number(FAN.ONDIR);
const DELETE = Number(FAN.DELETE);
const OVERFLOW = Number(FAN_REPORTED.Q_OVERFLOW);
const COMES_OR_GOES = CREATE | RENAME | DELETE;

/** Bytes that are read ahead: some hundred thousand events. */
const MOST = 16 * 1024 * 1024;

interface PlacedStep extends Step {
  /** Where in the backlog. */
  readonly at: number;
}

interface Chunk {
  readonly block: Pinned;
  readonly at: number;
}

/** What was read, in order. */
export class FanotifyBacklog {
  readonly #about = new FanotifyAbout();
  #chunks: Chunk[] = [];
  #size = 0;
  /** Where the next chunk begins. */
  #end = 0;
  /** What is told next is there. */
  #told = 0;
  /** What happens to names up to a place in the backlog: looked for when somebody asks. */
  readonly #names = new FanotifyNames();
  #named = 0;
  /** By the directory. */
  readonly #steps = new Map<string, PlacedStep[]>();
  #count = 0;
  /** What directories are renamed in, or leave. */
  readonly #renamedIn = new Set<string>();
  readonly #queued = new FanotifyQueued();
  #markAt = 0;
  /** Where events say that others are lost. */
  #torn: number[] = [];

  /** Whether some of what was there at some time is still to be read. */
  get isExpected(): boolean {
    return this.#queued.isExpected;
  }

  /** So many bytes are, of what the kernel has. */
  expect(bytes: number): void {
    this.#queued.expect(bytes);
    this.#markAt = bytes === 0 ? this.#end : Infinity;
  }

  /** Where what is later than those begins: `Infinity` as long as some of them are still to be read. */
  get markAt(): number {
    return this.#markAt;
  }

  /**
   * One was read.
   *
   * @param length Its bytes.
   * @param end Where it ends, if it is kept here.
   */
  passed(length: number, end: number = this.#end): void {
    if (this.#queued.passed(length)) this.#markAt = end;
  }

  /** Whether events are lost from some place in the backlog on that are no later than what was there when that was looked for. */
  isTorn(from: number): boolean {
    return this.isFull || this.#torn.some((at) => at >= from && at < this.#markAt);
  }

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Whether no more is read ahead. */
  get isFull(): boolean {
    return this.#size >= MOST;
  }

  /** Where what is told next is. */
  get told(): number {
    return this.#told;
  }

  /** How many directories came or went in what was read since the backlog was empty. */
  get count(): number {
    return this.#count;
  }

  /** Whether a directory is renamed in what is there. */
  get hasRenames(): boolean {
    return this.#renamedIn.size > 0;
  }

  /** What those are in before that. */
  get renamedIn(): ReadonlySet<string> {
    return this.#renamedIn;
  }

  /**
   * Takes what one read returned.
   *
   * @param from Where the first event is that was not told.
   * @param end How many bytes were read.
   */
  add(buffer: Pinned, from: number, end: number): void {
    const length = end - from;
    const block = pinned(length);
    block.bytes.set(buffer.bytes.subarray(from, end));
    const at = this.#end;
    this.#chunks.push({ block, at });
    this.#size += length;
    this.#end += length;
    read_fanotify_events(block, length, (offset, next, records, mask) => {
      this.passed(next - offset, at + next);
      if ((mask & OVERFLOW) !== 0) this.#torn.push(at + offset);
      if ((mask & DIR) === 0 || (mask & COMES_OR_GOES) === 0) return;
      this.#about.read(block, records, next);
      this.#note(block.bytes, at + offset, mask);
    });
  }

  /**
   * Hands out what is there, in order.
   *
   * @param use Takes a chunk, where its first event is that was not told, and where the chunk is in the backlog. It returns where it
   * stopped, or `undefined` if it came to the end.
   * @returns Whether all of it was taken.
   */
  take(use: (block: Pinned, from: number, at: number) => number | undefined): boolean {
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      const { block, at } = chunk;
      const stopped = use(block, Math.max(0, this.#told - at), at);
      if (stopped !== undefined) {
        this.#told = at + stopped;
        return false;
      }
      this.#told = at + block.byteLength;
      this.#size -= block.byteLength;
      this.#chunks.shift();
      block[Symbol.dispose]();
    }
    this.clear();
    return true;
  }

  /** How a directory leaves where it is at some place in the backlog, if it does. */
  next(child: string, at: number): Step | undefined {
    return this.#steps.get(child)?.find((step) => step.at > at && !step.isMade);
  }

  /** What happens first to a directory from some place in the backlog on. */
  step(child: string, from: number): Step | undefined {
    return this.#steps.get(child)?.find((step) => step.at >= from);
  }

  /** What happens to names. */
  get names(): FanotifyNames {
    this.name(Infinity);
    return this.#names;
  }

  /**
   * Looks for what happens to names, before somebody asks.
   *
   * @param limit As `performance.now()` has it.
   * @returns Whether it is known of all that is there.
   */
  name(limit: number): boolean {
    for (const { block, at } of this.#chunks) {
      if (at + block.byteLength <= this.#named) continue;
      const from = Math.max(0, this.#named - at);
      this.#named = at + this.#names.add(block, at, from, limit);
      if (this.#named < at + block.byteLength) return false;
    }
    return true;
  }

  clear(): void {
    for (const { block } of this.#chunks) block[Symbol.dispose]();
    this.#chunks = [];
    this.#size = 0;
    this.#told = this.#named = this.#end;
    this.#torn = [];
    this.#names.clear();
    this.#steps.clear();
    this.#renamedIn.clear();
    this.#count = 0;
  }

  #note(bytes: Uint8Array, at: number, mask: number): void {
    const isRenamed = (mask & RENAME) !== 0;
    const { self, place, old } = this.#about;
    const from = isRenamed ? old : place;
    if (!self.isThere || !from.isThere) return;
    this.#count++;
    const child = self.key(bytes);
    const parent = from.key(bytes);
    const name = bytes.slice(from.to, from.nameEnd(bytes));
    if (isRenamed) this.#renamedIn.add(parent);
    const step = { at, isMade: (mask & CREATE) !== 0, parent, name };
    const steps = this.#steps.get(child);
    if (steps === undefined) this.#steps.set(child, [step]);
    else steps.push(step);
  }
}
