/** fanotify-guard.ts notify|decide DIR: is told of opens in DIR, or allows them, until a line comes. Prints its CPU time in ms. */
import { Fanotify } from "bun-butter";

const [, , way, dir = ""] = process.argv;
let events = 0;

process.stdin.once("data", () => {
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ cpu: (user + system) / 1e3, events }));
  process.exit();
});

async function notify(): Promise<void> {
  const fanotify = new Fanotify({ unlimitedQueue: true });
  fanotify.mark(dir, ["open", "close"], { children: true });
  console.log("ready");
  for await (const batch of fanotify.batches()) events += batch.length;
}

async function decide(): Promise<void> {
  const guard = new Fanotify({ decide: "access", unlimitedQueue: true });
  guard.mark(dir, "open-perm", { children: true });
  console.log("ready");
  for await (using event of guard) {
    events++;
    event.allow();
  }
}

const before = process.cpuUsage();
await (way === "notify" ? notify() : decide());
