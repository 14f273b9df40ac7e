/** Readers that are slower than what there is to tell: it waits for them, and not in memory. */
import { afterAll, describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";

import { watch, type Watcher, type WatchEvent } from "bun-butter";

import { tempDir } from "../support/temp.ts";
import { memory, ways } from "../support/watch.ts";

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
