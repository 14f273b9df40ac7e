/**
 * How trees are watched.
 *
 * @module
 */
import { checkOptions, type EventSourceOptions, sourceNames } from "../events/event-source.ts";
import { checkNames, type OptionNames } from "../events/options.ts";
import { described } from "../libc.ts";
import { checkRule, type IgnoreRule, looksAtPaths } from "./ignore/ignore.ts";

/** How long a file must be left alone before its event comes. */
export interface WatchSettle {
  /** Milliseconds without a further event of it. */
  readonly quiet: number;
  /**
   * Milliseconds after its first event, however busy it is.
   *
   * @default Ten times `quiet`.
   */
  readonly max?: number;
}

const settleNames: OptionNames<WatchSettle> = { quiet: true, max: true };

/** What tells of changes. */
export type WatchBackend = "auto" | "inotify" | "fanotify";

/** Options of {@linkcode watch}. */
export interface WatchOptions extends EventSourceOptions {
  /**
   * Whether what is below the directories in a directory is watched as well.
   *
   * @default true
   */
  readonly recursive?: boolean;
  /**
   * How many levels of directories below a root are entered: 0 is the root's own entries. What comes to be further below by a rename is
   * told as deleted, and what is so no more as made. With a depth, a path below another one is watched by itself: what is within the depth
   * of both is told twice.
   *
   * @default Infinity
   */
  readonly depth?: number;
  /**
   * What is left out. A directory that is left out is never opened. What a rename brings to a path that is left out is told as deleted,
   * and what it takes from there as made: also what is below a directory that is renamed, when rules are about paths.
   */
  readonly ignore?: IgnoreRule | readonly IgnoreRule[];
  /**
   * Leaves out what `.gitignore` files say, at every level below the root, and `.git` itself; or what files of another
   * name say. When such a file changes, what it says from then on counts: what comes to be left out is told as deleted, and what is left
   * out no more as made. A file that can't be read, or is longer than a megabyte, is an `"error"` event, and what was read of it before
   * counts on. A pipe, a device or a symbolic link is no such file, as Git has it.
   *
   * @default false
   */
  readonly gitignore?: boolean | string;
  /**
   * Watches what symbolic links to directories lead to, by the path of the link. A link to a directory above itself is not
   * entered. What a link to a file leads to is not watched. If what a link leads to is renamed or deleted, what is in it is told as
   * deleted; another directory that is there by then is watched, and one that comes later is after `add()`. What is on the way of a link
   * and outside of the tree is not watched: where the link leads when that is renamed is found by `add()` as well. A million entries by way of links, or 256 paths to one directory, are an
   * `"error"` event, and no more are watched.
   *
   * @default false
   */
  readonly followSymlinks?: boolean;
  /**
   * Tells of what is there at the start as made. Who reads slowly gets it slowly: no more than some 16,384 events wait, unless nobody has
   * begun to read.
   *
   * @default false
   */
  readonly initial?: boolean;
  /**
   * Tells of each write as a change, and not only that a writer closed the file. A file that is truncated by its path, as `truncateSync` does,
   * has no writer that closes it: that is told only so.
   *
   * @default false
   */
  readonly modify?: boolean;
  /** Tells of a file that was made or changed when it has been left alone for that long. What was made and deleted meanwhile never was. */
  readonly settle?: number | WatchSettle;
  /**
   * Compares all that is watched with the disk, each time that many milliseconds after the last comparison has ended, and tells what
   * the kernel did not: what another machine or the host changed on a network or shared file system, writes through mmap, changes in
   * /proc and /sys, mounts. A comparison looks at every file, in slices between which the event loop turns. {@linkcode Watched.unheard} says where
   * the kernel does not tell all.
   *
   * @default 0: never
   */
  readonly poll?: number;
  /**
   * Milliseconds for which a pending read looks in each turn of the event loop before it sleeps until the kernel wakes it, as with every
   * source: 0 sleeps at once.
   *
   * By default it is awake for a moment where sleep loses something. With inotify that is after a directory was made, for 20 ms: what is
   * made in it, and deleted before it is watched, is told by nothing. And it is so after lone events that follow one another within 2 ms, for
   * 2 ms. If nothing comes then, each watcher can have ten seconds of that at once, and a twentieth of a processor in the long run; none if the
   * process may use one processor only, or a control group limits its time (`cpu.max`).
   */
  readonly busyPoll?: number;
  /** Gathers events for that many milliseconds, so that a reader of batches gets few large ones. */
  readonly batch?: number;
  /**
   * Tells of an editor's way to save, which is to write another file and to rename it, as one change. `true` is 100 ms: for so long
   * what may become a part of it is held.
   *
   * @default false
   */
  readonly atomic?: boolean | number;
  /**
   * Adds `stats` to events.
   *
   * @default false
   */
  readonly stat?: boolean;
  /**
   * What tells of changes: inotify has a watch for each directory, fanotify one mark for each file system, knows who it was, and
   * tells all of what was made and deleted at once. It needs CAP_SYS_ADMIN, Linux 5.17 and a file system with file handles;
   * `"auto"` takes it where it can for the paths at the start and what is mounted within them, and {@linkcode Watched.reason} says why not.
   *
   * @default "auto"
   */
  readonly backend?: WatchBackend;
  /**
   * Whether a pending read keeps the process alive: `false` is as if `unref()` had been called.
   *
   * @default true
   */
  readonly persistent?: boolean;
  /**
   * Whether it is an error that a path is not there. If it may be missing, it is told as made when it comes; if a directory on the
   * way may not be searched, that is an `"error"` event, and it is told when it may.
   *
   * @default true
   */
  readonly mustExist?: boolean;
}

