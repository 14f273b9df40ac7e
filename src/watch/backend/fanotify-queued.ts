/**
 * What is still to be read of what a group had queued at some time. The kernel says how many bytes that is (`FIONREAD`), but some
 * kernels count the heads of events alone, and others all that is read of them: which of the two is learned from events.
 *
 * @module
 */
import { FAN_EVENT_METADATA_LEN } from "../../syscalls/fanotify-records.ts";

/** What is counted of an event, if that is known. It is the same for all groups of a kernel. */
export interface Counting {
  way: "heads" | "all" | undefined;
}

const kernel: Counting = { way: undefined };

/** Counts down. An event is longer than its head: what is counted by heads lasts longer than it does. */
export class FanotifyQueued {
  readonly #counting: Counting;
  /** Bytes that are left if heads are counted, and if all is. */
  #heads = 0;
  #all = 0;
  /** Whether events have made exactly as many: it may be chance. */
  #isAmbiguous = false;

  constructor(counting: Counting = kernel) {
    this.#counting = counting;
  }

  /** @param bytes What the kernel has now. */
  expect(bytes: number): void {
    this.#heads = this.#all = bytes;
    this.#isAmbiguous = false;
    // No number of heads makes so many.
    if (bytes % FAN_EVENT_METADATA_LEN !== 0) this.#counting.way = "all";
  }

  /** Whether some of it is still to be read. */
  get isExpected(): boolean {
    return (this.#counting.way === "all" ? this.#all : this.#heads) > 0;
  }

  /**
   * An event was read.
   *
   * @param length Its bytes.
   * @returns Whether it was the last one.
   */
  passed(length: number): boolean {
    if (!this.isExpected) return false;
    this.#heads -= FAN_EVENT_METADATA_LEN;
    this.#all -= length;
    if (this.#counting.way === undefined) this.#learn();
    return !this.isExpected;
  }

  #learn(): void {
    if (this.#all === 0) this.#isAmbiguous = true;
    else if (this.#all < 0 && !this.#isAmbiguous) this.#counting.way = "heads";
  }
}
