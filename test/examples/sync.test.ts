/** examples/sync.ts does what it says. */
import { expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";

import { watch } from "bun-butter";

import { Butter } from "../support/butter.ts";
import { bun, run } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";
import { listed, treeOf } from "../support/watch.ts";

const example = new URL("../../examples/sync.ts", import.meta.url).pathname;

const stateOf = (root: string): string[] =>
  listed(treeOf(root)).map((path) => path.slice(root.length));

function isCopied(from: string, to: string): boolean {
  try {
    const text = readFileSync(`${to}/new/moved/file`, "utf8");
    return text === "text and more" && Bun.deepEquals(stateOf(to), stateOf(from));
  } catch {
    // It changes meanwhile.
    return false;
  }
}

test("examples/sync.ts keeps a copy of a tree as the tree is", async () => {
  using dir = tempDir();
  const [from, to] = [dir.at("from"), dir.at("to")];
  mkdirSync(`${from}/old/deep`, { recursive: true });
  mkdirSync(`${from}/known`);
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
  // What is to be copied has another name by the time it is its turn.
  let at = `${from}/known`;
  for (let n = 0; n < 300; n++) {
    writeFileSync(`${at}/draft`, "");
    renameSync(`${at}/draft`, `${at}/${n}`);
    symlinkSync("nowhere", `${at}/draft`);
    renameSync(`${at}/draft`, `${at}/to-${n}`);
    if (n % 20 !== 0) continue;
    renameSync(at, `${from}/new/${n}`);
    at = `${from}/new/${n}`;
  }
  writeFileSync(`${from}/last`, "");
  // What is in directories that are new may come after what came later.
  while (!isCopied(from, to)) await copies.readEvents();
  sync.signal("SIGINT");
  expect(await sync.end()).toBe(0);
  expect(stateOf(to)).toEqual(stateOf(from));
  expect(sync.stderr.text).toBe("");
});

test("examples/sync.ts does not copy a tree into itself", async () => {
  using dir = tempDir();
  mkdirSync(dir.at("from"));
  for (const to of ["from", "from/copy", "from/../from/copy"]) {
    const { stderr, exitCode } = await run([bun, example, dir.at("from"), `${dir.path}/${to}`]);
    expect({ stderr, exitCode }).toEqual({
      stderr: "sync.ts: TO is within FROM, and would be copied into itself without end\n",
      exitCode: 2,
    });
  }
  expect(existsSync(dir.at("from/copy"))).toBe(false);
});
