/**
 * What is at a path now.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { type Pinned, pinned } from "../../libc.ts";
import { DT } from "../../syscalls/dirent.ts";
import { AT } from "../../syscalls/open.ts";
import {
  read_statx,
  read_statx_changed,
  read_statx_identity,
  S,
  STATX,
  statx,
  STATX_SIZE,
  statx_succeeds,
} from "../../syscalls/stat.ts";
import type { WatchKind, WatchStats } from "../event.ts";
import { identity, KIND, type Kind, type NameBytes } from "../tree/node.ts";
import { reach } from "../tree/paths.ts";

/** An entry as it is now. */
export interface Look {
  readonly kind: Kind;
  readonly ino: number;
}

/** Milliseconds by which the clock of file systems may be behind. */
export const CLOCK_SLACK = 20;

let shared: Pinned | undefined;

const IDENTITY = STATX.TYPE | STATX.INO;
const CHANGED = STATX.MTIME | STATX.CTIME;

function ask(
  path: string | Uint8Array,
  follow: boolean,
  mask: number,
  from?: number,
): Pinned | undefined {
  const buffer = (shared ??= pinned(STATX_SIZE));
  const flags = AT.NO_AUTOMOUNT | (follow ? 0 : AT.SYMLINK_NOFOLLOW);
  try {
    if (typeof path === "string")
      return statx_succeeds(AT.FDCWD, path, flags, mask, buffer) ? buffer : undefined;
    const isThere =
      from === undefined
        ? reach(path, (dirfd, rest) => statx_succeeds(dirfd, rest, flags, mask, buffer))
        : statx_succeeds(from, path, flags, mask, buffer);
    // Gone, or out of reach: whatever it was, it can't be looked at.
    return isThere ? buffer : undefined;
  } catch {
    // So is a directory on the way of a long path.
    return undefined;
  }
}

/** What is there, or `undefined`. Text is shorter than the kernel's limit. */
export function look(path: string | Uint8Array, follow: boolean = false): Look | undefined {
  return lookOf(ask(path, follow, IDENTITY));
}

/** Why nothing is to be seen there, or `undefined` if something is. */
export function whyNot(path: Uint8Array): OSError | undefined {
  const buffer = (shared ??= pinned(STATX_SIZE));
  try {
    reach(path, (dirfd, rest) => statx(dirfd, rest, AT.NO_AUTOMOUNT, IDENTITY, buffer));
    return undefined;
  } catch (error) {
    if (error instanceof OSError) return error;
    throw error;
  }
}

/** What has that name in an open directory, or `undefined`. */
export function lookIn(dirfd: number, name: NameBytes): Look | undefined {
  return lookOf(ask(bytesOf(name), false, IDENTITY, dirfd));
}

/** What is open. */
export function lookAt(fd: number): Look | undefined {
  const buffer = (shared ??= pinned(STATX_SIZE));
  return lookOf(statx_succeeds(fd, "", AT.EMPTY_PATH, IDENTITY, buffer) ? buffer : undefined);
}

function lookOf(buffer: Pinned | undefined): Look | undefined {
  if (buffer === undefined) return undefined;
  const [mode, low, high] = read_statx_identity(buffer);
  return { kind: kindOfMode(mode), ino: identity(low, high) };
}

/** The number of the file system that something is in, 0 if nothing is there. Inodes of two say nothing of each other. */
export function deviceOf(path: Uint8Array): number {
  const buffer = ask(path, false, IDENTITY);
  if (buffer === undefined) return 0;
  const { stx_dev_major, stx_dev_minor } = read_statx(buffer);
  return stx_dev_major * 2 ** 32 + stx_dev_minor;
}

/** When it was changed in any way, or its data were said to be: milliseconds since 1970, `-Infinity` if it is gone. */
export function changedAt(path: Uint8Array): number {
  return latest(ask(path, false, CHANGED));
}

