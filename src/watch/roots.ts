/**
 * What is watched, as it was asked for: paths whose files come and go. The directories above each are guarded, so that a root
 * that vanished is noticed when it is back, and a file is watched by its name and not by an inode that the next save
 * replaces.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { closeQuietly } from "../events/intake.ts";
import type { Interest, RawEvent } from "./backend.ts";
import type { Directories } from "./directories.ts";
import { look } from "./look.ts";
import { type Anchor, keyOf, nameOf, type Paths } from "./paths.ts";
import type { ScanMode } from "./scanner.ts";
import { FLAG, KIND, type NameBytes, type Node, NONE, type Tree } from "./tree.ts";

/** One path that is watched. */
export interface Root extends Anchor {
  /** What `remove` is called with. */
  readonly key: string;
  node: Node;
  /** The guarded directories above it, from the top down. */
  guards: readonly Guard[];
  /** What is waited for in the last of them. */
  awaited: string;
  /** When it was compared with the disk last: milliseconds since 1970. */
  compared: number;
}

/** A directory above roots. */
interface Guard {
  readonly path: string;
  readonly node: Node;
  readonly roots: Set<Root>;
}

const SLASH = 0x2f;

/** Milliseconds by which the clock of file systems may be behind. */
export const CLOCK_SLACK = 20;

/** Whether one path is below another one. */
function covers({ real: above }: Anchor, { real: below }: Anchor): boolean {
  if (below.length <= above.length) return false;
  const isTop = above.length === 1;
  return keyOf(below).startsWith(keyOf(above)) && (isTop || below[above.length] === SLASH);
}

export class Roots {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #directories: Directories;
  readonly #roots = new Map<string, Root>();
  /** Paths that are watched because another one is. */
  readonly #covered = new Map<string, Anchor>();
  readonly #byNode = new Map<Node, Root>();
  readonly #guards = new Map<string, Guard>();
  readonly #guardOf = new Map<Node, Guard>();
  /** To be looked at again when all events are read. */
  readonly #suspects = new Set<Root>();

  constructor(tree: Tree, paths: Paths, directories: Directories) {
    this.#tree = tree;
    this.#paths = paths;
    this.#directories = directories;
  }

  get size(): number {
    return this.#roots.size;
  }

  /** How many directories are guarded. */
  get guardCount(): number {
    return this.#guards.size;
  }

