/**
 * What is known of when files were changed: a comparison with the disk tells of what has happened since.
 *
 * @module
 */
import type { OSError } from "../../errors.ts";
import { changedAt } from "../disk/look.ts";
import type { Kind, Node } from "../tree/node.ts";
import type { PathName, Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import type { Order } from "./order.ts";
import type { Teller, Told } from "./teller.ts";

/** What the user knows of each entry that is no directory. */
export interface Known {
  /**
   * Something is told of a file in a moment: what the user does then has seen all that happened to it before.
   *
   * @param isWhole Whether that is more than its attributes: else who wants to know of its data does not look at those.
   */
  telling(node: Node, isWhole: boolean): void;
  /** Whether that is a change of a file that the user does not know, and since then if there is no other way to tell. */
  isNews(node: Node, changed: number, since: number): boolean;
  /** What happened since then may never be told: also what happened to a file after what is told of it, or will be. */
  lost(since: number): void;
  /** All that happened before that is told, but for what is lost. */
  caughtUp(): void;
  /** All that was lost is found. */
  found(): void;
  /** A file was told of as it is on the disk. */
  seen(node: Node): void;
  /** The entry is gone. */
  forget(node: Node): void;
}

/** Milliseconds since 1970 that what has happened has an earlier time than: `Date.now()` has no fraction, and the clock of file systems is behind. */
export function byNow(now: number = Date.now()): number {
  return now + 1;
}

/** Entries of a page, as a power of two. */
const PAGE = 10;

/** A time for each of some entries, 0 for the others. Nothing is copied when there are more. */
class TimeTable {
  readonly #pages: (Float64Array | undefined)[] = [];

  get(node: Node): number {
    return this.#pages[node >>> PAGE]?.[node & ((1 << PAGE) - 1)] ?? 0;
  }

  set(node: Node, time: number): void {
    const page = (this.#pages[node >>> PAGE] ??= new Float64Array(1 << PAGE));
    page[node & ((1 << PAGE) - 1)] = time;
  }

  delete(node: Node): void {
    const page = this.#pages[node >>> PAGE];
    if (page !== undefined) page[node & ((1 << PAGE) - 1)] = 0;
  }

  /** Replaces each time that is later than that. */
  replaceAfter(limit: number, by: number): void {
    for (const page of this.#pages)
      page?.forEach((time, at) => {
        if (time > limit) page[at] = by;
      });
  }
}

/**
 * When each file was changed, as far as the user was told: what a comparison finds different is news. Times are compared with those of the
 * same file alone, because another machine's clock may be any other.
 */
export class Times implements Known {
  readonly #paths: Paths;
  readonly #changed = new TimeTable();

  constructor(paths: Paths) {
    this.#paths = paths;
  }

  /** What is told of a file from now on is known up to that time. */
  note(node: Node, changed: number): void {
    this.#changed.set(node, changed);
  }

  telling(node: Node): void {
    this.note(node, changedAt(this.#paths.real(node)));
  }

  /** It is the known time then. */
  isNews(node: Node, changed: number): boolean {
    const before = this.#changed.get(node);
    this.note(node, changed);
    return before !== 0 && before !== changed;
  }

  lost(): void {}

  caughtUp(): void {}

  found(): void {}

  seen(): void {}

  forget(node: Node): void {
    this.#changed.delete(node);
  }
}

/**
 * When each file was told of, which takes no look at it. In the few milliseconds that the clock of file systems is behind, what was told
 * can't be told from what was not: it counts as told, as long as the kernel tells.
 */
export class Tellings implements Known {
  readonly #told = new TimeTable();
  /** Up to when what is told of files is known at least: `Infinity` if nothing was lost. */
  #until = Infinity;
  #isLosing = false;

  telling(node: Node, isWhole: boolean): void {
    if (this.#isLosing && !isWhole) return;
    // What is told now may be older than what was lost.
    const isLate = this.#until !== Infinity;
    this.#told.set(node, isLate ? Math.max(this.#until, this.#told.get(node)) : byNow());
  }

  isNews(node: Node, changed: number, since: number): boolean {
    const isNews = changed >= Math.max(since, this.#told.get(node));
    if (isNews) this.seen(node);
    return isNews;
  }

  lost(since: number): void {
    this.#until = since;
    this.#isLosing = true;
    this.#told.replaceAfter(since, since);
  }

  caughtUp(): void {
    this.#until = Infinity;
  }

  found(): void {
    this.#isLosing = false;
  }

  seen(node: Node): void {
    if (this.#until !== Infinity) this.#told.set(node, byNow());
  }

  forget(node: Node): void {
    this.#told.delete(node);
  }
}

/** Notes what is told of files, before it is. */
export class NotingTeller implements Teller {
  readonly #tree: Tree;
  readonly #known: Known;
  readonly #next: Teller;

  constructor(tree: Tree, known: Known, next: Teller) {
    this.#tree = tree;
    this.#known = known;
    this.#next = next;
  }

  get pid(): number | undefined {
    return this.#next.pid;
  }

  set pid(pid: number | undefined) {
    this.#next.pid = pid;
  }

  get order(): Order {
    return this.#next.order;
  }

  tell(type: Told, node: Node): void {
    if (type === "delete") this.#known.forget(node);
    else this.#note(node, type !== "attributes");
    this.#next.tell(type, node);
  }

  becoming(node: Node): void {
    this.#next.becoming(node);
  }

  moving(node: Node): void {
    this.#next.moving(node);
  }

  renamed(node: Node, from: PathName, replaced: boolean): void {
    // What it is called is no part of it.
    this.#note(node, false);
    this.#next.renamed(node, from, replaced);
  }

  forgotten(node: Node): void {
    this.#known.forget(node);
    this.#next.forgotten(node);
  }

  parting(node: Node): void {
    this.#next.parting(node);
  }

  overflow(): void {
    this.#next.overflow();
  }

  failed(path: PathName, kind: Kind, error: OSError): void {
    this.#next.failed(path, kind, error);
  }

  #note(node: Node, isWhole: boolean): void {
    if (!this.#tree.isDirectory(node)) this.#known.telling(node, isWhole);
  }
}