/** Since when something is another file than before, or has other data: milliseconds since 1970. */
export interface Renewal {
  readonly born: number;
  readonly written: number;
}

/** Whether something is another one since then, or was written to: its inode may be that of what is gone. */
export function isRenewed(path: Uint8Array, since: Renewal): boolean {
  return renews(ask(path, false, CHANGED | STATX.BTIME), since);
}

/** The same of what has that name in an open directory. */
export function isRenewedIn(dirfd: number, name: NameBytes, since: Renewal): boolean {
  return renews(ask(bytesOf(name), false, CHANGED | STATX.BTIME, dirfd), since);
}

function renews(buffer: Pinned | undefined, { born, written }: Renewal): boolean {
  if (buffer === undefined) return false;
  // A link to it that is made or deleted says nothing.
  const [modified] = read_statx_changed(buffer);
  const { stx_mask, stx_btime } = read_statx(buffer);
  const made = Number(stx_btime.tv_sec) * 1000 + stx_btime.tv_nsec / 1e6;
  return modified >= written || ((stx_mask & STATX.BTIME) !== 0 && made >= born);
}

/** When what has that name in an open directory was changed. */
export function changedIn(dirfd: number, name: NameBytes): number {
  return latest(ask(bytesOf(name), false, CHANGED, dirfd));
}

function latest(buffer: Pinned | undefined): number {
  return buffer === undefined ? -Infinity : Math.max(...read_statx_changed(buffer));
}

function bytesOf({ bytes, start, end }: NameBytes): Uint8Array {
  return bytes.subarray(start, end);
}

/** What the user gets with the option `stat`. */
export function statsOf(path: Uint8Array): WatchStats | undefined {
  const buffer = ask(path, false, STATX.BASIC_STATS);
  if (buffer === undefined) return undefined;
  const { stx_size, stx_mode, stx_ino, stx_nlink, stx_uid, stx_gid } = read_statx(buffer);
  const [mtimeMs, ctimeMs] = read_statx_changed(buffer);
  return {
    size: stx_size,
    mode: stx_mode,
    ino: stx_ino,
    nlink: stx_nlink,
    uid: stx_uid,
    gid: stx_gid,
    mtimeMs,
    ctimeMs,
  };
}

/** The kind of each type that `getdents64` tells, -1 for one that does not tell. Who starts waits for it: no callback for each. */
export const KINDS: Int8Array = new Int8Array(256).fill(KIND.OTHER);
KINDS[DT.UNKNOWN] = -1;
KINDS[DT.REG] = KIND.FILE;
KINDS[DT.DIR] = KIND.DIRECTORY;
KINDS[DT.LNK] = KIND.SYMLINK;

/** The same, and -1 for links as well. */
export const KINDS_WITHOUT_LINKS: Int8Array = KINDS.slice();
KINDS_WITHOUT_LINKS[DT.LNK] = -1;

/** The same of what a directory has in it besides directories, and -1 for those as well. */
export const LEAF_KINDS: Int8Array = KINDS.with(DT.DIR, -1);
export const LEAF_KINDS_WITHOUT_LINKS: Int8Array = KINDS_WITHOUT_LINKS.with(DT.DIR, -1);

/** The kind that `getdents64` tells, or `undefined` if it doesn't. */
export function kindOfType(type: number): Kind | undefined {
  const kind = KINDS[type];
  return kind === -1 ? undefined : (kind as Kind | undefined);
}

const words: readonly WatchKind[] = ["file", "directory", "symlink", "other"];

/** What the user calls a kind. */
export function wordOf(kind: Kind): WatchKind {
  return words[kind] ?? "other";
}

/** The kind that a mode of stat(2) says. */
export function kindOfMode(mode: number): Kind {
  switch (mode & S.IFMT) {
    case S.IFREG:
      return KIND.FILE;
    case S.IFDIR:
      return KIND.DIRECTORY;
    case S.IFLNK:
      return KIND.SYMLINK;
    default:
      return KIND.OTHER;
  }
}
