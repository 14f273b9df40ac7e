/**
 * A file each ms, in another process: how long until the watcher's code runs? Measured twice: where the kernel's
 * scheduler puts the two, and with each on a processor of its own.
 */
import { Child, script } from "./child.ts";
import { type Benchmark, quantile, type Sample, type Side } from "./harness.ts";
import { compiled, directory, pin, processors } from "./machine.ts";
import { nodeSide, pythonSide } from "./peers.ts";

const EVENTS = 2000;
/** Not counted: every side has code to load, and most to compile. */
const WARMUP = 200;

const C = "C, epoll + read";
const RIVALRY =
  "on one processor the watcher runs at once only if it uses less CPU an event than the writer, else after it";
const FLOOR = "Bun's bare stream";

interface LatencySample {
  /** ns, in the order they came. */
  readonly delays: readonly number[];
  readonly cpu: number;
}

/** Where the scheduler puts them, often on one processor: who runs first there depends on who used it less. */
export function latency(): Benchmark {
  return benchmark(undefined, "wherever the scheduler puts the two");
}

/** Each on its own: what remains is the way from one to the other. */
export function latencyApart(): Benchmark {
  const [writers, ...others] = processors().toReversed();
  if (writers === undefined || others.length === 0) {
    return {
      title: "skipped: there is one processor only",
      sides: [],
      metrics: [],
      targets: [],
    };
  }
  return benchmark({ writers, others }, "each on a processor of its own");
}

interface Placement {
  readonly writers: number;
  readonly others: readonly number[];
}

function benchmark(placement: Placement | undefined, where: string): Benchmark {
  const writer = compiled("latency-writer");
  const dir = directory();
  const count = `${EVENTS + WARMUP}`;
  const side = (name: string, cmd: readonly string[]): Side => ({
    name,
    async run(): Promise<Sample> {
      await using watcher = new Child(...cmd);
      await watcher.ready();
      if (placement !== undefined) pin(watcher.pid, placement.others);
      const cpu = placement === undefined ? [] : [`${placement.writers}`];
      await using writing = new Child(writer, dir, count, ...cpu);
      const { delays, cpu: time } = await watcher.result<LatencySample>();
      await writing.ended();
      await watcher.ended();
      const counted = delays.slice(WARMUP).map((delay) => delay / 1e3);
      return {
        p50: quantile(counted, 0.5),
        p99: quantile(counted, 0.99),
        cpu: (time * 1e3) / delays.length,
      };
    },
  });
  const node = nodeSide((program) =>
    side("Node's fs.watch", [program, `${import.meta.dir}/sides/watch-latency.mjs`, dir, count]),
  );
  const python = pythonSide((program) =>
    side("Python, ctypes", [program, `${import.meta.dir}/sides/inotify.py`, "latency", dir, count]),
  );
  return {
    title: `a file each ms in another process, ${EVENTS} files, to the watcher's code; ${where}`,
    base: C,
    sides: [
      side(C, [compiled("latency"), dir, count]),
      side("for await", script("latency.ts", "butter", dir, count)),
      side(FLOOR, script("latency.ts", "stream", dir, count)),
      side("Bun's fs.watch", script("watch-latency.mjs", dir, count)),
      ...node.sides,
      // Python is no other than C here, and time is short.
      ...(placement === undefined ? python.sides : []),
    ],
    metrics: [
      { key: "p50", label: "p50, us" },
      { key: "p99", label: "p99, us" },
      { key: "cpu", label: "CPU an event, us" },
    ],
    targets: (
      [
        ["p50", 1.5],
        ["p99", 2],
      ] as const
    ).map(([metric, atMost]) => ({
      side: "for await",
      metric,
      atMost,
      as: "ratio",
      limit: (medianOf) => {
        const floor = (medianOf(FLOOR) / medianOf(C)).toFixed(2);
        return `Bun's own stream on the bare descriptor needs ${floor}x C's time${
          placement === undefined && metric === "p50" ? `; ${RIVALRY}` : ""
        }`;
      },
    })),
    notes: [
      `"${FLOOR}" is Bun.file(fd).stream() on an inotify descriptor: the least that Bun's event loop can do`,
      "Writer and watcher sleep between events, nobody polls; the first 200 events are not counted",
      ...node.notes,
      ...(placement === undefined ? python.notes : []),
    ],
  };
}
