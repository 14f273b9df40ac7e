/**
 * What tells a watcher of changes: the kernel's interface behind one of ours, which knows directories and their entries,
 * and neither trees nor paths.
 *
 * @module
 */
import type { OSError } from "../../errors.ts";
import type { Pinned, PinnedString } from "../../libc.ts";
import type { Look } from "../disk/look.ts";
import type { NameBytes } from "../tree/node.ts";

/** What happened to an entry of a watched directory. */
export type RawChange =
  "create" | "delete" | "moved-from" | "moved-to" | "written" | "modified" | "attributes";

/** Whether something comes to be in a directory. */
export function isArrival(change: RawChange): boolean {
  return change === "create" || change === "moved-to";
}

/** Whether something is no more in a directory. */
export function isDeparture(change: RawChange): boolean {
  return change === "delete" || change === "moved-from";
}

/** What happened to a watched directory itself. */
export type RawSelf =
  /** It was deleted, renamed, or its permissions changed. */
  | "changed"
  /** Its permissions, owner or times changed, and no event of its entry tells. */
  | "attributes"
  /** It is not watched any more. */
  | "gone";

/** One event of a directory's entry, valid for the call alone. */
export interface RawEvent {
  /** What {@linkcode Backend.watch} returned for the directory. */
  readonly handle: number;
  readonly change: RawChange;
  readonly isDirectory: boolean;
  /** Connects the two halves of a rename, else 0: also if it is known that there is no other half. */
  readonly cookie: number;
  /** What {@linkcode Backend.watch} would return for the directory that the entry is, or 0 if that is not known. All that happens in it is told. */
  readonly child: number;
  /**
   * What of an entry that was made is known to have happened to it since, and is told in a moment: it was deleted, so that it can't be looked at,
   * or somebody has written to it, so that it is a file.
   */
  readonly next: "delete" | "written" | undefined;
  /** Valid for the call alone. */
  readonly name: NameBytes;
  /**
   * Looks at the entry itself, if the backend can and something else is at the path, or nothing. `undefined` if the entry is there, or is gone, or
   * out of reach. Valid for the call alone.
   */
  readonly look: ((path: string | Uint8Array) => Look | undefined) | undefined;
  /** Who did it, if that is known. */
  readonly pid: number | undefined;
}

/** Who takes the events. None of it may throw. */
export interface Sink {
  entry(event: RawEvent): void;
  /**
   * A directory was made or came, which an event tells that is still to be handed out. The name is valid until then, and is the
   * same place in memory.
   */
  ahead(handle: number, name: NameBytes): void;
  self(handle: number, change: RawSelf, pid?: number): void;
  /** Events were lost from here on. */
  overflow(): void;
  /** The events of a name may not be all in the order in which it happened. The name is valid for the call alone. */
  doubt(handle: number, name: NameBytes, isDirectory: boolean): void;
  /** Whether not all is told that happened before directories were read, so that others than those that are known may be within the tree. */
  readonly isIncomplete: boolean;
  /** Whether directories are still to be read that are known already. */
  readonly isReading: boolean;
  /** Whether all that happens in directories that are still to be read must be told. */
  readonly isEarly: boolean;
  /** Whether it was closed while an event was told. */
  readonly isClosed: boolean;
  /** Whether what an event said takes so long to tell that no other one is to be handed out now. */
  readonly isBusy: boolean;
  /**
   * Lets a number stand for a directory that something happened in, if it is within the tree and not entered yet.
   *
   * @param above The number of a directory above it, or a path.
   * @param names What leads from there to it.
   * @param ids What the directories of those names are, if that is known: their identities, as {@linkcode Past.idOf} has them.
   * @param limit As `performance.now()` has it.
   * @returns Whether it does; `"later"` if the time was up before that is known: then it goes on the next time.
   */
  discover(
    handle: number,
    above: number | Uint8Array,
    names: readonly Uint8Array[],
    ids: readonly Uint8Array[],
    limit: number,
  ): boolean | "later";
  /**
   * Reads a directory in which something happened that is told next, as it was before that.
   *
   * @param limit As `performance.now()` has it.
   * @returns Whether that is done: else it goes on the next time.
   */
  prepare(handle: number, limit: number): boolean;
  /**
   * All that happened before directories were read is read, and nothing of it is told yet.
   *
   * @param limit As `performance.now()` has it.
   * @returns Whether what was read of directories is set right: else it goes on the next time.
   */
  rectify(limit: number): boolean;
  /** Whether a path may be within the tree. */
  covers(path: Uint8Array): boolean;
  /** Whether anything is known by a handle. */
  knows(handle: number): boolean;
}

/** How closely a directory is watched. */
export type Interest =
  /** All of its entries. */
  | "tree"
  /** Entries that come and go. */
  | "names"
  /** Only whether it stays where it is. */
  | "self";

/** Which of them is more. */
export const RANK: Readonly<Record<Interest, number>> = { self: 0, names: 1, tree: 2 };

/** What happens first to a name of a directory, in what is told next or later. */
export interface Sequel {
  /** Whether something comes by that name: nothing has it before. Else something leaves. */
  readonly comes: boolean;
  readonly isDirectory: boolean;
  /** What is called so: its identity, as {@linkcode Past.idOf} has it. */
  readonly id: Uint8Array;
  /** Where it is among what is told: see {@linkcode Past.markAt}. */
  readonly at: number;
}

