/**
 * Directories watched by fanotify: one mark for each file system, whose events name a directory by its handle.
 *
 * The kernel merges an event with an earlier one of the same entry, name and process that was not read yet, however much came
 * between. So what an event says last may have happened later than its place among the others: a directory that was made
 * and deleted is deleted when nothing is left to read, and names that this makes doubtful are compared with the disk.
 *
 * @module
 */
import { readBuffer } from "../../events/intake.ts";
import type { Pinned } from "../../libc.ts";
import { FAN_EVENT_METADATA_LEN, read_fanotify_events } from "../../syscalls/fanotify-records.ts";
import { FAN, FAN_REPORTED } from "../../syscalls/fanotify.ts";
import { read_nonblock } from "../../syscalls/fd.ts";
import { name_to_handle_at_into } from "../../syscalls/handle.ts";
import type { Look } from "../disk/look.ts";
import { brief } from "../tree/brief.ts";
import type { NameBytes } from "../tree/node.ts";
import { copyOf, keyOf } from "../tree/paths.ts";
import {
  type Backend,
  type Interest,
  RANK,
  type RawChange,
  type RawEvent,
  type Sink,
} from "./backend.ts";
import { FanotifyAbout, type Spot } from "./fanotify-about.ts";
import { FanotifyBacklog } from "./fanotify-backlog.ts";
import { FanotifyHandles } from "./fanotify-handles.ts";
import type { FanotifyMarks } from "./fanotify-marks.ts";
import { FanotifyPast } from "./fanotify-past.ts";
import { FanotifyWhereabouts } from "./fanotify-whereabouts.ts";

const CREATE = Number(FAN.CREATE);
const DELETE = Number(FAN.DELETE);
const RENAME = Number(FAN.RENAME);
const ATTRIB = Number(FAN.ATTRIB);
const MODIFY = Number(FAN.MODIFY);
const CLOSE_WRITE = Number(FAN.CLOSE_WRITE);
const DIR = Number(FAN.ONDIR);
const OVERFLOW = Number(FAN_REPORTED.Q_OVERFLOW);

const DOT = 0x2e;

/** Milliseconds for which the deletion of a directory that is gone is waited for. */
const PATIENCE = 50;

/** Events that were read ahead, and are told in one turn of the event loop before others wait. */
const AT_ONCE = 64;

/** Events between two looks at the time. */
const STEP = 8;

/** Bytes, by the kernel's count, of events that may wait there until what was read ahead is told: many fewer than it keeps by default. */
const MOST_QUEUED = 4096 * FAN_EVENT_METADATA_LEN;

/** How often more than that is read ahead, so that it comes to an end whatever others do. */
const MOST_LATER = 4;

/** Milliseconds of the last step before the time is up, which may be a large directory. */
const LAST = 1.5;

/** What it takes to find out what was in a directory, in events. */
const READ = 16;

/** A place in the tree. */
interface Place {
  /** The number of the directory, 0 if nobody knows it. */
  handle: number;
  readonly name: { bytes: Uint8Array; start: number; end: number };
}

/** A directory that was deleted, but what happened in it before is still to come. */
interface Late {
  readonly handle: number;
  readonly name: NameBytes;
  readonly child: number;
  readonly pid: number | undefined;
}

function place(): Place {
  return { handle: 0, name: { bytes: new Uint8Array(0), start: 0, end: 0 } };
}

