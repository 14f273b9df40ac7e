/**
 * Directories as they are entered: opened, watched, read, and compared with what is known.
 *
 * @module
 */
import { closeQuietly } from "../events/intake.ts";
import { read_linux_dirents64_rows } from "../syscalls/dirent.ts";
import { close } from "../syscalls/fd.ts";
import { openat } from "../syscalls/open.ts";
import type { Backend } from "./backend.ts";
import { brief } from "./brief.ts";
import { Fresh } from "./fresh.ts";
import type { Ignore } from "./ignore.ts";
import { Links } from "./links.ts";
import {
  changedAt,
  changedIn,
  kindOfType,
  KINDS,
  KINDS_WITHOUT_LINKS,
  LEAF_KINDS,
  LEAF_KINDS_WITHOUT_LINKS,
  type Look,
  look,
  lookIn,
} from "./look.ts";
import { type Anchor, nameOf, type Paths } from "./paths.ts";
import { Recall } from "./recall.ts";
import { Rules } from "./rules.ts";
import { type Portion, type Reader, type Scan, type ScanMode, Scanner } from "./scanner.ts";
import { Still } from "./still.ts";
import type { Teller } from "./teller.ts";
import type { Times } from "./times.ts";
import {
  FLAG,
  identity,
  KIND,
  type Kind,
  type NameBytes,
  type Node,
  NONE,
  ROW,
  type Tree,
} from "./tree.ts";
import { OPEN, Watches } from "./watches.ts";

/** How far a watcher goes. */
export interface EngineOptions {
  /** Directories further below their root than this are not entered. */
  readonly depth: number;
  readonly followSymlinks: boolean;
  /** Whether what happens is told before the tree is read. */
  readonly isEarly: boolean;
  /** Where times of files are kept, if they are compared with the disk again and again. */
  readonly times?: Times | undefined;
}

/** Entries of a directory that are looked at in one go. */
const MOST_CHILDREN = 2000;

