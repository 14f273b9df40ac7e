/**
 * `bun bench/executables.ts`: compiles the command and each example by itself, and prints how large it is and how long it takes
 * from its start to its end, beside an empty program. It fails if one can't be compiled or does not answer.
 */
import { renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

import { documented } from "../test/support/bare-root.ts";
import { examples, wrong } from "../test/support/examples.ts";
import { median } from "./harness.ts";
import { scratch } from "./machine.ts";

const RUNS = 15;

const outfile = join(scratch(), "program");
const top = join(import.meta.dir, "..");
const unminified = documented.filter((flag) => flag.startsWith("--no-"));

/** Into the place of the one before. */
function compile(source: string, flags: readonly string[]): string {
  const { exitCode, stderr } = Bun.spawnSync(
    [process.execPath, "build", "--compile", ...flags, source, `--outfile=${outfile}`],
    { cwd: top },
  );
  if (exitCode !== 0) throw new Error(`Cannot compile ${source}: ${stderr.toString()}`);
  return outfile;
}

/** Milliseconds from its start to its end. */
function time(cmd: readonly string[], expected: number): number {
  const before = performance.now();
  const { exitCode, stderr } = Bun.spawnSync([...cmd], { env: {}, cwd: "/" });
  const taken = performance.now() - before;
  if (exitCode !== expected)
    throw new Error(`Cannot measure ${cmd.join(" ")}: it ended (${exitCode}) ${stderr.toString()}`);
  return taken;
}

const empty = join(scratch(), "empty");
renameSync(compile(join(import.meta.dir, "sides/start-empty.ts"), documented), empty);
const emptySize = statSync(empty).size;

function measure(
  name: string,
  source: string,
  flags: readonly string[],
  args: readonly string[],
  exitCode: number,
): void {
  const program = compile(source, flags);
  const times: number[] = [];
  const emptyTimes: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    emptyTimes.push(time([empty], 0));
    times.push(time([program, ...args], exitCode));
  }
  const size = (statSync(program).size - emptySize) / 1024;
  rmSync(program);
  const [own, other] = [median(times), median(emptyTimes)];
  console.log(
    `${name.padEnd(32)} +${size.toFixed(0).padStart(5)} KiB` +
      ` ${own.toFixed(1).padStart(6)} ms, ${(own / other).toFixed(2)} of ${other.toFixed(1)} ms`,
  );
}

console.log(`An empty program has ${(emptySize / 1024 / 1024).toFixed(1)} MiB. Beside it:`);
const main = "src/cli/main.ts";
measure("butter --version, plain", main, unminified, ["--version"], 0);
measure("butter --version, minified", main, [...unminified, "--minify"], ["--version"], 0);
measure("butter --version, with bytecode", main, documented, ["--version"], 0);
measure("dashboard/server.ts --help", "examples/dashboard/server.ts", documented, ["--help"], 0);
for (const name of [...examples, "fleet/agent.ts", "fleet/consumer.ts"]) {
  // Every command line means something to it.
  if (name === "container.ts") measure(name, `examples/${name}`, documented, ["true"], 0);
  else measure(name, `examples/${name}`, documented, wrong[name] ?? [], 2);
}
