/** A copy of a tree, kept by who looks at a path whenever an event tells of it: what is not told of stays as it was. */
import { lstatSync } from "node:fs";

import type { WatchEvent, WatchKind } from "bun-butter";

import { treeOf } from "./watch.ts";

/** What was at a path that was gone by the time somebody looked. */
const GONE = "gone";

const DIRECTORY = "directory";

/** What is at a path: its kind, and for a file which one it is and how long. */
function look(path: string): string {
  try {
    const stat = lstatSync(path);
    if (stat.isDirectory()) return DIRECTORY;
    return `${stat.isSymbolicLink() ? "symlink" : "file"} ${stat.ino} ${stat.size}`;
  } catch {
    return GONE;
  }
}

/** What is at a path of which something was told, which may be something else by now. */
function told(path: string, kind: WatchKind): string {
  if (kind === DIRECTORY) return DIRECTORY;
  const now = look(path);
  return now === DIRECTORY ? GONE : now;
}

/** What is there, by path. */
function looksOf(root: string): Map<string, string> {
  return new Map([...treeOf(root).keys()].map((path) => [path, look(path)]));
}

/** What differs between a copy and what is there. */
export interface Difference {
  readonly missing: readonly string[];
  readonly stale: readonly string[];
  /** Of these nobody ever told. */
  readonly extra: readonly string[];
}

export class Mirror {
  readonly #entries: Map<string, string>;
  /** What was there at the start, wherever it was renamed to. */
  readonly #start: Set<string>;
  overflows = 0;

  /** Begins with what is there. */
  constructor(root: string) {
    this.#entries = looksOf(root);
    this.#start = new Set(this.#entries.keys());
  }

  apply(events: readonly WatchEvent[]): void {
    for (const event of events) this.#apply(event);
  }

  /** What differs. What was there at the start may be left, if nobody knew of it when it was deleted. */
  differenceTo(root: string): Difference {
    const there = looksOf(root);
    const known = this.#entries;
    return {
      missing: [...there.keys()].filter((path) => !known.has(path)),
      stale: [...there]
        // What is in a directory that is renamed to and fro is not looked at again.
        .filter(([path, now]) => ![undefined, GONE, now].includes(known.get(path)))
        .map(([path, now]) => `${path}: ${known.get(path)}, and not ${now}`),
      extra: [...known.keys()].filter((path) => !there.has(path) && !this.#start.has(path)),
    };
  }

  #apply(event: WatchEvent): void {
    const { type, path, kind } = event;
    switch (type) {
      case "create":
      case "change":
        this.#entries.set(path, told(path, kind));
        this.#start.delete(path);
        break;
      case "delete":
        for (const one of this.#at(path)) this.#delete(one);
        break;
      case "rename":
        this.#rename(event.from, path, kind);
        break;
      case "overflow":
        this.overflows++;
        break;
      case "error":
        throw event.error;
    }
  }

  #rename(from: string, to: string, kind: WatchKind): void {
    // Whoever does not know it can't rename it.
    if (!this.#entries.has(from)) return;
    const moved = this.#at(from);
    const directories = new Set(moved.filter((path) => this.#entries.get(path) === DIRECTORY));
    const before = new Set(moved.filter((path) => this.#start.has(path)));
    for (const path of [...this.#at(to), ...moved]) this.#delete(path);
    // What was looked at when it was told may have been what is there by now.
    for (const path of moved) {
      const now = to + path.slice(from.length);
      const isDirectory = path === from ? kind === DIRECTORY : directories.has(path);
      this.#entries.set(now, told(now, isDirectory ? DIRECTORY : "file"));
      if (before.has(path)) this.#start.add(now);
    }
  }

  #delete(path: string): void {
    this.#entries.delete(path);
    this.#start.delete(path);
  }

  /** A path, and what is below it. */
  #at(path: string): readonly string[] {
    return [...this.#entries.keys()].filter((one) => one === path || one.startsWith(`${path}/`));
  }
}
