/** examples/sync.ts does what it says. */
import { expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";

import { watch } from "bun-butter";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";
import { listed, treeOf } from "../support/watch.ts";

const example = new URL("../../examples/sync.ts", import.meta.url).pathname;

test("examples/sync.ts keeps a copy of a tree as the tree is", async () => {
  using dir = tempDir();
  const [from, to] = [dir.at("from"), dir.at("to")];
  mkdirSync(`${from}/old/deep`, { recursive: true });
  writeFileSync(`${from}/old/deep/file`, "text");
  using copies = watch(to, { mustExist: false });
  await using sync = Butter.start([from, to], { cwd: dir.path, program: [bun, example] });
  await sync.stdout.until((text) => text.includes("Copying "));
  mkdirSync(`${from}/new/deep/er`, { recursive: true });
  writeFileSync(`${from}/new/deep/er/file`, "new");
  appendFileSync(`${from}/old/deep/file`, " and more");
  renameSync(`${from}/old/deep`, `${from}/new/moved`);
  rmSync(`${from}/old`, { recursive: true });
  symlinkSync("moved", `${from}/new/link`);
  const stateOf = (root: string): string[] =>
    listed(treeOf(root)).map((path) => path.slice(root.length));
  const file = `${to}/new/moved/file`;
  const isSame = (): boolean =>
    Bun.deepEquals(stateOf(to), stateOf(from)) && readFileSync(file, "utf8") === "text and more";
  while (!isSame()) await copies.readEvent();
  sync.signal("SIGINT");
  expect(await sync.end()).toBe(0);
  expect(isSame()).toBe(true);
});
