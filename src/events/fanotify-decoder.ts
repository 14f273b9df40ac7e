/**
 * What a read of a fanotify group returned, as events.
 *
 * @module
 */
import { builtin, type Pinned } from "../libc.ts";
import { read_fanotify_event_info, read_fanotify_handle_end } from "../syscalls/fanotify-info.ts";
import {
  FAN_EVENT_INFO_TYPE,
  read_fanotify_event_infos,
  read_fanotify_events,
} from "../syscalls/fanotify-records.ts";
import { FAN, FAN_REPORTED } from "../syscalls/fanotify.ts";
import type { Decisions } from "./fanotify-decision.ts";
import { Descriptors, own, relieve } from "./fanotify-descriptors.ts";
import { FanotifyEvent, type FanotifyRaw } from "./fanotify-event.ts";
import type { Place, Places } from "./fanotify-paths.ts";
import { DECIDED } from "./fanotify-words.ts";
import { join, type Name, NameCache, nameOf } from "./names.ts";

const { FID, DFID, DFID_NAME, PIDFD, ERROR, RANGE, MNT, OLD_DFID_NAME, NEW_DFID_NAME } =
  FAN_EVENT_INFO_TYPE;

const RENAME = Number(FAN.RENAME);
const MOVED_FROM = Number(FAN.MOVED_FROM);
const RENAMES = RENAME | MOVED_FROM;
const DELETE_SELF = Number(FAN.DELETE_SELF);
/** After these a directory has a name that it did not have. */
const ARRIVALS = Number(FAN.CREATE | FAN.MOVED_TO | FAN.RENAME);
const DIR = Number(FAN.ONDIR);
const WAITS = Number(DECIDED);
/** Nobody's doing, whoever was there. */
const OWNERLESS = Number(FAN_REPORTED.Q_OVERFLOW | FAN.FS_ERROR);

/** One cache serves every group of a thread. */
let names: NameCache | undefined;

/** What of a group decoding needs to know. */
export interface DecoderOptions {
  /** Whether events of this process are told. */
  readonly own: boolean;
  /** Whether they name the thread. */
  readonly tid: boolean;
  /** Whether they have a descriptor, or a reason for none. */
  readonly fds: boolean;
}

/** Decodes for one group. */
export class Decoder {
  readonly #places: Places;
  readonly #decisions: Decisions;
  readonly #options: DecoderOptions;
  /** Whether renames of directories are told. */
  seesRenames = false;
  /** What is decoded now, and the places in it beside the main one: from where it was renamed, and what it is about itself. */
  #buffer: Pinned | undefined;
  #raw: FanotifyRaw | undefined;
  #old: Place | undefined;
  #entry: Place | undefined;
  /** What may have to be said otherwise in the end, with both places of each. */
  readonly #assumed: [raw: FanotifyRaw, place: Place | undefined, old: Place | undefined][] = [];
  #replays = false;

  constructor(places: Places, decisions: Decisions, options: DecoderOptions) {
    this.#places = places;
    this.#decisions = decisions;
    this.#options = options;
  }

  /** @returns The events, and how many bytes they were: fewer than `length` if the rest is malformed. */
  decode(buffer: Pinned, length: number): [events: FanotifyEvent[], visited: number] {
    const events: FanotifyEvent[] = [];
    const places = this.#places;
    this.#replays = this.seesRenames && hasRenames(buffer, length);
    places.begin(this.#replays);
    try {
      const visited = read_fanotify_events(
        buffer,
        length,
        (_, end, records, mask, high, fd, pid) => {
          const event = this.#event(buffer, end, records, mask, high, fd, pid);
          if (event !== undefined) events.push(event);
        },
      );
      return [events, visited];
    } finally {
      this.#correct(places.end());
      relieve();
    }
  }

  #event(
    buffer: Pinned,
    end: number,
    records: number,
    mask: number,
    maskHigh: number,
    fd: number,
    pid: number,
  ): FanotifyEvent | undefined {
    const { tid, fds } = this.#options;
    const raw = rawOf(mask, maskHigh, pid, tid, fds ? fd : Math.max(fd, -1));
    const event = new FanotifyEvent(raw);
    // Owned before anything else is done with it.
    if (fd >= 0) {
      raw.descriptors = this.#owned(event, fd);
      if ((mask & WAITS) !== 0) raw.decision = raw.descriptors.pending = this.#decisions.add(fd);
    }
    if (records < end) this.#records(buffer, records, end, raw);
    const { pidfd = -1 } = raw;
    if (pidfd >= 0) (raw.descriptors ??= this.#owned(event, -1)).addPidfd(pidfd);
    if (!this.#isOwn(mask, pid) || (this.#options.own && raw.decision === undefined)) return event;
    event[Symbol.dispose]();
    return undefined;
  }

  #owned(event: FanotifyEvent, fd: number): Descriptors {
    const descriptors = new Descriptors(fd);
    own(event, descriptors);
    return descriptors;
  }

  #records(buffer: Pinned, records: number, end: number, raw: FanotifyRaw): void {
    this.#buffer = buffer;
    this.#raw = raw;
    this.#old = this.#entry = undefined;
    read_fanotify_event_infos(buffer, records, end, this.#record);
    if (raw.place !== undefined || this.#old !== undefined) this.#locate(raw);
  }

  /** Takes one record into what is decoded now. One function for all, because there are more records than anything else. */
  readonly #record = (type: number, from: number, to: number): void => {
    const raw = this.#raw;
    const buffer = this.#buffer;
    if (raw === undefined || buffer === undefined) return;
    switch (type) {
      case DFID_NAME:
      case NEW_DFID_NAME:
        raw.place = this.#places.find(buffer, from, to);
        raw.name = nameAt(buffer, from, to);
        break;
      case OLD_DFID_NAME:
        this.#old = this.#places.find(buffer, from, to);
        raw.oldName = nameAt(buffer, from, to);
        break;
      case FID:
      case DFID:
        if (raw.place === undefined) raw.place = this.#places.find(buffer, from, to);
        else if ((raw.mask & DIR) !== 0 && (raw.mask & ARRIVALS) !== 0)
          this.#entry = this.#places.find(buffer, from, to);
        break;
      case PIDFD:
      case ERROR:
      case RANGE:
      case MNT:
        take(raw, buffer, from, to);
    }
  };

  /** Finds the paths, and keeps those that are known true. */
  #locate(raw: FanotifyRaw): void {
    const places = this.#places;
    const oldPlace = this.#old;
    const { mask, place, name } = raw;
    if (this.#replays) this.#assumed.push([raw, place, oldPlace]);
    if (place !== undefined) {
      const deleted = (mask & DELETE_SELF) !== 0 && (name === undefined || name.text === "");
      raw.directory = deleted ? places.pathOfDeleted(place) : places.pathOf(place);
    }
    if (oldPlace !== undefined) raw.oldDirectory = places.pathOf(oldPlace);
    raw.place ??= oldPlace;
    if ((mask & DIR) !== 0 && (mask & (RENAMES | ARRIVALS)) !== 0) this.#follow(raw, this.#entry);
  }

  #correct(wrong: ReadonlySet<Place>): void {
    if (wrong.size > 0) {
      for (const [raw, place, old] of this.#assumed) {
        if (place !== undefined && wrong.has(place)) raw.directory = place.path;
        if (old !== undefined && wrong.has(old)) raw.oldDirectory = old.path;
      }
    }
    this.#assumed.length = 0;
  }

