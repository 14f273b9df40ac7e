/**
 * Entries as they come and go: which directories are entered, what is told of them, and what goes with one that is gone.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import type { Backend } from "../backend/backend.ts";
import { changedAt, type Look, look, type Renewal } from "../disk/look.ts";
import type { Ignore } from "../ignore/ignore.ts";
import type { Teller } from "../teller/teller.ts";
import type { Known, Times } from "../teller/times.ts";
import { brief } from "../tree/brief.ts";
import { FLAG, KIND, type Kind, type NameBytes, type Node, NONE } from "../tree/node.ts";
import { type Anchor, nameOf, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import { Departures } from "./departures.ts";
import { Foresight } from "./foresight.ts";
import { Fresh } from "./fresh.ts";
import { Gap } from "./gap.ts";
import { Links } from "./links.ts";
import { Loss } from "./loss.ts";
import { Reading } from "./reading.ts";
import { Recall } from "./recall.ts";
import { Rules } from "./rules.ts";
import { type ScanMode, Scanner } from "./scanner.ts";
import { Settled } from "./settled.ts";
import { Spellings } from "./spellings.ts";
import { Watches } from "./watches.ts";

/** What no entry has. */
const NO_INODE = -1;

/** How far a watcher goes. */
export interface DirectoriesOptions {
  /** Directories further below their root than this are not entered. */
  readonly depth: number;
  readonly followSymlinks: boolean;
  /** Whether what happens is told before the tree is read. */
  readonly isEarly: boolean;
  /** What the user knows of files. */
  readonly known: Known;
  /** The same, if they are compared with the disk again and again. */
  readonly times?: Times | undefined;
}

/** Enters directories, and drops what is gone. */
export class Directories implements Disposable {
  readonly watches: Watches;
  readonly spellings: Spellings;
  readonly scanner: Scanner;
  readonly departures: Departures;
  readonly #reading: Reading;
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #backend: Backend;
  readonly #ignore: Ignore;
  readonly #rules: Rules;
  readonly #teller: Teller;
  isClosed = false;
  readonly #options: DirectoriesOptions;
  /** If any are followed. */
  readonly #links: Links | undefined;
  readonly #times: Times | undefined;
  /** Whether all that happens is told although the tree is not read yet: until it is, or something is lost. */
  isEarly: boolean;
  /** Directories that were not where they are said to be, and whether what is in them is told as made. */
  readonly lost = new Map<Node, boolean>();
  /** Directories that were read quietly since nothing was left to read, if all that happened before is still to be told. */
  readonly fresh: Fresh;
  /** How what was read of them stands to what is told. */
  readonly settled: Settled;
  /** Events that are lost. */
  readonly loss: Loss;
  /** What came before it was read, while events were lost. */
  readonly gap: Gap;
  /** As long as one tree is compared with another one: since when what is in that is not what was in the other, whatever its inode is. */
  renewal: Renewal | undefined;
  /** Which directories are met too early. */
  readonly foresight: Foresight;
  /** Reads directories as they were, if all that happened before is still to be told. */
  recall: Recall | undefined;
  /** Whether an entry left, and may come back elsewhere. */
  isHeld: () => boolean = () => false;
  /** Called for each entry that goes. */
  onForget: (node: Node) => void = () => {};
  /** Called for an entry that no name leads to any more, before it goes with what is in it. */
  onPart: (node: Node) => void = () => {};
  /** Called for a directory above roots when what was such a root has gone. */
  onCleared: (guard: Node) => void = () => {};
  /** Called when the rules of a directory were read, and nothing is left out yet that they say is; and whether what they leave out no more is told as made. */
  onRules: (node: Node, loud: boolean) => void = () => {};
  /** Called before an entry is added that a scan has met. */
  onMeet: (dir: Node, name: NameBytes, ino: number) => void = () => {};
  /** Called for a directory whose path led to another one, which may be told later. */
  onDoubt: (node: Node) => void = () => {};
  /** Called for a directory that is watched as what its path led to. */
  onOpen: (node: Node) => void = () => {};

