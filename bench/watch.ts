/** Trees: `watch()` beside C, which watches each directory before it reads it, and beside other watchers of trees. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { can } from "../test/support/capabilities.ts";
import { Child, measure, script } from "./child.ts";
import { type Benchmark, quantile, type Sample, type Side } from "./harness.ts";
import { compiled, directory, raise } from "./machine.ts";
import { packages } from "./peers.ts";

const C = "C";
const OURS = "watch(), inotify";
const FANOTIFY = "watch(), fanotify";
const BUSY = `${OURS}, busyPoll`;
const FLOOR = "Bun's bare stream of inotify";
/** What peers.ts installs. */
const PACKAGES = ["chokidar@5.0.0", "@parcel/watcher@2.6.0"] as const;
const DIRECTORIES = 20_021;
/** Watches of other programs of this user. */
const SPARE = 20_000;

interface Peers {
  /** Each with the command that runs it one way. */
  readonly list: readonly {
    readonly name: string;
    readonly cmd: (way: string, dir: string, count?: number) => readonly string[];
  }[];
  readonly notes: readonly string[];
}

function peers(): Peers {
  const modules = packages(...PACKAGES);
  const node = Bun.which("node");
  const file = `${import.meta.dir}/sides/watch-peer.mjs`;
  const peer = (name: string, program: string, kind: string): Peers["list"][number] => ({
    name,
    cmd: (way, dir, count = 0) => [program, file, kind, way, dir, `${count}`, modules],
  });
  return {
    list: [
      ...(modules === ""
        ? []
        : [
            peer("chokidar", process.execPath, "chokidar"),
            peer("@parcel/watcher", process.execPath, "parcel"),
          ]),
      peer("Bun's fs.watch", process.execPath, "fs"),
      ...(node === null ? [] : [peer("Node's fs.watch", node, "fs")]),
    ],
    notes: [
      ...(modules === "" ? [`${PACKAGES.join(" and ")} can't be installed: skipped`] : []),
      ...(node === null ? ["node is not on PATH: skipped"] : []),
    ],
  };
}

