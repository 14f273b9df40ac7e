/** `butter pressure` as a process, with processes that really wait for a processor. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";

import { Butter, butter, plainEnv, rowsOf } from "../support/butter.ts";
import { can, kernel, slowness } from "../support/capabilities.ts";
import { type ChildResult, run } from "../support/child.ts";

const psi = existsSync("/proc/pressure/cpu");
const triggers = psi && (kernel(6, 4) || can("CAP_SYS_RESOURCE"));
const why = "needs pressure stall information, and Linux 6.4 or CAP_SYS_RESOURCE";

async function pressure(...args: readonly string[]): Promise<ChildResult> {
  return await run([...butter, "pressure", ...args], { env: plainEnv });
}

const number = String.raw`\d+(\.\d+)?`;

/** The averages as columns. */
const averages = `${number}\t${number}\t${number}\t${number}`;

describe.skipIf(!psi)("--now (needs pressure stall information)", () => {
  test("prints the averages of every resource, and ends", async () => {
    const { stdout, stderr, exitCode } = await pressure("--now");
    const rows = rowsOf(stdout).map((row) => row.split(" ").slice(0, 2).join(" "));
    // Before Linux 5.13 there is no FULL one of the processor.
    expect(rows.filter((row) => row !== "NOW,FULL cpu")).toEqual([
      "NOW,SOME cpu",
      "NOW,SOME memory",
      "NOW,FULL memory",
      "NOW,SOME io",
      "NOW,FULL io",
    ]);
    for (const line of stdout.trimEnd().split("\n"))
      expect(line).toMatch(
        new RegExp(`^[-T:.Z\\d]+\tNOW,(SOME|FULL)\t(cpu|memory|io)\t${averages}$`),
      );
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  test("prints JSON of the resources that are named", async () => {
    const { stdout } = await pressure("--now", "--json", "io", "io");
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    const line = {
      time: expect.any(String),
      event: "NOW",
      resource: "io",
      avg10: expect.any(Number),
      avg60: expect.any(Number),
      avg300: expect.any(Number),
      total: expect.any(Number),
    };
    expect(lines).toEqual([
      { ...line, kind: "some" },
      { ...line, kind: "full" },
    ]);
  });
});

describe.skipIf(!triggers)(`stalls (${why})`, () => {
  /** Twice as many as there are processors, so that some always wait. */
  let busy: readonly Bun.Subprocess[] = [];

  beforeAll(() => {
    const loops = 2 * availableParallelism();
    busy = Array.from({ length: loops }, () => Bun.spawn(["sh", "-c", "while :; do :; done"]));
  });

  afterAll(async () => {
    for (const loop of busy) loop.kill();
    await Promise.all(busy.map((loop) => loop.exited));
  });

  test.concurrent(
    "--once: a line when tasks waited, and it ends with 0",
    async () => {
      const { stdout, stderr, exitCode } = await pressure("cpu", "--stall", "50ms", "--once");
      const rows = rowsOf(stdout).filter((row) => !row.startsWith("NOW,"));
      expect(rows).toHaveLength(1);
      expect(stdout).toMatch(new RegExp(`\tSTALL,SOME\tcpu\t${averages}\n$`));
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    },
    30_000 * slowness,
  );

  test.concurrent(
    "an interrupt ends it with 0, and it says how many there were of which",
    async () => {
      await using child = Butter.start(["pressure", "-s", "50ms", "cpu"], { cwd: "/" });
      await child.stdout.until((text) => text.includes("STALL"));
      child.signal("SIGTERM");
      expect(await child.end()).toBe(0);
      expect(child.stderr.text).toMatch(/^(\d+) stalls? in \d+\.\d s: \1 cpu\n$/);
    },
    30_000 * slowness,
  );
});

describe.skipIf(!triggers)(`without a stall (${why})`, () => {
  test("--timeout ends it with 2, after the averages", async () => {
    // Nothing waits for memory all of the time.
    const args = ["memory", "--full", "--stall", "10", "--window", "10", "--timeout", "0.05"];
    const { stdout, stderr, exitCode } = await pressure(...args);
    expect(rowsOf(stdout).map((row) => row.split(" ")[0])).toEqual(["NOW,SOME", "NOW,FULL"]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 2 });
  });

  test.skipIf(can("CAP_SYS_RESOURCE"))(
    "a window that takes CAP_SYS_RESOURCE is explained (without it)",
    async () => {
      const { stdout, stderr, exitCode } = await pressure("--window", "1s");
      expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
      expect(stderr).toContain("without CAP_SYS_RESOURCE the window is a multiple of 2 s");
    },
  );

  test("a directory that is no cgroup is explained", async () => {
    const { stdout, stderr, exitCode } = await pressure("--cgroup", "/tmp");
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 1 });
    expect(stderr).toContain('"/tmp/cpu.pressure"');
    expect(stderr).toContain("there is no such cgroup");
  });
});

describe("the command line", () => {
  test.each([
    ["disk", 'Cannot take resource: "disk" is none of cpu, memory, io'],
    ["--stall 3", "Cannot take --stall: 3000 is not between 0.001 and 2000 ms"],
    ["--stall 1ns", "Cannot take --stall: 0.000001 is not between 0.001 and 2000 ms"],
    ["--window 11", "Cannot take --window: 11000 is not between 0.001 and 10000 ms"],
    ["--window soon", 'Cannot take --window: "soon" is not a time such as 500ms'],
    ["--stall 0", 'Cannot take --stall: "0" is not a time such as 500ms'],
    ["--cgroup=", "Cannot take --cgroup: its directory is empty"],
    ["--now --once", "Cannot take --now together with"],
  ])("butter pressure %s is refused, with what to write instead", async (line, message) => {
    const { stdout, stderr, exitCode } = await pressure(...line.split(" "));
    expect(stdout).toBe("");
    expect(stderr).toStartWith(`butter pressure: ${message}`);
    expect(stderr).toEndWith('Try "butter pressure --help"\n');
    expect(exitCode).toBe(1);
  });
});
