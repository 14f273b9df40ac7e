/**
 * What a watcher tells.
 *
 * @module
 */
import type { OSError } from "../errors.ts";

/**
 * What an entry is. Of one that was gone before it could be looked at, only whether it was a directory is known: else it is `"file"`.
 * So is a pipe or a device that was made and written to at once, until a change tells better.
 */
export type WatchKind = "file" | "directory" | "symlink" | "other";

/** What an entry was when its event was made. */
export interface WatchStats {
  /** Bytes. */
  readonly size: bigint;
  /** Kind and permissions, as in C. */
  readonly mode: number;
  /** Inode number. */
  readonly ino: bigint;
  /** How many names it has. */
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  /** Its data were changed: milliseconds since 1970. */
  readonly mtimeMs: number;
  /** It was changed in any way: milliseconds since 1970. */
  readonly ctimeMs: number;
}

interface WatchEntry {
  /** The watched path as it was given, joined with what is below it. Bytes that are not UTF-8 are U+FFFD. */
  readonly path: string;
  /** The exact bytes of a path that is not UTF-8. */
  readonly pathBytes?: Uint8Array;
  readonly kind: WatchKind;
  /** Who did it. The fanotify backend knows. */
  readonly pid?: number;
  /** With the option `stat`, unless it is gone. */
  readonly stats?: WatchStats;
}

/** Something is there that was not, is not there any more, or is not what it was. */
export interface WatchChangeEvent extends WatchEntry {
  /**
   * - `"create"`: it was made, or moved to here from outside.
   * - `"change"`: a writer closed it, or another file took its place; with the option `modify` each write as well.
   * - `"delete"`: it was deleted, or moved away. What was below a directory comes before it.
   * - `"attributes"`: its permissions, owner, times or extended attributes changed.
   */
  readonly type: "create" | "change" | "delete" | "attributes";
}

/** It has another name. What is below a directory moved with it, and gets no events. */
export interface WatchRenameEvent extends WatchEntry {
  readonly type: "rename";
  /** Its path before. */
  readonly from: string;
  /** The exact bytes of a `from` that is not UTF-8. */
  readonly fromBytes?: Uint8Array;
}

/** The kernel's queue was full, and events were lost: the differences follow, as events. */
export interface WatchOverflowEvent extends WatchEntry {
  readonly type: "overflow";
  /** `""`: it is about everything. */
  readonly path: string;
}

/** Something can't be watched. The rest goes on. */
export interface WatchErrorEvent extends WatchEntry {
  readonly type: "error";
  readonly error: OSError;
}

/** What a {@linkcode Watcher} tells. */
export type WatchEvent = WatchChangeEvent | WatchRenameEvent | WatchOverflowEvent | WatchErrorEvent;
