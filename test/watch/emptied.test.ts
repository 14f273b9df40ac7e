/** What is looked at when nothing is left to read: in slices, between which the event loop turns. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

import { tmpfs, watch, type Watcher } from "bun-butter";

import { heard, shortOfTime } from "../support/slices.ts";
import { memory, type TempDir, tempDir } from "../support/temp.ts";
import { canFanotifyTmpfs, Model, ways } from "../support/watch.ts";

/** More than are looked at before the time is. */
const MANY = 300;

/** Directories of them. */
const DIRECTORIES = 3;

/** Files of which it is known that they are there. */
async function open(dir: TempDir): Promise<Watcher> {
  for (let at = 0; at < MANY; at++) {
    mkdirSync(dir.at(`root/${at % DIRECTORIES}`), { recursive: true });
    writeFileSync(dir.at(`root/${at % DIRECTORIES}/${at}`), "");
  }
  const watcher = watch(dir.at("root"), { backend: "fanotify" });
  await watcher.indexed;
  await watcher.sync();
  expect(watcher.readEventsSync()).toEqual([]);
  return watcher;
}

/** Renames all of them there, back and there again: the last of that is merged with the first, and told by the disk alone. */
function renameAll(dir: TempDir): void {
  for (let at = 0; at < MANY; at++) {
    const [from, to] = [`root/${at % DIRECTORIES}/${at}`, `root/${at % DIRECTORIES}/${at}-new`];
    renameSync(dir.at(from), dir.at(to));
    renameSync(dir.at(to), dir.at(from));
    renameSync(dir.at(from), dir.at(to));
  }
}

/** That what was told ends as the disk does. */
function expectRenamed(dir: TempDir, model: Model): void {
  const files = [...model.entries.keys()].filter((path) => /\d+(-new)?$/.test(path));
  const there = readdirSync(dir.at("root"), { recursive: true }).map((name) =>
    dir.at(`root/${name}`),
  );
  expect(files.toSorted()).toEqual(there.toSorted());
  expect(model.wrong).toEqual([]);
}

/** What was there before. */
function before(dir: TempDir): Model {
  const model = new Model();
  for (let at = 0; at < DIRECTORIES; at++) model.entries.set(dir.at(`root/${at}`), "directory");
  for (let at = 0; at < MANY; at++)
    model.entries.set(dir.at(`root/${at % DIRECTORIES}/${at}`), "file");
  return model;
}

describe.skipIf(!canFanotifyTmpfs)("fanotify (needs CAP_SYS_ADMIN, Linux 5.17)", () => {
  test("names in doubt are compared with the disk in slices", async () => {
    using dir = tempDir();
    using _alone = tmpfs({ target: dir.path });
    using slices = shortOfTime();
    await using watcher = await open(dir);
    const model = before(dir);
    renameAll(dir);
    const { told } = await heard(watcher);
    model.apply(told);
    expectRenamed(dir, model);
    expect(slices.left).toBeGreaterThan(MANY / 100);
  });

  test("who waits for events gets what names in doubt bring, though nothing more happens", async () => {
    using dir = tempDir();
    using _alone = tmpfs({ target: dir.path });
    using _ = shortOfTime();
    await using watcher = await open(dir);
    const model = before(dir);
    renameAll(dir);
    const there = new Set(readdirSync(dir.at("root"), { recursive: true }).map(String));
    for await (const batch of watcher.batches()) {
      model.apply(batch);
      if ([...there].every((name) => model.entries.has(dir.at(`root/${name}`)))) break;
    }
    await watcher.sync();
    model.apply(watcher.readEventsSync());
    expectRenamed(dir, model);
  });

  test("what happens between two slices is told, and names that are asked of again are looked at", async () => {
    using dir = tempDir();
    using _alone = tmpfs({ target: dir.path });
    using slices = shortOfTime();
    await using watcher = await open(dir);
    const model = before(dir);
    renameAll(dir);
    while (slices.left === 0) {
      model.apply(await watcher.readEvents());
      await turn();
    }
    for (let at = 0; at < MANY; at++)
      renameSync(
        dir.at(`root/${at % DIRECTORIES}/${at}-new`),
        dir.at(`root/${at % DIRECTORIES}/${at}`),
      );
    renameAll(dir);
    renameSync(dir.at("root/0"), dir.at("root/moved"));
    renameSync(dir.at("root/moved"), dir.at("root/0"));
    model.apply((await heard(watcher)).told);
    expectRenamed(dir, model);
  });
});

describe.each(ways)("$backend", ({ backend }) => {
  test("files that were looked at by paths that are in doubt are looked at again in slices", async () => {
    using dir = tempDir(memory);
    mkdirSync(dir.at("root"));
    using slices = shortOfTime();
    await using watcher = watch(dir.at("root"), { backend });
    await watcher.indexed;
    const expected: string[] = [];
    for (let at = 0; at < MANY; at++) {
      writeFileSync(dir.at(`root/${at}`), "");
      renameSync(dir.at(`root/${at}`), dir.at(`root/${at}-new`));
      expected.push(dir.at(`root/${at}-new`));
    }
    // Nobody finds out what that was.
    writeFileSync(dir.at("root/gone"), "");
    renameSync(dir.at("root/gone"), dir.at("root/gone-new"));
    unlinkSync(dir.at("root/gone-new"));
    const model = new Model();
    model.entries.set(dir.at("root"), "directory");
    model.apply((await heard(watcher)).told);
    model.entries.delete(dir.at("root"));
    expect([...model.entries.keys()].toSorted()).toEqual(expected.toSorted());
    expect(model.wrong).toEqual([]);
    expect(slices.left).toBeGreaterThan(MANY / 100);
  });
});
