/** examples/reload.ts does what it says. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/reload.ts", import.meta.url).pathname;

test("examples/reload.ts reads its configuration at SIGHUP, and keeps the old one if that is wrong", async () => {
  using dir = tempDir();
  const file = dir.at("config.json");
  writeFileSync(file, '{ "greeting": "hello" }');
  await using server = Butter.start([file], { cwd: dir.path, program: [bun, example] });
  const text = await server.stdout.until((printed) => printed.endsWith("\n"));
  const [url = ""] = /http:\S+/.exec(text) ?? [];
  const greeting = async (): Promise<string> => await (await fetch(url)).text();
  expect(await greeting()).toBe("hello\n");

  writeFileSync(file, '{ "greeting": "good morning" }');
  expect(await greeting()).toBe("hello\n");
  server.signal("SIGHUP");
  await server.stdout.until((printed) => printed.includes(`Reloaded ${file}\n`));
  expect(await greeting()).toBe("good morning\n");

  for (const [wrong, why] of [
    ['{ "greeting":', "JSON Parse error"],
    ["{}", 'there is no "greeting" in it'],
  ] as const) {
    writeFileSync(file, wrong);
    server.signal("SIGHUP");
    const said = await server.stderr.until((printed) => printed.includes(why));
    expect(said).toContain(`Cannot reload ${file}: `);
    expect(await greeting()).toBe("good morning\n");
  }
  server.signal("SIGTERM");
  expect(await server.end()).toBe(0);
});

test("examples/reload.ts does not start without a configuration", async () => {
  using dir = tempDir();
  await using server = Butter.start(["nowhere"], { cwd: dir.path, program: [bun, example] });
  expect(await server.end()).toBe(1);
  expect(server.stderr.text).toContain("ENOENT");
});
