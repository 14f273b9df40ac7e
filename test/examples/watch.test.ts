/** examples/watch.ts does what it says. */
import { expect, test } from "bun:test";
import { renameSync, writeFileSync } from "node:fs";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/watch.ts", import.meta.url).pathname;

test("examples/watch.ts prints events of a directory until Ctrl-C", async () => {
  using dir = tempDir();
  await using watch = Butter.start([dir.path], { cwd: dir.path, program: [bun, example] });
  await watch.stdout.until((text) => text.includes("Watching "));
  writeFileSync(dir.at("a"), "");
  renameSync(dir.at("a"), dir.at("b"));
  await watch.stdout.until((text) => text.includes(`MOVED_TO ${dir.at("b")}\n`));
  watch.signal("SIGINT");
  expect(await watch.end()).toBe(0);
  expect(watch.stdout.text).toBe(
    [
      `Watching ${dir.path}`,
      `CREATE ${dir.at("a")}`,
      `CLOSE_WRITE ${dir.at("a")}`,
      `MOVED_FROM ${dir.at("a")}`,
      `MOVED_TO ${dir.at("b")}`,
      "",
    ].join("\n"),
  );
});
