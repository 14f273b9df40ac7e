/**
 * How entries are spelled in their directories, where upper and lower case are the same or an entry has more than one name. The kernel's events
 * name what they are about as who used it first spelled it, since the kernel had forgotten it.
 *
 * Most directories are never asked whether they are such: only what could be the event of such a one makes that known, and the answer
 * stays. So it costs nothing where each event is of a name that is known.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import { isArrival, isDeparture, type RawChange } from "../backend/backend.ts";
import { type Look, lookAt, lookIn } from "../disk/look.ts";
import { folded, keepsName, namingOf, spelledIn } from "../disk/naming.ts";
import { FLAG, type NameBytes, type Node, NONE } from "../tree/node.ts";
import { keyOf, nameOf } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import type { Watches } from "./watches.ts";

const KNOWN = FLAG.EXACT | FLAG.FOLDING;

/** Names that are short enough for any FAT, and in which nothing is capital. */
const PLAIN = /^[a-z0-9_-]{1,8}(\.[a-z0-9_-]{1,3})?$/;

/** Knows how names are spelled. */
export class Spellings {
  readonly #tree: Tree;
  readonly #watches: Watches;
  /** Names of directories' entries by what their spellings have in common, until nothing is left to read. Some are gone. */
  readonly #names = new Map<Node, Map<string, Set<string>>>();
  /** Directories in which something may be known by a name that it does not have. */
  readonly #doubtful = new Set<Node>();
  /** Whether there are directories in which what is made may have another name than was given. */
  #mayAlias = false;

  constructor(tree: Tree, watches: Watches) {
    this.#tree = tree;
    this.#watches = watches;
  }

  /** Whether what is made may have another name than was given. */
  get mayAlias(): boolean {
    return this.#mayAlias;
  }

  /** A root is entered. */
  opened(root: Node, fd: number): void {
    this.#isFolding(root, fd);
  }

