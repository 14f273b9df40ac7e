/**
 * Directories as they were when what is told next happened, which may be before they were read: what is in them now, but for what
 * was read of events and is not told yet. The first event of a name says whether it was there before.
 *
 * As long as a tree is not known, each directory is set right before anything is told that happened after it was read, and read before
 * anything is told that happened in it: what is known is what was there, and is told of as it always is.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import { O } from "../../syscalls/fd.ts";
import { openat_quietly } from "../../syscalls/open.ts";
import type { Backend, Past, Sequel } from "../backend/backend.ts";
import { FLAG, KIND, type NameBytes, type Node, NONE } from "../tree/node.ts";
import { keyOf, nameOf } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import type { Directories } from "./directories.ts";

/** What is not told of quietly: it was told of, is a root, or left and may come back. */
const CERTAIN = FLAG.TOLD | FLAG.ANCHOR | FLAG.GUARD | FLAG.HELD;

/** Directories, or names in one, that are set right in a step. */
const STEP = 32;

/** Steps in one turn of the event loop before others wait. */
const AT_ONCE = 4;

/** Reads directories as they were. */
export class Recall {
  readonly #tree: Tree;
  readonly #directories: Directories;
  readonly #backend: Backend;
  readonly #past: Past;
  /** Directories whose entries are told as made when they are known: they came from somewhere else. */
  readonly #late = new Set<Node>();
  #isReading = false;
  /** Directories that are read a step at a time. */
  readonly #unfinished = new Map<Node, Generator<void, void, void>>();
  /** What is set right a step at a time. */
  #steps: Generator<void, void, void> | undefined;

  constructor(tree: Tree, directories: Directories, backend: Backend, past: Past) {
    this.#tree = tree;
    this.#directories = directories;
    this.#backend = backend;
    this.#past = past;
  }

  /** Whether a directory is opened as what it is known to be, whatever is where it was. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Whether events are lost of what directories had in them before they were read. */
  get isTorn(): boolean {
    return this.#past.isTorn;
  }

