/** examples/supervisor.ts does what it says. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/supervisor.ts", import.meta.url).pathname;

const start = (script: string, cwd: string): Butter =>
  Butter.start(["sh", "-c", script], { cwd, program: [bun, example] });

/** Without the numbers of processes. */
const outline = (text: string): string[] =>
  text
    .replaceAll(/\b\d{2,}\b(?! ms)/g, "N")
    .trimEnd()
    .split("\n");

test("examples/supervisor.ts starts a program again, later each time, until it exits with 0", async () => {
  using dir = tempDir();
  // It fails as often as there is a line to take away.
  writeFileSync(dir.at("0"), "");
  await using supervisor = start(
    "[ -e 2 ] && exit; [ -e 1 ] && > 2 || > 1; [ -e 2 ] && kill -9 $$; exit 3",
    dir.path,
  );
  expect(await supervisor.end()).toBe(0);
  expect(supervisor.stderr.text).toBe("");
  expect(outline(supervisor.stdout.text)).toEqual([
    "started N",
    "N failed (3), again in 100 ms",
    "started N",
    "N failed (SIGKILL), again in 200 ms",
    "started N",
    "stopped",
  ]);
});

test("examples/supervisor.ts ends its program before itself, and starts nothing then", async () => {
  using dir = tempDir();
  const script = "trap 'echo cleaned up; exit 1' TERM; echo ready; while :; do sleep 0.05; done";
  await using supervisor = start(script, dir.path);
  await supervisor.stdout.until((text) => text.includes("ready\n"));
  supervisor.signal("SIGTERM");
  expect(await supervisor.end()).toBe(0);
  const lines = outline(supervisor.stdout.text);
  // The two write at once.
  expect(lines.slice(0, 2).toSorted()).toEqual(["ready", "started N"]);
  expect(lines.slice(2)).toEqual(["cleaned up", "stopped"]);
});

test("examples/supervisor.ts can be stopped while it waits", async () => {
  await using supervisor = start("exit 1", "/");
  await supervisor.stdout.until((text) => text.includes("again in 400 ms\n"));
  supervisor.signal("SIGINT");
  expect(await supervisor.end()).toBe(0);
  const delays = [...supervisor.stdout.text.matchAll(/again in (\d+) ms/g)].map(([, ms]) => ms);
  expect(delays.slice(0, 3)).toEqual(["100", "200", "400"]);
  expect(supervisor.stdout.text).toEndWith("\nstopped\n");
});
