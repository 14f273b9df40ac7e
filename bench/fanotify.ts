/** Fanotify: events by name on a file system, decisions on opens, and what who is watched feels of either. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import { can } from "../test/support/capabilities.ts";
import { Child, measure, script } from "./child.ts";
import { type Benchmark, quantile, type Sample, type Side } from "./harness.ts";
import { compiled, ownFileSystem, scratch } from "./machine.ts";

const EVENTS = 1_000_000;
/** Each event is in another one than the last: what knows only the last one gains nothing. */
const DIRECTORIES = 64;
const OPENS = 20_000;
/** Milliseconds in which a program that does nothing is taken to be done. */
const QUIET = 200;

interface NamesSample {
  readonly cpu: number;
  readonly events: number;
  readonly overflows: number;
  readonly wakeups: number;
  readonly letters: number;
}

const C = "C";

/** A benchmark that can't be run here. */
function skipped(why: string): Benchmark {
  return { title: `skipped: it ${why}`, sides: [], metrics: [], targets: [] };
}

export function fanotify(): Benchmark {
  if (!can("CAP_SYS_ADMIN")) return skipped("needs CAP_SYS_ADMIN");
  const writer = compiled("fanotify-writer");
  const dir = ownFileSystem();
  const writing = (files: number): Child => new Child(writer, dir, `${files}`, `${DIRECTORIES}`);
  /** Letters of all paths: each side must have made the same ones. */
  let letters: number | undefined;
  const side = (name: string, cmd: readonly string[]): Side => ({
    name,
    async run(): Promise<Sample> {
      await using watcher = new Child(...cmd);
      await watcher.ready();
      await using files = writing(EVENTS);
      const result = await watcher.result<NamesSample>();
      await files.ended();
      await watcher.ended();
      letters ??= result.letters;
      if (result.letters !== letters)
        throw new Error(
          `Cannot compare: ${result.letters} letters of paths, and ${letters} before`,
        );
      const { cpu, events, overflows, wakeups } = result;
      // The file END is one more.
      const lost = EVENTS + 1 - events + overflows;
      return { cpu, each: (cpu * 1e6) / events, wakeups, lost };
    },
  });
  const fatrace = Bun.which("fatrace", { PATH: `${process.env["PATH"]}:/usr/sbin` });
  return {
    title: `${EVENTS.toLocaleString("en")} files made at full speed in ${DIRECTORIES} directories in turn, the path of each`,
    base: C,
    sides: [
      side(C, [compiled("fanotify-storm"), dir]),
      side("batches()", script("fanotify-storm.ts", "batches", dir)),
      side("for await", script("fanotify-storm.ts", "loop", dir)),
      ...(fatrace === null ? [] : [fatraceSide(fatrace, dir, () => writing(EVENTS / 10))]),
    ],
    metrics: [
      { key: "cpu", label: "CPU, ms" },
      { key: "each", label: "CPU an event, ns" },
      { key: "wakeups", label: "reads" },
      { key: "lost", label: "events lost" },
    ],
    targets: [
      { side: "batches()", metric: "cpu", atMost: 2, as: "ratio" },
      { side: "for await", metric: "cpu", atMost: 2, as: "ratio" },
      { side: "batches()", metric: "lost", atMost: 0, as: "value" },
      { side: "for await", metric: "lost", atMost: 0, as: "value" },
    ],
    notes:
      fatrace === null
        ? ["fatrace is not on PATH: skipped"]
        : [
            "fatrace has a tenth of the files, asks for more kinds of events, which the kernel merges, and writes them to a file: its CPU is for each line",
          ],
  };
}

function fatraceSide(program: string, dir: string, writing: () => Child): Side {
  const output = join(scratch(), "fatrace");
  return {
    name: "fatrace",
    async run(): Promise<Sample> {
      // It overwrites none.
      rmSync(output, { force: true });
      const child = Bun.spawn([program, "--current-mount", `--output=${output}`], {
        cwd: dir,
        stderr: "inherit",
      });
      try {
        // It says nothing when it watches.
        await until(() => timesOf(child.pid).state === "S" && isMarked(child.pid));
        const before = timesOf(child.pid).cpu;
        await using writer = writing();
        await writer.ended();
        let last = -1;
        await until(() => {
          const { cpu, state } = timesOf(child.pid);
          const over = cpu === last && state === "S";
          last = cpu;
          return over;
        }, QUIET);
        const { cpu } = timesOf(child.pid);
        child.kill("SIGTERM");
        await child.exited;
        const lines = readFileSync(output, "latin1").split("\n").length - 1;
        return { each: ((cpu - before) * 1e6) / lines };
      } finally {
        child.kill("SIGKILL");
      }
    },
  };
}

