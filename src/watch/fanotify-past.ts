/**
 * What was in directories at the time of the event that is told now: what is in them, but for what was read of them and is not told yet.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import type { Past, Sequel } from "./backend.ts";
import type { FanotifyBacklog } from "./fanotify-backlog.ts";
import { exact, type FanotifyMarks } from "./fanotify-marks.ts";
import type { HandleTable } from "./handle-table.ts";
import { keyOf } from "./paths.ts";

/** Directories by what events call them. */
export class FanotifyPast implements Past {
  readonly #table: HandleTable;
  readonly #marks: FanotifyMarks;
  readonly #backlog: FanotifyBacklog;
  /** Where in the backlog the event is. */
  at = 0;

  constructor(table: HandleTable, marks: FanotifyMarks, backlog: FanotifyBacklog) {
    this.#table = table;
    this.#marks = marks;
    this.#backlog = backlog;
  }

  idOf(handle: number): Uint8Array {
    return exact(this.#table.key(handle));
  }

  idOfOpen(fd: number): Uint8Array | undefined {
    try {
      return this.#marks.idOf(fd);
    } catch (error) {
      if (error instanceof OSError) return undefined;
      throw error;
    }
  }

  open(id: Uint8Array): number {
    return this.#marks.open(id) ?? -1;
  }

  sequel(id: Uint8Array): ReadonlyMap<string, Sequel> {
    return this.#backlog.sequel(keyOf(id), this.at);
  }
}
