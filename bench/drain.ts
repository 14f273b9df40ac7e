/** A million events wait already: how long does it take to read them? */
import { Child, script } from "./child.ts";
import type { Benchmark, Sample, Side, Target } from "./harness.ts";
import { compiled, directory, raise } from "./machine.ts";

const C = "C, read";
/** Events at once in the queue, if it may be that long. */
const EVENTS = 1_000_000;
/** In one process: the first with all code yet to be compiled, the second without. */
const DRAINS = ["first", "second"] as const;

interface DrainSample {
  readonly wall: number;
  readonly cpu: number;
  readonly events: number;
  readonly overflows: number;
}

export function drain(): Benchmark {
  const limit = raise("fs.inotify.max_queued_events", EVENTS + 1);
  const events = Math.min(EVENTS, limit - 1);
  const writer = compiled("drain-writer");
  const dir = directory();
  const side = (name: string, cmd: readonly string[]): Side => ({
    name,
    async run(): Promise<Sample> {
      const sample: Record<string, number> = {};
      await using reader = new Child(...cmd);
      for (const drained of DRAINS) {
        await reader.ready();
        await using writing = new Child(writer, dir, `${events}`);
        await writing.ended();
        reader.go();
        const result = await reader.result<DrainSample>();
        if (result.events !== events || result.overflows > 0)
          throw new Error(`Cannot count ${result.events} events: expected ${events}`);
        sample[`wall ${drained}`] = result.wall;
        sample[`cpu ${drained}`] = result.cpu;
      }
      await reader.ended();
      return sample;
    },
  });
  const metrics = DRAINS.flatMap((drained) => [
    { key: `wall ${drained}`, label: `time, ${drained} in its process, ms` },
    { key: `cpu ${drained}`, label: `CPU, ${drained} in its process, ms` },
  ]);
  const ours = (way: string): string[] => script("drain.ts", way, dir, `${events}`);
  return {
    title: `${events.toLocaleString("en")} events that wait in the kernel's queue`,
    base: C,
    sides: [
      side(C, [compiled("drain"), dir, `${DRAINS.length}`]),
      side("batches()", ours("batches")),
      side("batches(), every name", ours("names")),
      side("for await, every name", ours("loop")),
    ],
    metrics,
    targets: metrics.flatMap(({ key: metric }): Target[] => [
      {
        metric,
        side: "batches()",
        atMost: 1.3,
        as: "ratio",
        limit: (medianOf) => {
          const warm = metric.replace("first", "second");
          const ratio = medianOf("batches()", warm) / medianOf(C, warm);
          return `it is ${ratio.toFixed(2)}x where the code is compiled already`;
        },
      },
      { metric, side: "batches(), every name", atMost: 2, as: "ratio" },
    ]),
    notes: [
      "No peers: fs.watch reads ahead, it has no queue to drain",
      ...(events < EVENTS
        ? [`fs.inotify.max_queued_events is ${limit} and only root may raise it: fewer events`]
        : []),
    ],
  };
}
