/** Watchers whose queue overflows: the limit that is lowered for it holds for the whole machine. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

import { watch, type Watcher, type WatchOptions } from "bun-butter";

import { aged } from "../support/early.ts";
import { exchange } from "../support/exchange.ts";
import { parallel } from "../support/parallel.ts";
import { beside, inBursts, right, seeds } from "../support/replay.ts";
import { sysctl } from "../support/sysctl.ts";
import { tempDir } from "../support/temp.ts";
import { line, listed, Model, treeOf, ways } from "../support/watch.ts";

/** More entries than are looked at in a turn of the event loop. */
const MANY = 20_000;

describe.each(ways)("$backend, when the queue overflows", ({ backend, base }) => {
  test("row 2: an overflow is told, and then the differences that it hid", async () => {
    using dir = tempDir(base);
    const at = (...names: string[]): string => dir.at(...names);
    mkdirSync(at("root/old/deep"), { recursive: true });
    writeFileSync(at("root/old/deep/kept"), "text");
    writeFileSync(at("root/old/written"), "text");
    writeFileSync(at("root/gone"), "text");
    await using watcher = openSmall(at("root"));
    await watcher.indexed;
    await watcher.sync();
    for (let round = 0; round < 20; round++) writeFileSync(at(`root/old/noise${round}`), "text");
    // From here on nothing is in the queue any more.
    appendFileSync(at("root/old/written"), "more");
    unlinkSync(at("root/gone"));
    mkdirSync(at("root/new/deep"), { recursive: true });
    writeFileSync(at("root/new/deep/file"), "text");
    renameSync(at("root/old/deep"), at("root/old/moved"));
    for (let round = 0; round < 20; round++) unlinkSync(at(`root/old/noise${round}`));
    await watcher.sync();
    const lines = watcher.readEventsSync().map((event) => line(event, dir.path));
    const overflow = lines.indexOf("overflow /");
    expect(overflow).toBeGreaterThanOrEqual(0);
    const after = lines.slice(overflow + 1).filter((text) => !text.includes("noise"));
    expect(after.toSorted()).toEqual(
      [
        "change root/old/written",
        "create root/new/",
        "create root/new/deep/",
        "create root/new/deep/file",
        "create root/old/moved/",
        "create root/old/moved/kept",
        "delete root/gone",
        "delete root/old/deep/",
        "delete root/old/deep/kept",
      ].toSorted(),
    );
    writeFileSync(at("root/new/deep/later"), "text");
    await watcher.sync();
    expect(watcher.readEventsSync().map((event) => line(event, dir.path))).toEqual([
      "create root/new/deep/later",
      "change root/new/deep/later",
    ]);
  });

  test("row 20: what is gone after an overflow is told in slices", async () => {
    using dir = tempDir(base);
    mkdirSync(dir.at("root"));
    for (let at = 0; at < MANY; at++) writeFileSync(dir.at(`root/${at}`), "");
    await using watcher = openSmall(dir.at("root"));
    await watcher.indexed;
    for (let at = 0; at < MANY; at++) unlinkSync(dir.at(`root/${at}`));
    const gone = new Set<string>();
    let turns = 0;
    const synced = watcher.sync().then(() => "synced");
    let state: unknown;
    do {
      state = await Promise.race([synced, turn()]);
      const { size } = gone;
      for (const { type, path } of watcher.readEventsSync()) if (type === "delete") gone.add(path);
      if (gone.size > size) turns++;
    } while (state !== "synced");
    expect(gone.size).toBe(MANY);
    expect(turns).toBeGreaterThan(2);
    expect(watcher.watched.entries).toBe(1);
  });

  test("row 2: an overflow before the tree is read is told, and what is there is known", async () => {
    using dir = tempDir(base);
    mkdirSync(dir.at("root/old/deep"), { recursive: true });
    writeFileSync(dir.at("root/gone"), "text");
    await using watcher = openSmall(dir.at("root"));
    await watcher.ready;
    for (let round = 0; round < 20; round++) writeFileSync(dir.at(`root/old/noise${round}`), "");
    unlinkSync(dir.at("root/gone"));
    mkdirSync(dir.at("root/new/deep"), { recursive: true });
    renameSync(dir.at("root/old/deep"), dir.at("root/old/moved"));
    await watcher.sync();
    const lines = watcher.readEventsSync().map((event) => line(event, dir.path));
    expect(lines).toContain("overflow /");
    expect(watcher.watched.entries).toBe(treeOf(dir.at("root")).size);
    writeFileSync(dir.at("root/new/deep/later"), "text");
    renameSync(dir.at("root/old/moved"), dir.at("root/back"));
    await watcher.sync();
    expect(watcher.readEventsSync().map((event) => line(event, dir.path))).toEqual([
      "create root/new/deep/later",
      "change root/new/deep/later",
      "rename root/old/moved/ root/back/",
    ]);
  });

  test("row 2: a file is told as changed that was written to after what is told of it, which is told late", async () => {
    using dir = tempDir(base);
    mkdirSync(dir.at("root"));
    for (const name of ["file", "other"]) writeFileSync(dir.at("root", name), "text");
    await using watcher = openSmall(dir.at("root"));
    await watcher.indexed;
    await aged();
    chmodSync(dir.at("root/file"), 0o600);
    renameSync(dir.at("root/other"), dir.at("root/renamed"));
    for (let round = 0; round < 20; round++) mkdirSync(dir.at("root", `${round}`));
    appendFileSync(dir.at("root/file"), "more");
    appendFileSync(dir.at("root/renamed"), "more");
    await aged();
    await watcher.sync();
    const lines = watcher.readEventsSync().map((event) => line(event, dir.path));
    expect(lines.filter((text) => /file|renamed/.test(text)).toSorted()).toEqual([
      "attributes root/file",
      "change root/file",
      "change root/renamed",
      "rename root/other root/renamed",
    ]);
  });

  test("row 2: a file is told as changed whose directory was replaced while events were lost, and which was not looked at before that", async () => {
    using dir = tempDir(base);
    for (const name of ["one", "two"]) mkdirSync(dir.at("root", name), { recursive: true });
    writeFileSync(dir.at("root/one/file"), "one");
    await aged();
    await using watcher = openSmall(dir.at("root"));
    await watcher.indexed;
    await watcher.sync();
    writeFileSync(dir.at("root/two/file"), "two");
    const lines = (): readonly string[] =>
      watcher.readEventsSync().map((event) => line(event, dir.path));
    expect(lines()).toEqual(["create root/two/file", "change root/two/file"]);
    for (let round = 0; round < 20; round++) mkdirSync(dir.at("root", `${round}`));
    exchange(dir.at("root/one"), dir.at("root/two"));
    await watcher.sync();
    expect(
      lines()
        .filter((text) => text.includes("file"))
        .toSorted(),
    ).toEqual(["one", "two"].map((name) => `change root/${name}/file`));
  });

  test("a root that left and came back while events were lost is one", async () => {
    using dir = tempDir(base);
    for (const name of ["root/c/deep", "out"]) mkdirSync(dir.at(name), { recursive: true });
    await using watcher = openSmall(dir.at("root"), { initial: true });
    const model = new Model();
    const check = async (): Promise<void> => {
      await watcher.sync();
      model.apply(watcher.readEventsSync());
      expect(model.wrong).toEqual([]);
      expect(listed(model.entries)).toEqual(listed(treeOf(dir.at("root"))));
    };
    await check();
    renameSync(dir.at("root"), dir.at("out/root"));
    for (let at = 0; at < 20; at++) mkdirSync(dir.at(`out/root/${at}`));
    renameSync(dir.at("out/root"), dir.at("root"));
    await check();
    expect(model.overflows).toBeGreaterThan(0);
    mkdirSync(dir.at("root/c/deep/er"));
    await check();
    // Nothing is known twice.
    expect(watcher.watched.entries).toBe(model.entries.size);
    renameSync(dir.at("root"), dir.at("out/root"));
    await watcher.sync();
    model.apply(watcher.readEventsSync());
    expect([model.wrong, listed(model.entries)]).toEqual([[], []]);
  });

  /** What the kernel keeps for a reader is set when the source is made. */
  function openSmall(path: string, options: WatchOptions = {}): Watcher {
    using _ = sysctl(`fs.${backend}.max_queued_events`, 8);
    return watch(path, { backend, ...options });
  }
});

describe.each(ways)("replaying $backend's events of a random program makes its tree", (way) => {
  test.each([
    ["", true],
    [", and nobody was told of what was there before", false],
  ])(
    "when the queue overflows%s",
    async (_, initial) => {
      const models = new Map(seeds.map((seed) => [seed, new Model()]));
      const outcomes = await parallel([...models], ([seed, model]) =>
        inBursts(seed, way, model, { queue: 8, options: { initial } }),
      );
      expect(outcomes).toEqual(seeds.map(right));
      expect([...models.values()].filter(({ overflows }) => overflows === 0)).toEqual([]);
    },
    120_000,
  );

  test("when another process runs it meanwhile, and the queue overflows", async () => {
    const some = seeds.slice(0, Math.ceil(seeds.length / 4));
    const outcomes = await parallel(some, (seed) => beside(seed, way, new Model(), 32), 2);
    expect(outcomes).toEqual(some.map(right));
  }, 120_000);
});
