/** Paths that are watched, added and removed while a random program works below them. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { watch, type Watcher } from "bun-butter";

import { between } from "./between.ts";
import { bun } from "./child.ts";
import { FileProgram } from "./file-program.ts";
import type { Outcome } from "./replay.ts";
import { tempDir } from "./temp.ts";
import { listed, Model, seeded, treeOf, type Way } from "./watch.ts";

/** What may be watched, below one directory. */
const PATHS = ["", "a", "a/b", "a/b/c", "ab", "b", "b/c", "c"];

/** A link in the place of a path that is watched leads elsewhere each time that it is added. */
const WITHOUT = ["symlink"];

/** How many operations there are. */
const COUNT = 1500;

/** A watcher of paths that come and go, and the tree that its events make. */
class Rooted {
  readonly watcher: Watcher;
  readonly #root: string;
  readonly #paths: readonly string[];
  readonly #watched: Set<string>;
  readonly #random: (below: number) => number;
  readonly #model = new Model();
  /** Events of what is not watched any more. */
  readonly #late: string[] = [];

  constructor(root: string, { backend }: Way, seed: number) {
    this.#root = root;
    this.#random = seeded(seed * 7919);
    this.#paths = PATHS.map((path) => join(root, path));
    this.#watched = new Set([this.#some()]);
    this.watcher = watch([...this.#watched], { backend, initial: true, mustExist: false });
  }

  /** Watches another path, or one again, or no more. */
  toggle(): void {
    const path = this.#some();
    if (!this.#watched.has(path) || this.#random(4) === 0) {
      this.#watched.add(path);
      return this.watcher.add(path);
    }
    this.watcher.remove(path);
    // What happened before it is told, and nothing else.
    this.read();
    this.#watched.delete(path);
    for (const known of this.#model.entries.keys())
      if (!this.#isWatched(known)) this.#model.entries.delete(known);
  }

  read(): void {
    const events = this.watcher.readEventsSync();
    this.#model.apply(events);
    for (const { type, path } of events)
      if (!this.#isWatched(path)) this.#late.push(`${type} ${path}, which is not watched`);
  }

  async outcome(seed: number): Promise<Outcome> {
    await this.watcher.sync();
    this.read();
    const all = [...treeOf(this.#root)].filter(([path]) => this.#isWatched(path));
    const [there, told] = [new Set(listed(new Map(all))), new Set(listed(this.#model.entries))];
    // A path that is watched is in nothing, perhaps.
    const isTop = (text: string): boolean =>
      this.#paths.some((path) => text === `create ${path} in nothing`);
    return {
      seed,
      extra: [...told.difference(there)],
      missing: [...there.difference(told)],
      wrong: [...this.#model.wrong.filter((text) => !isTop(text)), ...this.#late],
    };
  }

  #some(): string {
    return this.#paths[this.#random(this.#paths.length)] ?? "";
  }

  #isWatched(path: string): boolean {
    return [...this.#watched].some((top) => path === top || path.startsWith(`${top}/`));
  }
}

interface Place extends Disposable {
  readonly root: string;
  readonly outside: string;
}

function place({ base }: Way): Place {
  const dir = tempDir(base);
  const [root, outside] = [dir.at("root"), dir.at("outside")];
  for (const path of [root, outside]) mkdirSync(path);
  return { root, outside, [Symbol.dispose]: () => dir[Symbol.dispose]() };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs a program between reads, and between any two looks of the watcher. */
export async function rootedAmid(seed: number, way: Way): Promise<Outcome> {
  using where = place(way);
  const random = seeded(seed * 104_729);
  const program = new FileProgram(where.root, where.outside, seed, WITHOUT);
  program.run(60);
  const work = (some: number): void => program.run(Math.min(COUNT - program.tried, some));
  const rare = 1 + random(6);
  using _ = between(() => {
    if (random(rare) === 0) work(1 + random(3));
  });
  const rooted = new Rooted(where.root, way, seed);
  await using _watcher = rooted.watcher;
  while (program.tried < COUNT) {
    work(random(4));
    if (random(4) === 0) rooted.toggle();
    if (random(2) === 0) rooted.read();
    if (random(8) === 0) await turn();
  }
  return await rooted.outcome(seed);
}

/** Runs a program in another process, at full speed. */
export async function rootedBeside(seed: number, way: Way): Promise<Outcome> {
  using where = place(way);
  const random = seeded(seed * 104_729);
  const rooted = new Rooted(where.root, way, seed);
  await using _watcher = rooted.watcher;
  const script = new URL("./file-program-child.ts", import.meta.url).pathname;
  const cmd = [bun, script, where.root, where.outside, `${seed}`, `${COUNT * 2}`, ...WITHOUT];
  const child = Bun.spawn(cmd, { stderr: "inherit" });
  while (child.exitCode === null) {
    rooted.read();
    if (random(6) === 0) rooted.toggle();
    await turn();
  }
  return await rooted.outcome(seed);
}