/** Looks again and again until something is so. */
async function until(isSo: () => boolean, pause: number = 10): Promise<void> {
  while (!isSo()) await Bun.sleep(pause);
}

/** User and system time in ms, and what it does. */
function timesOf(pid: number): { readonly cpu: number; readonly state: string } {
  const [state = "", ...fields] = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  return { cpu: (Number(fields[10]) + Number(fields[11])) * 10, state };
}

/** Whether a process has a fanotify group with a mark. */
function isMarked(pid: number): boolean {
  for (let fd = 3; fd < 16; fd++) {
    try {
      if (/^fanotify (sdev|mnt_id)/m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1")))
        return true;
    } catch {
      // Not open.
    }
  }
  return false;
}

interface OpenerSample {
  readonly cpu: number;
  /** ns */
  readonly times: readonly number[];
}

interface GuardSample {
  readonly cpu: number;
  readonly events: number;
}

/** Somebody opens and closes a file, beside somebody who may be told. */
function opening(name: string, guard: readonly string[] | undefined, dir: string): Side {
  const opener = compiled("fanotify-opener");
  return {
    name,
    async run(): Promise<Sample> {
      if (guard === undefined) return sampleOf(await measure(opener, dir, `${OPENS}`));
      await using watcher = new Child(...guard, dir);
      await watcher.ready();
      const sample = sampleOf(await measure<OpenerSample>(opener, dir, `${OPENS}`));
      watcher.go();
      const { cpu, events } = await watcher.result<GuardSample>();
      await watcher.ended();
      if (events === 0) throw new Error("Cannot measure: nothing was told");
      return { ...sample, guard: (cpu * 1e3) / OPENS };
    },
  };
}

function sampleOf({ cpu, times }: OpenerSample): Sample {
  const us = times.map((time) => time / 1e3);
  return { p50: quantile(us, 0.5), p99: quantile(us, 0.99), cpu: (cpu * 1e3) / OPENS };
}

const guardOf = (way: string): readonly string[] => script("fanotify-guard.ts", way);

export function decisions(): Benchmark {
  if (!can("CAP_SYS_ADMIN")) return skipped("needs CAP_SYS_ADMIN");
  const dir = ownFileSystem();
  return {
    title: `${OPENS.toLocaleString("en")} opens that are allowed one by one`,
    base: C,
    sides: [
      opening(C, [compiled("fanotify-guard"), "decide"], dir),
      opening("for await", guardOf("decide"), dir),
    ],
    metrics: [
      { key: "p50", label: "open and close, p50, us" },
      { key: "p99", label: "open and close, p99, us" },
      { key: "guard", label: "CPU of who allows, us each" },
    ],
    targets: [{ side: "for await", metric: "p50", atMost: 2, as: "ratio" }],
  };
}

export function felt(): Benchmark {
  if (!can("CAP_SYS_ADMIN")) return skipped("needs CAP_SYS_ADMIN");
  const dir = ownFileSystem();
  const guard = compiled("fanotify-guard");
  return {
    title: `${OPENS.toLocaleString("en")} times open and close, as who does it feels them`,
    base: "no mark",
    sides: [
      opening("no mark", undefined, dir),
      opening("told, C", [guard, "notify"], dir),
      opening("told, batches()", guardOf("notify"), dir),
      opening("allowed, C", [guard, "decide"], dir),
      opening("allowed, for await", guardOf("decide"), dir),
    ],
    metrics: [
      { key: "p50", label: "p50, us" },
      { key: "p99", label: "p99, us" },
      { key: "cpu", label: "CPU of who opens, us" },
    ],
    targets: [],
  };
}
