/**
 * What happens to the names in directories, in events that are read and not told yet: whoever reads a directory that late knows by
 * the first event of each name what was there before.
 *
 * What a rename takes the place of is no part of its event. But the kernel tells next of a link of it that is gone, without
 * a name; and so it does before a name is deleted, or made as a link.
 *
 * @module
 */
import type { Pinned } from "../../libc.ts";
import { read_fanotify_events } from "../../syscalls/fanotify-records.ts";
import { FAN } from "../../syscalls/fanotify.ts";
import { keyOf } from "../tree/paths.ts";
import type { Sequel } from "./backend.ts";
import { FanotifyAbout, type Spot } from "./fanotify-about.ts";

const CREATE = Number(FAN.CREATE);
const RENAME = Number(FAN.RENAME);
const DELETE = Number(FAN.DELETE);
const ATTRIB = Number(FAN.ATTRIB);
const DIR = Number(FAN.ONDIR);
const NAMES = CREATE | RENAME | DELETE;

interface Placed extends Sequel {
  /** The file that had the name before, if there was one. */
  victim?: Sequel | undefined;
}

/** Events between two looks at the time. */
const AT_ONCE = 64;

/** Names, by the directories that they are in. */
export class FanotifyNames {
  readonly #about = new FanotifyAbout();
  readonly #names = new Map<string, Map<string, Placed[]>>();
  /** What was renamed last, by who did it, if nothing else of that one came since. */
  readonly #renamed = new Map<number, Placed>();
  /** What renames have taken the place of, or so it seems, by what that is. */
  readonly #victims = new Map<string, Placed>();
  /** Files of which a link is gone, which the kernel may tell earlier than it was: with what it tells of that link before. */
  readonly #unlinked = new Set<string>();

  /**
   * Takes events.
   *
   * @param at Where they are among what was read.
   * @param from The first of them that was not taken.
   * @param limit As `performance.now()` has it.
   * @returns Where it stopped, or else the end.
   */
  add(block: Pinned, at: number, from: number, limit: number): number {
    let stopped = block.byteLength;
    let left = AT_ONCE;
    read_fanotify_events(block, block.byteLength, (offset, end, records, mask, _high, _fd, pid) => {
      if (offset < from || offset >= stopped) return;
      if (left-- <= 0) {
        if (performance.now() >= limit) {
          stopped = offset;
          return;
        }
        left = AT_ONCE;
      }
      if ((mask & (NAMES | ATTRIB)) === 0) {
        this.#renamed.delete(pid);
        return;
      }
      this.#about.read(block, records, end);
      this.#take(block.bytes, at + offset, mask, pid);
    });
    return stopped;
  }

  /** What happens first to each name of a directory from some place on. */
  sequel(directory: string, from: number): ReadonlyMap<string, Sequel> {
    const firsts = new Map<string, Sequel>();
    for (const [name, all] of this.#names.get(directory) ?? []) {
      const first = firstOf(all, from);
      if (first !== undefined) firsts.set(name, first);
    }
    return firsts;
  }

  /** The same of one name. */
  first(directory: string, name: string, from: number): Sequel | undefined {
    return firstOf(this.#names.get(directory)?.get(name) ?? [], from);
  }

  clear(): void {
    this.#names.clear();
    this.#renamed.clear();
    this.#victims.clear();
    this.#unlinked.clear();
  }

  #take(bytes: Uint8Array, at: number, mask: number, pid: number): void {
    const { self, place, old } = this.#about;
    const renamed = this.#renamed.get(pid);
    this.#renamed.delete(pid);
    const hasName = place.isThere || old.isThere;
    // What is only changed stays where it is.
    if (hasName && (mask & NAMES) === 0) return;
    const isDirectory = (mask & DIR) !== 0;
    const id = bytes.slice(self.from, self.to);
    if (old.isThere) this.#put(old, bytes, { at, comes: false, isDirectory, id });
    if (place.isThere) {
      const placed = { at, comes: (mask & (CREATE | RENAME)) !== 0, isDirectory, id };
      this.#put(place, bytes, placed);
      if ((mask & RENAME) !== 0) this.#renamed.set(pid, placed);
    }
    // Of directories the same is told for other reasons.
    if (isDirectory) return;
    const key = keyOf(id);
    if (!hasName) {
      this.#victims.delete(key);
      if (renamed === undefined || renamed.isDirectory || id.length === 0) return;
      if (this.#unlinked.has(key)) return;
      renamed.victim = { comes: false, isDirectory, id, at: renamed.at };
      this.#victims.set(key, renamed);
    } else if ((mask & RENAME) !== 0) {
      // No link of it is gone by this, nor made: one was before.
      this.#victims.delete(key);
    } else if ((mask & (CREATE | DELETE)) !== 0) {
      if ((mask & DELETE) !== 0) this.#unlinked.add(key);
      // It was a link of this that is gone, or was made.
      const other = this.#victims.get(key);
      if (other === undefined) return;
      other.victim = undefined;
      this.#victims.delete(key);
    }
  }

  #put(spot: Spot, bytes: Uint8Array, placed: Placed): void {
    const directory = spot.key(bytes);
    const all = this.#names.get(directory) ?? new Map<string, Placed[]>();
    this.#names.set(directory, all);
    const name = keyOf(bytes, spot.to, spot.nameEnd(bytes));
    const before = all.get(name);
    if (before === undefined) all.set(name, [placed]);
    else before.push(placed);
  }
}

function firstOf(all: readonly Placed[], from: number): Sequel | undefined {
  const at = all.findIndex((one) => one.at >= from);
  const [first, next] = at === -1 ? [] : all.slice(at, at + 2);
  if (first?.victim !== undefined) return first.victim;
  if (first === undefined || next === undefined || !first.comes || next.comes) return first;
  // What leaves is not what came: they change places, and it was there before.
  return Buffer.compare(first.id, next.id) === 0 ? first : next;
}
