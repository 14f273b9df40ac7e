/**
 * What is watched, as it was asked for: paths whose files come and go. The directories above each are guarded, so that a root
 * that vanished is noticed when it is back, and a file is watched by its name and not by an inode that the next save
 * replaces.
 *
 * @module
 */
import { isArrival, isDeparture, type RawEvent } from "../backend/backend.ts";
import type { Directories } from "../directories/directories.ts";
import type { ScanMode } from "../directories/scanner.ts";
import { isUnmarkable } from "../disk/errors.ts";
import { CLOCK_SLACK, deviceOf, isRenewed, type Look, look, type Renewal } from "../disk/look.ts";
import { folded } from "../disk/naming.ts";
import { type GivenPath, realOf } from "../disk/resolve.ts";
import { byNow } from "../teller/times.ts";
import { FLAG, KIND, type NameBytes, type Node, NONE } from "../tree/node.ts";
import { type Anchor, keyOf, nameOf, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import { type Guarded, Guards, nameIn, type Step } from "./guards.ts";

/** One path that is watched. */
export interface Root extends Guarded {
  /** What is known of it. `NONE` as well if it is watched because another path is. */
  node: Node;
  /** What was changed before that is not told: milliseconds since 1970. */
  since: number;
  /** What it is on, if links lead there. */
  device: number;
}

const SLASH = 0x2f;

/** Whether two paths lead to the same place. */
function areSame(one: Anchor, other: Anchor): boolean {
  return Buffer.compare(one.real, other.real) === 0;
}

/** Whether one path is below another one. */
function covers({ real: above }: Anchor, { real: below }: Anchor): boolean {
  if (below.length <= above.length) return false;
  const isTop = above.length === 1;
  return keyOf(below).startsWith(keyOf(above)) && (isTop || below[above.length] === SLASH);
}

/** The names that lead from a path to one below it, or to itself. */
function namesOf(above: Uint8Array, below: Uint8Array): Uint8Array[] {
  if (below.length === above.length) return [];
  const rest = keyOf(below, above.length === 1 ? 1 : above.length + 1);
  return rest.split("/").map((name) => Buffer.from(name, "latin1"));
}

/** Whether links lead to a path. */
function isLinked({ given, real }: Root): boolean {
  return given !== keyOf(real);
}

export class Roots {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #directories: Directories;
  readonly #guards: Guards<Root>;
  /** By what they are called, as all of this. */
  readonly #roots = new Map<string, Root>();
  /** Those that are watched because another one is. */
  readonly #covered = new Map<string, Root>();
  readonly #byNode = new Map<Node, Root>();
  /** To be looked at again when all events are read. */
  readonly #suspects = new Set<Root>();
  /** What happened before that is told: milliseconds since 1970. */
  heard: number = Date.now() - CLOCK_SLACK;

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
  has({ given }: GivenPath): boolean {
    return this.#roots.has(given) || this.#covered.has(given);
  }

  /**
   * Watches a path.
   *
   * @param loud Whether it is told as made.
   * @returns Whether it is there; it is watched in any case.
   */
  add(path: GivenPath, loud: boolean): boolean {
    const { start } = this.#directories.watches;
    const known = this.#roots.get(path.given) ?? this.#covered.get(path.given);
    // It was given twice, and what has happened meanwhile is told by events alone.
    if (known !== undefined && start !== undefined) return true;
    const now = byNow(start?.at);
    const root = known ?? this.#rootOf(path, now);
    if (!this.#roots.has(root.given)) {
      this.#covered.set(root.given, root);
      this.#place(root, loud, now);
    } else {
      const isNew = root.node === NONE;
      if (isNew) root.since = now;
      this.#establish(root, loud, isNew ? Infinity : root.since);
      this.#joinAll(root, loud);
    }
    const above = this.#covered.has(root.given) ? this.#coverOf(root) : undefined;
    if (above !== undefined) return start !== undefined || this.#comparePart(above, root);
    const { node, real } = root;
    return node !== NONE && (this.#tree.isDirectory(node) || look(real) !== undefined);
  }

  /** Stops watching a path, wherever it leads by now. */
  remove(path: GivenPath): boolean {
    const isIt = (other: Root): boolean => areSame(other, path);
    const root =
      this.#roots.get(path.given) ??
      this.#covered.get(path.given) ??
      [...this.#roots.values(), ...this.#covered.values()].find(isIt);
    if (root === undefined) return false;
    this.#covered.delete(root.given);
    if (this.#roots.delete(root.given)) this.#release(root);
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
  wants(dir: Node, event: RawEvent): boolean {
    const guard = this.#guards.of(dir);
    if (guard === undefined) return false;
    const { bytes, start, end } = event.name;
    const key = keyOf(bytes, start, end);
    let isDirect = false;
    // Those of now: a root may be elsewhere when it is looked at.
    const roots = [...guard.roots];
    for (const root of roots)
      for (const step of root.steps)
        if (step.guard === guard && step.name === key && this.#isAbout(root, step, event))
          isDirect = true;
    return isDirect;
  }

  /** How what leads to a root is called, if a name in a guarded directory is another spelling of that. */
  spelled(dir: Node, name: NameBytes): NameBytes {
    const key = keyOf(name.bytes, name.start, name.end);
    const guard = this.#guards.of(dir);
    const names: string[] = [];
    for (const root of guard?.roots ?? [])
      for (const step of root.steps) if (step.guard === guard) names.push(step.name);
    const common = folded(key);
    const other = names.find((one) => folded(one) === common);
    if (other === undefined || names.includes(key)) return name;
    return nameOf(Buffer.from(other, "latin1"));
  }

  /** Whether an event of a name on the way to a root is about that root, which is looked at again if it may be something else now. */
  #isAbout(root: Root, step: Step<Root>, { name, change, isDirectory }: RawEvent): boolean {
    const isChanged = isArrival(change) || isDeparture(change);
    if (step.isLink) {
      if (isChanged) this.#lead(root);
      return false;
    }
    const isLast = step === root.steps.at(-1);
    if (isLast && root.isDirect) {
      const isLink = isArrival(change) && !isDirectory && look(root.real)?.kind === KIND.SYMLINK;
      if (!isLink) return !this.#covered.has(root.given);
      // What left this place is gone before anything else is there.
      this.#directories.onMeet(step.guard.node, name, 0);
      this.#lead(root);
      return false;
    }
    // What is on the way and could not be passed may be open by now, or another one.
    const mayPass = isArrival(change) || change === "attributes";
    if (mayPass && (root.node === NONE || isLast)) this.#suspects.add(root);
    return false;
  }

  /** A link on the way to a root is another one. What happens from now on where it led before is not about it. */
  #lead(root: Root): void {
    if (realOf(root.given) === keyOf(root.real)) this.#suspects.add(root);
    else this.#look(root);
  }

  /** An entry was made in a directory: that of a root, if the directory is a guard. */
  arrived(dir: Node, name: NameBytes, node: Node): void {
    const guard = this.#guards.of(dir);
    if (guard === undefined) return;
    const key = keyOf(name.bytes, name.start, name.end);
    for (const root of guard.roots) {
      const last = root.steps.at(-1);
      const isIt = root.isDirect && last?.guard === guard && last.name === key;
      if (isIt && this.#roots.has(root.given)) this.#take(root, node);
    }
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
    for (const root of this.#suspects) this.#look(root);
  }

  /** Looks at all of them, and compares what is below them with the disk. */
  establishAll(since: number, mode: ScanMode): void {
    for (const root of [...this.#roots.values(), ...this.#covered.values()])
      this.#look(root, since, mode);
  }

  // --- One root ----------------------------------------------------------------

  /** Looks where a root leads, and what is there. */
  #look(root: Root, since: number = Infinity, mode?: ScanMode): void {
    this.#suspects.delete(root);
    if (this.#covered.has(root.given)) this.#place(root, true, byNow());
    else if (this.#roots.has(root.given)) this.#establish(root, true, since, mode);
  }

  /** The root that a path is a part of. */
  #coverOf(path: Root): Root | undefined {
    for (const root of this.#roots.values()) {
      if (root === path) continue;
      if (areSame(root, path)) return root;
      if (covers(root, path) && !this.#directories.leavesOut(root, path)) return root;
    }
    return undefined;
  }

  #rootOf({ shown, real, given }: GivenPath, since: number): Root {
    const way = { steps: [], isDirect: false, led: -Infinity };
    return { shown, real, given, ...way, node: NONE, since, device: 0 };
  }

  /** Looks whether a root that is not watched by itself is to be. */
  #place(root: Root, loud: boolean, now: number): void {
    // What links lead to is elsewhere when they are others.
    const wasLinked = isLinked(root);
    if (wasLinked) this.#guards.establish(root);
    const above = this.#coverOf(root);
    if (above !== undefined) {
      root.since = Math.min(root.since, above.since);
      if (!wasLinked) this.#guardPart(root, loud, now);
      return;
    }
    this.#covered.delete(root.given);
    this.#roots.set(root.given, root);
    root.since = now;
    this.#establish(root, loud, Infinity);
    this.#joinAll(root, loud);
  }

  /** Guards what is on the way to a root that is watched because another one is: any of that may come to be a link. */
  #guardPart(part: Root, loud: boolean, now: number): void {
    // What it was like at the start is known without.
    if (this.#directories.watches.start !== undefined) this.#suspects.add(part);
    else {
      this.#guards.establish(part);
      if (isLinked(part)) this.#place(part, loud, now);
    }
  }

  /** Lets paths that are watched because a root is where it is be roots, if they are not parts of another one. */
  #release(root: Root): void {
    const parts = [...this.#covered.values()].filter(
      (part) => areSame(root, part) || covers(root, part),
    );
    for (const part of parts.toSorted((one, other) => one.real.length - other.real.length)) {
      // It may be elsewhere since then.
      const isPart = this.#covered.has(part.given) && (areSame(root, part) || covers(root, part));
      if (isPart && this.#coverOf(part) === undefined) this.#part(root, part);
    }
  }

  #drop(root: Root): void {
    this.#roots.delete(root.given);
    this.#suspects.delete(root);
    if (root.node !== NONE) this.#directories.dismiss(root.node);
    this.#guards.replace(root, []);
  }

  /** Roots that are left out of what is above them are roots by themselves: what is left out may have changed. */
  #review(node: Node, loud: boolean): void {
    if (this.#covered.size + this.#roots.size < 2) return;
    const real = this.#paths.real(node);
    const dir = { real, shown: real };
    for (const part of this.#covered.values()) {
      if (!covers(dir, part) || this.#coverOf(part) !== undefined) continue;
      const above = [...this.#roots.values()].filter((root) => covers(root, part));
      const root = above.find((each) => this.#find(each, part)[0] !== NONE) ?? above[0];
      if (root !== undefined) this.#part(root, part);
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
    this.#covered.set(part.given, part);
    if (node === NONE || last === undefined) return this.#dropPart(part);
    // Watched before the guards are given up, which are the same directories: no event is of nobody.
    const dir = root.node === NONE ? NONE : this.#directories.lead(root.node, names, loud);
    const name = nameOf(last);
    // What led to it is not there any more, and it is told as made when that is.
    if (dir === NONE) this.#directories.depart(node, true);
    if (dir === NONE || this.#tree.find(dir, name) !== NONE) return this.#dropPart(part);
    this.left(node);
    this.#paths.release(node);
    this.#tree.move(node, dir, name);
    this.#dropPart(part);
    this.#directories.enter(node, this.#directories.afterMove, true);
  }

  #dropPart(part: Root): void {
    this.#drop(part);
    // Where links lead is to be known all the same.
    this.#suspects.add(part);
  }

  /** Makes a part of a root a root, with all that is known of it. */
  #part(root: Root, part: Root): void {
    this.#covered.delete(part.given);
    this.#roots.set(part.given, part);
    // What is known of it goes with what is elsewhere now.
    const isLeft = areSame(root, part) && this.#roots.has(root.given);
    if (isLeft) return this.#establish(part, false, Infinity);
    const [node, dir] = this.#find(root, part);
    // What is still to be met is told of as it would be then.
    const loud = this.#directories.scanner.isLoud(dir) ?? true;
    if (node === NONE) return this.#establish(part, loud, Infinity);
    this.#tree.clear(node, FLAG.UNSEEN);
    if (node === root.node) root.node = NONE;
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
  #comparePart(root: Root, part: Root): boolean {
    const { since } = part;
    const [node, above] = this.#find(root, part);
    const now = look(part.real);
    const isDirectory = now?.kind === KIND.DIRECTORY;
    if (node !== NONE && now !== undefined && this.#tree.isDirectory(node) === isDirectory)
      this.#compare(node, now, since, "compare");
    else if (above !== NONE && (node !== NONE || now !== undefined))
      this.#directories.enter(above, "new", true);
    return now?.kind === KIND.SYMLINK ? look(part.real, true) !== undefined : now !== undefined;
  }

  #take(root: Root, node: Node): void {
    root.node = node;
    this.#byNode.set(node, root);
    this.#paths.anchor(node, root);
    // A file is watched by its name: for what is done to it, and not only for whether it is there.
    const guard = root.steps.at(-1)?.guard;
    if (guard === undefined || this.#tree.isDirectory(node)) return;
    const before = this.#tree.handle(guard.node);
    const isWatched = this.#guards.watch(guard, "tree") === "watched";
    const { error } = guard;
    if (isUnmarkable(error)) return this.#directories.watches.fail(node, error, true, true);
    // It left, or is another one by now: what would tell of that is not heard any more.
    if (!isWatched || this.#tree.handle(guard.node) !== before) this.suspect(guard.node);
  }

  /** Guards what is on the way to a root, then looks whether it is there. */
  #establish(root: Root, loud: boolean, since: number, how: ScanMode = "compare"): void {
    const before = { ...root };
    const now = this.#guards.establish(root);
    if (isLinked(root)) root.device = deviceOf(root.real);
    const isElsewhere = !areSame(before, root);
    if (isElsewhere && !this.#isBySelf(root, before)) return;
    const isDirectory = now?.kind === KIND.DIRECTORY;
    const isOther = now === undefined || this.#tree.isDirectory(root.node) !== isDirectory;
    if (root.node !== NONE && isOther) {
      this.#directories.depart(root.node, loud);
      this.#guards.tidy();
    }
    if (now === undefined) {
      // What is to be there one day is told by this one then.
      if (isElsewhere) this.#joinAll(root, loud);
      return;
    }
    const dir = root.steps.at(-1)?.guard.node ?? NONE;
    const name = nameOf(Buffer.from(nameIn(root), "latin1"));
    if (root.node === NONE) {
      // It left, and the other half of that was lost.
      this.#directories.onMeet(dir, name, 0);
      const node = this.#directories.make(dir, name, now.kind, now.ino);
      this.#take(root, node);
      if (!isDirectory) this.#directories.noteTime(node);
      if (loud) this.#directories.tellMade(node);
      this.#directories.greet(node);
      this.#directories.enter(node, "new", loud);
      if (this.#directories.watches.start !== undefined) this.#directories.recall?.hold(node);
      if (isElsewhere) this.#joinAll(root, loud);
      return;
    }
    const { node } = root;
    const isAway = before.device !== root.device;
    // What was written to since links led there may not be heard of.
    const renewal = { born: this.heard, written: Math.max(this.heard, root.led) };
    if (isElsewhere) this.#directories.detach(node, isAway ? "elsewhere" : renewal);
    if (isElsewhere || this.#tree.parent(node) !== dir) this.#tree.move(node, dir, name);
    if (!isElsewhere) return this.#compare(node, now, since, how);
    this.#take(root, node);
    this.#guards.tidy();
    this.#compare(node, now, since, how, renewal);
    this.#joinAll(root, true);
  }

  /** Whether a root is watched by itself where it leads now. */
  #isBySelf(root: Root, before: Root): boolean {
    this.#release(before);
    const above = this.#coverOf(root);
    if (above === undefined) return true;
    if (root.node !== NONE) this.#directories.depart(root.node, true);
    this.#roots.delete(root.given);
    this.#covered.set(root.given, root);
    root.since = above.since;
    this.#guards.tidy();
    return false;
  }

  /**
   * Compares what is known of something with what is there, which is of the same kind.
   *
   * @param renewal Since when a file is another one, or may be, although it has the same inode.
   */
  #compare(node: Node, { kind, ino }: Look, since: number, how: ScanMode, renewal?: Renewal): void {
    if (kind === KIND.DIRECTORY) {
      const mode = since === Infinity ? "check" : how;
      return this.#directories.enter(node, mode, true, since);
    }
    const isSame = [0, ino].includes(this.#tree.ino(node));
    const isNew = renewal !== undefined && isRenewed(this.#paths.real(node), renewal);
    const isAnother = !isSame || isNew;
    this.#directories.become(node, { kind, ino });
    if (isAnother || this.#directories.isChanged(node, since)) this.#directories.tellChanged(node);
  }
}
