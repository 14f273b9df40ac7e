/** The race between a program that makes nested directories and who watches them. `bun test/support/race.ts [ROUNDS [PROCESSES [BACKEND [delete]]]]` */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { watch, type WatchEvent } from "bun-butter";

import { tempDir } from "./temp.ts";
import { Model, treeOf, type Way, ways } from "./watch.ts";

/** What of all rounds was not as it should be. */
export interface RaceResult {
  readonly files: number;
  /** Files that no event told of by the path where they are. */
  readonly missed: readonly string[];
  /** Paths that nothing was at any more when they were told, or that were left in the end. */
  readonly stale: readonly string[];
  /** Events that don't fit what came before them. */
  readonly wrong: readonly string[];
}

/** The compiler, or `undefined` if there is none. */
export const compiler: string | undefined = Bun.which("cc") ?? Bun.which("gcc") ?? undefined;

export interface RaceOptions extends Way {
  readonly rounds: number;
  readonly processes: number;
  /** Whether each round ends with all of it deleted: then what was told of it is all that there is. */
  readonly deletes?: boolean;
}

/** How many directories below one another each round makes. */
const DEPTH = 6;

/** The files that each round makes below a directory. */
function filesOf(top: string): readonly string[] {
  const levels = Array.from({ length: DEPTH }, (_, at) => top + "/d".repeat(at));
  return [...levels.map((path) => `${path}/file`), `${levels.at(-1)}/last`];
}

/** Runs so many rounds in each of so many processes, and watches. */
export async function race(options: RaceOptions): Promise<RaceResult> {
  const { rounds, processes, backend, base, deletes = false } = options;
  using dir = tempDir(base);
  const program = dir.at("race");
  const source = new URL("../watch/race.c", import.meta.url).pathname;
  const compiled = Bun.spawnSync([compiler ?? "cc", "-O2", "-o", program, source]);
  if (!compiled.success) throw new Error(compiled.stderr.toString());
  const root = dir.at("root");
  mkdirSync(root);
  await using watcher = watch(root, { initial: true, backend });
  const rest = [`${rounds}`, ...(deletes ? ["delete"] : [])];
  const cmd = (name: string): string[] => [program, root, name, ...rest];
  const racers = Array.from({ length: processes }, (_, at) => ({
    name: `p${at}`,
    round: 0,
    child: Bun.spawn(cmd(`p${at}`), { stdin: "pipe", stdout: "ignore", stderr: "inherit" }),
  }));
  const model = new Model();
  const made = new Set<string>();
  const apply = (events: readonly WatchEvent[]): void => {
    model.apply(events);
    if (!deletes) return;
    for (const { type, path, kind } of events)
      if (type === "create" && kind === "file") made.add(path);
  };
  const result = { files: 0, missed: [] as string[], stale: [] as string[] };
  for (let left = rounds * processes; left > 0;) {
    apply(await watcher.readEvents());
    for (const racer of racers) {
      const of = (what: string): string => join(root, `${racer.name}-${what}-${racer.round}`);
      if (!model.entries.has(of("marker"))) continue;
      // The marker is told, but what it comes after can still be found by a scan.
      await watcher.sync();
      apply(watcher.readEventsSync());
      const wasMade = (path: string): boolean =>
        made.delete(path) || (!path.endsWith("/last") && made.delete(path.replace("new", "old")));
      if (deletes) {
        const missed = filesOf(of("new")).filter((path) => !wasMade(path));
        result.missed.push(...missed);
        result.files += DEPTH + 1 - missed.length;
      }
      const there = treeOf(of("new"));
      const told = [...model.entries.keys()].filter((path) => path.startsWith(of("new")));
      result.files += [...there.values()].filter((kind) => kind === "file").length;
      result.missed.push(...[...there.keys()].filter((path) => !model.entries.has(path)));
      result.stale.push(...told.filter((path) => !there.has(path)));
      result.stale.push(...[...model.entries.keys()].filter((path) => path.startsWith(of("old"))));
      rmSync(of("new"), { recursive: true, force: deletes });
      rmSync(of("marker"));
      racer.round++;
      left--;
      racer.child.stdin.write("\n");
      await racer.child.stdin.flush();
    }
  }
  for (const { child } of racers)
    if ((await child.exited) !== 0) throw new Error(`The race ended with ${child.exitCode}`);
  await watcher.sync();
  model.apply(watcher.readEventsSync());
  // All that is left is the root.
  result.stale.push(...[...model.entries.keys()].filter((path) => path !== root));
  return { ...result, wrong: model.wrong };
}

if (import.meta.main) {
  const [rounds = 500, processes = 1] = process.argv.slice(2, 4).map(Number);
  const [name = "inotify", deletes] = process.argv.slice(4);
  const way = ways.find(({ backend }) => backend === name);
  if (way === undefined) throw new Error(`There is no ${name} here`);
  const options = { ...way, rounds, processes, deletes: deletes === "delete" };
  const { files, missed, stale, wrong } = await race(options);
  console.log(
    `${name}, ${rounds} rounds, ${processes} processes, ${files} files: ${missed.length} missed, ${stale.length} stale, ${wrong.length} wrong`,
  );
  for (const text of [...missed, ...stale, ...wrong].slice(0, 20)) console.log(text);
}
