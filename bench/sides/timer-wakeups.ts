/** timer-wakeups.ts interval|ACCURACY: 1,000 timers of 100 ms that were started at any time, for 3 s. */
import { readFileSync } from "node:fs";

import { Timerfd } from "bun-butter";

const TIMERS = 1000;
const PERIOD = 100;
const SECONDS = 3;
const [, , way = ""] = process.argv;

let points = 0;
let counted = false;

/** Counts turns of the event loop in which a timer fires. */
function fired(): void {
  if (counted) return;
  counted = true;
  points++;
  setImmediate(() => {
    counted = false;
  });
}

async function read(timer: Timerfd): Promise<void> {
  for await (const _ of timer) fired();
}

for (let index = 0; index < TIMERS; index++) {
  const delay = (index * 61) % PERIOD;
  if (way === "interval") setTimeout(() => setInterval(fired, PERIOD), delay + index / TIMERS);
  else {
    const accuracy = Number(way);
    void read(new Timerfd({ delay: delay + index / TIMERS, interval: PERIOD, accuracy }));
  }
}

/** How often this thread has slept. */
function switches(): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
}

// Code is compiled, and every timer in its phase.
await Bun.sleep(1000);
const before = switches();
const cpuBefore = process.cpuUsage();
const start = performance.now();
points = 0;
await Bun.sleep(SECONDS * 1000);
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
console.log(
  JSON.stringify({
    points: points / seconds,
    switches: (switches() - before) / seconds,
    cpu: (user + system) / 1000 / seconds,
  }),
);
process.exit();
