/**
 * What one event changes in the tree, and what is told of it.
 *
 * @module
 */
import { isArrival, type RawEvent } from "../backend/backend.ts";
import type { Directories } from "../directories/directories.ts";
import type { ScanMode } from "../directories/scanner.ts";
import { type Look, look, statsOf } from "../disk/look.ts";
import type { Teller } from "../teller/teller.ts";
import { FLAG, KIND, type NameBytes, type Node, NONE } from "../tree/node.ts";
import type { Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import type { Ahead } from "./ahead.ts";
import type { Doubts } from "./doubts.ts";
import type { Hindsight } from "./hindsight.ts";
import type { Held, Moves } from "./moves.ts";
import type { Roots } from "./roots.ts";

/** What events are understood by. */
export interface Means {
  readonly tree: Tree;
  readonly paths: Paths;
  readonly teller: Teller;
  readonly directories: Directories;
  readonly roots: Roots;
  readonly moves: Moves;
  readonly ahead: Ahead;
  readonly hindsight: Hindsight;
  readonly doubts: Doubts;
}

/** Makes changes of events. */
export class Changes {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #teller: Teller;
  readonly #directories: Directories;
  readonly #roots: Roots;
  readonly #moves: Moves;
  readonly #ahead: Ahead;
  readonly #hindsight: Hindsight;
  readonly #doubts: Doubts;

  constructor(means: Means) {
    this.#tree = means.tree;
    this.#paths = means.paths;
    this.#teller = means.teller;
    this.#directories = means.directories;
    this.#roots = means.roots;
    this.#moves = means.moves;
    this.#ahead = means.ahead;
    this.#hindsight = means.hindsight;
    this.#doubts = means.doubts;
  }

  /** What an event of an entry in a directory changes. */
  at(dir: Node, event: RawEvent): void {
    if (this.#tree.has(dir, FLAG.FOLDING)) this.#at(dir, this.#spelled(dir, event));
    else this.#at(dir, event);
  }

  #at(dir: Node, event: RawEvent): void {
    const { change, isDirectory, name, child } = event;
    if (this.#moves.size > 0 && !isSecond(event)) {
      if (this.#moves.defer(dir, event)) return;
      this.vacate(dir, name);
      if (this.#tree.has(dir, FLAG.FOLDING)) this.#vacateAlike(dir, event);
    }
    const isGuard = this.#tree.has(dir, FLAG.GUARD);
    if (isGuard && this.#takeAgain(dir, event)) return;
    // Rules may leave out their own file.
    if (!isGuard) this.#directories.afterEvent(dir, name);
    const isWanted = isGuard
      ? this.#roots.wants(dir, event)
      : !this.#directories.isIgnored(dir, name, isDirectory);
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

  /** The same event, of the name that the entry has in its directory. */
  #spelled(dir: Node, event: RawEvent): RawEvent {
    const { spellings } = this.#directories;
    if (this.#tree.has(dir, FLAG.GUARD))
      return { ...event, name: this.#roots.spelled(dir, event.name) };
    const { change, cookie } = event;
    const isOutside = this.#tree.has(dir, FLAG.ALIASING) && !this.#moves.hasCookie(cookie);
    const isUnread = this.#directories.isSelective || this.#directories.meets(dir) !== undefined;
    const name = spellings.of(dir, event.name, change, isUnread || isOutside);
    return name === event.name ? event : { ...event, name };
  }

  /** Takes an event again, of a name that is not known, if it turns out that the entry may be spelled otherwise. @returns Whether it did. */
  #takeAgain(dir: Node, event: RawEvent): boolean {
    if (!this.#directories.spellings.discover(dir)) return false;
    this.at(dir, event);
    return true;
  }

  /** What left this place, and was not seen elsewhere before it is taken again, went outside. */
  vacate(dir: Node, name: NameBytes): void {
    const node = this.#moves.at(dir, name);
    if (node !== NONE) this.#directories.drop(node, true);
  }

  /** The same of what is spelled otherwise. */
  #vacateAlike(dir: Node, { change, name, cookie }: RawEvent): void {
    if (!isArrival(change)) return;
    const node = this.#moves.alike(dir, name, cookie);
    if (node !== NONE) this.#directories.drop(node, true);
  }

  /** A scan meets something: it may have that name, or be what left, which is gone before it comes. */
  met(dir: Node, name: NameBytes, ino: number): void {
    if (this.#moves.size === 0) return;
    this.vacate(dir, name);
    const node = this.#directories.mayReturn ? this.#leftWith(ino, dir) : NONE;
    if (node === NONE) return;
    // Another name of a file may be met anywhere: where it went is still to be read.
    const names = this.#tree.isDirectory(node) ? 1 : statsOf(this.#paths.real(dir, name))?.nlink;
    if (names === 1) this.#directories.drop(node, true);
  }

  /** What left and has that inode, or `NONE`. What is read may be another one that has the path of something in it. */
  #leftWith(ino: number, dir: Node): Node {
    const node = this.#moves.withIno(ino);
    return node !== NONE && this.#tree.isWithin(dir, node) ? NONE : node;
  }

  /**
   * Adds an entry.
   *
   * @param child What it is watched by, if it was made a moment ago and is empty.
   * @param next What is told of it in a moment.
   */
  make(
    dir: Node,
    { name, isDirectory, look: itself }: Pick<RawEvent, "name" | "isDirectory" | "look">,
    loud: boolean = true,
    child: number = 0,
    next?: RawEvent["next"],
  ): Node {
    const kind = isDirectory ? KIND.DIRECTORY : KIND.FILE;
    const node = this.#directories.make(dir, name, kind, 0);
    if (next === "written") this.#hindsight.postpone(node);
    else if (child === 0 && next === undefined) {
      const now = whatIs(this.#paths.place(node), isDirectory, itself);
      if (now !== undefined && (now.kind === KIND.DIRECTORY) === isDirectory) {
        this.#tree.setKind(node, now.kind);
        this.#tree.setIno(node, now.ino);
      }
      this.#hindsight.remember(node, now);
    }
    if (this.#tree.has(dir, FLAG.GUARD)) this.#roots.arrived(dir, name, node);
    if (loud) this.#directories.tellMade(node);
    if (child === 0 || !this.#directories.adopt(node, child)) this.#enter(node, name, "new", loud);
    return node;
  }

  /** The permissions, the owner or the times of a directory changed. */
  attributes(handle: number): void {
    for (const node of this.#directories.watches.handles.of(handle)) {
      if (this.#tree.has(node, FLAG.GUARD) || !this.#tree.isDirectory(node)) continue;
      this.#directories.tellChanged(node, "attributes");
      this.#directories.permit(node);
    }
  }

  /** A directory that is known to be elsewhere than where something happened to it came there later, or has left it. */
  #questionOthers(handle: number, dir: Node, name: NameBytes): void {
    for (const node of this.#directories.watches.handles.of(handle)) {
      if (this.#tree.has(node, FLAG.HELD | FLAG.GUARD) || this.#roots.isRoot(node)) continue;
      if (!this.#tree.isAt(node, dir, name)) this.#doubts.questionPlace(node);
    }
  }

  #created(dir: Node, event: RawEvent): void {
    const { name, isDirectory, child, next } = event;
    if (this.#directories.spellings.mayAlias && this.#takeAgain(dir, event)) return;
    let known = this.#known(dir, name, isDirectory);
    if (known !== NONE && this.#isWatchedByOther(known, child)) {
      this.#directories.drop(known, true);
      known = NONE;
    }
    if (known === NONE) {
      this.make(dir, event, true, child, next);
      return;
    }
    // A scan has met it.
    if (!this.#wasThere(known)) this.#directories.tellMade(known);
    if (!isDirectory || this.#tree.handle(known) !== 0) return;
    if (child !== 0) this.#directories.adopt(known, child);
    this.#enter(known, name, "new", true);
  }

  #deleted(dir: Node, event: RawEvent): void {
    const named = this.#tree.find(dir, event.name);
    if (named === NONE && this.#takeAgain(dir, event)) return;
    const node = this.#entryBefore(dir, event, named);
    if (node !== NONE) this.#directories.drop(node, true);
  }

  #movedFrom(dir: Node, event: RawEvent): void {
    const named = this.#tree.find(dir, event.name);
    if (named === NONE && this.#takeAgain(dir, event)) return;
    const node = this.#entryBefore(dir, event, named);
    if (node === NONE) return;
    if (event.isDirectory) this.#hindsight.confuse();
    this.#directories.moving(node);
    // A directory is what it is.
    const isIt = event.child !== 0 && this.#tree.handle(node) === event.child;
    if (!isIt && this.#moves.hasReplaced(node)) {
      this.#doubts.question(dir, event.name);
      // They changed places at once: what left is what was here before.
      if (look(this.#paths.real(node))?.ino === this.#tree.ino(node)) return;
    }
    this.#roots.left(node);
    // Who was not told of it, or of what is in it, can't rename it: that is told where it is now.
    const { gap } = this.#directories;
    const isUnsure = gap.isUntold(node) || gap.isUnsure(node);
    if (event.cookie === 0 || isUnsure) this.#directories.depart(node, true, event.child);
    else this.#moves.hold(event.cookie, node);
  }

  #movedTo(dir: Node, event: RawEvent): void {
    const { name, isDirectory, child } = event;
    if (this.#tree.find(dir, name) === NONE && this.#takeAgain(dir, event)) return;
    const held = this.#takeHeld(dir, event);
    if (held === undefined) {
      this.vacate(dir, name);
      if (this.#moves.size > 0 && this.#directories.mayReturn)
        this.#returned(dir, name, isDirectory);
      this.#directories.spellings.arrived(dir);
      return this.#arrived(dir, event);
    }
    const { node, deferred } = held;
    if (this.#tree.isAt(node, dir, name)) {
      // It was known to be there already.
      this.#tree.move(node, dir, name);
      this.#roots.arrived(dir, name, node);
      return;
    }
    const target = this.#tree.find(dir, name);
    if (this.#tree.isWithin(dir, node) || (target !== NONE && this.#tree.isWithin(node, target)))
      return this.#unravel(node, target);
    const watchedBy = target === NONE ? 0 : this.#tree.handle(target);
    const isMet = watchedBy !== 0 && isDirectory && this.#maySame(this.#tree.ino(node), target);
    if (isMet && (child === 0 || watchedBy === child)) {
      // A scan has met it where it is now.
      this.#directories.drop(node, true);
      if (!this.#wasThere(target)) this.#directories.tellMade(target);
      this.#moves.replaced(target);
      return this.#directories.enter(target, "check", true);
    }
    this.#teller.moving(node);
    if (target !== NONE) {
      this.#directories.replace(target);
      this.#moves.replaced(node);
    } else if (this.#directories.meets(dir) === false) this.#moves.replaced(node);
    const from = this.#paths.shown(node);
    this.#paths.release(node);
    this.#tree.move(node, dir, name);
    this.#directories.spellings.added(dir, name);
    this.#roots.arrived(dir, name, node);
    if (isDirectory) {
      this.#hindsight.renamed(node);
      this.#doubts.renamed(node);
    }
    const now = whatIs(this.#paths.real(node), isDirectory, event.look);
    if (now !== undefined && (now.kind === KIND.DIRECTORY) === isDirectory) {
      if (now.kind !== this.#tree.kind(node)) this.#teller.becoming(node);
      this.#tree.setKind(node, now.kind);
      this.#tree.setIno(node, now.ino);
    }
    this.#hindsight.remember(node, now);
    this.#tree.set(node, FLAG.TOLD);
    this.#teller.renamed(node, from, target !== NONE);
    for (const late of deferred) this.at(late.dir, late.event);
    const handle = this.#tree.handle(node);
    this.#identify(node, child);
    const isLoud = this.#directories.meets(node) !== false;
    // It was to be read where it was before.
    const isUnread = this.#directories.lost.delete(node) || handle === 0;
    const { afterMove } = this.#directories;
    // What is known to be in it already may be left out where it is now.
    const mode = isUnread && afterMove === "check" ? "new" : afterMove;
    if (mode !== "check" || handle !== child || !isLoud) this.#enter(node, name, mode, isLoud);
    this.#directories.loss.moved(node);
  }

  /** Whether an entry that nobody was told of was there before what is told now, and no scan has met what came. */
  #wasThere(node: Node): boolean {
    return this.#directories.settled.isExact && !this.#tree.has(node, FLAG.TOLD);
  }

  /** Whether what is known of a directory's entries may be newer than what is told now. An inode alone says little: a file that is deleted leaves its own to the next. */
  #isMet(dir: Node): boolean {
    return this.#directories.settled.isMet(dir) || this.#ahead.isFresh(dir);
  }

  /** Whether an entry is what has its name by now. Of what is gone that can't be known: it may have been there before, and if it were told as made, it might never be told that it is gone. */
  #isWhatCame(node: Node, now: Look | undefined): boolean {
    if (now === undefined) return this.#tree.has(node, FLAG.TOLD);
    return now.ino === this.#tree.ino(node) && now.kind === this.#tree.kind(node);
  }

  /** Whether an entry may have that inode: not of all it is known. */
  #maySame(ino: number, node: Node): boolean {
    return [0, ino].includes(this.#tree.ino(node)) || ino === 0;
  }

  /** Whether an entry is known to be another directory than an event is about. */
  #isWatchedByOther(node: Node, child: number): boolean {
    return child !== 0 && ![0, child].includes(this.#tree.handle(node));
  }

  /** One is above the other, and should be below it: events between were merged, or lost. */
  #unravel(node: Node, target: Node): void {
    const above = this.#tree.parent(node);
    const isBelow = target === NONE || this.#tree.isWithin(target, node);
    this.#directories.drop(node, true);
    if (this.#tree.has(above, FLAG.GUARD)) this.#roots.suspect(above);
    else this.#directories.enter(above, "new", true);
    if (!isBelow) this.#directories.enter(target, "check", true);
  }

  /** Something came from outside. */
  #arrived(dir: Node, event: RawEvent): void {
    const { name, isDirectory, child } = event;
    const known = this.#known(dir, name, isDirectory);
    // Two that came one after the other may be told of as one.
    if (known === NONE) return this.#moves.replaced(this.#makeCome(dir, event));
    const now = look(this.#paths.real(known));
    const isBefore = this.#wasThere(known);
    const isOther = now?.kind === KIND.DIRECTORY && !this.#maySame(now.ino, known);
    const isNew = isBefore && this.#tree.handle(known) !== child;
    if (isDirectory && (isNew || isOther || this.#isWatchedByOther(known, child))) {
      this.#directories.drop(known, true);
      return this.#moves.replaced(this.#makeCome(dir, event));
    }
    // What an event told of already is another one than what came.
    const mayBeMet = !isBefore && this.#isMet(dir) && !this.#hindsight.wasTold(known);
    const isSame = mayBeMet && this.#isWhatCame(known, now);
    if (now !== undefined && (now.kind === KIND.DIRECTORY) === isDirectory)
      this.#directories.become(known, now);
    this.#moves.replaced(known);
    // A scan has met it, or it took the place of what a scan has met.
    if (isSame || (isDirectory && !isBefore)) this.#directories.tellMade(known);
    else if (!isDirectory) {
      this.#directories.tellChanged(known);
      // It is not made by what comes next.
      if (!isBefore) this.#tree.set(known, FLAG.TOLD);
    }
    this.#hindsight.remember(known, now);
    this.#directories.enter(known, "check", true);
  }

  /** What came from outside may be what left, or have been in it: that is gone before it comes. */
  #returned(dir: Node, name: NameBytes, isDirectory: boolean): void {
    const path = this.#paths.real(dir, name);
    const now = look(path);
    if (now === undefined || (now.kind === KIND.DIRECTORY) !== isDirectory) return;
    const left = this.#leftWith(now.ino, dir);
    if (left !== NONE) this.#directories.drop(left, true);
    if (!isDirectory) return;
    const isEntered = (handle: number): boolean => this.#ahead.hasEntered(handle);
    const known = this.#directories.watches.knownAs(path, isEntered);
    const top = known.map((node) => this.#moves.above(node)).find((node) => node !== NONE);
    if (top !== undefined && !this.#tree.isWithin(dir, top)) this.#directories.drop(top, true);
  }

  /** Adds what came from outside. */
  #makeCome(dir: Node, event: RawEvent): Node {
    const node = this.make(dir, event);
    this.#identify(node, event.child);
    return node;
  }

  /** Lets a directory be what an event says that came, and not what its path leads to by now. */
  #identify(node: Node, child: number): void {
    const { recall } = this.#directories;
    if (child === 0 || !this.#tree.isDirectory(node) || this.#tree.handle(node) !== 0) return;
    if (recall !== undefined) recall.bind(node, child);
    else if (!this.#tree.has(node, FLAG.ANCHOR | FLAG.GUARD)) this.#directories.adopt(node, child);
  }

  #changed(dir: Node, event: RawEvent): void {
    const { change, name } = event;
    let node = this.#tree.find(dir, name);
    if (node === NONE) {
      if (this.#takeAgain(dir, event)) return;
      // Deleted meanwhile, or not yet met by a scan that is under way.
      const isLoud = this.#directories.meets(dir);
      if (isLoud === undefined || look(this.#paths.real(dir, name)) === undefined) return;
      node = this.make(dir, { name, isDirectory: false, look: event.look }, isLoud);
    }
    if (this.#directories.gap.mayHaveCome(node)) this.#directories.tellMade(node);
    if (change !== "attributes") return this.#directories.tellChanged(node);
    this.#directories.tellChanged(node, "attributes");
    this.#directories.permit(node);
  }

  // --- Entries -----------------------------------------------------------------

  /** The entry of that name, unless it is known as one of another kind, which is then gone. */
  #known(dir: Node, name: NameBytes, isDirectory: boolean): Node {
    const node = this.#tree.find(dir, name);
    if (node === NONE || this.#tree.isDirectory(node) === isDirectory) return node;
    this.#directories.drop(node, true);
    return NONE;
  }

  /** Reads a directory that an event is about, unless that was done ahead of the event. */
  #enter(node: Node, name: NameBytes, mode: ScanMode, loud: boolean): void {
    const entered = this.#tree.isDirectory(node) ? this.#ahead.take(name) : undefined;
    if (entered !== undefined && loud) this.#ahead.meet(node, entered);
    else this.#directories.enter(node, mode, loud);
  }

  /**
   * The entry that an event is about. A directory that has another name by now is known by its handle.
   *
   * @param node What has the name, or `NONE`.
   */
  #entryOf(node: Node, { isDirectory, child }: RawEvent): Node {
    // One of another kind has taken its name already.
    const isIt = node !== NONE && this.#tree.isDirectory(node) === isDirectory;
    if (child === 0) return isIt ? node : NONE;
    if (isIt && [0, child].includes(this.#tree.handle(node))) return node;
    const [other = NONE, ...more] = this.#directories.watches.inTree(child);
    return more.length === 0 ? other : NONE;
  }

  /** The same, of an event that it left: a scan that is still to come does not meet it any more. */
  #entryBefore(dir: Node, event: RawEvent, named: Node): Node {
    const node = this.#entryOf(named, event);
    if (event.child !== 0) {
      if (node !== NONE && this.#tree.handle(node) === 0)
        this.#directories.recall?.bind(node, event.child);
      const isPlace = node === NONE ? named === NONE : this.#tree.isAt(node, dir, event.name);
      // It left a place that was thought to be another's, and what it was thought to have may be another's as well.
      if (!isPlace) this.#doubts.question(dir, event.name);
      if (!isPlace && node !== NONE) this.#doubts.questionPlace(node);
    }
    if (node !== NONE) return node;
    const isFresh = this.#ahead.isFresh(dir);
    const { scanner } = this.#directories;
    const isQuiet = scanner.modeOf(dir) === "new" && scanner.isLoud(dir) === false;
    if (!isFresh && !isQuiet && !this.#directories.gap.isUnsure(dir)) return NONE;
    if (named !== NONE) return NONE;
    const kind = event.isDirectory ? KIND.DIRECTORY : KIND.FILE;
    const made = this.#directories.make(dir, event.name, kind, 0);
    if (isFresh) this.#directories.tellMade(made);
    return made;
  }

  /** The other half of a rename that came to a directory. */
  #takeHeld(dir: Node, { cookie, handle }: RawEvent): Held | undefined {
    if (this.#moves.size === 0) return undefined;
    return this.#moves.take(cookie, dir, this.#directories.watches.handles.only(handle) === NONE);
  }

  /** Its other half went where nothing is watched. */
  #away(dir: Node, event: RawEvent): void {
    const held = this.#takeHeld(dir, event);
    if (held !== undefined) this.#directories.depart(held.node, true, event.child);
  }
}

/**
 * What an entry is that an event is about. What has its name by now may be another one: not if that is a file, as most are.
 *
 * @param itself Looks at the entry itself, if it is not at the path.
 */
function whatIs(
  path: string | Uint8Array,
  isDirectory: boolean,
  itself: RawEvent["look"],
): Look | undefined {
  const now = look(path);
  return isDirectory || now?.kind === KIND.FILE ? now : (itself?.(path) ?? now);
}

/** The halves of one event follow each other: wherever the first one was, it waits for this. */
function isSecond({ change, cookie, child }: RawEvent): boolean {
  return change === "moved-to" && cookie !== 0 && child !== 0;
}
