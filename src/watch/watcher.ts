/**
 * What watches trees of files.
 *
 * @module
 */
import { EventSource } from "../events/event-source.ts";
import type { Batch } from "../events/intake.ts";
import type { PathLike } from "../libc.ts";
import { choose } from "./backend/choose.ts";
import { resolvePath } from "./disk/resolve.ts";
import { Driver } from "./driver.ts";
import type { WatchEvent } from "./event.ts";
import { checkGlobs } from "./ignore/ignore.ts";
import { settingsOf, type WatchOptions } from "./options.ts";
import type { Watched } from "./watched.ts";
import { mountedWithin } from "./within.ts";

/**
 * Watches files and directories with all that is below them: see `watch()`.
 */
export class Watcher extends EventSource<WatchEvent> {
  readonly #driver: Driver;

  /** What `watch()` does. */
  constructor(paths: PathLike | readonly PathLike[], options: WatchOptions = {}) {
    const settings = settingsOf(options);
    const anchors = isList(paths) ? paths.map(resolvePath) : [resolvePath(paths)];
    if (settings.ignore.length > 0) checkGlobs(settings.ignore, anchors);
    const choice = choose(settings, anchors, (anchor) => mountedWithin(settings, anchor));
    super(choice.fd, options);
    this.#driver = new Driver(this, (events) => this.push(events), settings, anchors, choice);
    if (!settings.persistent) this.unref();
    try {
      this.#driver.start();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Resolves when everything below the paths is watched, or its error told: all that happens from then on is told. It rejects if the
   * watcher is closed before, with the reason of the signal if that closes it.
   *
   * Inotify watches each directory: a handful of them is watched when the constructor returns, more when all of them were read. Who
   * has begun to read, and has 16,384 events unread, holds it up. Fanotify needs no directory to be read for that: it is ready when the
   * constructor returns. Nothing of the tree is known then, however small that is: it is read in later turns of the event loop, and in
   * the first of them {@linkcode Watcher.watched} reads some of it. What happens meanwhile is told as if it were known; but of a link that is
   * deleted before it was met it is not told that it was one, nor of a directory that is moved in whether an empty one had its name. If
   * the kernel's queue overflows before a directory was read, what came to it since the start is told as made, and what only may have come as
   * well; nothing tells of what was deleted in it if that event is lost. {@linkcode Watcher.indexed} is there for who wants to wait for the tree.
   *
   * With `initial`, `gitignore`, `followSymlinks`, `poll`, `depth`, or an `ignore` that looks at paths, which need the tree, fanotify is
   * ready when all of it was read and told as well; and so it is if other file systems are mounted below the paths, the paths reach
   * one file system by several mounts, or it can't open its directories by handle.
   */
  get ready(): Promise<void> {
    return this.#driver.ready;
  }

  /**
   * Resolves when every directory below the paths was read, or its error told: from then on {@linkcode Watcher.watched} counts all of it.
   * It rejects as {@linkcode Watcher.ready} does.
   */
  get indexed(): Promise<void> {
    return this.#driver.indexed;
  }

  /** What is watched, and how near the limits are. */
  get watched(): Watched {
    return this.#driver.watched;
  }

  /**
   * Watches another path. One that is watched already is compared with the disk, which finds what the kernel does not tell
   * of: changes on a network file system, writes through mmap, mounts and unmounts. A file is changed if its time is later than when it
   * was told of last, or else than when its path was watched. That time goes in steps of up to 10 ms, and is the server's on a network file
   * system: what nothing tells of within the same step is not found, unlike with the option `poll`, which compares each file with what it was.
   *
   * What could not be watched is tried again.
   *
   * What happened before is told first, in the same turn of the event loop: when a directory leaves, half a second for each million entries that
   * were in it, or more. `await sync()` before it does that in slices.
   *
   * @throws {ValueError} `ENOENT`, `ENOTDIR`, `ELOOP`: it is not there, and is watched if it was before. `EBADF`: closed. `EBUSY`: called by a function that ignores.
   * @throws {PermissionError} `EACCES`: a directory above it may not be searched.
   */
  add(path: PathLike): void {
    this.#driver.add(path);
  }

  /**
   * Stops watching a path that was given, wherever it leads by now. What happened before still arrives, but for what is in directories that are still
   * to be read: `ready` says when that is over. All of that is told first, as with {@linkcode Watcher.add}.
   *
   * @returns Whether it was watched.
   * @throws {ValueError} `EBADF`: closed. `EBUSY`: called by a function that ignores.
   */
  remove(path: PathLike): boolean {
    return this.#driver.remove(path);
  }

  /**
   * Waits until all that happened before the call is in the queue, read from the kernel or found by a scan: `readEventsSync()`
   * takes it then. What left and did not come back is waited for as well. With the option `poll` all is compared with the disk.
   *
   * @throws {ValueError} `EBADF`: closed, or was while waiting.
   * @throws What `signal` was aborted with meanwhile.
   */
  sync(): Promise<void> {
    return this.#driver.sync();
  }

  get [Symbol.toStringTag](): string {
    return "Watcher";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    const { paths, backend, directories, entries, failed } = this.watched;
    return { paths, backend, directories, entries, ...(failed > 0 && { failed }) };
  }

  protected override receive(whole?: boolean): Batch<WatchEvent> {
    return this.#driver.receive(whole);
  }

  /** `receive` does all of it: what a read says can need more than its bytes. */
  protected decode(): WatchEvent[] {
    return [];
  }

  protected override unread(
    _events: readonly WatchEvent[],
    reason?: { readonly error: unknown },
  ): void {
    this.#driver.end(reason);
  }
}

function isList(paths: PathLike | readonly PathLike[]): paths is readonly PathLike[] {
  return Array.isArray(paths);
}
