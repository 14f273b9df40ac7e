/** The table, and the file. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Result, Row, Verdict } from "./harness.ts";

/** One benchmark as text. */
export function table(result: Result): string {
  const { name, title, rounds, seconds, others, rows, notes, failures } = result;
  const lines = [`${name}: ${title} (${rounds} rounds, ${seconds} s)`];
  const sides = rows.map((row) => row.side.length);
  const width = Math.max(...sides, ...rows.map((row) => row.metric.length), 0) + 2;
  let metric: string | undefined;
  for (const row of rows) {
    if (row.metric !== metric) {
      metric = row.metric;
      const heads = ["median", "min..max", "ratio"].map((head, at) =>
        head.padStart(columns[at] ?? 0),
      );
      lines.push(`  ${metric.padEnd(width)}${heads.join("")}  target`);
    }
    lines.push(`    ${row.side.padEnd(width - 2)}${figures(row)}`);
  }
  for (const row of rows) {
    if (row.target?.limit !== undefined)
      lines.push(`  ${row.side}, ${row.metric}: ${row.target.limit}`);
  }
  if (rounds < 5) lines.push(`  ${rounds} rounds only: figures to compare need 5`);
  if (others > BUSY) lines.push(`  Other programs used ${others} % of the processors meanwhile`);
  for (const note of notes) lines.push(`  ${note}`);
  for (const failure of failures) lines.push(`  FAILED ${failure}`);
  return `${lines.join("\n")}\n`;
}

/** Percent of the processors that a quiet machine needs for itself. */
const BUSY = 3;

const columns = [10, 20, 8] as const;

function figures(row: Row): string {
  const cells = [
    number(row.median),
    `${number(row.min)}..${number(row.max)}`,
    row.ratio === undefined ? "" : `${row.ratio.toFixed(2)}x`,
  ].map((cell, at) => cell.padStart(columns[at] ?? 0));
  return `${cells.join("")}  ${row.target === undefined ? "" : judged(row.target)}`.trimEnd();
}

function judged({ atMost, as, value, met }: Verdict): string {
  const limit =
    as === "fastest"
      ? `${atMost.toFixed(2)}x the best (${value.toFixed(2)}x)`
      : as === "ratio"
        ? `${atMost.toFixed(1)}x`
        : number(atMost);
  const over = as === "difference" ? ` more (${number(value)})` : "";
  return `<= ${limit}${over}: ${met ? "met" : "MISSED"}`;
}

/** Four digits, without an exponent. */
function number(value: number): string {
  if (Number.isInteger(value)) return `${value}`;
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}

/** How many targets are met. */
export function summary(results: readonly Result[]): string {
  const verdicts = results.flatMap(({ rows }) => rows.flatMap(({ target }) => target ?? []));
  const met = verdicts.filter((verdict) => verdict.met).length;
  return `${met} of ${verdicts.length} targets met`;
}

/** A run, as it is written. */
export interface Report {
  readonly date: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly results: readonly Result[];
}

/** Writes a run to a file, `results/<date>.json` unless another one is named, and tells where that is. */
export function save(report: Report, file?: string): string {
  const path = file ?? join(import.meta.dir, "results", `${report.date.replaceAll(":", "-")}.json`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`);
  return path;
}
