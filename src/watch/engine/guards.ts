/**
 * Directories above roots. They are watched for what happens on the way to a root: from the top down, along links, as far as that is
 * there.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { closeQuietly } from "../../events/intake.ts";
import type { Interest } from "../backend/backend.ts";
import type { Directories } from "../directories/directories.ts";
import { isUnmarkable } from "../disk/errors.ts";
import { changedAt, type Look, look } from "../disk/look.ts";
import { follow, MOST_LINKS, pathIn, readLink } from "../disk/resolve.ts";
import { FLAG, KIND, type Node, NONE } from "../tree/node.ts";
import { type Anchor, keyOf, nameOf, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";

/** What is guarded. */
export interface Guarded extends Anchor {
  /** Absolute, its bytes as text. */
  readonly given: string;
  /** Where that leads. */
  real: Uint8Array;
  /** What is on the way there, from the top down. The last of it is what is guarded, or what of the way is missing. */
  steps: readonly Step<this>[];
  /** Whether the last of it is what is guarded. */
  isDirect: boolean;
  /** When a link on the way there came to be one, last: milliseconds since 1970. */
  led: number;
}

/** A directory above roots. */
export interface Guard<Root> {
  readonly path: string;
  readonly node: Node;
  readonly roots: Set<Root>;
  /** Why it is not watched. */
  error: unknown;
}

/** A name that a path leads through. */
export interface Step<Root> {
  /** Of the directory that it is in. */
  readonly guard: Guard<Root>;
  readonly name: string;
  readonly isLink: boolean;
}

/** A root that was there when events began to be queued: it is known by its handle. */
const BEGUN: Look = { kind: KIND.DIRECTORY, ino: 0 };

const SLASH = 0x2f;

/** How often a name is looked at that becomes another one between two looks. */
const MOST_ATTEMPTS = 32;

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

  /** Watches what is on the way to a root, in place of what was watched for it before. @returns What is there. */
  establish(root: Root): Look | undefined {
    const guards: Guard<Root>[] = [];
    const steps: Step<Root>[] = [];
    let now: Look | undefined;
    let links = 0;
    let led = -Infinity;
    let isMissing = false;
    const step = (dir: string, name: string, isLast: boolean): string | undefined => {
      if (isMissing) return undefined;
      const guard = this.#at(dir);
      guards.push(guard);
      const found = isLast ? this.#end(guard, name) : this.#pass(guard, name);
      const isLink = typeof found === "string";
      steps.push({ guard, name, isLink });
      if (isLink) this.#hear(guard);
      if (isLink) led = Math.max(led, changedAt(Buffer.from(pathIn(dir, name), "latin1")));
      if (isLink && links++ < MOST_LINKS) return found;
      if (isLink || found === undefined) isMissing = true;
      else if (isLast) now = found;
      // Also if the way goes back from there.
      else guards.push(this.#at(pathIn(dir, name)));
      return undefined;
    };
    if (root.given !== "/") this.watch(this.#at("/"), "self");
    const real = follow(root.given, step);
    root.real = Buffer.from(real, "latin1");
    // A link to the directory that it is in, or to one above.
    if (!isMissing && now === undefined && real !== "/") step(parentOf(root), nameIn(root), true);
    const last = steps.at(-1);
    root.steps = steps;
    root.led = led;
    root.isDirect =
      last?.isLink === false && last.guard.path === parentOf(root) && last.name === nameIn(root);
    this.replace(root, guards);
    return real === "/" ? look(root.real) : now;
  }

  /** Watches a name that is to be a directory. @returns What a link says, or what is there, if that leads on. */
  #pass(guard: Guard<Root>, name: string): Look | string | undefined {
    const path = pathIn(guard.path, name);
    const bytes = Buffer.from(path, "latin1");
    for (let left = MOST_ATTEMPTS; left > 0; left--) {
      const found = this.watch(this.#at(path), "self");
      if (found === "watched") return BEGUN;
      // What it becomes, and what its permissions are, is told as something of what it is in.
      this.watch(guard, "names");
      if (this.#isStart) return BEGUN;
      const now = look(bytes);
      const target = now?.kind === KIND.SYMLINK ? readLink(bytes) : undefined;
      if (target !== undefined) return target;
      if (now?.kind === KIND.DIRECTORY && found === "closed") return now;
      // What was missing was made while nobody watched for it.
      if (now?.kind !== KIND.SYMLINK && now?.kind !== KIND.DIRECTORY) return undefined;
    }
    // Whatever becomes of it is told by now.
    return undefined;
  }

  /** Watches the name of a root. @returns What a link says, or what is there. */
  #end(guard: Guard<Root>, name: string): Look | string | undefined {
    this.watch(guard, "names");
    // A link that came in its place is what the events say that it is.
    if (this.#isStart) return BEGUN;
    const path = Buffer.from(pathIn(guard.path, name), "latin1");
    for (let left = MOST_ATTEMPTS; left > 0; left--) {
      const now = look(path);
      if (now?.kind !== KIND.SYMLINK) return now;
      const target = readLink(path);
      if (target !== undefined) return target;
    }
    return undefined;
  }

  get #isStart(): boolean {
    return this.#directories.watches.start !== undefined;
  }

  /** Replaces the guards of a root. */
  replace(root: Root, guards: readonly Guard<Root>[]): void {
    const kept = new Set(guards);
    for (const guard of kept) guard.roots.add(root);
    for (const guard of this.#byPath.values()) if (!kept.has(guard)) guard.roots.delete(root);
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
  watch(guard: Guard<Root>, interest: Interest): "watched" | "closed" | "missing" {
    const { node } = guard;
    const { watches } = this.#directories;
    const { fd, handle, error } = watches.watch(node, interest);
    closeQuietly(fd);
    guard.error = error;
    if (error === undefined && handle !== 0) {
      watches.bind(node, handle);
      watches.recover(node);
      return "watched";
    }
    watches.unbind(node);
    watches.failAbove(node, error);
    const isGone = error instanceof OSError && ["ENOENT", "ENOTDIR", "ELOOP"].includes(error.code);
    return fd === -1 && isGone ? "missing" : "closed";
  }

  /** Tells of the directory of a link that can't be watched: nothing says that the link is another one. */
  #hear({ node, error }: Guard<Root>): void {
    if (isUnmarkable(error) && !this.#tree.has(node, FLAG.FAILED))
      this.#directories.watches.fail(node, error, true, true);
  }

  #at(path: string): Guard<Root> {
    let guard = this.#byPath.get(path);
    if (guard === undefined) {
      const bytes = Buffer.from(path, "latin1");
      const node = this.#directories.make(NONE, nameOf(new Uint8Array(0)), KIND.DIRECTORY, 0);
      this.#paths.anchor(node, { shown: bytes, real: bytes });
      this.#tree.set(node, FLAG.GUARD);
      guard = { path, node, roots: new Set(), error: undefined };
      this.#byPath.set(path, guard);
      this.#byNode.set(node, guard);
    }
    return guard;
  }
}

/** The path of the directory that a root is in. */
export function parentOf({ real }: Anchor): string {
  return keyOf(real, 0, Math.max(real.lastIndexOf(SLASH), 1));
}

/** Its name there, its bytes as text. */
export function nameIn({ real }: Anchor): string {
  return keyOf(real, real.lastIndexOf(SLASH) + 1);
}
