/** fanotify-storm.ts batches|loop DIR: marks the file system of DIR, and takes the path of every event until END was made. */
import { Fanotify, type FanotifyEvent } from "bun-butter";

const [, , way, dir = ""] = process.argv;

using fanotify = new Fanotify({ unlimitedQueue: true });
fanotify.mark(dir, "create", { scope: "filesystem" });
let events = 0;
let overflows = 0;
let wakeups = 0;
let letters = 0;

/** @returns Whether it was the last one. */
function take(event: FanotifyEvent): boolean {
  events++;
  if (event.isOverflow) overflows++;
  const { path = "" } = event;
  // One character, so that it is one string in memory and not parts of one.
  if (path.charCodeAt(path.length - 1) !== 0) letters += path.length;
  return event.name === "END";
}

async function batches(): Promise<void> {
  for await (const batch of fanotify.batches()) {
    wakeups++;
    let ended = false;
    for (const event of batch) ended = take(event);
    if (ended) return;
  }
}

async function loop(): Promise<void> {
  for await (const event of fanotify) {
    if (fanotify.queued === 0) wakeups++;
    if (take(event)) return;
  }
}

console.log("ready");
const before = process.cpuUsage();
await (way === "batches" ? batches() : loop());
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ cpu: (user + system) / 1e3, events, overflows, wakeups, letters }));
process.exit();
