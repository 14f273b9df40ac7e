/** Random programs run while the tree that a watcher watches is not read yet. */
import { expect } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";

import { watch, type Watcher, type WatchOptions } from "bun-butter";

import { Scanner } from "../../src/watch/directories/scanner.ts";
import { FileProgram, NAMES } from "./file-program.ts";
import { type Outcome, outcome, place } from "./replay.ts";
import { type Model, seeded, treeOf, type Way } from "./watch.ts";

/** How far down directories are made. */
const LEVELS = 4;

/** How many operations there are. */
const COUNT = 150;

/** Lets each slice read so many directories, until it is disposed. */
function slowly(most: () => number): Disposable {
  const { prototype } = Scanner;
  const { run } = prototype;
  prototype.run = function (limit, least) {
    // Who wants all of it has no limit.
    if (limit === Infinity) return run.call(this, limit, least);
    const some = most();
    if (some > 0) run.call(this, -Infinity, some);
  };
  return {
    [Symbol.dispose]() {
      prototype.run = run;
    },
  };
}

/** Makes some hundred entries, with the names that programs use. */
function fill(path: string, random: (below: number) => number, level: number): void {
  for (const name of NAMES) {
    const one = join(path, name);
    const which = random(10);
    if (which < (level === 0 ? 9 : 4) && level < LEVELS) {
      mkdirSync(one);
      fill(one, random, level + 1);
    } else if (which < 7) writeFileSync(one, "");
    else if (which < 8) symlinkSync("a", one);
  }
}

/** Makes the tree that is watched, and some that may come. */
function make(root: string, outside: string, random: (below: number) => number): void {
  fill(root, random, 0);
  for (const name of ["0", "1", "2"]) {
    mkdirSync(join(outside, name));
    fill(join(outside, name), random, LEVELS - 2);
  }
}

async function end(seed: number, watcher: Watcher, model: Model, root: string): Promise<Outcome> {
  const found = await outcome(seed, watcher, model, root);
  await watcher.indexed;
  expect([seed, watcher.watched.entries]).toEqual([seed, treeOf(root).size]);
  return found;
}

/** Runs a program in this process, the same for the same seed. */
export async function unread(
  seed: number,
  { backend, base }: Way,
  model: Model,
  options: WatchOptions = {},
): Promise<Outcome> {
  using where = place({ backend, base });
  const { root, outside } = where;
  const random = seeded(seed * 104_729);
  make(root, outside, random);
  if (options.initial !== true) treeOf(root, model.entries);
  const program = new FileProgram(root, outside, seed);
  const most = 1 + random(6);
  using slow = slowly(() => random(most + 1));
  await using watcher = watch(root, { backend, ...options });
  const burst = 1 + random(30);
  while (program.tried < COUNT) {
    program.run(1 + random(burst));
    const pause = random(3);
    if (pause === 0) await turn();
    if (pause === 1) model.apply(watcher.readEventsSync());
  }
  slow[Symbol.dispose]();
  return await end(seed, watcher, model, root);
}
