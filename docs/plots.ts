/**
 * Plots of the benchmarks: performance/<name>.json, which `bun run bench --json` wrote, becomes performance/<name>.svg. They
 * are dark where the reader's system is, and where a page holds them they have its colours.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import type { Row } from "../bench/harness.ts";
import type { Report } from "../bench/report.ts";

const directory = join(import.meta.dir, "performance");

const WIDTH = 720;
const NAMES = 230;
const FIGURES = 130;
/** Letters of a title that fit into a line. */
const LETTERS = 95;
const BAR = 14;
const LINE = 22;
const SCALE = WIDTH - NAMES - FIGURES;

/** Writes each plot anew. */
export function writePlots(): void {
  for (const name of plotted()) writeFileSync(join(directory, `${name}.svg`), plot(name));
}

/** The benchmarks that there are figures of. */
export function plotted(): readonly string[] {
  const files = [...new Bun.Glob("performance/*.json").scanSync({ cwd: import.meta.dir })];
  return files.map((file) => basename(file, ".json")).toSorted();
}

/** A run of one benchmark as SVG. */
export function plot(name: string): string {
  const text = readFileSync(join(directory, `${name}.json`), "utf8");
  const { date, machine, results } = JSON.parse(text) as Report;
  const parts: string[] = [];
  let y = 0;
  const line = (content: string, style: string): void => {
    y += LINE;
    parts.push(`<text class="${style}" x="0" y="${y - 6}">${content}</text>`);
  };
  for (const { title, rounds, others, rows } of results) {
    for (const part of wrap(title)) line(Bun.escapeHTML(part), "plot-title");
    for (const metric of new Set(rows.map((row) => row.metric))) {
      const these = rows.filter((row) => row.metric === metric);
      const [{ median = 0 } = {}] = these;
      if (these.every(({ min, max }) => min === median && max === median)) {
        line(`${Bun.escapeHTML(metric)}: ${figure(median)} everywhere`, "plot-metric");
        continue;
      }
      y += 4;
      line(Bun.escapeHTML(metric), "plot-metric");
      const most = Math.max(...these.map(({ max }) => max));
      for (const row of these) {
        parts.push(bar(row, y, most));
        y += LINE;
      }
    }
    y += 4;
    line(`Median of ${rounds} rounds, smallest to largest as a line`, "plot-note");
    const where = `Linux ${release(machine["kernel"])}, Bun ${machine["bun"]}, ${machine["cpu"]} (${machine["cpus"]} processors)`;
    line(`${date.slice(0, 10)}, ${where}; others used ${others} % of them`, "plot-note");
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 ${WIDTH} ${y}" role="img">`,
    `<title>${Bun.escapeHTML(results.map(({ title }) => title).join("; "))}</title>`,
    `<style>${style}</style>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

const style = `
.plot { color: #24292f; --plot-ours: #b45f06; font: 12px system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .plot { color: #e6edf3; --plot-ours: #f2b84b; } }
.plot text { fill: currentColor; }
.plot .plot-title { font-size: 13px; font-weight: 600; }
.plot .plot-metric { font-weight: 600; }
.plot .plot-note { font-size: 11px; opacity: 0.75; }
.plot .plot-figure { font-variant-numeric: tabular-nums; }
.plot rect { fill: currentColor; opacity: 0.3; }
.plot .plot-c { opacity: 0.6; }
.plot .plot-ours { fill: var(--plot-ours); opacity: 1; }
.plot path { stroke: currentColor; fill: none; }
.plot .plot-ours + path { stroke: color-mix(in srgb, var(--plot-ours), currentColor 70%); }
`;

function bar({ side, median, min, max, ratio }: Row, top: number, most: number): string {
  const x = (value: number): string => (NAMES + (value / most) * SCALE).toFixed(1);
  const middle = top + LINE / 2;
  const kind = isOurs(side) ? "plot-ours" : /^C\b/.test(side) ? "plot-c" : "plot-peer";
  const width = Math.max(1, (median / most) * SCALE).toFixed(1);
  const text = ratio === undefined ? figure(median) : `${figure(median)} (${ratio.toFixed(2)}×)`;
  return [
    `<text x="${NAMES - 10}" y="${middle + 4}" text-anchor="end">${Bun.escapeHTML(side)}</text>`,
    `<rect class="${kind}" x="${NAMES}" y="${middle - BAR / 2}" width="${width}" height="${BAR}"/>`,
    `<path d="M${x(min)} ${middle}H${x(max)}M${x(min)} ${middle - 3}v6M${x(max)} ${middle - 3}v6"/>`,
    `<text class="plot-figure" x="${(Number(x(max)) + 8).toFixed(1)}" y="${middle + 4}">${text}</text>`,
  ].join("\n");
}

function isOurs(side: string): boolean {
  return /^(?:batches\(\)|for await|watch\(\)|bun-butter|import|one file|Timerfd|Eventfd|pump\(\)|ours|Fanotify)/.test(
    side,
  );
}

/** In lines that fit. */
function wrap(text: string): readonly string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= LETTERS) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** Without what its builder calls it. */
function release(kernel: string | number | undefined): string {
  return `${kernel}`.replace(/-.*/, "");
}

/** Four digits, without an exponent. */
function figure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
