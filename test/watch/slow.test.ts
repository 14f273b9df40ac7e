/** Readers that are slower than what there is to tell: it waits for them, and not in memory. */
import { afterAll, describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

import { watch, type Watcher, type WatchEvent } from "bun-butter";

import { runMounted } from "../support/namespace.ts";
import { memory, tempDir } from "../support/temp.ts";
import { canFanotifyTmpfs, ways } from "../support/watch.ts";

const MOST = 16_384;
const MANY = 80_000;

/** With many names in it, which are made once. */
const dir = tempDir(memory);
const full = dir.at("full");

mkdirSync(full);
writeFileSync(`${full}/0`, "");
for (let at = 1; at < MANY; at++) linkSync(`${full}/0`, `${full}/${at}`);

afterAll(() => {
  dir[Symbol.dispose]();
});

/** How many events are of entries: who fills the file system's queue beside this makes an overflow, which hides nothing here. */
function madeIn(events: readonly WatchEvent[]): number {
  return events.filter(({ type }) => type !== "overflow").length;
}

/** Lets the event loop turn until so many events are unread, and then for a while. */
async function unread(watcher: Watcher): Promise<number> {
  while (watcher.queued < MOST) await turn();
  for (let turns = 0; turns < 100; turns++) await turn();
  return watcher.queued;
}

describe.each(ways)("$backend", ({ backend }) => {
  test("row 20: initial waits for who reads it, and is whole", async () => {
    await using watcher = watch(full, { backend, initial: true });
    const told = [await watcher.readEvent()];
    const { entries } = watcher.watched;
    expect(await unread(watcher)).toBeLessThan(MANY);
    expect(watcher.watched.entries).toBeLessThan(MANY);
    expect(watcher.watched.entries).toBeGreaterThan(entries);
    for await (const batch of watcher.batches()) {
      told.push(...batch);
      if (told.length > MANY) break;
    }
    await watcher.ready;
    expect(new Set(told.map(({ path }) => path)).size).toBe(MANY + 1);
    expect(told).toHaveLength(MANY + 1);
  }, 30_000);

  test("row 16: ready does not wait for somebody who reads", async () => {
    await using watcher = watch(full, { backend, initial: true });
    await watcher.ready;
    expect(watcher.queued).toBe(MANY + 1);
  }, 30_000);

  test("row 20: what is moved in with very much in it waits for who reads it", async () => {
    const root = dir.at(backend);
    mkdirSync(root);
    await using watcher = watch(root, { backend });
    await watcher.ready;
    renameSync(full, `${root}/full`);
    using _back = { [Symbol.dispose]: () => renameSync(`${root}/full`, full) };
    let told = madeIn(await watcher.readEvents());
    expect(await unread(watcher)).toBeLessThan(MANY);
    for await (const batch of watcher.batches()) {
      told += madeIn(batch);
      if (told > MANY) break;
    }
    await watcher.sync();
    expect(told + madeIn(watcher.readEventsSync())).toBe(MANY + 1);
  }, 30_000);
});

test.skipIf(!canFanotifyTmpfs)(
  "row 20: fanotify reads no more ahead than happened before the tree was read, for who reads late (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    // What others do in the same file system would be read as well.
    const { stdout, stderr } = await runMounted(`
      import { mkdirSync, writeFileSync } from "node:fs";
      import { watch } from "bun-butter";
      const { exitCode } = Bun.spawnSync(["mount", "-t", "tmpfs", "none", "/mnt"]);
      if (exitCode) throw new Error("mount");
      for (const name of ["/mnt/root/0", "/mnt/root/1"]) mkdirSync(name, { recursive: true });
      using watcher = watch("/mnt/root", { backend: "fanotify" });
      writeFileSync("/mnt/root/0/first", "");
      await watcher.indexed;
      // Each is a record of more than 200 bytes, and two events.
      for (let at = 0; at < 2000; at++) writeFileSync("/mnt/root/1/" + String(at).padStart(200, "0"), "");
      const { path } = await watcher.readEvent();
      console.log(path, watcher.queued > 0, watcher.queued <= (2 * 64 * 1024) / 200);
      await watcher.sync();
      const { length } = watcher.readEventsSync();
      console.log(length, watcher.watched.entries);
    `);
    expect([stderr, stdout]).toEqual(["", "/mnt/root/0/first true true\n4001 2004\n"]);
  },
);
