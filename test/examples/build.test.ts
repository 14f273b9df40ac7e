/** examples/build.ts does what it says. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/build.ts", import.meta.url).pathname;

test("examples/build.ts builds when sources change, says what is wrong, and ends at Ctrl-C", async () => {
  using dir = tempDir();
  mkdirSync(dir.at("src/part"), { recursive: true });
  writeFileSync(
    dir.at("src/main.ts"),
    'import { answer } from "./part/answer";\nconsole.log(answer);',
  );
  writeFileSync(dir.at("src/part/answer.ts"), "export const answer: number = 41;");
  const args = ["src/main.ts", "src/out"];
  await using build = Butter.start(args, { cwd: dir.path, program: [bun, example] });
  /** Waits until it has built so often. */
  const built = (count: number): Promise<string> =>
    build.stdout.until((text) => text.split("\n").length > count);
  expect(await built(1)).toBe("Built src/out/main.js\n");
  expect(readFileSync(dir.at("src/out/main.js"), "utf8")).toContain("41");

  writeFileSync(dir.at("src/part/answer.ts"), "export const answer: number = ;");
  expect(await built(2)).toEndWith("\nNot built\n");
  expect(build.stderr.text).toContain("Unexpected ;");
  writeFileSync(dir.at("src/part/answer.ts"), "export const answer: number = 42;");
  await built(3);
  expect(readFileSync(dir.at("src/out/main.js"), "utf8")).toContain("42");
  build.signal("SIGINT");
  expect(await build.end()).toBe(0);
  // What it writes is within what it watches, and was no reason to build.
  expect(build.stdout.text.split("\n")).toHaveLength(4);
});
