/** Random programs run while a watcher watches, and its events make a model of the tree. */
import { expect } from "bun:test";
import { mkdirSync } from "node:fs";

import { watch, type Watcher, type WatchOptions } from "bun-butter";

import { between } from "./between.ts";
import { bun } from "./child.ts";
import { FileProgram } from "./file-program.ts";
import { RuleProgram } from "./rule-program.ts";
import { sysctl, unchanged } from "./sysctl.ts";
import { type TempDir, tempDir } from "./temp.ts";
import { listed, Model, seeded, treeOf, type Way } from "./watch.ts";

/** More of them by hand: `BUTTER_SEEDS=500 bun test test/watch/model.test.ts`. */
export const seeds = Array.from(
  { length: Number(process.env["BUTTER_SEEDS"] ?? 8) },
  (_, at) => at + 1,
);

/** A seed whose tree is another one, with what is too much and what is missing. */
export interface Outcome {
  readonly seed: number;
  readonly extra: readonly string[];
  readonly missing: readonly string[];
  readonly wrong: readonly string[];
}

interface Place {
  readonly dir: TempDir;
  readonly root: string;
  readonly outside: string;
}

export function place({ base }: Way): Place & Disposable {
  const dir = tempDir(base);
  const [root, outside] = [dir.at("root"), dir.at("outside")];
  for (const path of [root, outside]) mkdirSync(path);
  return { dir, root, outside, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

/** What the kernel keeps for a reader is set when the source is made. */
function open(
  root: string,
  { backend }: Way,
  options: WatchOptions,
  queue: number | undefined,
): Watcher {
  const limit = `fs.${backend}.max_queued_events`;
  const start = (): Watcher => watch(root, { initial: true, backend, ...options });
  if (queue === undefined) return unchanged(limit, start);
  using _ = sysctl(limit, queue);
  return start();
}

export async function outcome(
  seed: number,
  watcher: Watcher,
  model: Model,
  root: string,
  expected: () => Promise<Model["entries"]> = async () => treeOf(root),
): Promise<Outcome> {
  await watcher.sync();
  model.apply(watcher.readEventsSync());
  const [there, told] = [new Set(listed(await expected())), new Set(listed(model.entries))];
  return {
    seed,
    extra: [...told.difference(there)],
    missing: [...there.difference(told)],
    wrong: model.wrong,
  };
}

/** How a program is watched. */
export interface Circumstances {
  readonly options?: WatchOptions;
  /** The longest queue that the kernel keeps. */
  readonly queue?: number;
  /** Called when a burst is over, before it is read. */
  readonly before?: (watcher: Watcher, burst: number) => void;
  /** Called when it was read. */
  readonly after?: () => void;
}

/** How many bursts there are. */
export const BURSTS = 12;

/** Runs a program in bursts, whose events are read when all of a burst is over. */
export async function inBursts(
  seed: number,
  way: Way,
  model: Model,
  { options = {}, queue, before, after }: Circumstances = {},
): Promise<Outcome> {
  using where = place(way);
  const { root, outside } = where;
  const program = new FileProgram(root, outside, seed);
  const rules = options.gitignore === undefined ? undefined : new RuleProgram(seed);
  program.run(options.initial === false ? 200 : 40);
  await using watcher = open(root, way, options, queue);
  if (options.initial === false) {
    // What was read is known to be what was there when all is told that had happened by then.
    await watcher.indexed;
    await watcher.sync();
    watcher.readEventsSync();
    for (const [path, kind] of treeOf(root)) model.entries.set(path, kind);
  }
  for (let burst = 0; burst < BURSTS; burst++) {
    program.run(1 + ((seed + burst * 7) % 40));
    rules?.run(root);
    before?.(watcher, burst);
    if (burst % 3 === 0) await watcher.sync();
    model.apply(watcher.readEventsSync());
    after?.();
  }
  const { depth, gitignore, ignore } = options;
  const isWhole = [depth, gitignore, ignore].every((option) => option === undefined);
  const rest = isWhole ? undefined : () => toldAtOnce(root, way, options);
  return await outcome(seed, watcher, model, root, rest);
}

/** What is told of what is there, and not left out. */
async function toldAtOnce(
  root: string,
  { backend }: Way,
  options: WatchOptions,
): Promise<Model["entries"]> {
  await using watcher = watch(root, { ...options, initial: true, backend });
  await watcher.ready;
  const model = new Model();
  model.apply(watcher.readEventsSync());
  return model.entries;
}

/** Runs a program in another process, and reads meanwhile. */
export async function beside(
  seed: number,
  way: Way,
  model: Model,
  queue?: number,
): Promise<Outcome> {
  using where = place(way);
  const { root, outside } = where;
  await using watcher = open(root, way, {}, queue);
  const script = new URL("./file-program-child.ts", import.meta.url).pathname;
  const child = Bun.spawn([bun, script, root, outside, `${seed}`, "2000"], { stderr: "inherit" });
  const over = new AbortController();
  const exited = child.exited.then(() => over.abort());
  while (!over.signal.aborted) {
    try {
      model.apply(await watcher.readEvents({ signal: over.signal }));
    } catch {
      // It has ended.
    }
  }
  await exited;
  expect(child.exitCode).toBe(0);
  return await outcome(seed, watcher, model, root);
}

/** How many operations come before the watcher. */
const BEFORE = 60;

/** How often something happens between two steps, how much, and how much between two reads. */
const amounts = [
  [1, 2, 5, 15],
  [1, 2, 5, 20],
  [0, 1, 3, 10],
] as const;

/** Runs a program between any two steps of the watcher, the same for the same seed. */
export async function amid(seed: number, way: Way, model: Model, count = 600): Promise<Outcome> {
  using where = place(way);
  const { root, outside } = where;
  const random = seeded(seed * 7919);
  const [one = 1, most = 1, more = 1] = amounts.map((some) => some[random(some.length)]);
  const program = new FileProgram(root, outside, seed);
  program.run(BEFORE);
  const work = (some: number): void => program.run(Math.min(BEFORE + count - program.tried, some));
  using _ = between(() => {
    if (random(one) === 0) work(1 + random(most));
  });
  await using watcher = open(root, way, {}, undefined);
  do {
    work(random(more + 1));
    model.apply(watcher.readEventsSync());
    if (random(8) === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  } while (program.tried < BEFORE + count);
  return await outcome(seed, watcher, model, root);
}

/** The outcome where nothing is wrong. */
export const right = (seed: number): Outcome => ({ seed, extra: [], missing: [], wrong: [] });
