/**
 * What a watcher watches, in numbers.
 *
 * @module
 */
import { userLimit } from "../libc.ts";
import { unheardOf } from "./disk/file-systems.ts";
import { pathName } from "./tree/paths.ts";
import type { Works } from "./works.ts";

/** What a watcher watches. */
export interface Watched {
  /** The paths, as they were given. */
  readonly paths: readonly string[];
  /** What tells of changes. */
  readonly backend: "inotify" | "fanotify";
  /** Why it is inotify, if `"auto"` could not take fanotify: of what is mounted within a path it says where and what that is. */
  readonly reason?: string;
  /**
   * File systems that the paths are on and of which the kernel does not tell all, by their names, such as `"nfs"` and `"proc"`: what
   * another machine or the host does there is found with the option `poll`.
   */
  readonly unheard: readonly string[];
  /** Directories that are watched, those above the paths among them. */
  readonly directories: number;
  /** Entries that are known: files, directories, links. */
  readonly entries: number;
  /** Directories that could not be opened or watched; an `"error"` event told of them, of the limit, or of the uppermost in what fanotify can't watch. */
  readonly failed: number;
  /**
   * The user's limit of watches: `fs.inotify.max_user_watches`, or `user.max_inotify_watches` of the namespace of users if that is lower, and
   * `Infinity` for fanotify, which needs none.
   */
  readonly limit: number;
  /** How many more watches the limit allows, if nobody else has any. */
  readonly headroom: number;
  /** Bytes that the known entries take. */
  readonly memory: number;
}

/** @param reason Why the backend is not the other one. */
export function watchedOf(
  { tree, backend: { name: backend }, engine }: Works,
  reason: string | undefined,
): Watched {
  const { directories, roots } = engine;
  const { size } = directories.watches.handles;
  const limit =
    backend === "fanotify" ? Infinity : Number(userLimit("fs.inotify.max_user_watches").value);
  return {
    paths: roots.shown.map((bytes) => pathName(bytes).text),
    backend,
    ...(reason !== undefined && { reason }),
    unheard: unheardOf(roots.real),
    directories: size,
    entries: tree.size - roots.guardCount,
    failed: directories.watches.failed,
    limit,
    headroom: Math.max(0, limit - size),
    memory: tree.byteLength,
  };
}
