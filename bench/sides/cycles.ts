/** cycles.ts plain|read|event DIR CYCLES: opens and closes, and tells what stays behind. */
import { closeSync, openSync } from "node:fs";

import { IN, Inotify } from "bun-butter";

import { descriptors, resident } from "./memory.ts";

const [, , way = "", dir = "", count] = process.argv;
const cycles = Number(count);

const ways: Readonly<Record<string, () => Promise<void> | void>> = {
  plain() {
    new Inotify().close();
  },
  async read() {
    const inotify = new Inotify();
    const event = inotify.readEvent();
    inotify.close();
    await event.catch(() => {});
  },
  async event() {
    // Closing a watch lets the kernel wait for all processors: in another thread.
    await using inotify = new Inotify();
    inotify.watch(dir, IN.OPEN);
    const event = inotify.readEvent();
    closeSync(openSync(dir, "r"));
    await event;
  },
};

const cycle = ways[way];
if (cycle === undefined) throw new Error(`Cannot cycle: there is no way ${way}`);
const run = async (times: number): Promise<void> => {
  for (let at = 0; at < times; at++) {
    const pending = cycle();
    if (pending !== undefined) await pending;
  }
};
// Code is compiled and the heap has grown then.
await run(cycles);
const before = { rss: await resident(), descriptors: descriptors() };
const start = performance.now();
await run(cycles);
const time = ((performance.now() - start) * 1e3) / cycles;
const after = { rss: await resident(), descriptors: descriptors() };
console.log(
  JSON.stringify({
    time,
    rss: after.rss - before.rss,
    descriptors: after.descriptors - before.descriptors,
  }),
);
