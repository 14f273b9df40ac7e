/** Rounds, medians, ratios and targets. */

import { countOthers } from "./others.ts";

/** What one run of a side measured, by metric. */
export type Sample = Readonly<Record<string, number>>;

/** One way to do what a benchmark measures, in a process of its own. */
export interface Side {
  readonly name: string;
  /** Whether it does less than is measured, and shows what part of it can't be saved. No target is compared with it. */
  readonly isFloor?: boolean;
  run(): Promise<Sample>;
}

/** A figure. Less is better. */
export interface Metric {
  readonly key: string;
  /** With its unit: `CPU, ms`. */
  readonly label: string;
}

/** The most that a side may have. */
export interface Target {
  readonly metric: string;
  readonly side: string;
  readonly atMost: number;
  /** What `atMost` is: so many times the base's, so much more than that, the figure itself, or so many times that of the best other side. */
  readonly as: "ratio" | "difference" | "value" | "fastest";
  /** What limits it, from what was measured beside it. For the table, if the target is missed. */
  readonly limit?: (median: (side: string, metric?: string) => number) => string;
}

/** What is measured. */
export interface Benchmark {
  readonly title: string;
  readonly sides: readonly Side[];
  /** The side that the others are compared with, if any. */
  readonly base?: string;
  readonly metrics: readonly Metric[];
  readonly targets: readonly Target[];
  /** Runs of each side in a round, for sides that take no time. */
  readonly repeat?: number;
  /** What is missing here, and why. */
  readonly notes?: readonly string[];
}

/** A line of the table. */
export interface Row {
  readonly metric: string;
  readonly side: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly values: readonly number[];
  /** Of the base's median, which is 1. Absent without one, or if it is 0. */
  readonly ratio: number | undefined;
  readonly target: Verdict | undefined;
}

/** A target, and whether it is met. */
export interface Verdict {
  readonly atMost: number;
  readonly as: Target["as"];
  readonly value: number;
  readonly met: boolean;
  readonly limit: string | undefined;
}

/** A benchmark with its figures. */
export interface Result {
  readonly name: string;
  readonly title: string;
  readonly rounds: number;
  /** How long all of them took, the preparation not counted. */
  readonly seconds: number;
  /** How many percent of the processors other programs used meanwhile. */
  readonly others: number;
  readonly rows: readonly Row[];
  readonly notes: readonly string[];
  /** Sides that broke, with why. */
  readonly failures: readonly string[];
}

/** Runs every side once, then again, so that whatever the machine does meanwhile hits all of them. */
export async function run(name: string, benchmark: Benchmark, rounds: number): Promise<Result> {
  const { title, sides, repeat = 1, notes = [] } = benchmark;
  const samples = new Map<string, Sample[]>(sides.map((side) => [side.name, []]));
  const failures: string[] = [];
  const start = performance.now();
  const others = countOthers();
  for (let round = 0; round < rounds * repeat; round++) {
    for (const side of sides) {
      if (failures.some((failure) => failure.startsWith(`${side.name}: `))) continue;
      progress(`${name}: round ${Math.floor(round / repeat) + 1} of ${rounds}, ${side.name}`);
      try {
        samples.get(side.name)?.push(await side.run());
      } catch (error) {
        failures.push(`${side.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  progress("");
  const seconds = Math.round((performance.now() - start) / 1e3);
  const rows = rowsOf(benchmark, samples);
  return { name, title, rounds, seconds, others: others(), rows, notes, failures };
}

function rowsOf(
  { sides, base = "", metrics, targets }: Benchmark,
  samples: ReadonlyMap<string, readonly Sample[]>,
): Row[] {
  const valuesOf = (side: string, metric: string): number[] =>
    (samples.get(side) ?? []).flatMap((sample) => sample[metric] ?? []);
  const best = (side: string, metric: string): number =>
    Math.min(
      ...sides
        .filter(({ name, isFloor }) => name !== side && isFloor !== true)
        .map(({ name }) => median(valuesOf(name, metric))),
    );
  const rows: Row[] = [];
  for (const { key, label } of metrics) {
    const first = median(valuesOf(base, key));
    for (const { name } of sides) {
      const values = valuesOf(name, key);
      if (values.length === 0) continue;
      const middle = median(values);
      const target = targets.find(({ side, metric }) => side === name && metric === key);
      rows.push({
        metric: label,
        side: name,
        median: middle,
        min: Math.min(...values),
        max: Math.max(...values),
        values,
        ratio: first > 0 ? middle / first : undefined,
        target:
          target &&
          verdict(
            target,
            middle,
            target.as === "fastest" ? best(name, key) : first,
            (side, metric = key) => median(valuesOf(side, metric)),
          ),
      });
    }
  }
  return rows;
}

function verdict(
  { atMost, as, limit }: Target,
  middle: number,
  first: number,
  medianOf: (side: string, metric?: string) => number,
): Verdict {
  const value = as === "value" ? middle : as === "difference" ? middle - first : middle / first;
  const met = value <= atMost;
  return { atMost, as, value, met, limit: met ? undefined : limit?.(medianOf) };
}

/** The value in the middle, NaN of nothing. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value that this share of all values is below. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** Says on a terminal what runs now. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
