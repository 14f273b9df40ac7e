/** Random programs run while the tree that a watcher watches is not read yet. */
import { expect } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";

import { watch, type Watcher, type WatchOptions } from "bun-butter";

import { Gap } from "../../src/watch/directories/gap.ts";
import { Scanner } from "../../src/watch/directories/scanner.ts";
import { CLOCK_SLACK } from "../../src/watch/disk/look.ts";
import { FileProgram, NAMES } from "./file-program.ts";
import { type Difference, Mirror } from "./mirror.ts";
import { type Outcome, outcome, place } from "./replay.ts";
import { sysctl, unchanged } from "./sysctl.ts";
import { Model, seeded, treeOf, type Way } from "./watch.ts";

/** How far down directories are made. */
const LEVELS = 4;

/** How many operations there are. */
const COUNT = 150;

/** Lets each slice read so many directories, until it is disposed. */
export function slowly(most: () => number): Disposable {
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

/** Runs a program a burst at a time, between which the watcher has a turn, or is read. */
async function runIn(
  burst: number,
  program: FileProgram,
  random: (below: number) => number,
  take: () => void,
): Promise<void> {
  while (program.tried < COUNT) {
    program.run(1 + random(burst));
    const pause = random(3);
    if (pause === 0) await turn();
    if (pause === 1) take();
  }
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
  await using watcher = unchanged(`fs.${backend}.max_queued_events`, () =>
    watch(root, { backend, ...options }),
  );
  await runIn(1 + random(30), program, random, () => model.apply(watcher.readEventsSync()));
  slow[Symbol.dispose]();
  return await end(seed, watcher, model, root);
}

/** What came of a program of which events were lost. */
export interface Remains extends Difference {
  readonly seed: number;
  /** Whether events were lost before the tree was read. */
  readonly isLost: boolean;
  /** What is known that is not there, or not known that is. */
  readonly unknown: readonly string[];
  /** What of something else that happens afterwards is not told as it is. */
  readonly later: readonly string[];
}

/** The same where nothing is wrong. */
export const kept = (seed: number): Remains => ({
  seed,
  isLost: true,
  missing: [],
  stale: [],
  extra: [],
  unknown: [],
  later: [],
});

/** Runs a program whose events are lost before the tree is read, most of them. */
export async function lost(
  seed: number,
  { backend, base }: Way,
  options: WatchOptions = {},
): Promise<Remains> {
  using where = place({ backend, base });
  const { root, outside } = where;
  const random = seeded(seed * 15_485_863);
  make(root, outside, random);
  // What was there before is older than what may have come, mostly.
  if (random(4) > 0) await aged();
  // By which other names a file is changed is not told.
  const program = new FileProgram(root, outside, seed, ["link"]);
  const mirror = new Mirror(root);
  const most = 1 + random(6);
  using slow = slowly(() => random(most + 1));
  using gaps = countGaps();
  await using watcher = openSmall(root, { backend, ...options }, 4 + random(40));
  const take = (): void => mirror.apply(watcher.readEventsSync());
  await runIn(1 + random(60), program, random, take);
  // More than any of those queues has room for.
  if (gaps.opened === 0) for (let at = 0; at < 60; at++) writeFileSync(join(root, `z${at}`), "");
  take();
  slow[Symbol.dispose]();
  await watcher.sync();
  take();
  await watcher.indexed;
  await watcher.sync();
  take();
  const difference = mirror.differenceTo(root);
  const isWhole = watcher.watched.entries === treeOf(root).size;
  return {
    seed,
    isLost: gaps.opened > 0,
    ...difference,
    unknown: isWhole ? [] : [`${watcher.watched.entries} of ${treeOf(root).size}`],
    later: await goOn(seed, program, watcher, root),
  };
}

/** Goes on with a program, a little at a time: nothing is lost any more. */
async function goOn(
  seed: number,
  program: FileProgram,
  watcher: Watcher,
  root: string,
): Promise<readonly string[]> {
  const model = new Model();
  treeOf(root, model.entries);
  for (let left = COUNT / 3; left > 0; left--) {
    program.run(1);
    await watcher.sync();
    model.apply(watcher.readEventsSync());
  }
  if (model.overflows > 0) return [];
  const { extra, missing, wrong } = await outcome(seed, watcher, model, root);
  return [...extra, ...missing, ...wrong];
}

/** Counts how often events were lost before a tree was read, until it is disposed. */
function countGaps(): { opened: number } & Disposable {
  const { prototype } = Gap;
  const { open } = prototype;
  const counted = { opened: 0, [Symbol.dispose]: () => void (prototype.open = open) };
  prototype.open = function (since): void {
    counted.opened++;
    open.call(this, since);
  };
  return counted;
}

/** Waits until what is made next is so much younger than what was made before that its times say so. */
export async function aged(): Promise<void> {
  const until = Date.now() + 2 * CLOCK_SLACK;
  while (Date.now() <= until) await turn();
}

/** What the kernel keeps for a reader is set when the source is made. */
export function openSmall(root: string, options: WatchOptions, queue: number): Watcher {
  using _ = sysctl("fs.fanotify.max_queued_events", queue);
  return watch(root, options);
}
