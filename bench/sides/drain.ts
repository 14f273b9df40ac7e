/** drain.ts batches|names|loop DIR EVENTS: lets the queue fill, twice, and reads so many events. */
import { readSync } from "node:fs";

import { IN, Inotify } from "bun-butter";

const [, , way, dir = "", expected] = process.argv;
const total = Number(expected);

using inotify = new Inotify();
inotify.watch(dir, IN.ACCESS | IN.MODIFY);
let events = 0;
let overflows = 0;
let letters = 0;

async function batches(): Promise<void> {
  for await (const batch of inotify.batches()) {
    events += batch.length;
    for (const event of batch) if (event.isOverflow) overflows++;
    if (events >= total) return;
  }
}

async function names(): Promise<void> {
  for await (const batch of inotify.batches()) {
    events += batch.length;
    for (const event of batch) {
      if (event.isOverflow) overflows++;
      letters += event.name.length;
    }
    if (events >= total) return;
  }
}

async function loop(): Promise<void> {
  for await (const event of inotify) {
    if (event.isOverflow) overflows++;
    letters += event.name.length;
    if (++events >= total) return;
  }
}

for (let times = 0; times < 2; times++) {
  events = overflows = letters = 0;
  console.log("ready");
  readSync(0, new Uint8Array(16));
  const before = process.cpuUsage();
  const start = performance.now();
  await (way === "batches" ? batches() : way === "names" ? names() : loop());
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ wall, cpu: (user + system) / 1e3, events, overflows, letters }));
}
