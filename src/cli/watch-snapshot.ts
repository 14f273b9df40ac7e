/**
 * Snapshots in files: what `butter watch --snapshot` writes, and `--since` reads.
 *
 * @module
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

import {
  changesSince,
  OSError,
  type Snapshot,
  snapshot,
  type SnapshotOptions,
  type WatchEvent,
} from "../index.ts";
import { FileError, UsageError } from "./command.ts";

/** By absolute path, so that it doesn't matter from where they are named. */
type Snapshots = Readonly<Record<string, Snapshot>>;

/** A file with the snapshots of some paths. */
export class SnapshotFile {
  readonly #file: string;
  readonly #paths: readonly string[];
  readonly #options: SnapshotOptions;

  /** @throws {UsageError} A path is not UTF-8. */
  constructor(file: string, paths: readonly (string | Uint8Array)[], options: SnapshotOptions) {
    this.#file = file;
    this.#paths = paths.map((path) => {
      if (typeof path === "string") return path;
      throw new UsageError("Cannot take a snapshot of a path that is not UTF-8");
    });
    this.#options = options;
  }

  /** Reads the file, which must have all paths. */
  read(): readonly Snapshot[] {
    let text: string;
    try {
      text = readFileSync(this.#file, "utf8");
    } catch (error) {
      throw this.#cannot("read", error);
    }
    const found = parsed(text);
    if (found === undefined)
      throw new FileError(`Cannot take --since: ${this.#name} is no snapshot`);
    return this.#paths.map((path) => {
      const before = found[resolve(path)];
      if (before !== undefined) return { ...before, path };
      throw new FileError(
        `Cannot take --since: ${this.#name} has no snapshot of ${JSON.stringify(path)}`,
      );
    });
  }

  /** What is different from a snapshot of {@linkcode read}. */
  async changes(before: Snapshot): Promise<readonly WatchEvent[]> {
    try {
      return await changesSince(before, this.#options);
    } catch (error) {
      // Something that has a version and a path, and is not what it seems.
      if (!(error instanceof TypeError)) throw error;
      throw new FileError(`Cannot take --since: ${this.#name} is no snapshot`, { cause: error });
    }
  }

  /** What is there now. A path that is not there is remembered as that. */
  async take(): Promise<Snapshots> {
    const taken: Record<string, Snapshot> = {};
    for (const path of this.#paths) taken[resolve(path)] = await this.#snapshot(path);
    return taken;
  }

  /** Writes the file: all of it, or what was there stays. */
  write(taken: Snapshots): void {
    const half = temporary(this.#file);
    try {
      writeFileSync(half, `${JSON.stringify(taken)}\n`);
      renameSync(half, this.#file);
    } catch (error) {
      throw this.#cannot("write", error);
    }
  }

  get #name(): string {
    return JSON.stringify(this.#file);
  }

  async #snapshot(path: string): Promise<Snapshot> {
    try {
      return await snapshot(path, this.#options);
    } catch (error) {
      if (error instanceof OSError && error.code === "ENOENT")
        return { version: 1, path, tree: undefined };
      throw error;
    }
  }

  #cannot(what: string, error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    return new FileError(`Cannot ${what} ${this.#name}: ${error.message}`, { cause: error });
  }
}

/** Whether an event is about one of these files, or what they are while they are written. */
export function isAbout(event: WatchEvent, files: readonly (string | undefined)[]): boolean {
  const path = resolve(event.path);
  return files.some(
    (file) => file !== undefined && (path === resolve(file) || path === resolve(temporary(file))),
  );
}

const temporary = (file: string): string => `${file}.tmp`;

/** `undefined` if it is not what {@linkcode SnapshotFile.write} writes. */
function parsed(text: string): Snapshots | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null ? (found as Snapshots) : undefined;
  } catch {
    return undefined;
  }
}
