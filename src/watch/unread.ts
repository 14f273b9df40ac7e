/**
 * Directories that are watched but not read yet: with fanotify nothing that happens in them is missed, and all of it is told as if their
 * entries were known.
 *
 * What is read of a directory may be later than the event that is told next, and earlier than others. What only a read has met, and no
 * event, gives way to what an event says of the time before.
 *
 * @module
 */
import { closeQuietly } from "../events/intake.ts";
import type { Backend, RawEvent } from "./backend.ts";
import type { Directories } from "./directories.ts";
import { lookIn } from "./look.ts";
import { keyOf, nameOf, type Paths } from "./paths.ts";
import { FLAG, KIND, type NameBytes, type Node, NONE, type Tree } from "./tree.ts";

type Change = RawEvent["change"];

/** What is not known yet. */
export class Unread {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #directories: Directories;
  readonly #backend: Backend;
  /** What was done to entries that are neither known nor there any more, by their directories: if they were there, what took them away follows. */
  readonly #early = new Map<Node, Map<string, Set<Change>>>();
  /** Tells of a change of an entry. */
  onChange: (change: Change, node: Node) => void = () => {};

  constructor(tree: Tree, paths: Paths, directories: Directories, backend: Backend) {
    this.#tree = tree;
    this.#paths = paths;
    this.#directories = directories;
    this.#backend = backend;
  }

  /**
   * Enters a directory before those above it are read.
   *
   * @param names What leads from one above it to where it is at the time of what is told next.
   * @returns Whether it is known by its handle from now on.
   */
  hasten(top: Node, names: readonly Uint8Array[], handle: number): boolean {
    const directories = this.#directories;
    // What files of rules say is known when they are read, from the top down.
    if (directories.readsRules || names.length === 0) return false;
    let node = top;
    let loud = directories.meets(top);
    for (const name of names.map(nameOf)) {
      const isOutside = this.#paths.level(node) >= directories.depth;
      if (isOutside || directories.isIgnored(node, name, true)) return false;
      const known = this.#tree.find(node, name);
      let next = known;
      if (known === NONE || (!this.#tree.isDirectory(known) && this.#isMetOnly(known))) {
        // Only what will be met, and told of as it would be then.
        if (loud === undefined) return false;
        if (known !== NONE) directories.drop(known, false);
        directories.onMeet(node, name);
        next = directories.make(node, name, KIND.DIRECTORY, 0);
        if (loud) directories.tellMade(next);
        directories.enter(next, "new", loud);
      } else if (!this.#tree.isDirectory(known)) return false;
      node = next;
      loud = directories.meets(node) ?? loud;
    }
    if (loud === undefined) return false;
    if (this.#tree.handle(node) !== 0 && this.#isMetOnly(node)) directories.reset(node);
    if (this.#tree.handle(node) !== 0) return false;
    if (directories.watches.bind(node, handle) === "loop") return false;
    directories.enter(node, "new", loud);
    return true;
  }

  /** It will be told that a directory was made, or left another place than that where a read has met it: there it is not yet. */
  foresee(handle: number, dirs: readonly Node[], name: NameBytes | undefined): void {
    const { fresh, watches } = this.#directories;
    if (fresh.size === 0) return;
    for (const node of watches.handles.of(handle)) {
      if (!fresh.has(node) || !this.#isMetOnly(node)) continue;
      const isHere = (dir: Node): boolean =>
        name !== undefined && this.#tree.find(dir, name) === node;
      if (!dirs.some(isHere)) this.#directories.reset(node);
    }
  }

  /**
   * The entry that an event says left its place, of which nobody knew, or `NONE`.
   *
   * @returns An entry that is not read, if it is a directory.
   */
  unmet(dir: Node, { name, isDirectory }: RawEvent): Node {
    const { scanner } = this.#directories;
    const isRead = this.#directories.meets(dir) !== false;
    // What was lost is found by a comparison, which tells of it.
    if (isRead || (scanner.modeOf(dir) ?? "new") !== "new") return NONE;
    const taken = this.#tree.find(dir, name);
    if (taken !== NONE) {
      if (!this.#isMetOnly(taken)) return NONE;
      this.#directories.drop(taken, false);
    }
    const node = this.#directories.make(dir, name, isDirectory ? KIND.DIRECTORY : KIND.FILE, 0);
    if (isDirectory) this.#directories.lost.set(node, false);
    for (const change of this.#takeEarly(dir, name)) this.onChange(change, node);
    return node;
  }

  /** Something was done to an entry that is not known, and not there any more. */
  note(dir: Node, name: NameBytes, change: Change): void {
    if (this.#directories.meets(dir) !== false) return;
    const names = this.#early.get(dir) ?? new Map<string, Set<Change>>();
    this.#early.set(dir, names);
    const key = keyOf(name.bytes, name.start, name.end);
    const changes = names.get(key);
    if (changes === undefined) names.set(key, new Set([change]));
    else changes.add(change);
  }

  /** Whether a directory has a name in it that may be somewhere else already. */
  isIn(dir: Node, name: NameBytes): boolean {
    const { past } = this.#backend;
    const handle = this.#tree.handle(dir);
    const fd = past === undefined || handle === 0 ? -1 : past.open(past.idOf(handle));
    const isThere = fd !== -1 && lookIn(fd, name) !== undefined;
    closeQuietly(fd);
    return isThere;
  }

  /** Something has that name from now on: what was done to another one that had it was nothing. */
  made(dir: Node, name: NameBytes): void {
    if (this.#early.size > 0) this.#takeEarly(dir, name);
  }

  forget(node: Node): void {
    if (this.#early.size > 0) this.#early.delete(node);
  }

  /** Nothing is left to read. */
  emptied(): void {
    this.#early.clear();
  }

  /** Whether a read has met it and no event has told of it. */
  #isMetOnly(node: Node): boolean {
    return this.#directories.isEarly && !this.#tree.has(node, FLAG.TOLD | FLAG.ANCHOR | FLAG.GUARD);
  }

  #takeEarly(dir: Node, name: NameBytes): Iterable<Change> {
    const names = this.#early.get(dir);
    const key = keyOf(name.bytes, name.start, name.end);
    const changes = names?.get(key) ?? [];
    names?.delete(key);
    return changes;
  }
}
