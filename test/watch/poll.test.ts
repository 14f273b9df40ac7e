/** What the kernel does not tell is found by comparing with the disk again and again, and what it tells is told once. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

import { watch, type Watcher } from "bun-butter";

import { bun, run } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { poke } from "../support/poke.ts";
import { tempDir } from "../support/temp.ts";
import { line, ways } from "../support/watch.ts";

/** More than any test takes: only `sync()` compares. */
const NEVER = 2 ** 31 - 1;

describe.each(ways)("$backend", ({ backend, base }) => {
  async function lines(watcher: Watcher, root: string): Promise<readonly string[]> {
    await watcher.sync();
    return watcher.readEventsSync().map((event) => line(event, root));
  }

  test("row 15: what the kernel does not tell of is found by itself", async () => {
    using dir = tempDir(base);
    writeFileSync(dir.at("file"), "text");
    using watcher = watch(dir.path, { backend, poll: 1 });
    await watcher.ready;
    for (const text of ["once", "more"]) {
      poke(dir.at("file"), text);
      const { type, path } = await watcher.readEvent();
      expect([type, path]).toEqual(["change", dir.at("file")]);
    }
  });

  test("it compares when all is told that the kernel knows, however much that is", async () => {
    using dir = tempDir(base);
    mkdirSync(dir.at("d/e"), { recursive: true });
    using watcher = watch(dir.path, { backend, poll: 1 });
    await watcher.ready;
    for (let at = 0; at < 800; at++) writeFileSync(dir.at(`${at}`.padStart(200, "_")), "");
    rmSync(dir.at("d"), { recursive: true });
    mkdirSync(dir.at("d/e"), { recursive: true });
    // Nobody reads: it is the comparison that does.
    while (watcher.queued === 0) await turn();
    const told = await lines(watcher, dir.path);
    expect(told.filter((text) => text.endsWith("/"))).toEqual([
      "delete d/e/",
      "delete d/",
      "create d/",
      "create d/e/",
    ]);
  });

  test("what was told is not told again", async () => {
    using dir = tempDir(base);
    mkdirSync(dir.at("d"));
    for (const name of ["file", "d/file", "other"]) writeFileSync(dir.at(name), "text");
    using watcher = watch(dir.path, { backend, poll: NEVER });
    await watcher.ready;
    appendFileSync(dir.at("file"), "more");
    chmodSync(dir.at("d/file"), 0o600);
    renameSync(dir.at("d"), dir.at("e"));
    renameSync(dir.at("other"), dir.at("e/other"));
    linkSync(dir.at("e/other"), dir.at("link"));
    symlinkSync("nowhere", dir.at("symlink"));
    const told = await lines(watcher, dir.path);
    expect(told).toContain("change file");
    expect(told).toContain("rename d/ e/");
    expect(told.filter((text) => text.endsWith(" file"))).toEqual(["change file"]);
    expect(await lines(watcher, dir.path)).toEqual([]);
    poke(dir.at("e/other"), "TEXT");
    // One file by both of its names.
    expect((await lines(watcher, dir.path)).toSorted()).toEqual(["change e/other", "change link"]);
    expect(await lines(watcher, dir.path)).toEqual([]);
  });

  test("a clock that differs hides nothing", async () => {
    using dir = tempDir(base);
    writeFileSync(dir.at("old"), "text");
    writeFileSync(dir.at("new"), "text");
    utimesSync(dir.at("new"), 1, 2 ** 32);
    using watcher = watch(dir.path, { backend, poll: NEVER });
    await watcher.ready;
    expect(await lines(watcher, dir.path)).toEqual([]);
    poke(dir.at("old"), "TEXT");
    utimesSync(dir.at("old"), 1, 1);
    expect(await lines(watcher, dir.path)).toContain("attributes old");
    expect(await lines(watcher, dir.path)).toEqual([]);
  });

  test("what comes and goes is told once", async () => {
    using dir = tempDir(base);
    using watcher = watch(dir.path, { backend, poll: NEVER, initial: true });
    for (let round = 0; round < 3; round++) {
      writeFileSync(dir.at("a"), `${round}`);
      expect((await lines(watcher, dir.path)).filter((text) => text.endsWith(" a"))).toContain(
        "create a",
      );
      expect(await lines(watcher, dir.path)).toEqual([]);
      rmSync(dir.at("a"));
      expect(await lines(watcher, dir.path)).toEqual(["delete a"]);
    }
  });

  test("it looks into directories that were made later, and at a file that is watched by itself", async () => {
    using dir = tempDir(base);
    writeFileSync(dir.at("alone"), "text");
    mkdirSync(dir.at("root"));
    const paths = [dir.at("root"), dir.at("alone")];
    using watcher = watch(paths, { backend, poll: NEVER });
    mkdirSync(dir.at("root/a/b"), { recursive: true });
    writeFileSync(dir.at("root/a/b/file"), "text");
    await lines(watcher, dir.path);
    poke(dir.at("root/a/b/file"), "TEXT");
    poke(dir.at("alone"), "TEXT");
    expect((await lines(watcher, dir.path)).toSorted()).toEqual([
      "change alone",
      "change root/a/b/file",
    ]);
  });

  test("a file that was made just before it compares is told once", async () => {
    using dir = tempDir(base);
    using watcher = watch(dir.path, { backend, poll: NEVER });
    await watcher.ready;
    for (let at = 0; at < 20; at++) {
      writeFileSync(dir.at(`file${at}`), "");
      const told = [`create file${at}`, `change file${at}`];
      expect(await lines(watcher, dir.path)).toEqual(told);
    }
  });

  test("a file that is watched by itself, and was not told of, has a time as well", async () => {
    using dir = tempDir(base);
    writeFileSync(dir.at("file"), "text");
    using watcher = watch(dir.at("file"), { backend, poll: NEVER });
    await watcher.ready;
    poke(dir.at("file"), "TEXT");
    expect(await lines(watcher, dir.path)).toEqual(["change file"]);
  });

  test("who forgets to close it is not kept", async () => {
    using dir = tempDir(base);
    const before = descriptorCount();
    const refs = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const watcher = watch(dir.path, { backend, poll: 1 });
        await watcher.ready;
        return new WeakRef(watcher);
      }),
    );
    const giveUp = performance.now() + 10_000;
    const isKept = (): boolean => refs.filter((ref) => ref.deref() !== undefined).length > 1;
    while (isKept() && performance.now() < giveUp) {
      Bun.gc(true);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    // The stack is searched for what looks like a pointer.
    expect(isKept()).toBe(false);
    expect(await descriptorsBackTo(before + 1)).toBeLessThanOrEqual(before + 1);
  });

  test("a process that reads nothing ends", async () => {
    using dir = tempDir(base);
    const code = `
      import { watch } from "bun-butter";
      const watcher = watch(${JSON.stringify(dir.path)}, { backend: "${backend}", poll: 1 });
      process.on("exit", () => console.log("end"));
    `;
    const { stdout, stderr } = await run([bun, "-e", code], { timeout: 30_000 });
    expect({ stdout, stderr }).toEqual({ stdout: "end\n", stderr: "" });
  });

  test("closed while it compares, it leaves nothing open", async () => {
    using dir = tempDir(base);
    for (let at = 0; at < 800; at++) mkdirSync(dir.at(`d${at}`));
    const before = descriptorCount();
    const watcher = watch(dir.path, { backend, poll: NEVER });
    await watcher.ready;
    const synced = watcher.sync();
    watcher.close();
    await expect(synced).rejects.toThrow("it is closed");
    // One that was forgotten before may be collected meanwhile.
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });
});

test("it is said where the kernel does not tell all", () => {
  using dir = tempDir();
  using watcher = watch(["/proc/self/fdinfo", dir.path, dir.at("none")], { mustExist: false });
  expect(watcher.watched.unheard).toEqual(["proc"]);
});
