/** Bytes from here to there: files, pipes and sockets, against what else there is. */
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

import { measure, script } from "./child.ts";
import type { Benchmark, Sample, Side } from "./harness.ts";
import { compiled, directory, scratch } from "./machine.ts";

/** How many files of how many bytes. */
const files = { small: [500, 4096], medium: [50, 2 ** 20], large: [3, 2 ** 26] } as const;

const OURS = "pump()";
const FLOOR = "copy_file_range alone, awaited";

function copies(where: string, dir: string): Benchmark {
  for (const [size, [count, length]] of Object.entries(files)) {
    mkdirSync(`${dir}/from/${size}`, { recursive: true });
    const bytes = crypto.getRandomValues(new Uint8Array(4096));
    const content = new Uint8Array(length);
    for (let at = 0; at < length; at += bytes.byteLength) content.set(bytes, at);
    for (let at = 0; at < count; at++) writeFileSync(`${dir}/from/${size}/${at}`, content);
  }
  const side = (name: string, way: string): Side => ({
    name,
    run: () => measure<Sample>(...script("copy.ts", way, dir)),
  });
  return {
    title: `a file to a new file, ${where}, µs for one`,
    base: "Bun.write(file, file)",
    sides: [
      side("Bun.write(file, file)", "write"),
      side("node:fs copyFile()", "copyFile"),
      side("cp -r, its start shared out", "cp"),
      side("read and write, 128 KiB", "loop"),
      side(OURS, "pump"),
      { ...side(FLOOR, "bare"), isFloor: true },
    ],
    metrics: [
      { key: "small", label: "4 KiB, 500 of them" },
      { key: "medium", label: "1 MiB, 50 of them" },
      { key: "large", label: "64 MiB, 3 of them" },
    ],
    targets: Object.keys(files).map((metric) => ({
      metric,
      side: OURS,
      atMost: 1.03,
      as: "fastest",
      limit: (median) =>
        `${median(FLOOR).toFixed(1)} µs are the two calls that copy and see the end, behind a promise`,
    })),
  };
}

export const copyInMemory = (): Benchmark => copies("in memory", directory());

export const copyOnDisk = (): Benchmark => copies("on disk, not flushed", scratch(tmpdir()));

const BYTES = 2 ** 30;
const C = "C, read and write";

export function relay(): Benchmark {
  const program = compiled("relay");
  const kinds = ["pipe", "socket"] as const;
  const side = (name: string, way: string): Side => ({
    name,
    async run(): Promise<Sample> {
      const sample: Record<string, number> = {};
      for (const kind of kinds) {
        const { wall = NaN, cpu = NaN } = await measure<Sample>(
          ...script("relay.ts", way, kind, `${BYTES}`),
        );
        sample[`${kind} wall`] = wall;
        sample[`${kind} cpu`] = cpu;
      }
      return sample;
    },
  });
  const metrics = kinds.flatMap((kind) => [
    { key: `${kind} wall`, label: `${kind} to ${kind}, time, ms` },
    { key: `${kind} cpu`, label: `${kind} to ${kind}, CPU of who moves, ms` },
  ]);
  return {
    title: "1 GiB from one process to another, through a third that only moves them",
    base: C,
    sides: [side(C, program), side("Bun's streams", "stream"), side(OURS, "pump")],
    metrics,
    targets: kinds.map((kind) => ({
      metric: `${kind} wall`,
      side: OURS,
      atMost: 1,
      as: "ratio",
    })),
  };
}
