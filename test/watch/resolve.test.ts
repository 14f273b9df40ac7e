/** What the user calls a path, as the kernel finds it. */
import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";

import { resolvePath } from "../../src/watch/disk/resolve.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

/** As text of one character for each byte. */
function real(path: string | Uint8Array): string {
  return Buffer.from(resolvePath(path).real).toString("latin1");
}

/** The same by coreutils: that of node:fs takes `..` for the directory above by name, whatever link is before it. */
function realpath(path: string): string {
  return Bun.spawnSync(["realpath", "-e", path]).stdout.toString().trimEnd();
}

test("resolvePath() follows links as realpath() does", () => {
  using dir = tempDir();
  mkdirSync(dir.at("a/b/c"), { recursive: true });
  writeFileSync(dir.at("a/file"), "");
  symlinkSync("a/b", dir.at("relative"));
  symlinkSync(dir.at("a"), dir.at("absolute"));
  symlinkSync("../absolute/./b//c/", dir.at("a/chain"));
  symlinkSync("..", dir.at("a/b/up"));
  symlinkSync("../file", dir.at("a/b/file"));
  symlinkSync("/", dir.at("top"));
  for (const path of [
    "",
    "a/b/c",
    "relative",
    "relative/c/..",
    "relative/../file",
    "absolute/b/up/b/c",
    "a/chain",
    "a/chain/../up/chain",
    "a/b/file",
    "./a/.//b/",
    "top",
    "top/etc",
    "../../../../../../../..",
  ])
    expect(real(`${dir.path}/${path}`)).toBe(realpath(`${dir.path}/${path}`));
});

test("resolvePath() follows links as far as they lead, and leaves what is not there as it is", () => {
  using dir = tempDir();
  mkdirSync(dir.at("a"));
  symlinkSync("a", dir.at("link"));
  symlinkSync("nowhere", dir.at("dangling"));
  symlinkSync("loop", dir.at("loop"));
  for (const [path, expected] of [
    ["link/none/file", "a/none/file"],
    ["dangling", "nowhere"],
    ["dangling/file", "nowhere/file"],
    ["loop", "loop"],
  ] as const)
    expect(real(`${dir.path}/${path}`)).toBe(dir.at(expected));
});

test("resolvePath() keeps bytes that are no UTF-8, also where a link leads", () => {
  using dir = tempDir();
  const name = Buffer.from([0x2f, 0xff, 0x41]);
  const target = Buffer.concat([Buffer.from(dir.path), name]);
  writeFileSync(target, "");
  symlinkSync(target, dir.at("link"));
  expect([real(target), real(dir.at("link"))]).toEqual(Array(2).fill(target.toString("latin1")));
});

test("resolvePath() gives no other path to what is renamed meanwhile", async () => {
  using dir = tempDir();
  const [here, there] = [dir.at("here"), dir.at("there")];
  mkdirSync(here);
  symlinkSync(".", dir.at("link"));
  const renames = `
    const { renameSync } = require("node:fs");
    const [, here, there] = process.argv;
    for (let round = 0; round < 10_000; round++) {
      renameSync(here, there);
      renameSync(there, here);
    }
  `;
  const child = Bun.spawn([bun, "-e", renames, here, there], { stderr: "inherit" });
  const found = new Set<string>();
  while (child.exitCode === null) {
    for (let round = 0; round < 100; round++) found.add(real(dir.at("link/here")));
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  expect([...found]).toEqual([here]);
});
