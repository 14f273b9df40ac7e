/** Something happens in a large directory that is not read yet: it is read in slices, and what happens later waits. */
import { describe, expect, test } from "bun:test";
import {
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

import { tmpfs, watch, type Watcher } from "bun-butter";

import { heard, hurried, slowly, toldBy } from "../support/slices.ts";
import { type TempDir, tempDir } from "../support/temp.ts";
import { canFanotifyTmpfs, line, Model } from "../support/watch.ts";

/** Many more than one read takes. */
const MANY = 8000;

/** `at/full` with so many files, all of them links to one, and a directory. */
function fill(dir: TempDir, at: string): void {
  mkdirSync(dir.at(`${at}/full/deep`), { recursive: true });
  writeFileSync(dir.at(`${at}/full/0`), "");
  for (let file = 1; file < MANY; file++)
    linkSync(dir.at(`${at}/full/0`), dir.at(`${at}/full/${file}`));
}

/** A watcher of a tree of which nothing is read. */
function open(dir: TempDir): Watcher {
  fill(dir, "root");
  mkdirSync(dir.at("root/beside"));
  return watch(dir.at("root"), { backend: "fanotify" });
}

/** What happens before it is read. */
function first(dir: TempDir): string[] {
  writeFileSync(dir.at("root/beside/before"), "");
  writeFileSync(dir.at("root/full/new"), "");
  writeFileSync(dir.at("root/full/deep/new"), "");
  renameSync(dir.at("root/full/1"), dir.at("root/beside/1"));
  writeFileSync(dir.at("root/beside/after"), "");
  return [
    "create root/beside/before",
    "change root/beside/before",
    "create root/full/new",
    "change root/full/new",
    "create root/full/deep/new",
    "change root/full/deep/new",
    "rename root/full/1 root/beside/1",
    "create root/beside/after",
    "change root/beside/after",
  ];
}

/** What happens while it is read. */
function second(dir: TempDir): string[] {
  const told: string[] = [];
  for (let at = 2; at < 100; at++) {
    const file = `root/full/${at}`;
    const [from, to] = [dir.at(file), dir.at(`root/beside/${at}`)];
    if (at % 3 === 0) unlinkSync(from);
    else renameSync(from, to);
    told.push(at % 3 === 0 ? `delete ${file}` : `rename ${file} root/beside/${at}`);
  }
  mkdirSync(dir.at("root/full/2"));
  writeFileSync(dir.at("root/full/2/new"), "");
  rmSync(dir.at("root/full/deep"), { recursive: true });
  return [
    ...told,
    "create root/full/2/",
    "create root/full/2/new",
    "change root/full/2/new",
    "delete root/full/deep/new",
    "delete root/full/deep/",
  ];
}

/** The tree, its root counted. */
const entriesOf = (dir: TempDir): number =>
  readdirSync(dir.at("root"), { recursive: true }).length + 1;

const lines = (told: Parameters<Model["apply"]>[0], dir: TempDir): string[] =>
  told.map((event) => line(event, dir.path));

describe.skipIf(!canFanotifyTmpfs)("fanotify (needs CAP_SYS_ADMIN)", () => {
  test("row 20: what happens in it is told in order, when it is read in slices", async () => {
    using dir = tempDir();
    using _alone = tmpfs({ target: dir.path });
    using _ = hurried();
    using slow = slowly();
    await using watcher = open(dir);
    const expected = first(dir);
    const { told } = await heard(watcher);
    expect(lines(told, dir)).toEqual(expected);
    expect(slow.left).toBeGreaterThan(4);
    await watcher.indexed;
    expect(watcher.watched.entries).toBe(entriesOf(dir));
  });

  test("what happens meanwhile is told once, and behind that", async () => {
    using dir = tempDir();
    using _alone = tmpfs({ target: dir.path });
    using _ = hurried();
    using slow = slowly();
    await using watcher = open(dir);
    const expected = first(dir);
    const told = await watcher.readEvents();
    while (slow.left < 3) {
      told.push(...(await toldBy(watcher)));
      await turn();
    }
    expect(told.length).toBeLessThan(expected.length);
    expected.push(...second(dir));
    told.push(...(await heard(watcher)).told);
    expect(lines(told, dir)).toEqual(expected);
    await watcher.indexed;
    expect(watcher.watched.entries).toBe(entriesOf(dir));
  });

  test("who does not wait gets all of it at once", async () => {
    using dir = tempDir();
    using _alone = tmpfs({ target: dir.path });
    using _ = hurried();
    using slow = slowly();
    await using watcher = open(dir);
    const expected = first(dir);
    expect(lines(watcher.readEventsSync(), dir)).toEqual(expected);
    expect(slow.left).toBe(0);
  });

  test.each(["add", "remove"] as const)("%s() tells first of all what happened", async (what) => {
    using dir = tempDir();
    using _alone = tmpfs({ target: dir.path });
    mkdirSync(dir.at("other"));
    using _ = hurried();
    using slow = slowly();
    await using watcher = open(dir);
    const expected = first(dir);
    const told = await watcher.readEvents();
    while (slow.left === 0) await turn();
    if (what === "add") watcher.add(dir.at("other"));
    else expect(watcher.remove(dir.at("root"))).toBe(true);
    told.push(...(await heard(watcher)).told);
    expect(lines(told, dir)).toEqual(expected);
  });

  test("what is in one that is moved in is told before what happens in it", async () => {
    using dir = tempDir();
    using _alone = tmpfs({ target: dir.path });
    fill(dir, "out");
    mkdirSync(dir.at("root"));
    using _ = hurried();
    using slow = slowly();
    await using watcher = watch(dir.at("root"), { backend: "fanotify" });
    renameSync(dir.at("out/full"), dir.at("root/full"));
    writeFileSync(dir.at("root/full/new"), "");
    renameSync(dir.at("root/full"), dir.at("root/moved"));
    writeFileSync(dir.at("root/moved/newer"), "");
    const { told } = await heard(watcher);
    const model = new Model();
    model.entries.set(dir.at("root"), "directory");
    model.apply(told);
    expect(model.wrong).toEqual([]);
    const there = readdirSync(dir.at("root"), { recursive: true }).map((name) =>
      dir.at(`root/${name}`),
    );
    expect([...model.entries.keys()].toSorted()).toEqual([dir.at("root"), ...there].toSorted());
    expect(lines(told, dir).slice(-3)).toEqual([
      "rename root/full/ root/moved/",
      "create root/moved/newer",
      "change root/moved/newer",
    ]);
    expect(slow.left).toBeGreaterThan(4);
  });

  test("close() between two slices gives back what was read ahead, and tells no more", async () => {
    using dir = tempDir();
    using _alone = tmpfs({ target: dir.path });
    using _ = hurried();
    using slow = slowly();
    const watcher = open(dir);
    first(dir);
    await watcher.readEvents();
    while (slow.left < 2) await turn();
    watcher.close();
    await turn();
    expect(watcher.queued).toBe(0);
  });
});
