/**
 * `bun bench/fixtures.ts [REPETITIONS]`: what fixtures of `bun-butter/testing` cost, and whether a test that uses them ever
 * flakes while every processor is busy. 10,000 repetitions, which take some minutes.
 */
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname } from "node:path";

import { record, tempTree } from "bun-butter/testing";

const FIXTURES = 1000;
const repetitions = Number(process.argv[2] ?? 10_000);
if (!(Number.isInteger(repetitions) && repetitions > 0)) {
  console.error("usage: bun bench/fixtures.ts [REPETITIONS]");
  process.exit(2);
}

const descriptors = (): number => readdirSync("/proc/self/fd").length;

/** Milliseconds of each of many set-ups, and of their tear-downs. */
async function fixtures(): Promise<Record<"up" | "down" | "left", number>> {
  const before = descriptors();
  let [up, down] = [0, 0];
  for (let round = 0; round < FIXTURES; round++) {
    const start = performance.now();
    const dir = await tempTree({ "a.txt": "text", "src/": {} });
    const rec = await record(dir.path);
    up += performance.now() - start;
    const end = performance.now();
    await rec[Symbol.asyncDispose]();
    await dir[Symbol.asyncDispose]();
    down += performance.now() - end;
    parents.add(dirname(dir.path));
  }
  return { up: up / FIXTURES, down: down / FIXTURES, left: descriptors() - before };
}

/** Where fixtures were, to see whether any stays. */
const parents = new Set<string>();

async function tell(where: string): Promise<void> {
  const { up, down, left } = await fixtures();
  const trees = [...parents].flatMap((parent) =>
    readdirSync(parent).filter((name) => name.includes(`-${process.pid}-`)),
  );
  console.log(
    `${FIXTURES} fixtures ${where}: set up ${up.toFixed(2)} ms, torn down ${down.toFixed(2)} ms each; ` +
      `${left} descriptors and ${trees.length} directories left`,
  );
}

await tell("alone");
const loops = Array.from({ length: availableParallelism() }, () =>
  Bun.spawn(["sh", "-c", "while :; do :; done"]),
);
try {
  await tell("while every processor is busy");
  const start = performance.now();
  const tests = Bun.spawn([process.execPath, "test", "--only-failures", "./fixtures.test.ts"], {
    cwd: `${import.meta.dir}/sides`,
    env: { ...process.env, REPETITIONS: `${repetitions}` },
    stdio: ["ignore", "inherit", "pipe"],
  });
  const text = await tests.stderr.text();
  await tests.exited;
  const [passed = 0, failed = 0] = ["pass", "fail"].map((word) =>
    Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(text)?.[1] ?? NaN),
  );
  const each = (performance.now() - start) / repetitions;
  console.log(
    `${repetitions} repetitions of a test, every processor busy: ${passed} passed, ${failed} failed, ${each.toFixed(1)} ms each`,
  );
  if (tests.exitCode !== 0) {
    console.log(text);
    process.exitCode = 1;
  }
} finally {
  for (const loop of loops) loop.kill();
}
