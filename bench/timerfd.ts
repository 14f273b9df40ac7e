/** Timers: whether they drift, how often they wake the process, and what many of them cost. */
import { measure, script } from "./child.ts";
import type { Benchmark, Sample, Side } from "./harness.ts";

function side(name: string, file: string, ...args: readonly string[]): Side {
  return { name, run: () => measure<Sample>(...script(file, ...args)) };
}

export function drift(): Benchmark {
  return {
    title: "10,000 periods of 1 ms",
    sides: [
      side("setInterval", "timer-drift.ts", "interval"),
      side("Timerfd", "timer-drift.ts", "timerfd"),
      side("Timerfd, accuracy 0.9 ms", "timer-drift.ts", "sloppy"),
    ],
    metrics: [
      { key: "drift", label: "last tick later than its time, ms" },
      { key: "wakeups", label: "times that the callback ran" },
      { key: "cpu", label: "CPU, ms" },
    ],
    // What a wake-up takes on a busy machine, and not a thousandth of a percent more.
    targets: [{ side: "Timerfd", metric: "drift", atMost: 10, as: "value" }],
  };
}

export function wakeups(): Benchmark {
  return {
    title: "1,000 periodic timers of 100 ms, started at any time",
    sides: [
      side("setInterval", "timer-wakeups.ts", "interval"),
      side("Timerfd", "timer-wakeups.ts", "0"),
      side("Timerfd, accuracy 20 ms", "timer-wakeups.ts", "20"),
      side("Timerfd, accuracy 50 ms", "timer-wakeups.ts", "50"),
    ],
    metrics: [
      { key: "points", label: "instants at which timers fire, a second" },
      { key: "switches", label: "times that the thread slept, a second" },
      { key: "cpu", label: "CPU, ms a second" },
    ],
    targets: [{ side: "Timerfd, accuracy 50 ms", metric: "points", atMost: 21, as: "value" }],
    notes: ["A thread of Bun sleeps a few times a second for its own purposes"],
  };
}

export function timers(): Benchmark {
  const count = 10_000;
  return {
    title: `${count} timers of an hour in one process`,
    sides: [
      side("setTimeout", "timers.ts", "timeout", `${count}`),
      side("Timerfd, that nobody reads", "timers.ts", "open", `${count}`),
      side("Timerfd, each with a pending read", "timers.ts", "read", `${count}`),
    ],
    metrics: [
      { key: "rss", label: "RSS a timer, KiB" },
      { key: "heap", label: "JavaScript heap a timer, KiB" },
      { key: "descriptors", label: "descriptors a timer" },
      { key: "time", label: "to open and close one, us" },
      { key: "leftDescriptors", label: "descriptors left after closing all" },
    ],
    targets: [
      {
        side: "Timerfd, each with a pending read",
        metric: "descriptors",
        atMost: 1,
        as: "value",
      },
      {
        side: "Timerfd, each with a pending read",
        metric: "leftDescriptors",
        atMost: 0,
        as: "value",
      },
    ],
    notes: ["The kernel's own memory for a descriptor is not in RSS"],
  };
}
