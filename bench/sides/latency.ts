/** latency.ts butter|stream DIR EVENTS: the delay of each event, by the time in its name. */
import { Readable } from "node:stream";

import { IN, Inotify } from "bun-butter";
import { inotify_add_watch, inotify_init1 } from "bun-butter/syscalls";

import { now } from "./clock.ts";

const [, , way, dir = "", count] = process.argv;
const total = Number(count);
const delays: number[] = [];
now();

async function butter(): Promise<void> {
  using inotify = new Inotify();
  inotify.watch(dir, IN.CREATE);
  console.log("ready");
  for await (const event of inotify) {
    delays.push(now() - Number(event.name));
    if (delays.length === total) return;
  }
}

/** What Bun does by itself: its stream on the descriptor, no poller, no events. */
async function stream(): Promise<void> {
  const fd = inotify_init1(IN.NONBLOCK | IN.CLOEXEC);
  inotify_add_watch(fd, dir, IN.CREATE);
  const readable = Readable.fromWeb(Bun.file(fd).stream() as never);
  console.log("ready");
  await new Promise<void>((resolve) => {
    readable.on("data", (records: Buffer) => {
      const time = now();
      for (let at = 0; at < records.length;) {
        const end = at + 16 + records.readUInt32LE(at + 12);
        delays.push(
          time - Number(records.toString("latin1", at + 16, records.indexOf(0, at + 16))),
        );
        at = end;
      }
      if (delays.length >= total) resolve();
    });
  });
  readable.destroy();
}

const before = process.cpuUsage();
await (way === "butter" ? butter() : stream());
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ cpu: (user + system) / 1e3, delays }));
process.exit();
