/** Directories that leave with very much in them: that is told in slices, and what happens later comes behind it. */
import { describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

import { watch, type Watcher, type WatchEvent } from "bun-butter";

import { backlogs, heard as hear } from "../support/slices.ts";
import { memory, type TempDir, tempDir } from "../support/temp.ts";
import { canFanotify, line, ways } from "../support/watch.ts";

const MANY = 40_000;

/** More than leave at once. */
const SOME = 2000;

/** `root/full` with so many files, all of them links to one. */
function fill(dir: TempDir, many: number): void {
  mkdirSync(dir.at("root/full"), { recursive: true });
  writeFileSync(dir.at("root/full/0"), "");
  for (let at = 1; at < many; at++) linkSync(dir.at("root/full/0"), dir.at(`root/full/${at}`));
}

/** Moves it out of the tree, where more happens in it, and makes another one in its place. */
function exchange(dir: TempDir): void {
  renameSync(dir.at("root/full"), dir.at("gone"));
  writeFileSync(dir.at("gone/new"), "");
  renameSync(dir.at("gone/new"), dir.at("gone/newer"));
  mkdirSync(dir.at("gone/directory"));
  mkdirSync(dir.at("root/full"));
  writeFileSync(dir.at("root/full/0"), "");
  mkdirSync(dir.at("root/full/1"));
}

/** Who else fills the file system makes overflows, which hide nothing here. */
const isOfEntry = ({ type }: WatchEvent): boolean => type !== "overflow" && type !== "change";

/** All that is told, and in how many turns of the event loop. */
const heard = (watcher: Watcher): ReturnType<typeof hear> => hear(watcher, isOfEntry);

/** That the old ones are gone before the new ones come. */
function expectInOrder(told: readonly WatchEvent[], dir: TempDir, many: number): void {
  const lines = told.map((event) => line(event, dir.path));
  const gone = lines.slice(0, many + 1);
  expect(new Set(gone).size).toBe(many + 1);
  expect(gone.every((each) => each.startsWith("delete "))).toBe(true);
  expect(gone.at(-1)).toBe("delete root/full/");
  const [made, ...others] = lines.slice(many + 1);
  expect(made).toBe("create root/full/");
  expect(others.toSorted()).toEqual(["create root/full/0", "create root/full/1/"]);
}

describe.each(ways)("$backend", ({ backend }) => {
  test("row 20: what was in a directory that leaves is told in slices, before what takes its place", async () => {
    using dir = tempDir(memory);
    fill(dir, MANY);
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    exchange(dir);
    const { told, turns } = await heard(watcher);
    expectInOrder(told, dir, MANY);
    expect(turns).toBeGreaterThan(2);
    expect(watcher.watched.entries).toBe(4);
  }, 30_000);

  test("what leaves in slices and comes back by another name is gone before it comes", async () => {
    using dir = tempDir(memory);
    mkdirSync(dir.at("out"));
    fill(dir, SOME);
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    // What it is, is looked at then.
    renameSync(dir.at("root/full"), dir.at("root/renamed"));
    await watcher.sync();
    watcher.readEventsSync();
    renameSync(dir.at("root/renamed"), dir.at("out/gone"));
    renameSync(dir.at("out/gone"), dir.at("root/back"));
    await watcher.sync();
    const lines = watcher.readEventsSync().map((event) => line(event, dir.path));
    expect(lines.slice(0, SOME).every((each) => each.startsWith("delete root/renamed/"))).toBe(
      true,
    );
    expect(lines.slice(SOME, SOME + 2)).toEqual(["delete root/renamed/", "create root/back/"]);
    expect(new Set(lines).size).toBe(2 * (SOME + 1));
    expect(lines.length).toBe(2 * (SOME + 1));
  });

  test.each([{ atomic: 20 }, { settle: 20 }, { batch: 20 }, { poll: 100_000 }])(
    "what leaves in slices comes before what takes its place, with %p",
    async (options) => {
      using dir = tempDir(memory);
      fill(dir, SOME);
      await using watcher = watch(dir.at("root"), { backend, ...options });
      await watcher.indexed;
      exchange(dir);
      const { told } = await heard(watcher);
      expectInOrder(told, dir, SOME);
    },
  );

  test("sync() with poll compares what leaves when that is told, after much that others did", async () => {
    using dir = tempDir(memory);
    fill(dir, SOME);
    await using watcher = watch(dir.at("root"), { backend, poll: 100_000 });
    await watcher.indexed;
    // More than one read takes.
    for (let at = 0; at < 2000; at++) writeFileSync(dir.at(`${"other".repeat(20)}${at}`), "");
    exchange(dir);
    const { told } = await heard(watcher);
    expectInOrder(told, dir, SOME);
  });

  test("several that leave in slices are told one after another", async () => {
    using dir = tempDir(memory);
    fill(dir, SOME);
    renameSync(dir.at("root/full"), dir.at("root/other"));
    fill(dir, SOME);
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    renameSync(dir.at("root/other"), dir.at("other"));
    exchange(dir);
    const { told } = await heard(watcher);
    const lines = told.map((event) => line(event, dir.path));
    expect(new Set(lines.slice(0, SOME + 1)).size).toBe(SOME + 1);
    expect(lines[SOME]).toBe("delete root/other/");
    expectInOrder(told.slice(SOME + 1), dir, SOME);
  });

  test("row 20: what leaves with very much in it waits for who reads it", async () => {
    using dir = tempDir(memory);
    fill(dir, MANY * 2);
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    renameSync(dir.at("root/full"), dir.at("gone"));
    let told = (await watcher.readEvents()).filter(isOfEntry).length;
    while (watcher.queued < 16_384) await turn();
    for (let turns = 0; turns < 100; turns++) await turn();
    expect(watcher.queued).toBeLessThan(MANY * 2 - told);
    for await (const batch of watcher.batches()) {
      told += batch.filter(isOfEntry).length;
      if (told > MANY * 2) break;
    }
    expect(told).toBe(MANY * 2 + 1);
  }, 30_000);

  test("add() and remove() tell first of all that leaves", async () => {
    using dir = tempDir(memory);
    fill(dir, SOME);
    mkdirSync(dir.at("beside"));
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    exchange(dir);
    watcher.add(dir.at("beside"));
    const { told } = await heard(watcher);
    expectInOrder(told, dir, SOME);
    expect(watcher.watched.paths).toEqual([dir.at("root"), dir.at("beside")]);
  });

  test("remove() of a path with very much below it is told of nothing, and gives all of it back", async () => {
    using dir = tempDir(memory);
    fill(dir, SOME);
    for (let at = 0; at < SOME; at++) mkdirSync(dir.at(`root/d${at}`));
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    expect(watcher.remove(dir.at("root"))).toBe(true);
    expect(watcher.watched.entries).toBeGreaterThan(0);
    const { told } = await heard(watcher);
    expect(told).toEqual([]);
    expect([watcher.watched.entries, watcher.watched.directories]).toEqual([0, 0]);
    watcher.add(dir.at("root"));
    await watcher.sync();
    writeFileSync(dir.at("root/d1/new"), "");
    const { told: later } = await heard(watcher);
    expect(later.map((event) => line(event, dir.path))).toEqual(["create root/d1/new"]);
  });

  test("close() while something leaves in slices tells no more of it", async () => {
    using dir = tempDir(memory);
    fill(dir, MANY);
    const watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    exchange(dir);
    const events = await watcher.readEvents();
    expect(events.length).toBeLessThan(MANY);
    watcher.close();
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(watcher.queued).toBe(0);
  });
});

test.skipIf(!canFanotify)(
  "fanotify: what is in a directory that leaves before it is read is read and told in slices (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    fill(dir, MANY);
    await using watcher = watch(dir.at("root"), { backend: "fanotify" });
    exchange(dir);
    const { told, turns } = await heard(watcher);
    expectInOrder(told, dir, MANY);
    expect(turns).toBeGreaterThan(2);
  },
  30_000,
);

