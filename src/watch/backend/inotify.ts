/**
 * Directories watched by inotify, one watch each.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { LONGEST_RECORD } from "../../events/intake.ts";
import { type Pinned, pinned, PinnedString } from "../../libc.ts";
import { ioctl_fionread, read_nonblock } from "../../syscalls/fd.ts";
import {
  IN,
  IN_REPORTED,
  inotify_add_watch,
  INOTIFY_EVENT_SIZE,
  inotify_init1,
  inotify_rm_watch,
} from "../../syscalls/inotify.ts";
import { brief } from "../tree/brief.ts";
import type { Backend, Interest, RawChange, RawEvent, Sink } from "./backend.ts";

const SELF = IN.DELETE_SELF | IN.MOVE_SELF | IN.ONLYDIR | IN.MASK_ADD;
const NAMES = SELF | IN.CREATE | IN.DELETE | IN.MOVE | IN.ATTRIB;

const NOTHING = new Uint8Array(0);

const MADE = IN.CREATE | IN.MOVED_TO;

const RECORD_WORDS = INOTIFY_EVENT_SIZE >>> 2;

const NO_ENTRY = IN_REPORTED.Q_OVERFLOW | IN_REPORTED.IGNORED;
const SELVES = IN.MOVE_SELF | IN.DELETE_SELF | IN.ATTRIB;

/** How many records behind that of a new entry are searched for what became of it. */
const NEAR = 8;

function changeOf(mask: number): RawChange | undefined {
  if ((mask & IN.CREATE) !== 0) return "create";
  if ((mask & IN.CLOSE_WRITE) !== 0) return "written";
  if ((mask & IN.DELETE) !== 0) return "delete";
  if ((mask & IN.MODIFY) !== 0) return "modified";
  if ((mask & IN.ATTRIB) !== 0) return "attributes";
  if ((mask & IN.MOVED_FROM) !== 0) return "moved-from";
  return (mask & IN.MOVED_TO) !== 0 ? "moved-to" : undefined;
}

/** What the records that follow one of a new entry tell of it. Positions are in units of four bytes. */
function nextOf(words: Int32Array, record: number, end: number): RawEvent["next"] {
  const size = RECORD_WORDS + ((words[record + 3] ?? 0) >>> 2);
  let next: RawEvent["next"];
  let at = record + size;
  for (let count = 0; count < NEAR && at + size <= end; count++) {
    if (words[at] === words[record] && words[at + 3] === words[record + 3]) {
      let same = RECORD_WORDS;
      while (same < size && words[at + same] === words[record + same]) same++;
      if (same === size) {
        const mask = words[at + 1] ?? 0;
        if ((mask & IN.DELETE) !== 0) return "delete";
        // From there on it has another name.
        if ((mask & IN.MOVE) !== 0) return undefined;
        if ((mask & IN.CLOSE_WRITE) !== 0) next = "written";
      }
    }
    at += RECORD_WORDS + ((words[at + 3] ?? 0) >>> 2);
  }
  return next;
}

/** Whether a directory was made or came. Positions are in units of four bytes. */
function madeIn(words: Int32Array, from: number, end: number): boolean {
  for (let at = from; at < end; at += RECORD_WORDS + ((words[at + 3] ?? 0) >>> 2)) {
    const mask = words[at + 1] ?? 0;
    if ((mask & IN_REPORTED.ISDIR) !== 0 && (mask & MADE) !== 0) return true;
  }
  return false;
}

