/**
 * What happened while nobody watched: a tree as it was, to be kept in a file, and compared with what it is.
 *
 * @module
 */
import { ERRNO, OSError, ValueError } from "../../errors.ts";
import { closeQuietly } from "../../events/intake.ts";
import { checkNames, type OptionNames } from "../../events/options.ts";
import { type PathLike, type Pinned, pinned } from "../../libc.ts";
import { getdents64, read_linux_dirents64 } from "../../syscalls/dirent.ts";
import { O } from "../../syscalls/fd.ts";
import { AT } from "../../syscalls/open.ts";
import { read_statx, STATX, type Statx, statx, STATX_SIZE } from "../../syscalls/stat.ts";
import { kindOfMode, wordOf } from "../disk/look.ts";
import { resolvePath } from "../disk/resolve.ts";
import type { WatchEvent, WatchKind } from "../event.ts";
import type { Gitignore } from "../ignore/gitignore.ts";
import { checkGlobs, Ignore, type IgnoreRule, type RuleFiles } from "../ignore/ignore.ts";
import { readRules } from "../ignore/rule-file.ts";
import { settingsOf, type WatchOptions } from "../options.ts";
import { type Anchor, isDot, keyOfPath, openAbsolute, pathName, reach } from "../tree/paths.ts";
import { Comparison } from "./comparison.ts";
import { faultsOf } from "./faults.ts";

/** Options of {@linkcode snapshot} and {@linkcode changesSince}: what is left out, and how deep it goes. */
export type SnapshotOptions = Pick<WatchOptions, "recursive" | "depth" | "ignore" | "gitignore"> & {
  /** Ends the work when it aborts. */
  readonly signal?: AbortSignal;
};

const optionNames: OptionNames<SnapshotOptions> = {
  recursive: true,
  depth: true,
  ignore: true,
  gitignore: true,
  signal: true,
};

/** An entry as it was: kind, device and inode, size, and times in nanoseconds, as text that JSON keeps exactly. */
export type SnapshotStat = readonly [
  kind: WatchKind,
  inode: string,
  size: string,
  mtime: string,
  ctime: string,
];

/** A directory's entries by their names; a name that is not UTF-8 has a NUL before its bytes, a character each. */
export interface SnapshotTree {
  readonly stat: SnapshotStat;
  /** Of a directory that could be read. Where one of two snapshots has none, nothing is told of what is below. */
  readonly entries?: Readonly<Record<string, SnapshotTree>>;
}

/** A tree as it was. It is plain data: `JSON.stringify` and back gives the same. */
export interface Snapshot {
  readonly version: 1;
  /** The path as it was given. */
  readonly path: string;
  /** `undefined` if nothing was there. */
  readonly tree: SnapshotTree | undefined;
}

/** Milliseconds of a slice. */
const SLICE = 4;

const BUFFER_SIZE = 32 * 1024;

/**
 * Takes down what is at a path and below it. Other work of the event loop goes on meanwhile.
 *
 * @throws {ValueError} `ENOENT`: nothing is there.
 * @throws {PermissionError} `EACCES`: it may not be looked at. Directories below it that may not be read are taken down without entries.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit. `EIO`: something can't be read. `EFBIG`: a file with rules is longer than a megabyte.
 *
 * @example
 * ```ts
 * import { changesSince, snapshot } from "bun-butter";
 * import { mkdtempSync, renameSync, writeFileSync } from "node:fs";
 *
 * const dir = mkdtempSync("/tmp/butter-");
 * writeFileSync(`${dir}/draft`, "text");
 * const before = await snapshot(dir);
 * renameSync(`${dir}/draft`, `${dir}/final`);
 * const [event] = await changesSince(before);
 * console.log(event?.type); // rename
 * ```
 */
export async function snapshot(path: PathLike, options: SnapshotOptions = {}): Promise<Snapshot> {
  const anchor = resolvePath(path);
  const { text, bytes } = pathName(anchor.shown);
  if (bytes !== undefined)
    throw new TypeError(
      `Cannot take path: ${JSON.stringify(text)} is not UTF-8 in the file system`,
    );
  using reader = new TreeReader(options);
  const tree = await reader.read(anchor);
  if (tree === undefined)
    throw new ValueError(ERRNO.ENOENT[0], { syscall: "snapshot", path: text });
  return { version: 1, path: text, tree };
}

/**
 * What is different from a snapshot, as events: renames are recognised by their inodes, a file that has other times or another size was
 * changed. One that was renamed and changed is told as deleted and made, as inodes are used again. Directories come before what is in them, and what was deleted comes from the bottom up.
 *
 * @param before What {@linkcode snapshot} returned, taken with the same options.
 * @throws {TypeError} It is no snapshot, or one that was changed or cut off: the message says where.
 * @throws What {@linkcode snapshot} throws for what can't be read.
 */
export async function changesSince(
  before: Snapshot,
  options: SnapshotOptions = {},
): Promise<WatchEvent[]> {
  using reader = new TreeReader(options);
  const fault = await reader.finish(faultsOf(before));
  if (fault !== undefined) throw new TypeError(`Cannot take before: ${fault}`);
  const tree = await reader.read(resolvePath(before.path));
  return await reader.finish(new Comparison().compare(before.path, before.tree, tree));
}

/** Reads trees, in slices. */
class TreeReader implements Disposable {
  readonly #rules: readonly IgnoreRule[];
  readonly #ignore: Ignore;
  readonly #depth: number;
  readonly #signal: AbortSignal | undefined;
  readonly #entries: Pinned = pinned(BUFFER_SIZE);
  readonly #stat: Pinned = pinned(STATX_SIZE);
  #until = performance.now() + SLICE;

