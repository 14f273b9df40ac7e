/**
 * Events of fanotify that are read and not told yet. As long as directories are still to be read, all that the kernel has is read before any
 * of it is told: then it is known of each directory that an event is about whether it is renamed or deleted later in what
 * was read, and so where it was at the time of the event.
 *
 * @module
 */
import { type Pinned, pinned } from "../libc.ts";
import { FANOTIFY_FSID_OFFSET, read_fanotify_handle_end } from "../syscalls/fanotify-info.ts";
import {
  FAN_EVENT_INFO_TYPE,
  read_fanotify_event_infos,
  read_fanotify_events,
} from "../syscalls/fanotify-records.ts";
import { FAN } from "../syscalls/fanotify.ts";
import type { Sequel } from "./backend.ts";
import { keyOf } from "./paths.ts";

const { FID, DFID_NAME, OLD_DFID_NAME, NEW_DFID_NAME } = FAN_EVENT_INFO_TYPE;

const CREATE = Number(FAN.CREATE);
const RENAME = Number(FAN.RENAME);
const DIR = Number(FAN.ONDIR);
const DELETE = Number(FAN.DELETE);
const COMES_OR_GOES = CREATE | RENAME | DELETE;

/** Bytes that are read ahead: some hundred thousand events. */
const MOST = 16 * 1024 * 1024;

/** That a directory comes to where it is, or leaves it. */
export interface Step {
  /** Where in the backlog. */
  readonly at: number;
  /** Whether it was made: else it left where it was. */
  readonly isMade: boolean;
  /** The directory's handle as text. */
  readonly child: string;
  /** The handle of the directory that it is in before that, as text. */
  readonly parent: string;
  /** Its name there. */
  readonly name: Uint8Array;
}

interface Placed extends Sequel {
  /** Where in the backlog. */
  readonly at: number;
}

interface Chunk {
  readonly block: Pinned;
  readonly at: number;
}

/** What was read, in order. */
export class FanotifyBacklog {
  #chunks: Chunk[] = [];
  #size = 0;
  /** Where the next chunk begins. */
  #end = 0;
  /** What is told next is there. */
  #told = 0;
  /** What happens to names, by their directories, up to a place in the backlog: looked for when somebody asks. */
  readonly #names = new Map<string, Map<string, Placed[]>>();
  #named = 0;
  /** By the directory. */
  readonly #steps = new Map<string, Step[]>();
  #count = 0;
  #renames = 0;

  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** Whether no more is read ahead. */
  get isFull(): boolean {
    return this.#size >= MOST;
  }

  /** How many directories came or went in what was read since the backlog was empty. */
  get count(): number {
    return this.#count;
  }

  /** Whether a directory is renamed in what is there. */
  get hasRenames(): boolean {
    return this.#renames > 0;
  }

  /**
   * Takes what one read returned.
   *
   * @param from Where the first event is that was not told.
   * @param end How many bytes were read.
   * @param visit Called for the first step of each directory that is in what is there.
   */
  add(buffer: Pinned, from: number, end: number, visit: (step: Step) => void): void {
    const length = end - from;
    const block = pinned(length);
    block.bytes.set(buffer.bytes.subarray(from, end));
    const at = this.#end;
    this.#chunks.push({ block, at });
    this.#size += length;
    this.#end += length;
    read_fanotify_events(block, length, (offset, next, records, mask) => {
      if ((mask & DIR) !== 0 && (mask & COMES_OR_GOES) !== 0)
        this.#note(block, at, offset, next, records, mask, visit);
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

  /** What happens first to each name of a directory after some place in the backlog. */
  sequel(directory: string, after: number): ReadonlyMap<string, Sequel> {
    for (const { block, at } of this.#chunks) if (at >= this.#named) this.#gather(block, at);
    this.#named = this.#end;
    const firsts = new Map<string, Sequel>();
    for (const [name, all] of this.#names.get(directory) ?? []) {
      const first = all.find(({ at }) => at > after);
      if (first !== undefined) firsts.set(name, first);
    }
    return firsts;
  }

  clear(): void {
    for (const { block } of this.#chunks) block[Symbol.dispose]();
    this.#chunks = [];
    this.#size = 0;
    this.#told = this.#named = this.#end;
    this.#names.clear();
    this.#steps.clear();
    this.#count = this.#renames = 0;
  }

  #gather(block: Pinned, chunk: number): void {
    const { bytes } = block;
    read_fanotify_events(block, block.byteLength, (offset, end, records, mask) => {
      if ((mask & COMES_OR_GOES) === 0) return;
      const found: { directory: string; name: string; comes: boolean }[] = [];
      let id = new Uint8Array(0);
      read_fanotify_event_infos(block, records, end, (type, at, next) => {
        const to = read_fanotify_handle_end(block, at, next);
        if (to === -1) return;
        if (type === FID) id = bytes.slice(at + FANOTIFY_FSID_OFFSET, to);
        const isOld = type === OLD_DFID_NAME;
        if (!isOld && type !== DFID_NAME && type !== NEW_DFID_NAME) return;
        const directory = keyOf(bytes, at + FANOTIFY_FSID_OFFSET, to);
        const comes = (mask & CREATE) !== 0 || type === NEW_DFID_NAME;
        found.push({ directory, name: keyOf(bytes, to, nameEnd(bytes, to, next)), comes });
      });
      const about = { at: chunk + offset, isDirectory: (mask & DIR) !== 0, id };
      for (const { directory, name, comes } of found) {
        const names = this.#names.get(directory) ?? new Map<string, Placed[]>();
        this.#names.set(directory, names);
        const all = names.get(name);
        if (all === undefined) names.set(name, [{ ...about, comes }]);
        else all.push({ ...about, comes });
      }
    });
  }

  #note(
    block: Pinned,
    chunk: number,
    offset: number,
    end: number,
    records: number,
    mask: number,
    visit: (step: Step) => void,
  ): void {
    const { bytes } = block;
    let child = "";
    let parent = "";
    let name: Uint8Array | undefined;
    read_fanotify_event_infos(block, records, end, (type, at, next) => {
      const to = read_fanotify_handle_end(block, at, next);
      if (to === -1) return;
      const key = keyOf(bytes, at + FANOTIFY_FSID_OFFSET, to);
      if (type === FID) child = key;
      if (type !== DFID_NAME && type !== OLD_DFID_NAME) return;
      parent = key;
      name = bytes.slice(to, nameEnd(bytes, to, next));
    });
    if (child === "" || name === undefined) return;
    const isRename = (mask & RENAME) !== 0;
    this.#count++;
    if (isRename) this.#renames++;
    const at = chunk + offset;
    const step = { at, isMade: (mask & CREATE) !== 0, child, parent, name };
    const steps = this.#steps.get(child);
    if (steps === undefined || steps.every((one) => one.at < this.#told)) visit(step);
    if (steps === undefined) this.#steps.set(child, [step]);
    else steps.push(step);
  }
}

function nameEnd(bytes: Uint8Array, start: number, end: number): number {
  let nul = start;
  while (nul < end && bytes[nul] !== 0) nul++;
  return nul;
}
