/** Random programs of file operations: the same for the same seed. */
import {
  appendFileSync,
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { exchange } from "./exchange.ts";
import { seeded } from "./watch.ts";

/** What programs call entries. */
export const NAMES = ["a", "ab", "b", "c", "d", "naïve"];

/** Works on the trees in `dir`, and on `outside`, which is not watched. */
export class FileProgram {
  readonly #dir: string;
  readonly #outside: string;
  readonly #random: (below: number) => number;
  /** What was done, for a test that fails. */
  readonly done: string[] = [];
  /** How many operations it has come to. */
  tried = 0;
  readonly #without: readonly string[];
  readonly #spell: (name: string) => string;

  /**
   * @param without Operations that it does not do.
   * @param spell What it calls an entry, by its name.
   */
  constructor(
    dir: string,
    outside: string,
    seed: number,
    without: readonly string[] = [],
    spell: (name: string) => string = (name) => name,
  ) {
    this.#spell = spell;
    this.#dir = dir;
    this.#outside = outside;
    this.#without = without;
    this.#random = seeded(seed);
  }

  /** Does so many operations; those that can't be done count as well. */
  run(count: number): void {
    for (let at = 0; at < count; at++) this.#step();
    this.tried += Math.max(0, count);
  }

  #step(): void {
    const operations = [
      ["mkdir", (path) => mkdirSync(path)],
      ["mkdir", (path) => mkdirSync(path)],
      ["mkdir -p", (path) => mkdirSync(join(path, "b", "c"), { recursive: true })],
      ["write", (path) => writeFileSync(path, "text")],
      ["write", (path) => writeFileSync(path, "text")],
      ["append", (path) => appendFileSync(path, "more")],
      ["symlink", (path) => symlinkSync("a", path)],
      ["link", (path) => linkSync(this.#path(), path)],
      ["unlink", (path) => unlinkSync(path)],
      ["rm -r", (path) => rmSync(path, { recursive: true })],
      ["chmod", (path) => chmodSync(path, lstatSync(path).isDirectory() ? 0o755 : 0o644)],
      ["touch", (path) => utimesSync(path, 1, 1)],
      ["move to", (path) => renameSync(this.#path(), path)],
      ["move to", (path) => renameSync(this.#path(), path)],
      ["move to", (path) => renameSync(this.#path(), path)],
      ["move out", (path) => renameSync(path, join(this.#outside, `${this.#random(5)}`))],
      ["exchange", (path) => exchange(this.#path(), path)],
      ["move in", (path) => renameSync(join(this.#outside, `${this.#random(5)}`), path)],
    ] as const satisfies readonly (readonly [string, (path: string) => void])[];
    const [name, operation] = operations[this.#random(operations.length)] ?? operations[0];
    const path = this.#path();
    if (this.#without.includes(name)) return;
    try {
      operation(path);
      this.done.push(`${name} ${path} ${lstatSync(path, { throwIfNoEntry: false })?.ino}`);
    } catch {
      // It is not there, is there, or is not empty.
    }
  }

  /** Somewhere in the tree: mostly in directories that are there. */
  #path(): string {
    let path = this.#dir;
    for (let depth = this.#random(4); depth > 0; depth--) {
      const directories = this.#directoriesOf(path);
      if (directories.length === 0) break;
      path = join(path, this.#spell(directories[this.#random(directories.length)] ?? ""));
    }
    return join(path, this.#spell(NAMES[this.#random(NAMES.length)] ?? "a"));
  }

  #directoriesOf(path: string): readonly string[] {
    try {
      return readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name);
    } catch {
      return [];
    }
  }
}
