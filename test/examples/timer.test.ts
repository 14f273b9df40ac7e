/** examples/timer.ts does what it says. */
import { expect, test } from "bun:test";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";

const example = new URL("../../examples/timer.ts", import.meta.url).pathname;

test("examples/timer.ts ticks until Ctrl-C", async () => {
  await using timer = Butter.start(["10"], { cwd: "/", program: [bun, example] });
  await timer.stdout.until((text) => text.split("\n").length > 3);
  timer.signal("SIGINT");
  expect(await timer.end()).toBe(0);
  expect(timer.stderr.text).toBe("");
  for (const line of timer.stdout.text.trimEnd().split("\n"))
    expect(line).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z (tick|the clock was set)/);
});
