/** Row 12: numbers of watches that are used again, while events of those that had them before are still to be read. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

import { watch, type Watcher } from "bun-butter";

import { canSetNextWd, setNextWd, wdOf, wdsOf } from "../support/next-wd.ts";
import { parallel } from "../support/parallel.ts";
import { inBursts, right, seeds } from "../support/replay.ts";
import { type TempDir, tempDir } from "../support/temp.ts";
import { line, Model } from "../support/watch.ts";

async function linesOf(watcher: Watcher, dir: TempDir): Promise<string[]> {
  await watcher.sync();
  return watcher.readEventsSync().map((event) => line(event, dir.path));
}

describe.skipIf(!canSetNextWd)("inotify (needs CONFIG_CHECKPOINT_RESTORE)", () => {
  test("row 12: events of a watch that was removed are not those of the next one with its number", async () => {
    using dir = tempDir();
    const names = Array.from({ length: 60 }, (_, at) => `many/${at}`);
    for (const name of ["removed", ...names]) mkdirSync(dir.at(name), { recursive: true });
    for (const name of names) writeFileSync(dir.at(name, "file"), "");
    const ignore = (path: string): boolean => {
      // Happens while remove() reads what was there before.
      if (path === "stale" && !existsSync(dir.at("removed/late")))
        writeFileSync(dir.at("removed/late"), "");
      // So slow that directories are still to be read then.
      const end = performance.now() + 1;
      while (performance.now() < end);
      return false;
    };
    const paths = [dir.at("many"), dir.at("removed")];
    await using watcher = watch(paths, { backend: "inotify", ignore });
    const wd = wdOf(watcher.fd, dir.at("removed")) ?? 0;
    expect(wd).toBeGreaterThan(0);
    writeFileSync(dir.at("removed/stale"), "");
    expect(watcher.remove(dir.at("removed"))).toBe(true);
    expect(existsSync(dir.at("removed/late"))).toBe(true);
    setNextWd(watcher.fd, wd);
    // Nothing is read until then.
    await watcher.ready;
    expect([...wdsOf(watcher.fd).values()]).toContain(wd);
    expect(await linesOf(watcher, dir)).toEqual(["create removed/stale", "change removed/stale"]);
    for (const name of names) writeFileSync(dir.at(name, "fresh"), "");
    const lines = await linesOf(watcher, dir);
    const fresh = names.flatMap((name) => [`create ${name}/fresh`, `change ${name}/fresh`]);
    expect(lines.toSorted()).toEqual(fresh.toSorted());
  });

  test("row 12: nor are those of a directory that was deleted", async () => {
    using dir = tempDir();
    for (const name of ["root/old", "new"]) mkdirSync(dir.at(name), { recursive: true });
    await using watcher = watch(dir.at("root"), { backend: "inotify", initial: true });
    await watcher.ready;
    const model = new Model();
    const wd = wdOf(watcher.fd, dir.at("root/old")) ?? 0;
    writeFileSync(dir.at("root/old/stale"), "");
    rmSync(dir.at("root/old"), { recursive: true });
    setNextWd(watcher.fd, wd);
    watcher.add(dir.at("new"));
    expect(wdOf(watcher.fd, dir.at("new"))).toBe(wd);
    writeFileSync(dir.at("new/fresh"), "");
    await watcher.sync();
    const [, root, ...events] = watcher.readEventsSync();
    expect(root?.path).toBe(dir.at("root/old"));
    model.apply(events.filter(({ path }) => path.startsWith(dir.at("new"))));
    expect([...model.entries.keys()]).toEqual([dir.at("new"), dir.at("new/fresh")]);
    mkdirSync(dir.at("new/later"));
    expect(await linesOf(watcher, dir)).toEqual(["create new/later/"]);
  });

  test("row 12: numbers begin anew after the last one", async () => {
    using dir = tempDir();
    const names = Array.from({ length: 20 }, (_, at) => `${at}`);
    for (const name of names) mkdirSync(dir.at("root", name), { recursive: true });
    await using watcher = watch(dir.at("root"), { backend: "inotify" });
    await watcher.ready;
    const before = Math.max(...wdsOf(watcher.fd).values());
    setNextWd(watcher.fd, 2 ** 31 - 3);
    for (const name of names) mkdirSync(dir.at("root", name, "deep"));
    await watcher.sync();
    watcher.readEventsSync();
    const wds = [...wdsOf(watcher.fd).values()];
    expect(new Set(wds).size).toBe(watcher.watched.directories);
    expect(wds).toContain(2 ** 31 - 1);
    expect(wds.filter((wd) => wd > before && wd < 2 ** 31 - 3)).toHaveLength(17);
    for (const name of names) mkdirSync(dir.at("root", name, "deep/er"));
    const made = names.map((name) => `create root/${name}/deep/er/`);
    expect((await linesOf(watcher, dir)).toSorted()).toEqual(made.toSorted());
  });

  test("row 12: a directory that comes and goes has one number all the time, and each time its own events", async () => {
    using dir = tempDir();
    mkdirSync(dir.at("root"));
    await using watcher = watch(dir.at("root"), { backend: "inotify" });
    for (let round = 0; round < 60; round++) {
      setNextWd(watcher.fd, 1000);
      mkdirSync(dir.at("root/d"));
      await watcher.sync();
      expect(wdOf(watcher.fd, dir.at("root/d"))).toBe(1000);
      mkdirSync(dir.at(`root/d/${round}`));
      renameSync(dir.at("root/d"), dir.at("outside"));
      expect(await linesOf(watcher, dir)).toEqual([
        "create root/d/",
        `create root/d/${round}/`,
        `delete root/d/${round}/`,
        "delete root/d/",
      ]);
      // Nobody's any more, whoever has the number next.
      mkdirSync(dir.at("outside/unseen"));
      rmSync(dir.at("outside"), { recursive: true });
    }
    expect(await linesOf(watcher, dir)).toEqual([]);
  }, 30_000);

  test("row 12: replaying events of a random program makes its tree, with the lowest numbers used again and again", async () => {
    const before = ({ fd }: Watcher): boolean => setNextWd(fd, 1);
    const way = { backend: "inotify", base: tmpdir() } as const;
    const outcomes = await parallel(seeds, (seed) => inBursts(seed, way, new Model(), { before }));
    expect(outcomes).toEqual(seeds.map(right));
  }, 60_000);
});
