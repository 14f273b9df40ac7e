/**
 * Where things are whose handles fanotify reports.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import type { FdLike, PathLike, Pinned } from "../libc.ts";
import {
  FANOTIFY_FSID_OFFSET,
  read_fanotify_event_info,
  read_fanotify_handle_end,
} from "../syscalls/fanotify-info.ts";
import { O } from "../syscalls/fd.ts";
import {
  AT_HANDLE,
  type FileHandle,
  name_to_handle_at,
  type NamedHandle,
  write_file_handle,
} from "../syscalls/handle.ts";
import { AT, openat } from "../syscalls/open.ts";
import { fstatfs_fsid } from "../syscalls/statfs.ts";
import { linkOf } from "./fanotify-link.ts";
import { FanotifyMounts } from "./fanotify-mounts.ts";
import { closeQuietly } from "./intake.ts";
import type { Name } from "./names.ts";

/** What stays the same when a file or directory is renamed. */
export interface FanotifyHandle {
  /** The file system, as `statfs` has it: two numbers of 32 bits. */
  readonly fsid: readonly [number, number];
  /** As `open_by_handle_at` takes it. */
  readonly handle: FileHandle;
}

/** What has a handle, and the path that it had when it was looked at. */
export class Place implements FanotifyHandle {
  readonly fsid: readonly [number, number];
  readonly handle: FileHandle;
  /** The fsid and the handle as they are in a record. */
  readonly key: Uint8Array<ArrayBuffer>;
  /** The same in units of four, as far as they go: handles of all file systems so far are whole ones. */
  readonly words: Int32Array<ArrayBuffer>;
  path: Name | undefined;
  /** The last one that was known. */
  last: Name | undefined;
  /** Why there is no path. */
  reason: string | undefined;
  /** The mount that the path leads through. */
  mount = -1n;
  /** In which look at the kernel's queue the path was compared with the file system. */
  checked = -1;
  /** It was deleted: the path is where it was. */
  gone = false;
  /** It is marked, and its path is the only one that is known without a privilege. */
  marked = false;

  /** @param key With a buffer of its own. */
  constructor({ fsid, handle }: FanotifyHandle, key: Uint8Array<ArrayBuffer>) {
    this.fsid = fsid;
    this.handle = handle;
    this.key = key;
    this.words = new Int32Array(key.buffer, 0, key.byteLength >>> 2);
  }
}

/** Bytes of an fsid. */
const FSID_SIZE = 8;

const NOTHING: readonly Place[] = [];

/** How many are remembered, beside those that are marked. */
const MOST = 65_536;

/**
 * The places of one group. A path is compared with the file system once for each read of the kernel's queue, whatever
 * number of events are about it, and renames that the group reports itself change it in their order: it is then the
 * path of the time of the event. What they make of it is compared at the end, for not every rename is reported, and two that
 * exchange names are reported as two renames onto each other.
 */
export class Places {
  readonly #table = new Map<number, Place[]>();
  readonly #mounts = new FanotifyMounts();
  /** The one that was found last. */
  #recent: Place | undefined;
  #size = 0;
  #look = 0;
  #replays = false;
  /** Whose path was not compared yet. */
  readonly #assumed = new Set<Place>();
  /** What name_to_handle_at can do here. */
  #flags: number = AT_HANDLE.FID;