/** Enters directories, and drops what is gone. */
export class Directories implements Reader, Disposable {
  readonly watches: Watches;
  readonly scanner = new Scanner(this);
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #ignore: Ignore;
  readonly #rules: Rules;
  readonly #teller: Teller;
  isClosed = false;
  readonly #backend: Backend;
  readonly #options: EngineOptions;
  /** Directories that a read has found. */
  readonly #met: Node[] = [];
  /** What is made of types that reads tell of, and the same without directories. */
  readonly #kinds: Int8Array;
  readonly #leafKinds: Int8Array;
  /** The directory that could not be entered so a moment ago. */
  #refused: Node = NONE;
  /** Whether new directories are read without a look at what is in them. */
  readonly #maySweep: boolean;
  /** If any are followed. */
  readonly #links: Links | undefined;
  readonly #times: Times | undefined;
  /** Whether all that happens is told although the tree is not read yet: until it is, or something is lost. */
  isEarly: boolean;
  /** Directories that were not where they are said to be, and whether what is in them is told as made. */
  readonly lost = new Map<Node, boolean>();
  /** Directories that were read quietly since nothing was left to read, if all that happened before is still to be told. */
  readonly fresh: Fresh;
  /** Reads directories as they were, if all that happened before is still to be told. */
  recall: Recall | undefined;
  /** Whether a root is opened as what it was before. */
  #isRecalling = false;
  /** Whether what was read quietly was read before what is told next. */
  #isSettled = false;
  #still: Still | undefined;
  /** Whether an entry left, and may come back elsewhere. */
  isHeld: () => boolean = () => false;
  /** Called for each entry that goes. */
  onForget: (node: Node) => void = () => {};
  /** Called when the rules of a directory were read, and nothing is left out yet that they say is; and whether what they leave out no more is told as made. */
  onRules: (node: Node, loud: boolean) => void = () => {};
  /** Called before an entry is added that a scan has met. */
  onMeet: (dir: Node, name: NameBytes) => void = () => {};
  /** Called for a directory that is watched as what its path led to. */
  onOpen: (node: Node) => void = () => {};
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
    this.watches = new Watches(tree, paths, backend, teller);
    this.#ignore = ignore;
    this.#rules = new Rules(tree, paths, ignore, teller);
    this.#teller = teller;
    this.#options = options;
    this.#times = options.times;
    this.#backend = backend;
    this.fresh = new Fresh(tree);
    this.isEarly = options.isEarly;
    const { followSymlinks } = options;
    this.#kinds = followSymlinks ? KINDS_WITHOUT_LINKS : KINDS;
    this.#leafKinds = followSymlinks ? LEAF_KINDS_WITHOUT_LINKS : LEAF_KINDS;
    this.#maySweep = !followSymlinks && !ignore.active && options.times === undefined;
    if (followSymlinks) this.#links = new Links(tree, paths, teller);
    const { past } = backend;
    if (past !== undefined && options.isEarly) this.recall = new Recall(tree, this, backend, past);
    brief(
      this.open,
      this.sweep,
      this.take,
      this.found,
      this.#repair,
      this.#foundOne,
      this.#meetAgain,
      this.#leadsOn,
      this.end,
      this.enter,
      closeQuietly,
      close,
    );
  }

  /** Directories further below their root than this are not entered. */
  get depth(): number {
    return this.#options.depth;
  }

  /** Whether what is known, and nobody was told of, was there before what is told next. */
  get isExact(): boolean {
    return this.recall !== undefined || this.#isSettled;
  }

  /** Nothing is left to read: what was read of directories is known, and not only met. */
  emptied(): void {
    this.#isSettled ||= this.scanner.idle && this.lost.size === 0;
  }

  /** Whether anything may be left out. */
  get isSelective(): boolean {
    return this.#ignore.active;
  }

  /** Whether what is left out is said by files in the tree. */
  get readsRules(): boolean {
    return this.#ignore.readsFiles;
  }

  /** How a directory is looked at that was renamed: what is left out below it, too deep, or where links lead may be other things where it is now. */
  get afterMove(): ScanMode {
    // Nothing that looks at paths is allowed for as long as that.
    if (this.recall !== undefined) return "check";
    const isSame = !this.#ignore.active && this.#options.depth === Infinity;
    return isSame && this.#links === undefined ? "check" : "compare";
  }

  /** Something is about to be renamed that links may lead to, or by way of. */
  moving(node: Node): void {
    this.#links?.moved(node);
  }

  /** Nothing is left to read: looks where links lead that may lead elsewhere. */
  followAgain(): void {
    for (const node of this.#links?.takeUnsure() ?? []) this.scanner.push(node, "check", true);
  }

  /** All of the tree is known from now on, or something was lost. */
  endEarly(): void {
    this.isEarly = false;
    this.recall?.end();
    this.recall = undefined;
    this.fresh.clear();
  }

  /** Watches a root before anything in it is read, so that what happens below it can be placed. */
  greet(root: Node): void {
    if (!this.isEarly || !this.#tree.isDirectory(root)) return;
    const { fd, handle, error } = this.watches.watch(root, "tree");
    closeQuietly(fd);
    if (error === undefined && handle !== 0) this.watches.bind(root, handle);
  }

  /** Whether what is in a directory is told as made when it is met, or `undefined` if all of it is known. */
  meets(dir: Node): boolean | undefined {
    if (this.recall?.isLate(dir) === true) return true;
    return this.scanner.isLoud(dir) ?? this.lost.get(dir);
  }

  /** Enters what leads to a place below a root: all of it is watched when it returns. @returns The directory, `NONE` if something else is there. */
  lead(top: Node, names: readonly Uint8Array[], loud: boolean): Node {
    let node = top;
    if (!this.#tree.isDirectory(node)) return NONE;
    this.#enterNow(node, loud);
    this.#rules.load(node);
    for (const name of names.map(nameOf)) {
      let next = this.#tree.find(node, name);
      if (next === NONE) {
        next = this.make(node, name, KIND.DIRECTORY, 0);
        if (loud) this.tellMade(next);
      } else if (!this.#tree.isDirectory(next)) return NONE;
      node = next;
      this.#enterNow(node, loud);
      this.#rules.load(node);
    }
    return node;
  }

  /** Whether an entry is left out. */
  isIgnored(dir: Node, name: NameBytes, isDirectory: boolean): boolean {
    return this.#rules.isIgnored(dir, name, isDirectory);
  }

  /** Whether a directory is left out, by its path below its root. */
  leavesOutPath(relative: string): boolean {
    return this.#ignore.active && this.#ignore.leavesOut(relative, true);
  }

  /** Whether something below a root is not watched because the root is. */
  leavesOut(root: Anchor & { readonly node: Node }, path: Anchor): boolean {
    if (this.#options.depth !== Infinity) return true;
    if (!this.#ignore.active) return false;
    const kind = look(path.real, true)?.kind ?? KIND.DIRECTORY;
    return this.#rules.leavesOut(root.node, root, path, kind === KIND.DIRECTORY);
  }

  /** Rules may have changed. */
  afterEvent(dir: Node, name: NameBytes): void {
    if (this.#rules.isFile(name)) this.enter(dir, "compare", true);
  }

  // --- Entries -----------------------------------------------------------------

  /** Adds an entry, and tells nobody. */
  make(dir: Node, name: NameBytes, kind: Kind, ino: number): Node {
    const node = this.#tree.add(dir, name, kind, ino);
    this.#links?.added(node);
    return node;
  }

  /** What an entry's name stands for is that. What was below a link is gone with it. */
  become(node: Node, { kind, ino }: Look): void {
    if (kind !== KIND.SYMLINK && this.#tree.has(node, FLAG.FOLLOWED)) this.#leave(node);
    if (ino !== this.#tree.ino(node)) this.#links?.moved(node);
    this.#tree.setIno(node, ino);
    this.#tree.setKind(node, kind);
  }

  /** Removes an entry with all below it, from the bottom up. */
  drop(node: Node, loud: boolean): void {
    if (loud) this.#recallBelow(node);
    this.#dropBelow(node, loud);
    this.#forget(node, loud);
  }

  /** Removes an entry that nobody wants watched any more. */
  dismiss(node: Node): void {
    this.#teller.parting(node);
    this.drop(node, false);
  }

  /**
   * Removes an entry that is somewhere else now, with all that was in it.
   *
   * @param handle Of a directory, if that is known.
   */
  depart(node: Node, loud: boolean, handle: number = this.#tree.handle(node)): void {
    if (loud && handle !== 0 && this.#tree.handle(node) === 0) this.recall?.bind(node, handle);
    this.drop(node, loud);
  }

  /** Forgets what was read in a directory: it is another one than that of which is told. */
  reset(node: Node): void {
    this.#dropBelow(node, false);
    this.watches.unbind(node);
    this.scanner.cancel(node);
    this.fresh.delete(node);
    this.enter(node, "new", false);
  }

  /** Removes an entry that another one takes the place of. */
  replace(node: Node): void {
    this.#recallBelow(node);
    this.#dropBelow(node, true);
    this.#forget(node, false);
  }

  /** Tells of an entry as made, once. */
  tellMade(node: Node): void {
    if (this.#tree.has(node, FLAG.TOLD)) return;
    this.#tree.set(node, FLAG.TOLD);
    this.#teller.tell("create", node);
  }

  /** Tells of an entry as changed. */
  tellChanged(node: Node): void {
    this.#teller.tell("change", node);
  }

  /** Whether a file was changed since then, or since it was told of if that is known. */
  isChanged(node: Node, since: number): boolean {
    return since !== Infinity && this.#isNews(node, changedAt(this.#paths.real(node)), since);
  }

  /** What happened to a file up to now is known. */
  noteTime(node: Node): void {
    this.#times?.note(node, changedAt(this.#paths.real(node)));
  }

  #isNews(node: Node, changed: number, since: number): boolean {
    return this.#times?.differs(node, changed) ?? changed >= since;
  }

  /** Reads a directory, or what a followed link leads to, if that is within the tree. */
  enter(node: Node, mode: ScanMode, loud: boolean, since: number = Infinity): void {
    if (this.isClosed || !this.#leadsOn(node)) return;
    if (this.#isTooDeep(node)) return this.#leave(node);
    if (this.#links?.admits(node) === false) return;
    if (mode === "check" && this.#isCertain(node)) return;
    const isLate = mode === "new" && loud && this.recall !== undefined && this.#isUnknown(node);
    if (isLate) this.recall?.postpone(node);
    if (!loud) this.#isSettled = false;
    this.scanner.push(node, mode, loud && !isLate, since);
  }

  /** Takes a directory that was made a moment ago and is watched: all that is in it will be told. @returns Whether it does. */
  adopt(node: Node, handle: number): boolean {
    if (this.isClosed || this.#isTooDeep(node)) return false;
    // A scan has met it where it is now, and its rename is still to come.
    const isKnown = this.watches.handles
      .of(handle)
      .some((other) => !this.#tree.has(other, FLAG.GUARD));
    if (isKnown || this.watches.bind(node, handle) === "loop") return false;
    const unread = this.#rules.load(node);
    if (unread !== undefined) this.watches.fail(node, unread, true, true);
    return true;
  }

  [Symbol.dispose](): void {
    this.isClosed = true;
    this.watches.end();
    this.scanner[Symbol.dispose]();
    this.#still?.[Symbol.dispose]();
    this.#still = undefined;
  }

  // --- Reading -----------------------------------------------------------------

  sweep(node: Node): number {
    const isSimple = this.#maySweep && this.watches.limits.retryAt === Infinity;
    if (!isSimple || this.isHeld() || !this.#tree.isEmpty(node)) return -1;
    const fd = this.watches.enterNew(node);
    if (fd === -1) {
      this.#refused = node;
      return -1;
    }
    this.onOpen(node);
    if (this.isEarly) this.fresh.add(node);
    return fd;
  }

  take(dir: Node, { buffer, rows }: Portion, length: number): boolean {
    const kinds = this.#kinds;
    const leafKinds = this.#leafKinds;
    const isKept = this.#tree.keep(dir, buffer, length, kinds, leafKinds, rows, this.#met);
    if (isKept) this.#pushMet();
    return isKept;
  }

  open(scan: Scan): number {
    const { node } = scan;
    // A root shows whether the file system is still the one that is watched.
    const mayBeStill = scan.mode === "repair" && !this.#tree.has(node, FLAG.ANCHOR);
    const isSimple = !this.#ignore.active && this.#times === undefined;
    if (mayBeStill && isSimple) {
      if (this.#repair(scan)) return -1;
      // It was renamed, perhaps, and what was read of what is below it is of others.
      if (this.watches.trust.since !== Infinity) scan.mode = "compare";
    }
    if (this.#isCertain(node)) return this.#openExact(scan);
    const isUntried = scan.mode === "new" && node !== this.#refused;
    this.#refused = NONE;
    const watched = isUntried ? this.watches.watchNew(node) : this.watches.watch(node, "tree");
    const { fd, handle } = watched;
    const unread = fd === -1 ? undefined : this.#rules.load(node, fd);
    const error = watched.error ?? unread;
    if (error !== undefined) this.watches.fail(node, error, fd !== -1, scan.loud);
    else {
      const since = this.watches.recover(node);
      // Nobody told what happened in it meanwhile, whatever it is entered for.
      if (since !== Infinity) scan.mode = "compare";
      scan.since = Math.min(scan.since, since);
    }
    if (fd === -1) return -1;
    if (handle !== 0) {
      const { length } = this.#links === undefined ? [] : this.watches.handles.of(handle);
      if (this.#tree.handle(node) !== handle && this.#links?.admitsPath(node, length) === false) {
        close(fd);
        return -1;
      }
      const known = this.#tree.handle(node);
      const isQuiet = this.isEarly && !scan.loud;
      if (isQuiet && known !== 0 && known !== handle) {
        // Of a root nobody else tells.
        close(fd);
        this.#succeed(node);
        return -1;
      }
      if (isQuiet && known === 0 && this.watches.inTree(handle).length > 0) {
        // It left and another one came, and neither is told yet.
        this.lost.set(node, false);
        close(fd);
        return -1;
      }
      if (isQuiet) this.fresh.add(node);
      const { since } = this.watches.trust;
      const wasAnother = known !== 0 && known !== handle;
      const bound = this.watches.bind(node, handle);
      // It may be what it was, and what was read be of another one.
      const isSame = bound === "same" && scan.mode === "check" && since === Infinity;
      if (wasAnother) scan.since = Math.min(scan.since, since);
      if (bound === "loop") this.#leave(node);
      if (bound === "loop" || isSame) {
        close(fd);
        return -1;
      }
      // It is another one, or was mounted again: of what is below it nothing is known to be watched.
      if (bound === "new" && scan.mode === "repair") scan.mode = "compare";
      // What is known to be in it may have been in another one.
      if (bound === "new" && scan.mode === "new" && this.#tree.first(node) !== NONE)
        scan.mode = "check";
      if (bound === "new") this.onOpen(node);
    }
    if (this.#ignore.readsFiles) this.onRules(node, scan.loud || scan.mode !== "new");
    // What of it is left out is not known: it is tried again.
    if (unread !== undefined || scan.cancelled) {
      close(fd);
      return -1;
    }
    this.#expect(scan);
    return fd;
  }

  /** What is known to be in a directory is to be met when that is read. */
  #expect(scan: Scan): void {
    const { node } = scan;
    scan.hasUnseen = this.#tree.first(node) !== NONE;
    if (scan.hasUnseen) this.#eachChild(node, (child) => this.#tree.set(child, FLAG.UNSEEN));
  }

  /** Whether events have said what a directory is, and not its path. */
  #isCertain(node: Node): boolean {
    if (this.recall === undefined || this.#tree.handle(node) === 0) return false;
    return this.#isRecalling || !this.#tree.has(node, FLAG.ANCHOR);
  }

  /** Opens a directory that is known by its handle, wherever it is by now. */
  #openExact(scan: Scan): number {
    const { node } = scan;
    const { past } = this.#backend;
    const path = past?.open(past.idOf(this.#tree.handle(node))) ?? -1;
    if (path === -1) {
      // It is gone, which is still to be told.
      this.lost.set(node, scan.loud);
      return -1;
    }
    try {
      const fd = openat(path, ".", OPEN);
      this.watches.recover(node);
      if (!scan.loud) this.fresh.add(node);
      this.#expect(scan);
      return fd;
    } catch (error) {
      this.watches.fail(node, error, true, false);
      return -1;
    } finally {
      closeQuietly(path);
    }
  }

  /** Another directory is where a root was: what was in that is read, and compared with what is in this. */
  #succeed(root: Node): void {
    this.scanner.cancel(root);
    this.enter(root, "new", false);
    this.#isRecalling = true;
    this.recall?.readBelow(root);
    this.#isRecalling = false;
    this.enter(root, "compare", true);
  }

  /** Looks at what is in a directory whose entries are the same as before. @returns Whether they are. */
  #repair(scan: Scan): boolean {
    const { node: dir, since } = scan;
    let left = MOST_CHILDREN;
    for (let child = this.#tree.firstNumbered(dir); child !== NONE; child = this.#tree.next(child))
      if (left-- === 0) return false;
    const fd = this.watches.open(dir);
    if (fd === -1) return false;
    const still = (this.#still ??= new Still(this.#tree));
    let isSame = still.isStill(dir, fd, Math.min(since, this.watches.trust.since));
    // What is told of needs a number.
    const needsAll = isSame && !still.areLeavesStill(dir, fd, since);
    const first = needsAll ? this.#tree.first(dir) : this.#tree.firstNumbered(dir);
    for (let child = isSame ? first : NONE; child !== NONE; child = this.#tree.next(child)) {
      if (this.#tree.has(child, FLAG.HELD)) continue;
      if (this.#tree.isDirectory(child) || this.#tree.has(child, FLAG.FOLLOWED)) {
        this.#meetAgain(scan, child);
        continue;
      }
      const changed = still.changedIn(fd, child);
      if (changed >= since) this.tellChanged(child);
      // It was deleted since we looked.
      if (changed === -Infinity) isSame = false;
    }
    closeQuietly(fd);
    return isSame;
  }

  found(scan: Scan, portion: Portion, length: number): void {
    if (!this.#tree.isEmpty(scan.node)) this.recall?.expose(scan.node);
    const { node: dir, mode, loud } = scan;
    // Nobody wants to know of each, and nobody counts them.
    const isLinked = this.#tree.has(dir, FLAG.LINKED | FLAG.FOLLOWED);
    const isKept = isLinked || this.#ignore.active || this.#times !== undefined;
    const isPlain = mode === "new" && !loud && !isKept && !this.isHeld();
    if (isPlain && this.#tree.isEmpty(dir) && this.take(dir, portion, length)) return;
    const { rows } = portion;
    const { bytes } = portion.buffer;
    const count = read_linux_dirents64_rows(portion.buffer, length, rows);
    for (let at = 0; at < count && !scan.cancelled; at++) {
      if (isPlain) at = this.#tree.fill(dir, bytes, rows, at, count, this.#kinds, this.#met);
      if (at < count) this.#foundOne(scan, bytes, rows, at * ROW.LENGTH);
    }
    if (scan.cancelled) this.#met.length = 0;
    else this.#pushMet();
  }

  /** Wishes for the directories to be read that a read has found. */
  #pushMet(): void {
    const directories = this.#met;
    if (directories.length === 0) return;
    // All of them are as deep.
    if (!this.#isTooDeep(directories[0] ?? NONE))
      for (const node of directories) this.scanner.push(node, "new", false);
    directories.length = 0;
  }

  #foundOne(scan: Scan, bytes: Uint8Array, rows: Int32Array, row: number): void {
    const { node: dir } = scan;
    const start = rows[row + ROW.NAME] ?? 0;
    const name = { bytes, start, end: start + (rows[row + ROW.BYTES] ?? 0) };
    const low = (rows[row + ROW.INO_LOW] ?? 0) >>> 0;
    const ino = identity(low, (rows[row + ROW.INO_HIGH] ?? 0) >>> 0);
    const kind = kindOfType(rows[row + ROW.TYPE] ?? 0) ?? lookIn(scan.fd, name)?.kind;
    if (kind === undefined) return;
    let node = this.#tree.find(dir, name);
    if (this.isIgnored(dir, name, kind === KIND.DIRECTORY)) {
      // It was told of, by another path or before there was a rule.
      if (node !== NONE) this.drop(node, true);
      return;
    }
    if (node !== NONE && (this.#tree.kind(node) === KIND.DIRECTORY) !== (kind === KIND.DIRECTORY)) {
      this.drop(node, true);
      node = NONE;
    }
    if (node === NONE) return this.#meet(scan, name, kind, ino);
    this.#tree.clear(node, FLAG.UNSEEN);
    if (kind === KIND.DIRECTORY) {
      this.#tree.setIno(node, ino);
      return this.#meetAgain(scan, node);
    }
    const isOfAnotherKind = this.#tree.kind(node) !== kind;
    const isAnother = isOfAnotherKind || ![0, ino].includes(this.#tree.ino(node));
    this.become(node, { kind, ino });
    // What made it another one is still to be read, unless it is lost; and then nothing else tells its kind.
    if (scan.mode === "new" && !isOfAnotherKind) return;
    const isLoss = scan.since !== Infinity;
    if (isAnother || (isLoss && this.#isNews(node, changedIn(scan.fd, name), scan.since)))
      this.tellChanged(node);
    if (kind === KIND.SYMLINK) this.#meetAgain(scan, node);
  }

  end({ node, mode, fd, since, loud, hasUnseen }: Scan): void {
    if (this.isEarly && !loud) this.fresh.add(node);
    if (!hasUnseen) return;
    // A name that changed while the directory was read can be missing: only what is really gone goes.
    const unseen: Node[] = [];
    this.#eachChild(node, (child) => {
      // What left for somewhere else is waited for there.
      if (this.#tree.has(child, FLAG.UNSEEN) && !this.#tree.has(child, FLAG.HELD))
        unseen.push(child);
    });
    for (const child of unseen) {
      this.#tree.clear(child, FLAG.UNSEEN);
      const now = lookIn(fd, nameOf(this.#tree.name(child)));
      if (now === undefined) this.drop(child, true);
      else if (mode !== "new") this.enter(child, mode, true, since);
    }
  }

  #meet(scan: Scan, name: NameBytes, kind: Kind, ino: number): void {
    this.onMeet(scan.node, name);
    const node = this.make(scan.node, name, kind, ino);
    if (kind !== KIND.DIRECTORY) this.#times?.note(node, changedIn(scan.fd, name));
    if (scan.loud) this.tellMade(node);
    this.enter(node, "new", scan.loud);
  }

  #meetAgain(scan: Scan, node: Node): void {
    const isWatched = this.#tree.handle(node) !== 0;
    if (scan.mode === "new") {
      if (!isWatched && !this.#tree.has(node, FLAG.FAILED)) this.enter(node, "new", scan.loud);
      return;
    }
    const isLoss = scan.mode === "compare" || scan.mode === "repair";
    if (isWatched || isLoss) this.enter(node, scan.mode, true, scan.since);
    else this.enter(node, "new", scan.loud, scan.since);
  }

  // --- Helpers -----------------------------------------------------------------

  /** Whether a directory is further below its root than those that are entered. */
  #isTooDeep(node: Node): boolean {
    const { depth } = this.#options;
    return depth !== Infinity && this.#paths.level(node) > depth;
  }

  /** Gives up what was entered: a link leads to no directory any more, or a directory is too deep where it is now. */
  #leave(node: Node): void {
    this.#dropBelow(node, true);
    this.scanner.cancel(node);
    this.watches.forget(node);
    this.#rules.forget(node);
    this.#links?.leave(node);
  }

  /** Whether nothing is known of what is in a directory, and nobody is about to find out. */
  #isUnknown(node: Node): boolean {
    if (!this.#tree.isEmpty(node)) return false;
    return this.scanner.isLoud(node) === undefined && !this.lost.has(node);
  }

  /** Reads what was in a directory, if that is not known and can be told. */
  #recallBelow(node: Node): void {
    if (this.#tree.isDirectory(node)) this.recall?.readBelow(node);
  }

  /** Whether it is a directory, or a link to one that is followed. */
  #leadsOn(node: Node): boolean {
    if (this.#tree.isDirectory(node)) return true;
    const isLink = this.#tree.kind(node) === KIND.SYMLINK && this.#options.followSymlinks;
    const isThere = isLink && look(this.#paths.real(node), true)?.kind === KIND.DIRECTORY;
    if (isThere) this.#links?.follow(node);
    else if (this.#tree.has(node, FLAG.FOLLOWED)) this.#leave(node);
    return isThere;
  }

  /** Watches a directory that is still to be read. */
  #enterNow(node: Node, loud: boolean): void {
    if (this.#tree.handle(node) === 0) {
      const { fd, handle, error } = this.watches.watch(node, "tree");
      closeQuietly(fd);
      if (error === undefined && handle !== 0) {
        this.watches.bind(node, handle);
        this.onOpen(node);
      }
    }
    this.enter(node, "new", loud);
  }

  #eachChild(node: Node, visit: (child: Node) => void): void {
    for (let child = this.#tree.first(node); child !== NONE; child = this.#tree.next(child))
      visit(child);
  }

  #dropBelow(node: Node, loud: boolean): void {
    let at = node;
    for (;;) {
      if (!loud) this.#tree.discard(at);
      const child = this.#tree.first(at);
      if (child !== NONE) {
        at = child;
        continue;
      }
      if (at === node) return;
      const parent = this.#tree.parent(at);
      this.#forget(at, loud);
      at = parent;
    }
  }

  #forget(node: Node, loud: boolean): void {
    if (loud) this.#teller.tell("delete", node);
    else this.#teller.forgotten(node);
    this.watches.forget(node);
    this.scanner.cancel(node);
    this.onForget(node);
    this.#rules.forget(node);
    if (this.#tree.has(node, FLAG.ANCHOR)) this.#paths.release(node);
    this.#links?.removed(node);
    this.#tree.remove(node);
  }
}
