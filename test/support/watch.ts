/** What replaying a watcher's events makes, and what is on the disk. */
import { lstatSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { OSError, type WatchEvent, type WatchKind } from "bun-butter";
import { close, FAN_INIT, fanotify_init } from "bun-butter/syscalls";

import { emulated } from "./capabilities.ts";
import { canMount } from "./mounts.ts";
import { memory, namesTmpfs } from "./temp.ts";

/** A backend, and where to try it. */
export interface Way {
  readonly backend: "inotify" | "fanotify";
  /** Where directories are made. */
  readonly base: string;
}

/** Whether this process may have the fanotify backend: not the version of a kernel says that, but what it has taken over. */
export const canFanotify: boolean = !emulated && hasNames();

/** Whether it may have it of a tmpfs that it mounts. */
export const canFanotifyTmpfs: boolean = canFanotify && canMount && namesTmpfs;

/** Whether fanotify's events have the names and the handles of entries. */
function hasNames(): boolean {
  const { REPORT_FID, REPORT_DIR_FID, REPORT_NAME, REPORT_TARGET_FID, CLOEXEC } = FAN_INIT;
  const names = REPORT_FID | REPORT_DIR_FID | REPORT_NAME | REPORT_TARGET_FID;
  try {
    close(fanotify_init(names | CLOEXEC, 0));
    return true;
  } catch (error) {
    if (error instanceof OSError) return false;
    throw error;
  }
}

/** The backends that there are here: fanotify needs CAP_SYS_ADMIN and Linux 5.17, or an older one that took it over. */
export const ways: readonly Way[] = [
  { backend: "inotify", base: tmpdir() },
  ...(canFanotify ? [{ backend: "fanotify", base: memory } as const] : []),
];

/** A tree of paths, made of events alone. */
export class Model {
  readonly entries = new Map<string, WatchKind>();
  /** Events that don't fit what came before them. */
  readonly wrong: string[] = [];
  overflows = 0;
  /** How often a limit was told of. */
  limits = 0;

  apply(events: readonly WatchEvent[]): void {
    for (const event of events) this.#apply(event);
  }

  #apply(event: WatchEvent): void {
    const { type, path, kind } = event;
    const known = this.entries.get(path);
    switch (type) {
      case "create":
        if (known !== undefined) this.wrong.push(`create ${path}, which is there`);
        if (!this.#hasParent(path)) this.wrong.push(`create ${path} in nothing`);
        this.entries.set(path, kind);
        break;
      case "delete":
        if (known === undefined) this.wrong.push(`delete ${path}, which is not there`);
        if (this.#below(path).length > 0) this.wrong.push(`delete ${path}, which is not empty`);
        this.entries.delete(path);
        break;
      case "rename":
        this.#rename(event.from, path);
        this.entries.set(path, kind);
        break;
      case "change":
      case "attributes":
        if (known === undefined) this.wrong.push(`${type} ${path}, which is not there`);
        this.entries.set(path, kind);
        break;
      case "overflow":
        this.overflows++;
        break;
      case "error":
        // It goes on when it is at a limit no more.
        if (["ENOSPC", "EMFILE"].includes(event.error.code)) this.limits++;
        else this.wrong.push(`error ${path} ${event.error.message}`);
    }
  }

  #rename(from: string, to: string): void {
    if (!this.entries.has(from)) this.wrong.push(`rename ${from}, which is not there`);
    if (this.#below(to).length > 0) this.wrong.push(`rename to ${to}, which is not empty`);
    for (const path of [from, ...this.#below(from)]) {
      const kind = this.entries.get(path);
      this.entries.delete(path);
      if (kind !== undefined) this.entries.set(to + path.slice(from.length), kind);
    }
  }

  #below(path: string): readonly string[] {
    return [...this.entries.keys()].filter((other) => other.startsWith(`${path}/`));
  }

  #hasParent(path: string): boolean {
    const parent = path.slice(0, path.lastIndexOf("/"));
    return this.entries.size === 0 || this.entries.has(parent);
  }
}

/** More attempts than are disturbed in a row, on a machine that is busy. */
const ATTEMPTS = 8;

/** Fanotify hears of all that others do in the file system, which may be more than the kernel keeps: then all of it is done again. */
export async function undisturbed<T>(attempt: (model: Model) => Promise<T>): Promise<T> {
  for (let left = ATTEMPTS; ; left--) {
    const model = new Model();
    const result = await attempt(model);
    if (model.overflows === 0 || left === 0) return result;
  }
}

/** What is there, by path. */
export function treeOf(path: string, tree = new Map<string, WatchKind>()): Map<string, WatchKind> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return tree;
  tree.set(path, kindOf(stat));
  if (stat.isDirectory()) for (const name of readdirSync(path)) treeOf(join(path, name), tree);
  return tree;
}

function kindOf(stat: ReturnType<typeof lstatSync> & object): WatchKind {
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  return stat.isFile() ? "file" : "other";
}

/** Sorted, so that a difference is easy to see. */
export function listed(tree: ReadonlyMap<string, WatchKind>): readonly string[] {
  return [...tree].map(([path, kind]) => `${path} ${kind}`).toSorted();
}

/** A generator of numbers that is the same for the same seed. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** An event as a line, with its paths below a directory. */
export function line(event: WatchEvent, base: string): string {
  const short = (path: string): string => path.replace(`${base}/`, "");
  const slash = event.kind === "directory" ? "/" : event.kind === "symlink" ? "@" : "";
  const from = event.type === "rename" ? `${short(event.from)}${slash} ` : "";
  return `${event.type} ${from}${short(event.path)}${slash}`;
}
