/**
 * Entries that leave, from the bottom up with all that was in them. If that is very much, it is told in slices, between which the
 * event loop turns and who reads can catch up. Until all of it is told nothing more is read: neither events nor directories.
 *
 * @module
 */
import type { Teller } from "../teller/teller.ts";
import { FLAG, type Node, NONE } from "../tree/node.ts";
import type { Tree } from "../tree/tree.ts";

/** What becomes of an entry when all below it is gone. */
type End =
  /** It is told as deleted. */
  | "told"
  /** It goes without a word. */
  | "forgotten"
  /** It stays. */
  | "kept";

/** Something that leaves. */
interface Departure {
  readonly top: Node;
  /** Whether what is below it is told as deleted. */
  readonly loud: boolean;
  readonly end: End;
  /** Who did it, if that is known. */
  readonly pid: number | undefined;
  /** What goes next, or is above that. */
  at: Node;
}

/** Who knows the entries that leave. */
interface Owner {
  /** An entry goes that has nothing in it any more. */
  forget(node: Node, loud: boolean): void;
  /**
   * Reads some of what was in a directory, if that is not known and can be told.
   *
   * @returns Whether there was nothing to be read.
   */
  isRead(node: Node): boolean;
  /** An entry is on its way, and no name leads to it any more. */
  parting(node: Node): void;
  /** What was in a directory above roots is gone. */
  cleared(guard: Node): void;
}

/** Entries that leave in one turn of the event loop before others wait. */
const AT_ONCE = 128;

/** Entries between two looks at the time. */
const STEP = 32;

/** What it takes to read a directory, in entries. */
const READ = 16;

/** Lets entries leave. */
export class Departures {
  readonly #tree: Tree;
  readonly #teller: Teller;
  readonly #owner: Owner;
  readonly #waiting: Departure[] = [];
  /** Entries that may leave before the time is looked at, and until when they may. */
  #left = AT_ONCE;
  #limit = -Infinity;
  #isWalking = false;

  constructor(tree: Tree, teller: Teller, owner: Owner) {
    this.#tree = tree;
    this.#teller = teller;
    this.#owner = owner;
  }

  /** Whether something leaves in slices: what is told now comes behind it. */
  get isUnderWay(): boolean {
    return this.#waiting.length > 0;
  }

  /** Whether an entry is among what leaves in slices. */
  isLeaving(node: Node): boolean {
    return this.#waiting.some(({ top }) => this.#tree.isWithin(node, top));
  }

  /** Lets an entry leave, or all that is below it. */
  begin(top: Node, loud: boolean, end: End): void {
    const departure = { top, loud, end, pid: this.#teller.pid, at: top };
    // Most are files, or are known to be empty: nothing of them can wait.
    const isAlone = this.#tree.isEmpty(top) && !(loud && this.#tree.isDirectory(top));
    if (isAlone) return this.#end(departure);
    if (this.#isWalking) return this.#finish(departure);
    if (this.#walk(departure)) return this.#end(departure);
    if (loud) this.#teller.moving(top);
    if (end !== "kept") {
      this.#owner.parting(top);
      if (!this.#tree.has(top, FLAG.HELD)) this.#tree.conceal(top);
    }
    this.#teller.order.split();
    this.#waiting.push(departure);
  }

  /** Forgets all that is below an entry, now. */
  clear(top: Node): void {
    this.#finish({ top, loud: false, end: "kept", pid: undefined, at: top });
  }

  /**
   * Goes on for a while.
   *
   * @param limit As `performance.now()` has it.
   */
  run(limit: number): void {
    this.#left = 0;
    this.#limit = limit;
    for (let [departure] = this.#waiting; departure !== undefined; [departure] = this.#waiting) {
      const { pid } = departure;
      const part = departure;
      this.#teller.pid = pid;
      const isOver = this.#teller.order.part(() => this.#walk(part) && this.#over(part));
      this.#teller.pid = undefined;
      if (!isOver) break;
    }
    this.#left = AT_ONCE;
    this.#limit = -Infinity;
  }

  /** Nobody wants to know any more. */
  end(): void {
    this.#waiting.length = 0;
  }

  /** The first of those that wait has nothing below it any more. */
  #over(departure: Departure): boolean {
    this.#waiting.shift();
    const dir = this.#tree.parent(departure.top);
    this.#end(departure);
    if (this.#tree.has(dir, FLAG.GUARD)) this.#owner.cleared(dir);
    return true;
  }

  #end({ top, end }: Departure): void {
    if (end !== "kept") this.#owner.forget(top, end === "told");
  }

  /** Lets an entry leave whose place is another's in a moment, however much is below it. */
  #finish(departure: Departure): void {
    const [left, limit, isWalking] = [this.#left, this.#limit, this.#isWalking];
    this.#limit = Infinity;
    this.#walk(departure);
    this.#end(departure);
    [this.#left, this.#limit, this.#isWalking] = [left, limit, isWalking];
  }

  /** Goes on from where it was. @returns Whether all below the entry is gone. */
  #walk(departure: Departure): boolean {
    const { top, loud } = departure;
    const tree = this.#tree;
    let { at } = departure;
    this.#isWalking = true;
    let isOver = false;
    while (!isOver && this.#mayGoOn()) {
      if (loud && !this.#isRead(at)) continue;
      if (!loud) tree.discard(at);
      const child = tree.first(at);
      if (child !== NONE) at = child;
      else if (at === top) isOver = true;
      else {
        const node = at;
        at = tree.parent(at);
        this.#owner.forget(node, loud);
        this.#left--;
      }
    }
    this.#isWalking = false;
    departure.at = at;
    return isOver;
  }

  #isRead(node: Node): boolean {
    const { size } = this.#tree;
    if (this.#owner.isRead(node)) return true;
    this.#left -= READ + Math.max(0, this.#tree.size - size);
    return false;
  }

  #mayGoOn(): boolean {
    if (this.#left > 0) return true;
    if (performance.now() >= this.#limit) return false;
    this.#left = STEP;
    return true;
  }
}
