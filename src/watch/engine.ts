/**
 * Keeps the tree as the disk is, out of events and of what directories have in them, and tells the differences.
 *
 * A directory is watched first and read then, so nothing falls between; what both tell is told once. Events can be older than
 * what was read: each of them sets one name to one state, and the last one of a name is always still to come or is
 * what was read, so the tree ends as the disk does in any order. What a directory is, its handle says and not its path.
 *
 * @module
 */
import { Ahead } from "./ahead.ts";
import type { Backend, RawEvent, RawSelf, Sink } from "./backend.ts";
import { Directories, type EngineOptions } from "./directories.ts";
import { Hindsight } from "./hindsight.ts";
import type { Ignore } from "./ignore.ts";
import { look } from "./look.ts";
import { type Held, Moves } from "./moves.ts";
import { keyOf, nameOf, type Paths } from "./paths.ts";
import { CLOCK_SLACK, Roots } from "./roots.ts";
import type { ScanMode } from "./scanner.ts";
import type { Teller } from "./teller.ts";
import { FLAG, KIND, type NameBytes, type Node, NONE, type Tree } from "./tree.ts";
import { Unread } from "./unread.ts";

/** Milliseconds for which an entry that left is waited for elsewhere. */
export const HOLD = 40;

/** How often what waits is looked at if nothing happens: twice, and as often for what that brings. */
const MOST_ATTEMPTS = 6;

/** What makes changes of events. */
export class Engine implements Sink, Disposable {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #teller: Teller;
  readonly #moves: Moves;
  readonly #ahead: Ahead;
  readonly directories: Directories;
  readonly roots: Roots;
  /** Not watched any more, for a reason that is looked for when all events are read. */
  readonly #suspects = new Set<Node>();
  /** Those that could not be entered the last time either. */
  #missed = new Set<Node>();
  readonly #unread: Unread;
  readonly #hindsight: Hindsight;
  /** Names to be looked at when nothing is left to read, by their directories. */
  readonly #doubts = new Map<Node, Set<string>>();
  /** Directories of such names that were not where they should be, the last time. */
  readonly #elsewhere = new Set<Node>();
  /** What took the place of another one a moment ago, or so it seemed, and when: what an exchange does is two events. */
  readonly #replacing = new Map<Node, number>();
  /** How often what waits was looked at since something happened. */
  #attempts = 0;
  /** When nothing was left to read, last. */
  #emptied = Date.now();
  #emptiedTick = performance.now();

  constructor(
    tree: Tree,
    paths: Paths,
    backend: Backend,
    ignore: Ignore,
    teller: Teller,
    options: EngineOptions,
  ) {
    this.#tree = tree;
    this.#paths = paths;
    this.#teller = teller;
    this.#moves = new Moves(tree);
    this.directories = new Directories(tree, paths, backend, ignore, teller, options);
    this.directories.onForget = (node) => {
      this.#suspects.delete(node);
      this.#hindsight.forget(node);
      this.#missed.delete(node);
      this.directories.lost.delete(node);
      this.directories.fresh.delete(node);
      this.#unread.forget(node);
      this.#doubts.delete(node);
      this.#elsewhere.delete(node);
      this.#replacing.delete(node);
      this.#ahead.forget(node);
      this.#moves.forget(node);
      this.roots.left(node);
    };
    this.directories.watches.onLost = (node, loud) => this.directories.lost.set(node, loud);
    this.directories.isHeld = () => this.#moves.size > 0;
    this.directories.onMeet = (dir, name) => this.#vacate(dir, name);
    this.directories.onDoubt = (dir, name) => this.#question(dir, name);
    this.directories.watches.onSuspect = (node) => this.#suspects.add(node);
    this.#hindsight = new Hindsight(tree, paths, teller, this.directories);
    this.directories.onOpen = (node) => this.#hindsight.opened(node);
    this.roots = new Roots(tree, paths, this.directories);
    this.#unread = new Unread(tree, paths, this.directories, backend);
    this.#unread.onChange = (change, node) => this.#tellChange(change, node);
    this.#ahead = new Ahead(tree, paths, backend, this.directories);
    this.directories.watches.limits.onRetry = (node, since) => {
      if (tree.has(node, FLAG.GUARD)) this.roots.suspect(node);
      else this.directories.enter(node, "compare", true, since);
    };
  }

