/**
 * Snapshots in files: what `butter watch --snapshot` writes, and `--since` reads.
 *
 * @module
 */
import {
  accessSync,
  constants,
  lstatSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";

import {
  changesSince,
  OSError,
  type Snapshot,
  snapshot,
  type SnapshotOptions,
  type WatchEvent,
  type WatchStats,
} from "../index.ts";
import { faultsOf } from "../watch/snapshot/faults.ts";
import { FileError, UsageError } from "./command.ts";
import { Busy } from "./progress.ts";

/** By absolute path, so that it doesn't matter from where they are named. */
type Snapshots = Readonly<Record<string, Snapshot>>;

/** A file with the snapshots of some paths. */
export class SnapshotFile {
  readonly #file: string;
  readonly #paths: readonly string[];
  readonly #options: SnapshotOptions;
  readonly #quiet: boolean;

  /**
   * @param quiet Whether nothing is said of how long it takes.
   * @throws {UsageError} A path is not UTF-8.
   */
  constructor(
    file: string,
    paths: readonly (string | Uint8Array)[],
    options: SnapshotOptions,
    quiet: boolean = false,
  ) {
    this.#file = file;
    this.#quiet = quiet;
    this.#paths = paths.map((path) => {
      if (typeof path === "string") return path;
      throw new UsageError("Cannot take a snapshot of a path that is not UTF-8");
    });
    this.#options = options;
  }

  /**
   * Reads the file, which must have all paths.
   *
   * @throws {FileError} It can't be read, or is something else.
   */
  read(): readonly Snapshot[] {
    let text: string;
    try {
      text = readFileSync(this.#file, "utf8");
    } catch (error) {
      throw this.#cannot("read", error);
    }
    const found = parsed(text);
    if (typeof found === "string") throw this.#refusal(`is no snapshot: ${found}`);
    return this.#paths.map((path) => {
      const key = resolve(path);
      if (!Object.hasOwn(found, key))
        throw this.#refusal(
          `has no snapshot of ${JSON.stringify(path)}, but of ${listOf(Object.keys(found))}`,
        );
      const fault = faultIn(found[key]);
      if (fault !== undefined) throw this.#refusal(`is no snapshot: ${fault}`);
      return { ...(found[key] as Snapshot), path };
    });
  }

  /** What is different from a snapshot of {@linkcode read}. */
  async changes(before: Snapshot): Promise<readonly WatchEvent[]> {
    using _busy = this.#busy("Comparing with the snapshot");
    return await changesSince(before, this.#options);
  }

  /** What is there now. A path that is not there is remembered as that. */
  async take(): Promise<Snapshots> {
    using _busy = this.#busy("Taking the snapshot");
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

  /**
   * Finds out at the start what would be found out at the end, when what was watched is over.
   *
   * @throws {FileError} The file can't be written there.
   */
  checkPlace(): void {
    try {
      const file = resolve(this.#file);
      if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true)
        throw new Error("it is a directory");
      accessSync(dirname(file), constants.W_OK | constants.X_OK);
    } catch (error) {
      throw this.#cannot("write", error);
    }
  }

  #busy(what: string): Disposable | undefined {
    return this.#quiet ? undefined : new Busy(what);
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

  #refusal(why: string): FileError {
    return new FileError(`Cannot take --since: ${this.#name} ${why}`);
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

/** An event with what is known of its entry now: a snapshot has less than `--stats` prints. */
export function withStats(event: WatchEvent): WatchEvent {
  if (event.type === "delete") return event;
  const { pathBytes } = event;
  const path = pathBytes === undefined ? event.path : Buffer.from(pathBytes);
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return event;
  const { size, ino } = stat;
  const [mode, nlink, uid, gid] = [stat.mode, stat.nlink, stat.uid, stat.gid].map(Number);
  const [mtimeMs, ctimeMs] = [stat.mtimeNs, stat.ctimeNs].map((time) => Number(time) / 1e6);
  return { ...event, stats: { size, ino, mode, nlink, uid, gid, mtimeMs, ctimeMs } as WatchStats };
}

const temporary = (file: string): string => `${file}.tmp`;

const listOf = (paths: readonly string[]): string =>
  paths.length === 0 ? "nothing" : paths.map((path) => JSON.stringify(path)).join(", ");

/** Why this is no file of snapshots; else what is in it. */
function parsed(text: string): string | Readonly<Record<string, unknown>> {
  if (text.trim() === "") return "it is empty";
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === "object" && found !== null && !Array.isArray(found)) return { ...found };
    return "it is JSON of something else";
  } catch (error) {
    return `it is cut off, or no JSON (${error instanceof Error ? error.message : error})`;
  }
}

/** What is wrong with one of them. */
function faultIn(found: unknown): string | undefined {
  const looking = faultsOf(found);
  for (;;) {
    const { done, value } = looking.next();
    if (done === true) return value;
  }
}