  /** A directory has another name than before, or a first one. */
  #follow(
    { mask, directory, name, oldDirectory, oldName }: FanotifyRaw,
    entry: Place | undefined,
  ): void {
    const to = directory && name && join(directory, name);
    if ((mask & RENAME) !== 0 && oldDirectory !== undefined && oldName !== undefined)
      this.#places.rename(join(oldDirectory, oldName), to);
    // Merged with what happened to the name before or after, this is all that can be said.
    if ((mask & MOVED_FROM) !== 0 && to !== undefined) this.#places.rename(to, undefined);
    if (entry !== undefined && to !== undefined) this.#places.learn(entry, to);
  }

  #isOwn(mask: number, pid: number): boolean {
    if ((mask & OWNERLESS) !== 0 || pid === 0) return false;
    return this.#options.tid
      ? builtin("node:fs").existsSync(`/proc/self/task/${pid}`)
      : pid === process.pid;
  }
}

/** An event that tells of events that were lost, as the kernel's own do. */
export function overflow(): FanotifyEvent {
  return new FanotifyEvent(rawOf(Number(FAN_REPORTED.Q_OVERFLOW), 0, 0, false, -1));
}

function rawOf(
  mask: number,
  maskHigh: number,
  pid: number,
  isTid: boolean,
  fd: number,
): FanotifyRaw {
  return {
    mask,
    maskHigh,
    pid,
    isTid,
    place: undefined,
    directory: undefined,
    name: undefined,
    oldDirectory: undefined,
    oldName: undefined,
    fd,
    pidfd: undefined,
    descriptors: undefined,
    decision: undefined,
    error: undefined,
    errorCount: undefined,
    range: undefined,
    mountId: undefined,
  };
}

function hasRenames(buffer: Pinned, length: number): boolean {
  let found = false;
  read_fanotify_events(buffer, length, (_, _end, _records, mask) => {
    found ||= (mask & DIR) !== 0 && (mask & RENAMES) !== 0;
  });
  return found;
}

function nameAt(buffer: Pinned, from: number, to: number): Name | undefined {
  const at = read_fanotify_handle_end(buffer, from, to);
  if (at === -1) return undefined;
  if (at < to && ((at | to) & 3) === 0) {
    const name = (names ??= new NameCache()).get(buffer, at, to - at);
    return name.text === "." ? SELF : name;
  }
  const info = read_fanotify_event_info(buffer, from, to);
  return info !== undefined && "name" in info && info.name !== undefined
    ? nameOf(info.name)
    : undefined;
}

/** The kernel calls a directory that an event is about itself `.`. */
const SELF: Name = { text: "", bytes: undefined };

function take(raw: FanotifyRaw, buffer: Pinned, from: number, to: number): void {
  const info = read_fanotify_event_info(buffer, from, to);
  if (info === undefined) return;
  if ("pidfd" in info) raw.pidfd = info.pidfd;
  else if ("mnt_id" in info) raw.mountId = info.mnt_id;
  else if ("offset" in info) raw.range = { offset: Number(info.offset), count: Number(info.count) };
  else if ("error" in info) {
    raw.error = info.error;
    raw.errorCount = info.error_count;
  }
}