const optionNames: OptionNames<WatchOptions> = {
  ...sourceNames,
  recursive: true,
  depth: true,
  ignore: true,
  gitignore: true,
  followSymlinks: true,
  initial: true,
  modify: true,
  settle: true,
  poll: true,
  batch: true,
  atomic: true,
  stat: true,
  backend: true,
  persistent: true,
  mustExist: true,
};

/** What chokidar calls them, where that is not nearly the same. */
const elsewhere: Readonly<Record<string, string>> = {
  alwaysStat: "stat",
  awaitWriteFinish: "settle",
  ignoreInitial: "initial",
  usePolling: "poll",
};

/** Options with everything that was left out. */
export interface Settings {
  readonly depth: number;
  readonly ignore: readonly IgnoreRule[];
  readonly gitignore: string | undefined;
  readonly followSymlinks: boolean;
  readonly initial: boolean;
  readonly modify: boolean;
  readonly settle: { readonly quiet: number; readonly max: number } | undefined;
  readonly poll: number;
  readonly busyPoll: number | undefined;
  readonly batch: number;
  readonly atomic: number;
  readonly stat: boolean;
  readonly backend: WatchBackend;
  readonly persistent: boolean;
  readonly mustExist: boolean;
}

/** How long what may be a part of a save is held, in milliseconds. */
const ATOMIC = 100;

/** The longest delay that a timer takes. */
const LONGEST = 2 ** 31 - 1;

const defaults: Settings = {
  depth: Infinity,
  ignore: [],
  gitignore: undefined,
  followSymlinks: false,
  initial: false,
  modify: false,
  settle: undefined,
  poll: 0,
  busyPoll: undefined,
  batch: 0,
  atomic: 0,
  stat: false,
  backend: "auto",
  persistent: true,
  mustExist: true,
};

type Takes<Setting> = (value: unknown, name: string) => Setting;

/** What makes settings of the options of the same names. */
const takes: { readonly [Name in keyof Settings]: Takes<Settings[Name]> } = {
  depth: depthOf,
  ignore: rulesOf,
  gitignore: gitignoreOf,
  followSymlinks: flag,
  initial: flag,
  modify: flag,
  settle: settleOf,
  poll: duration,
  // It is checked with those of every source.
  busyPoll: (value) => value as number,
  batch: duration,
  atomic: atomicOf,
  stat: flag,
  backend: backendOf,
  persistent: flag,
  mustExist: flag,
};

