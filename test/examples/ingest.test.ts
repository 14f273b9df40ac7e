/** examples/ingest.ts does what it says. */
import { expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";

import { IN, Inotify } from "bun-butter";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const example = new URL("../../examples/ingest.ts", import.meta.url).pathname;

const row = (name: string, text: string): string =>
  `${new Bun.CryptoHasher("sha256").update(text).digest("hex")} ${name}`;

test("examples/ingest.ts processes each file once, when its writer has closed it, across a crash", async () => {
  using dir = tempDir();
  const drop = dir.at("drop");
  mkdirSync(drop);
  const start = (): Butter => Butter.start([drop], { cwd: dir.path, program: [bun, example] });
  writeFileSync(`${drop}/early`, "early");
  const open = openSync(`${drop}/open`, "w");
  writeSync(open, "half");

  await using first = start();
  await first.stdout.until((text) => text.includes(" early\n"));
  using done = new Inotify();
  done.watch(`${drop}/done`, IN.MOVED_TO);
  const late = openSync(`${drop}/late`, "w");
  writeSync(late, "half");
  writeFileSync(dir.at("elsewhere"), "moved");
  renameSync(dir.at("elsewhere"), `${drop}/moved`);
  mkdirSync(`${drop}/directory`);
  await first.stdout.until((text) => text.includes(" moved\n"));
  expect(existsSync(`${drop}/open`)).toBe(true);
  expect(existsSync(`${drop}/late`)).toBe(true);
  writeSync(late, " and half");
  closeSync(late);
  // What is processed and not in done yet would be processed again.
  for await (const { name } of done) if (name === "late") break;
  first.signal("SIGKILL");
  expect(await first.end()).toBe("SIGKILL");

  writeFileSync(`${drop}/between`, "between");
  await using second = start();
  await second.stdout.until((text) => text.includes(" between\n"));
  closeSync(open);
  await second.stdout.until((text) => text.includes(" open\n"));
  symlinkSync("nowhere", `${drop}/link`);
  second.signal("SIGINT");
  expect(await second.end()).toBe(0);
  expect(first.stderr.text + second.stderr.text).toBe("");
  expect((first.stdout.text + second.stdout.text).trimEnd().split("\n")).toEqual([
    row("early", "early"),
    row("moved", "moved"),
    row("late", "half and half"),
    row("between", "between"),
    row("open", "half"),
  ]);
  expect(readdirSync(`${drop}/done`).toSorted()).toEqual([
    "between",
    "early",
    "late",
    "moved",
    "open",
  ]);
  expect(readdirSync(drop).toSorted()).toEqual(["directory", "done", "link"]);
});
