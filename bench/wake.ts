/** What it costs to wake a Worker from another. */
import { measure, script } from "./child.ts";
import type { Benchmark, Sample, Side } from "./harness.ts";

const COUNT = 20_000;

function side(name: string, way: string): Side {
  return { name, run: () => measure<Sample>(...script("wake.ts", way, `${COUNT}`)) };
}

export function wake(): Benchmark {
  return {
    title: `two Workers that wake each other ${COUNT} times in turn`,
    base: "postMessage",
    sides: [
      side("postMessage", "message"),
      side("Eventfd", "eventfd"),
      side("Atomics.notify, waitAsync", "waitAsync"),
      side("Atomics.notify, wait", "wait"),
    ],
    metrics: [
      { key: "latency", label: "from the ring to the other's code, us" },
      { key: "ring", label: "of that until the call has returned, us" },
      { key: "cpu", label: "CPU for each wake-up, us" },
      { key: "pour", label: `CPU for each of ${COUNT} in a row, us` },
    ],
    targets: [],
    notes: [
      "Atomics.wait stops the Worker's event loop, and waitAsync doesn't keep a Worker alive",
      "postMessage and Atomics end at the process, an Eventfd doesn't",
    ],
  };
}