/** Checks options, and fills in what was left out. */
export function settingsOf(options: WatchOptions): Settings {
  checkOptions(options, optionNames, elsewhere);
  const settings: Record<keyof Settings, unknown> = { ...defaults };
  // Who starts waits for it: only what is given is looked at.
  for (const name in defaults) {
    const value = options[name as keyof Settings];
    if (value !== undefined)
      settings[name as keyof Settings] = takes[name as keyof Settings](value, name);
  }
  if (options.recursive !== undefined && !flag(options.recursive, "recursive")) settings.depth = 0;
  return settings as Settings;
}

function flag(value: unknown, name: string): boolean {
  if (typeof value === "boolean") return value;
  throw new TypeError(`Cannot take ${name}: expected true or false, got ${described(value)}`);
}

function rulesOf(ignore: unknown): readonly IgnoreRule[] {
  const rules: unknown[] = Array.isArray(ignore) ? ignore.slice() : [ignore];
  for (const rule of rules) checkRule(rule);
  return rules as IgnoreRule[];
}

function gitignoreOf(gitignore: unknown): string | undefined {
  if (typeof gitignore === "boolean") return gitignore ? ".gitignore" : undefined;
  if (typeof gitignore === "string" && gitignore !== "" && !/[/\0]/.test(gitignore))
    return gitignore;
  throw new TypeError(
    `Cannot take gitignore: expected true, false or the name of a file, got ${described(gitignore)}`,
  );
}

function atomicOf(atomic: unknown): number {
  if (typeof atomic === "boolean") return atomic ? ATOMIC : 0;
  return duration(atomic, "atomic");
}

function backendOf(backend: unknown): WatchBackend {
  if (backend === "auto" || backend === "inotify" || backend === "fanotify") return backend;
  throw new TypeError(
    `Cannot take backend: ${Bun.inspect(backend)} is not "auto", "inotify" or "fanotify"`,
  );
}

function depthOf(depth: unknown): number {
  if (typeof depth !== "number")
    throw new TypeError(`Cannot take depth: expected a number, got ${described(depth)}`);
  if (depth === Infinity || (Number.isInteger(depth) && depth >= 0)) return depth;
  throw new RangeError(`Cannot take depth: ${depth} is not an integer of at least 0`);
}

function settleOf(settle: unknown): Settings["settle"] {
  if (typeof settle === "number") return settleOf({ quiet: duration(settle, "settle") });
  if (typeof settle !== "object" || settle === null)
    throw new TypeError(`Cannot take settle: expected milliseconds, got ${described(settle)}`);
  checkNames(settle, settleNames, "settle");
  const given: Partial<WatchSettle> = settle;
  const quiet = duration(given.quiet, "settle.quiet");
  const max = duration(given.max ?? Math.min(quiet * 10, LONGEST), "settle.max");
  if (max < quiet) throw new RangeError(`Cannot take settle: max ${max} is less than ${quiet} ms`);
  return quiet === 0 ? undefined : { quiet, max };
}

function duration(value: unknown, name: string): number {
  if (typeof value !== "number")
    throw new TypeError(`Cannot take ${name}: expected milliseconds, got ${described(value)}`);
  if (value >= 0 && value <= LONGEST) return value;
  throw new RangeError(`Cannot take ${name}: ${value} is not between 0 and ${LONGEST} ms`);
}

/** Whether what is there counts, and not only what happens: what a rename leaves out, or leaves out no more, is told of what is known. */
export function needsTree(settings: Settings): boolean {
  const { initial, followSymlinks, poll, depth, gitignore } = settings;
  if (initial || followSymlinks || poll > 0 || depth !== Infinity || gitignore !== undefined)
    return true;
  return settings.ignore.length > 0 && settings.ignore.some(looksAtPaths);
}
