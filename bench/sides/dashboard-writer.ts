/** `dashboard-writer.ts DIR RATE SECONDS`: makes and deletes links, so many a second, and one called `last` at the end. */
import { symlinkSync, unlinkSync } from "node:fs";

import { Timerfd } from "bun-butter";

const [dir = ".", rate = "5000", seconds = "60"] = process.argv.slice(2);
const total = Number(rate) * Number(seconds);

/** Milliseconds. */
const TICK = 10;

/** Names that are there at the same time. */
const NAMES = 500;

console.log("ready");
for await (const _ of Bun.stdin.stream()) break;
using timer = Timerfd.every(TICK);
const began = performance.now();
let made = 0;
let late = 0;
for await (const _ of timer) {
  const elapsed = performance.now() - began;
  const due = Math.min(total, Math.floor((elapsed * Number(rate)) / 1000));
  for (; made < due; made++) {
    const name = `${dir}/link-${Math.floor(made / 2) % NAMES}`;
    // Each is one event: a link that is made, and the same one deleted when its turn comes again.
    if (made % 2 === 0) symlinkSync("nowhere", name);
    else unlinkSync(`${dir}/link-${Math.floor((made - 1) / 2) % NAMES}`);
  }
  late = Math.max(late, performance.now() - began - elapsed);
  if (made === total) break;
}
symlinkSync("nowhere", `${dir}/last`);
console.log(JSON.stringify({ made, late }));