  /** Finds out whether a directory is such a one. @returns Whether that was not known, and is. */
  discover(dir: Node): boolean {
    if (this.#tree.has(dir, KNOWN)) return false;
    const fd = this.#watches.locate(dir);
    if (fd === -1) return false;
    try {
      if (!this.#isFolding(dir, fd)) return false;
    } finally {
      closeQuietly(fd);
    }
    this.#spread(dir);
    return true;
  }

  /** A directory is met in one, or made: it is of the same kind, unless that was changed, which costs no more than to find out what is known already. */
  inherit(node: Node, dir: Node): void {
    if (!this.#tree.has(dir, FLAG.FOLDING)) return;
    this.#tree.set(node, FLAG.FOLDING);
    if (this.#tree.has(dir, FLAG.ALIASING)) this.#tree.set(node, FLAG.ALIASING);
  }

  /** Opens a directory if its path leads to it. */
  #open(dir: Node): number {
    const fd = this.#watches.locate(dir);
    if (fd === -1 || this.#isIt(dir, fd)) return fd;
    closeQuietly(fd);
    return -1;
  }

  #isIt(dir: Node, fd: number): boolean {
    const ino = this.#tree.ino(dir);
    return ino === 0 || lookAt(fd)?.ino === ino;
  }

  /** Lets all directories below one be of its kind. */
  #spread(top: Node): void {
    const dirs = [top];
    // It grows while it is looked through.
    for (const dir of dirs)
      for (
        let child = this.#tree.firstNumbered(dir);
        child !== NONE;
        child = this.#tree.next(child)
      ) {
        if (!this.#tree.isDirectory(child) || this.#tree.has(child, KNOWN)) continue;
        this.inherit(child, dir);
        dirs.push(child);
      }
  }

  #isFolding(dir: Node, fd: number): boolean {
    if (this.#tree.has(dir, KNOWN)) return this.#tree.has(dir, FLAG.FOLDING);
    const naming = namingOf(fd);
    if (naming === "aliasing") {
      this.#tree.set(dir, FLAG.FOLDING | FLAG.ALIASING);
      this.#mayAlias = true;
    } else if (naming === "folding") this.#tree.set(dir, FLAG.FOLDING);
    // Its path may lead to another one by now.
    else if (naming === "exact" && this.#isIt(dir, fd)) this.#tree.set(dir, FLAG.EXACT);
    return naming === "folding" || naming === "aliasing";
  }

  /**
   * How the entry is spelled that an event of such a directory is about.
   *
   * @param isUnread Whether what is in it may not be known.
   */
  of(dir: Node, name: NameBytes, change: RawChange, isUnread: boolean): NameBytes {
    if (this.#tree.find(dir, name) !== NONE) return name;
    const alike = this.#alike(dir, name);
    // It may have taken the place of something, or changed places with it, which keeps its name.
    const mayReplace =
      alike.length > 0 || (change === "moved-to" && (isUnread || this.#wasAlike(dir, name)));
    const isNew = isArrival(change) && !mayReplace;
    if (isNew && !(this.#tree.has(dir, FLAG.ALIASING) && mayBecome(name))) return name;
    const fd = this.#open(dir);
    try {
      // It is somewhere else by now, and is read when that is known.
      if (fd === -1) this.#doubtful.add(dir);
      else if (isNew && keepsName(fd, name)) return name;
      return this.#found(dir, fd, name, change, alike);
    } finally {
      closeQuietly(fd);
    }
  }

  /**
   * The same as the disk has it.
   *
   * @param fd Of the directory, or -1 if it is out of reach.
   * @param alike Names that are known, and may be other spellings.
   */
  #found(
    dir: Node,
    fd: number,
    name: NameBytes,
    change: RawChange,
    alike: readonly NameBytes[],
  ): NameBytes {
    const isComing = isArrival(change);
    const isLeaving = isDeparture(change);
    const isAliasing = this.#tree.has(dir, FLAG.ALIASING);
    const now = fd === -1 ? undefined : lookIn(fd, name);
    const same = alike.filter((one) => fd === -1 || isSame(now, lookIn(fd, one)));
    const [known] = same;
    const isListed = now !== undefined && (isComing || (!isLeaving && known === undefined));
    const found = isListed ? spelledIn(fd, name, now.ino) : undefined;
    const spelled = found && nameOf(found);
    // Something is known by a name that it has no more, or is gone and not known by this one.
    const isOther = known !== undefined && spelled !== undefined && !isEqual(known, spelled);
    const isLost = isAliasing && known === undefined && (isLeaving || now === undefined);
    if (isOther || same.length > 1 || isLost) this.#doubtful.add(dir);
    // What is made has no other spelling in its way: what is known was met, or its end is still to come.
    if (change === "create" && (isOther || spelled === undefined))
      return isAliasing ? (spelled ?? name) : name;
    return known ?? spelled ?? name;
  }

  /**
   * Whether an entry that was not met when its directory was read is known by another name that was, though something is found by this one.
   *
   * @param fd Of the directory.
   * @param now What is found.
   */
  isMetOtherwise(dir: Node, fd: number, name: NameBytes, now: Look): boolean {
    if (!this.#isFolding(dir, fd)) return false;
    return this.#alike(dir, name).some(
      (one) =>
        !isEqual(one, name) &&
        !this.#tree.has(this.#tree.find(dir, one), FLAG.UNSEEN) &&
        isSame(now, lookIn(fd, one)),
    );
  }

  /** An entry of a directory has that name from now on. */
  added(dir: Node, name: NameBytes): void {
    // What it is may have been changed while nothing was in it.
    if (this.#tree.has(dir, FLAG.EXACT) && this.#tree.isEmpty(dir)) this.#tree.clear(dir, KNOWN);
    if (this.#names.size > 0)
      this.#add(this.#names.get(dir), keyOf(name.bytes, name.start, name.end));
  }

  /** Something came to a directory from outside, or so it seems. It may have changed places with what has another name there. */
  arrived(dir: Node): void {
    // What FAT lists of such two is of another kind for a while.
    if (this.#tree.has(dir, FLAG.FOLDING) && !this.#tree.has(dir, FLAG.ALIASING))
      this.#doubtful.add(dir);
  }

  /** Many entries of a directory were added. */
  filled(dir: Node): void {
    if (this.#names.size > 0) this.#names.delete(dir);
  }

  /** An entry is gone. */
  forget(node: Node): void {
    if (this.#names.size > 0) this.#names.delete(node);
    if (this.#doubtful.size > 0) this.#doubtful.delete(node);
  }

  /** Nothing is left to read. @returns Directories to be read again. */
  emptied(): readonly Node[] {
    if (this.#names.size > 0) this.#names.clear();
    if (this.#doubtful.size === 0) return [];
    const doubtful = [...this.#doubtful];
    this.#doubtful.clear();
    return doubtful;
  }

  /** Names that are known in a directory, and may be other spellings of one. */
  #alike(dir: Node, name: NameBytes): readonly NameBytes[] {
    const all = this.#names.get(dir) ?? this.#namesOf(dir);
    const names = all.get(folded(keyOf(name.bytes, name.start, name.end))) ?? [];
    const alike: NameBytes[] = [];
    for (const key of names) {
      const one = nameOf(Buffer.from(key, "latin1"));
      if (this.#tree.find(dir, one) !== NONE) alike.push(one);
    }
    return alike;
  }

  /** Whether such a name was known a moment ago. */
  #wasAlike(dir: Node, { bytes, start, end }: NameBytes): boolean {
    return this.#names.get(dir)?.has(folded(keyOf(bytes, start, end))) === true;
  }

  #namesOf(dir: Node): Map<string, Set<string>> {
    const all = new Map<string, Set<string>>();
    this.#names.set(dir, all);
    for (let child = this.#tree.first(dir); child !== NONE; child = this.#tree.next(child))
      this.#add(all, keyOf(this.#tree.name(child)));
    return all;
  }

  #add(all: Map<string, Set<string>> | undefined, key: string): void {
    if (all === undefined) return;
    const common = folded(key);
    const names = all.get(common);
    if (names === undefined) all.set(common, new Set([key]));
    else names.add(key);
  }
}

/** Whether a file system with short names may keep this one as another, or say so. */
function mayBecome({ bytes, start, end }: NameBytes): boolean {
  return !PLAIN.test(keyOf(bytes, start, end));
}

function isSame(one: Look | undefined, other: Look | undefined): boolean {
  return one?.ino === other?.ino && one?.kind === other?.kind;
}

function isEqual(one: NameBytes, other: NameBytes): boolean {
  return (
    Buffer.compare(
      one.bytes.subarray(one.start, one.end),
      other.bytes.subarray(other.start, other.end),
    ) === 0
  );
}
