/** examples/wheel.ts does what it says. */
import { expect, test } from "bun:test";

import { bun } from "../support/child.ts";

const example = new URL("../../examples/wheel.ts", import.meta.url).pathname;

test.each([
  ["within a turn of the wheel", 40],
  ["after more than one", 700],
])("examples/wheel.ts tells which sessions are idle, %s, and not before", async (_, idle) => {
  await using wheel = Bun.spawn([bun, example, `${idle}`], { stdin: "pipe", stderr: "pipe" });
  const start = Bun.nanoseconds();
  wheel.stdin.write("first\nsecond\nfirst\n");
  await wheel.stdin.end();
  const [stdout, stderr] = await Promise.all([wheel.stdout.text(), wheel.stderr.text()]);
  // It ends when nothing is left to wait for.
  expect(await wheel.exited).toBe(0);
  expect(stderr).toBe("");
  expect(stdout.trimEnd().split("\n").toSorted()).toEqual(["first is idle", "second is idle"]);
  expect(Bun.nanoseconds() - start).toBeGreaterThanOrEqual(idle * 1e6);
});

test("examples/wheel.ts goes on after nothing was left to wait for", async () => {
  await using wheel = Bun.spawn([bun, example, "20"], { stdin: "pipe" });
  const output = wheel.stdout.getReader();
  for (const name of ["first", "second"]) {
    wheel.stdin.write(`${name}\n`);
    const { value } = await output.read();
    expect(new TextDecoder().decode(value)).toBe(`${name} is idle\n`);
  }
  await wheel.stdin.end();
  expect(await wheel.exited).toBe(0);
});
