/** Files of ignore rules that come, change, move and go at random: the same for the same seed. */
import { readdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { seeded } from "./watch.ts";

/** About the names that a `FileProgram` uses. */
const RULES = ["a", "b/c", "/ab", "d/", "!c", "*", "!a", "c/*", "**/b", "na*", ".*"];

export class RuleProgram {
  readonly #random: (below: number) => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  /** Does something to some files of a tree, or to none. */
  run(root: string): void {
    const directories = [root, ...directoriesBelow(root)];
    const some = <T>(of: readonly T[]): T => of[this.#random(of.length)] as T;
    const file = (): string => join(some(directories), ".gitignore");
    for (let left = this.#random(3); left > 0; left--) {
      const path = file();
      const operation = this.#random(5);
      try {
        if (operation === 0) unlinkSync(path);
        else if (operation === 1) renameSync(file(), path);
        else writeFileSync(path, `${some(RULES)}\n${some(RULES)}`);
      } catch {
        // There is none.
      }
    }
  }
}

function directoriesBelow(path: string, found: string[] = []): readonly string[] {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const below = join(path, entry.name);
    found.push(below);
    directoriesBelow(below, found);
  }
  return found;
}
