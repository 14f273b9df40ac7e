/**
 * What was in directories at the time of the event that is told now: what is in them, but for what was read of them and is not told yet.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { closeQuietly } from "../../events/intake.ts";
import { ioctl_fionread } from "../../syscalls/fd.ts";
import { keyOf } from "../tree/paths.ts";
import { type Interest, type Past, RANK, type Sequel, type Step } from "./backend.ts";
import type { FanotifyBacklog } from "./fanotify-backlog.ts";
import type { FanotifyHandles } from "./fanotify-handles.ts";
import { exact, type FanotifyMarks } from "./fanotify-marks.ts";

/** Directories by what events call them. */
export class FanotifyPast implements Past {
  readonly #table: FanotifyHandles;
  readonly #marks: FanotifyMarks;
  readonly #backlog: FanotifyBacklog;
  /** Of the group. */
  readonly #fd: number;
  /** Where in the backlog the event is. */
  at = 0;
  /** Whether what was read is told at the moment. */
  isTold = false;
  /** Whether nobody wants to know any more. */
  #isOver = false;
  /** Reads all that is there by now, and stops again and again. */
  readonly readOn: () => Iterable<void>;

  constructor(
    table: FanotifyHandles,
    marks: FanotifyMarks,
    backlog: FanotifyBacklog,
    fd: number,
    readOn: () => Iterable<void>,
  ) {
    this.#table = table;
    this.#marks = marks;
    this.#backlog = backlog;
    this.#fd = fd;
    this.readOn = readOn;
  }

  during(tell: () => void): void {
    const wasTold = this.isTold;
    this.isTold = true;
    try {
      tell();
    } finally {
      this.isTold = wasTold;
      if (this.#isOver) this.end();
    }
  }

  /** Gives back what was read ahead, when nobody looks at it any more. */
  end(): void {
    this.#isOver = true;
    if (!this.isTold) this.#backlog.clear();
  }

  mark(): void {
    this.#backlog.expect(this.queued);
  }

  /** Bytes that the kernel has, as it counts them. */
  get queued(): number {
    return ioctl_fionread(this.#fd);
  }

  get isMarkTold(): boolean {
    return !this.#backlog.isExpected && this.#backlog.isEmpty;
  }

  get markAt(): number {
    return this.#backlog.markAt;
  }

  get isTorn(): boolean {
    return this.#backlog.isTorn(this.at);
  }

  get hasMore(): boolean {
    return !this.#backlog.isEmpty || this.queued > 0;
  }

  get hasSteps(): boolean {
    return this.#backlog.count > 0;
  }

  idOf(handle: number): Uint8Array {
    return exact(this.#table.key(handle));
  }

  numberOf(id: Uint8Array, interest: Interest): number {
    const handle = this.#table.add(id, 0, id.length);
    this.#table.raise(handle, RANK[interest]);
    return handle;
  }

  idOfOpen(fd: number): Uint8Array | undefined {
    return quietly(() => this.#marks.idOf(fd));
  }

  above(id: Uint8Array): Uint8Array | undefined {
    const fd = this.open(id);
    if (fd === -1) return undefined;
    try {
      return this.aboveOpen(fd);
    } finally {
      closeQuietly(fd);
    }
  }

  aboveOpen(fd: number): Uint8Array | undefined {
    return quietly(() => this.#marks.above(fd));
  }

  open(id: Uint8Array): number {
    return this.#marks.open(id) ?? -1;
  }

  step(id: Uint8Array): Step | undefined {
    return this.#backlog.step(keyOf(id), this.at);
  }

  name(limit: number): boolean {
    return this.#backlog.name(limit);
  }

  sequel(id: Uint8Array): ReadonlyMap<string, Sequel> {
    return this.#backlog.names.sequel(keyOf(id), this.at);
  }

  first(id: Uint8Array, name: Uint8Array): Sequel | undefined {
    return this.#backlog.names.first(keyOf(id), keyOf(name), this.at);
  }
}

function quietly<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof OSError) return undefined;
    throw error;
  }
}
