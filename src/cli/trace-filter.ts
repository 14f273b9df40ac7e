/**
 * What `butter trace` prints, out of what its marks tell, and who did it.
 *
 * @module
 */
import type { FanotifyEvent } from "../index.ts";
import { type Doer, processName } from "./process-name.ts";
import { Tree } from "./real-path.ts";
import type { TraceOptions } from "./trace-options.ts";

/** How many names of processes are remembered. */
const MOST_NAMES = 4096;

const UNSEEN: Doer = { pid: undefined, name: undefined };

/** What was asked for, out of what the marks tell. */
export class TraceFilter {
  readonly #options: TraceOptions;
  /** `undefined` is everything, also what has no path. */
  readonly #tree: Tree | undefined;
  /** By number: few enough that none is used again for another process. */
  readonly #names = new Map<number, Uint8Array>();

  constructor(path: Uint8Array, options: TraceOptions) {
    this.#options = options;
    const all = options.scope !== "below" || Buffer.from(path).toString() === "/";
    this.#tree = all ? undefined : new Tree(path);
  }

  *select(batch: readonly FanotifyEvent[]): Generator<[event: FanotifyEvent, doer: Doer]> {
    // A process has one name in one batch. All are learned before anything is printed, also of processes that did
    // nothing yet that was asked for: many are gone a moment later.
    const doers = new Map<number | undefined, Doer>();
    for (const event of batch) {
      const { pid } = event;
      if (!doers.has(pid)) doers.set(pid, { pid, name: this.#nameOf(event) });
    }
    for (const event of batch) {
      const doer = doers.get(event.pid) ?? UNSEEN;
      if (event.isOverflow || (this.#isDoer(doer) && this.#isPlace(event))) yield [event, doer];
    }
  }

  /** What a process is called, or was when it was seen last. */
  #nameOf({ pid, events }: FanotifyEvent): Uint8Array | undefined {
    if (pid === undefined) return undefined;
    const names = this.#names;
    const name = processName(pid);
    if (name !== undefined) {
      if (names.size >= MOST_NAMES) names.clear();
      names.set(pid, name);
      return name;
    }
    // It became another program since.
    if (events.has("open-exec")) names.delete(pid);
    return names.get(pid);
  }

  #isPlace(event: FanotifyEvent): boolean {
    const tree = this.#tree;
    return (
      tree === undefined ||
      tree.relative(event.path, event.pathBytes) !== undefined ||
      tree.relative(event.oldPath) !== undefined
    );
  }

  #isDoer({ pid, name }: Doer): boolean {
    const { pids, names } = this.#options;
    if (pids.size === 0 && names.size === 0) return true;
    if (pid !== undefined && pids.has(pid)) return true;
    return name !== undefined && names.has(new TextDecoder().decode(name));
  }
}
