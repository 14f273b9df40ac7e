/**
 * Directories watched by inotify, one watch each.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import type { Pinned } from "../libc.ts";
import { read_nonblock } from "../syscalls/fd.ts";
import {
  IN,
  IN_REPORTED,
  inotify_add_watch,
  INOTIFY_EVENT_SIZE,
  inotify_init1,
  inotify_rm_watch,
  read_inotify_events,
} from "../syscalls/inotify.ts";
import type { Backend, Interest, RawChange, Sink } from "./backend.ts";

const SELF = IN.DELETE_SELF | IN.MOVE_SELF | IN.ONLYDIR | IN.MASK_ADD;
const NAMES = SELF | IN.CREATE | IN.DELETE | IN.MOVE | IN.ATTRIB;

const MADE = IN.CREATE | IN.MOVED_TO;

/** More than any record that the kernel writes. */
const LONGEST_RECORD = 4096;

const changes: readonly (readonly [bit: number, change: RawChange])[] = [
  [IN.CREATE, "create"],
  [IN.DELETE, "delete"],
  [IN.MOVED_FROM, "moved-from"],
  [IN.MOVED_TO, "moved-to"],
  [IN.CLOSE_WRITE, "written"],
  [IN.MODIFY, "modified"],
  [IN.ATTRIB, "attributes"],
];

/** {@linkcode Backend} over inotify(7). */
export class InotifyBackend implements Backend {
  readonly name = "inotify";
  readonly fd: number;
  readonly #masks: Readonly<Record<Interest, number>>;
  /** Paths of open directories, by descriptor: few are open at once, and the same numbers come again. */
  readonly #links: string[] = [];
  /** Removed by us, with an `IGNORED` event to come: what comes before that is of the removed watch, whoever has its number by now. */
  readonly #leaving = new Map<number, number>();

  /**
   * @param modify Whether each write is of interest, and not only that a writer closed a file.
   * @throws {OSError} `EMFILE`: at fs.inotify.max_user_instances or the descriptor limit. `ENFILE`.
   */
  constructor(modify: boolean) {
    const tree = NAMES | IN.CLOSE_WRITE | IN.EXCL_UNLINK | (modify ? IN.MODIFY : 0);
    this.#masks = { tree, names: NAMES, self: SELF };
    this.fd = inotify_init1(IN.NONBLOCK | IN.CLOEXEC);
  }

  watch(dirfd: number, interest: Interest): number {
    // The directory that is open, whatever its path leads to by now, and however long that is.
    const path = (this.#links[dirfd] ??= `/proc/self/fd/${dirfd}`);
    return inotify_add_watch(this.fd, path, this.#masks[interest]);
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

  follow(buffer: Pinned, length: number, sink: Sink): number {
    let end = length;
    for (let from = 0; from < end;) {
      const isNews = this.#lookAhead(buffer, from, end, sink);
      from = end;
      if (isNews && buffer.byteLength - end > LONGEST_RECORD)
        end += Math.max(0, read_nonblock(this.fd, buffer, end));
    }
    return end;
  }

  /** Speaks of directories that were made, the last one first: it is the likeliest to be there still. */
  #lookAhead(buffer: Pinned, from: number, end: number, sink: Sink): boolean {
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
    return records.length > 0;
  }

  decode(buffer: Pinned, length: number, sink: Sink): void {
    const { bytes } = buffer;
    read_inotify_events(buffer, length, (handle, mask, cookie, at, len) => {
      if ((mask & IN_REPORTED.Q_OVERFLOW) !== 0) {
        // What ends a removed watch may be among what was lost.
        this.#leaving.clear();
        return sink.overflow();
      }
      if (this.#leaving.size > 0 && this.#isLate(handle, mask)) return;
      if ((mask & IN_REPORTED.IGNORED) !== 0) return sink.self(handle, "gone");
      if (len === 0) {
        if ((mask & (IN.MOVE_SELF | IN.DELETE_SELF | IN.ATTRIB)) !== 0)
          sink.self(handle, "changed");
        return;
      }
      const change = changes.find(([bit]) => (mask & bit) !== 0)?.[1];
      if (change === undefined) return;
      let end = at;
      while (end < at + len && bytes[end] !== 0) end++;
      const isDirectory = (mask & IN_REPORTED.ISDIR) !== 0;
      sink.entry({
        handle,
        change,
        isDirectory,
        cookie,
        child: 0,
        name: { bytes, start: at, end },
        pid: undefined,
      });
    });
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
