/**
 * What events leave open: directories that are not where they are said to be, or not watched any more, and names whose events
 * were merged, or spoke of something else than what is known. The disk is looked at when nothing is left to read, and again
 * when that does not decide it.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import type { Past } from "../backend/backend.ts";
import type { Directories } from "../directories/directories.ts";
import { listed } from "../disk/listing.ts";
import { type Look, look, lookIn } from "../disk/look.ts";
import { NameSet } from "../tree/name-set.ts";
import { keyOf, nameOf, type Paths } from "../tree/paths.ts";
import { FLAG, KIND, type NameBytes, type Node, NONE, type Tree } from "../tree/tree.ts";
import type { Roots } from "./roots.ts";

/** How often what waits is looked at if nothing happens: twice, and as often for what that brings. */
const MOST_ATTEMPTS = 6;

/** How often a name has to stand for the same other entry, if there is more to be read each time, until nothing else is expected to tell of that. */
const MOST_SIGHTS = 4;

/** What a name stood for the last time, and how often. */
interface Sight {
  readonly now: string;
  times: number;
}

/** What is to be looked at, because nothing tells what it is. */
export class Doubts {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #directories: Directories;
  readonly #roots: Roots;
  readonly #past: Past | undefined;
  /** Not watched any more, for a reason that is looked for when all events are read. */
  readonly #suspects = new Set<Node>();
  /** Directories that could not be entered the last time either, because they are not where they are said to be. */
  #missed = new Set<Node>();
  /** Names to be looked at when nothing is left to read, by their directories. */
  readonly #names = new Map<Node, NameSet>();
  /** Such names that stood for something else than what is known, which may be told later. */
  readonly #sights = new Map<string, Sight>();
  /** Directories of such names that were not where they should be, the last time. */
  readonly #elsewhere = new Set<Node>();
  /** How often what waits was looked at since something happened. */
  #attempts = 0;

  constructor(
    tree: Tree,
    paths: Paths,
    directories: Directories,
    roots: Roots,
    past: Past | undefined,
  ) {
    this.#tree = tree;
    this.#paths = paths;
    this.#directories = directories;
    this.#roots = roots;
    this.#past = past;
  }

  /** Whether anything waits to be looked at that may be known the next time. */
  get isUnsettled(): boolean {
    return this.#waiting > 0 && this.#attempts < MOST_ATTEMPTS;
  }

