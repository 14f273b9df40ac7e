/**
 * Which directories are watched, by which number, and which can't be.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { closeQuietly } from "../../events/intake.ts";
import { cstring, fileno, int, Pinned, PinnedString, room, uint } from "../../libc.ts";
import { getdents64_quietly, read_linux_dirents64_rows } from "../../syscalls/dirent.ts";
import { O } from "../../syscalls/fd.ts";
import { inotify_add_watch } from "../../syscalls/inotify.ts";
import { AT, openat, openat_quietly } from "../../syscalls/open.ts";
import type { Backend, Interest, Start } from "../backend/backend.ts";
import { isLimit, withAdvice, withPath } from "../disk/errors.ts";
import { look } from "../disk/look.ts";
import type { Teller } from "../teller/teller.ts";
import { brief, gettersOf } from "../tree/brief.ts";
import { FLAG, type Node } from "../tree/node.ts";
import { keyOf, openAbsolute, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import { Handles } from "./handles.ts";
import { Limits } from "./limits.ts";
import { Trust } from "./trust.ts";

/** How a directory is opened, unless a link to it is followed: without `NOFOLLOW` then. */
export const OPEN = O.RDONLY | O.DIRECTORY | O.CLOEXEC | O.NONBLOCK | O.NOFOLLOW;

/** The same for who does not read it, which is quicker. */
const LOCATE = O.PATH | O.DIRECTORY | O.CLOEXEC | O.NOFOLLOW;

/** A directory that went away, or was never one: what happened to it is told by its parent. */
const GONE = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

/** What makes a directory another one than most. */
const SPECIAL = FLAG.ANCHOR | FLAG.GUARD | FLAG.FAILED | FLAG.FOLLOWED | FLAG.LINKED | FLAG.HELD;

/** What is known of the names in a directory, and not of those in another one. */
const NAMING = FLAG.EXACT | FLAG.FOLDING | FLAG.ALIASING;

/**
 * Opens a directory once more, now that it is watched: Btrfs, and FUSE servers that list it when it is opened, do not show a descriptor
 * what was made since then, and nobody told of what was made before it was watched.
 *
 * @param fd Closed, if it can be.
 * @returns What to read.
 */
export function openedAgain(fd: number): number {
  const again = openat_quietly(fd, ".", OPEN);
  if (again === -1) return fd;
  closeQuietly(fd);
  return again;
}

/** Directories and what they are watched by. */
export class Watches {
  readonly handles = new Handles();
  readonly limits = new Limits();
  readonly trust = new Trust();
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #backend: Backend;
  readonly #teller: Teller;
  #failed = 0;
  #bound = 0;
  /** Those of them that could not even be looked at: what they are in may not be searched. */
  readonly #unreached = new Set<Node>();
  #ended = false;
  /** While what was there at the start is watched. */
  start: Start | undefined;
  /** Called for a directory that is not where it is said to be: its rename, or that of one above it, is still to be read. */
  onLost: (node: Node, loud: boolean) => void = () => {};
  /** Called for an entry whose place is another's by now. */
  onSuspect: (node: Node) => void = () => {};

  constructor(tree: Tree, paths: Paths, backend: Backend, teller: Teller) {
    this.#tree = tree;
    this.#paths = paths;
    this.#backend = backend;
    this.#teller = teller;
    brief(
      this.locate,
      this.watch,
      this.watchNew,
      this.enterNew,
      this.bind,
      this.recover,
      backend.watch,
      paths.call,
    );
    if (backend.watchPath !== undefined) brief(backend.watchPath);
    brief(openat, openat_quietly, inotify_add_watch, getdents64_quietly, read_linux_dirents64_rows);
    brief(cstring, fileno, int, room, uint);
    brief(...gettersOf(Pinned), ...gettersOf(PinnedString));
  }

  /** How many directories could not be opened or watched. */
  get failed(): number {
    return this.#failed;
  }

