/** Every example has its task in the index, its own test, and an answer to a command line that is wrong. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";

import { bun, run } from "../support/child.ts";
import { anything, examples, root, wrong } from "../support/examples.ts";

/** Milliseconds: all of them start at once. */
const PATIENCE = 30_000;

test.concurrent.each(examples.filter((name) => !anything.has(name)))(
  "examples/%s says how it is called when it is called wrongly",
  async (name) => {
    const { stdout, stderr, exitCode } = await run(
      [bun, `${root}/examples/${name}`, ...(wrong[name] ?? [])],
      { cwd: "/" },
    );
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 2 });
    const [, call = ""] = /`(?:sudo )?bun examples\/([^`]*)`/.exec(textOf(name)) ?? [];
    expect(stderr.split("\n")[0]).toBe(`usage: ${call}`);
  },
  PATIENCE,
);

test("the index links every example, and nothing else", () => {
  const index = textOf("README.md");
  const links = [...index.matchAll(/\]\(([^)]+\.ts)\)/g)].map(([, path = ""]) => path);
  expect(links.filter((path) => !path.includes("/")).toSorted()).toEqual(examples);
  for (const path of links) expect(existsSync(`${root}/examples/${path}`)).toBe(true);
});

test.each(examples)("examples/%s has a test", (name) => {
  const tests = `${root}/test/examples/${basename(name, ".ts")}.test.ts`;
  expect(existsSync(tests)).toBe(true);
  expect(readFileSync(tests, "utf8")).toContain(`examples/${name}`);
});

function textOf(name: string): string {
  return readFileSync(`${root}/examples/${name}`, "utf8");
}
