/**
 * What `butter trace` marks.
 *
 * @module
 */
import { statSync } from "node:fs";

import {
  type Fanotify,
  type FanotifyAsked,
  type MountEntry,
  mounts,
  OSError,
  UnsupportedError,
} from "../index.ts";
import { MADE_UP } from "../watch/disk/file-systems.ts";
import { Tree } from "./real-path.ts";
import type { TraceOptions } from "./trace-options.ts";

/** Told of every mark. */
const OF_FILES = ["open", "open-exec", "access", "modify", "close-write", "close-nowrite"] as const;

/** Told of file systems alone. */
const OF_NAMES = ["attrib", "create", "delete", "rename"] as const;

/** A place that can't be marked, and why. */
export interface Unmarked {
  readonly path: string;
  readonly error: OSError;
}

/** Marks for one `butter trace`. */
export class TraceMarks {
  readonly #fanotify: Fanotify;
  readonly #scope: "mount" | "filesystem";
  readonly #unmarked: Unmarked[] = [];
  #events: ReadonlySet<FanotifyAsked>;
  #size = 0;

  /**
   * @param path As `realPath` has it.
   * @throws {OSError} Nothing can be marked.
   */
  constructor(fanotify: Fanotify, path: Uint8Array, { scope, events }: TraceOptions) {
    this.#fanotify = fanotify;
    this.#scope = scope === "mount" ? "mount" : "filesystem";
    this.#events = events ?? new Set(scope === "mount" ? OF_FILES : [...OF_FILES, ...OF_NAMES]);
    this.#add(path, Buffer.from(path).toString());
    if (scope === "below")
      for (const mount of mountsBelow(path))
        this.#add(mount.targetBytes ?? mount.target, mount.target);
    const [first] = this.#unmarked;
    if (this.#size === 0 && first !== undefined) throw first.error;
  }

  /** What could not be marked, and is not traced. */
  get unmarked(): readonly Unmarked[] {
    return this.#unmarked;
  }

  /** `"2 file systems"` */
  toString(): string {
    const what = this.#scope === "mount" ? "mount" : "file system";
    return `${this.#size} ${what}${this.#size === 1 ? "" : "s"}`;
  }

  #add(path: string | Uint8Array, name: string): void {
    try {
      this.#mark(path);
      this.#size++;
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
      this.#unmarked.push({ path: name, error });
    }
  }

  #mark(path: string | Uint8Array): void {
    const options = { scope: this.#scope, dirs: true };
    try {
      this.#fanotify.mark(path, this.#events, options);
    } catch (error) {
      if (!(error instanceof UnsupportedError && this.#events.has("rename"))) throw error;
      // Before Linux 5.17 there are only the two halves.
      const halves = new Set(this.#events).add("move");
      halves.delete("rename");
      this.#fanotify.mark(path, halves, options);
      this.#events = halves;
    }
  }
}

/** One mount of each file system that has files, but not of that which the directory itself is in. */
function mountsBelow(directory: Uint8Array): readonly MountEntry[] {
  const tree = new Tree(directory);
  const seen = new Set([deviceOf(Buffer.from(directory))]);
  return mounts().filter((mount) => {
    const { target, targetBytes, type } = mount;
    if (MADE_UP.has(type) || tree.relative(target, targetBytes) === undefined) return false;
    const device = deviceOf(targetBytes === undefined ? target : Buffer.from(targetBytes));
    if (device === undefined || seen.has(device)) return false;
    seen.add(device);
    return true;
  });
}

/** The device of a directory. A file that is mounted somewhere says nothing of its file system. */
function deviceOf(path: string | Buffer): number | undefined {
  try {
    const { dev, mode } = statSync(path);
    return (mode & S_IFMT) === S_IFDIR ? dev : undefined;
  } catch {
    // Not for us, or not reachable.
    return undefined;
  }
}

const S_IFMT = 0o170_000;
const S_IFDIR = 0o040_000;