  /** Opens a directory that is watched, for looking at it and at what is in it alone. @returns -1 if that is not so simple. */
  locate(node: Node): number {
    const path = this.#ended ? undefined : this.#paths.call(node);
    if (path === undefined || this.#tree.handle(node) === 0) return -1;
    const follow = this.#tree.has(node, FLAG.FOLLOWED);
    return openat_quietly(AT.FDCWD, path, follow ? LOCATE & ~O.NOFOLLOW : LOCATE);
  }

  /**
   * Opens a directory and watches it.
   *
   * @returns The descriptor, for the caller to close, or the error.
   */
  watch(node: Node, interest: Interest): { fd: number; handle: number; error?: unknown } {
    if (this.#ended) return { fd: -1, handle: 0 };
    const id = this.start?.ids.get(keyOf(this.#paths.real(node)));
    if (id instanceof OSError) return { fd: -1, handle: 0, error: id };
    if (id !== undefined)
      return { fd: -1, handle: this.#backend.past?.numberOf(id, interest) ?? 0 };
    const follow = this.#tree.has(node, FLAG.FOLLOWED);
    let fd = -1;
    try {
      const flags = follow ? OPEN & ~O.NOFOLLOW : OPEN;
      const short = this.#paths.call(node);
      fd =
        short === undefined
          ? openAbsolute(this.#paths.real(node), flags)
          : openat(AT.FDCWD, short, flags);
      const handle = this.#backend.watch(fd, interest);
      const isUnheard = interest === "tree" && !this.handles.has(handle);
      if (isUnheard && this.#backend.isFirst !== false) fd = openedAgain(fd);
      return { fd, handle };
    } catch (error) {
      return {
        fd,
        handle: 0,
        error: fd === -1 ? error : withPath(error, this.#paths.shown(node).text),
      };
    }
  }

  /** Lets directories that were never entered be watched by their paths, if the backend can. */
  trustPaths(): void {
    if (this.#backend.watchPath !== undefined) this.trust.begin();
  }

  /** The same of one that was never entered. */
  watchNew(node: Node): { fd: number; handle: number; error?: unknown } {
    const isTrusted = this.trust.isOn && !this.#ended && this.#tree.handle(node) === 0;
    // What happens above it must be heard of, and it may be no link.
    const isHeard = isTrusted && this.#tree.handle(this.#tree.parent(node)) !== 0;
    const isPlain = isHeard && !this.#tree.has(node, FLAG.ANCHOR | FLAG.FOLLOWED | FLAG.LINKED);
    const path = isPlain ? this.#paths.call(node) : undefined;
    if (path === undefined) return this.watch(node, "tree");
    let handle: number | undefined;
    try {
      handle = this.#backend.watchPath?.(path);
    } catch {
      // The other way finds out why.
    }
    if (handle === undefined) return this.watch(node, "tree");
    const fd = openat_quietly(AT.FDCWD, path, OPEN);
    if (fd !== -1) return { fd, handle };
    if (this.handles.of(handle).length === 0) this.#backend.unwatch(handle);
    return this.watch(node, "tree");
  }

  /**
   * Opens a directory that nothing is known of, and watches it, if that is simple: there are many when a large tree is entered.
   *
   * @returns The descriptor, for the caller to close. -1 if it is not so simple: then nothing was done.
   */
  enterNew(node: Node): number {
    const tree = this.#tree;
    if (this.#ended || tree.handle(node) !== 0 || tree.has(node, SPECIAL)) return -1;
    const path = this.#paths.call(node);
    if (path === undefined) return -1;
    const isTrusted = this.trust.isOn && tree.handle(tree.parent(node)) !== 0;
    let fd = -1;
    let handle = 0;
    try {
      if (isTrusted) handle = this.#backend.watchPath?.(path) ?? 0;
      fd = openat_quietly(AT.FDCWD, path, OPEN);
      if (handle === 0 && fd !== -1) {
        handle = this.#backend.watch(fd, "tree");
        if (this.#backend.isFirst !== false) fd = openedAgain(fd);
      }
    } catch {
      // The other way finds out why.
    }
    const isNew = handle !== 0 && !this.handles.has(handle);
    if (isNew && fd !== -1) {
      this.handles.add(handle, node);
      tree.setHandle(node, handle);
      return fd;
    }
    closeQuietly(fd);
    if (isNew) this.#backend.unwatch(handle);
    return -1;
  }

  /**
   * Lets a handle stand for an entry.
   *
   * @returns `"same"` if it did before, `"loop"` if it stands for a directory above it.
   */
  bind(node: Node, handle: number): "same" | "new" | "loop" {
    const before = this.#tree.handle(node);
    // Since it was renamed, it may be below what it leads to.
    if (before === handle) return this.#isLoop(node, handle) ? "loop" : "same";
    // That it is elsewhere as well is to be expected: each of those would be opened for each that comes.
    const isLinked = this.#tree.has(node, FLAG.LINKED | FLAG.FOLLOWED);
    for (const other of this.handles.of(handle)) {
      if (this.#tree.has(other, FLAG.GUARD)) continue;
      if (!isLinked && !this.#leadsTo(other, handle)) this.#displace(other, handle);
      else if (this.#tree.isWithin(node, other)) return "loop";
      // It was entered first.
      else if (this.#tree.isWithin(other, node)) this.onSuspect(other);
    }
    if (before !== 0) this.unbind(node);
    this.handles.add(handle, node);
    this.#tree.setHandle(node, handle);
    this.#bound++;
    return "new";
  }

  /** How many directories have come to be watched up to now. */
  get bound(): number {
    return this.#bound;
  }

  /** The directories of a handle, as far as they are within the tree. */
  inTree(handle: number): readonly Node[] {
    return this.handles
      .of(handle)
      .filter((one) => this.#tree.isDirectory(one) && !this.#tree.has(one, FLAG.GUARD));
  }

  /**
   * What the directory that has a path now is known as.
   *
   * @param isHeard Whether a number that stands for no entry is used.
   */
  knownAs(path: Uint8Array, isHeard: (handle: number) => boolean): readonly Node[] {
    if (this.#ended) return [];
    let fd = -1;
    try {
      fd = openAbsolute(path, OPEN);
      const handle = this.#backend.watch(fd, "self");
      const nodes = this.inTree(handle);
      if (!this.handles.has(handle) && !isHeard(handle)) this.#backend.unwatch(handle);
      return nodes;
    } catch (error) {
      if (error instanceof OSError) return [];
      throw error;
    } finally {
      closeQuietly(fd);
    }
  }

  /** Opens a directory that is watched, if it is found by its path. @returns -1 if it is not. */
  find(node: Node): number {
    const handle = this.#tree.handle(node);
    return handle === 0 ? -1 : this.#openAs(node, handle);
  }

  /** Stops watching an entry. */
  unbind(node: Node): void {
    const handle = this.#tree.handle(node);
    if (handle === 0) return;
    this.#tree.setHandle(node, 0);
    if (!this.#tree.has(this.#tree.parent(node), FLAG.FOLDING)) this.#tree.clear(node, NAMING);
    if (this.handles.remove(handle, node) && !this.#ended) this.#backend.unwatch(handle);
  }

  /** Tells of a directory that can't be opened, or watched although it is there. */
  fail(node: Node, error: unknown, isThere: boolean, loud: boolean): void {
    if (!(error instanceof OSError)) throw error;
    if (!isThere && GONE.has(error.code)) {
      this.limits.lost(node);
      return this.onLost(node, loud);
    }
    this.#mark(node);
    if (isLimit(error.code) && !this.limits.met(node, error.code)) return;
    const isHidden = error.code === "EACCES" && look(this.#paths.real(node)) === undefined;
    if (isHidden) this.#unreached.add(node);
    else this.#unreached.delete(node);
    const isUnmarked = error.syscall === "fanotify_mark";
    // It is in the file system that was told of already.
    if (isUnmarked && this.#tree.has(this.#tree.parent(node), FLAG.FAILED)) return;
    const told = isUnmarked ? withAdvice(error, 'take backend: "inotify"') : error;
    this.#teller.failed(this.#paths.shown(node), this.#tree.kind(node), told);
  }

  /** Those that could not be reached and are by now, below a directory whose permissions changed. */
  reached(above: Node): readonly Node[] {
    if (this.#unreached.size === 0) return [];
    return [...this.#unreached].filter(
      (node) =>
        this.#tree.isWithin(node, above) && look(this.#paths.real(node), true) !== undefined,
    );
  }

  /** The same of one above a root: only a limit is told, for all else is the root's to tell. */
  failAbove(node: Node, error: unknown): void {
    if (!(error instanceof OSError) || !isLimit(error.code)) return;
    this.#mark(node);
    if (this.limits.met(node, error.code))
      this.#teller.failed(this.#paths.shown(node), this.#tree.kind(node), error);
  }

  /**
   * A directory that could not be opened or watched is.
   *
   * @returns Since when a limit was in its way, or `Infinity` if none was.
   */
  recover(node: Node): number {
    if (!this.#tree.has(node, FLAG.FAILED)) return Infinity;
    this.#unmark(node);
    return this.limits.passed(node);
  }

  /** An entry is gone. */
  forget(node: Node): void {
    this.unbind(node);
    this.#unmark(node);
    this.limits.forget(node);
  }

  /** Touches the backend no more. */
  end(): void {
    this.#ended = true;
  }

  #mark(node: Node): void {
    if (!this.#tree.has(node, FLAG.FAILED | FLAG.GUARD)) this.#failed++;
    this.#tree.set(node, FLAG.FAILED);
  }

  #unmark(node: Node): void {
    const isCounted = this.#tree.has(node, FLAG.FAILED) && !this.#tree.has(node, FLAG.GUARD);
    if (isCounted) this.#failed--;
    this.#unreached.delete(node);
    this.#tree.clear(node, FLAG.FAILED);
  }

  /** Whether a directory is still found by its path. */
  #leadsTo(node: Node, handle: number): boolean {
    const fd = this.#openAs(node, handle);
    closeQuietly(fd);
    return fd !== -1;
  }

  /** Opens what a path leads to, if that is the directory of a handle: else -1. */
  #openAs(node: Node, handle: number): number {
    const { fd, handle: now } = this.watch(node, "self");
    if (now === handle) return fd;
    closeQuietly(fd);
    // Another directory is there, which nobody wants watched yet.
    if (now !== 0 && this.handles.of(now).length === 0) this.#backend.unwatch(now);
    return -1;
  }

  /** Whether a directory that is watched is known as one above it as well. */
  #isLoop(node: Node, handle: number): boolean {
    if (this.handles.only(handle) === node) return false;
    return this.handles
      .of(handle)
      .some(
        (other) =>
          other !== node && !this.#tree.has(other, FLAG.GUARD) && this.#tree.isWithin(node, other),
      );
  }

  /** What an entry was is somewhere else. */
  #displace(node: Node, handle: number): void {
    this.handles.remove(handle, node);
    this.#tree.setHandle(node, 0);
    this.onSuspect(node);
  }
}
