/** timer-drift.ts interval|timerfd|sloppy: 10,000 periods of 1 ms. */
import { Timerfd } from "bun-butter";

const PERIODS = 10_000;
const [, , way = ""] = process.argv;

/** Resolves with how many periods have passed, and in how many callbacks. */
const ways: Readonly<Record<string, () => Promise<readonly [periods: number, wakeups: number]>>> = {
  interval: () =>
    new Promise((resolve) => {
      let ticks = 0;
      const timer = setInterval(() => {
        if (++ticks < PERIODS) return;
        clearInterval(timer);
        resolve([ticks, ticks]);
      }, 1);
    }),
  timerfd: () => read(0),
  sloppy: () => read(0.9),
};

async function read(accuracy: number): Promise<readonly [number, number]> {
  using timer = Timerfd.every(1, { accuracy });
  let periods = 0;
  let wakeups = 0;
  for await (const { expirations } of timer) {
    wakeups++;
    periods += expirations;
    if (periods >= PERIODS) break;
  }
  return [periods, wakeups];
}

const start = performance.now();
const cpuBefore = process.cpuUsage();
const measured = await ways[way]?.();
if (measured === undefined) throw new Error(`Cannot time: there is no way ${way}`);
const [periods, wakeups] = measured;
const { user, system } = process.cpuUsage(cpuBefore);
console.log(
  JSON.stringify({
    drift: performance.now() - start - periods,
    wakeups,
    cpu: (user + system) / 1000,
  }),
);
