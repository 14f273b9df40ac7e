/**
 * Keeps the tree as the disk is, out of events and of what directories have in them, and tells the differences.
 *
 * A directory is watched first and read then, so nothing falls between; what both tell is told once. Events can be older than
 * what was read: each of them sets one name to one state, and the last one of a name is always still to come or is
 * what was read, so the tree ends as the disk does in any order. What a directory is, its handle says and not its path.
 *
 * @module
 */
import type { Backend, Past, RawEvent, RawSelf, Sink, Start } from "../backend/backend.ts";
import { Directories, type DirectoriesOptions } from "../directories/directories.ts";
import { CLOCK_SLACK } from "../disk/look.ts";
import type { Ignore } from "../ignore/ignore.ts";
import type { Teller } from "../teller/teller.ts";
import { FLAG, type NameBytes, type Node, NONE } from "../tree/node.ts";
import type { Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import { Ahead } from "./ahead.ts";
import { Changes } from "./changes.ts";
import { Doubts } from "./doubts.ts";
import { Hindsight } from "./hindsight.ts";
import { Moves } from "./moves.ts";
import { Roots } from "./roots.ts";
import { Unread } from "./unread.ts";

/** Entries that are given up before the time is looked at. */
const AT_ONCE = 64;

/** What makes changes of events. */
export class Engine implements Sink, Disposable {
  readonly #tree: Tree;
  readonly #teller: Teller;
  readonly #moves: Moves;
  readonly #ahead: Ahead;
  readonly #hindsight: Hindsight;
  readonly #unread: Unread;
  readonly #doubts: Doubts;
  readonly #changes: Changes;
  readonly #backend: Backend;
  readonly #past: Past | undefined;
  readonly directories: Directories;
  readonly roots: Roots;
  /** When nothing was left to read, last. */
  #emptied = Date.now();
  #emptiedTick = performance.now();
  /**
   * Since when something may be lost: `Infinity` if nothing is. One overflow stands for all that is lost until it is read, so that
   * what is told behind it may lack its end.
   */
  #lostSince = Infinity;
  #isUnfinished = false;

  constructor(
    tree: Tree,
    paths: Paths,
    backend: Backend,
    ignore: Ignore,
    teller: Teller,
    options: DirectoriesOptions,
  ) {
    const directories = new Directories(tree, paths, backend, ignore, teller, options);
    const moves = new Moves(tree);
    const ahead = new Ahead(tree, paths, backend, directories);
    const hindsight = new Hindsight(tree, paths, directories);
    const roots = new Roots(tree, paths, directories);
    const doubts = new Doubts(tree, paths, directories, roots, backend.past);
    const unread = new Unread(tree, paths, directories);
    const changes = new Changes({
      tree,
      paths,
      teller,
      directories,
      roots,
      moves,
      ahead,
      hindsight,
      doubts,
    });
    this.#tree = tree;
    this.#teller = teller;
    this.#moves = moves;
    this.#ahead = ahead;
    this.#hindsight = hindsight;
    this.#doubts = doubts;
    this.#unread = unread;
    this.#changes = changes;
    this.#backend = backend;
    this.#past = backend.past;
    this.directories = directories;
    this.roots = roots;
    directories.onForget = (node) => {
      hindsight.forget(node);
      doubts.forget(node);
      directories.lost.delete(node);
      directories.fresh.delete(node);
      directories.settled.forget(node);
      directories.gap.delete(node);
      directories.recall?.forget(node);
      ahead.forget(node);
      moves.forget(node);
      roots.left(node);
    };
    directories.onPart = (node) => {
      moves.forget(node);
      roots.left(node);
    };
    directories.onCleared = () => roots.tidy();
    directories.isHeld = () => moves.size > 0;
    directories.onMeet = (dir, name, ino) => changes.met(dir, name, ino);
    directories.onDoubt = (node) => doubts.questionPlace(node);
    directories.onOpen = (node) => hindsight.opened(node);
    directories.watches.onLost = (node, loud) => directories.lost.set(node, loud);
    directories.watches.onSuspect = (node) => doubts.suspect(node);
    directories.watches.limits.onRetry = (node, since) => {
      if (tree.has(node, FLAG.GUARD)) roots.suspect(node);
      else directories.enter(node, "compare", true, since);
    };
  }

  /** Lets `add` watch paths as they were when events began to be queued, if that is known, and not as they are by now. */
  begin(start: Start | undefined, add: () => void): void {
    const { watches } = this.directories;
    if (start !== undefined) {
      this.#emptied = start.at;
      this.#emptiedTick = start.tick;
      this.roots.heard = start.at - CLOCK_SLACK;
    }
    watches.start = start;
    try {
      add();
    } finally {
      watches.start = undefined;
    }
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
      const { departures } = this.directories;
      // What is done at one path can end another, or let it begin to leave.
      for (const each of handles.of(event.handle))
        if (this.#tree.handle(each) === event.handle && !departures.isLeaving(each))
          this.#at(each, event);
    }
    this.#teller.pid = undefined;
  }

  #at(dir: Node, event: RawEvent): void {
    this.directories.recall?.read(dir);
    this.#changes.at(dir, event);
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
    if (change === "attributes") {
      this.#teller.pid = pid;
      this.#changes.attributes(handle);
      this.#teller.pid = undefined;
    }
    const nodes = change === "gone" ? handles.take(handle) : handles.of(handle);
    for (const node of nodes) {
      if (change === "gone") this.#tree.setHandle(node, 0);
      if (this.#tree.has(node, FLAG.GUARD)) this.roots.suspect(node);
      else if (change === "gone" || this.roots.isRoot(node) || this.#tree.has(node, FLAG.FOLLOWED))
        this.#doubts.suspect(node);
    }
  }

  get isEarly(): boolean {
    return this.directories.isEarly;
  }

  overflow(): void {
    this.#lostSince = Math.min(this.#lostSince, this.#emptied - CLOCK_SLACK);
    this.#teller.overflow();
    this.#hindsight.lose();
    this.directories.loss.begin(this.#lostSince, this.#isClockSteady);
    this.#repair(this.#lostSince);
  }

  /** Looks for all that may never be told. */
  #repair(since: number): void {
    this.directories.watches.limits.forgive();
    const { trust } = this.directories.watches;
    const isSure = this.#isClockSteady && this.roots.areInPlace(trust.since);
    this.roots.establishAll(since, isSure ? "repair" : "compare");
  }

  /** Compares all that is watched with the disk. */
  compare(): void {
    this.directories.watches.limits.forgive();
    this.roots.establishAll(0, "compare");
  }

  doubt(handle: number, name: NameBytes, isDirectory: boolean): void {
    for (const dir of this.directories.watches.handles.of(handle)) {
      const isGuard = this.#tree.has(dir, FLAG.GUARD);
      if (isGuard || !this.directories.isIgnored(dir, name, isDirectory))
        this.#doubts.question(dir, name);
    }
  }

  get isIncomplete(): boolean {
    const { scanner, fresh, isEarly } = this.directories;
    return isEarly || !scanner.idle || fresh.size > 0;
  }

  get isReading(): boolean {
    const { scanner, lost } = this.directories;
    return !scanner.idle || lost.size > 0;
  }

  /**
   * Reads directories on, until nothing is left or the time is up.
   *
   * @param limit As `performance.now()` has it.
   * @param least Directories that are read in any case.
   */
  read(limit: number, least: number = 0): void {
    const { scanner } = this.directories;
    if (scanner.idle) return;
    scanner.run(limit, least);
    if (!scanner.idle) return;
    this.directories.renewal = undefined;
    this.directories.settled.mark();
  }

  get isClosed(): boolean {
    return this.directories.isClosed;
  }

  get isBusy(): boolean {
    return this.directories.departures.isUnderWay;
  }

  /**
   * Goes on telling of what left.
   *
   * @param limit As `performance.now()` has it.
   */
  goOn(limit: number): void {
    const { departures } = this.directories;
    if (!departures.isUnderWay) return;
    if (this.#past === undefined) departures.run(limit);
    else this.#past.during(() => departures.run(limit));
  }

  discover(
    handle: number,
    above: number | Uint8Array,
    names: readonly Uint8Array[],
    ids: readonly Uint8Array[],
    limit: number,
  ): boolean | "later" {
    if (typeof above === "number") {
      const [top] = this.directories.watches.inTree(above);
      return top !== undefined && this.#unread.hasten(top, names, handle, ids, limit);
    }
    const found = this.roots.above(above);
    if (found === undefined) return false;
    return this.#unread.hasten(found.node, [...found.names, ...names], handle, ids, limit);
  }

  prepare(handle: number, limit: number): boolean {
    const { recall, watches } = this.directories;
    return (
      recall === undefined || watches.handles.of(handle).every((dir) => recall.read(dir, limit))
    );
  }

  covers(path: Uint8Array): boolean {
    return this.roots.above(path) !== undefined;
  }

  rectify(limit: number): boolean {
    return this.directories.recall?.rectify(limit) !== false;
  }

  knows(handle: number): boolean {
    return this.directories.watches.handles.of(handle).length > 0;
  }

  /**
   * Nothing was left to read at that time, and what was read before is told.
   *
   * @param at Milliseconds since 1970.
   * @param isQuiet Whether nothing was read.
   * @param limit As `performance.now()` has it: {@linkcode Engine.isUnfinished} if the time was up.
   */
  emptied(at: number, isQuiet: boolean, limit: number): void {
    // All that came behind an overflow is told.
    if (this.#lostSince !== Infinity) {
      this.directories.loss.heard();
      this.#repair(this.#lostSince);
    }
    this.#lostSince = Infinity;
    this.#emptied = at;
    this.#emptiedTick = performance.now();
    this.roots.heard = at - CLOCK_SLACK;
    this.#ahead.emptied();
    this.#moves.emptied();
    this.#isUnfinished = !this.#doubts.emptied(isQuiet, limit);
    if (this.#isUnfinished) return;
    this.caughtUp();
    this.#isUnfinished = !this.#hindsight.emptied(limit);
    this.directories.followAgain();
    this.directories.loss.end();
    const { scanner, watches } = this.directories;
    if (scanner.idle) watches.trust.emptied(this.#emptiedTick);
  }

  /** Whether the time was up before all was looked at that is when nothing is left to read. */
  get isUnfinished(): boolean {
    return this.#isUnfinished;
  }

  /** Whether anything waits to be looked at that may be known the next time. */
  get isUnsettled(): boolean {
    return this.#doubts.isUnsettled;
  }

  /** Whether something was read of directories of which not all is told yet. */
  get isFresh(): boolean {
    return this.directories.fresh.size > 0 || this.directories.settled.isUncertain;
  }

  /** Whether all that happened before directories were read is told, whatever has happened since. */
  get isCaughtUp(): boolean {
    if (this.isReading) return false;
    return this.isEarly ? this.#backend.isMarkTold : this.directories.settled.isPast;
  }

  /** All that happened before directories were read is told. */
  caughtUp(): void {
    const { isEarly, fresh, lost, scanner, recall } = this.directories;
    recall?.settle();
    fresh.clear();
    if (isEarly && scanner.idle && lost.size === 0) this.directories.endEarly();
    this.directories.readDoubtful();
    this.directories.settled.emptied();
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
    this.#doubts.settle();
    this.roots.settle();
  }

  /**
   * Gives up on entries that left long ago: they are outside. Not while something leaves that has very much in it.
   *
   * @param before When they left, as `performance.now()` has it.
   * @param limit The same: some of them are given up in any case.
   * @returns Whether the time was not up before all of them were.
   */
  expire(before: number, limit: number = Infinity): boolean {
    for (let left = AT_ONCE; ; left--) {
      const node = this.#moves.expired(before);
      if (node === NONE || this.isBusy) return true;
      if (left <= 0 && performance.now() >= limit) return false;
      this.directories.drop(node, true);
    }
  }

  [Symbol.dispose](): void {
    this.#ahead[Symbol.dispose]();
    this.directories[Symbol.dispose]();
    this.#backend.end?.();
  }
}
