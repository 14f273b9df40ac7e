/**
 * Trees of files, watched.
 *
 * @module
 */
import type { PathLike } from "../libc.ts";
import type { WatchOptions } from "./options.ts";
import { Watcher } from "./watcher.ts";

/**
 * Watches files and directories with all that is below them, and misses nothing.
 *
 * A file that was made in a directory that was made a moment ago is told; a rename is one event with both paths, and what
 * is below a renamed directory is told by its new path from then on; what is moved in is made, what is moved out is deleted; of two that
 * change places at once (`RENAME_EXCHANGE`) one is renamed, and the other made where that was; a path that
 * vanishes is watched again when it is back. If the kernel's queue overflows, that is told, and then the differences
 * that it hid. A limit or a directory that may not be read is an `"error"` event, and the rest goes on.
 *
 * Paths in events are the given ones, joined with what is below them. What links in a given path lead to is watched, also when they
 * come to lead elsewhere, as those of a deployment or a ConfigMap do: the differences between what was there and what is are told, all
 * as deleted when they lead nowhere, and as made when they lead somewhere again. What several paths lead to is told by one of them. Of
 * no paths, `[]`, nothing is watched until `add()`, by inotify unless `backend` says otherwise, and it does not end before it is closed.
 *
 * The kernel does not tell inotify of writes through mmap, of what another machine does to a network file system, of most
 * changes in /proc and /sys, and of mounts: the option `poll` finds all of it, and `add()` of a path compares that once.
 *
 * With CAP_SYS_ADMIN and Linux 5.17 it is fanotify that tells, if all paths are on file systems that it can name files of: neither
 * most of FUSE, nor FAT, nor subvolumes of btrfs, nor overlays without `nfs_export` are. It tells who it was, this process included, and what
 * was made and deleted before anybody could look. The same is not told as with inotify; in addition an unmount is not, and on an
 * overlay what is done to its layers. The same directory through another mount counts. File systems that are mounted within the tree
 * are marked as well; with one that can't be at the start `"auto"` takes inotify, unless it is left out, too deep, made up by the kernel
 * as /proc is, or below the path `/`. Else, and later, that is an `"error"` event. `fs.fanotify.max_queued_events` is for all
 * that happens in the file system.
 *
 * @throws {ValueError} `ENOENT`, `ENOTDIR`, `ELOOP`: a path is not there.
 * @throws {PermissionError} `EACCES`: a directory above a path may not be searched.
 * @throws {OSError} `EMFILE`: at fs.inotify.max_user_instances or the descriptor limit.
 * @throws {PermissionError} `EPERM`: `backend: "fanotify"` needs CAP_SYS_ADMIN.
 * @throws {UnsupportedError} `EOPNOTSUPP`, `ENODEV`, `EXDEV`: `backend: "fanotify"`, not with this file system.
 *
 * @example
 * ```ts
 * import { watch } from "bun-butter";
 * import { mkdirSync, mkdtempSync, renameSync, writeFileSync } from "node:fs";
 *
 * const dir = mkdtempSync("/tmp/butter-");
 * using watcher = watch(dir, { ignore: ["node_modules", "*.log"] });
 * mkdirSync(`${dir}/a/b`, { recursive: true });
 * writeFileSync(`${dir}/a/b/file`, "hello");
 * renameSync(`${dir}/a`, `${dir}/z`);
 * for await (const { type, path } of watcher) {
 *   if (type === "create" && path.endsWith("/file")) break;
 * }
 * ```
 */
export function watch(paths: PathLike | readonly PathLike[], options: WatchOptions = {}): Watcher {
  return new Watcher(paths, options);
}