  /** What is watched, as the user calls it. */
  get shown(): readonly Uint8Array[] {
    return [...this.#roots.values(), ...this.#covered.values()].map(({ shown }) => shown);
  }

  /**
   * Watches a path.
   *
   * @param real Absolute, without links.
   * @param loud Whether it is told as made.
   * @returns Whether it is there; it is watched in any case.
   */
  add(anchor: Anchor, loud: boolean): boolean {
    const key = keyOf(anchor.real);
    if (this.#isCovered(anchor)) {
      this.#covered.set(key, anchor);
      return look(anchor.real, true) !== undefined;
    }
    for (const other of this.#roots.values()) {
      if (!covers(anchor, other) || this.#directories.leavesOut(anchor, other)) continue;
      this.#drop(other);
      this.#covered.set(other.key, other);
    }
    const known = this.#roots.get(key);
    const now = Date.now();
    const root = known ?? { ...anchor, key, node: NONE, guards: [], awaited: "", compared: now };
    this.#roots.set(key, root);
    this.#establish(root, loud, known === undefined ? Infinity : root.compared - CLOCK_SLACK);
    root.compared = now;
    return root.node !== NONE;
  }

  /** Stops watching a path. */
  remove(real: Uint8Array): boolean {
    const key = keyOf(real);
    if (this.#covered.delete(key)) return true;
    const root = this.#roots.get(key);
    if (root === undefined) return false;
    this.#drop(root);
    const covered = [...this.#covered.values()].filter((anchor) => covers(root, anchor));
    for (const anchor of covered) {
      this.#covered.delete(keyOf(anchor.real));
      this.add(anchor, false);
    }
    return true;
  }

  /** The root that a path is below, and the names that lead there. */
  above(
    path: Uint8Array,
  ): { readonly node: Node; readonly names: readonly Uint8Array[] } | undefined {
    for (const { real, node } of this.#roots.values()) {
      if (node === NONE || !covers({ real, shown: real }, { real: path, shown: path })) continue;
      const below = keyOf(path, real.length === 1 ? 1 : real.length + 1);
      return { node, names: below.split("/").map((name) => Buffer.from(name, "latin1")) };
    }
    return undefined;
  }

  isRoot(node: Node): boolean {
    return this.#byNode.has(node);
  }

  /** Whether an event of a guarded directory is about a root that is an entry of it. */
  wants(dir: Node, { name, change }: RawEvent): boolean {
    const key = keyOf(name.bytes, name.start, name.end);
    let isDirect = false;
    for (const root of this.#guardOf.get(dir)?.roots ?? []) {
      // A directory on the way may be open by now to who was kept out.
      if (change === "attributes" && root.node === NONE && this.#after(root, dir) === key)
        this.#suspects.add(root);
      if (root.awaited !== key || root.guards.at(-1)?.node !== dir) continue;
      if (this.#parentOf(root) === root.guards.at(-1)?.path) isDirect = true;
      else if (change === "create" || change === "moved-to") this.#suspects.add(root);
    }
    return isDirect;
  }

  /** An entry was made in a directory: that of a root, if the directory is a guard. */
  arrived(dir: Node, name: NameBytes, node: Node): void {
    const guard = this.#guardOf.get(dir);
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

  /** A guarded directory was moved, deleted, or is not watched any more. */
  suspect(node: Node): void {
    for (const root of this.#guardOf.get(node)?.roots ?? []) this.#suspects.add(root);
  }

  /** A root may have been moved, deleted, or is not watched any more. */
  recheck(node: Node): void {
    const root = this.#byNode.get(node);
    if (root !== undefined) this.#suspects.add(root);
  }

  /** How many are to be looked at. */
  get suspectCount(): number {
    return this.#suspects.size;
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

  #isCovered(anchor: Anchor): boolean {
    for (const root of this.#roots.values())
      if (covers(root, anchor) && !this.#directories.leavesOut(root, anchor)) return true;
    return false;
  }

  #drop(root: Root): void {
    this.#roots.delete(root.key);
    this.#suspects.delete(root);
    if (root.node !== NONE) this.#directories.drop(root.node, false);
    this.#guard(root, []);
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
    if (guard !== undefined && !this.#tree.isDirectory(node)) this.#watch(guard, "tree");
  }

  /** Guards what is above a root, then looks whether it is there. */
  #establish(root: Root, loud: boolean, since: number, how: ScanMode = "compare"): void {
    while (!this.#guardAbove(root)) {
      // What was missing was made while its directory was not watched yet.
    }
    const parent = root.guards.at(-1);
    const isDirect = parent === undefined || parent.path === this.#parentOf(root);
    const now = isDirect ? look(root.real, true) : undefined;
    if (now === undefined) {
      if (root.node !== NONE) this.#directories.drop(root.node, loud);
      return;
    }
    const isDirectory = now.kind === KIND.DIRECTORY;
    if (root.node !== NONE && this.#tree.isDirectory(root.node) !== isDirectory)
      this.#directories.drop(root.node, loud);
    const dir = parent?.node ?? NONE;
    const name = nameOf(root.real.subarray(root.real.lastIndexOf(SLASH) + 1));
    if (root.node === NONE) {
      const node = this.#directories.make(dir, name, now.kind, now.ino);
      this.#take(root, node);
      if (loud) this.#directories.tellMade(node);
      this.#directories.enter(node, "new", loud);
      return;
    }
    const { node } = root;
    if (this.#tree.parent(node) !== dir) this.#tree.move(node, dir, name);
    if (isDirectory) {
      const mode = since === Infinity ? "check" : how;
      return this.#directories.enter(node, mode, true, since);
    }
    const isAnother = ![0, now.ino].includes(this.#tree.ino(node));
    this.#tree.setIno(node, now.ino);
    if (isAnother || this.#directories.isChanged(node, since)) this.#directories.tellChanged(node);
  }

  /** @returns Whether what it found is still so. */
  #guardAbove(root: Root): boolean {
    const { real } = root;
    const paths: string[] = [];
    for (let at = real.indexOf(SLASH, 1); at !== -1; at = real.indexOf(SLASH, at + 1)) {
      if (paths.length === 0) paths.push("/");
      paths.push(keyOf(real, 0, at));
    }
    if (paths.length === 0 && real.length > 1) paths.push("/");
    const guards: Guard[] = [];
    let missing: string | undefined;
    for (const path of paths) {
      const guard = this.#guardAt(path);
      const found = this.#watch(guard, path === paths.at(-1) ? "names" : "self");
      if (found === "missing") {
        missing = path;
        break;
      }
      const above = guards.at(-1);
      // What its permissions are is told as something of what is above it.
      if (found === "closed" && above !== undefined) this.#watch(above, "names");
      guards.push(guard);
    }
    const last = guards.at(-1);
    if (missing !== undefined && last !== undefined) this.#watch(last, "names");
    this.#guard(root, guards);
    root.awaited = (last && this.#after(root, last.node)) ?? keyOf(real);
    if (missing === undefined) return true;
    return look(Buffer.from(missing, "latin1"), true)?.kind !== KIND.DIRECTORY;
  }

  #guardAt(path: string): Guard {
    let guard = this.#guards.get(path);
    if (guard === undefined) {
      const bytes = Buffer.from(path, "latin1");
      const node = this.#directories.make(NONE, nameOf(new Uint8Array(0)), KIND.DIRECTORY, 0);
      this.#paths.anchor(node, { shown: bytes, real: bytes });
      this.#tree.set(node, FLAG.GUARD);
      guard = { path, node, roots: new Set() };
      this.#guards.set(path, guard);
      this.#guardOf.set(node, guard);
    }
    return guard;
  }

  /** The name that follows a guarded directory in the path of a root. */
  #after({ real, guards }: Root, dir: Node): string | undefined {
    const guard = guards.find(({ node }) => node === dir);
    if (guard === undefined) return undefined;
    const from = guard.path.length === 1 ? 1 : guard.path.length + 1;
    const slash = real.indexOf(SLASH, from);
    return keyOf(real, from, slash === -1 ? real.length : slash);
  }

  /** Watches what is above a root. One that is there, but closed to this user, is passed through. */
  #watch({ node }: Guard, interest: Interest): "watched" | "closed" | "missing" {
    const { fd, handle, error } = this.#directories.watches.watch(node, interest);
    closeQuietly(fd);
    if (error === undefined && handle !== 0) {
      this.#directories.watches.bind(node, handle);
      this.#directories.watches.recover(node);
      return "watched";
    }
    this.#directories.watches.unbind(node);
    this.#directories.watches.failAbove(node, error);
    const isGone = error instanceof OSError && ["ENOENT", "ENOTDIR"].includes(error.code);
    return fd === -1 && isGone ? "missing" : "closed";
  }

  /** Replaces the guards of a root, and gives up those that no root needs. */
  #guard(root: Root, guards: readonly Guard[]): void {
    root.guards = guards;
    for (const guard of guards) guard.roots.add(root);
    for (const guard of this.#guards.values()) {
      if (!guards.includes(guard)) guard.roots.delete(root);
      if (guard.roots.size > 0) continue;
      // A root that is still an entry of it moves on, or goes, first.
      if (this.#tree.first(guard.node) !== NONE) continue;
      this.#guards.delete(guard.path);
      this.#guardOf.delete(guard.node);
      this.#directories.drop(guard.node, false);
    }
  }
}
