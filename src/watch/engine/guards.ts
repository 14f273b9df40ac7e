/**
 * Directories above roots. They are watched for what happens on the way to a root: from the top down, as far as that is there.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { closeQuietly } from "../../events/intake.ts";
import type { Interest } from "../backend/backend.ts";
import type { Directories } from "../directories/directories.ts";
import { changedAt, look } from "../disk/look.ts";
import { MOST_LINKS, readLink } from "../disk/resolve.ts";
import { FLAG, KIND, type Node, NONE } from "../tree/node.ts";
import { type Anchor, keyOf, nameOf, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";

/** What is guarded. */
export interface Guarded extends Anchor {
  /** The directories above it, from the top down. */
  guards: readonly Guard<this>[];
  /** What is waited for in the last of them. */
  awaited: string;
  /** What links on the way to it lead through, and they themselves. */
  passed: readonly Passed<this>[];
}

/** A directory above roots. */
export interface Guard<Root> {
  readonly path: string;
  readonly node: Node;
  readonly roots: Set<Root>;
}

/** Something on the way of a link, or that link. */
export interface Passed<Root> {
  /** Of the directory that it is in. */
  readonly guard: Guard<Root>;
  readonly name: string;
}

const SLASH = 0x2f;

/** All of them. */
export class Guards<Root extends Guarded> {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #directories: Directories;
  readonly #byPath = new Map<string, Guard<Root>>();
  readonly #byNode = new Map<Node, Guard<Root>>();

  constructor(tree: Tree, paths: Paths, directories: Directories) {
    this.#tree = tree;
    this.#paths = paths;
    this.#directories = directories;
  }

  get size(): number {
    return this.#byPath.size;
  }

  of(node: Node): Guard<Root> | undefined {
    return this.#byNode.get(node);
  }

  /** Whether none of them was renamed since then, nor anything in them made, deleted or renamed. */
  areStill(since: number): boolean {
    for (const path of this.#byPath.keys())
      if (changedAt(Buffer.from(path, "latin1")) >= since) return false;
    return true;
  }

  /** Watches what is above a root, in place of what was watched for it before. @returns Whether what it found is still so. */
  establish(root: Root): boolean {
    const paths = above(root);
    const guards: Guard<Root>[] = [];
    let missing: string | undefined;
    for (const path of paths) {
      const guard = this.#at(path);
      const found = this.watch(guard, path === paths.at(-1) ? "names" : "self");
      if (found === "missing") {
        missing = path;
        break;
      }
      const last = guards.at(-1);
      // What its permissions are is told as something of what is above it.
      if (found === "closed" && last !== undefined) this.watch(last, "names");
      guards.push(guard);
    }
    const last = guards.at(-1);
    if (missing !== undefined && last !== undefined) this.watch(last, "names");
    // At the start none of those is a link.
    const isStart = this.#directories.watches.start !== undefined;
    root.passed = isStart ? [] : this.#passed(root);
    this.replace(root, root.passed.map(({ guard }) => guard).concat(guards));
    root.awaited = (last && this.after(root, last.node)) ?? keyOf(root.real);
    if (missing === undefined) return true;
    return look(Buffer.from(missing, "latin1"), true)?.kind !== KIND.DIRECTORY;
  }

  /** Watches what links lead through that are above a root, and where those are, as far as it is there. */
  #passed({ real }: Root): readonly Passed<Root>[] {
    const passed: Passed<Root>[] = [];
    let rest = keyOf(real).split("/").slice(0, -1).toReversed();
    let dir = "";
    let links = 0;
    for (let name = rest.pop(); name !== undefined && links <= MOST_LINKS; name = rest.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        dir = dir.slice(0, Math.max(dir.lastIndexOf("/"), 0));
        continue;
      }
      const path = Buffer.from(`${dir}/${name}`, "latin1");
      let kind = look(path)?.kind;
      if (links > 0 || kind === KIND.SYMLINK) {
        const guard = this.#at(dir === "" ? "/" : dir);
        if (this.watch(guard, "names") === "missing") break;
        passed.push({ guard, name });
        // It may have come before that was watched.
        kind = look(path)?.kind;
      }
      const target = kind === KIND.SYMLINK ? readLink(path) : undefined;
      if (target === undefined) dir = `${dir}/${name}`;
      else {
        links++;
        if (target.startsWith("/")) dir = "";
        rest = rest.concat(target.split("/").toReversed());
      }
      if (kind === undefined) break;
    }
    return passed;
  }

  /** Replaces the guards of a root. */
  replace(root: Root, guards: readonly Guard<Root>[]): void {
    root.guards = guards;
    for (const guard of guards) guard.roots.add(root);
    for (const guard of this.#byPath.values())
      if (!guards.includes(guard)) guard.roots.delete(root);
    this.tidy();
  }

  /** Gives up those that no root needs. */
  tidy(): void {
    for (const guard of this.#byPath.values()) {
      if (guard.roots.size > 0) continue;
      // A root that is still an entry of it moves on, or goes, first.
      if (this.#tree.first(guard.node) !== NONE) continue;
      this.#byPath.delete(guard.path);
      this.#byNode.delete(guard.node);
      this.#directories.drop(guard.node, false);
    }
  }

  /** Watches one. What is there, but closed to this user, is passed through. */
  watch({ node }: Guard<Root>, interest: Interest): "watched" | "closed" | "missing" {
    const { watches } = this.#directories;
    const { fd, handle, error } = watches.watch(node, interest);
    closeQuietly(fd);
    if (error === undefined && handle !== 0) {
      watches.bind(node, handle);
      watches.recover(node);
      return "watched";
    }
    watches.unbind(node);
    watches.failAbove(node, error);
    const isGone = error instanceof OSError && ["ENOENT", "ENOTDIR"].includes(error.code);
    return fd === -1 && isGone ? "missing" : "closed";
  }

  /** The name that follows a guarded directory in the path of a root. */
  after({ real }: Root, dir: Node): string | undefined {
    const guard = this.#byNode.get(dir);
    if (guard === undefined) return undefined;
    const from = guard.path.length === 1 ? 1 : guard.path.length + 1;
    const slash = real.indexOf(SLASH, from);
    return keyOf(real, from, slash === -1 ? real.length : slash);
  }

  #at(path: string): Guard<Root> {
    let guard = this.#byPath.get(path);
    if (guard === undefined) {
      const bytes = Buffer.from(path, "latin1");
      const node = this.#directories.make(NONE, nameOf(new Uint8Array(0)), KIND.DIRECTORY, 0);
      this.#paths.anchor(node, { shown: bytes, real: bytes });
      this.#tree.set(node, FLAG.GUARD);
      guard = { path, node, roots: new Set() };
      this.#byPath.set(path, guard);
      this.#byNode.set(node, guard);
    }
    return guard;
  }
}

/** The paths of the directories above, from the top down. */
function above({ real }: Anchor): string[] {
  const paths = real.length > 1 ? ["/"] : [];
  for (let at = real.indexOf(SLASH, 1); at !== -1; at = real.indexOf(SLASH, at + 1))
    paths.push(keyOf(real, 0, at));
  return paths;
}
