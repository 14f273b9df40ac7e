/**
 * A clock that ticks on the full second, and doesn't drift: `bun examples/timer.ts [INTERVAL]`
 *
 * INTERVAL is in milliseconds, 1000 without it.
 */
import { Timerfd } from "bun-butter";

const interval = Number(process.argv[2] ?? 1000);
if (!(interval > 0)) {
  console.error("usage: timer.ts [INTERVAL]");
  process.exit(2);
}
const first = Math.ceil(Date.now() / interval) * interval;

using timer = Timerfd.at(first, { interval, cancelOnSet: true });
process.on("SIGINT", () => timer.close());

for await (const { expirations, cancelled } of timer) {
  const time = new Date().toISOString();
  if (cancelled) console.log(time, "the clock was set");
  // Stop the process for a while with Ctrl-Z: no tick is lost.
  else if (expirations > 1) console.log(time, `tick, and ${expirations - 1} that nobody read`);
  else console.log(time, "tick");
}
