/**
 * Changes of files and directories as events:
 * {@link https://man7.org/linux/man-pages/man7/inotify.7.html | inotify(7)}.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { int, type PathLike, pathText, type Pinned } from "../libc.ts";
import {
  IN,
  inotify_add_watch,
  inotify_init1,
  inotify_rm_watch,
  read_inotify_events,
} from "../syscalls/inotify.ts";
import { prepareAdopted } from "./adopt.ts";
import type { WaitOptions } from "./deadline.ts";
import { checkOptions, EventSource, type EventSourceOptions } from "./event-source.ts";
import { InotifyEvent, type InotifyWatch } from "./inotify-event.ts";
import { NameCache } from "./names.ts";

/** Options of {@linkcode Inotify}. */
export interface InotifyOptions extends EventSourceOptions {}

/** Flags of a mask that say how to watch, and are no part of what is watched. */
const HOW = IN.MASK_ADD | IN.MASK_CREATE | IN.ONLYDIR | IN.DONT_FOLLOW;

let names: NameCache | undefined;

/** Hands the descriptor of {@linkcode Inotify.adopt} to the constructor. */
const ADOPTED = Symbol("adopted");

/**
 * Watches files and directories.
 *
 * A directory's watch reports its direct entries, not what is below them. Limits are
 * `fs.inotify.max_user_watches` (`ENOSPC`), `max_user_instances` (`EMFILE`) and `max_queued_events`
 * (an event with `isOverflow`, after which events arrive again). The kernel merges an event with an equal
 * one right before it, and reports neither writes through mmap nor what another machine does
 * to a network file system.
 *
 * @example
 * ```ts
 * import { IN, Inotify } from "bun-butter";
 * import { mkdtempSync, writeFileSync } from "node:fs";
 *
 * const dir = mkdtempSync("/tmp/butter-");
 * using inotify = new Inotify();
 * inotify.watch(dir, IN.CLOSE_WRITE);
 * writeFileSync(`${dir}/note.txt`, "hello");
 * for await (const event of inotify) {
 *   console.log(event.flags, event.name); // [ "CLOSE_WRITE" ] note.txt
 *   break;
 * }
 * ```
 */
export class Inotify extends EventSource<InotifyEvent> {
  readonly #watches = new Map<number, InotifyWatch>();
  /** Ignored, but events that were queued before still name them. */
  readonly #leaving = new Map<number, InotifyWatch>();

  /**
   * Makes an instance without watches.
   *
   * @throws {OSError} `EMFILE`: at fs.inotify.max_user_instances or the descriptor limit. `ENFILE`.
   */
  constructor(options: InotifyOptions = {}) {
    checkOptions(options);
    const adopted = (options as { readonly [ADOPTED]?: number })[ADOPTED];
    super(adopted ?? inotify_init1(IN.NONBLOCK | IN.CLOEXEC), options);
  }

  /**
   * Takes over an inotify descriptor that was made elsewhere, makes it non-blocking and close-on-exec,
   * and owns it from then on. Paths are known only of what is watched through the new object.
   *
   * @throws {ValueError} `EBADF`: not open. `EINVAL`: not an inotify descriptor; it stays the caller's. `EBUSY`: a source owns it.
   */
  static adopt(fd: number, options: InotifyOptions = {}): Inotify {
    checkOptions(options);
    prepareAdopted(fd, /^anon_inode:\[?inotify\]?$/, "inotify");
    return new Inotify({ ...options, [ADOPTED]: fd } as InotifyOptions);
  }

  /**
   * Waits for one event of one path: butter's `watch()`.
   *
   * @param mask {@linkcode IN} members.
   * @throws What {@linkcode watch} throws, a `TimeoutError`, or what `signal` was aborted with.
   */
  static async once(
    path: PathLike,
    mask: number = IN.ALL_EVENTS,
    options: WaitOptions = {},
  ): Promise<InotifyEvent> {
    using inotify = new Inotify();
    inotify.watch(path, mask);
    return await inotify.wait(options);
  }

  /** What is watched, by watch descriptor. Watches that the kernel dropped leave it when their `IGNORED` event is read. */
  get watches(): ReadonlyMap<number, InotifyWatch> {
    return this.#watches;
  }

  /**
   * Watches a path, or changes what is watched of it. An inode has one watch, whichever of its paths was
   * given: a second call replaces the mask, or adds to it with `IN.MASK_ADD`.
   *
   * @param mask {@linkcode IN} members.
   * @returns The watch descriptor, which is in each of its events.
   * @throws {PermissionError} `EACCES`: not readable.
   * @throws {OSError} `ENOSPC`: at fs.inotify.max_user_watches.
   * @throws {ValueError} `ENOENT`, `ENOTDIR`, `EEXIST`, `ELOOP`, `ENAMETOOLONG`, `EINVAL`; `EBADF`: closed.
   */
  watch(path: PathLike, mask: number = IN.ALL_EVENTS): number {
    const wd = inotify_add_watch(this.fileno(), path, mask);
    const before = mask & IN.MASK_ADD ? (this.#watches.get(wd)?.mask ?? 0) : 0;
    this.#watches.set(wd, { wd, path: pathText(path), mask: (before | (mask & ~HOW)) >>> 0 });
    return wd;
  }

  /**
   * Stops a watch. Events that were queued before still arrive, and an `IGNORED` event ends them.
   *
   * @returns Whether it was still there: `false` if the kernel had dropped it already.
   * @throws {ValueError} `EBADF`: closed.
   */
  ignore(wd: number): boolean {
    const fd = this.fileno();
    const watch = this.#watches.get(int(wd, "wd"));
    try {
      inotify_rm_watch(fd, wd);
    } catch (error) {
      if (error instanceof OSError && error.code === "EINVAL") return false;
      throw error;
    }
    this.#watches.delete(wd);
    if (watch !== undefined) this.#leaving.set(wd, watch);
    return true;
  }

  get [Symbol.toStringTag](): string {
    return "Inotify";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    return { watches: this.#watches.size };
  }

  protected decode(buffer: Pinned, length: number): InotifyEvent[] {
    const events: InotifyEvent[] = [];
    const cache = (names ??= new NameCache());
    let last = -1;
    let watch: InotifyWatch | undefined;
    read_inotify_events(buffer, length, (wd, mask, cookie, name, len) => {
      if (wd !== last) {
        last = wd;
        watch = this.#watches.get(wd) ?? this.#leaving.get(wd);
      }
      const event = new InotifyEvent(wd, mask, cookie, cache.get(buffer, name, len), watch);
      if (event.isIgnored) {
        this.#watches.delete(wd);
        this.#leaving.delete(wd);
      }
      events.push(event);
    });
    return events;
  }
}