test.skipIf(!canFanotify)(
  "fanotify: close() gives back what was read ahead (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    fill(dir, MANY);
    using all = backlogs();
    const watcher = watch(dir.at("root"), { backend: "fanotify" });
    exchange(dir);
    await watcher.readEvent();
    const [backlog] = all.used;
    expect([all.used.size, backlog?.isEmpty]).toEqual([1, false]);
    watcher.close();
    expect(backlog?.isEmpty).toBe(true);
  },
);

test.skipIf(!canFanotify)(
  "fanotify: close() by a function that ignores gives back what was read ahead (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    mkdirSync(dir.at("root"));
    mkdirSync(dir.at("out/deep"), { recursive: true });
    using all = backlogs();
    let opened: Watcher | undefined;
    const ignore = (path: string): boolean => {
      if (path.endsWith("new")) opened?.close();
      return false;
    };
    using watcher = watch(dir.at("root"), { backend: "fanotify", ignore });
    await watcher.indexed;
    // What is moved in is still to be read when the next read tells of it.
    for (let at = 0; at < 1000; at++) mkdirSync(dir.at(`out/${"deep".repeat(40)}${at}`));
    renameSync(dir.at("out"), dir.at("root/out"));
    await watcher.readEvent();
    writeFileSync(dir.at("root/out/deep/new"), "");
    writeFileSync(dir.at("root/out/deep/newer"), "");
    opened = watcher;
    await expect(watcher.sync()).rejects.toMatchObject({ code: "EBADF" });
    expect([...all.used].map(({ isEmpty }) => isEmpty)).toEqual([true]);
  },
);
