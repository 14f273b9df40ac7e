/** timers.ts timeout|open|read COUNT: so many timers of an hour. */
import { Timerfd } from "bun-butter";

import { descriptors, heap, resident } from "./memory.ts";

const HOUR = 3_600_000;
const [, , way = "", count] = process.argv;
const timers = Number(count);

function open(): { close(): void } {
  if (way === "timeout") {
    const timeout = setTimeout(() => {}, HOUR);
    return { close: () => clearTimeout(timeout) };
  }
  const timer = Timerfd.every(HOUR);
  // Rejects when it is closed.
  if (way === "read") timer.readEvent().catch(() => {});
  return timer;
}

/** Opens them all, looks, and closes them. */
async function measured(): Promise<Record<string, number>> {
  const before = { rss: await resident(), heap: heap(), descriptors: descriptors() };
  const start = performance.now();
  const opened = Array.from({ length: timers }, open);
  let time = performance.now() - start;
  const during = { rss: await resident(), heap: heap(), descriptors: descriptors() };
  const end = performance.now();
  for (const timer of opened) timer.close();
  time += performance.now() - end;
  opened.length = 0;
  await resident();
  return {
    rss: (during.rss - before.rss) / timers,
    heap: (during.heap - before.heap) / timers,
    descriptors: (during.descriptors - before.descriptors) / timers,
    time: (time * 1000) / timers,
    leftDescriptors: descriptors() - before.descriptors,
  };
}

// The first one opens what all share, and stays.
const first = open();
console.log(JSON.stringify(await measured()));
first.close();
