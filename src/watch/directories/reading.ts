/**
 * What reads of directories make of what they find: how one is opened, what is known of it already, and what is told of.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import { read_linux_dirents64_rows } from "../../syscalls/dirent.ts";
import { close } from "../../syscalls/fd.ts";
import { openat } from "../../syscalls/open.ts";
import type { Backend } from "../backend/backend.ts";
import {
  changedIn,
  isRenewedIn,
  kindOfType,
  KINDS,
  KINDS_WITHOUT_LINKS,
  LEAF_KINDS,
  LEAF_KINDS_WITHOUT_LINKS,
  lookIn,
} from "../disk/look.ts";
import type { Ignore } from "../ignore/ignore.ts";
import type { Times } from "../teller/times.ts";
import { brief } from "../tree/brief.ts";
import {
  FLAG,
  identity,
  KIND,
  type Kind,
  type NameBytes,
  type Node,
  NONE,
  ROW,
} from "../tree/node.ts";
import { copyOf, nameOf } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import type { Directories } from "./directories.ts";
import type { Links } from "./links.ts";
import type { Rules } from "./rules.ts";
import type { Portion, Reader, Scan } from "./scanner.ts";
import { Still } from "./still.ts";
import { OPEN, type Watches } from "./watches.ts";

/** What it takes to read directories. */
interface Parts {
  readonly tree: Tree;
  readonly backend: Backend;
  readonly ignore: Ignore;
  readonly rules: Rules;
  /** If any are followed. */
  readonly links: Links | undefined;
  readonly times: Times | undefined;
}

/** Entries of a directory that are looked at in one go. */
const MOST_CHILDREN = 2000;

/** Entries that are missing, and are looked at in one go. */
const MOST_UNSEEN = 128;

/** Takes what is read. */
export class Reading implements Reader, Disposable {
  readonly #directories: Directories;
  readonly #watches: Watches;
  readonly #tree: Tree;
  readonly #backend: Backend;
  readonly #ignore: Ignore;
  readonly #rules: Rules;
  readonly #links: Links | undefined;
  readonly #times: Times | undefined;
  /** Directories that a read has found. */
  readonly #met: Node[] = [];
  /** What is made of types that reads tell of, and the same without directories. */
  readonly #kinds: Int8Array;
  readonly #leafKinds: Int8Array;
  /** Whether new directories are read without a look at what is in them. */
  readonly #maySweep: boolean;
  /** The directory that could not be entered so a moment ago. */
  #refused: Node = NONE;
  #still: Still | undefined;

  constructor(directories: Directories, { tree, backend, ignore, rules, links, times }: Parts) {
    this.#directories = directories;
    this.#watches = directories.watches;
    this.#tree = tree;
    this.#backend = backend;
    this.#ignore = ignore;
    this.#rules = rules;
    this.#links = links;
    this.#times = times;
    this.#kinds = links === undefined ? KINDS : KINDS_WITHOUT_LINKS;
    this.#leafKinds = links === undefined ? LEAF_KINDS : LEAF_KINDS_WITHOUT_LINKS;
    this.#maySweep = links === undefined && !ignore.active && times === undefined;
    brief(
      this.open,
      this.#watch,
      this.#bind,
      this.sweep,
      this.take,
      this.found,
      this.#repair,
      this.#foundOne,
      this.#meetAgain,
      this.end,
      closeQuietly,
      close,
    );
  }

