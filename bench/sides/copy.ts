/** copy.ts pump|bare|write|copyFile|loop|cp DIR: copies each file of DIR/from to DIR/to, by size, and tells how long one takes. */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";

import { pump } from "bun-butter";
import { copy_file_range, pinned, read, write } from "bun-butter/syscalls";

import { median } from "../harness.ts";

const [, , way = "", dir = ""] = process.argv;

/** What a loop that is written by hand takes. */
using buffer = pinned(2 ** 17);

/** What `pump()` does, without anything that it asks and offers. */
async function bare(source: number, target: number): Promise<void> {
  while (copy_file_range(source, null, target, null, 2 ** 20, 0).bytes > 0);
}

const ways: Readonly<Record<string, (from: string, to: string) => unknown>> = {
  async pump(from, to) {
    const source = openSync(from, "r");
    const target = openSync(to, "w");
    await pump(source, target);
    closeSync(source);
    closeSync(target);
  },
  async bare(from, to) {
    const source = openSync(from, "r");
    const target = openSync(to, "w");
    await bare(source, target);
    closeSync(source);
    closeSync(target);
  },
  write: (from, to) => Bun.write(Bun.file(to), Bun.file(from)),
  copyFile: (from, to) => copyFile(from, to),
  loop(from, to) {
    const source = openSync(from, "r");
    const target = openSync(to, "w");
    for (let count = 0; (count = read(source, buffer)) > 0;) write(target, buffer, count);
    closeSync(source);
    closeSync(target);
  },
};

const result: Record<string, number> = {};
for (const size of ["small", "medium", "large"]) {
  const names = readdirSync(`${dir}/from/${size}`);
  // The first round compiles the code.
  for (let round = 0; round < 2; round++) {
    rmSync(`${dir}/to`, { recursive: true, force: true });
    mkdirSync(`${dir}/to`);
    if (way === "cp") {
      const start = performance.now();
      Bun.spawnSync(["cp", "-r", `${dir}/from/${size}`, `${dir}/to`]);
      result[size] = ((performance.now() - start) / names.length) * 1000;
      continue;
    }
    const times: number[] = [];
    for (const name of names) {
      const start = performance.now();
      await ways[way]?.(`${dir}/from/${size}/${name}`, `${dir}/to/${name}`);
      times.push((performance.now() - start) * 1000);
    }
    // Of one file: what else runs on the machine hits some of them.
    result[size] = median(times);
  }
}
rmSync(`${dir}/to`, { recursive: true });
console.log(JSON.stringify(result));
