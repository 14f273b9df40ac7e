/**
 * Where a directory was that nobody knows, at the time of the event that is told now.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { linkOf } from "../../events/fanotify-link.ts";
import { closeQuietly } from "../../events/intake.ts";
import { ownName } from "../disk/own-name.ts";
import { keyOf } from "../tree/paths.ts";
import type { Sink } from "./backend.ts";
import type { FanotifyBacklog } from "./fanotify-backlog.ts";
import type { FanotifyHandles } from "./fanotify-handles.ts";
import type { FanotifyMarks } from "./fanotify-marks.ts";
import type { FanotifyPast } from "./fanotify-past.ts";

const SLASH = 0x2f;

/** How often a directory is looked for that is renamed meanwhile, or one above it. */
const MOST_LOOKS = 16;

/** Directories between one and its root: more than a path can have. */
const MOST_LEVELS = 4096;

/** Where a directory is: below another one, or a path. */
interface Whereabouts {
  readonly above: number | Uint8Array;
  readonly names: readonly Uint8Array[];
  /** What those are, if that is known. */
  readonly ids: readonly Uint8Array[];
}

/** Looks for directories. */
export class FanotifyWhereabouts {
  readonly #table: FanotifyHandles;
  readonly #marks: FanotifyMarks;
  readonly #backlog: FanotifyBacklog;
  readonly #past: FanotifyPast;

  constructor(
    table: FanotifyHandles,
    marks: FanotifyMarks,
    backlog: FanotifyBacklog,
    past: FanotifyPast,
  ) {
    this.#table = table;
    this.#marks = marks;
    this.#backlog = backlog;
    this.#past = past;
  }

  /** Whether a directory can't have been within the tree: all that are there are known, and none leaves it in what was read. */
  isOutside(key: string, sink: Sink): boolean {
    if (!sink.isEarly || sink.isReading) return false;
    if (this.#backlog.next(key, this.#past.at) !== undefined) return false;
    for (const dir of this.#backlog.renamedIn) if (this.#isKnown(dir, sink)) return false;
    return true;
  }

  /** Where a directory was. @param outside Those that are not within the tree. */
  of(key: string, sink: Sink, outside: FanotifyHandles): Whereabouts | "gone" | undefined {
    let found = this.#look(key, sink, outside);
    for (let looks = 1; looks < MOST_LOOKS; looks++) {
      const { count } = this.#backlog;
      for (const _ of this.#past.readOn());
      // What is on the disk may be later than what was read before.
      if (this.#backlog.count === count) break;
      found = this.#look(key, sink, outside);
    }
    return found;
  }

  #look(key: string, sink: Sink, outside: FanotifyHandles): Whereabouts | "gone" | undefined {
    const names: Uint8Array[] = [];
    const ids: Uint8Array[] = [];
    let at = key;
    while (names.length < MOST_LEVELS) {
      const above = this.#idOf(at);
      if (above !== 0 && sink.knows(above)) return { above, names, ids };
      const step = this.#backlog.next(at, this.#past.at);
      ids.unshift(Buffer.from(at, "latin1"));
      if (step !== undefined) {
        names.unshift(step.name);
        at = step.parent;
        continue;
      }
      const bytes = Buffer.from(at, "latin1");
      if (outside.find(bytes, 0, bytes.length) !== 0) return undefined;
      const fd = this.#marks.open(bytes);
      if (fd === -1) return "gone";
      if (fd === undefined) return undefined;
      try {
        const link = linkOf(fd);
        const path = link && (link.bytes ?? Buffer.from(link.text));
        const isSure = path !== undefined && !this.#backlog.hasRenames;
        if (isSure && !sink.covers(path)) return undefined;
        if (isSure && !sink.isEarly) return { above: path, names, ids: [] };
        // One above it may be somewhere else than it was, or its path is longer than the kernel writes down.
        const name = path?.subarray(path.lastIndexOf(SLASH) + 1) ?? ownName(fd);
        if (name === undefined || name.length === 0) return undefined;
        names.unshift(name);
        at = keyOf(this.#marks.above(fd));
      } catch (error) {
        if (error instanceof OSError) return "gone";
        throw error;
      } finally {
        closeQuietly(fd);
      }
    }
    return undefined;
  }

  #isKnown(key: string, sink: Sink): boolean {
    const id = this.#idOf(key);
    return id !== 0 && sink.knows(id);
  }

  #idOf(key: string): number {
    const bytes = Buffer.from(key, "latin1");
    return this.#table.find(bytes, 0, bytes.length);
  }
}
