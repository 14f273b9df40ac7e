/**
 * Events that are lost: all that they may have told of is compared with the disk.
 *
 * @module
 */
import type { Known } from "../teller/times.ts";
import type { Node } from "../tree/node.ts";
import type { Directories } from "./directories.ts";

/** The time between an overflow and the end of what it makes necessary. */
export class Loss {
  readonly #directories: Directories;
  readonly #known: Known;
  /** When the first event was lost that may be a reason for what is still to be read: milliseconds since 1970. */
  #since = Infinity;

  constructor(directories: Directories, known: Known) {
    this.#directories = directories;
    this.#known = known;
  }

  /** Whether events were lost, and not all is compared with the disk since then. */
  get isUnderWay(): boolean {
    return this.#since !== Infinity;
  }

  /**
   * What happened since then may never be told.
   *
   * @param isTimed Whether what happened since then has later times.
   */
  begin(since: number, isTimed: boolean): void {
    if (this.#directories.isEarly) this.#directories.gap.open(isTimed ? since : -Infinity);
    this.#directories.endEarly();
    this.#known.lost(since);
    this.#since = Math.min(this.#since, since);
  }

  /** All that was not lost is told. */
  heard(): void {
    this.#known.caughtUp();
  }

  /** Something was renamed from where all is still to be compared with the disk to where it was already, perhaps. */
  moved(node: Node): void {
    if (this.isUnderWay) this.#directories.enter(node, "compare", true, this.#since);
  }

  /** All that happened is told. If all directories are read as well, nothing is lost any more. */
  end(): void {
    if (!this.isUnderWay || !this.#directories.isRead) return;
    this.#since = Infinity;
    this.#directories.gap.close();
    this.#known.found();
  }
}
