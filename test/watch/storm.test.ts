/** Much that happens at once in a tree that is known: it is told in slices, between which the event loop turns. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";

import { watch } from "bun-butter";

import { brieflyExpired, heard } from "../support/slices.ts";
import { memory, tempDir } from "../support/temp.ts";
import { line, ways } from "../support/watch.ts";

/** Many more than one slice has. */
const MANY = 4000;

describe.each(ways)("$backend", ({ backend }) => {
  test("row 20: a storm is told in slices, and in order", async () => {
    using dir = tempDir(memory);
    mkdirSync(dir.at("root"));
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    await watcher.sync();
    const expected: string[] = [];
    for (let at = 0; at < MANY; at++) {
      mkdirSync(dir.at(`root/${at}`));
      expected.push(`create root/${at}/`);
    }
    const { told, turns } = await heard(watcher, ({ type }) => type !== "overflow");
    expect(told.map((event) => line(event, dir.path))).toEqual(expected);
    expect(turns).toBeGreaterThan(2);
  });

  test("readEventsSync() takes all of it", async () => {
    using dir = tempDir(memory);
    mkdirSync(dir.at("root"));
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    await watcher.sync();
    for (let at = 0; at < MANY; at++) writeFileSync(dir.at(`root/${at}`), "");
    const told = watcher.readEventsSync().filter(({ type }) => type === "create");
    expect(told).toHaveLength(MANY);
  });

  test("row 20: what left one by one and does not come back is told in slices", async () => {
    using dir = tempDir(memory);
    for (const name of ["root", "out"]) mkdirSync(dir.at(name));
    for (let at = 0; at < MANY; at++) writeFileSync(dir.at(`root/${at}`), "");
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    await watcher.sync();
    watcher.readEventsSync();
    using _ = brieflyExpired();
    const expected: string[] = [];
    for (let at = 0; at < MANY; at++) {
      renameSync(dir.at(`root/${at}`), dir.at(`out/${at}`));
      expected.push(`delete root/${at}`);
    }
    const { told, turns } = await heard(watcher, ({ type }) => type !== "overflow");
    expect(told.map((event) => line(event, dir.path))).toEqual(expected);
    expect(turns).toBeGreaterThan(2);
    expect(watcher.watched.entries).toBe(1);
  });

  test("what left and does not come back is told to who waits, in slices", async () => {
    using dir = tempDir(memory);
    for (const name of ["root", "out"]) mkdirSync(dir.at(name));
    for (let at = 0; at < MANY; at++) writeFileSync(dir.at(`root/${at}`), "");
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    await watcher.sync();
    watcher.readEventsSync();
    using _ = brieflyExpired();
    for (let at = 0; at < MANY; at++) renameSync(dir.at(`root/${at}`), dir.at(`out/${at}`));
    let left = MANY;
    for await (const batch of watcher.batches()) {
      expect(batch.length).toBeLessThan(MANY);
      left -= batch.filter(({ type }) => type === "delete").length;
      if (left === 0) break;
    }
    expect(watcher.watched.entries).toBe(1);
  });
});