/** {@linkcode Backend} over fanotify(7). It needs CAP_SYS_ADMIN and Linux 5.17. */
export class FanotifyBackend implements Backend {
  readonly name = "fanotify";
  readonly fd: number;
  readonly #table = new FanotifyHandles();
  readonly #marks: FanotifyMarks;
  /** Directories that are not within the tree, while that is not known of all. */
  #outside: FanotifyHandles | undefined;
  readonly #late: Late[] = [];
  /** Names of renames, with the directories they are in, since nothing was left to read. */
  readonly #renamed = new Set<string>();
  readonly #backlog = new FanotifyBacklog();
  readonly past: FanotifyPast;
  readonly #whereabouts: FanotifyWhereabouts;
  /** Since when the event that is decoded now can't be told. */
  #heldSince = 0;
  #isHeld = false;
  #cookie = 0;
  /** Until when what was read ahead is told, as `performance.now()` has it. */
  #limit = Infinity;
  /** Events that may be told before the time is looked at. */
  #left = 0;
  #laterMarks = 0;
  /** Whether the time was up before anything was told of what was read ahead. */
  #isUnsorted = false;
  /** Whether it was before all of that was told. */
  #isOnward = false;
  /** What is decoded now: where something is, and from where it came. */
  #buffer: Pinned | undefined;
  readonly #about = new FanotifyAbout();
  #sink: Sink | undefined;
  readonly #place = place();
  readonly #old = place();
  /** One for all. */
  readonly #event = {
    handle: 0,
    change: "create" as RawChange,
    isDirectory: false,
    cookie: 0,
    child: 0,
    next: undefined as RawEvent["next"],
    name: this.#place.name,
    look: (path: string | Uint8Array) => this.#look(path),
    pid: undefined as number | undefined,
  };

  /** @param marks Those of the file systems of all that will be watched at the start. */
  constructor(marks: FanotifyMarks) {
    this.fd = marks.fd;
    this.#marks = marks;
    brief(marks.add, name_to_handle_at_into);
    this.past = new FanotifyPast(this.#table, marks, this.#backlog, this.fd, () => this.#readAll());
    this.#whereabouts = new FanotifyWhereabouts(this.#table, marks, this.#backlog, this.past);
  }

  watch(dirfd: number, interest: Interest): number {
    const length = this.#marks.add(dirfd, interest);
    const id = this.#table.add(this.#marks.key, 0, length);
    this.#table.raise(id, RANK[interest]);
    return id;
  }

  get isFirst(): boolean {
    return this.#marks.isFirst;
  }

  unwatch(handle: number): void {
    this.#table.remove(handle);
  }

  read(buffer: Pinned, most: number = buffer.byteLength): number {
    // What comes meanwhile waits until what was read ahead is told.
    if (this.#isUnsorted || this.#isOnward) return 0;
    return Math.max(0, read_nonblock(this.fd, buffer, 0, most));
  }

  /** All that happens in a new directory is told. */
  follow(_buffer: Pinned, length: number, _sink: Sink): number {
    return length;
  }

  decode(buffer: Pinned, length: number, sink: Sink, limit: number = Infinity): boolean {
    this.#sink = sink;
    this.#limit = limit - LAST;
    if (sink.isIncomplete || !this.#backlog.isEmpty)
      return this.#decodeAhead(buffer, 0, length, sink);
    this.#outside = undefined;
    this.#buffer = buffer;
    let stopped = -1;
    const visited = read_fanotify_events(
      buffer,
      length,
      (at, end, records, mask, _high, _fd, pid) => {
        if (stopped !== -1) return;
        if (sink.isBusy) this.#isHeld = true;
        else this.#decode(records, end, mask, pid, sink);
        if (this.#isHeld) stopped = at;
        else this.#backlog.passed(end - at);
      },
    );
    this.#isHeld = false;
    if (stopped !== -1) return this.#decodeAhead(buffer, stopped, length, sink);
    // What can't be understood is lost.
    if (visited < length) this.#overflow(sink);
    return true;
  }

  emptied(sink: Sink): void {
    this.#renamed.clear();
    while (!sink.isBusy) {
      const late = this.#late.shift();
      if (late === undefined) break;
      const { handle, name, child, pid } = late;
      if (!sink.knows(child)) continue;
      const about = { isDirectory: true, cookie: 0, child, next: undefined, look: undefined };
      sink.entry({ handle, change: "delete", ...about, name, pid });
      this.#settle(child, sink);
    }
    this.#table.recycle();
  }

  mark(): void {
    this.past.mark();
  }

  get isMarkTold(): boolean {
    return this.past.isMarkTold;
  }

  end(): void {
    this.past.end();
  }

  // --- One event ---------------------------------------------------------------

  #decode(records: number, end: number, mask: number, pid: number, sink: Sink): void {
    if ((mask & OVERFLOW) !== 0) return this.#overflow(sink);
    const buffer = this.#buffer as Pinned;
    this.#place.handle = this.#old.handle = 0;
    const about = this.#about;
    about.read(buffer, records, end);
    if (about.old.isThere) this.#find(this.#old, about.old, buffer);
    if (about.place.isThere) this.#find(this.#place, about.place, buffer);
    if (this.#isHeld) return;
    if (this.#place.handle !== 0 || this.#old.handle !== 0) {
      this.#tell(mask, pid === 0 ? undefined : pid, sink);
      if (this.#isHeld) return;
    } else if ((mask & DIR) !== 0 && (mask & (DELETE | RENAME)) !== 0) {
      // A directory outside that a link leads to.
      const child = this.#childOf(false);
      if (child !== 0) this.#settle(child, sink);
    }
    // Nobody need look for it.
    const isNew = (mask & CREATE) !== 0 && this.#place.handle === 0;
    const isGone = (mask & (CREATE | DELETE)) === DELETE;
    const isOutside = (mask & DIR) !== 0 && (isNew || isGone) && about.self.isThere;
    if (isOutside) this.#outside?.add(buffer.bytes, about.self.from, about.self.to);
  }

  #find(found: Place, spot: Spot, { bytes }: Pinned): void {
    const { from, to } = spot;
    found.handle = this.#table.find(bytes, from, to);
    if (found.handle === 0) {
      if (!this.#backlog.isEmpty) found.handle = this.#discover(bytes.subarray(from, to));
      // Something came that is to be read.
      else if (this.#sink?.isIncomplete === true) this.#isHeld = true;
      if (found.handle === 0) return;
    }
    found.name.bytes = bytes;
    found.name.start = to;
    found.name.end = spot.nameEnd(bytes);
  }

  // --- Directories that are not known yet ----------------------------------------

  #decodeAhead(buffer: Pinned, first: number, length: number, sink: Sink): boolean {
    let isAll = false;
    this.past.during(() => (isAll = this.#tellAll(buffer, first, length, sink)));
    return isAll;
  }

  #tellAll(buffer: Pinned, first: number, length: number, sink: Sink): boolean {
    this.#outside ??= new FanotifyHandles();
    if (length > first) this.#backlog.add(buffer, first, length);
    if (sink.isBusy) return false;
    if (!this.#sort(sink)) return false;
    this.#left = performance.now() < this.#limit ? AT_ONCE : STEP;
    this.#isOnward = false;
    return this.#backlog.take((block, from, at) => {
      this.#buffer = block;
      let stopped: number | undefined;
      const visited = read_fanotify_events(
        block,
        block.byteLength,
        (offset, end, records, mask, _high, _fd, pid) => {
          if (offset < from || stopped !== undefined) return;
          if (this.#left <= 0 && performance.now() >= this.#limit) this.#isOnward = true;
          else if (this.#left <= 0) this.#left = STEP;
          if (sink.isBusy || this.#isOnward) {
            stopped = offset;
            return;
          }
          this.#left--;
          this.past.at = at + offset;
          // More than can be looked through before it is told.
          if (sink.isEarly && this.#backlog.isFull) this.#overflow(sink);
          this.#decode(records, end, mask, pid, sink);
          if (this.#isHeld) stopped = offset;
          else this.#heldSince = 0;
          this.#isHeld = false;
        },
      );
      if (visited < block.byteLength) this.#overflow(sink);
      return stopped;
    });
  }

  /** Reads all that was there when directories were read, and sets those right. @returns Whether that is done: else it goes on the next time. */
  #sort(sink: Sink): boolean {
    // What happened after the directories were read that there are is no part of what they are set right by.
    const isBegun = this.#isUnsorted || this.#isOnward;
    if (!isBegun) this.#laterMarks = 0;
    const isLater = isBegun && this.#laterMarks < MOST_LATER && this.past.queued > MOST_QUEUED;
    if (isLater) this.#laterMarks++;
    if (sink.isEarly && (isLater || (!isBegun && sink.isReading))) this.past.mark();
    this.#isUnsorted = true;
    if (!this.#readAhead(this.#limit)) return false;
    if (sink.isEarly && sink.isReading && !this.past.name(this.#limit)) return false;
    this.past.at = this.#backlog.told;
    if (sink.isEarly && !sink.rectify(this.#limit)) return false;
    this.#isUnsorted = false;
    return true;
  }

  /** Reads all that is there by now, if what was there when it happened matters. */
  *#readAll(): Generator<void, void, void> {
    if (this.#sink?.isEarly !== true || !this.past.isTold) return;
    this.#left -= READ;
    this.past.mark();
    while (!this.#readAhead(-Infinity)) yield;
  }

  /** Reads what is still to be read ahead. @returns Whether the time was not up before that. */
  #readAhead(limit: number): boolean {
    const sink = this.#sink;
    if (sink?.isEarly !== true) return true;
    const buffer = readBuffer();
    while (this.#backlog.isExpected && !this.#backlog.isFull && !sink.isClosed) {
      const length = read_nonblock(this.fd, buffer);
      if (length <= 0) this.#backlog.expect(0);
      else this.#backlog.add(buffer, 0, length);
      if (this.#backlog.isExpected && performance.now() >= limit) return false;
    }
    return true;
  }

  /** Looks where a directory is that nobody knows. @returns Its number, or 0 if it is not within the tree. */
  #discover(key: Uint8Array): number {
    const [outside, sink] = [this.#outside, this.#sink];
    const { length } = key;
    if (outside === undefined || sink === undefined) return 0;
    if (outside.find(key, 0, length) !== 0) return 0;
    const text = keyOf(key);
    if (this.#whereabouts.isOutside(text, sink)) return 0;
    const where = this.#whereabouts.of(text, sink, outside);
    if (where === "gone") {
      if (this.#backlog.isFull && sink.isEarly) this.#overflow(sink);
      else if (this.#mayWait()) {
        this.#isHeld = true;
        return 0;
      }
    }
    if (typeof where === "object") {
      const id = this.#table.add(key, 0, length);
      this.#table.raise(id, RANK.tree);
      const isWithin = sink.discover(id, where.above, where.names, where.ids, this.#limit);
      if (isWithin === true) return id;
      this.#table.remove(id);
      if (isWithin === "later") {
        this.#stop();
        return 0;
      }
    }
    outside.add(key, 0, length);
    return 0;
  }

  /** The time is up: the event is told the next time. */
  #stop(): void {
    this.#isHeld = this.#isOnward = true;
  }

  /** Whether what deletes a directory that is gone may still be read. */
  #mayWait(): boolean {
    if (this.#sink?.isEarly !== true) return false;
    const now = performance.now();
    if (this.#heldSince === 0) this.#heldSince = now;
    return now - this.#heldSince < PATIENCE;
  }

  // --- What is told -------------------------------------------------------------

  #tell(mask: number, pid: number | undefined, sink: Sink): void {
    const isDirectory = (mask & DIR) !== 0;
    const { handle, name } = this.#place;
    if (handle !== 0 && isSelf(name)) {
      const isElsewhere = (mask & ~(ATTRIB | DIR)) !== 0;
      return sink.self(handle, isElsewhere ? "changed" : "attributes", pid);
    }
    const isNames = (mask & (CREATE | DELETE | RENAME)) !== 0;
    const least = isNames ? RANK.names : RANK.tree;
    const to = this.#table.rank(handle) >= least ? handle : 0;
    const from = this.#table.rank(this.#old.handle) >= least ? this.#old.handle : 0;
    const isRead = [from, to].every((each) => each === 0 || sink.prepare(each, this.#limit));
    if (!isRead) return this.#stop();
    const child = isDirectory && isNames ? this.#childOf(to !== 0 || from !== 0) : 0;
    const isBoth = (mask & CREATE) !== 0 && (mask & DELETE) !== 0;
    const event = this.#event;
    event.isDirectory = isDirectory;
    event.child = child;
    event.next = isBoth ? "delete" : (mask & CLOSE_WRITE) !== 0 ? "written" : undefined;
    event.pid = pid;
    if ((mask & RENAME) !== 0) {
      const cookie = from !== 0 && to !== 0 ? this.#nextCookie() : 0;
      if (from !== 0) this.#one(sink, "moved-from", this.#old, cookie);
      if (to !== 0) this.#one(sink, "moved-to", this.#place, cookie);
      if (from !== 0) {
        this.#noteRename(from, this.#old.name, isDirectory, sink);
        // What was made there before may have been made there again since then, and was merged.
        sink.doubt(from, this.#old.name, isDirectory);
      }
      if (to !== 0) this.#noteRename(to, name, isDirectory, sink);
    } else if (to !== 0) {
      if ((mask & CREATE) !== 0) this.#one(sink, "create", this.#place);
      if ((mask & MODIFY) !== 0) this.#one(sink, "modified", this.#place);
      if ((mask & CLOSE_WRITE) !== 0) this.#one(sink, "written", this.#place);
      if ((mask & ATTRIB) !== 0) this.#one(sink, "attributes", this.#place);
      if (isBoth && child !== 0) this.#late.push({ handle: to, name: copyOf(name), child, pid });
      else if ((mask & DELETE) !== 0) this.#one(sink, "delete", this.#place);
      if (isNames && (isBoth || this.#isNoted(to, name))) sink.doubt(to, name, isDirectory);
    }
    if (child !== 0) this.#settle(child, sink);
  }

  /** Tells one of the things that an event says. */
  #one(sink: Sink, change: RawChange, { handle, name }: Place, cookie: number = 0): void {
    const event = this.#event;
    event.handle = handle;
    event.change = change;
    event.cookie = cookie;
    event.name = name;
    sink.entry(event);
  }

  /** The number of the directory that the entry is: a new one, if it may be made known in a moment. */
  #childOf(isKnown: boolean): number {
    const { bytes } = this.#buffer ?? {};
    const { from, to, isThere } = this.#about.self;
    if (bytes === undefined || !isThere) return 0;
    if (!isKnown) return this.#table.find(bytes, from, to);
    const child = this.#table.add(bytes, from, to);
    this.#table.raise(child, RANK.tree);
    return child;
  }

  /** What the entry is, by its handle, unless it is at the path. */
  #look(path: string | Uint8Array): Look | undefined {
    const { bytes } = this.#buffer ?? {};
    const { from, to, isThere } = this.#about.self;
    if (bytes === undefined || !isThere) return undefined;
    const key = bytes.subarray(from, to);
    // That is found out in a fraction of the time in which it is opened.
    return this.#marks.leadsTo(path, key) ? undefined : this.#marks.look(key);
  }

  /** After an event about a directory itself. */
  #settle(child: number, sink: Sink): void {
    if (!sink.knows(child)) return this.#table.remove(child);
    sink.self(child, "changed");
  }

  #nextCookie(): number {
    return (this.#cookie = (this.#cookie % 0x7fffffff) + 1);
  }

  /** A name that comes again after a rename is in doubt: the same rename may have followed, and was merged. */
  #noteRename(handle: number, name: NameBytes, isDirectory: boolean, sink: Sink): void {
    const key = placeOf(handle, name);
    if (this.#renamed.has(key)) sink.doubt(handle, name, isDirectory);
    this.#renamed.add(key);
  }

  #isNoted(handle: number, name: NameBytes): boolean {
    return this.#renamed.size > 0 && this.#renamed.has(placeOf(handle, name));
  }

  #overflow(sink: Sink): void {
    this.#late.length = 0;
    this.#renamed.clear();
    sink.overflow();
  }
}

/** The kernel calls a directory that an event is about itself `.`. */
function isSelf({ bytes, start, end }: NameBytes): boolean {
  return start === end || (end - start === 1 && bytes[start] === DOT);
}

function placeOf(handle: number, { bytes, start, end }: NameBytes): string {
  return `${handle}/${keyOf(bytes, start, end)}`;
}
