/** What is queued before a tree is read: it is told in slices, in the order in which it happened. Each is alone on its file system. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

import { tmpfs, watch, type Watcher, type WatchOptions } from "bun-butter";

import { backlogs, heard, hurried, toldBy } from "../support/slices.ts";
import { unchanged } from "../support/sysctl.ts";
import { type TempDir, tempDir } from "../support/temp.ts";
import { canFanotifyTmpfs, line } from "../support/watch.ts";

const DIRECTORIES = 40;
const FILES = 3000;

/** More than are told before the time is looked at. */
const SOME = 400;

const isFanotify = { backend: "fanotify" } as const;

/** A watcher of a tree of which nothing is read. */
function open(dir: TempDir, options: WatchOptions = {}): Watcher {
  for (let at = 0; at < DIRECTORIES; at++) {
    mkdirSync(dir.at(`root/${at}/deep`), { recursive: true });
    writeFileSync(dir.at(`root/${at}/old`), "");
  }
  return watchUnread(dir, options);
}

/** The same of what is there. The kernel is to keep all that happens until it is read. */
function watchUnread(dir: TempDir, options: WatchOptions = {}): Watcher {
  return unchanged("fs.fanotify.max_queued_events", () =>
    watch(dir.at("root"), { ...isFanotify, ...options }),
  );
}

/** Makes files, and renames and deletes some. @returns What is told of it. */
function flood(dir: TempDir, count: number): string[] {
  const told: string[] = [];
  for (let at = 0; at < count; at++) {
    const path = `root/${at % DIRECTORIES}/${at % 3 === 0 ? "deep/" : ""}${at}`;
    writeFileSync(dir.at(path), "");
    told.push(`create ${path}`, `change ${path}`);
    if (at % 5 === 0) {
      renameSync(dir.at(path), dir.at(`${path}-moved`));
      told.push(`rename ${path} ${path}-moved`);
    }
    if (at % 7 === 1) {
      mkdirSync(dir.at(`${path}-new`));
      rmSync(dir.at(path), { force: true });
      told.push(`create ${path}-new/`);
      if (at % 5 !== 0) told.push(`delete ${path}`);
    }
  }
  return told;
}

/** What has one name is told of in order: the kernel merges some of the others. */
function byName(lines: readonly string[]): Readonly<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const text of lines) {
    const [, name = ""] = /(\d+)(?:-\w+)?\/?$/.exec(text) ?? [];
    (all[name] ??= []).push(text);
  }
  for (const [name, told] of Object.entries(all))
    // A directory of another name may come before.
    all[name] = [
      ...told.filter((text) => !text.includes("-new")),
      ...told.filter((text) => text.includes("-new")),
    ];
  return all;
}

