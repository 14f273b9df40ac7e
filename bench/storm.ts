/** A writer makes a million events at full speed: what does it cost to watch? */
import { Child, script } from "./child.ts";
import type { Benchmark, Sample, Side } from "./harness.ts";
import { compiled, directory, raise } from "./machine.ts";
import { nodeSide, pythonSide } from "./peers.ts";

const C = "C, epoll + read";
const EVENTS = 1_000_000;
/** The file END is created, opened, closed and deleted. */
const ENDING = 4;

interface StormSample {
  readonly cpu: number;
  readonly events: number;
  readonly overflows: number;
  readonly wakeups: number;
}

export function storm(): Benchmark {
  const limit = raise("fs.inotify.max_queued_events", 2 * EVENTS);
  const writer = compiled("storm-writer");
  const dir = directory();
  const side = (name: string, cmd: readonly string[], whole = true): Side => ({
    name,
    async run(): Promise<Sample> {
      await using watcher = new Child(...cmd);
      await watcher.ready();
      await using writing = new Child(writer, dir, `${EVENTS}`);
      const { cpu, events, overflows, wakeups } = await watcher.result<StormSample>();
      await writing.ended();
      await watcher.ended();
      return { cpu, wakeups, ...(whole && { lost: EVENTS + ENDING - events + overflows }) };
    },
  });
  const node = nodeSide((program) =>
    side("Node's fs.watch", [program, `${import.meta.dir}/sides/watch-storm.mjs`, dir], false),
  );
  const python = pythonSide((program) =>
    side("Python, ctypes", [program, `${import.meta.dir}/sides/inotify.py`, "storm", dir]),
  );
  return {
    title: `${EVENTS.toLocaleString("en")} events of 64 names at full speed, cost of the watcher`,
    base: C,
    sides: [
      side(C, [compiled("storm"), dir]),
      side("batches()", script("storm.ts", "batches", dir)),
      side("for await, every name", script("storm.ts", "loop", dir)),
      side("for await, latency: 0", script("storm.ts", "loop0", dir)),
      side("Bun's fs.watch", script("watch-storm.mjs", dir), false),
      ...node.sides,
      ...python.sides,
    ],
    metrics: [
      { key: "cpu", label: "CPU, ms" },
      { key: "wakeups", label: "reads" },
      { key: "lost", label: "events lost" },
    ],
    targets: [
      { side: "batches()", metric: "cpu", atMost: 0.6, as: "ratio" },
      { side: "for await, every name", metric: "cpu", atMost: 1, as: "ratio" },
      { side: "batches()", metric: "lost", atMost: 0, as: "value" },
      { side: "for await, every name", metric: "lost", atMost: 0, as: "value" },
    ],
    notes: [
      "fs.watch asks the kernel for fewer kinds of events and merges some: its losses are not counted",
      ...(limit < EVENTS
        ? [
            `fs.inotify.max_queued_events is ${limit} and only root may raise it: events can be lost`,
          ]
        : []),
      ...node.notes,
      ...python.notes,
    ],
  };
}
