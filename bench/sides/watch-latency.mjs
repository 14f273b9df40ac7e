/** watch-latency.mjs DIR EVENTS: `fs.watch`, in Bun or in Node. A file is told of several times: its first counts. */
import { watch } from "node:fs";

const [, , dir, count] = process.argv;
// Node's hrtime is CLOCK_MONOTONIC; Bun's starts with the process.
const now =
  process.versions.bun === undefined
    ? () => Number(process.hrtime.bigint())
    : (await import("./clock.ts")).now;
const delays = [];
let last;
now();
const watcher = watch(dir, (_, name) => {
  if (name === last) return;
  const time = now();
  last = name;
  delays.push(time - Number(name));
  if (delays.length < Number(count)) return;
  const { user, system } = process.cpuUsage(before);
  watcher.close();
  console.log(JSON.stringify({ cpu: (user + system) / 1e3, delays }));
  process.exit();
});
const before = process.cpuUsage();
console.log("ready");