/** {@linkcode Backend} over inotify(7). */
export class InotifyBackend implements Backend {
  readonly name = "inotify";
  /** Readable when there are events. */
  readonly fd: number;
  readonly past = undefined;
  readonly #masks: Readonly<Record<Interest, number>>;
  /** One for all. */
  readonly #event = {
    handle: 0,
    change: "create" as RawChange,
    isDirectory: false,
    cookie: 0,
    child: 0,
    next: undefined as RawEvent["next"],
    name: { bytes: new Uint8Array(0), start: 0, end: 0 },
    look: undefined,
    pid: undefined,
  };
  /** Removed by us, with an `IGNORED` event to come: what comes before that is of the removed watch, whoever has its number by now. */
  readonly #leaving = new Map<number, number>();
  /** What was read and is not handed out yet. */
  #rest = NOTHING;
  /** Where in what was read is what is handed out now, and where what happened begins that is later than the mark. */
  #at = 0;
  #markAt = 0;

  /**
   * @param modify Whether each write is of interest, and not only that a writer closed a file.
   * @throws {OSError} `EMFILE`: at fs.inotify.max_user_instances or the descriptor limit. `ENFILE`.
   */
  constructor(modify: boolean) {
    const tree = NAMES | IN.CLOSE_WRITE | IN.EXCL_UNLINK | (modify ? IN.MODIFY : 0);
    this.#masks = { tree, names: NAMES, self: SELF };
    this.fd = inotify_init1(IN.NONBLOCK | IN.CLOEXEC);
    brief(linkTo);
  }

  watch(dirfd: number, interest: Interest): number {
    // The directory that is open, whatever its path leads to by now, and however long that is.
    return inotify_add_watch(this.fd, linkTo(dirfd), this.#masks[interest]);
  }

  watchPath(path: PinnedString): number {
    return inotify_add_watch(this.fd, path, this.#masks.tree | IN.DONT_FOLLOW);
  }

  unwatch(handle: number): void {
    try {
      inotify_rm_watch(this.fd, handle);
    } catch (error) {
      // The kernel was faster: it is deleted.
      if (error instanceof OSError && error.code === "EINVAL") return;
      throw error;
    }
    this.#leaving.set(handle, (this.#leaving.get(handle) ?? 0) + 1);
  }

  read(buffer: Pinned, most: number = buffer.byteLength): number {
    const length = this.#rest.length;
    buffer.bytes.set(this.#rest);
    this.#rest = NOTHING;
    if (most - length < LONGEST_RECORD) return length;
    return length + Math.max(0, read_nonblock(this.fd, buffer, length, most));
  }

  follow(buffer: Pinned, length: number, sink: Sink, most: number = buffer.byteLength): number {
    let end = length;
    for (let from = 0; madeIn(buffer.words, from >>> 2, end >>> 2);) {
      this.#lookAhead(buffer, from, end, sink);
      from = end;
      if (most - end > LONGEST_RECORD)
        end += Math.max(0, read_nonblock(this.fd, buffer, end, most));
    }
    return end;
  }

  /** Speaks of directories that were made, the last one first: it is the likeliest to be there still. */
  #lookAhead(buffer: Pinned, from: number, end: number, sink: Sink): void {
    const { bytes, words } = buffer;
    const records: number[] = [];
    for (let at = from; at + INOTIFY_EVENT_SIZE <= end;) {
      const mask = words[(at >>> 2) + 1] ?? 0;
      if ((mask & IN_REPORTED.ISDIR) !== 0 && (mask & MADE) !== 0) records.push(at);
      at += INOTIFY_EVENT_SIZE + (words[(at >>> 2) + 3] ?? 0);
    }
    for (const at of records.toReversed()) {
      const handle = words[at >>> 2] ?? 0;
      if (this.#leaving.has(handle)) continue;
      const start = at + INOTIFY_EVENT_SIZE;
      sink.ahead(handle, { bytes, start, end: bytes.indexOf(0, start) });
    }
  }

  decode(buffer: Pinned, length: number, sink: Sink): boolean {
    const { bytes, words } = buffer;
    const event = this.#event;
    const { name } = event;
    name.bytes = bytes;
    // The same as read_inotify_events, without a call for each of a million records.
    for (let at = 0; at + INOTIFY_EVENT_SIZE <= length;) {
      if (sink.isBusy) {
        this.#rest = bytes.slice(at, length);
        this.#pass(at);
        return false;
      }
      this.#at = at;
      const record = at >>> 2;
      const handle = words[record] ?? 0;
      const mask = words[record + 1] ?? 0;
      const start = at + INOTIFY_EVENT_SIZE;
      at = start + (words[record + 3] ?? 0);
      if (at > length) break;
      if ((mask & NO_ENTRY) !== 0 || this.#leaving.size > 0) {
        if (!this.#isEntry(handle, mask, sink)) continue;
      }
      const change = changeOf(mask);
      if (at === start || change === undefined) {
        if (at === start && (mask & SELVES) !== 0) sink.self(handle, "changed");
        continue;
      }
      name.start = start;
      // The kernel fills up with at most as many as a record's head has.
      let end = Math.max(start, at - INOTIFY_EVENT_SIZE);
      while (end < at && bytes[end] !== 0) end++;
      name.end = end;
      event.handle = handle;
      event.change = change;
      event.isDirectory = (mask & IN_REPORTED.ISDIR) !== 0;
      event.cookie = words[record + 2] ?? 0;
      event.next =
        change === "create" && !event.isDirectory ? nextOf(words, record, length >>> 2) : undefined;
      sink.entry(event);
    }
    this.#pass(length);
    return true;
  }

  mark(): void {
    this.#markAt = this.#rest.length + ioctl_fionread(this.fd);
  }

  get isMarkTold(): boolean {
    return this.#at >= this.#markAt;
  }

  /** So much of what was read is handed out. */
  #pass(length: number): void {
    this.#at = 0;
    this.#markAt = Math.max(0, this.#markAt - length);
  }

  /** Whether an event is of an entry of a directory that is watched. If it is of something else, that is told. */
  #isEntry(handle: number, mask: number, sink: Sink): boolean {
    if ((mask & IN_REPORTED.Q_OVERFLOW) !== 0) {
      // What ends a removed watch may be among what was lost.
      this.#leaving.clear();
      sink.overflow();
      return false;
    }
    if (this.#leaving.size > 0 && this.#isLate(handle, mask)) return false;
    if ((mask & IN_REPORTED.IGNORED) === 0) return true;
    sink.self(handle, "gone");
    return false;
  }

  emptied(_sink: Sink): void {}

  #isLate(handle: number, mask: number): boolean {
    const count = this.#leaving.get(handle);
    if (count === undefined) return false;
    if ((mask & IN_REPORTED.IGNORED) === 0) return true;
    if (count === 1) this.#leaving.delete(handle);
    else this.#leaving.set(handle, count - 1);
    return true;
  }
}

const LINK = Buffer.from("/proc/self/fd/");

let link: PinnedString | undefined;
let linkBytes: Uint8Array | undefined;
let linked = -1;

/** What leads to an open descriptor, for one call: few are open at once, and the same numbers come again and again. */
function linkTo(fd: number): PinnedString {
  if (link === undefined || linkBytes === undefined) {
    const block = pinned(LINK.length + 16);
    linkBytes = block.bytes;
    linkBytes.set(LINK);
    link = new PinnedString(block);
  }
  if (fd === linked) return link;
  linked = fd;
  let end = LINK.length + 1;
  for (let rest = fd; rest >= 10; rest = Math.floor(rest / 10)) end++;
  linkBytes[end] = 0;
  for (let rest = fd, at = end - 1; at >= LINK.length; rest = Math.floor(rest / 10), at--)
    linkBytes[at] = 0x30 + (rest % 10);
  return link;
}