  /** How many entries left and are waited for. */
  get waiting(): number {
    return this.#moves.size;
  }

  // --- Events ------------------------------------------------------------------

  entry(event: RawEvent): void {
    const { handles } = this.directories.watches;
    this.#teller.pid = event.pid;
    const node = handles.only(event.handle);
    if (node !== NONE) this.#at(node, event);
    else {
      // What is done at one path can end another.
      for (const each of handles.of(event.handle))
        if (this.#tree.handle(each) === event.handle) this.#at(each, event);
    }
    this.#teller.pid = undefined;
  }

  ahead(handle: number, name: NameBytes): void {
    this.#ahead.enter(handle, name);
  }

  /** All that one read returned is told. @returns Whether more may be there by now that is not to wait. */
  handed(): boolean {
    return this.#ahead.end();
  }

  self(handle: number, change: RawSelf, pid?: number): void {
    const { handles } = this.directories.watches;
    if (change === "attributes") this.#attributes(handle, pid);
    const nodes = change === "gone" ? handles.take(handle) : handles.of(handle);
    for (const node of nodes) {
      if (change === "gone") this.#tree.setHandle(node, 0);
      if (this.#tree.has(node, FLAG.GUARD)) this.roots.suspect(node);
      else if (change === "gone" || this.roots.isRoot(node) || this.#tree.has(node, FLAG.FOLLOWED))
        this.#suspects.add(node);
    }
  }

  get isEarly(): boolean {
    return this.directories.isEarly;
  }

  overflow(): void {
    this.directories.endEarly();
    this.#teller.overflow();
    this.directories.watches.limits.forgive();
    this.roots.establishAll(
      this.#emptied - CLOCK_SLACK,
      this.#isClockSteady ? "repair" : "compare",
    );
  }

  /** Compares all that is watched with the disk. */
  compare(): void {
    this.directories.watches.limits.forgive();
    this.roots.establishAll(0, "compare");
  }

  doubt(handle: number, name: NameBytes, isDirectory: boolean): void {
    for (const dir of this.directories.watches.handles.of(handle)) {
      const isGuard = this.#tree.has(dir, FLAG.GUARD);
      if (isGuard || !this.directories.isIgnored(dir, name, isDirectory)) this.#question(dir, name);
    }
  }

  get isIncomplete(): boolean {
    const { scanner, fresh, lost, isEarly } = this.directories;
    return !scanner.idle || fresh.size > 0 || (isEarly && lost.size > 0);
  }

  get isClosed(): boolean {
    return this.directories.isClosed;
  }

  discover(handle: number, above: number | Uint8Array, names: readonly Uint8Array[]): boolean {
    if (typeof above === "number") {
      const [top] = this.#withoutGuards(above);
      return top !== undefined && this.#unread.hasten(top, names, handle);
    }
    const found = this.roots.above(above);
    if (found === undefined) return false;
    return this.#unread.hasten(found.node, [...found.names, ...names], handle);
  }

  foresee(handle: number, from: Parameters<Sink["foresee"]>[1]): void {
    const dirs = from === undefined ? [] : this.directories.watches.handles.of(from.handle);
    this.#unread.foresee(handle, dirs, from?.name);
  }

  knows(handle: number): boolean {
    return this.directories.watches.handles.of(handle).length > 0;
  }

  /**
   * Nothing was left to read at that time, and what was read before is told.
   *
   * @param at Milliseconds since 1970.
   * @param isQuiet Whether nothing was read.
   */
  emptied(at: number, isQuiet: boolean): void {
    this.#emptied = at;
    this.#emptiedTick = performance.now();
    this.#ahead.emptied();
    const isTried =
      isQuiet &&
      this.directories.scanner.idle &&
      this.directories.lost.size + this.#doubts.size > 0;
    this.#attempts = isTried ? this.#attempts + 1 : 0;
    if (
      this.#replacing.size + this.#missed.size + this.directories.lost.size + this.#doubts.size >
      0
    )
      this.#catchUp();
    this.#unread.emptied();
    this.caughtUp();
    this.#hindsight.emptied();
  }

  /** Whether anything waits to be looked at that may be known the next time. */
  get isUnsettled(): boolean {
    return this.directories.lost.size + this.#doubts.size > 0 && this.#attempts < MOST_ATTEMPTS;
  }

  /** Whether something was read of directories of which not all is told yet. */
  get isFresh(): boolean {
    return this.directories.fresh.size > 0;
  }

  /** All that happened before directories were read is told. */
  caughtUp(): void {
    const { isEarly, fresh, lost, scanner } = this.directories;
    fresh.clear();
    if (isEarly && scanner.idle && lost.size === 0) this.directories.endEarly();
  }

  /** Whether the clock was not set back since nothing was left to read: else what happened since then may have an earlier time. */
  get #isClockSteady(): boolean {
    const elapsed = performance.now() - this.#emptiedTick;
    return Date.now() - this.#emptied > elapsed - elapsed / 1000 - CLOCK_SLACK / 2;
  }

  /** Whether there are files that {@linkcode lookBack} is to look at. */
  get isBehind(): boolean {
    return this.#hindsight.isBehind;
  }

  /** Looks at files that were told of before that. */
  lookBack(): void {
    this.#hindsight.lookBack();
  }

  /** Looks at what something happened to, for a reason that is not known yet. */
  settle(): void {
    if (this.#suspects.size + this.roots.suspectCount === 0) return;
    for (const node of this.#suspects) {
      this.#suspects.delete(node);
      this.#examine(node);
    }
    this.roots.settle();
  }

  /** Gives up on entries that left long ago: they are outside. */
  expire(now: number): void {
    for (;;) {
      const node = this.#moves.expired(now - HOLD);
      if (node === NONE) return;
      this.directories.drop(node, true);
    }
  }

  [Symbol.dispose](): void {
    this.#ahead[Symbol.dispose]();
    this.directories[Symbol.dispose]();
  }

  // --- One event ---------------------------------------------------------------

  #at(dir: Node, event: RawEvent): void {
    const { change, isDirectory, name, child } = event;
    if (this.#moves.size > 0 && !isSecond(event)) {
      if (this.#moves.defer(dir, event)) return;
      this.#vacate(dir, name);
    }
    const isGuard = this.#tree.has(dir, FLAG.GUARD);
    // Rules may leave out their own file.
    if (!isGuard) this.directories.afterEvent(dir, name);
    const isWanted = isGuard
      ? this.roots.wants(dir, event)
      : !this.directories.isIgnored(dir, name, isDirectory);
    if (!isWanted) {
      if (change === "moved-to") this.#away(dir, event);
      return;
    }
    switch (change) {
      case "create":
        this.#created(dir, event);
        break;
      case "delete":
        this.#deleted(dir, event);
        break;
      case "moved-from":
        this.#movedFrom(dir, event);
        break;
      case "moved-to":
        this.#movedTo(dir, event);
        break;
      default:
        this.#changed(dir, event);
    }
    if (child !== 0) this.#questionOthers(child, dir, name);
  }

  /** A directory that is known to be elsewhere than where something happened to it came there later, or has left it. */
  #questionOthers(handle: number, dir: Node, name: NameBytes): void {
    for (const node of this.directories.watches.handles.of(handle)) {
      if (this.#tree.has(node, FLAG.HELD | FLAG.GUARD) || this.roots.isRoot(node)) continue;
      if (!this.#isPlace(node, dir, name)) this.#questionPlace(node);
    }
  }

  /** Looks at the name of an entry when nothing is left to read. */
  #questionPlace(node: Node): void {
    this.#question(this.#tree.parent(node), nameOf(this.#tree.name(node)));
  }

  #created(dir: Node, { name, isDirectory, child, next }: RawEvent): void {
    this.#unread.made(dir, name);
    let known = this.#known(dir, name, isDirectory);
    if (known !== NONE && this.#isWatchedByOther(known, child)) {
      this.directories.drop(known, true);
      known = NONE;
    }
    if (known === NONE) {
      this.#make(dir, name, isDirectory, true, child, next);
      return;
    }
    // A scan has met it.
    this.directories.tellMade(known);
    if (!isDirectory || this.#tree.handle(known) !== 0) return;
    if (child !== 0) this.directories.adopt(known, child);
    this.#enter(known, name, "new", true);
  }

  #deleted(dir: Node, event: RawEvent): void {
    const node = this.#entryBefore(dir, event);
    if (node !== NONE) this.directories.drop(node, true);
  }

  #movedFrom(dir: Node, event: RawEvent): void {
    const node = this.#entryBefore(dir, event);
    if (node === NONE) return;
    if (event.isDirectory) this.#hindsight.confuse();
    if (this.#replacing.has(node)) {
      this.#question(dir, event.name);
      // They changed places at once: what left is what was here before.
      if (look(this.#paths.real(node))?.ino === this.#tree.ino(node)) return;
    }
    this.roots.left(node);
    if (event.cookie === 0) this.directories.depart(node, true, event.child);
    else this.#moves.hold(event.cookie, node);
  }

  #movedTo(dir: Node, event: RawEvent): void {
    const { name, isDirectory, child } = event;
    this.#unread.made(dir, name);
    const held = this.#takeHeld(dir, event);
    if (held === undefined) {
      this.#vacate(dir, name);
      return this.#arrived(dir, name, isDirectory, child);
    }
    const { node, deferred } = held;
    if (this.#isPlace(node, dir, name)) {
      // It was known to be there already.
      this.#tree.move(node, dir, name);
      this.roots.arrived(dir, name, node);
      return;
    }
    const target = this.#tree.find(dir, name);
    if (this.#tree.isWithin(dir, node) || (target !== NONE && this.#tree.isWithin(node, target)))
      return this.#unravel(node, target);
    const watchedBy = target === NONE ? 0 : this.#tree.handle(target);
    const isMet = watchedBy !== 0 && isDirectory && this.#maySame(this.#tree.ino(node), target);
    if (isMet && (child === 0 || watchedBy === child)) {
      // A scan has met it where it is now.
      this.directories.drop(node, true);
      this.directories.tellMade(target);
      this.#replaces(target);
      return this.directories.enter(target, "check", true);
    }
    this.#teller.moving(node);
    if (target !== NONE) {
      this.directories.replace(target);
      this.#replaces(node);
    } else if (this.directories.meets(dir) === false) this.#replaces(node);
    const from = this.#paths.shown(node);
    this.#paths.release(node);
    this.#tree.move(node, dir, name);
    this.roots.arrived(dir, name, node);
    if (isDirectory) this.#hindsight.renamed(node);
    const now = look(this.#paths.real(node));
    if (now !== undefined && (now.kind === KIND.DIRECTORY) === isDirectory) {
      this.#tree.setKind(node, now.kind);
      this.#tree.setIno(node, now.ino);
    }
    this.#hindsight.remember(node, now);
    this.#tree.set(node, FLAG.TOLD);
    this.#teller.renamed(node, from, target !== NONE);
    for (const late of deferred) this.#at(late.dir, late.event);
    const handle = this.#tree.handle(node);
    const mode = handle === 0 ? "new" : this.directories.afterMove;
    const isLoud = this.directories.meets(node) !== false;
    this.directories.lost.delete(node);
    if (mode !== "check" || handle !== child || !isLoud) this.#enter(node, name, mode, isLoud);
  }

  /** Whether an entry may have that inode: not of all it is known. */
  #maySame(ino: number, node: Node): boolean {
    return [0, ino].includes(this.#tree.ino(node)) || ino === 0;
  }

  /** Whether an entry is known to be another directory than an event is about. */
  #isWatchedByOther(node: Node, child: number): boolean {
    return child !== 0 && ![0, child].includes(this.#tree.handle(node));
  }

  /** Something has the place of another one: if what left it comes to be told, that is the other one. */
  #replaces(node: Node): void {
    this.#replacing.delete(node);
    this.#replacing.set(node, performance.now());
  }

  /** Looks at a name when nothing is left to read. */
  #question(dir: Node, { bytes, start, end }: NameBytes): void {
    if (dir === NONE) return;
    if (this.#tree.has(dir, FLAG.GUARD)) return this.roots.suspect(dir);
    const key = keyOf(bytes, start, end);
    const names = this.#doubts.get(dir);
    if (names === undefined) this.#doubts.set(dir, new Set([key]));
    else names.add(key);
  }

  /** One is above the other, and should be below it: events between were merged, or lost. */
  #unravel(node: Node, target: Node): void {
    const above = this.#tree.parent(node);
    const isBelow = target === NONE || this.#tree.isWithin(target, node);
    this.directories.drop(node, true);
    if (this.#tree.has(above, FLAG.GUARD)) this.roots.suspect(above);
    else this.directories.enter(above, "new", true);
    if (!isBelow) this.directories.enter(target, "check", true);
  }

  /** Something came from outside. */
  #arrived(dir: Node, name: NameBytes, isDirectory: boolean, child: number): void {
    const known = this.#known(dir, name, isDirectory);
    // Two that came one after the other may be told of as one.
    if (known === NONE) return this.#replaces(this.#make(dir, name, isDirectory));
    const now = look(this.#paths.real(known));
    const isMetOnly = this.directories.meets(dir) === false && !this.#tree.has(known, FLAG.TOLD);
    if (isDirectory && isMetOnly && now?.ino === this.#tree.ino(known)) {
      // What is in it is not told by events, and was met quietly.
      this.directories.drop(known, false);
      this.#make(dir, name, true);
      return;
    }
    const isOther = now?.kind === KIND.DIRECTORY && !this.#maySame(now.ino, known);
    if (isDirectory && (isOther || this.#isWatchedByOther(known, child))) {
      this.directories.drop(known, true);
      return this.#replaces(this.#make(dir, name, true));
    }
    const isSame =
      now === undefined ||
      (now.ino === this.#tree.ino(known) && now.kind === this.#tree.kind(known));
    if (now !== undefined && (now.kind === KIND.DIRECTORY) === isDirectory) {
      this.#tree.setIno(known, now.ino);
      this.#tree.setKind(known, now.kind);
    }
    this.#replaces(known);
    // A scan has met it, or it took the place of what a scan has met.
    if (isSame || isDirectory) this.directories.tellMade(known);
    else this.#teller.tell("change", known);
    this.#hindsight.remember(known, now);
    this.directories.enter(known, "check", true);
  }

  #changed(dir: Node, { change, name }: RawEvent): void {
    let node = this.#tree.find(dir, name);
    if (node === NONE) {
      // Deleted meanwhile, or not yet met by a scan that is under way.
      const isLoud = this.directories.meets(dir);
      if (isLoud === undefined) return;
      if (look(this.#paths.real(dir, name)) === undefined && !this.#unread.isIn(dir, name))
        return this.#unread.note(dir, name, change);
      node = this.#make(dir, name, false, isLoud);
    }
    this.#tellChange(change, node);
  }

  #tellChange(change: RawEvent["change"], node: Node): void {
    if (change !== "attributes") return this.#teller.tell("change", node);
    this.#teller.tell("attributes", node);
    // It may be readable now.
    if (this.#tree.has(node, FLAG.FAILED)) this.directories.enter(node, "new", true);
  }

  // --- Entries -----------------------------------------------------------------

  /** The entry of that name, unless it is known as one of another kind, which is then gone. */
  #known(dir: Node, name: NameBytes, isDirectory: boolean): Node {
    const node = this.#tree.find(dir, name);
    if (node === NONE || this.#tree.isDirectory(node) === isDirectory) return node;
    this.directories.drop(node, true);
    return NONE;
  }

  /**
   * @param child What it is watched by, if it was made a moment ago and is empty.
   * @param next What is told of it in a moment.
   */
  #make(
    dir: Node,
    name: NameBytes,
    isDirectory: boolean,
    loud: boolean = true,
    child: number = 0,
    next?: RawEvent["next"],
  ): Node {
    const kind = isDirectory ? KIND.DIRECTORY : KIND.FILE;
    const node = this.directories.make(dir, name, kind, 0);
    if (next === "written") this.#hindsight.postpone(node);
    else if (child === 0 && next === undefined) {
      const now = look(this.#paths.place(node));
      if (now !== undefined && (now.kind === KIND.DIRECTORY) === isDirectory) {
        this.#tree.setKind(node, now.kind);
        this.#tree.setIno(node, now.ino);
      }
      this.#hindsight.remember(node, now);
    }
    if (this.#tree.has(dir, FLAG.GUARD)) this.roots.arrived(dir, name, node);
    if (loud) this.directories.tellMade(node);
    if (child === 0 || !this.directories.adopt(node, child)) this.#enter(node, name, "new", loud);
    return node;
  }

  /** Reads a directory that an event is about, unless that was done ahead of the event. */
  #enter(node: Node, name: NameBytes, mode: ScanMode, loud: boolean): void {
    const entered = this.#tree.isDirectory(node) ? this.#ahead.take(name) : undefined;
    if (entered !== undefined && loud) this.#ahead.meet(node, entered);
    else this.directories.enter(node, mode, loud);
  }

  /** The entry that an event is about. A directory that has another name by now is known by its handle. */
  #entryOf(dir: Node, { name, isDirectory, child }: RawEvent): Node {
    const node = this.#tree.find(dir, name);
    // One of another kind has taken its name already.
    const isIt = node !== NONE && this.#tree.isDirectory(node) === isDirectory;
    if (child === 0) return isIt ? node : NONE;
    if (isIt && [0, child].includes(this.#tree.handle(node))) return node;
    const [other = NONE, ...more] = this.#withoutGuards(child);
    return more.length === 0 ? other : NONE;
  }

  /** The same, of an event that it left: a scan that is still to come does not meet it any more. */
  #entryBefore(dir: Node, event: RawEvent): Node {
    const node = this.#entryOf(dir, event);
    const isPlace =
      node === NONE
        ? this.#tree.find(dir, event.name) === NONE
        : this.#isPlace(node, dir, event.name);
    // It left a place that was thought to be another's.
    if (event.child !== 0 && !isPlace) this.#question(dir, event.name);
    if (node !== NONE) return node;
    if (!this.#ahead.isFresh(dir)) return this.#unread.unmet(dir, event);
    const isTaken = this.#tree.find(dir, event.name) !== NONE;
    if (isTaken) return NONE;
    const kind = event.isDirectory ? KIND.DIRECTORY : KIND.FILE;
    const made = this.directories.make(dir, event.name, kind, 0);
    this.directories.tellMade(made);
    return made;
  }

  /** The directories of a handle, as far as they are within the tree. */
  #withoutGuards(handle: number): readonly Node[] {
    return this.directories.watches.handles
      .of(handle)
      .filter((one) => this.#tree.isDirectory(one) && !this.#tree.has(one, FLAG.GUARD));
  }

  #isPlace(node: Node, dir: Node, { bytes, start, end }: NameBytes): boolean {
    if (this.#tree.parent(node) !== dir) return false;
    return Buffer.compare(this.#tree.name(node), bytes.subarray(start, end)) === 0;
  }

  /** Looks whether a name is what its events say. */
  #verify(dir: Node, name: NameBytes): void {
    const node = this.#tree.find(dir, name);
    const now = look(this.#paths.real(dir, name));
    const isDirectory = now?.kind === KIND.DIRECTORY;
    if (node === NONE && now === undefined) return;
    if (now !== undefined && this.directories.meets(dir) === false) {
      // The same, and a read that is still to come would meet it quietly.
      const isTold = node !== NONE && this.#tree.has(node, FLAG.TOLD);
      if (node !== NONE && !isTold) this.directories.drop(node, false);
      if (!isTold) return void this.#make(dir, name, isDirectory, true);
    }
    if (node === NONE || now === undefined || this.#tree.isDirectory(node) !== isDirectory)
      return this.directories.enter(dir, "new", true);
    if (isDirectory) return this.directories.enter(node, "check", true);
    // Nothing else tells of it, if it was only met.
    if (this.directories.isEarly) this.directories.tellMade(node);
    const ino = this.#tree.ino(node);
    if (ino === now.ino) return;
    const isSame = ino === 0 && this.#tree.kind(node) === now.kind;
    this.#tree.setIno(node, now.ino);
    this.#tree.setKind(node, now.kind);
    // If it was not looked at before, it is what was told.
    if (!isSame) this.directories.tellChanged(node);
  }

  /** The permissions, the owner or the times of a directory changed. */
  #attributes(handle: number, pid: number | undefined): void {
    this.#teller.pid = pid;
    for (const node of this.directories.watches.handles.of(handle)) {
      if (this.#tree.has(node, FLAG.GUARD) || !this.#tree.isDirectory(node)) continue;
      this.#teller.tell("attributes", node);
      if (this.#tree.has(node, FLAG.FAILED)) this.directories.enter(node, "new", true);
    }
    this.#teller.pid = undefined;
  }

  /** Does what waited until nothing was left to read. */
  #catchUp(): void {
    const limit = performance.now() - HOLD;
    for (const [node, since] of this.#replacing) {
      if (since > limit) break;
      this.#replacing.delete(node);
    }
    const missed = this.#missed;
    this.#missed = new Set(this.directories.lost.keys());
    for (const [node, loud] of this.directories.lost) {
      this.directories.lost.delete(node);
      this.directories.enter(node, "new", loud);
      // It is not renamed: nobody told that it is gone.
      if (missed.has(node)) this.#questionPlace(node);
    }
    // Some are asked again, the next time.
    let left = this.#doubts.size;
    for (const [dir, names] of this.#doubts) {
      if (left-- === 0) break;
      this.#doubts.delete(dir);
      // It is compared with the disk when it can be read.
      if (this.#tree.has(dir, FLAG.FAILED)) continue;
      const isHere = this.#isWhereItWas(dir);
      for (const key of names) {
        const name = nameOf(Buffer.from(key, "latin1"));
        if (isHere) this.#verify(dir, name);
        else this.#question(dir, name);
      }
    }
  }

  /** Whether the path of a directory leads to it. If not it was renamed, which is still to be read, or else was missed. */
  #isWhereItWas(dir: Node): boolean {
    if (this.directories.watches.isFound(dir)) {
      this.#elsewhere.delete(dir);
      return true;
    }
    if (this.#elsewhere.delete(dir)) this.directories.enter(dir, "check", true);
    else this.#elsewhere.add(dir);
    return false;
  }

  /** What left this place, and was not seen elsewhere before it is taken again, went outside. */
  #vacate(dir: Node, name: NameBytes): void {
    const node = this.#moves.at(dir, name);
    if (node !== NONE) this.directories.drop(node, true);
  }

  /** The other half of a rename that came to a directory. */
  #takeHeld(dir: Node, { cookie, handle }: RawEvent): Held | undefined {
    if (this.#moves.size === 0) return undefined;
    return this.#moves.take(cookie, dir, this.directories.watches.handles.only(handle) === NONE);
  }

  /** Its other half went where nothing is watched. */
  #away(dir: Node, event: RawEvent): void {
    const held = this.#takeHeld(dir, event);
    if (held !== undefined) this.directories.depart(held.node, true, event.child);
  }

  /** Finds out why a directory is not watched any more. */
  #examine(node: Node): void {
    if (this.roots.isRoot(node)) return this.roots.recheck(node);
    // What a link led to is another one now, or nothing.
    if (this.#tree.has(node, FLAG.FOLLOWED)) return this.directories.enter(node, "check", true);
    // Deleted: then that is told by its directory, or it is below what was unmounted.
    const now = look(this.#paths.real(node));
    if (now?.kind === KIND.DIRECTORY) this.directories.enter(node, "check", true);
    else this.directories.lost.set(node, true);
  }
}

/** The halves of one event follow each other: wherever the first one was, it waits for this. */
function isSecond({ change, cookie, child }: RawEvent): boolean {
  return change === "moved-to" && cookie !== 0 && child !== 0;
}
