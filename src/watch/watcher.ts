/**
 * Trees of files, watched.
 *
 * @module
 */
import { ERRNO, type OSError, type OSErrorClass, ValueError } from "../errors.ts";
import { EventSource } from "../events/event-source.ts";
import { type Batch, readBuffer } from "../events/intake.ts";
import { type PathLike, sysctl } from "../libc.ts";
import { read_nonblock } from "../syscalls/fd.ts";
import type { Backend } from "./backend.ts";
import { CalmTeller } from "./calm-teller.ts";
import { choose } from "./choose.ts";
import { Engine, HOLD } from "./engine.ts";
import type { WatchEvent } from "./event.ts";
import { Ignore } from "./ignore.ts";
import { whyNot } from "./look.ts";
import { type Settings, settingsOf, type WatchOptions } from "./options.ts";
import { type Anchor, pathName, Paths } from "./paths.ts";
import { resolvePath } from "./resolve.ts";
import { PlainTeller } from "./teller.ts";
import { KIND, Tree } from "./tree.ts";

/** More than any record that the kernel writes: with less room left than this, more may be there. */
const LONGEST_RECORD = 4096;

/** Bytes of some four of inotify's records: what a file that is saved makes of events is no burst, and worth a wake-up of its own. */
const LONE = 128;

/** How often what happens in new directories is read at once. */
const TURNS = 16;

/** Milliseconds of a slice of scanning. */
const SLICE = 4;

/** Events that may wait for who reads them, as many as the kernel keeps by default: then directories are not read any further. */
const MOST_UNREAD = 16_384;

/** What a watcher watches. */
export interface Watched {
  /** The paths, as they were given. */
  readonly paths: readonly string[];
  /** What tells of changes. */
  readonly backend: "inotify" | "fanotify";
  /** Why it is inotify, if `"auto"` could not take fanotify. */
  readonly reason?: string;
  /** Directories that are watched, those above the paths among them. */
  readonly directories: number;
  /** Entries that are known: files, directories, links. */
  readonly entries: number;
  /** Directories that could not be opened or watched; an `"error"` event told of them, or of the limit. */
  readonly failed: number;
  /** The user's limit of watches: `fs.inotify.max_user_watches`, and `Infinity` for fanotify, which needs none. */
  readonly limit: number;
  /** How many more watches the limit allows, if nobody else has any. */
  readonly headroom: number;
  /** Bytes that the known entries take. */
  readonly memory: number;
}

/**
 * Watches files and directories with all that is below them: see {@linkcode watch}.
 */
export class Watcher extends EventSource<WatchEvent> {
  readonly #settings: Settings;
  readonly #engine: Engine;
  readonly #tree: Tree;
  readonly #backend: Backend;
  /** Why it is not the other one. */
  readonly #reason: string | undefined;
  readonly #teller: PlainTeller;
  readonly #ready = Promise.withResolvers<void>();
  #isReady = false;
  #slice: NodeJS.Immediate | undefined;
  /** Until who reads has caught up. */
  #pause: NodeJS.Timeout | undefined;
  /** Whether somebody has read, and how many were unread when that was last looked at. */
  #isRead = false;
  #unreadCount = 0;
  #timer: NodeJS.Timeout | undefined;
  /** When what is gathered is told. */
  #batchDue: number | undefined;