  /** Looks at a name when nothing is left to read. */
  question(dir: Node, name: NameBytes): void {
    if (dir === NONE) return;
    if (this.#tree.has(dir, FLAG.GUARD)) return this.#roots.suspect(dir);
    let names = this.#names.get(dir);
    if (names === undefined) this.#names.set(dir, (names = new NameSet()));
    names.add(name);
  }

  /** Looks at the name of an entry when nothing is left to read. */
  questionPlace(node: Node): void {
    this.question(this.#tree.parent(node), nameOf(this.#tree.name(node)));
  }

  /** Something happened to a directory, or to what has its place, for a reason that is not known yet. */
  suspect(node: Node): void {
    this.#suspects.add(node);
  }

  /** An entry is gone. */
  forget(node: Node): void {
    this.#suspects.delete(node);
    this.#missed.delete(node);
    this.#names.delete(node);
    this.#elsewhere.delete(node);
  }

  /** Nothing is left to read. `isQuiet`: nothing was read either. */
  emptied(isQuiet: boolean): void {
    const isTried = isQuiet && this.#directories.scanner.idle && this.#waiting > 0;
    this.#attempts = isTried ? this.#attempts + 1 : 0;
    if (this.#missed.size + this.#directories.lost.size > 0) this.#enterLost();
    // What is on the disk may be later than what is told, as long as that counts: unless nothing else is left to do.
    const mayWait = this.#directories.isEarly && !isTried;
    if (this.#names.size > 0 && !mayWait) this.#verifyNames();
    if (this.#names.size === 0) this.#sights.clear();
  }

  /** Looks at what is suspected. */
  settle(): void {
    for (const node of this.#suspects) {
      this.#suspects.delete(node);
      this.#examine(node);
    }
  }

  get #waiting(): number {
    return this.#directories.lost.size + this.#names.size;
  }

  #enterLost(): void {
    const missed = this.#missed;
    this.#missed = new Set(this.#directories.lost.keys());
    for (const [node, loud] of this.#directories.lost) {
      this.#directories.lost.delete(node);
      this.#directories.enter(node, "new", loud);
      // It is not renamed: nobody told that it is gone.
      if (missed.has(node)) this.questionPlace(node);
    }
  }

  #verifyNames(): void {
    // Some are asked again, the next time.
    let left = this.#names.size;
    for (const [dir, names] of this.#names) {
      if (left-- === 0) break;
      this.#names.delete(dir);
      // It is compared with the disk when it can be read.
      if (this.#tree.has(dir, FLAG.FAILED)) continue;
      const fd = this.#openWhereItWas(dir);
      try {
        const isThere = fd === -1 ? undefined : listed(fd, names);
        for (let index = 0; index < names.size; index++) {
          const name = names.at(index);
          if (fd === -1) this.question(dir, name);
          else this.#verify(dir, name, isThere?.[index] === 0 ? undefined : lookIn(fd, name));
        }
      } finally {
        closeQuietly(fd);
      }
    }
  }

  /** Opens a directory if its path leads to it. If not it was renamed, which is still to be read, or else was missed. */
  #openWhereItWas(dir: Node): number {
    const fd = this.#directories.watches.find(dir);
    if (fd !== -1) this.#elsewhere.delete(dir);
    else if (this.#elsewhere.delete(dir)) this.#directories.enter(dir, "check", true);
    else this.#elsewhere.add(dir);
    return fd;
  }

  /** Compares what is known by a name with what has it now. */
  #verify(dir: Node, name: NameBytes, now: Look | undefined): void {
    const node = this.#tree.find(dir, name);
    const isDirectory = now?.kind === KIND.DIRECTORY;
    if (node === NONE && now === undefined) return;
    if (this.#isLater(dir, name, node, now)) return this.question(dir, name);
    if (node === NONE || now === undefined || this.#tree.isDirectory(node) !== isDirectory)
      return this.#directories.enter(dir, "new", true);
    if (isDirectory) return this.#directories.enter(node, "check", true);
    const ino = this.#tree.ino(node);
    if (ino === now.ino) return;
    const isSame = ino === 0 && this.#tree.kind(node) === now.kind;
    this.#directories.become(node, now);
    // If it was not looked at before, it is what was told.
    if (isSame) return;
    this.#directories.tellChanged(node);
    this.#directories.enter(node, "check", true);
  }

  /** Whether something else has a name than what is known by it, and that may be told later. Somebody may be so quick that there is always more to be read. */
  #isLater(dir: Node, name: NameBytes, node: Node, now: Look | undefined): boolean {
    const isSame =
      node !== NONE && this.#tree.kind(node) === now?.kind && this.#tree.ino(node) === now.ino;
    if (isSame || this.#past?.hasMore !== true) return false;
    const key = `${dir}/${keyOf(name.bytes, name.start, name.end)}`;
    const seen = `${now?.kind} ${now?.ino}`;
    const known = this.#sights.get(key);
    if (known?.now === seen) return ++known.times < MOST_SIGHTS;
    this.#sights.set(key, { now: seen, times: 1 });
    return true;
  }

  /** Finds out why a directory is not watched any more. */
  #examine(node: Node): void {
    if (this.#roots.isRoot(node)) return this.#roots.recheck(node);
    // What a link led to is another one now, or nothing.
    if (this.#tree.has(node, FLAG.FOLLOWED)) return this.#directories.enter(node, "check", true);
    // Deleted: then that is told by its directory, or it is below what was unmounted.
    const now = look(this.#paths.real(node));
    if (now?.kind === KIND.DIRECTORY) this.#directories.enter(node, "check", true);
    else this.#directories.lost.set(node, true);
  }
}
