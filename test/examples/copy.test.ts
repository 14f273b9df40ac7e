/** examples/copy.ts does what it says. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";

import { digest, noise } from "../support/bytes.ts";
import { bun, run } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/copy.ts", import.meta.url).pathname;

test("examples/copy.ts copies, and tells how far it is", async () => {
  using dir = tempDir();
  const bytes = noise(3_000_000);
  writeFileSync(dir.at("from"), bytes);
  const { stderr, exitCode } = await run([bun, example, dir.at("from"), dir.at("to")]);
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(/^(\r\d+ of 3000000 bytes by \w+)+\n$/);
  expect(stderr).toContain("\r3000000 of 3000000 bytes by ");
  expect(digest(readFileSync(dir.at("to")))).toBe(digest(bytes));
});

test("examples/copy.ts says after how many bytes it failed", async () => {
  using dir = tempDir();
  writeFileSync(dir.at("from"), "full");
  const { stderr, exitCode } = await run([bun, example, dir.at("from"), "/dev/full"]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain("Ended after 0 bytes: ");
  expect(stderr).toContain("(ENOSPC)");
});
