/** examples/pressure.ts does what it says. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";

import { Butter } from "../support/butter.ts";
import { can, kernel } from "../support/capabilities.ts";
import { bun } from "../support/child.ts";

const example = new URL("../../examples/pressure.ts", import.meta.url).pathname;
const triggers = existsSync("/proc/pressure/cpu") && (kernel(6, 4) || can("CAP_SYS_RESOURCE"));

test.skipIf(!triggers)(
  "examples/pressure.ts tells that tasks wait, until Ctrl-C (needs /proc/pressure, and Linux 6.4 or CAP_SYS_RESOURCE)",
  async () => {
    await using pressure = Butter.start(["cpu", "50"], { cwd: "/", program: [bun, example] });
    await pressure.stdout.until((text) => text.includes("\n"));
    // Twice as many as there are processors, so that some always wait.
    const loops = Array.from({ length: 2 * availableParallelism() }, () =>
      Bun.spawn(["sh", "-c", "while :; do :; done"]),
    );
    try {
      await pressure.stdout.until((text) => text.includes(" since, "));
    } finally {
      for (const loop of loops) loop.kill();
      await Promise.all(loops.map((loop) => loop.exited));
    }
    pressure.signal("SIGINT");
    expect(await pressure.end()).toBe(0);
    expect(pressure.stderr.text).toBe("");
    const [first, event] = pressure.stdout.text.split("\n");
    expect(first).toMatch(/^cpu: some task waited [\d.]+ % of the last 10 s$/);
    expect(event).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]{12}Z waited \d+ ms since, [\d.]+ % of the last 10 s$/,
    );
  },
  30_000,
);
