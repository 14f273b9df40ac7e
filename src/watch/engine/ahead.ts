/**
 * Directories that were made a moment ago, entered before the events are told: what is deleted again at once can be seen
 * only now. Each is watched first and read then, and the same is done with what is in it.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import { type Pinned, pinned } from "../../libc.ts";
import { DT, getdents64_quietly, read_linux_dirents64 } from "../../syscalls/dirent.ts";
import { AT, openat_quietly } from "../../syscalls/open.ts";
import type { Backend } from "../backend/backend.ts";
import type { Directories } from "../directories/directories.ts";
import { Recent } from "../directories/recent.ts";
import { OPEN, openedAgain } from "../directories/watches.ts";
import { kindOfType } from "../disk/look.ts";
import { FLAG, identity, KIND, type Kind, type NameBytes, type Node, NONE } from "../tree/node.ts";
import { isDot, pathName, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";

/** Directories that are entered at once, with a descriptor each; the others are entered one after another. */
const MOST = 32;

/** Bytes of a directory's entries: of a larger one these are the first, and it is read again. */
const BUFFER_SIZE = 8192;

/** A directory that is watched, and read as far as its buffer goes. */
interface Entered {
  readonly fd: number;
  readonly handle: number;
  /** How far it is below its root. */
  readonly level: number;
  /** Where its name is in the events that were read, or in the buffer of the directory that it is in. */
  readonly at: number;
  /** The directory that it was found in, if not by an event. */
  readonly above: Entered | undefined;
  /** Its path below its root, which rules are about; `""` if there are none. */
  readonly relative: string;
  readonly entries: Pinned;
  length: number;
  isTaken: boolean;
}

/** Goes ahead of the events that one read returned. */
export class Ahead implements Disposable {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #backend: Backend;
  readonly #directories: Directories;
  readonly #entered: Entered[] = [];
  readonly #buffers: Pinned[] = [];
  /** Directories that were met. */
  readonly #fresh = new Recent();
  /** How many directories are looked through at the moment, one within the other. */
  #uses = 0;
  #isDisposed = false;

  constructor(tree: Tree, paths: Paths, backend: Backend, directories: Directories) {
    this.#tree = tree;
    this.#paths = paths;
    this.#backend = backend;
    this.#directories = directories;
  }