  constructor(options: SnapshotOptions) {
    checkNames(options, optionNames);
    const settings = settingsOf(options);
    this.#rules = settings.ignore;
    this.#ignore = new Ignore(settings.ignore, settings.gitignore);
    this.#depth = settings.depth;
    this.#signal = options.signal;
  }

  [Symbol.dispose](): void {
    this.#entries[Symbol.dispose]();
    this.#stat[Symbol.dispose]();
  }

  async read(anchor: Anchor): Promise<SnapshotTree | undefined> {
    checkGlobs(this.#rules, [anchor]);
    const { real: path } = anchor;
    const root = this.#look(path);
    if (root === undefined) return undefined;
    const stack: Directory[] = [];
    this.#enter(stack, root, path, undefined, "");
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      try {
        await this.#readOne(stack, next);
      } catch (error) {
        // It may not be read, or what is in it not be looked at; or another thing is there by now.
        const isLink = error instanceof OSError && error.code === "ELOOP";
        if (!isShut(error) && !isGone(error) && !isLink) throw error;
        delete next.tree.entries;
      }
    }
    return root;
  }

  async #readOne(stack: Directory[], dir: Directory): Promise<void> {
    const names = await this.#namesOf(dir);
    const entries: Record<string, MutableTree> = Object.create(null);
    const found: Directory[] = [];
    for (const name of names) {
      if (performance.now() >= this.#until) await this.#pause();
      const called = pathName(name);
      const inner = dir.path === "" ? called.text : `${dir.path}/${called.text}`;
      const full = Buffer.concat([dir.real, SLASH, name]);
      const tree = this.#look(full);
      if (tree === undefined) continue;
      const isDirectory = tree.stat[0] === "directory";
      if (this.#ignore.active && this.#ignore.ignores(inner, isDirectory, dir, ruleFiles)) continue;
      entries[keyOfPath(called)] = tree;
      this.#enter(found, tree, full, dir, inner);
    }
    dir.tree.entries = entries;
    for (const inner of found) stack.push(inner);
  }

  /** Takes all steps of some other work. */
  async finish<T>(work: Generator<void, T, void>): Promise<T> {
    for (;;) {
      const { done, value } = work.next();
      if (done === true) return value;
      if (performance.now() >= this.#until) await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#signal?.throwIfAborted();
    this.#until = performance.now() + SLICE;
  }

  #enter(
    stack: Directory[],
    tree: MutableTree,
    real: Uint8Array,
    above: Directory | undefined,
    path: string,
  ): void {
    const level = above === undefined ? 0 : above.level + 1;
    if (tree.stat[0] === "directory" && level <= this.#depth)
      stack.push({ tree, real, path, level, above, rules: undefined });
  }

  #look(path: Uint8Array): MutableTree | undefined {
    const mask = STATX.BASIC_STATS;
    const flags = AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT;
    try {
      reach(path, (dirfd, rest) => statx(dirfd, rest, flags, mask, this.#stat));
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
    return { stat: statOf(read_statx(this.#stat)) };
  }

  /** Of all entries at once: what is looked at meanwhile changes none of them. */
  async #namesOf(dir: Directory): Promise<Uint8Array[]> {
    const names: Uint8Array[] = [];
    let fd = -1;
    try {
      const flags = O.RDONLY | O.DIRECTORY | O.CLOEXEC | O.NONBLOCK | O.NOFOLLOW;
      fd = openAbsolute(dir.real, flags);
      dir.rules = this.#rulesIn(fd);
      for (;;) {
        if (performance.now() >= this.#until) await this.#pause();
        const length = getdents64(fd, this.#entries);
        if (length === 0) return names;
        read_linux_dirents64(this.#entries, length, (_low, _high, _type, at, len) => {
          const { bytes } = this.#entries;
          if (!isDot(bytes, at, len)) names.push(bytes.slice(at, at + len));
        });
      }
    } finally {
      closeQuietly(fd);
    }
  }

  #rulesIn(dirfd: number): Gitignore | undefined {
    if (this.#ignore.file === undefined) return undefined;
    try {
      return readRules(dirfd, Buffer.from(this.#ignore.file));
    } catch (error) {
      // Nobody but its owner knows what they are: Git goes on without them as well.
      if (isShut(error)) return undefined;
      throw error;
    }
  }
}

interface MutableTree {
  readonly stat: SnapshotStat;
  entries?: Record<string, MutableTree>;
}

interface Directory {
  readonly tree: MutableTree;
  readonly real: Uint8Array;
  readonly path: string;
  readonly level: number;
  readonly above: Directory | undefined;
  rules: Gitignore | undefined;
}

const SLASH = Buffer.from("/");

const ruleFiles: RuleFiles<Directory> = {
  of: ({ rules }) => rules,
  above: (dir) => dir.above ?? dir,
};

/** Whether this process may not. */
function isShut(error: unknown): boolean {
  return error instanceof OSError && (error.code === "EACCES" || error.code === "EPERM");
}

function isGone(error: unknown): boolean {
  return error instanceof OSError && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function statOf(stat: Statx): SnapshotStat {
  const inode = `${stat.stx_dev_major}:${stat.stx_dev_minor}:${stat.stx_ino}`;
  const time = ({ tv_sec, tv_nsec }: Statx["stx_mtime"]): string =>
    `${tv_sec * 1_000_000_000n + BigInt(tv_nsec)}`;
  const size = `${stat.stx_size}`;
  return [
    wordOf(kindOfMode(stat.stx_mode)),
    inode,
    size,
    time(stat.stx_mtime),
    time(stat.stx_ctime),
  ];
}