/** That a directory comes to where it is, or leaves it. */
export interface Step {
  /** Whether it was made: else it left where it was. */
  readonly isMade: boolean;
  /** The identity of the directory that it is in before that, as text. */
  readonly parent: string;
  /** Its name there. */
  readonly name: Uint8Array;
}

/** Directories by what they are, and not by where they are now, and what was in them at the time of what is told next. */
export interface Past {
  /** What a number stands for that a directory is watched by. */
  idOf(handle: number): Uint8Array;
  /** The number that stands for it: a new one, if none did. Who uses it nowhere gives it back to {@linkcode Backend.unwatch}. */
  numberOf(id: Uint8Array, interest: Interest): number;
  /** What an open directory is, or `undefined` if it can't be told. */
  idOfOpen(fd: number): Uint8Array | undefined;
  /** What one is in by now, or `undefined` if it was deleted, or is out of reach. */
  above(id: Uint8Array): Uint8Array | undefined;
  /** The same of an open directory. */
  aboveOpen(fd: number): Uint8Array | undefined;
  /** Opens one as a path, wherever it is. -1 if it was deleted, or is out of reach. */
  open(id: Uint8Array): number;
  /** Reads all that has happened by now, if something is told at the moment, and stops again and again. */
  readOn(): Iterable<void>;
  /** Tells something of what an event said that was handed out last. */
  during(tell: () => void): void;
  /** Where among what is told that begins which happened after directories were read. */
  readonly markAt: number;
  /** Whether events are lost of before {@linkcode Backend.mark}, which is told next or later: what was in a directory is not known for sure then. */
  readonly isTorn: boolean;
  /** Whether anything has happened that is not told yet. */
  readonly hasMore: boolean;
  /** Whether directories come or go in what is still to be told. */
  readonly hasSteps: boolean;
  /** What happens first to a directory itself. */
  step(id: Uint8Array): Step | undefined;
  /**
   * Looks for what happens to names, before somebody asks.
   *
   * @param limit As `performance.now()` has it.
   * @returns Whether all of it is known: else it goes on the next time.
   */
  name(limit: number): boolean;
  /** What happens first to each name in a directory: by the bytes of the names as text. */
  sequel(id: Uint8Array): ReadonlyMap<string, Sequel>;
  /** The same of one name. */
  first(id: Uint8Array, name: Uint8Array): Sequel | undefined;
}

/** What was there when events began to be queued, if all that is watched are directories, and known: they are about it, and not about what is there by now. */
export interface Start {
  /** When that was: milliseconds since 1970. */
  readonly at: number;
  /** The same as `performance.now()` has it. */
  readonly tick: number;
  /** The identities of the roots and of what is above them, by their paths as text, or why such a directory can't be watched. */
  readonly ids: ReadonlyMap<string, Uint8Array | OSError>;
}

/** A way to watch directories. Who made it closes its descriptor. */
export interface Backend {
  readonly name: "inotify" | "fanotify";
  /**
   * Watches a directory, in addition to what is watched of it already.
   *
   * @param dirfd The directory, open.
   * @returns The same number for the same directory, by whichever path it was opened, as long as it is watched.
   * @throws {OSError} It can't be watched: `ENOSPC`, `EACCES`.
   */
  watch(dirfd: number, interest: Interest): number;
  /**
   * Watches all entries of a directory by its path, which is no link: see `Trust`.
   *
   * @throws {OSError} It can't be watched, or is not there.
   */
  watchPath?(path: PinnedString): number;
  /** Whether what was watched last is the first of its file system, of whose mounts nothing tells. `undefined` if each directory is watched by itself. */
  readonly isFirst?: boolean;
  /** Stops watching. Events of the handle that still come are dropped. */
  unwatch(handle: number): void;
  /**
   * Reads what is there, behind what is to be handed out again.
   *
   * @param most Where in the buffer it ends.
   * @returns How many bytes there are.
   */
  read(buffer: Pinned, most?: number): number;
  /**
   * Goes ahead of what one read returned, and reads on as long as that brings anything new.
   *
   * @param most Where in the buffer that ends.
   * @returns How many bytes there are then.
   */
  follow(buffer: Pinned, length: number, sink: Sink, most?: number): number;
  /**
   * Hands what one read returned to the sink, in order, as long as that is not busy.
   *
   * @param limit As `performance.now()` has it: what was read ahead is handed out until then, and a few events in any case.
   * @returns Whether that was all: else it goes on with the next read.
   */
  decode(buffer: Pinned, length: number, sink: Sink, limit?: number): boolean;
  /**
   * All that is to be read of directories by now was read: what has happened up to now may have been before that, and nothing that
   * happens later. As long as what was in them can be told, all of it is read before any of it is told.
   */
  mark(): void;
  /** Whether all that had happened when that was called last is told, but for what is told now if that is later. */
  readonly isMarkTold: boolean;
  /** What was in directories before, if that can be told. */
  readonly past: Past | undefined;
  /** Nothing is left to read: hands out what was held back. */
  emptied(sink: Sink): void;
  /** Gives back its memory: nothing is watched any more, and what was read and not told is told to nobody. */
  end?(): void;
}
