/** Much that happens at once in a tree that is known: it is told in slices, between which the event loop turns. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";

import { watch } from "bun-butter";

import { heard } from "../support/slices.ts";
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
});
