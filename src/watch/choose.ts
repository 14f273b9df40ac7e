/**
 * Which backend a watcher has.
 *
 * @module
 */
import { type ErrnoName, OSError } from "../errors.ts";
import type { Backend } from "./backend.ts";
import { FanotifyBackend } from "./fanotify-backend.ts";
import { InotifyBackend } from "./inotify-backend.ts";
import { look } from "./look.ts";
import type { Settings } from "./options.ts";
import type { Anchor } from "./paths.ts";
import { KIND } from "./tree.ts";

/** A backend, and why it is not the other one. */
export interface Choice {
  readonly backend: Backend;
  readonly reason: string | undefined;
}

const SLASH = 0x2f;

/** Why fanotify is not there, where the error itself says less. */
const reasons: Partial<Record<ErrnoName, string>> = {
  EPERM: "fanotify needs CAP_SYS_ADMIN",
  EINVAL: "fanotify with names and handles needs Linux 5.17",
  ENOSYS: "this kernel has no fanotify",
  EOPNOTSUPP: "the file system has no file handles",
  ENODEV: "the file system has no fsid, as most that FUSE serves, and tmpfs before Linux 5.13",
  EXDEV: "it is a part of a file system with an fsid of its own, such as a subvolume of btrfs",
};

/**
 * Makes the backend that was asked for; of `"auto"` that is fanotify where it can be.
 *
 * @throws {OSError} It can't be made.
 */
export function choose(
  { backend, modify }: Pick<Settings, "backend" | "modify">,
  anchors: readonly Anchor[],
): Choice {
  if (backend === "inotify") return { backend: new InotifyBackend(modify), reason: undefined };
  // Inotify can watch whatever is added.
  if (backend === "auto" && anchors.length === 0)
    return { backend: new InotifyBackend(modify), reason: "no path says whether fanotify can" };
  try {
    const paths = anchors.map(({ real }) => nearest(real));
    return { backend: new FanotifyBackend(modify, paths), reason: undefined };
  } catch (error) {
    if (backend === "fanotify" || !(error instanceof OSError)) throw error;
    const reason = reasons[error.code as ErrnoName] ?? error.message;
    return { backend: new InotifyBackend(modify), reason };
  }
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
