/** examples/tail.ts does what it says. */
import { expect, test } from "bun:test";
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";

import { Butter } from "../support/butter.ts";
import { bun } from "../support/child.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

const example = new URL("../../examples/tail.ts", import.meta.url).pathname;

async function start(dir: TempDir): Promise<Butter> {
  const tail = Butter.start([dir.path], { cwd: "/", program: [bun, example] });
  await tail.stdout.until((text) => text.includes("Following "));
  return tail;
}

/** What it has printed, but for how many logs there were. */
const printed = (tail: Butter): string[] => tail.stdout.text.split("\n").slice(1, -1);

/** `x.log.1` becomes `x.log.2`, and so on, and `x.log` `x.log.1`. */
function rotate(log: string, keep: number): void {
  for (let at = keep; at >= 0; at--) {
    const from = at === 0 ? log : `${log}.${at}`;
    if (existsSync(from)) renameSync(from, `${log}.${at + 1}`);
  }
}

test("examples/tail.ts loses no line of logs that are rotated while their writers go on, and prints none twice", async () => {
  using dir = tempDir();
  await using tail = await start(dir);
  const lines: string[] = [];
  const names = ["a.log", "b.log"];
  for (let round = 0; round < 20; round++) {
    const writers = names.map((name) => [name, openSync(dir.at(name), "a")] as const);
    const write = (text: string): void => {
      for (const [name, fd] of writers) {
        writeSync(fd, `${text}\n`);
        lines.push(`${name}: ${text}`);
      }
    };
    for (let at = 0; at < 10; at++) write(`${round} ${at}`);
    for (const name of names) rotate(dir.at(name), round);
    // A writer learns it later.
    write(`${round} last`);
    for (const [, fd] of writers) closeSync(fd);
  }
  // A name that no earlier event has: when it is told, all is.
  appendFileSync(dir.at("end.log"), "end\n");
  await tail.stdout.until((text) => text.includes("end.log: end\n"));
  tail.signal("SIGINT");
  expect(await tail.end()).toBe(0);
  expect(tail.stderr.text).toBe("");
  expect(printed(tail).toSorted()).toEqual([...lines, "end.log: end"].toSorted());
});

test("examples/tail.ts prints whole lines from its start on, and follows what is copied and emptied", async () => {
  using dir = tempDir();
  const log = dir.at("web.log");
  writeFileSync(log, "before\n");
  writeFileSync(dir.at("notes.txt"), "");
  await using tail = await start(dir);
  const until = (line: string): Promise<string> =>
    tail.stdout.until((text) => text.includes(`web.log: ${line}\n`));
  appendFileSync(dir.at("notes.txt"), "no log\n");
  appendFileSync(log, "one\ntw");
  await until("one");
  appendFileSync(log, "o ü\n");
  await until("two ü");

  copyFileSync(log, dir.at("web.log.1"));
  truncateSync(log);
  appendFileSync(log, "three\n");
  await until("three");
  rmSync(log);
  writeFileSync(log, "four\n");
  await until("four");
  tail.signal("SIGINT");
  expect(await tail.end()).toBe(0);
  expect(tail.stdout.text).toStartWith("Following 1 logs\n");
  expect(printed(tail)).toEqual(
    ["one", "two ü", "three", "four"].map((line) => `web.log: ${line}`),
  );
});