describe.skipIf(!canFanotifyTmpfs)(
  "fanotify, before the tree is read (needs CAP_SYS_ADMIN, Linux 5.17)",
  () => {
    test("row 20: what is queued is told in slices, and in order", async () => {
      using dir = tempDir();
      using _alone = tmpfs({ target: dir.path });
      await using watcher = open(dir);
      const expected = flood(dir, FILES);
      const { told, turns } = await heard(watcher);
      expect(byName(told.map((event) => line(event, dir.path)))).toEqual(byName(expected));
      expect(turns).toBeGreaterThan(4);
      await watcher.indexed;
      expect(watcher.watched.failed).toBe(0);
    }, 30_000);

    test("nothing is told twice, nor lost, of what happens between two slices", async () => {
      using dir = tempDir();
      using _alone = tmpfs({ target: dir.path });
      using _ = hurried();
      await using watcher = open(dir);
      const expected = flood(dir, SOME);
      const told = await watcher.readEvents();
      let slices = 1;
      for (let at = 0; at < SOME; at++) {
        const path = `root/${at % DIRECTORIES}/${at + SOME}`;
        writeFileSync(dir.at(path), "");
        expected.push(`create ${path}`, `change ${path}`);
        if (at % 10 > 0) continue;
        await turn();
        const some = await toldBy(watcher);
        if (some.length > 0) slices++;
        told.push(...some);
      }
      const rest = await heard(watcher);
      const lines = [...told, ...rest.told].map((event) => line(event, dir.path));
      expect(byName(lines)).toEqual(byName(expected));
      expect(slices + rest.turns).toBeGreaterThan(4);
    });

    test("who waits for events gets all of them, though nothing more happens", async () => {
      using dir = tempDir();
      using _alone = tmpfs({ target: dir.path });
      using _ = hurried();
      await using watcher = open(dir);
      let left = flood(dir, SOME).length;
      for await (const batch of watcher.batches()) {
        left -= batch.length;
        if (left <= 0) break;
      }
      expect(left).toBe(0);
    });

    test("who does not wait gets all that there is at once", async () => {
      using dir = tempDir();
      using _alone = tmpfs({ target: dir.path });
      using _ = hurried();
      await using watcher = open(dir);
      const expected = flood(dir, SOME);
      const lines = watcher.readEventsSync().map((event) => line(event, dir.path));
      expect(byName(lines)).toEqual(byName(expected));
      expect(watcher.truncate()).toBe(0);
    });

    test("who does not wait gets what comes after a directory that nobody finds any more", async () => {
      using dir = tempDir();
      using _alone = tmpfs({ target: dir.path });
      await using watcher = open(dir);
      expect(watcher.readEventsSync()).toEqual([]);
      mkdirSync(dir.at("beside/gone"), { recursive: true });
      writeFileSync(dir.at("beside/gone/file"), "");
      rmSync(dir.at("beside"), { recursive: true });
      writeFileSync(dir.at("root/file"), "");
      const lines = watcher.readEventsSync().map((event) => line(event, dir.path));
      expect(lines).toEqual(["create root/file", "change root/file"]);
    });

    test("what belongs together is not torn apart by a slice", async () => {
      using dir = tempDir();
      using _alone = tmpfs({ target: dir.path });
      using _ = hurried();
      await using watcher = open(dir, { atomic: 1 });
      renameSync(dir.at("root/0/old"), dir.at("root/0/backup"));
      for (let at = 0; at < SOME; at++) writeFileSync(dir.at(`root/${at % DIRECTORIES}/${at}`), "");
      writeFileSync(dir.at("root/0/old"), "");
      const { told } = await heard(watcher);
      const lines = told.map((event) => line(event, dir.path));
      const saved = lines.filter((text) => /old|backup/.test(text)).toSorted();
      expect(saved).toEqual(["change root/0/old", "create root/0/backup"]);
    });

    test("it comes to an end though more happens beside the tree than is looked through", async () => {
      using dir = tempDir();
      using _alone = tmpfs({ target: dir.path });
      for (const name of ["root", "beside"]) mkdirSync(dir.at(name));
      using _ = hurried();
      await using watcher = watchUnread(dir);
      const write = (from: number, count: number): void => {
        for (let at = from; at < from + count; at++) writeFileSync(dir.at(`beside/${at}`), "");
      };
      write(0, SOME);
      writeFileSync(dir.at("root/file"), "");
      const told: string[] = [];
      const reading = (async (): Promise<void> => {
        while (told.length < 2)
          told.push(...(await watcher.readEvents()).map((event) => line(event, dir.path)));
      })();
      for (let turns = 1; told.length < 2 && turns < 1000; turns++) {
        write(turns * SOME, 100);
        await turn();
      }
      expect(told).toEqual(["create root/file", "change root/file"]);
      await reading;
    });

    test.each(["add", "remove"] as const)(
      "%s() tells first of all that is queued",
      async (what) => {
        using dir = tempDir();
        using _alone = tmpfs({ target: dir.path });
        mkdirSync(dir.at("beside"));
        using _ = hurried();
        await using watcher = open(dir);
        const expected = flood(dir, SOME);
        const told = await watcher.readEvents();
        expect(told.length).toBeLessThan(expected.length);
        if (what === "add") watcher.add(dir.at("beside"));
        else expect(watcher.remove(dir.at("root"))).toBe(true);
        const rest = await heard(watcher);
        const lines = [...told, ...rest.told];
        expect(byName(lines.map((event) => line(event, dir.path)))).toEqual(byName(expected));
      },
    );

    test("close() between two slices gives back what was read ahead, and tells no more", async () => {
      using dir = tempDir();
      using _alone = tmpfs({ target: dir.path });
      using _ = hurried();
      using all = backlogs();
      for (const turns of [0, 1, 5, 20]) {
        using each = tempDir(dir.path);
        const watcher = open(each);
        flood(each, SOME);
        await watcher.readEvents();
        for (let left = turns; left > 0; left--) await turn();
        const backlog = [...all.used].at(-1);
        expect(backlog?.isEmpty).toBe(false);
        watcher.close();
        expect(backlog?.isEmpty).toBe(true);
        await turn();
        expect(watcher.queued).toBe(0);
      }
      expect(all.used.size).toBe(4);
    });
  },
);
