/**
 * Halves of renames. The kernel reports that an entry left one directory, and that it came to another, one after the
 * other, but not always in one read; and nothing follows if it left for a place that is not watched.
 * Two that change places at once are two renames, and the second one is of what seemed to be gone.
 *
 * @module
 */
import type { RawEvent } from "../backend/backend.ts";
import { folded } from "../disk/naming.ts";
import { FLAG, type NameBytes, type Node, NONE } from "../tree/node.ts";
import { copyOf, keyOf, nameOf } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";

/** Milliseconds for which an entry that left is waited for elsewhere. */
export const HOLD = 40;

/** An entry that left, and may come back elsewhere. */
export interface Held {
  readonly node: Node;
  /** When it left, as `performance.now()` has it. */
  readonly at: number;
  /** What happened below it meanwhile. */
  readonly deferred: { readonly dir: Node; readonly event: RawEvent }[];
}

/** The same, with how it is found. */
interface Waiting extends Held {
  readonly cookie: number;
  readonly place: string;
  readonly ino: number;
}

/** The halves that wait for their others. */
export class Moves {
  readonly #tree: Tree;
  /** More than one for a cookie, if several paths lead to the directory. */
  readonly #held = new Map<number, Waiting[]>();
  /** The same by the place that they left. */
  readonly #places = new Map<string, Waiting[]>();
  /** The same by their inodes. */
  readonly #inos = new Map<number, Waiting[]>();
  /** What took the place of another one a moment ago, or so it seemed, and when: what an exchange does is two events. */
  readonly #replacing = new Map<Node, number>();

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Keeps an entry until it is taken. It stays where it was, but no name leads to it. */
  hold(cookie: number, node: Node): void {
    this.#tree.conceal(node);
    const place = placeOf(this.#tree.parent(node), nameOf(this.#tree.name(node)));
    const ino = this.#tree.ino(node);
    const held = { node, at: performance.now(), deferred: [], cookie, place, ino };
    add(this.#held, cookie, held);
    add(this.#places, place, held);
    add(this.#inos, ino, held);
  }

  /**
   * The half that waits for this one: the first of the same kind, if there are more.
   *
   * @param dir The directory that it came to, or in which nobody wants it: in one above roots, what left such a one is of the same kind.
   * @param isShared Whether that directory is known as something else as well, which takes the others.
   */
  take(cookie: number, dir: Node, isShared: boolean): Held | undefined {
    if (this.#held.size === 0) return undefined;
    const all = this.#held.get(cookie) ?? [];
    const isAbove = this.#tree.has(dir, FLAG.GUARD);
    const isSame = ({ node }: Held): boolean =>
      this.#tree.has(this.#tree.parent(node), FLAG.GUARD) === isAbove;
    let at = all.findIndex(isSame);
    if (at === -1 && !(isAbove && isShared)) at = 0;
    const held = at === -1 ? undefined : all[at];
    if (held !== undefined) this.#release(held);
    return held;
  }

  /** Whether a half waits for that one. */
  hasCookie(cookie: number): boolean {
    return this.#held.has(cookie);
  }

  /** Something has the place of another one: if what left it comes to be told, that is the other one. */
  replaced(node: Node): void {
    this.#replacing.delete(node);
    this.#replacing.set(node, performance.now());
  }

  /** Whether an entry took the place of another one a moment ago. */
  hasReplaced(node: Node): boolean {
    return this.#replacing.has(node);
  }

  /** Nothing is left to read: of an exchange long ago both halves were. */
  emptied(): void {
    if (this.#replacing.size === 0) return;
    const limit = performance.now() - HOLD;
    for (const [node, since] of this.#replacing) {
      if (since > limit) return;
      this.#replacing.delete(node);
    }
  }

  /** Forgets an entry. */
  forget(node: Node): void {
    this.#replacing.delete(node);
    const held = this.#waiting(node);
    if (held !== undefined) this.#release(held);
  }

  /** An entry that left long before that, the first one first, or `NONE`. */
  expired(now: number): Node {
    const limit = now - HOLD;
    for (const [first] of this.#held.values())
      return first !== undefined && first.at <= limit ? first.node : NONE;
    return NONE;
  }

  /** An entry that left, and whose name is used again: its other half does not come. */
  at(dir: Node, name: NameBytes): Node {
    if (this.#held.size === 0) return NONE;
    for (const { node } of this.#places.get(placeOf(dir, name)) ?? [])
      if (this.#tree.isAt(node, dir, name)) return node;
    return NONE;
  }

  /** An entry that left a place by another spelling of its name, and is not what comes, or `NONE`. */
  alike(dir: Node, name: NameBytes, cookie: number): Node {
    const common = folded(keyOf(name.bytes, name.start, name.end));
    for (const all of this.#held.values())
      for (const held of all) {
        if (this.#tree.parent(held.node) !== dir || held.cookie === cookie) continue;
        if (folded(keyOf(this.#tree.name(held.node))) === common) return held.node;
      }
    return NONE;
  }

  /** An entry that left and has that inode, or `NONE`. */
  withIno(ino: number): Node {
    return ino === 0 ? NONE : (this.#inos.get(ino)?.[0]?.node ?? NONE);
  }

  /** What left and is an entry, or has it in it, and is still waited for, or `NONE`. */
  above(node: Node): Node {
    return this.#waiting(this.#top(node))?.node ?? NONE;
  }

  /** Keeps an event of a directory whose place is not known now. */
  defer(dir: Node, event: RawEvent): boolean {
    if (this.#held.size === 0) return false;
    const top = this.#top(dir);
    if (top === NONE) return false;
    const name = copyOf(event.name);
    for (const all of this.#held.values())
      for (const held of all)
        if (held.node === top)
          held.deferred.push({ dir, event: { ...event, name, look: undefined } });
    return true;
  }

  /** What left, or was given up and is on its way, and is an entry or has it in it. */
  #top(node: Node): Node {
    let top = node;
    while (top !== NONE && !this.#tree.has(top, FLAG.HELD)) top = this.#tree.parent(top);
    return top;
  }

  #waiting(node: Node): Waiting | undefined {
    if (node === NONE || !this.#tree.has(node, FLAG.HELD)) return undefined;
    const place = placeOf(this.#tree.parent(node), nameOf(this.#tree.name(node)));
    return this.#places.get(place)?.find((one) => one.node === node);
  }

  #release(held: Waiting): void {
    remove(this.#held, held.cookie, held);
    remove(this.#places, held.place, held);
    remove(this.#inos, held.ino, held);
  }
}

function placeOf(dir: Node, { bytes, start, end }: NameBytes): string {
  return `${dir}/${keyOf(bytes, start, end)}`;
}

function add<K>(map: Map<K, Waiting[]>, key: K, held: Waiting): void {
  const others = map.get(key);
  if (others === undefined) map.set(key, [held]);
  else others.push(held);
}

function remove<K>(map: Map<K, Waiting[]>, key: K, held: Waiting): void {
  const all = map.get(key) ?? [];
  const at = all.indexOf(held);
  if (at !== -1) all.splice(at, 1);
  if (all.length === 0) map.delete(key);
}
