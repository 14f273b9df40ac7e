/**
 * Directories for the time of a test.
 *
 * @module
 */
import { chmodSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import { checkNames, type OptionNames } from "../events/options.ts";
import {
  contentOf,
  levelOf,
  namesOf,
  plant,
  plantFile,
  readLevel,
  type TreeContent,
} from "./tree-content.ts";
import { makeDirectory, removeDirectory } from "./tree-place.ts";

/** Options of {@linkcode tempTree}. */
export interface TempTreeOptions {
  /**
   * The directory that it is made in.
   *
   * @default A tmpfs in which programs can be run (`os.tmpdir()`, else `/dev/shm`), or `os.tmpdir()` if there is none.
   */
  readonly parent?: string;
}

const optionNames: OptionNames<TempTreeOptions> = { parent: true };

/**
 * A directory that is removed with all that is in it: see {@linkcode tempTree}. Paths are relative to it, and none leads out
 * (`RangeError`). What fails throws as `node:fs` does.
 */
export class TempTree implements Disposable, AsyncDisposable {
  /** Where it is, absolute and without symbolic links. */
  readonly path: string;
  #isDisposed = false;

  /** What {@linkcode tempTree} does. */
  constructor(content: TreeContent = {}, options: TempTreeOptions = {}) {
    checkNames(options, optionNames);
    const { parent } = options;
    if (parent !== undefined && (typeof parent !== "string" || parent === ""))
      throw new TypeError(`Cannot take parent: ${Bun.inspect(parent)} is not a path`);
    const level = levelOf(content);
    this.path = makeDirectory(parent);
    try {
      plant(this.path, level);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The absolute path of what is at a path within the tree, whether anything is there or not. */
  at(path: string): string {
    return join(this.path, ...namesOf(path));
  }

  /** Writes a file, and makes the directories that it is in. */
  write(path: string, content: string | Uint8Array): void {
    plantFile(this.at(path), content);
  }

  /** Makes what a {@linkcode TreeContent} has in it. Files that are there are written anew. */
  plant(content: TreeContent): void {
    plant(this.path, levelOf(content));
  }

  /** Adds to the end of a file. */
  append(path: string, content: string | Uint8Array): void {
    plantFile(this.at(path), content, "a");
  }

  /** A file's text. */
  read(path: string): string {
    return readFileSync(this.at(path), "utf8");
  }

  /** A file's bytes. */
  bytes(path: string): Uint8Array {
    return readFileSync(this.at(path));
  }

  /** Makes a directory, with those that it is in. Nothing if it is there. */
  mkdir(path: string): void {
    mkdirSync(this.at(path), { recursive: true });
  }

  /** Gives something another name. */
  rename(from: string, to: string): void {
    renameSync(this.at(from), this.at(to));
  }

  /** Removes a file, or a directory with all that is in it. Nothing if it is not there. */
  remove(path: string): void {
    const absolute = this.at(path);
    if (absolute === this.path)
      throw new RangeError(
        `Cannot take path: ${JSON.stringify(path)} is the tree itself, which is removed at its end`,
      );
    rmSync(absolute, { recursive: true, force: true });
  }

  /** Sets permissions: `0o755` makes a program of a script. */
  chmod(path: string, mode: number): void {
    chmodSync(this.at(path), mode);
  }

  /** Whether something is there: a link that leads nowhere is. */
  has(path: string): boolean {
    return lstatSync(this.at(path), { throwIfNoEntry: false }) !== undefined;
  }

  /** All that is in it now, as {@linkcode tempTree} takes it. Files that are not UTF-8 are bytes; pipes, sockets and devices are left out. */
  tree(): TreeContent {
    return contentOf(readLevel(this.path));
  }

  /** Removes it. Twice is nothing. */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    removeDirectory(this.path);
    this.#isDisposed = true;
  }

  /** Removes it. Twice is nothing. */
  [Symbol.asyncDispose](): Promise<void> {
    // At once: what is in the tree is small, and a test that ends has nothing else to do.
    return new Promise((resolve) => {
      this[Symbol.dispose]();
      resolve();
    });
  }
}

/**
 * Makes a directory for the time of a test, with these files in it, and removes it whatever happens: when it is disposed, or when the
 * process exits. `bun test` ends without telling anybody, and so does a process that is killed: what was not disposed
 * is removed by the next process that makes a tree.
 *
 * It is in memory (tmpfs) where there is one in which programs can be run.
 *
 * @throws {TypeError} A path or a content is none.
 * @throws {RangeError} A path leads out of the tree.
 *
 * @example
 * ```ts
 * import { tempTree } from "bun-butter/testing";
 *
 * await using dir = await tempTree({ "a.txt": "hello", "src/": {} });
 * await Bun.$`cat a.txt a.txt > src/b.txt`.cwd(dir.path);
 * console.log(dir.tree()); // { "a.txt": "hello", src: { "b.txt": "hellohello" } }
 * ```
 */
export function tempTree(
  content: TreeContent = {},
  options: TempTreeOptions = {},
): Promise<TempTree> {
  return new Promise((resolve) => resolve(new TempTree(content, options)));
}
