/**
 * What `butter guard` marks: a directory and all that are below it, also those that come later.
 *
 * @module
 */
import { lstatSync, readdirSync, readlinkSync, statSync } from "node:fs";

import { Fanotify, type FanotifyEvent } from "../index.ts";
import { AT, close, O, openat } from "../syscalls/index.ts";
import { escape } from "./format.ts";
import { Progress } from "./progress.ts";

/** The directories of one `butter guard`. */
export class GuardMarks implements Disposable {
  /** Opens that wait. */
  readonly opens: Fanotify;
  /** Directories that come. */
  readonly arrivals: Fanotify;
  readonly #directory: Uint8Array;
  readonly #report: (text: string) => void;
  /** What is mounted below stays out. */
  #device: number | undefined;
  #size = 0;
  /** At the start, which can take long. */
  #progress: Progress | undefined;

  /**
   * @param directory As `realPath` has it.
   * @param report Told of a directory that comes and can't be guarded.
   * @param quiet Whether nothing is said of how long it takes.
   * @throws {OSError} It can't be guarded.
   */
  constructor(directory: Uint8Array, report: (text: string) => void, quiet: boolean) {
    this.#directory = directory;
    this.#report = report;
    using progress = quiet ? undefined : new Progress("Guarding directories");
    this.#progress = progress;
    using stack = new DisposableStack();
    this.opens = stack.use(new Fanotify({ decide: "access", unlimitedMarks: true, latency: 0 }));
    this.arrivals = stack.use(new Fanotify({ unlimitedMarks: true, latency: 0 }));
    this.#add(directory);
    this.#progress = undefined;
    stack.move();
  }

  /** How many directories were guarded at the start. */
  get size(): number {
    return this.#size;
  }

  /** Marks what came. */
  take(events: readonly FanotifyEvent[]): void {
    for (const event of events) {
      // What was lost is found by looking at everything again.
      const came = event.isOverflow ? this.#directory : event.isDir ? bytesOf(event) : undefined;
      if (came === undefined) continue;
      try {
        this.#add(came);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        if (!isGone(error)) this.#report(`"${escape(came)}" is not guarded: ${error.message}`);
      }
    }
  }

  /** Whatever waits is allowed. */
  [Symbol.dispose](): void {
    this.opens.close();
    this.arrivals.close();
  }

  #add(directory: Uint8Array): void {
    for (const below of this.#mark(directory)) {
      try {
        this.#add(below);
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    }
  }

  /** Marks one directory, and returns those in it. */
  #mark(directory: Uint8Array): Uint8Array[] {
    const fd = openat(AT.FDCWD, directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC);
    try {
      const open = `/proc/self/fd/${fd}`;
      // By now there may be a symbolic link on the way, to anywhere.
      if (!readlinkSync(open, "buffer").equals(directory)) return [];
      const { dev } = statSync(open);
      this.#device ??= dev;
      if (dev !== this.#device) return [];
      // Before the look inside: what comes after it is told.
      this.arrivals.mark(fd, ["create", "moved-to"], { dirs: true });
      this.opens.mark(fd, "open-perm", { children: true });
      this.#size++;
      this.#progress?.at(this.#size);
      return directoriesIn(open).map((name) =>
        Buffer.concat([directory, directory.length === 1 ? NOTHING : SLASH, name]),
      );
    } finally {
      close(fd);
    }
  }
}

/** Names of directories. Bun has no types of entries whose names are bytes. */
function directoriesIn(directory: string): Uint8Array[] {
  const isDirectory = (name: Uint8Array): boolean =>
    lstatSync(Buffer.concat([Buffer.from(`${directory}/`), name]), {
      throwIfNoEntry: false,
    })?.isDirectory() === true;
  return readdirSync(directory, { encoding: "buffer" }).filter(isDirectory);
}

/** What is gone again, or no directory any more, needs no guard. */
function isGone(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP";
}

function bytesOf({ path, pathBytes }: FanotifyEvent): Uint8Array | undefined {
  return pathBytes ?? (path === undefined ? undefined : Buffer.from(path));
}

const NOTHING = Buffer.alloc(0);
const SLASH = Buffer.from("/");
