/**
 * Opens what `butter watch` watches.
 *
 * @module
 */
import { OSError, watch, type Watcher } from "../index.ts";
import { FileError, openFor } from "./command.ts";
import { escape } from "./format.ts";
import type { WatchCommand } from "./watch-options.ts";

/** Why a path can't be watched, as far as a user can do something about it. */
const reasons: Partial<Record<string, string>> = {
  ENOENT: "it is not there (to be told when it comes, watch the directory that it will be in)",
  ENOTDIR: "something on the way is no directory",
  ELOOP: "its symbolic links lead in a circle",
  EACCES: "a directory on the way may not be searched by this user",
};

/**
 * Makes the watcher that the command line asks for.
 *
 * @throws {UsageError} A value is out of range.
 * @throws {FileError} A path can't be watched.
 */
export function openWatcher(options: WatchCommand): Watcher {
  const { paths, ignore, gitignore, depth, followSymlinks, initial, modify } = options;
  const { atomic, settle, poll, busyPoll, stats: stat, backend, since } = options;
  try {
    return openFor(
      () =>
        watch(paths, {
          ignore,
          gitignore,
          depth,
          followSymlinks,
          initial,
          modify,
          atomic,
          ...(settle !== undefined && { settle }),
          poll,
          ...(busyPoll !== undefined && { busyPoll }),
          stat,
          backend,
          // It may be the difference that it is gone.
          mustExist: since === undefined,
        }),
      { ignore: "--ignore", settle: "--settle", poll: "--poll" },
    );
  } catch (error) {
    if (!(error instanceof OSError) || error.syscall !== "watch") throw error;
    const reason = reasons[error.code] ?? error.message;
    throw new FileError(`Cannot watch ${escape(error.path ?? "")}: ${reason}`, { cause: error });
  }
}
