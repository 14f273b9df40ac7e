/**
 * What `butter guard` refuses.
 *
 * @module
 */
import { readlinkSync } from "node:fs";
import { basename } from "node:path";

import type { FanotifyEvent } from "../index.ts";
import type { GuardOptions } from "./guard-options.ts";
import type { HomePath, HomePaths } from "./guard-path.ts";
import type { Doer } from "./process-name.ts";
import { realPath, Tree } from "./real-path.ts";

/** The kernel keeps no more of a process's name, in bytes. */
const LONGEST_NAME = 15;

/** The rules of one `butter guard`. */
export class Rules {
  readonly #tree: Tree;
  readonly #homes: HomePaths;
  /** Of the name alone, and of the path from the directory on. */
  readonly #names: readonly Bun.Glob[];
  readonly #paths: readonly Bun.Glob[];
  /** The same of a path of which only the end is comparable. */
  readonly #ends: readonly Bun.Glob[];
  readonly #programs = new Set<string>();
  readonly #commands = new Set<string>();

  /**
   * @param directory As {@linkcode realPath} has it.
   * @throws {OSError} A program that is named by its path does not exist.
   */
  constructor(directory: Uint8Array, homes: HomePaths, { globs, allowed }: GuardOptions) {
    this.#homes = homes;
    this.#tree = new Tree(directory);
    const paths = globs
      .filter((glob) => glob.includes("/"))
      .map((glob) => glob.replace(/^\.?\//, ""));
    this.#names = globs.filter((glob) => !glob.includes("/")).map((glob) => new Bun.Glob(glob));
    this.#paths = paths.map((glob) => new Bun.Glob(glob));
    this.#ends = paths.map((glob) => new Bun.Glob(`**/${glob}`));
    for (const program of allowed) {
      if (program.includes("/")) this.#programs.add(latin1(realPath(program)));
      else this.#commands.add(latin1(Buffer.from(program).subarray(0, LONGEST_NAME)));
    }
  }

  /** Where what is opened is, if a rule is about that. */
  concern({ path, pathBytes, fd }: FanotifyEvent): HomePath | undefined {
    const seen = path === undefined ? undefined : { path, ...(pathBytes && { pathBytes }) };
    if (seen !== undefined && this.#match(seen)) return seen;
    if (this.#tree.relative(path, pathBytes) !== undefined) return undefined;
    const home = fd === undefined ? undefined : this.#homes.of(fd);
    return home !== undefined && this.#match(home) ? home : undefined;
  }

  /** Whether a process may open it nevertheless. */
  except({ pid, name }: Doer): boolean {
    if (name !== undefined && this.#commands.has(latin1(name))) return true;
    if (this.#programs.size === 0 || pid === undefined) return false;
    try {
      return this.#programs.has(latin1(readlinkSync(`/proc/${pid}/exe`, "buffer")));
    } catch {
      // It was killed while it waited.
      return false;
    }
  }

  #match({ path, pathBytes }: HomePath): boolean {
    const name = basename(path);
    if (this.#names.some((glob) => glob.match(name))) return true;
    const below = this.#tree.relative(path, pathBytes);
    if (below !== undefined) return this.#paths.some((glob) => glob.match(below));
    // Opened through another mount, or in a directory that was moved away.
    return this.#ends.some((glob) => glob.match(path));
  }
}

/** Bytes as a key: one character each. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
