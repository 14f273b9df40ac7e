/** Paths that links lead to, watched while a random program lets those lead elsewhere, nowhere and back. */
import {
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { watch, type Watcher } from "bun-butter";

import { between } from "./between.ts";
import type { Outcome } from "./replay.ts";
import { tempDir } from "./temp.ts";
import { listed, Model, seeded, treeOf, type Way } from "./watch.ts";

const COUNT = 600;

/** Works on links and on what they lead to. */
class LeadProgram {
  readonly #at: (...names: string[]) => string;
  readonly #links: readonly string[];
  readonly #random: (below: number) => number;
  tried = 0;

  constructor(at: (...names: string[]) => string, links: readonly string[], seed: number) {
    this.#at = at;
    this.#links = [...links, at("hop"), at("dir/hop")];
    this.#random = seeded(seed);
  }

  run(count: number): void {
    for (let left = count; left > 0; left--) this.#step();
  }

  #step(): void {
    this.tried++;
    const dir = this.#at("dir", this.#some(["1", "2", "3"]));
    const path = join(dir, this.#some(["", "a", "b"]), this.#some(["a", "b", "c"]));
    const link = this.#some(this.#links);
    const operation = this.#some<() => void>([
      () => this.#swap(link),
      () => this.#swap(link),
      () => this.#swap(link),
      () => unlinkSync(link),
      () => {
        unlinkSync(link);
        symlinkSync(this.#target(), link);
      },
      () => symlinkSync(this.#target(), link),
      () => mkdirSync(path, { recursive: true }),
      () => writeFileSync(path, "text"),
      () => writeFileSync(path, "text"),
      () => renameSync(path, join(dir, this.#some(["a", "b", "c"]))),
      () => rmSync(path, { recursive: true }),
      () => rmSync(dir, { recursive: true }),
      () => mkdirSync(dir),
      () => renameSync(dir, this.#at("dir", this.#some(["1", "2", "3"]))),
      () => renameSync(this.#at("dir"), this.#at("other")),
      () => renameSync(this.#at("other"), this.#at("dir")),
    ]);
    try {
      operation();
    } catch {
      // It is not there, is there, or is not empty.
    }
  }

  #swap(link: string): void {
    const made = this.#at("made");
    symlinkSync(this.#target(), made);
    try {
      renameSync(made, link);
    } finally {
      rmSync(made, { force: true });
    }
  }

  /** Where a link leads from anywhere, as all are as deep or are given as a whole. */
  #target(): string {
    const name = this.#some(["1", "2", "3"]);
    return this.#some([
      this.#at("dir", name),
      this.#at("dir", name),
      this.#at("dir", name, "a"),
      `${this.#at("dir", name)}/a/../b`,
      this.#at("hop"),
      this.#at("dir/hop"),
      `../dir/${name}`,
      name,
      "nowhere",
    ]);
  }

  #some<T>(of: readonly T[]): T {
    return of[this.#random(of.length)] as T;
  }
}

/** What a path leads to, by that path. */
function ledTo(link: string): ReturnType<typeof treeOf> {
  const tree: ReturnType<typeof treeOf> = new Map();
  if (!existsSync(link)) return tree;
  const real = realpathSync(link);
  for (const [path, kind] of treeOf(real)) tree.set(link + path.slice(real.length), kind);
  return tree;
}

async function run(
  seed: number,
  { backend, base }: Way,
  names: readonly string[],
  use: (
    links: readonly string[],
    watcher: Watcher,
    model: Model,
  ) => Omit<Outcome, "seed"> | Promise<Omit<Outcome, "seed">>,
): Promise<Outcome> {
  using dir = tempDir(base);
  const at = (...parts: string[]): string => join(dir.path, ...parts);
  for (const name of ["dir", "root"]) mkdirSync(at(name));
  const links = names.map((name) => at("root", name));
  const random = seeded(seed * 104_729);
  const program = new LeadProgram(at, links, seed);
  program.run(60);
  const work = (some: number): void => program.run(Math.min(COUNT - program.tried, some));
  const rare = 1 + random(6);
  let isOver = false;
  using _ = between(() => {
    if (!isOver && random(rare) === 0) work(1 + random(3));
  });
  await using watcher = watch(links, { backend, initial: true, mustExist: false });
  const model = new Model();
  while (program.tried < COUNT) {
    work(random(4));
    if (random(2) === 0) model.apply(watcher.readEventsSync());
    if (random(8) === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }
  isOver = true;
  await watcher.sync();
  model.apply(watcher.readEventsSync());
  return { seed, ...(await use(links, watcher, model)) };
}

/** Watches what one link leads to. */
export function led(seed: number, way: Way): Promise<Outcome> {
  return run(seed, way, ["link"], ([link = ""], _, model) => {
    const [there, told] = [new Set(listed(ledTo(link))), new Set(listed(model.entries))];
    const isTop = (text: string): boolean => text === `create ${link} in nothing`;
    return {
      extra: [...told.difference(there)],
      missing: [...there.difference(told)],
      wrong: model.wrong.filter((text) => !isTop(text)),
    };
  });
}

/** Watches what several links lead to: where they lead to the same, one of them is told of. */
export function ledTogether(seed: number, way: Way): Promise<Outcome> {
  return run(seed, way, ["one", "two", "three"], async (links, watcher) => {
    const there = links.filter((link) => existsSync(link)).map((link) => realpathSync(link));
    const made = new Set<string>();
    for (const [path, kind] of there.flatMap((real) => [...treeOf(real)])) {
      const told = kind === "directory" ? join(path, "marker") : path;
      if (kind !== "directory" && !there.includes(path)) continue;
      made.add(told);
      writeFileSync(told, "text");
    }
    await watcher.sync();
    const told = new Set<string>();
    for (const { path } of watcher.readEventsSync()) {
      const link = links.find((each) => path === each || path.startsWith(`${each}/`));
      told.add(link === undefined ? path : realpathSync(link) + path.slice(link.length));
    }
    return { extra: [...told.difference(made)], missing: [...made.difference(told)], wrong: [] };
  });
}