  /**
   * Reads a directory that is not read yet, and nobody told that it was made.
   *
   * @param limit As `performance.now()` has it: some of it is read in any case.
   * @returns Whether it is read to its end: else it goes on the next time, and nothing else is told until then.
   */
  read(dir: Node, limit: number = Infinity): boolean {
    let steps = this.#unfinished.get(dir);
    if (steps === undefined) {
      if (!this.#isUnread(dir)) return true;
      this.#unfinished.set(dir, (steps = this.#read(dir)));
    }
    while (steps.next().done !== true) {
      // Nobody else sets it right.
      this.#directories.fresh.delete(dir);
      if (performance.now() >= limit) return false;
    }
    this.#unfinished.delete(dir);
    return true;
  }

  /** Opens a root that is not read yet, before another one can be where it was. */
  hold(root: Node): void {
    this.#exactly(() => this.#directories.scanner.hold(root));
  }

  /** Lets what is in a directory be told as made when it is read. */
  postpone(dir: Node): void {
    this.#late.add(dir);
  }

  /** Whether what is in a directory is to be told as made. */
  isLate(dir: Node): boolean {
    return this.#late.has(dir);
  }

  /** More is in a directory than is to be told at once: who reads may be slower. It is told when it is met. */
  expose(dir: Node): void {
    if (!this.#late.has(dir)) return;
    this.#directories.fresh.delete(dir);
    this.#directories.scanner.raise(dir);
    this.#tellEntries(dir);
  }

  forget(node: Node): void {
    this.#late.delete(node);
    this.#unfinished.delete(node);
  }

  /** Reads some of a directory that leaves. @returns Whether there was nothing to be read. */
  isRead(dir: Node): boolean {
    if (!this.#unfinished.has(dir)) {
      if (!this.#isUnread(dir) || this.#isBelowLate(dir)) return true;
      if (this.#tree.handle(dir) === 0) this.#find(dir);
      if (this.#tree.handle(dir) === 0) return true;
    }
    this.read(dir, -Infinity);
    return false;
  }

  /** Reads a directory that leaves, with all that is below it. */
  readBelow(top: Node): void {
    const left = [top];
    for (let node = left.pop(); node !== undefined; node = left.pop()) {
      // Nobody was told of what is in it.
      if (this.#late.has(node)) continue;
      while (!this.isRead(node));
      let child = this.#tree.firstNumbered(node);
      for (; child !== NONE; child = this.#tree.next(child))
        if (this.#tree.isDirectory(child)) left.push(child);
    }
  }

  /**
   * Sets right what was read a moment ago: what happened up to then is read, and is told next.
   *
   * @param limit As `performance.now()` has it.
   * @returns Whether all of it is: else it goes on the next time.
   */
  rectify(limit: number): boolean {
    if (this.#directories.fresh.size === 0) return true;
    if (!this.#past.name(limit)) return false;
    this.#steps ??= this.#rectify();
    for (let left = AT_ONCE; this.#steps.next().done !== true; left--)
      if (left <= 0 && performance.now() >= limit) return false;
    this.#steps = undefined;
    return true;
  }

  /** What was read is what was there. */
  settle(): void {
    this.#steps = undefined;
    for (const _ of this.#settle());
  }

  /** Nothing is set right any more: what is still to be read is told of at once. */
  end(): void {
    const { scanner, lost } = this.#directories;
    for (const dir of this.#unfinished.keys()) this.#directories.gap.add(dir);
    this.settle();
    for (const node of this.#late) {
      const isUnread = scanner.modeOf(node) === "new";
      scanner.raise(node);
      if (isUnread) continue;
      if (lost.has(node)) lost.set(node, true);
      else this.#tellEntries(node);
    }
  }

  /** Lets a number stand for a directory that an event says is there. @returns Whether it does. */
  bind(node: Node, handle: number): boolean {
    const { handles } = this.#directories.watches;
    const before = this.#tree.handle(node);
    if (before === handle) return true;
    const others = this.#directories.watches.inTree(handle);
    const isElsewhere = (other: Node): boolean =>
      this.#tree.has(other, CERTAIN) || this.#tree.isWithin(node, other);
    if (others.some(isElsewhere)) return false;
    if (before !== 0) {
      if (this.#tree.has(node, CERTAIN)) return false;
      this.#directories.reset(node);
    }
    handles.add(handle, node);
    this.#tree.setHandle(node, handle);
    // They were met where they are by now.
    for (const other of others) this.#directories.reset(other);
    return true;
  }

  /** Sets right what was read a moment ago, and stops again and again. Nothing else may be told or read meanwhile. */
  *#rectify(): Generator<void, void, void> {
    const { fresh } = this.#directories;
    for (let from = 0; from < fresh.size; from += STEP) {
      const nodes = fresh.nodes.slice(from, from + STEP);
      const parents = this.#past.hasSteps ? this.#parents(nodes) : undefined;
      for (const node of nodes) {
        if (!fresh.has(node)) continue;
        if (parents !== undefined && !this.#isPlaced(node, parents.get(node)))
          this.#directories.reset(node);
        else yield* this.#correct(node);
      }
      yield;
    }
    yield* this.#settle();
  }

  *#settle(): Generator<void, void, void> {
    const { fresh } = this.#directories;
    for (const [at, node] of fresh.nodes.entries()) {
      if (fresh.has(node)) this.#settled(node);
      if (at % STEP === STEP - 1) yield;
    }
    fresh.clear();
  }

  /** Reads a directory to its end, and sets it right; and stops again and again. */
  *#read(dir: Node): Generator<void, void, void> {
    const { scanner, lost, fresh } = this.#directories;
    if (scanner.isLoud(dir) === undefined) {
      // It was not where it was said to be.
      lost.delete(dir);
      this.#exactly(() => this.#directories.enter(dir, "new", false));
    }
    while (!this.#exactly(() => scanner.finish(dir, 1))) yield;
    // It is gone by now.
    lost.delete(dir);
    yield* this.#past.readOn();
    while (!this.#past.name(-Infinity)) yield;
    yield* this.#correct(dir);
    fresh.delete(dir);
    this.#settled(dir);
  }

  /** What is known of a directory is what was in it, unless events of that are lost. */
  #settled(dir: Node): void {
    if (this.#past.isTorn) this.#directories.gap.add(dir);
    this.#tell(dir);
  }

  #readOn(): void {
    for (const _ of this.#past.readOn());
  }

  #exactly<T>(read: () => T): T {
    const wasReading = this.#isReading;
    this.#isReading = true;
    try {
      return read();
    } finally {
      this.#isReading = wasReading;
    }
  }

  #tell(dir: Node): void {
    // A large one is told of when it is read to its end; whoever only checks what it is tells of nothing.
    if (!this.#late.has(dir) || this.#directories.scanner.modeOf(dir) === "new") return;
    this.#tellEntries(dir);
  }

  #tellEntries(dir: Node): void {
    this.#late.delete(dir);
    for (let child = this.#tree.first(dir); child !== NONE; child = this.#tree.next(child)) {
      this.#directories.tellMade(child);
      if (this.#tree.isDirectory(child)) this.#late.add(child);
    }
  }

  /** Whether nobody was told of what is in a directory, or in one above it. */
  #isBelowLate(node: Node): boolean {
    if (this.#late.size === 0) return false;
    let at = node;
    while (at !== NONE && !this.#late.has(at)) at = this.#tree.parent(at);
    return at !== NONE;
  }

  #isUnread(node: Node): boolean {
    const { scanner, lost } = this.#directories;
    return (scanner.isLoud(node) ?? lost.get(node)) === false;
  }

  #idOf(node: Node): Uint8Array {
    return this.#past.idOf(this.#tree.handle(node));
  }

  /** What directories are in by now, but for roots, which are where they are. */
  #parents(nodes: readonly Node[]): Map<Node, string> {
    const parents = new Map<Node, string>();
    for (const node of nodes) {
      if (this.#tree.handle(node) === 0 || this.#tree.has(node, FLAG.ANCHOR)) continue;
      const above = this.#past.above(this.#idOf(node));
      if (above !== undefined) parents.set(node, keyOf(above));
    }
    if (parents.size > 0) this.#readOn();
    return parents;
  }

  /**
   * Whether a directory was where it is known to be.
   *
   * @param now What it was in when that was looked for, which was before what was read last.
   */
  #isPlaced(node: Node, now: string | undefined): boolean {
    if (this.#tree.has(node, FLAG.ANCHOR)) return true;
    const parent = this.#tree.parent(node);
    if (this.#tree.handle(node) === 0 || this.#tree.handle(parent) === 0) return false;
    const above = keyOf(this.#idOf(parent));
    const step = this.#past.step(this.#idOf(node));
    if (step === undefined) return now === above;
    const isName = Buffer.compare(step.name, this.#tree.name(node)) === 0;
    return !step.isMade && step.parent === above && isName;
  }

  /** Sets right what is in a directory, and stops again and again. */
  *#correct(dir: Node): Generator<void, void, void> {
    if (this.#tree.handle(dir) === 0) return;
    let steps = 0;
    for (const [key, { comes, isDirectory, id, at }] of this.#past.sequel(this.#idOf(dir))) {
      if (++steps % STEP === 0) yield;
      const name = nameOf(Buffer.from(key, "latin1"));
      let node = this.#tree.find(dir, name);
      const isOther = node !== NONE && (comes || this.#tree.isDirectory(node) !== isDirectory);
      if (isOther) {
        this.#directories.drop(node, this.#tree.has(node, FLAG.TOLD));
        node = NONE;
      }
      if (comes || this.#directories.isIgnored(dir, name, isDirectory)) continue;
      if (node === NONE) node = this.#add(dir, name, isDirectory);
      if (isDirectory) this.identify(node, id);
      else if (at < this.#past.markAt) {
        // What has that name by now may be another one.
        this.#tree.setIno(node, 0);
        this.#tree.setKind(node, KIND.FILE);
      }
    }
  }

  #add(dir: Node, name: NameBytes, isDirectory: boolean): Node {
    const kind = isDirectory ? KIND.DIRECTORY : KIND.FILE;
    const node = this.#directories.make(dir, name, kind, 0);
    this.#directories.enter(node, "new", false);
    return node;
  }

  /** The same of what a directory is. */
  identify(node: Node, id: Uint8Array): void {
    const handle = this.#past.numberOf(id, "tree");
    this.bind(node, handle);
    if (this.#directories.watches.handles.of(handle).length === 0) this.#backend.unwatch(handle);
  }

  /** Finds out what a directory is, of which only the name is known. */
  #find(node: Node): void {
    const dir = this.#tree.parent(node);
    if (this.#tree.handle(dir) === 0) return;
    const name = this.#tree.name(node).slice();
    const above = this.#idOf(dir);
    const fd = this.#past.open(above);
    const flags = O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
    const child = fd === -1 ? -1 : openat_quietly(fd, name, flags);
    closeQuietly(fd);
    const now = child === -1 ? undefined : this.#past.idOfOpen(child);
    closeQuietly(child);
    this.#readOn();
    const first: Sequel | undefined = this.#past.first(above, name);
    const isLater = first !== undefined && !first.comes && first.isDirectory;
    const id = isLater ? first.id : first === undefined ? now : undefined;
    if (id !== undefined) this.identify(node, id);
  }
}
