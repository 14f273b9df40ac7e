/** storm.ts batches|loop|loop0 DIR: watches until END was deleted. */
import { Inotify, type InotifyEvent } from "bun-butter";

const [, , way, dir = ""] = process.argv;

using inotify = new Inotify(way === "loop0" ? { latency: 0 } : {});
inotify.watch(dir);
let events = 0;
let overflows = 0;
let wakeups = 0;
let letters = 0;

const ends = (event: InotifyEvent): boolean => event.isDelete && event.name === "END";

async function batches(): Promise<void> {
  for await (const batch of inotify.batches()) {
    wakeups++;
    events += batch.length;
    for (const event of batch) if (event.isOverflow) overflows++;
    const last = batch.at(-1);
    if (last !== undefined && ends(last)) return;
  }
}

async function loop(): Promise<void> {
  for await (const event of inotify) {
    events++;
    letters += event.name.length;
    if (event.isOverflow) overflows++;
    if (inotify.queued === 0) wakeups++;
    if (ends(event)) return;
  }
}

console.log("ready");
const before = process.cpuUsage();
await (way === "batches" ? batches() : loop());
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ cpu: (user + system) / 1e3, events, overflows, wakeups, letters }));
