/** Functions that ignore, and read what is watched while they are asked. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, utimesSync, writeFileSync } from "node:fs";

import { watch, type Watcher } from "bun-butter/watch";

import { tempDir } from "../support/temp.ts";
import { ways } from "../support/watch.ts";

describe.each(ways)("$backend", ({ backend, base }) => {
  test.each(["another watcher", "the watcher itself"])(
    "a function that reads %s takes nothing from the events that it is asked about",
    async (which) => {
      using dir = tempDir(base);
      mkdirSync(dir.at("a"));
      mkdirSync(dir.at("b"));
      using other = watch(dir.at("b"), { backend: "inotify" });
      const told: string[] = [];
      let watcher: Watcher | undefined;
      const take = (): void => {
        for (const { type, path } of watcher?.readEventsSync() ?? []) told.push(`${type} ${path}`);
      };
      const ignore = (): boolean => {
        if (which === "another watcher") other.readEventsSync();
        else take();
        return false;
      };
      using opened = watch(dir.at("a"), { backend, ignore });
      watcher = opened;
      const expected: string[] = [];
      for (let at = 0; at < 20; at++) {
        writeFileSync(dir.at(`b/another-name-${at}`), "");
        const path = dir.at(`a/name-${at}`);
        writeFileSync(path, "");
        expected.push(`create ${path}`, `change ${path}`);
      }
      await watcher.sync();
      take();
      expect(told.toSorted()).toEqual(expected.toSorted());
    },
  );

  test("a function that reads the watcher while a scan asks it lets nothing be met twice", async () => {
    using dir = tempDir(base);
    const files: string[] = [];
    for (let at = 0; at < 300; at++) {
      mkdirSync(dir.at(`${at}`));
      for (const name of ["x", "y"]) files.push(dir.at(`${at}`, name));
    }
    for (const file of files) writeFileSync(file, "");
    const told: string[] = [];
    const touched = new Set<string>();
    let watcher: Watcher | undefined;
    const take = (): void => {
      for (const { type, path } of watcher?.readEventsSync() ?? [])
        if (type === "create") told.push(path);
    };
    const ignore = (path: string, isDirectory: boolean): boolean => {
      if (watcher === undefined || isDirectory || touched.has(path)) return false;
      touched.add(path);
      utimesSync(dir.at(path), 1, 1);
      take();
      return false;
    };
    using opened = watch(dir.path, { backend, ignore, initial: true });
    watcher = opened;
    await watcher.indexed;
    await watcher.sync();
    take();
    expect(touched.size).toBeGreaterThan(0);
    expect(told.filter((path) => /\/[xy]$/.test(path)).toSorted()).toEqual(files.toSorted());
    expect(watcher.watched.entries).toBe(files.length + 301);
  });

  test.each(["add", "remove"] as const)(
    "%s() of a function that ignores fails, whoever asks that, and does nothing",
    async (way) => {
      using dir = tempDir(base);
      for (const name of ["a", "b", "c"]) mkdirSync(dir.at(name, "d"), { recursive: true });
      const codes = new Set<string>();
      let watcher: Watcher | undefined;
      const ignore = (): boolean => {
        try {
          watcher?.[way](dir.at("b"));
        } catch (error) {
          codes.add((error as { code: string }).code);
        }
        return false;
      };
      using opened = watch(dir.at("a"), { backend, ignore });
      watcher = opened;
      const steps = [
        () => writeFileSync(dir.at("a/new"), ""),
        () => opened.add(dir.at("c")),
        () => writeFileSync(dir.at("a/newer"), ""),
        () => opened.remove(dir.at("a")),
        () => writeFileSync(dir.at("c/new"), ""),
      ];
      for (const step of steps) {
        step();
        await opened.sync();
      }
      expect([...codes]).toEqual(["EBUSY"]);
      expect(opened.watched.paths).toEqual([dir.at("c")]);
    },
  );

  test.each(["event", "scan"])(
    "close() of a function that ignores ends it, within an %s",
    async (by) => {
      using dir = tempDir(base);
      for (let at = 0; at < 50; at++) mkdirSync(dir.at(`a/${at}`), { recursive: true });
      let watcher: Watcher | undefined;
      const ignore = (path: string): boolean => {
        if (path.endsWith("new") || path.endsWith("moved/49")) watcher?.close();
        return false;
      };
      using opened = watch(dir.at("a"), { backend, ignore });
      await opened.ready;
      watcher = opened;
      mkdirSync(dir.at("out/moved/49"), { recursive: true });
      if (by === "event") writeFileSync(dir.at("a/new"), "");
      else renameSync(dir.at("out/moved"), dir.at("a/moved"));
      await expect(opened.sync()).rejects.toMatchObject({ code: "EBADF" });
      expect([opened.fd, opened.queued]).toEqual([-1, 0]);
    },
  );

  test("sync() of a function that ignores is over later", async () => {
    using dir = tempDir(base);
    let watcher: Watcher | undefined;
    let synced: Promise<void> | undefined;
    const ignore = (): boolean => {
      synced ??= watcher?.sync();
      return false;
    };
    using opened = watch(dir.path, { backend, ignore });
    watcher = opened;
    writeFileSync(dir.at("new"), "");
    opened.add(dir.path);
    expect(synced).toBeDefined();
    await synced;
    const paths = new Set(opened.readEventsSync().map(({ path }) => path));
    expect([...paths]).toEqual([dir.at("new")]);
  });
});
