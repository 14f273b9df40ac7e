/**
 * Which backend a watcher has.
 *
 * @module
 */
import { type ErrnoName, OSError } from "../../errors.ts";
import { closeQuietly } from "../../events/intake.ts";
import { pathText } from "../../libc.ts";
import { isLimit, isUnmarkable } from "../disk/errors.ts";
import { look } from "../disk/look.ts";
import type { Mounted } from "../disk/mounted.ts";
import type { GivenPath } from "../disk/resolve.ts";
import type { Settings } from "../options.ts";
import { KIND } from "../tree/node.ts";
import { keyOf } from "../tree/paths.ts";
import type { Backend, Start } from "./backend.ts";
import { FanotifyMarks } from "./fanotify-marks.ts";
import { FanotifyBackend } from "./fanotify.ts";
import { InotifyBackend } from "./inotify.ts";

/** A backend whose events are queued from now on, and why it is not the other one. */
export interface Choice {
  /** Readable when there are events. Who made the choice closes it. */
  readonly fd: number;
  /** Whether all that happens below the paths is told, whatever is read when. */
  readonly isWhole: boolean;
  /** What there was at the paths, if the backend may be made later. */
  readonly start: Start | undefined;
  /** Makes it, once. */
  readonly make: () => Backend;
  readonly reason: string | undefined;
}

const SLASH = 0x2f;

/** Why fanotify is not there, where the error itself says less. */
const reasons: Partial<Record<ErrnoName, string>> = {
  EPERM: "fanotify needs CAP_SYS_ADMIN",
  EINVAL: "fanotify with names and handles needs Linux 5.17",
  ENOSYS: "this kernel has no fanotify",
  EOPNOTSUPP: "the file system has no file handles, or none that last",
  ENODEV: "the file system has no fsid, as most that FUSE serves, and tmpfs before Linux 5.13",
  EXDEV: "it is a part of a file system with an fsid of its own, such as a subvolume of btrfs",
};

/**
 * Makes the backend that was asked for; of `"auto"` that is fanotify where it can be.
 *
 * @param within What is mounted within the paths, and is to be watched.
 * @throws {OSError} It can't be made.
 */
export function choose(
  { backend, modify }: Pick<Settings, "backend" | "modify">,
  anchors: readonly GivenPath[],
  within: (anchor: GivenPath) => readonly Mounted[],
): Choice {
  if (backend === "inotify") return inotify(modify, undefined);
  // Inotify can watch whatever is added.
  if (backend === "auto" && anchors.length === 0)
    return inotify(modify, "no path says whether fanotify can");
  try {
    const choice = fanotify(modify, anchors);
    if (backend === "fanotify" || choice.isWhole) return choice;
    const reason = whyNotWithin(choice, () => anchors.flatMap(within));
    return reason === undefined ? choice : inotify(modify, reason);
  } catch (error) {
    if (backend === "fanotify" || !(error instanceof OSError)) throw error;
    return inotify(modify, reasons[error.code as ErrnoName] ?? error.message);
  }
}

function inotify(modify: boolean, reason: string | undefined): Choice {
  const backend = new InotifyBackend(modify);
  return { fd: backend.fd, isWhole: false, start: undefined, make: () => backend, reason };
}

function fanotify(modify: boolean, anchors: readonly GivenPath[]): Choice {
  const marks = new FanotifyMarks(modify);
  try {
    const start = begin(marks, anchors);
    const { fd, isWhole } = marks;
    return { fd, isWhole, start, make: () => new FanotifyBackend(marks), reason: undefined };
  } catch (error) {
    closeQuietly(marks.fd);
    throw error;
  }
}

/** Marks what paths need. @returns What there is, if all of them are directories and what is above them is known as well. */
function begin(marks: FanotifyMarks, anchors: readonly GivenPath[]): Start | undefined {
  const at = Date.now();
  const tick = performance.now();
  const ids = new Map<string, Uint8Array | OSError>();
  let isKnown = true;
  for (const { given, real, linked } of anchors) {
    // Links may be others by the time that they are looked at.
    if (given !== keyOf(real)) isKnown = false;
    for (const dir of linked) beginAtLink(marks, dir);
    const id = beginAt(marks, real);
    if (id === undefined) isKnown = false;
    else ids.set(keyOf(real), id);
  }
  // In a file system that is marked nothing more is needed.
  for (const { real } of anchors) isKnown &&= beginAbove(marks, real, ids);
  return isKnown ? { at, tick, ids } : undefined;
}

/** Marks what a path needs. @returns What events call it, if it is a directory. */
function beginAt(marks: FanotifyMarks, path: Uint8Array): Uint8Array | undefined {
  try {
    return marks.begin(path, "tree");
  } catch (error) {
    if (look(path)?.kind === KIND.DIRECTORY) throw error;
    marks.beginNear(nearest(path));
    return undefined;
  }
}

/** Why something that is mounted can't be watched by fanotify, which is closed then, or `undefined` if all can be. What can't be looked at does not count. */
function whyNotWithin({ fd }: Choice, mounted: () => readonly Mounted[]): string | undefined {
  let isKept = false;
  try {
    const reason = whyNot(mounted());
    isKept = reason === undefined;
    return reason;
  } finally {
    // No other group may be possible.
    if (!isKept) closeQuietly(fd);
  }
}

function whyNot(mounted: readonly Mounted[]): string | undefined {
  if (mounted.length === 0) return undefined;
  const marks = new FanotifyMarks(false);
  try {
    for (const { path, type } of mounted) {
      const reason = unmarked(marks, path);
      if (reason !== undefined)
        return `${type} is mounted at ${JSON.stringify(pathText(path))}: ${reason}`;
    }
    return undefined;
  } finally {
    closeQuietly(marks.fd);
  }
}

function unmarked(marks: FanotifyMarks, path: Uint8Array): string | undefined {
  try {
    if (look(path)?.kind === KIND.DIRECTORY) marks.begin(path, "tree");
    return undefined;
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    return isUnmarkable(error) ? (reasons[error.code as ErrnoName] ?? error.message) : undefined;
  }
}

/**
 * Marks the directory of a link.
 *
 * @throws {OSError} It is in a file system of which nothing tells that the link is another one.
 */
function beginAtLink(marks: FanotifyMarks, path: Uint8Array): void {
  try {
    marks.begin(path, "self");
  } catch (error) {
    if (isUnmarkable(error) || !(error instanceof OSError)) throw error;
  }
}

/** Marks what is above a path. @returns Whether all of that is known. */
function beginAbove(
  marks: FanotifyMarks,
  path: Uint8Array,
  ids: Map<string, Uint8Array | OSError>,
): boolean {
  for (let end = path.length; end > 1;) {
    end = Math.max(path.lastIndexOf(SLASH, end - 1), 1);
    const above = path.subarray(0, end);
    const key = keyOf(above);
    if (ids.has(key)) continue;
    try {
      ids.set(key, marks.begin(above, "self"));
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
      // It may be renamed at the moment, or another time more is possible.
      if (error.code === "ENOENT" || error.code === "ENOTDIR" || isLimit(error.code)) return false;
      ids.set(key, error);
    }
  }
  return true;
}

/** A path, or the nearest above it that is there and can be opened without a consequence, unlike a socket, a pipe or a device. */
function nearest(path: Uint8Array): Uint8Array {
  let at = path;
  while (at.length > 1 && !isPlain(at)) at = at.subarray(0, Math.max(at.lastIndexOf(SLASH), 1));
  return at;
}

function isPlain(path: Uint8Array): boolean {
  const kind = look(path, true)?.kind;
  return kind === KIND.DIRECTORY || kind === KIND.FILE;
}
