/** Random programs that make, move and replace links to directories: the same for the same seed. */
import {
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";

import { exchange } from "./exchange.ts";
import { seeded } from "./watch.ts";

const NAMES = ["a", "b", "c", "d"];

/** Works on the tree in `root`, and on `outside`, which links lead to as well. */
export class LinkProgram {
  readonly #root: string;
  readonly #outside: string;
  readonly #random: (below: number) => number;
  /** What was done, for a test that fails. */
  readonly done: string[] = [];

  constructor(root: string, outside: string, seed: number) {
    this.#root = root;
    this.#outside = outside;
    this.#random = seeded(seed);
  }

  /** Does so many operations; those that can't be done count as well. */
  run(count: number): void {
    for (let at = 0; at < count; at++) this.#step();
  }

  #step(): void {
    const operations = [
      ["mkdir", (path) => mkdirSync(path)],
      ["mkdir -p", (path) => mkdirSync(join(path, "b", "c"), { recursive: true })],
      ["write", (path) => writeFileSync(path, "text")],
      ["symlink", (path) => symlinkSync(this.#target(path), path)],
      ["symlink", (path) => symlinkSync(this.#target(path), path)],
      ["symlink -f", (path) => this.#replace(path)],
      ["link", (path) => linkSync(this.#path(), path)],
      ["unlink", (path) => unlinkSync(path)],
      ["rm -r", (path) => rmSync(path, { recursive: true })],
      ["move to", (path) => renameSync(this.#path(), path)],
      ["move to", (path) => renameSync(this.#path(), path)],
      ["exchange", (path) => exchange(this.#path(), path)],
      ["move out", (path) => renameSync(path, this.#out())],
      ["move in", (path) => renameSync(this.#out(), path)],
      ["mkdir outside", () => mkdirSync(this.#out())],
      ["mkdir below", () => mkdirSync(join(this.#out(), this.#some(NAMES)))],
      ["write outside", () => writeFileSync(join(this.#out(), this.#some(NAMES)), "text")],
      ["rm -r outside", () => rmSync(this.#out(), { recursive: true })],
      ["move outside", () => renameSync(this.#out(), this.#out())],
    ] as const satisfies readonly (readonly [string, (path: string) => void])[];
    const [name, operation] = this.#some(operations);
    const path = this.#path();
    try {
      operation(path);
      this.done.push(`${name} ${path}`);
    } catch {
      // It is not there, is there, or is not empty.
    }
  }

  #replace(path: string): void {
    const made = join(this.#outside, "link");
    symlinkSync(this.#target(path), made);
    try {
      renameSync(made, path);
    } finally {
      rmSync(made, { force: true });
    }
  }

  /** Where a link leads: inside, outside, above itself, or nowhere. */
  #target(path: string): string {
    const dir = join(path, "..");
    switch (this.#random(6)) {
      case 0:
        return this.#out();
      case 1:
        return relative(dir, this.#out());
      case 2:
        return this.#path();
      case 3:
        return relative(dir, this.#path()) || ".";
      case 4:
        return this.#some([".", "..", "nowhere", ...NAMES]);
      default:
        return this.#some([
          this.#root,
          ...readdirSync(this.#root).map((name) => join(this.#root, name)),
        ]);
    }
  }

  #out(): string {
    return join(this.#outside, `${this.#random(3)}`);
  }

  /** Somewhere in the tree: mostly in directories that are there. */
  #path(): string {
    let path = this.#root;
    for (let depth = this.#random(4); depth > 0; depth--) {
      const entries = readdirSync(path, { withFileTypes: true });
      const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
      if (names.length === 0) break;
      path = join(path, this.#some(names));
    }
    return join(path, this.#some(NAMES));
  }

  #some<T>(of: readonly T[]): T {
    return of[this.#random(of.length)] as T;
  }
}