/** A run in a new directory, whose files would be found by the next run otherwise. */
async function within<T>(parent: string, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(parent, "run-"));
  try {
    return await use(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Makes a side of who watches a new directory, in which a writer does something then: what it says of that. */
type MakeSide = (name: string, cmd: (dir: string) => readonly string[]) => Side;

function sidesIn<T>(
  parent: string,
  [program, ...args]: readonly [program: string, ...args: readonly string[]],
  sampleOf: (result: T) => Sample,
): MakeSide {
  return (name, cmd) => ({
    name,
    run: () =>
      within(parent, async (dir) => {
        await using watcher = new Child(...cmd(dir));
        await watcher.ready();
        await using writing = new Child(program, dir, ...args);
        const result = await watcher.result<T>();
        await writing.ended();
        return sampleOf(result);
      }),
  });
}

/** `watch()` by each backend that can be had here. */
function ours(side: MakeSide, way: string, ...args: readonly string[]): readonly Side[] {
  const by = (name: string, backend: string): Side =>
    side(name, (dir) => script("watch.ts", way, backend, dir, ...args));
  return [by(OURS, "inotify"), ...(can("CAP_SYS_ADMIN") ? [by(FANOTIFY, "fanotify")] : [])];
}

/** The same without sleep. */
function awake(side: MakeSide, way: string, ...args: readonly string[]): Side {
  return side(BUSY, (dir) => script("watch.ts", way, "inotify+busyPoll", dir, ...args));
}

// --- inotifywait ---------------------------------------------------------------

const INOTIFYWAIT = "inotifywait -r";

/** Starts it, calls `use` when it watches, and ends it. */
async function withInotifywait<T>(
  dir: string,
  output: "ignore" | "pipe",
  use: (pid: number, child: Bun.Subprocess<"ignore", "pipe" | "ignore", "pipe">) => Promise<T>,
): Promise<T> {
  const events = ["create", "delete", "move", "attrib", "close_write"].flatMap((name) => [
    "-e",
    name,
  ]);
  const child = Bun.spawn(["inotifywait", "-m", "-r", "--format", "%f", ...events, dir], {
    stdin: "ignore",
    stdout: output,
    stderr: "pipe",
  });
  try {
    let said = "";
    for await (const chunk of child.stderr) {
      said += new TextDecoder().decode(chunk);
      if (said.includes("Watches established")) return await use(child.pid, child);
    }
    throw new Error(`Cannot measure inotifywait: ${said}`);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

function inotifywaitSide(run: () => Promise<Sample>): readonly Side[] {
  return Bun.which("inotifywait") === null ? [] : [{ name: INOTIFYWAIT, run }];
}

const missing = (): readonly string[] =>
  Bun.which("inotifywait") === null ? ["inotifywait is not on PATH: skipped"] : [];

/** User and system time of a process in ms, in steps of 10. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Waits until a process has nothing to do any more. */
async function quiet(pid: number): Promise<void> {
  for (let last = -1; last !== cpuOf(pid); await Bun.sleep(500)) last = cpuOf(pid);
}

// --- Start ---------------------------------------------------------------------

export function watchStart(): Benchmark {
  const limit = raise("fs.inotify.max_user_watches", DIRECTORIES + SPARE);
  if (limit < DIRECTORIES) return skipped(`fs.inotify.max_user_watches is ${limit}`);
  const dir = directory();
  const { exitCode } = Bun.spawnSync([compiled("tree-maker"), dir]);
  if (exitCode !== 0) throw new Error("Cannot make the tree");
  const others = peers();
  const side = (name: string, cmd: readonly string[]): Side => ({
    name,
    run: () => measure<Sample>(...cmd),
  });
  return {
    title: "20,000 directories with 100,000 files, until all of them are watched and read",
    base: C,
    sides: [
      side(C, [compiled("watch"), "start", dir]),
      side(OURS, script("watch.ts", "start", "inotify", dir)),
      ...(can("CAP_SYS_ADMIN")
        ? [side(FANOTIFY, script("watch.ts", "start", "fanotify", dir))]
        : []),
      ...others.list.map(({ name, cmd }) => side(name, cmd("start", dir))),
      ...inotifywaitSide(async () => {
        const begin = performance.now();
        return await withInotifywait(dir, "ignore", async (pid) => ({
          time: performance.now() - begin,
          cpu: cpuOf(pid),
          memory:
            Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024,
        }));
      }),
    ],
    metrics: [
      { key: "ready", label: "until it is ready, ms" },
      { key: "time", label: "time, ms" },
      { key: "cpu", label: "CPU, ms" },
      { key: "memory", label: "RSS more than an empty process, MiB" },
      { key: "index", label: "of which names, kinds and inodes, MiB" },
      { key: "queued", label: "until what was queued before an overflow is told, ms" },
      { key: "rescan", label: "rescan after an overflow, ms" },
      { key: "rescanCpu", label: "rescan after an overflow, CPU, ms" },
    ],
    targets: [
      { side: OURS, metric: "time", atMost: 1.5, as: "ratio" },
      { side: OURS, metric: "cpu", atMost: 1.5, as: "ratio" },
      { side: OURS, metric: "memory", atMost: 25, as: "value" },
      { side: OURS, metric: "rescan", atMost: 300, as: "value" },
      {
        side: FANOTIFY,
        metric: "ready",
        atMost: 5,
        as: "value",
        limit: () =>
          "each function is compiled when it is called first: the second watch() of a process is ready in 1 ms",
      },
    ],
    notes: [
      "Ready is who tells of all that happens from then on: with fanotify that is before the tree is read",
      "C keeps nothing; watch() has every name in memory at the end",
      "C's rescan reads every directory and looks at every file; watch() looks at directories, and reads those that changed, from when the overflow is told until the differences are",
      "CPU is that of all threads: some 50 ms of watch() are those that compile it",
      "fs.watch does not say when it is ready: until a file that is touched each 5 ms is told of",
      ...others.notes,
      ...missing(),
    ],
  };
}

function skipped(why: string): Benchmark {
  return { title: `skipped: ${why}`, sides: [], metrics: [], targets: [] };
}

// --- Latency -------------------------------------------------------------------

const LATENCY_EVENTS = 1000;
/** Not counted: every side has code to load, and most to compile. */
const WARMUP = 200;

export function watchLatency(): Benchmark {
  const parent = directory();
  const writer = compiled("latency-writer");
  const count = LATENCY_EVENTS + WARMUP;
  const others = peers();
  const side = sidesIn(
    parent,
    [writer, `${count}`, "keep"],
    ({ delays }: { readonly delays: readonly number[] }) => {
      const counted = delays.slice(WARMUP).map((delay) => delay / 1e3);
      return { p50: quantile(counted, 0.5), p99: quantile(counted, 0.99) };
    },
  );
  return {
    title: `a file each ms in another process, ${LATENCY_EVENTS} files, to the code of who watches the tree`,
    base: C,
    sides: [
      side(C, (dir) => [compiled("latency"), dir, `${count}`]),
      ...ours(side, "latency", `${count}`),
      awake(side, "latency", `${count}`),
      side(FLOOR, (dir) => script("latency.ts", "stream", dir, `${count}`)),
      ...others.list.map(({ name, cmd }) => side(name, (dir) => cmd("latency", dir, count))),
    ],
    metrics: [
      { key: "p50", label: "p50, us" },
      { key: "p99", label: "p99, us" },
    ],
    targets: [
      { side: BUSY, metric: "p50", atMost: 1.6, as: "ratio" },
      {
        side: OURS,
        metric: "p50",
        atMost: 1.6,
        as: "ratio",
        limit: (median) =>
          `Bun's event loop alone, which reads one directory's events and makes nothing of them, takes ${(median(FLOOR) / median(C)).toFixed(2)} times C's`,
      },
    ],
    notes: [
      "The files stay, because some would never tell of those that are gone",
      "inotifywait tells of an event through a pipe: who reads that is what would be measured",
      ...others.notes,
    ],
  };
}

// --- Storm ---------------------------------------------------------------------

const STORM_EVENTS = 1_000_000;
/** `storm-writer` counts two more for each file, which nobody here asks for. */
const STORM_ARGUMENT = Math.ceil((STORM_EVENTS / 3) * 5);

export function watchStorm(): Benchmark {
  const limit = raise("fs.inotify.max_queued_events", 2 * STORM_EVENTS);
  const parent = directory();
  const writer = compiled("storm-writer");
  const others = peers();
  const side = sidesIn(
    parent,
    [writer, `${STORM_ARGUMENT}`],
    ({ cpu, wakeups, overflows }: Sample) => ({
      cpu: cpu ?? NaN,
      wakeups: wakeups ?? NaN,
      overflows: overflows ?? NaN,
    }),
  );
  const write = async (pid: number, dir: string): Promise<Sample> => {
    const before = cpuOf(pid);
    await using writing = new Child(writer, dir, `${STORM_ARGUMENT}`);
    await writing.ended();
    await quiet(pid);
    return { cpu: cpuOf(pid) - before };
  };
  return {
    title: `${STORM_EVENTS.toLocaleString("en")} events of 64 names at full speed, cost of who watches the tree`,
    base: C,
    sides: [
      side(C, (dir) => [compiled("watch"), "storm", dir]),
      ...ours(side, "storm"),
      ...others.list.map(({ name, cmd }) => ({
        name,
        run: () =>
          within(parent, async (dir) => {
            await using watcher = new Child(...cmd("storm", dir));
            await watcher.ready();
            return await write(watcher.pid, dir);
          }),
      })),
      ...inotifywaitSide(() =>
        within(parent, (dir) => withInotifywait(dir, "ignore", (pid) => write(pid, dir))),
      ),
    ],
    metrics: [
      { key: "cpu", label: "CPU, ms" },
      { key: "wakeups", label: "reads or batches" },
      { key: "overflows", label: "overflows" },
    ],
    targets: [
      { side: OURS, metric: "cpu", atMost: 1.5, as: "ratio" },
      { side: FANOTIFY, metric: "cpu", atMost: 1.5, as: "ratio" },
      { side: OURS, metric: "overflows", atMost: 0, as: "value" },
    ],
    notes: [
      "C reads records and keeps no tree; the peers' CPU is until they have nothing to do, and what they lost or left out is not counted",
      ...(limit < STORM_EVENTS
        ? [
            `fs.inotify.max_queued_events is ${limit} and only root may raise it: events can be lost`,
          ]
        : []),
      ...others.notes,
      ...missing(),
    ],
  };
}

// --- Race ----------------------------------------------------------------------

const ROUNDS = 500;
/** Six, and one after the rename. */
const FILES = ROUNDS * 7;

export function watchRace(): Benchmark {
  const parent = directory();
  const writer = compiled("race-writer");
  const others = peers();
  const side = sidesIn(parent, [writer, `${ROUNDS}`], ({ seen }: { readonly seen: number }) => ({
    missed: FILES - seen,
  }));
  return {
    title: `${ROUNDS} times a path 6 deep, made, renamed, written to and deleted at once: of ${FILES} files`,
    base: C,
    sides: [
      side(C, (dir) => [compiled("watch"), "race", dir]),
      ...ours(side, "race"),
      awake(side, "race"),
      ...others.list.map(({ name, cmd }) => side(name, (dir) => cmd("race", dir))),
      ...inotifywaitSide(() =>
        within(parent, (dir) =>
          withInotifywait(dir, "pipe", async (_, { stdout }) => {
            await using writing = new Child(writer, dir, `${ROUNDS}`);
            const seen = new Set<string>();
            let text = "";
            for await (const chunk of stdout as ReadableStream<Uint8Array>) {
              text += new TextDecoder().decode(chunk);
              if (text.includes("\nEND\n")) break;
            }
            for (const line of text.split("\n")) if (line.startsWith("file-")) seen.add(line);
            await writing.ended();
            return { missed: FILES - seen.size };
          }),
        ),
      ),
    ],
    metrics: [{ key: "missed", label: "files that were never told of" }],
    targets: [
      { side: OURS, metric: "missed", atMost: 1, as: "ratio" },
      { side: BUSY, metric: "missed", atMost: 1, as: "ratio" },
    ],
    notes: [
      "inotify can't tell of what is gone before its directory is watched; a file counts if it was told of by any path",
      ...others.notes,
      ...missing(),
    ],
  };
}