  /** A new look at the kernel's queue. @param replays Whether renames of directories are in it. */
  begin(replays: boolean): void {
    this.#look++;
    this.#replays = replays;
    if (this.#size > MOST) this.#shrink();
  }

  /** Ends the look. @returns The places whose paths were not true, and have another one or none now. */
  end(): ReadonlySet<Place> {
    const wrong = new Set<Place>();
    for (const place of this.#assumed) {
      const { path } = place;
      if (path === undefined || place.gone || this.#isAt(place, path)) continue;
      if (this.#lookUp(place) !== path) wrong.add(place);
    }
    this.#assumed.clear();
    this.#mounts.closeAll();
    return wrong;
  }

  /** Remembers what is marked. That it can't be is no error: its events have a handle in any case. */
  mark(path: PathLike | null, dirfd: FdLike, follow: boolean): void {
    try {
      const flags = O.PATH | O.CLOEXEC | (follow ? 0 : O.NOFOLLOW);
      const own = path === null ? -1 : openat(dirfd, path, flags);
      try {
        const fd = path === null ? dirfd : own;
        const named = this.#name(fd, "", AT.EMPTY_PATH);
        const fsid = fstatfs_fsid(fd);
        const place = this.#placeOf({ fsid, handle: named.handle });
        this.#mounts.add(fsid, named.mount_id);
        place.marked = true;
        place.path = linkOf(fd);
        place.mount = named.mount_id;
      } finally {
        closeQuietly(own);
      }
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
    }
  }

  /** What the record at `offset` is about; `undefined` if it is malformed. */
  find(buffer: Pinned, offset: number, end: number): Place | undefined {
    const to = read_fanotify_handle_end(buffer, offset, end);
    if (to === -1) return undefined;
    const from = offset + FANOTIFY_FSID_OFFSET;
    // Events of one place come in a row.
    if (this.#recent !== undefined && isAt(this.#recent, buffer, from, to)) return this.#recent;
    const hash = hashOf(buffer.words, from >>> 2, to >>> 2);
    const places = this.#table.get(hash) ?? NOTHING;
    for (let at = 0; at < places.length; at++) {
      const place = places[at];
      if (place !== undefined && isAt(place, buffer, from, to)) return (this.#recent = place);
    }
    const info = read_fanotify_event_info(buffer, offset, end);
    if (info === undefined || !("handle" in info)) return undefined;
    return this.#add(new Place(info, buffer.bytes.slice(from, to)), hash);
  }

  /** Its path, at the time of the event that is decoded, as far as can be told. */
  pathOf(place: Place): Name | undefined {
    if (place.checked === this.#look) return place.path;
    place.checked = this.#look;
    const { path } = place;
    if (path !== undefined && this.#replays) this.#assumed.add(place);
    if (path !== undefined && (this.#replays || place.gone || this.#isAt(place, path))) return path;
    return this.#lookUp(place);
  }

  /** Its path, of an event that says that it is deleted: where it was. */
  pathOfDeleted(place: Place): Name | undefined {
    return place.path ?? place.last ?? this.pathOf(place);
  }

  /** A directory was renamed: so was everything below it. @param to `undefined` if that is not known. */
  rename(from: Name, to: Name | undefined): void {
    const below = `${from.text}/`;
    for (const places of this.#table.values()) {
      for (const place of places) {
        const { path } = place;
        if (path === undefined || place.gone) continue;
        if (path.text !== from.text && !path.text.startsWith(below)) continue;
        // Bytes that are no text are looked up again: nobody has many of those.
        const isText = path.bytes === undefined && to?.bytes === undefined;
        const text = (to?.text ?? "") + path.text.slice(from.text.length);
        place.path = to === undefined || !isText ? undefined : { text, bytes: undefined };
        if (place.path === undefined) place.checked = -1;
      }
    }
  }

  /** A directory came to be, or is somewhere else. */
  learn(place: Place, path: Name): void {
    place.path = path;
    place.mount = this.#mounts.of(place.fsid) ?? -1n;
    if (this.#replays) this.#assumed.add(place);
    // Renamed meanwhile without being told, it is looked up at its next event.
    place.checked = this.#replays ? this.#look : -1;
  }

  #lookUp(place: Place): Name | undefined {
    const { path } = place;
    const found = this.#mounts.pathOf(place, (name, mount) => this.#isAt(place, name, mount));
    place.last = path ?? place.last;
    if (found === "gone") {
      place.gone = true;
      place.reason = "it was deleted before its path was known";
    } else if (typeof found === "string") {
      place.path = undefined;
      place.reason = found;
    } else {
      place.path = found.path;
      place.mount = found.mount;
    }
    return place.path;
  }

  #placeOf(named: FanotifyHandle): Place {
    const handle = write_file_handle(named.handle);
    const key = new Uint8Array(FSID_SIZE + handle.byteLength);
    key.set(new Uint8Array(new Int32Array(named.fsid).buffer));
    key.set(handle, FSID_SIZE);
    const place = new Place(named, key);
    const hash = hashOf(place.words, 0, place.words.length);
    const known = this.#table.get(hash)?.find((one) => isSame(one.key, key));
    return known ?? this.#add(place, hash);
  }

  #add(place: Place, hash: number): Place {
    const places = this.#table.get(hash);
    if (places === undefined) this.#table.set(hash, [place]);
    else places.push(place);
    this.#size++;
    return place;
  }

  /** Whether a path leads to a place, through the mount that it did. */
  #isAt(place: Place, path: Name, mount: bigint = place.mount): boolean {
    try {
      const { handle, mount_id } = this.#name(AT.FDCWD, path.bytes ?? path.text, 0);
      if (mount_id !== mount || handle.handle_type !== place.handle.handle_type) return false;
      const { f_handle } = handle;
      return isSame(place.handle.f_handle, f_handle);
    } catch (error) {
      if (error instanceof OSError) return false;
      throw error;
    }
  }

  #name(dirfd: FdLike, path: PathLike, flags: number): NamedHandle {
    try {
      return name_to_handle_at(dirfd, path, this.#flags | flags);
    } catch (error) {
      // Before Linux 6.5.
      if (this.#flags === 0 || !(error instanceof OSError) || error.code !== "EINVAL") throw error;
      this.#flags = 0;
      return name_to_handle_at(dirfd, path, flags);
    }
  }

  #shrink(): void {
    this.#size = 0;
    this.#recent = undefined;
    for (const [hash, places] of this.#table) {
      const kept = places.filter(({ marked }) => marked);
      this.#size += kept.length;
      if (kept.length === 0) this.#table.delete(hash);
      else this.#table.set(hash, kept);
    }
  }
}

/** Of the units of four in it; what is behind the last one is compared, and not hashed. */
function hashOf(words: Int32Array, from: number, to: number): number {
  let hash = to - from;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (words[at] ?? 0), 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

/** Whether a place is what the record says. Records begin at multiples of four. */
function isAt({ key, words }: Place, buffer: Pinned, from: number, to: number): boolean {
  if (key.byteLength !== to - from || (from & 3) !== 0) return false;
  const first = from >>> 2;
  for (let at = 0; at < words.length; at++)
    if (words[at] !== buffer.words[first + at]) return false;
  for (let at = words.length * 4; at < key.byteLength; at++)
    if (key[at] !== buffer.bytes[from + at]) return false;
  return true;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.byteLength === other.byteLength && Buffer.compare(one, other) === 0;
}