  /** Whether events have said what a directory is, and not its path. */
  isCertain(node: Node): boolean {
    const { recall } = this.#directories;
    if (recall === undefined || this.#tree.handle(node) === 0) return false;
    return recall.isReading || !this.#tree.has(node, FLAG.ANCHOR);
  }

  get isBusy(): boolean {
    return this.#directories.departures.isUnderWay;
  }

  [Symbol.dispose](): void {
    this.#still?.[Symbol.dispose]();
    this.#still = undefined;
  }

  sweep(node: Node): number {
    const isSimple = this.#maySweep && this.#watches.limits.retryAt === Infinity;
    if (this.#directories.gap.isOpen) return -1;
    if (!isSimple || this.#directories.isHeld() || !this.#tree.isEmpty(node)) return -1;
    const fd = this.#watches.enterNew(node);
    if (fd === -1) {
      this.#refused = node;
      return -1;
    }
    if (this.#backend.isFirst === true) this.#cameLater(node);
    this.#directories.onOpen(node);
    if (this.#directories.isEarly) this.#directories.fresh.add(node);
    return fd;
  }

  take(dir: Node, { buffer, rows }: Portion, length: number): boolean {
    const kinds = this.#kinds;
    const leafKinds = this.#leafKinds;
    const isKept = this.#tree.keep(dir, buffer, length, kinds, leafKinds, rows, this.#met);
    this.#directories.spellings.filled(dir);
    if (isKept) this.#pushMet();
    return isKept;
  }

  open(scan: Scan): number {
    const { node } = scan;
    if (scan.mode === "repair" && this.#isRepaired(scan)) return -1;
    if (this.isCertain(node)) return this.#openExact(scan);
    const { fd, handle, unread } = this.#watch(scan);
    if (fd === -1) return -1;
    if (handle !== 0 && !this.#bind(scan, fd, handle)) {
      close(fd);
      return -1;
    }
    if (this.#ignore.readsFiles) this.#directories.onRules(node, scan.loud || scan.mode !== "new");
    // What of it is left out is not known: it is tried again.
    if (unread !== undefined || scan.cancelled) {
      close(fd);
      return -1;
    }
    this.#expect(scan);
    return fd;
  }

  /** Whether a directory is the same as before events were lost, so that it need not be read. */
  #isRepaired(scan: Scan): boolean {
    // A root shows whether the file system is still the one that is watched.
    const mayBeStill = !this.#tree.has(scan.node, FLAG.ANCHOR);
    if (!mayBeStill || this.#ignore.active || this.#times !== undefined) return false;
    if (this.#repair(scan)) {
      this.#directories.gap.delete(scan.node);
      return true;
    }
    // It was renamed, perhaps, and what was read of what is below it is of others.
    if (this.#watches.trust.since !== Infinity) scan.mode = "compare";
    return false;
  }

  /** Opens what is at the path of a directory, watches it, and reads its rules. @returns Also why those can't be read. */
  #watch(scan: Scan): { fd: number; handle: number; unread: unknown } {
    const { node } = scan;
    const isUntried = scan.mode === "new" && node !== this.#refused;
    this.#refused = NONE;
    const watched = isUntried ? this.#watches.watchNew(node) : this.#watches.watch(node, "tree");
    const { fd, handle } = watched;
    if (fd !== -1 && this.#tree.has(node, FLAG.ANCHOR))
      this.#directories.spellings.opened(node, fd);
    const unread = fd === -1 ? undefined : this.#rules.load(node, fd);
    const error = watched.error ?? unread;
    if (error !== undefined) this.#watches.fail(node, error, fd !== -1, scan.loud);
    else {
      const since = this.#watches.recover(node);
      // Nobody told what happened in it meanwhile, whatever it is entered for.
      if (since !== Infinity) scan.mode = "compare";
      scan.since = Math.min(scan.since, since);
    }
    return { fd, handle, unread };
  }

  /** Lets a directory be what was opened at its path. @returns Whether that is so, and it is to be read. */
  #bind(scan: Scan, fd: number, handle: number): boolean {
    const { node } = scan;
    const isFirst = this.#backend.isFirst === true;
    const known = this.#tree.handle(node);
    const { length } = this.#links === undefined ? [] : this.#watches.handles.of(handle);
    if (known !== handle && this.#links?.admitsPath(node, length) === false) return false;
    if (this.#isLater(scan, fd, handle)) {
      if (this.#watches.handles.of(handle).length === 0) this.#backend.unwatch(handle);
      const isEntered = known !== 0 && scan.mode !== "new";
      if (!isEntered) this.#directories.lost.set(node, scan.loud);
      else this.#directories.onDoubt(node);
      return false;
    }
    const isQuiet = this.#directories.isEarly && !scan.loud;
    if (isQuiet && this.#isPostponed(scan, handle)) return false;
    const { since } = this.#watches.trust;
    const wasAnother = known !== 0 && known !== handle;
    const bound = this.#watches.bind(node, handle);
    // It may be what it was, and what was read be of another one.
    const isSame = bound === "same" && scan.mode === "check" && since === Infinity;
    if (wasAnother) scan.since = Math.min(scan.since, since);
    if (bound === "loop") this.#directories.leave(node);
    if (bound === "loop" || isSame) return false;
    // Another directory may be known as what this one was.
    scan.isAnother = bound === "new";
    // It is another one, or was mounted again: of what is below it nothing is known to be watched.
    if (bound === "new" && scan.mode === "repair") scan.mode = "compare";
    // What is known to be in it may have been in another one.
    if (bound === "new" && scan.mode === "new" && this.#tree.first(node) !== NONE)
      scan.mode = "check";
    if (bound === "new") this.#directories.onOpen(node);
    if (isQuiet && isFirst && scan.mode === "new") this.#cameLater(node);
    // What is in it came with it, and nobody was told.
    if ((isFirst || wasAnother) && this.#directories.gap.isUnsure(node)) scan.since = -Infinity;
    return true;
  }

  /** Leaves for later what was opened before anything is told, and is another one than what is told of then. @returns Whether it is. */
  #isPostponed({ node }: Scan, handle: number): boolean {
    const known = this.#tree.handle(node);
    if (known === handle) return false;
    // Of a root nobody else tells.
    if (known !== 0) this.#succeed(node);
    else if (this.#watches.inTree(handle).length === 0) return false;
    // It left and another one came, and neither is told yet.
    else this.#directories.lost.set(node, false);
    return true;
  }

  /** Whether a path led to what is told later. If events were lost that may never be told. */
  #isLater({ node, mode, cancelled }: Scan, fd: number, handle: number): boolean {
    const isLoss = mode === "compare" || mode === "repair";
    if (isLoss || cancelled || this.#directories.recall !== undefined) return false;
    return this.#directories.foresight.isLater(node, fd, handle);
  }

  /** What is known to be in a directory is to be met when that is read. */
  #expect(scan: Scan): void {
    const { node } = scan;
    scan.hasUnseen = this.#tree.first(node) !== NONE;
    if (scan.hasUnseen) this.#eachChild(node, (child) => this.#tree.set(child, FLAG.UNSEEN));
  }

  /** Nothing was mounted below the paths at the start: what is in a directory is told as made when it is known. */
  #cameLater(mounted: Node): void {
    this.#directories.recall?.postpone(mounted);
  }

  /** Opens a directory that is known by its handle, wherever it is by now. */
  #openExact(scan: Scan): number {
    const { node } = scan;
    const { past } = this.#backend;
    const path = past?.open(past.idOf(this.#tree.handle(node))) ?? -1;
    if (path === -1) {
      // It is gone, which is still to be told.
      this.#directories.lost.set(node, scan.loud);
      return -1;
    }
    try {
      const fd = openat(path, ".", OPEN);
      this.#watches.recover(node);
      this.#expect(scan);
      return fd;
    } catch (error) {
      this.#watches.fail(node, error, true, false);
      return -1;
    } finally {
      closeQuietly(path);
    }
  }

  /** Another directory is where a root was: what was in that is read, and compared with what is in this. */
  #succeed(root: Node): void {
    this.#directories.scanner.cancel(root);
    this.#directories.enter(root, "new", false);
    this.#directories.recall?.readBelow(root);
    this.#directories.enter(root, "compare", true);
  }

  /** Looks at what is in a directory whose entries are the same as before. @returns Whether they are. */
  #repair(scan: Scan): boolean {
    const { node: dir, since } = scan;
    let left = MOST_CHILDREN;
    for (let child = this.#tree.firstNumbered(dir); child !== NONE; child = this.#tree.next(child))
      if (left-- === 0) return false;
    const fd = this.#watches.locate(dir);
    if (fd === -1) return false;
    const still = (this.#still ??= new Still(this.#tree));
    let isSame = still.isStill(dir, fd, Math.min(since, this.#watches.trust.since));
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
      if (this.#directories.isNews(child, changed, since)) this.#directories.tellChanged(child);
      // It was deleted since we looked.
      if (changed === -Infinity) isSame = false;
    }
    closeQuietly(fd);
    return isSame;
  }

  found(scan: Scan, portion: Portion, length: number): void {
    if (!this.#tree.isEmpty(scan.node)) this.#directories.recall?.expose(scan.node);
    const { node: dir, mode, loud } = scan;
    this.#directories.meet(dir, loud);
    // Nobody wants to know of each, and nobody counts them.
    const isLinked = this.#tree.has(dir, FLAG.LINKED | FLAG.FOLLOWED);
    const isKept =
      isLinked || this.#ignore.active || this.#times !== undefined || this.#directories.gap.isOpen;
    const isPlain = mode === "new" && !loud && !isKept && !this.#directories.isHeld();
    if (isPlain && this.#tree.isEmpty(dir) && this.take(dir, portion, length)) return;
    if (isPlain) this.#directories.spellings.filled(dir);
    const { rows } = portion;
    const { bytes } = portion.buffer;
    const count = read_linux_dirents64_rows(portion.buffer, length, rows);
    const came = this.#directories.gap.cameSince(scan);
    for (let at = 0; at < count && !scan.cancelled; at++) {
      if (isPlain) at = this.#tree.fill(dir, bytes, rows, at, count, this.#kinds, this.#met);
      if (at < count) this.#foundOne(scan, bytes, rows, at * ROW.LENGTH, came);
    }
    if (scan.cancelled) this.#met.length = 0;
    else this.#pushMet();
  }

  #inherit(directories: readonly Node[]): void {
    for (const node of directories)
      this.#directories.spellings.inherit(node, this.#tree.parent(node));
  }

  /** Wishes for the directories to be read that a read has found. */
  #pushMet(): void {
    const directories = this.#met;
    if (directories.length === 0) return;
    if (this.#tree.has(this.#tree.parent(directories[0] ?? NONE), FLAG.FOLDING))
      this.#inherit(directories);
    // All of them are as deep.
    if (!this.#directories.isTooDeep(directories[0] ?? NONE))
      for (const node of directories) this.#directories.scanner.push(node, "new", false);
    directories.length = 0;
  }

  /** @param came Since when it was changed if it may have come while events were lost. */
  #foundOne(
    scan: Scan,
    bytes: Uint8Array,
    rows: Int32Array,
    row: number,
    came: number | undefined,
  ): void {
    const { node: dir } = scan;
    const start = rows[row + ROW.NAME] ?? 0;
    const name = { bytes, start, end: start + (rows[row + ROW.BYTES] ?? 0) };
    const low = (rows[row + ROW.INO_LOW] ?? 0) >>> 0;
    const ino = identity(low, (rows[row + ROW.INO_HIGH] ?? 0) >>> 0);
    const kind = kindOfType(rows[row + ROW.TYPE] ?? 0) ?? lookIn(scan.fd, name)?.kind;
    if (kind === undefined) return;
    const node = this.#tree.find(dir, name);
    if (this.#directories.isIgnored(dir, name, kind === KIND.DIRECTORY)) {
      // It was told of, by another path or before there was a rule.
      if (node !== NONE) this.#directories.drop(node, true);
      return;
    }
    if (node !== NONE && (this.#tree.kind(node) === KIND.DIRECTORY) !== (kind === KIND.DIRECTORY)) {
      this.#directories.drop(node, true);
      // Whatever was here before is told as gone.
      return this.#meet(scan, name, kind, ino, came === undefined ? came : -Infinity);
    }
    if (node === NONE) return this.#meet(scan, name, kind, ino, came);
    this.#tree.clear(node, FLAG.UNSEEN);
    const isUntold = came !== undefined && !this.#tree.has(node, FLAG.TOLD);
    const hasCome = isUntold && changedIn(scan.fd, name) >= came;
    if (kind === KIND.DIRECTORY) {
      const isReplaced = this.#directories.gap.isAnother(node, ino);
      this.#tree.setIno(node, ino);
      return hasCome || isReplaced
        ? this.#directories.gap.reveal(node)
        : this.#meetAgain(scan, node);
    }
    const isOfAnotherKind = this.#tree.kind(node) !== kind;
    const known = this.#tree.ino(node);
    // What has come with a directory may have been looked at when it was told as what another one had in it.
    const isOther = came === -Infinity || (known === 0 ? scan.isAnother : known !== ino);
    const { renewal } = this.#directories;
    const isNew = renewal !== undefined && isRenewedIn(scan.fd, name, renewal);
    const isAnother = isOfAnotherKind || isOther || isNew;
    this.#directories.become(node, { kind, ino });
    if (hasCome) return this.#directories.tellMet(node);
    // What made it another one is still to be read, unless it is lost; and then nothing else tells its kind.
    if (scan.mode === "new" && !isOfAnotherKind && came === undefined) return;
    const since = came === undefined ? scan.since : this.#directories.gap.since;
    const isLoss = since !== Infinity;
    if (isAnother || (isLoss && this.#directories.isNews(node, changedIn(scan.fd, name), since)))
      this.#directories.tellChanged(node);
    if (kind === KIND.SYMLINK) this.#meetAgain(scan, node);
  }

  end(scan: Scan): boolean {
    const { node, loud, hasUnseen } = scan;
    if (this.#directories.isEarly && !loud) this.#directories.fresh.add(node);
    this.#directories.gap.delete(node);
    if (!hasUnseen) return true;
    const unseen = (scan.unseen ??= this.#unseenIn(node));
    for (let left = MOST_UNSEEN; left > 0 && !scan.cancelled; left--) {
      const child = unseen.pop();
      if (child === undefined) return true;
      this.#missed(scan, child);
    }
    return unseen.length === 0;
  }

  /** What a read did not meet, the first of it last. */
  #unseenIn(dir: Node): Node[] {
    const unseen: Node[] = [];
    this.#eachChild(dir, (child) => {
      if (this.#tree.has(child, FLAG.UNSEEN)) unseen.push(child);
    });
    return unseen.toReversed();
  }

  /** A name that changed while the directory was read can be missing: only what is really gone goes. */
  #missed({ node: dir, mode, fd, since }: Scan, child: Node): void {
    // It is gone by now, or somewhere else.
    if (this.#tree.parent(child) !== dir || !this.#tree.has(child, FLAG.UNSEEN)) return;
    // What left for somewhere else is waited for there.
    if (this.#tree.has(child, FLAG.HELD)) return;
    this.#tree.clear(child, FLAG.UNSEEN);
    const name = copyOf(nameOf(this.#tree.name(child)));
    const now = lookIn(fd, name);
    const { spellings } = this.#directories;
    if (now === undefined || spellings.isMetOtherwise(dir, fd, name, now))
      this.#directories.drop(child, true);
    else if (mode !== "new") this.#directories.enter(child, mode, true, since);
  }

  #meet(scan: Scan, name: NameBytes, kind: Kind, ino: number, came: number | undefined): void {
    this.#directories.onMeet(scan.node, name, ino);
    const node = this.#directories.make(scan.node, name, kind, ino);
    if (kind !== KIND.DIRECTORY) this.#times?.note(node, changedIn(scan.fd, name));
    const isQuiet = !scan.loud && came !== undefined;
    const changed = isQuiet ? changedIn(scan.fd, name) : -Infinity;
    const loud = scan.loud || (isQuiet && changed >= came);
    if (loud) this.#directories.tellMet(node);
    else if (kind !== KIND.DIRECTORY && isQuiet && changed >= this.#directories.gap.since)
      this.#directories.tellChanged(node);
    this.#directories.enter(node, "new", loud);
  }

  #meetAgain(scan: Scan, node: Node): void {
    const isWatched = this.#tree.handle(node) !== 0;
    if (scan.mode === "new") {
      if (!isWatched && !this.#tree.has(node, FLAG.FAILED))
        this.#directories.enter(node, "new", scan.loud);
      return;
    }
    const isLoss = scan.mode === "compare" || scan.mode === "repair";
    if (isWatched || isLoss) this.#directories.enter(node, scan.mode, true, scan.since);
    else this.#directories.enter(node, "new", scan.loud, scan.since);
  }

  #eachChild(node: Node, visit: (child: Node) => void): void {
    for (let child = this.#tree.first(node); child !== NONE; child = this.#tree.next(child))
      visit(child);
  }
}
