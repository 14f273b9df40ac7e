/**
 * What is watched, as it was asked for: paths whose files come and go. The directories above each are guarded, so that a root
 * that vanished is noticed when it is back, and a file is watched by its name and not by an inode that the next save
 * replaces.
 *
 * @module
 */
import type { RawChange, RawEvent } from "../backend/backend.ts";
import type { Directories } from "../directories/directories.ts";
import type { ScanMode } from "../directories/scanner.ts";
import { type Look, look } from "../disk/look.ts";
import { byNow } from "../teller/times.ts";
import { FLAG, KIND, type NameBytes, type Node, NONE } from "../tree/node.ts";
import { type Anchor, keyOf, nameOf, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import { type Guarded, Guards } from "./guards.ts";

/** One path that is watched. */
export interface Root extends Guarded {
  /** What `remove` is called with. */
  readonly key: string;
  node: Node;
  /** What was changed before that is not told: milliseconds since 1970. */
  since: number;
}

/** A path that is watched because another one is. */
interface Covered extends Anchor {
  /** The same as of a root, which it may have been. */
  readonly since: number;
}

const SLASH = 0x2f;

/** A root that was there when events began to be queued: it is known by its handle. */
const BEGUN: Look = { kind: KIND.DIRECTORY, ino: 0 };

/** Whether one path is below another one. */
function covers({ real: above }: Anchor, { real: below }: Anchor): boolean {
  if (below.length <= above.length) return false;
  const isTop = above.length === 1;
  return keyOf(below).startsWith(keyOf(above)) && (isTop || below[above.length] === SLASH);
}

/** The names that lead from a path to one below it. */
function namesOf(above: Uint8Array, below: Uint8Array): Uint8Array[] {
  const rest = keyOf(below, above.length === 1 ? 1 : above.length + 1);
  return rest.split("/").map((name) => Buffer.from(name, "latin1"));
}

function isArrival(change: RawChange): boolean {
  return change === "create" || change === "moved-to";
}

export class Roots {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #directories: Directories;
  readonly #guards: Guards<Root>;
  readonly #roots = new Map<string, Root>();
  /** Paths that are watched because another one is. */
  readonly #covered = new Map<string, Covered>();
  readonly #byNode = new Map<Node, Root>();
  /** To be looked at again when all events are read. */
  readonly #suspects = new Set<Root>();

  constructor(tree: Tree, paths: Paths, directories: Directories) {
    this.#tree = tree;
    this.#paths = paths;
    this.#directories = directories;
    this.#guards = new Guards(tree, paths, directories);
    directories.onRules = (node, loud) => this.#review(node, loud);
  }

  /** How many directories are guarded. */
  get guardCount(): number {
    return this.#guards.size;
  }

  /** What is watched, as the user calls it. */
  get shown(): readonly Uint8Array[] {
    return [...this.#roots.values(), ...this.#covered.values()].map(({ shown }) => shown);
  }

  /** The paths that are watched by themselves, as the kernel finds them. */
  get real(): readonly Uint8Array[] {
    return [...this.#roots.values()].map(({ real }) => real);
  }

  /** Whether a path is watched, by itself or because another one is, be it there or not. */
  has({ real }: Anchor): boolean {
    const key = keyOf(real);
    return this.#roots.has(key) || this.#covered.has(key);
  }

  /**
   * Watches a path.
   *
   * @param real Absolute, without links.
   * @param loud Whether it is told as made.
   * @returns Whether it is there; it is watched in any case.
   */
  add(anchor: Anchor, loud: boolean): boolean {
    const before = this.#named(anchor);
    const isThere = this.#add(anchor, loud);
    // The same path led elsewhere before.
    if (isThere && before !== undefined && before !== keyOf(anchor.real)) this.#remove(before);
    return isThere;
  }

  #add(anchor: Anchor, loud: boolean): boolean {
    const key = keyOf(anchor.real);
    const { start } = this.#directories.watches;
    const above = this.#coverOf(anchor);
    if (above !== undefined) {
      const { since } = this.#covered.get(key) ?? above;
      this.#covered.set(key, { ...anchor, since });
      if (start !== undefined) return true;
      return this.#comparePart(above, anchor, since);
    }
    const now = byNow(start?.at);
    const known = this.#roots.get(key);
    // It was given twice, and what has happened meanwhile is told by events alone.
    if (known !== undefined && start !== undefined) return true;
    const root = known ?? this.#rootOf(anchor, now);
    this.#roots.set(key, root);
    const isNew = root.node === NONE;
    if (isNew) root.since = now;
    this.#establish(root, loud, isNew ? Infinity : root.since);
    this.#joinAll(root, loud);
    return (
      root.node !== NONE &&
      (this.#tree.isDirectory(root.node) || look(root.real, true) !== undefined)
    );
  }

  /** Stops watching a path, wherever it leads by now. */
  remove(anchor: Anchor): boolean {
    return this.#remove(this.#named(anchor) ?? keyOf(anchor.real));
  }

  #remove(key: string): boolean {
    if (this.#covered.delete(key)) return true;
    const root = this.#roots.get(key);
    if (root === undefined) return false;
    this.#roots.delete(key);
    const covered = [...this.#covered.values()].filter((anchor) => covers(root, anchor));
    for (const anchor of covered.toSorted((a, b) => a.real.length - b.real.length))
      if (this.#coverOf(anchor) === undefined) this.#part(root, anchor);
    this.#drop(root);
    return true;
  }

  /** The root that a path is below, and the names that lead there. */
  above(
    path: Uint8Array,
  ): { readonly node: Node; readonly names: readonly Uint8Array[] } | undefined {
    for (const { real, node } of this.#roots.values()) {
      if (node === NONE || !covers({ real, shown: real }, { real: path, shown: path })) continue;
      return { node, names: namesOf(real, path) };
    }
    return undefined;
  }

  /** Whether all that is above them was left alone since then. */
  areInPlace(since: number): boolean {
    return since === Infinity || this.#guards.areStill(since);
  }

  isRoot(node: Node): boolean {
    return this.#byNode.has(node);
  }

  /** Whether an event of a guarded directory is about a root that is an entry of it. */
  wants(dir: Node, { name, change }: RawEvent): boolean {
    const key = keyOf(name.bytes, name.start, name.end);
    let isDirect = false;
    for (const root of this.#guards.of(dir)?.roots ?? []) {
      if (root.passed.some((one) => one.guard.node === dir && one.name === key))
        this.#suspects.add(root);
      // What is on the way and could not be passed may be open by now, or another one.
      const mayPass = change === "attributes" || (root.awaited !== key && isArrival(change));
      if (mayPass && root.node === NONE && this.#guards.after(root, dir) === key)
        this.#suspects.add(root);
      if (root.awaited !== key || root.guards.at(-1)?.node !== dir) continue;
      if (this.#parentOf(root) === root.guards.at(-1)?.path) isDirect = true;
      else if (isArrival(change)) this.#suspects.add(root);
    }
    return isDirect;
  }

  /** An entry was made in a directory: that of a root, if the directory is a guard. */
  arrived(dir: Node, name: NameBytes, node: Node): void {
    const guard = this.#guards.of(dir);
    if (guard === undefined) return;
    const key = keyOf(name.bytes, name.start, name.end);
    for (const root of guard.roots)
      if (root.awaited === key && this.#parentOf(root) === guard.path) this.#take(root, node);
  }

  /** An entry left its place. */
  left(node: Node): void {
    const root = this.#byNode.get(node);
    if (root === undefined) return;
    root.node = NONE;
    this.#byNode.delete(node);
  }

  /** What was a root is gone: gives up what was guarded for it alone. */
  tidy(): void {
    this.#guards.tidy();
  }

  /** A guarded directory was moved, deleted, or is not watched any more. */
  suspect(node: Node): void {
    for (const root of this.#guards.of(node)?.roots ?? []) this.#suspects.add(root);
  }

  /** A root may have been moved, deleted, or is not watched any more. */
  recheck(node: Node): void {
    const root = this.#byNode.get(node);
    if (root !== undefined) this.#suspects.add(root);
  }

  /** Looks at those that something happened to. */
  settle(): void {
    for (const root of this.#suspects) {
      this.#suspects.delete(root);
      this.#establish(root, true, Infinity);
    }
  }

  /** Looks at all of them, and compares what is below them with the disk. */
  establishAll(since: number, mode: ScanMode): void {
    for (const root of this.#roots.values()) {
      this.#suspects.delete(root);
      this.#establish(root, true, since, mode);
    }
  }

  // --- One root ----------------------------------------------------------------

  /** What is watched by a path as the user calls it, if that is the same whatever directory is the current one. */
  #named({ shown, real }: Anchor): string | undefined {
    if (shown[0] !== SLASH) return undefined;
    const isIt = (other: Anchor): boolean => Buffer.compare(other.shown, shown) === 0;
    const key = keyOf(real);
    const known = this.#roots.get(key) ?? this.#covered.get(key);
    if (known !== undefined && isIt(known)) return key;
    const found = [...this.#roots.values(), ...this.#covered.values()].find(isIt);
    return found && keyOf(found.real);
  }

  /** The root that a path is a part of. */
  #coverOf(anchor: Anchor): Root | undefined {
    for (const root of this.#roots.values())
      if (covers(root, anchor) && !this.#directories.leavesOut(root, anchor)) return root;
    return undefined;
  }

  #rootOf({ shown, real }: Anchor, since: number): Root {
    const guards = { guards: [], awaited: "", passed: [] };
    return { shown, real, key: keyOf(real), node: NONE, ...guards, since };
  }

  #drop(root: Root): void {
    this.#roots.delete(root.key);
    this.#suspects.delete(root);
    if (root.node !== NONE) this.#directories.dismiss(root.node);
    this.#guards.replace(root, []);
  }

  /** Roots that are left out of what is above them are roots by themselves: what is left out may have changed. */
  #review(node: Node, loud: boolean): void {
    if (this.#covered.size + this.#roots.size < 2) return;
    const real = this.#paths.real(node);
    const dir = { real, shown: real };
    for (const anchor of this.#covered.values()) {
      if (!covers(dir, anchor) || this.#coverOf(anchor) !== undefined) continue;
      const above = [...this.#roots.values()].filter((root) => covers(root, anchor));
      const root = above.find((each) => this.#find(each, anchor)[0] !== NONE) ?? above[0];
      if (root !== undefined) this.#part(root, anchor);
    }
    for (const root of this.#roots.values()) this.#joinAll(root, loud, dir);
  }

  /** Makes the roots that are parts of one such, if they are below a directory in it. */
  #joinAll(root: Root, loud: boolean, dir: Anchor = root): void {
    for (const other of this.#roots.values())
      if (covers(dir, other) && covers(root, other) && !this.#directories.leavesOut(root, other))
        this.#join(root, other, loud);
  }

  /** Makes a root a part of another one, with all that is known of it. What is unread of it is told of what it is then. */
  #join(root: Root, part: Root, loud: boolean): void {
    const names = namesOf(root.real, part.real);
    const last = names.pop();
    const { node } = part;
    const { shown, real, since } = part;
    this.#covered.set(part.key, { shown, real, since });
    if (node === NONE || last === undefined) return this.#drop(part);
    // Watched before the guards are given up, which are the same directories: no event is of nobody.
    const dir = root.node === NONE ? NONE : this.#directories.lead(root.node, names, loud);
    const name = nameOf(last);
    // What led to it is not there any more, and it is told as made when that is.
    if (dir === NONE) this.#directories.depart(node, true);
    if (dir === NONE || this.#tree.find(dir, name) !== NONE) return this.#drop(part);
    this.left(node);
    this.#paths.release(node);
    this.#tree.move(node, dir, name);
    this.#drop(part);
    this.#directories.enter(node, this.#directories.afterMove, true);
  }

  /** Makes a part of a root a root, with all that is known of it. */
  #part(root: Root, anchor: Covered): void {
    const part = this.#rootOf(anchor, anchor.since);
    this.#covered.delete(part.key);
    this.#roots.set(part.key, part);
    const [node, dir] = this.#find(root, anchor);
    // What is still to be met is told of as it would be then.
    const loud = this.#directories.scanner.isLoud(dir) ?? true;
    if (node === NONE) return this.#establish(part, loud, Infinity);
    this.#tree.clear(node, FLAG.UNSEEN);
    this.#take(part, node);
    this.#establish(part, true, Infinity);
    if (part.node !== node) return;
    // Now that it has guards.
    this.#take(part, node);
    this.#directories.enter(node, this.#directories.afterMove, true);
  }

  /** What is known of a part of a root, and the nearest that is known above it. */
  #find(root: Root, part: Anchor): readonly [node: Node, above: Node] {
    let above: Node = NONE;
    let node = root.node;
    for (const name of namesOf(root.real, part.real)) {
      if (node === NONE) break;
      above = node;
      node = this.#tree.find(node, nameOf(name));
    }
    return [node, above];
  }

  /** Compares a part of a root with the disk. @returns Whether it is there. */
  #comparePart(root: Root, part: Anchor, since: number): boolean {
    const [node, above] = this.#find(root, part);
    const now = look(part.real);
    const isDirectory = now?.kind === KIND.DIRECTORY;
    if (node !== NONE && now !== undefined && this.#tree.isDirectory(node) === isDirectory)
      this.#compare(node, now, since, "compare");
    else if (above !== NONE && (node !== NONE || now !== undefined))
      this.#directories.enter(above, "new", true);
    return now?.kind === KIND.SYMLINK ? look(part.real, true) !== undefined : now !== undefined;
  }

  #parentOf({ real }: Root): string {
    const slash = real.lastIndexOf(SLASH);
    return keyOf(real, 0, Math.max(slash, 1));
  }

  #take(root: Root, node: Node): void {
    root.node = node;
    this.#byNode.set(node, root);
    this.#paths.anchor(node, root);
    // A file is watched by its name: for what is done to it, and not only for whether it is there.
    const guard = root.guards.at(-1);
    if (guard === undefined || this.#tree.isDirectory(node)) return;
    const before = this.#tree.handle(guard.node);
    const isWatched = this.#guards.watch(guard, "tree") === "watched";
    // It left, or is another one by now: what would tell of that is not heard any more.
    if (!isWatched || this.#tree.handle(guard.node) !== before) this.suspect(guard.node);
  }

  /** Guards what is above a root, then looks whether it is there. */
  #establish(root: Root, loud: boolean, since: number, how: ScanMode = "compare"): void {
    while (!this.#guards.establish(root)) {
      // What was missing was made while its directory was not watched yet.
    }
    const parent = root.guards.at(-1);
    const isDirect = parent === undefined || parent.path === this.#parentOf(root);
    // A link that came in its place is what the events say that it is.
    const isStart = this.#directories.watches.start !== undefined;
    const now = isDirect ? (isStart ? BEGUN : look(root.real)) : undefined;
    if (now === undefined) {
      if (root.node !== NONE) this.#directories.depart(root.node, loud);
      return;
    }
    const isDirectory = now.kind === KIND.DIRECTORY;
    if (root.node !== NONE && this.#tree.isDirectory(root.node) !== isDirectory)
      this.#directories.depart(root.node, loud);
    const dir = parent?.node ?? NONE;
    const name = nameOf(root.real.subarray(root.real.lastIndexOf(SLASH) + 1));
    if (root.node === NONE) {
      // It left, and the other half of that was lost.
      this.#directories.onMeet(dir, name, 0);
      const node = this.#directories.make(dir, name, now.kind, now.ino);
      this.#take(root, node);
      if (!isDirectory) this.#directories.noteTime(node);
      if (loud) this.#directories.tellMade(node);
      this.#directories.greet(node);
      this.#directories.enter(node, "new", loud);
      if (isStart) this.#directories.recall?.hold(node);
      return;
    }
    const { node } = root;
    if (this.#tree.parent(node) !== dir) this.#tree.move(node, dir, name);
    this.#compare(node, now, since, how);
  }

  /** Compares what is known of something with what is there, which is of the same kind. */
  #compare(node: Node, { kind, ino }: Look, since: number, how: ScanMode): void {
    if (kind === KIND.DIRECTORY) {
      const mode = since === Infinity ? "check" : how;
      return this.#directories.enter(node, mode, true, since);
    }
    const isAnother = ![0, ino].includes(this.#tree.ino(node));
    this.#tree.setIno(node, ino);
    if (isAnother || this.#directories.isChanged(node, since)) this.#directories.tellChanged(node);
  }
}