  /** What {@linkcode watch} does. */
  constructor(paths: PathLike | readonly PathLike[], options: WatchOptions = {}) {
    const settings = settingsOf(options);
    const anchors = (isList(paths) ? paths : [paths]).map(resolvePath);
    const tree = new Tree();
    const known = new Paths(tree);
    const isCalm = settings.settle !== undefined || settings.atomic > 0;
    const teller = isCalm
      ? new CalmTeller(tree, known, settings)
      : new PlainTeller(tree, known, settings.stat);
    const ignore = new Ignore(settings.ignore, settings.gitignore);
    const { backend, reason } = choose(settings, anchors);
    super(backend.fd, options);
    this.#settings = settings;
    this.#tree = tree;
    this.#backend = backend;
    this.#reason = reason;
    this.#teller = teller;
    this.#engine = new Engine(tree, known, backend, ignore, teller, settings);
    // Nobody need wait for it.
    this.#ready.promise.catch(() => {});
    if (!settings.persistent) this.unref();
    try {
      // What is above comes first, so that what is below it is not watched twice.
      for (const anchor of anchors.toSorted((a, b) => a.real.length - b.real.length))
        this.#begin(anchor, settings.initial);
    } catch (error) {
      this.close();
      throw error;
    }
    this.#scan();
    this.push(this.#take());
  }

  /**
   * Resolves when everything below the paths is watched, or its error told. It rejects if the watcher is closed before.
   * Small trees are watched when the constructor returns. Who has begun to read, and has 16,384 events unread, holds it up. With fanotify all of what happens from then on is told in large ones as well, but
   * of a directory that is deleted or moved out before it was read not what was in it.
   */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** What is watched, and how near the limits are. */
  get watched(): Watched {
    const { directories, roots } = this.#engine;
    const { name: backend } = this.#backend;
    const isFree = backend === "fanotify";
    const limit = isFree ? Infinity : Number(sysctl("fs.inotify.max_user_watches"));
    return {
      paths: roots.shown.map((bytes) => pathName(bytes).text),
      backend,
      ...(this.#reason !== undefined && { reason: this.#reason }),
      directories: directories.watches.handles.size,
      entries: this.#tree.size - roots.guardCount,
      failed: directories.watches.failed,
      limit,
      headroom: Math.max(0, limit - directories.watches.handles.size),
      memory: this.#tree.byteLength,
    };
  }

  /**
   * Watches another path. One that is watched already is compared with the disk, which finds what the kernel does not tell
   * of: changes on a network file system, writes through mmap, mounts and unmounts. What could not be watched is tried again.
   *
   * @throws {ValueError} `ENOENT`, `ENOTDIR`, `ELOOP`: it is not there. `EBADF`: closed.
   * @throws {PermissionError} `EACCES`: a directory above it may not be searched.
   */
  add(path: PathLike): void {
    this.fileno();
    this.#engine.directories.watches.forgive();
    this.#begin(resolvePath(path), this.#settings.initial);
    this.#scan();
    this.push(this.#take());
  }

  /**
   * Stops watching a path that was given. Events that were there before still arrive.
   *
   * @returns Whether it was watched.
   * @throws {ValueError} `EBADF`: closed.
   */
  remove(path: PathLike): boolean {
    this.fileno();
    const wasWatched = this.#engine.roots.remove(resolvePath(path).real);
    this.#scan();
    this.push(this.#take());
    return wasWatched;
  }

  /**
   * Waits until all that happened before the call is in the queue, read from the kernel or found by a scan: `readEventsSync()`
   * takes it then. What left and did not come back is waited for as well.
   *
   * @throws {ValueError} `EBADF`: closed, or was while waiting.
   */
  async sync(): Promise<void> {
    this.#engine.directories.watches.retry(Infinity);
    for (;;) {
      this.fileno();
      const { events, more } = this.receive();
      this.push(events);
      const { directories } = this.#engine;
      if (more === false && directories.scanner.idle) {
        // Both halves of a rename come at once: what has no other half by now left for somewhere else.
        this.#engine.expire(Infinity);
        this.#teller.release(Infinity);
        this.push(this.#teller.take());
        return;
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  override ref(): this {
    this.#timer?.ref();
    return super.ref();
  }

  override unref(): this {
    this.#timer?.unref();
    return super.unref();
  }

  get [Symbol.toStringTag](): string {
    return "Watcher";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    const { paths, backend, directories, entries, failed } = this.watched;
    return { paths, backend, directories, entries, ...(failed > 0 && { failed }) };
  }

  protected override receive(): Batch<WatchEvent> {
    if (this.#engine.isBehind) this.#engine.lookBack();
    const buffer = readBuffer();
    let began: number;
    let length: number;
    let turns = 0;
    do {
      began = Date.now();
      length = Math.max(0, read_nonblock(this.fd, buffer));
      length = this.#backend.follow(buffer, length, this.#engine);
      this.#backend.decode(buffer, length, this.#engine);
    } while (this.#engine.handed() && ++turns < TURNS);
    const more = length > buffer.byteLength - LONGEST_RECORD;
    if (!more) {
      this.#backend.emptied(this.#engine);
      this.#engine.emptied(began);
    }
    const { scanner, watches } = this.#engine.directories;
    if (watches.retryAt !== Infinity) watches.retry(performance.now());
    // In a new directory things happen that nothing tells of until it is watched: the next one is not to wait.
    const burst = scanner.idle && length > LONE;
    this.#scan();
    const events = this.#take();
    // What is known by now is on its way first: whoever waits for it goes on one turn of promises later.
    if (this.#engine.isBehind) queueMicrotask(this.#soonLookBack);
    return { events, more, burst };
  }

  /** `receive` does all of it: what a read says can need more than its bytes. */
  protected decode(): WatchEvent[] {
    return [];
  }

  protected override push(events: readonly WatchEvent[]): void {
    const { queued } = this;
    super.push(events);
    this.#isRead ||= queued < this.#unreadCount || this.queued < queued + events.length;
    this.#unreadCount = this.queued;
  }

  protected override unread(): void {
    this.#engine[Symbol.dispose]();
    clearImmediate(this.#slice);
    clearTimeout(this.#pause);
    clearTimeout(this.#timer);
    this.#slice = this.#pause = this.#timer = undefined;
    this.#ready.reject(
      new ValueError(ERRNO.EBADF[0], { syscall: "ready", path: "Watcher", hint: "it is closed" }),
    );
  }

  #begin(anchor: Anchor, loud: boolean): void {
    if (this.#engine.roots.add(anchor, loud)) return;
    const error = absence(anchor);
    if (this.#settings.mustExist) {
      this.#engine.roots.remove(anchor.real);
      throw error;
    }
    const isMissing = error.code === "ENOENT" || error.code === "ENOTDIR";
    if (!isMissing) this.#teller.failed(pathName(anchor.shown), KIND.DIRECTORY, error);
  }

  /** Reads directories for a while; if some are left, again in a later turn of the event loop. */
  #scan(): void {
    const { scanner } = this.#engine.directories;
    if (!scanner.idle) scanner.run(performance.now() + SLICE);
    this.#engine.settle();
    if (!scanner.idle) return this.#later();
    if (this.#isReady) return;
    this.#isReady = true;
    this.#ready.resolve();
  }

  #later(): void {
    if (this.#slice !== undefined || this.#pause !== undefined || this.closed) return;
    if (this.#isFull()) return this.#wait();
    // It holds the process, as it ends by itself: Bun does not call it otherwise while a module waits for `ready`.
    this.#slice = setImmediate(() => {
      this.#slice = undefined;
      // It was closed behind our back.
      if (this.closed) return this.unread();
      this.#scan();
      this.push(this.#take());
    });
  }

  readonly #soonLookBack = (): void => queueMicrotask(this.#lookBack);

  readonly #lookBack = (): void => {
    if (this.closed || !this.#engine.isBehind) return;
    this.#engine.lookBack();
    this.push(this.#take());
  };

  /** Nothing tells when somebody reads. It does not hold the process: if nobody does, it never ends. */
  #wait(): void {
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      if (this.closed) return this.unread();
      this.#later();
    }, SLICE);
    this.#pause.unref();
  }

  /** Whether what is found would be more than who reads can take. If nobody has read yet, it is `ready` that is waited for, perhaps. */
  #isFull(): boolean {
    const { queued } = this;
    if (queued < this.#unreadCount) this.#isRead = true;
    if (this.#teller.held >= MOST_UNREAD) return true;
    return (this.#isRead || this.#isReady) && queued + this.#teller.size >= MOST_UNREAD;
  }

  /** What is to be told now. The rest is told by a timer. */
  #take(): WatchEvent[] {
    // Nothing is held back, and nothing comes by itself: no time is of interest.
    const isPlain = this.#settings.batch === 0 && this.#teller.due === Infinity;
    if (
      isPlain &&
      this.#engine.waiting === 0 &&
      this.#engine.directories.watches.retryAt === Infinity
    )
      return this.#teller.take();
    const now = performance.now();
    this.#teller.release(now);
    const { batch } = this.#settings;
    if (batch > 0 && this.#teller.size > 0) this.#batchDue ??= now + batch;
    const isDue = this.#batchDue === undefined || this.#batchDue <= now;
    const events = isDue ? this.#teller.take() : [];
    if (isDue) this.#batchDue = undefined;
    this.#arm(now);
    return events;
  }

  /** Waits for what comes by itself: other halves of renames, files that are left alone, batches that are full. */
  #arm(now: number): void {
    if (this.#timer !== undefined || this.closed) return;
    const hold = this.#engine.waiting === 0 ? Infinity : now + HOLD;
    const { retryAt } = this.#engine.directories.watches;
    const due = Math.min(hold, retryAt, this.#teller.due, this.#batchDue ?? Infinity);
    if (due === Infinity) return;
    this.#timer = setTimeout(() => this.#tick(), Math.max(1, Math.ceil(due - now)));
    if (!this.hasRef()) this.#timer.unref();
  }

  #tick(): void {
    this.#timer = undefined;
    if (this.closed) return this.unread();
    if (this.queued >= MOST_UNREAD) {
      // What it is about comes after those.
      this.#timer = setTimeout(() => this.#tick(), HOLD);
      this.#timer.unref();
      return;
    }
    const now = performance.now();
    try {
      // Another half, or a further change, may be there already.
      const { events, more } = this.receive();
      this.push(events);
      if (more === false) this.#engine.expire(now);
    } catch {
      // Whoever reads next hears of it.
      return;
    }
    this.push(this.#take());
  }
}

const hints: Partial<Record<string, string>> = {
  ENOENT: "mustExist: false waits for it",
  ENOTDIR: "something on the way is no directory",
  EACCES: "a directory on the way may not be searched",
};

/** Why a path is not there. */
function absence({ real, shown }: Anchor): OSError {
  const why = whyNot(real);
  const Class = (why?.constructor ?? ValueError) as OSErrorClass;
  const details = {
    syscall: "watch",
    path: pathName(shown).text,
    hint: hints[why?.code ?? "ENOENT"],
  };
  return new Class(why === undefined ? ERRNO.ENOENT[0] : -why.errno, details);
}

function isList(paths: PathLike | readonly PathLike[]): paths is readonly PathLike[] {
  return Array.isArray(paths);
}

/**
 * Watches files and directories with all that is below them, and misses nothing.
 *
 * A file that was made in a directory that was made a moment ago is told; a rename is one event with both paths, and what
 * is below a renamed directory is told by its new path from then on; what is moved in is made, what is moved out is deleted; of two that
 * change places at once (`RENAME_EXCHANGE`) one is renamed, and the other made where that was; a path that
 * vanishes is watched again when it is back. If the kernel's queue overflows, that is told, and then the differences
 * that it hid. A limit or a directory that may not be read is an `"error"` event, and the rest goes on.
 *
 * Paths in events are the given ones, joined with what is below them. Links in a given path are followed once, at the start.
 *
 * The kernel does not tell inotify of writes through mmap, of what another machine does to a network file system, of most
 * changes in /proc and /sys, and of mounts: what is mounted later within the tree is watched after `add()` of its path or of one above.
 *
 * With CAP_SYS_ADMIN and Linux 5.17 it is fanotify that tells, if all paths are on file systems that it can name files of: neither
 * most of FUSE nor subvolumes of btrfs are. It tells who it was, this process included, and what was made and deleted
 * before anybody could look. The same is not told as with inotify; in addition an unmount is not, and on an overlay what is done to its
 * layers. The same directory through another mount counts. File systems that are mounted within the tree
 * are marked as well, and one that can't be is an `"error"` event. `fs.fanotify.max_queued_events` is for all
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
