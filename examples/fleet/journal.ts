/** What an agent keeps on disk: a tree as it was told up to some number, and the events since. */
import { appendFileSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";

import type { SnapshotTree, WatchEvent } from "bun-butter";

/** What was told up to a number. */
interface Checkpoint {
  readonly seq: number;
  readonly tree?: SnapshotTree | undefined;
}

/** An event, as the stream and the journal have it. */
export interface Letter {
  readonly seq: number;
  readonly event: WatchEvent;
}

export class Journal {
  readonly #file: string;
  readonly #log: string;

  constructor(file: string) {
    this.#file = file;
    this.#log = `${file}.log`;
  }

  read(): { readonly checkpoint: Checkpoint; readonly letters: readonly Letter[] } {
    const text = contentOf(this.#file);
    const checkpoint: Checkpoint = text === "" ? { seq: 0 } : JSON.parse(text);
    const log = contentOf(this.#log);
    // Half a line at the end is of an event that nobody was told of.
    const whole = log.slice(0, log.lastIndexOf("\n") + 1);
    if (whole !== log) truncateSync(this.#log, Buffer.byteLength(whole));
    const letters = whole.split("\n").slice(0, -1);
    const isNew = ({ seq }: Letter): boolean => seq > checkpoint.seq;
    return { checkpoint, letters: letters.map((line) => JSON.parse(line)).filter(isNew) };
  }

  append(letters: readonly Letter[]): void {
    appendFileSync(this.#log, letters.map((letter) => `${textOf(letter)}\n`).join(""));
  }

  /** In place of all that it has. If it ends in between, the old events are known by their numbers. */
  replace(checkpoint: Checkpoint): void {
    writeFileSync(`${this.#file}.tmp`, JSON.stringify(checkpoint), { flush: true });
    renameSync(`${this.#file}.tmp`, this.#file);
    writeFileSync(this.#log, "");
  }
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** Bytes of names that are not UTF-8 are arrays, errors are what they say. */
export function textOf(value: Letter | WatchEvent): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Uint8Array) return [...inner];
    return inner instanceof Error ? inner.message : inner;
  });
}
