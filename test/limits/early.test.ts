/** What happens while a tree is not read yet, and the queue overflows: the limit that is lowered for it holds for the whole machine. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";

import type { WatchOptions } from "bun-butter";

import { slowness } from "../support/capabilities.ts";
import { aged, kept, lost, openSmall, slowly } from "../support/early.ts";
import { exchange } from "../support/exchange.ts";
import { parallel } from "../support/parallel.ts";
import { seeds } from "../support/replay.ts";
import { memory, type TempDir, tempDir } from "../support/temp.ts";
import { canFanotify, line, listed, Model, treeOf } from "../support/watch.ts";

const fanotify = { backend: "fanotify" } as const;

/** A tree, and what may come to it. */
async function make(dir: TempDir): Promise<void> {
  for (const name of ["root/still/deep", "root/busy", "root/noise", "out/came/deep"])
    mkdirSync(dir.at(name), { recursive: true });
  const files = ["still/deep/kept", "still/written", "still/linked", "busy/kept", "busy/gone"];
  for (const name of files) writeFileSync(dir.at("root", name), "text");
  for (const name of ["came/deep/old", "file"]) writeFileSync(dir.at("out", name), "text");
  await aged();
}

/** More than the queue has room for, and then what nothing tells of any more. */
function change(dir: TempDir): void {
  const at = (name: string): string => dir.at("root", name);
  for (let round = 0; round < 20; round++) writeFileSync(at(`noise/${round}`), "");
  appendFileSync(at("still/written"), "more");
  writeFileSync(at("busy/new"), "");
  symlinkSync("new", at("busy/link"));
  renameSync(dir.at("out/file"), at("busy/file"));
  linkSync(at("still/linked"), at("busy/linked"));
  unlinkSync(at("busy/gone"));
  mkdirSync(at("still/deep/made/in"), { recursive: true });
  writeFileSync(at("still/deep/made/in/file"), "");
  renameSync(dir.at("out/came"), at("still/deep/came"));
}

const isNoise = (text: string): boolean => text.includes("noise") || text === "overflow /";

describe.skipIf(!canFanotify)(
  "fanotify, when the queue overflows before the tree is read (needs CAP_SYS_ADMIN, Linux 5.17)",
  () => {
    test.each([
      ["", {}],
      [" and some of it is left out", { ignore: ["nothing"] }],
    ] as const satisfies readonly (readonly [string, WatchOptions])[])(
      "row 2: what came since the start is told, and what was there is not%s",
      async (_, options) => {
        using dir = tempDir(memory);
        await make(dir);
        await using watcher = openSmall(dir.at("root"), { ...fanotify, ...options }, 8);
        await watcher.ready;
        change(dir);
        await watcher.sync();
        const told = watcher.readEventsSync().map((event) => line(event, dir.path));
        expect(told).toContain("overflow /");
        expect(told.filter((text) => !isNoise(text)).toSorted()).toEqual(
          [
            "change root/still/written",
            "change root/still/linked",
            "create root/busy/new",
            "create root/busy/link@",
            "create root/busy/file",
            "create root/busy/linked",
            "create root/still/deep/made/",
            "create root/still/deep/made/in/",
            "create root/still/deep/made/in/file",
            "create root/still/deep/came/",
            "create root/still/deep/came/deep/",
            "create root/still/deep/came/deep/old",
          ].toSorted(),
        );
        expect(watcher.watched.entries).toBe(treeOf(dir.at("root")).size);
        // Nothing is left to be found.
        watcher.add(dir.at("root"));
        await watcher.sync();
        const found = watcher.readEventsSync().map((event) => line(event, dir.path));
        expect(found.filter((text) => text.startsWith("create"))).toEqual([]);
      },
    );

    test("row 2: a directory that may have come is told as made, with all that is in it", async () => {
      using dir = tempDir(memory);
      await make(dir);
      await using watcher = openSmall(dir.at("root"), fanotify, 8);
      await watcher.ready;
      for (let round = 0; round < 20; round++) writeFileSync(dir.at(`root/noise/${round}`), "");
      // Nothing says that this was all that happened to it.
      writeFileSync(dir.at("root/still/new"), "");
      writeFileSync(dir.at("root/new"), "");
      await watcher.sync();
      const told = watcher.readEventsSync().map((event) => line(event, dir.path));
      expect(told.filter((text) => text.startsWith("create root/still")).toSorted()).toEqual(
        ["", "deep/", "deep/kept", "linked", "new", "written"]
          .map((name) => `create root/still/${name}`)
          .toSorted(),
      );
      expect(told.filter((text) => text.includes("root/busy"))).toEqual([]);
    });

    test.each([
      ["written to", (dir: TempDir) => appendFileSync(dir.at("root/one/file"), "text")],
      ["replaced", (dir: TempDir) => renameSync(dir.at("new"), dir.at("root/one/file"))],
    ])(
      "row 2: a file that was %s is told as gone where its directory turns out to be another one",
      async (_, happen) => {
        using dir = tempDir(memory);
        for (const name of ["root/one", "root/two/in"])
          mkdirSync(dir.at(name), { recursive: true });
        for (const name of ["root/one/file", "new"]) writeFileSync(dir.at(name), "");
        await aged();
        const told = (): readonly string[] =>
          watcher.readEventsSync().map((event) => line(event, dir.path));
        using slow = slowly(() => 0);
        await using watcher = openSmall(dir.at("root"), fanotify, 8);
        happen(dir);
        expect(told()).toEqual(["change root/one/file"]);
        // Where this happened is found out when it is read.
        writeFileSync(dir.at("root/two/in/new"), "");
        for (let round = 0; round < 20; round++) writeFileSync(dir.at(`root/${round}`), "");
        exchange(dir.at("root/one"), dir.at("root/two"));
        slow[Symbol.dispose]();
        await watcher.sync();
        const rest = told();
        expect(rest).toContain("delete root/one/file");
        expect(rest).toContain("create root/two/file");
      },
    );

    test("row 2: with what is there told as made, nothing is told twice", async () => {
      using dir = tempDir(memory);
      await make(dir);
      const options = { ...fanotify, initial: true };
      await using watcher = openSmall(dir.at("root"), options, 8);
      const model = new Model();
      change(dir);
      await watcher.sync();
      model.apply(watcher.readEventsSync());
      expect(model.overflows).toBeGreaterThan(0);
      expect(model.wrong).toEqual([]);
      expect(listed(model.entries)).toEqual(listed(treeOf(dir.at("root"))));
    });

    test(
      "row 2: who looks at what is told of has all that is there",
      async () => {
        const way = { ...fanotify, base: memory };
        // Most of these went wrong once.
        const some = [
          60,
          74,
          138,
          172,
          274,
          303,
          439,
          1577,
          1584,
          3002,
          3025,
          4305,
          7030,
          ...seeds,
        ];
        const outcomes = await parallel(some, (seed) => lost(seed, way), 1);
        expect(outcomes).toEqual(some.map(kept));
      },
      60_000 * slowness,
    );
  },
);
