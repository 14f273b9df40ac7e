/**
 * `bun run bench [--rounds N] [--json FILE] [name …]`: measures, prints a table for each benchmark and writes all of it
 * to FILE, to a file for each in FILE if that ends with a slash, or to `results/`. A missed target is a line of the table; only a side that breaks makes it fail.
 */
import { relative } from "node:path";
import { parseArgs } from "node:util";

import { drain } from "./drain.ts";
import { decisions, fanotify, felt } from "./fanotify.ts";
import { type Benchmark, type Result, run } from "./harness.ts";
import { latency, latencyApart } from "./latency.ts";
import { compiler, inMemory, machine } from "./machine.ts";
import { cycles, sources } from "./memory.ts";
import { copyInMemory, copyOnDisk, relay } from "./pump.ts";
import { save, summary, table } from "./report.ts";
import { startup } from "./startup.ts";
import { storm } from "./storm.ts";
import { syscall } from "./syscall.ts";
import { drift, timers, wakeups } from "./timerfd.ts";
import { wake } from "./wake.ts";
import { watchStall } from "./watch-stall.ts";
import { watchLatency, watchRace, watchStart, watchStorm } from "./watch.ts";

const benchmarks: Readonly<Record<string, () => Benchmark>> = {
  storm,
  drain,
  latency,
  "latency-apart": latencyApart,
  syscall,
  startup,
  sources,
  cycles,
  drift,
  wakeups,
  timers,
  wake,
  copy: copyInMemory,
  "copy-disk": copyOnDisk,
  relay,
  fanotify,
  decisions,
  felt,
  "watch-start": watchStart,
  "watch-latency": watchLatency,
  "watch-storm": watchStorm,
  "watch-race": watchRace,
  "watch-stall": watchStall,
};

function usage(problem: string): never {
  console.error(`bench: ${problem}`);
  console.error(
    `usage: bun run bench [--rounds N] [--json FILE] [${Object.keys(benchmarks).join("|")}]…`,
  );
  process.exit(2);
}

interface Asked {
  readonly rounds: number;
  readonly names: readonly string[];
  readonly json: string | undefined;
}

function parse(): Asked {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { rounds: { type: "string", default: "5" }, json: { type: "string" } },
    });
    const names = positionals.length === 0 ? Object.keys(benchmarks) : positionals;
    return { rounds: Number(values.rounds), names, json: values.json };
  } catch (error) {
    usage(error instanceof Error ? error.message : String(error));
  }
}

const { rounds, names, json } = parse();
if (!(Number.isInteger(rounds) && rounds > 0)) usage("--rounds takes an integer of at least 1");
for (const name of names)
  if (benchmarks[name] === undefined) usage(`there is no benchmark ${name}`);
if (compiler === undefined) {
  console.error(
    "bench: no C compiler (cc, gcc, clang) on PATH, and C is what everything is compared with",
  );
  process.exit(1);
}

const facts = machine();
console.log(
  Object.entries(facts)
    .map(([name, fact]) => `${name}: ${fact}`)
    .join(", "),
);
if (!inMemory) console.log("No tmpfs is at hand: the files of the writers are on a disk");
console.log();

const results: Result[] = [];
for (const name of names) {
  const benchmark = benchmarks[name];
  if (benchmark === undefined) usage(`there is no benchmark ${name}`);
  const result = await run(name, benchmark(), rounds);
  results.push(result);
  console.log(table(result));
  if (json?.endsWith("/") === true)
    save({ date: now(), machine: facts, results: [result] }, `${json}${name}.json`);
}
const path =
  json?.endsWith("/") === true ? json : save({ date: now(), machine: facts, results }, json);
console.log(`${summary(results)}; all figures are in ${relative(process.cwd(), path)}`);
process.exit(results.some(({ failures }) => failures.length > 0) ? 1 : 0);

function now(): string {
  return new Date().toISOString().replace(/\..*/, "Z");
}
