/** What processes are called. */
import { readFileSync } from "node:fs";

import type { Doer } from "../wire.ts";

/** How many names are remembered. */
const MOST = 4096;

export class Names {
  readonly #known = new Map<number, string>();
  /** Looked up in this batch of events. */
  readonly #now = new Map<number, Doer>();

  /** A new batch begins: processes may have become other programs. */
  renew(): void {
    this.#now.clear();
  }

  /** Who that is, or was when it was seen last. */
  of(pid: number | undefined): Doer | undefined {
    if (pid === undefined || pid === 0) return undefined;
    return this.#now.getOrInsertComputed(pid, () => this.#look(pid));
  }

  #look(pid: number): Doer {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd();
      if (this.#known.size >= MOST) this.#known.clear();
      this.#known.set(pid, name);
      return { pid, name };
    } catch {
      const name = this.#known.get(pid);
      return { pid, ...(name !== undefined && { name }) };
    }
  }
}
