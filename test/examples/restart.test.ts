/** examples/restart.ts does what it says. */
import { expect, test } from "bun:test";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/restart.ts", import.meta.url).pathname;

test("examples/restart.ts starts the server anew when its sources change, and ends it at Ctrl-C", async () => {
  using dir = tempDir();
  const server = "console.log(process.pid, 'answers', (await import('./src/answer.ts')).answer);";
  mkdirSync(dir.at("src"));
  writeFileSync(dir.at("src/.gitignore"), "*.log\n");
  writeFileSync(dir.at("server.ts"), `${server} setInterval(() => {}, 1000);`);
  writeFileSync(dir.at("src/answer.ts"), "export const answer = 1;");
  const args = ["src", bun, "server.ts"];
  await using restart = Butter.start(args, { cwd: dir.path, program: [bun, example] });
  await restart.stdout.until((text) => text.includes("answers 1\n"));
  // Nothing that counts, and then an editor's save.
  writeFileSync(dir.at("src/debug.log"), "");
  writeFileSync(dir.at("src/.answer.tmp"), "export const answer = 42;");
  renameSync(dir.at("src/.answer.tmp"), dir.at("src/answer.ts"));
  const text = await restart.stdout.until((printed) => printed.includes("answers 42\n"));
  expect(text).toContain("Restarting: src/.answer.tmp");
  expect(text).not.toContain("debug.log");
  restart.signal("SIGINT");
  // Its output ends when the servers, which have it as well, are gone too.
  expect(await restart.end()).toBe(0);
  expect(restart.stderr.text).toBe("");
});
