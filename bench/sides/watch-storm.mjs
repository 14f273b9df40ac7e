/** watch-storm.mjs DIR: `fs.watch`, in Bun or in Node, until it tells of END. */
import { watch } from "node:fs";

let events = 0;
const watcher = watch(process.argv[2], (_, name) => {
  events++;
  if (name !== "END") return;
  const { user, system } = process.cpuUsage(before);
  watcher.close();
  console.log(JSON.stringify({ cpu: (user + system) / 1e3, events, overflows: 0 }));
  process.exit();
});
console.log("ready");
const before = process.cpuUsage();
