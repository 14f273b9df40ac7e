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
import { FLAG, KIND, type NameBytes, type Node, NONE } from "../tree/node.ts";
import { keyOf, nameOf, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import type { Roots } from "./roots.ts";

/** How often what waits is looked at if nothing happens: twice, and as often for what that brings. */
const MOST_ATTEMPTS = 6;

/** How often a directory is entered again that is not where it is said to be, though nothing is left to read, and nothing above it is renamed. */
const MOST_MISSED = 32;

/** How often a name has to stand for the same other entry, if there is more to be read each time, until nothing else is expected to tell of that. */
const MOST_SIGHTS = 4;

/** What a name stood for the last time, and how often. */
interface Sight {
  readonly now: string;
  times: number;
}

/** Names between two looks at the time. */
const STEP = 32;

/** Names of a directory, and the first of them that was not looked at. */
interface Questions {
  readonly dir: Node;
  readonly names: NameSet;
  next: number;
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
  /** How often directories could not be entered since all could, or since something above them was renamed, because they are not where they are said to be. */
  readonly #missed = new Map<Node, number>();
  /** Directories that were renamed since that was counted: what is below one was somewhere else when it was looked for. */
  readonly #renamed = new Set<Node>();
  /** Names to be looked at when nothing is left to read, by their directories. */
  readonly #names = new Map<Node, NameSet>();
  /** Such names that stood for something else than what is known, which may be told later. */
  readonly #sights = new Map<string, Sight>();
  /** Directories of such names that are looked at now, and how many are left of them. */
  #left = 0;
  /** Those of a directory that are looked at in slices. */
  #current: Questions | undefined;
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

  /** A directory was renamed. */
  renamed(node: Node): void {
    if (this.#missed.size > 0) this.#renamed.add(node);
  }

  /** An entry is gone. */
  forget(node: Node): void {
    this.#suspects.delete(node);
    this.#missed.delete(node);
    this.#renamed.delete(node);
    this.#names.delete(node);
    this.#elsewhere.delete(node);
    if (this.#current?.dir === node) this.#current = undefined;
  }

  /**
   * Nothing is left to read.
   *
   * @param isQuiet Whether nothing was read either.
   * @param limit As `performance.now()` has it: some names are looked at in any case.
   * @returns Whether all is looked at that can be by now: else it goes on the next time.
   */
  emptied(isQuiet: boolean, limit: number): boolean {
    const isTried = isQuiet && this.#directories.scanner.idle && this.#waiting > 0;
    if (!isTried) this.#attempts = 0;
    else if (this.#left === 0) this.#attempts++;
    if (this.#missed.size + this.#directories.lost.size > 0) this.#enterLost();
    // What is on the disk may be later than what is told, as long as that counts: unless nothing else is left to do.
    const mayWait = this.#directories.isEarly && !isTried;
    const isDone = mayWait || this.#verifyNames(limit);
    const isSettled = this.#names.size === 0 && this.#current === undefined;
    if (isSettled && this.#sights.size > 0) this.#sights.clear();
    return isDone;
  }

  /** Looks at what is suspected. */
  settle(): void {
    for (const node of this.#suspects) {
      this.#suspects.delete(node);
      this.#examine(node);
    }
  }

  get #waiting(): number {
    return this.#directories.lost.size + this.#names.size + (this.#current === undefined ? 0 : 1);
  }

  #enterLost(): void {
    const { lost, scanner } = this.#directories;
    if (lost.size === 0 && scanner.idle) this.#missed.clear();
    for (const [node, loud] of lost) {
      lost.delete(node);
      const times = (this.#missed.get(node) ?? 0) + 1;
      // Nothing leads there any more, such as to what was unmounted: only `add()` finds what is in its place.
      const isOften = times > MOST_MISSED;
      if (isOften && !this.#tree.isWithinAny(node, this.#renamed)) continue;
      this.#missed.set(node, isOften ? 1 : times);
      this.#directories.enter(node, "new", loud);
      // It is not renamed: nobody told that it is gone.
      if (times > 1) this.questionPlace(node);
    }
    if (this.#renamed.size > 0) this.#renamed.clear();
  }

  /** @returns Whether the time was not up before all were looked at. Some are asked again, the next time. */
  #verifyNames(limit: number): boolean {
    if (this.#left === 0) this.#left = this.#names.size;
    while (this.#left > 0) {
      this.#current ??= this.#nextQuestions();
      if (this.#current === undefined) break;
      if (!this.#verifyIn(this.#current, limit)) return false;
      this.#current = undefined;
      this.#left--;
      if (this.#left > 0 && performance.now() >= limit) return false;
    }
    this.#left = 0;
    return true;
  }

  #nextQuestions(): Questions | undefined {
    for (const [dir, names] of this.#names) {
      this.#names.delete(dir);
      return { dir, names, next: 0 };
    }
    return undefined;
  }

  #verifyIn(questions: Questions, limit: number): boolean {
    const { dir, names } = questions;
    // It is compared with the disk when it can be read.
    if (this.#tree.has(dir, FLAG.FAILED)) return true;
    const fd = this.#openWhereItWas(dir);
    if (fd === -1) {
      for (let index = questions.next; index < names.size; index++)
        this.question(dir, names.at(index));
      return true;
    }
    try {
      const isThere = listed(fd, names);
      // It may be forgotten by what is found.
      while (questions.next < names.size && this.#current === questions) {
        const index = questions.next++;
        const name = names.at(index);
        this.#verify(dir, name, isThere?.[index] === 0 ? undefined : lookIn(fd, name));
        const isStep = questions.next % STEP === 0 && questions.next < names.size;
        if (isStep && performance.now() >= limit) return false;
      }
      return true;
    } finally {
      closeQuietly(fd);
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
