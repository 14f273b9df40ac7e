/** What many sources cost, and whether those that are gone cost anything. */
import { measure, script } from "./child.ts";
import type { Benchmark, Sample } from "./harness.ts";
import { directory, raise } from "./machine.ts";

const SOURCES = 1000;

export function sources(): Benchmark {
  // Other programs of this user have some as well.
  const spare = 64;
  const limit = raise("fs.inotify.max_user_instances", SOURCES + 2 * spare);
  const count = Math.min(SOURCES, limit - spare);
  const side = "Inotify";
  return {
    title: `${count} idle sources in one process, each with a pending read`,
    sides: [{ name: side, run: () => measure<Sample>(...script("sources.ts", `${count}`)) }],
    metrics: [
      { key: "rss", label: "RSS a source, KiB" },
      { key: "heap", label: "JavaScript heap a source, KiB" },
      { key: "descriptors", label: "descriptors a source" },
      { key: "leftDescriptors", label: "descriptors left after closing all" },
      { key: "leftRss", label: "RSS left after closing all, KiB" },
    ],
    targets: [
      { side, metric: "descriptors", atMost: 1, as: "value" },
      { side, metric: "leftDescriptors", atMost: 0, as: "value" },
    ],
    notes:
      count < SOURCES
        ? [`fs.inotify.max_user_instances is ${limit} and only root may raise it: fewer sources`]
        : [],
  };
}

/** More than the heap's own ups and downs, and less than 11 bytes for each of 100,000 cycles. */
const STEADY = 1024;

export function cycles(): Benchmark {
  const dir = directory();
  const ways = [
    ["100,000 times open, close", "plain", 100_000],
    ["20,000 times open, read, close", "read", 20_000],
    ["200 times open, watch, event, close", "event", 200],
  ] as const;
  return {
    title: "sources that are opened and closed, after as many that are not counted",
    sides: ways.map(([name, way, count]) => ({
      name,
      run: () => measure<Sample>(...script("cycles.ts", way, dir, `${count}`)),
    })),
    metrics: [
      { key: "descriptors", label: "descriptors more than before" },
      { key: "rss", label: "RSS more than before, KiB" },
      { key: "time", label: "time a cycle, us" },
    ],
    targets: ways.flatMap(([side]) => [
      { side, metric: "descriptors", atMost: 0, as: "value" } as const,
      { side, metric: "rss", atMost: STEADY, as: "value" } as const,
    ]),
    notes: [
      "Closing an inotify descriptor with a watch takes the kernel ms, in another thread here",
    ],
  };
}
