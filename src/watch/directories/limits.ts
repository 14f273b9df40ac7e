/**
 * Directories that could not be opened or watched because of a limit: they are tried again, one at first, and all others when
 * that meets it no more.
 *
 * @module
 */
import { type Node, NONE } from "../tree/node.ts";

/** Milliseconds after which what met a limit is tried again. */
const RETRY = 1000;

/** What met a limit. */
export class Limits {
  /** Limits that were told of. */
  readonly #told = new Set<string>();
  /** What met one, and when: milliseconds since 1970. */
  readonly #limited = new Map<Node, number>();
  #retryAt = Infinity;
  /** Tried again, to find out whether the others should be, and how many may follow it if it is not there. */
  #probed: Node = NONE;
  #probes = 0;
  /** Whether all of them are tried again, since one of them met no limit. */
  #isOver = false;
  /** Called for a directory that is to be tried again. */
  onRetry: (node: Node, since: number) => void = () => {};

  /** When something is to be tried again, as `performance.now()` has it, or `Infinity`. */
  get retryAt(): number {
    return this.#retryAt;
  }

  /** Remembers what met a limit. @returns Whether nobody was told of that limit yet. */
  met(node: Node, code: string): boolean {
    if (!this.#limited.has(node)) this.#limited.set(node, Date.now());
    this.#retryAt = Math.min(this.#retryAt, performance.now() + RETRY);
    this.#isOver = false;
    if (node === this.#probed) this.#probed = NONE;
    if (this.#told.has(code)) return false;
    this.#told.add(code);
    return true;
  }

  /**
   * Something is watched.
   *
   * @returns Since when a limit was in its way, or `Infinity` if none was.
   */
  passed(node: Node): number {
    const since = this.#limited.get(node);
    if (since === undefined) return Infinity;
    this.#limited.delete(node);
    this.#told.clear();
    if (this.#limited.size === 0) this.#retryAt = Infinity;
    if (this.#isOver) return since;
    this.#isOver = true;
    // Those of now: it may change meanwhile.
    const others = [...this.#limited];
    for (const other of others) this.onRetry(...other);
    return since;
  }

  /** Something is not where it is said to be: if it was tried for all of them, another one is. */
  lost(node: Node): void {
    if (node !== this.#probed) return;
    this.#probed = NONE;
    this.#probe();
  }

  /** An entry is gone. */
  forget(node: Node): void {
    this.#limited.delete(node);
  }

  /** Tries one of them, if it is time. If that goes well, the others follow. */
  retry(now: number): void {
    if (now < this.#retryAt) return;
    const { size } = this.#limited;
    this.#retryAt = size === 0 ? Infinity : performance.now() + RETRY;
    this.#probes = size;
    this.#isOver = false;
    this.#probe();
  }

  /** Limits that were told of are told of again. */
  forgive(): void {
    this.#told.clear();
  }

  /** Tries one; next time it is another one, for this one may not be there any more. */
  #probe(): void {
    const [first] = this.#limited;
    if (first === undefined || this.#probes-- <= 0) return;
    const [node, since] = first;
    this.#limited.delete(node);
    this.#limited.set(node, since);
    this.#probed = node;
    this.onRetry(node, since);
  }
}
