/** The race between a program that makes nested directories and who watches them. `bun test/support/race.ts [ROUNDS [PROCESSES]]` */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { watch } from "bun-butter";

import { tempDir } from "./temp.ts";
import { Model, treeOf } from "./watch.ts";

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

/** Runs so many rounds in each of so many processes, and watches. */
export async function race(rounds: number, processes: number): Promise<RaceResult> {
  using dir = tempDir();
  const program = dir.at("race");
  const source = new URL("../watch/race.c", import.meta.url).pathname;
  const compiled = Bun.spawnSync([compiler ?? "cc", "-O2", "-o", program, source]);
  if (!compiled.success) throw new Error(compiled.stderr.toString());
  const root = dir.at("root");
  mkdirSync(root);
  await using watcher = watch(root, { initial: true });
  const cmd = (name: string): string[] => [program, root, name, `${rounds}`];
  const racers = Array.from({ length: processes }, (_, at) => ({
    name: `p${at}`,
    round: 0,
    child: Bun.spawn(cmd(`p${at}`), { stdin: "pipe", stdout: "ignore", stderr: "inherit" }),
  }));
  const model = new Model();
  const result = { files: 0, missed: [] as string[], stale: [] as string[] };
  for (let left = rounds * processes; left > 0;) {
    model.apply(await watcher.readEvents());
    for (const racer of racers) {
      const of = (what: string): string => join(root, `${racer.name}-${what}-${racer.round}`);
      if (!model.entries.has(of("marker"))) continue;
      // The marker is told, but what it comes after can still be found by a scan.
      await watcher.sync();
      model.apply(watcher.readEventsSync());
      const there = treeOf(of("new"));
      const told = [...model.entries.keys()].filter((path) => path.startsWith(of("new")));
      result.files += [...there.values()].filter((kind) => kind === "file").length;
      result.missed.push(...[...there.keys()].filter((path) => !model.entries.has(path)));
      result.stale.push(...told.filter((path) => !there.has(path)));
      result.stale.push(...[...model.entries.keys()].filter((path) => path.startsWith(of("old"))));
      rmSync(of("new"), { recursive: true });
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
  const [rounds = 500, processes = 1] = process.argv.slice(2).map(Number);
  const { files, missed, stale, wrong } = await race(rounds, processes);
  console.log(
    `${rounds} rounds, ${processes} processes, ${files} files: ${missed.length} missed, ${stale.length} stale, ${wrong.length} wrong`,
  );
  for (const text of [...missed, ...stale, ...wrong].slice(0, 20)) console.log(text);
}