  constructor(
    tree: Tree,
    paths: Paths,
    backend: Backend,
    ignore: Ignore,
    teller: Teller,
    options: DirectoriesOptions,
  ) {
    this.#tree = tree;
    this.#paths = paths;
    this.#backend = backend;
    this.watches = new Watches(tree, paths, backend, teller);
    this.spellings = new Spellings(tree, this.watches);
    this.#ignore = ignore;
    this.#rules = new Rules(tree, paths, ignore, teller);
    this.#teller = teller;
    this.#options = options;
    this.#times = options.times;
    this.fresh = new Fresh(tree);
    this.foresight = new Foresight(tree, backend);
    this.settled = new Settled(this, backend);
    this.loss = new Loss(this, options.known);
    this.gap = new Gap(tree, teller, this);
    this.isEarly = options.isEarly;
    const { followSymlinks } = options;
    if (followSymlinks) this.#links = new Links(tree, paths, teller);
    const { past } = backend;
    if (past !== undefined && options.isEarly) this.recall = new Recall(tree, this, backend, past);
    this.#reading = new Reading(this, {
      tree,
      backend,
      ignore,
      rules: this.#rules,
      links: this.#links,
      times: this.#times,
    });
    this.scanner = new Scanner(this.#reading);
    this.departures = new Departures(tree, teller, {
      forget: (node, loud) => this.#forget(node, loud),
      isRead: (node) => !tree.isDirectory(node) || this.recall?.isRead(node) !== false,
      parting: (node) => this.onPart(node),
      cleared: (guard) => this.onCleared(guard),
    });
    brief(this.#leadsOn, this.enter);
  }

  /** Directories further below their root than this are not entered. */
  get depth(): number {
    return this.#options.depth;
  }

  /** Whether what left may be anywhere: the events of such a backend do not say where to, and it may come back before it is given up. */
  get mayReturn(): boolean {
    return this.#backend.past === undefined;
  }

  /** Some of a directory is read, which may be newer than what is told next. */
  meet(dir: Node, loud: boolean): void {
    this.settled.meet(dir, loud);
    if (!loud && this.isEarly) this.fresh.add(dir);
  }

  /** Nothing is left to read: reads directories again in which something may be known by a name that it does not have. */
  readDoubtful(): void {
    for (const dir of this.spellings.emptied()) this.enter(dir, "new", true);
  }

  /** Whether all of them are read. */
  get isRead(): boolean {
    return this.scanner.idle && this.lost.size === 0;
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

  /** Something is about to be renamed. Links may lead to it, or by way of it. */
  moving(node: Node): void {
    this.foresight.forget(node);
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
    if (this.isEarly && this.#tree.isDirectory(root)) this.#watch(root);
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
    this.spellings.added(dir, name);
    const node = this.#tree.add(dir, name, kind, ino);
    if (kind === KIND.DIRECTORY) this.spellings.inherit(node, dir);
    this.#links?.added(node);
    return node;
  }

  /** What an entry's name stands for is that. What was below a link is gone with it. */
  become(node: Node, { kind, ino }: Look): void {
    if (kind !== KIND.SYMLINK && this.#tree.has(node, FLAG.FOLLOWED)) this.leave(node);
    if (ino !== this.#tree.ino(node)) this.#links?.moved(node);
    this.#tree.setIno(node, ino);
    if (kind !== this.#tree.kind(node)) this.#teller.becoming(node);
    this.#tree.setKind(node, kind);
  }

  /** Removes an entry with all below it, from the bottom up. */
  drop(node: Node, loud: boolean): void {
    this.departures.begin(node, loud, loud ? "told" : "forgotten");
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
    this.gap.withdraw(node);
    this.departures.clear(node);
    this.watches.unbind(node);
    this.scanner.cancel(node);
    this.fresh.delete(node);
    this.enter(node, "new", false);
  }

  /**
   * The path of an entry leads elsewhere now, and what is there is compared with what is known of it: nothing else tells what happens to
   * what was there.
   *
   * @param since What is another file since then although it has the same inode, or `"elsewhere"` if it is in another file system, so
   *   that no inode is the same.
   */
  detach(top: Node, since: Renewal | "elsewhere"): void {
    this.recall?.readBelow(top);
    const isAway = since === "elsewhere";
    if (!isAway && this.#tree.isDirectory(top)) {
      const { born, written } = this.renewal ?? since;
      this.renewal = {
        born: Math.min(born, since.born),
        written: Math.min(written, since.written),
      };
    }
    const left = [top];
    for (let node = left.pop(); node !== undefined; node = left.pop()) {
      this.watches.forget(node);
      this.fresh.delete(node);
      this.lost.delete(node);
      if (isAway || this.#tree.ino(node) === 0) this.#tree.setIno(node, NO_INODE);
      let child = isAway ? this.#tree.first(node) : this.#tree.firstNumbered(node);
      for (; child !== NONE; child = this.#tree.next(child)) left.push(child);
    }
  }

  /** Removes an entry that another one takes the place of. */
  replace(node: Node): void {
    this.departures.begin(node, true, "forgotten");
  }

  /** Tells of an entry as made, once. */
  tellMade(node: Node): void {
    if (this.#tree.has(node, FLAG.TOLD)) return;
    this.#tree.set(node, FLAG.TOLD);
    this.#teller.tell("create", node);
    this.gap.told(node);
  }

  /** Tells of an entry as changed, or of its attributes alone. */
  tellChanged(node: Node, type: "change" | "attributes" = "change"): void {
    this.#teller.tell(type, node);
    // Should a file turn out to be elsewhere because events were lost, that is told.
    if (this.isEarly && !this.#tree.isDirectory(node)) this.#tree.set(node, FLAG.TOLD);
  }

  /** Whether a file was changed since then, and nobody was told. */
  isChanged(node: Node, since: number): boolean {
    return since !== Infinity && this.isNews(node, changedAt(this.#paths.real(node)), since);
  }

  /** What happened to a file up to now is known. */
  noteTime(node: Node): void {
    this.#times?.note(node, changedAt(this.#paths.real(node)));
  }

  /** Whether that is a change of a file since then of which nobody was told. */
  isNews(node: Node, changed: number, since: number): boolean {
    return this.#options.known.isNews(node, changed, since);
  }

  /** Tells of an entry as made that is there. */
  tellMet(node: Node): void {
    this.tellMade(node);
    if (!this.#tree.isDirectory(node)) this.#options.known.seen(node);
  }

  /** Reads a directory, or what a followed link leads to, if that is within the tree. */
  enter(node: Node, mode: ScanMode, loud: boolean, since: number = Infinity): void {
    if (this.isClosed || !this.#leadsOn(node)) return;
    if (this.isTooDeep(node)) return this.leave(node);
    if (this.#links?.admits(node) === false) return;
    if (mode === "check" && this.#reading.isCertain(node)) return;
    const isLate = mode === "new" && loud && this.recall !== undefined && this.#isUnknown(node);
    if (isLate) this.recall?.postpone(node);
    if (!loud) this.settled.wish();
    this.scanner.push(node, mode, loud && !isLate, since);
  }

  /** The permissions of a directory changed: what could not be opened for that reason may be open to us. */
  permit(dir: Node): void {
    if (this.#tree.has(dir, FLAG.FAILED)) this.enter(dir, "new", true);
    for (const node of this.watches.reached(dir)) this.enter(node, "new", true);
  }

  /** Takes a directory that was made a moment ago and is watched: all that is in it will be told. @returns Whether it does. */
  adopt(node: Node, handle: number): boolean {
    if (this.isClosed || this.isTooDeep(node)) return false;
    // A scan has met it where it is now, and its rename is still to come.
    const isKnown = this.watches.handles
      .of(handle)
      .some((other) => !this.#tree.has(other, FLAG.GUARD));
    if (isKnown || this.watches.bind(node, handle) === "loop") return false;
    const unread = this.#rules.load(node);
    if (unread !== undefined) this.watches.fail(node, unread, true, true);
    return true;
  }

  /** Whether a directory is further below its root than those that are entered. */
  isTooDeep(node: Node): boolean {
    const { depth } = this.#options;
    return depth !== Infinity && this.#paths.level(node) > depth;
  }

  /** Gives up what was entered: a link leads to no directory any more, or a directory is too deep where it is now. */
  leave(node: Node): void {
    this.departures.begin(node, true, "kept");
    this.scanner.cancel(node);
    this.watches.forget(node);
    this.#rules.forget(node);
    this.#links?.leave(node);
  }

  [Symbol.dispose](): void {
    this.isClosed = true;
    this.departures.end();
    this.watches.end();
    this.scanner[Symbol.dispose]();
    this.#reading[Symbol.dispose]();
    this.gap[Symbol.dispose]();
  }

  // --- Helpers -----------------------------------------------------------------

  /** Whether nothing is known of what is in a directory, and nobody is about to find out. */
  #isUnknown(node: Node): boolean {
    if (!this.#tree.isEmpty(node)) return false;
    return this.scanner.isLoud(node) === undefined && !this.lost.has(node);
  }

  /** Whether it is a directory, or a link to one that is followed. */
  #leadsOn(node: Node): boolean {
    if (this.#tree.isDirectory(node)) return true;
    const isLink = this.#tree.kind(node) === KIND.SYMLINK && this.#options.followSymlinks;
    const isThere = isLink && look(this.#paths.real(node), true)?.kind === KIND.DIRECTORY;
    if (isThere) this.#links?.follow(node);
    else if (this.#tree.has(node, FLAG.FOLLOWED)) this.leave(node);
    return isThere;
  }

  /** Watches a directory that is still to be read. */
  #enterNow(node: Node, loud: boolean): void {
    if (this.#tree.handle(node) === 0 && this.#watch(node)) this.onOpen(node);
    this.enter(node, "new", loud);
  }

  /** Watches a directory without reading it. @returns Whether it could. */
  #watch(node: Node): boolean {
    const { fd, handle, error } = this.watches.watch(node, "tree");
    closeQuietly(fd);
    if (error !== undefined || handle === 0) return false;
    this.watches.bind(node, handle);
    return true;
  }

  #forget(node: Node, loud: boolean): void {
    if (loud) this.#teller.tell("delete", node);
    else this.#teller.forgotten(node);
    this.watches.forget(node);
    this.spellings.forget(node);
    this.scanner.cancel(node);
    this.foresight.forget(node);
    this.onForget(node);
    this.#rules.forget(node);
    if (this.#tree.has(node, FLAG.ANCHOR)) this.#paths.release(node);
    this.#links?.removed(node);
    this.#tree.remove(node);
  }
}
