/** What one call costs, through the 1:1 layer. */
import { measure, script } from "./child.ts";
import type { Benchmark, Sample } from "./harness.ts";
import { compiled, directory } from "./machine.ts";

export function syscall(): Benchmark {
  const dir = directory();
  const c = compiled("syscall");
  return {
    title: "one call through the 1:1 layer, the median of 15 times 20,000 calls, ns",
    base: "C",
    sides: [
      { name: "C", run: () => measure<Sample>(c, dir) },
      { name: "bun-butter/syscalls", run: () => measure<Sample>(...script("syscall.ts", dir)) },
    ],
    metrics: [
      { key: "close", label: "close(-1), no exception" },
      { key: "fcntl", label: "fcntl(fd, F_GETFD)" },
      { key: "eventfd", label: "write and read of an eventfd" },
      { key: "add_watch", label: "inotify_add_watch" },
      { key: "failing", label: "close(-1), exception" },
    ],
    targets: ["close", "fcntl", "eventfd", "add_watch"].map((metric) => ({
      metric,
      side: "bun-butter/syscalls",
      atMost: 1.3,
      as: "ratio",
    })),
  };
}