  /** Enters a directory that an event which is still to be told says was made, or came. */
  enter(handle: number, name: NameBytes): void {
    if (this.#entered.length > 0) {
      const above = this.#entered.find((one) => one.handle === handle);
      if (above !== undefined) return this.#use(() => this.#enterIn(above, name, undefined));
    }
    const dir = this.#directories.watches.handles.only(handle);
    if (dir === NONE || this.#tree.has(dir, FLAG.GUARD)) return;
    // What files of rules say is known when they are read, from the top down.
    if (this.#directories.readsRules) return;
    const { isSelective } = this.#directories;
    this.#use(() =>
      this.#enter(AT.FDCWD, dir, name, {
        level: this.#paths.level(dir) + 1,
        at: name.start,
        above: undefined,
        relative: isSelective ? this.#paths.relative(dir, name) : "",
      }),
    );
  }

  /** What was entered ahead of an event, for {@linkcode Ahead.meet}. Once. */
  take({ start }: NameBytes): Entered | undefined {
    if (this.#entered.length === 0) return undefined;
    const entered = this.#entered.find(
      (one) => one.at === start && one.above === undefined && !one.isTaken,
    );
    if (entered !== undefined) entered.isTaken = true;
    return entered;
  }

  /** Whether a directory was entered ahead of what is still to be told. */
  hasEntered(handle: number): boolean {
    return this.#entered.some((one) => one.handle === handle);
  }

  /** Tells of all that is in a new directory as made. */
  meet(node: Node, entered: Entered): void {
    this.#use(() => this.#meet(node, entered));
  }

  #meet(node: Node, entered: Entered): void {
    entered.isTaken = true;
    const { fd, handle, entries } = entered;
    const { watches, scanner } = this.#directories;
    // Somebody has met one of the two meanwhile: it is not as simple as that.
    const isSimple = this.#tree.handle(node) === 0 && this.#tree.first(node) === NONE;
    if (!isSimple || watches.handles.of(handle).length > 0)
      return this.#directories.enter(node, "new", true);
    scanner.cancel(node);
    watches.recover(node);
    watches.bind(node, handle);
    this.#directories.onOpen(node);
    this.#fresh.add(node);
    const { bytes } = entries;
    const name = { bytes, start: 0, end: 0 };
    let isWhole = true;
    read_linux_dirents64(entries, entered.length, (low, high, type, start, len) => {
      if (isDot(bytes, start, len)) return;
      const kind = kindOfType(type);
      name.start = start;
      name.end = start + len;
      if (kind === undefined) isWhole = false;
      else this.#found(node, name, kind, identity(low, high), entered);
    });
    // More than the buffer took, or what was made since then, which the events tell as well.
    if (!isWhole || getdents64_quietly(fd, entries) > 0) this.#directories.enter(node, "new", true);
  }

  /** Whether what was deleted in a directory before that was met can still be told of. */
  isFresh(dir: Node): boolean {
    return this.#fresh.has(dir);
  }

  /** Nothing was left to read: what comes is later than what was read from directories before that. */
  emptied(): void {
    this.#fresh.emptied();
  }

  /** An entry is gone. */
  forget(node: Node): void {
    this.#fresh.delete(node);
  }

  /**
   * All events are told: gives back what they did not speak of.
   *
   * @returns Whether anything was entered.
   */
  end(): boolean {
    if (this.#entered.length === 0) return false;
    const entered = this.#entered.splice(0);
    // All of them first: who stops watching may fail.
    for (const { fd, entries } of entered) {
      closeQuietly(fd);
      this.#buffers.push(entries);
    }
    const { handles } = this.#directories.watches;
    for (const { handle } of entered)
      if (handles.of(handle).length === 0) this.#backend.unwatch(handle);
    return true;
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    if (this.#uses > 0) return;
    for (const { fd, entries } of this.#entered.splice(0)) {
      closeQuietly(fd);
      entries[Symbol.dispose]();
    }
    for (const buffer of this.#buffers.splice(0)) buffer[Symbol.dispose]();
  }

  /** Looks through a directory: its memory stays until that is over, for a function that ignores may close the watcher. */
  #use(look: () => void): void {
    this.#uses++;
    try {
      look();
    } finally {
      this.#uses--;
      if (this.#isDisposed) this[Symbol.dispose]();
    }
  }

  /** Enters what is in an entered directory. */
  #enterIn(dir: Entered, name: NameBytes, above: Entered | undefined): void {
    const { bytes, start, end } = name;
    const relative = this.#directories.isSelective
      ? `${dir.relative}/${pathName(bytes.subarray(start, end)).text}`
      : "";
    this.#enter(dir.fd, NONE, name, { level: dir.level + 1, at: start, above, relative });
  }

  #enter(
    dirfd: number,
    dir: Node,
    name: NameBytes,
    about: Pick<Entered, "level" | "at" | "above" | "relative">,
  ): void {
    if (this.#entered.length >= MOST || about.level > this.#directories.depth) return;
    if (this.#directories.leavesOutPath(about.relative) || this.#directories.isClosed) return;
    const path = this.#paths.call(dir, name);
    if (path === undefined) return;
    const entries = this.#buffers.pop() ?? pinned(BUFFER_SIZE);
    let fd = openat_quietly(dirfd, path, OPEN);
    const handle = fd === -1 ? 0 : this.#watch(fd);
    if (handle === 0) {
      this.#buffers.push(entries);
      return closeQuietly(fd);
    }
    fd = openedAgain(fd);
    const length = Math.max(0, getdents64_quietly(fd, entries));
    const entered = { ...about, fd, handle, entries, length, isTaken: false };
    this.#entered.push(entered);
    const { bytes } = entries;
    read_linux_dirents64(entries, length, (_low, _high, type, start, len) => {
      if (type === DT.DIR && !isDot(bytes, start, len))
        this.#enterIn(entered, { bytes, start, end: start + len }, entered);
    });
  }

  /** @returns 0 if it can't be watched, which is told when it is met, or is watched already. */
  #watch(fd: number): number {
    let handle: number;
    try {
      handle = this.#backend.watch(fd, "tree");
    } catch {
      return 0;
    }
    const isKnown =
      this.#directories.watches.handles.of(handle).length > 0 || this.hasEntered(handle);
    return isKnown ? 0 : handle;
  }

  #found(dir: Node, name: NameBytes, kind: Kind, ino: number, above: Entered): void {
    const isDirectory = kind === KIND.DIRECTORY;
    if (this.#directories.isIgnored(dir, name, isDirectory)) return;
    this.#directories.onMeet(dir, name, ino);
    const node = this.#directories.make(dir, name, kind, ino);
    this.#directories.tellMade(node);
    const entered = isDirectory
      ? this.#entered.find((one) => one.above === above && one.at === name.start)
      : undefined;
    if (entered === undefined) this.#directories.enter(node, "new", true);
    else this.meet(node, entered);
  }
}
