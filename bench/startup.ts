/** What `import "bun-butter"`, or a part of it, adds to the start of a script. */
import { join } from "node:path";

import { script } from "./child.ts";
import type { Benchmark, Side } from "./harness.ts";
import { scratch } from "./machine.ts";

const EMPTY = "an empty script";
const BUTTER = 'import "bun-butter"';
const BUNDLED = "the same in one file";

export function startup(): Benchmark {
  return {
    title: "a script from its start to its end, by what it imports",
    base: EMPTY,
    sides: [
      side(EMPTY, script("start-empty.ts")),
      side(BUTTER, script("start-butter.ts")),
      side(BUNDLED, [process.execPath, bundled()]),
      ...["watch", "events", "system", "syscalls"].map((part) =>
        side(`import "bun-butter/${part}"`, script(`start-${part}.ts`)),
      ),
      side("import, open, read, close", script("start-event.ts")),
    ],
    metrics: [{ key: "time", label: "time, ms" }],
    targets: [
      {
        metric: "time",
        side: BUTTER,
        atMost: 5,
        as: "difference",
        limit: (median) => {
          const [all, one, empty] = [BUTTER, BUNDLED, EMPTY].map((name) => median(name));
          if (all === undefined || one === undefined || empty === undefined) return "";
          const [files, code] = [all - one, one - empty].map((time) => time.toFixed(1));
          return `${files} ms are Bun's for so many files, ${code} ms for their code when it is one file`;
        },
      },
    ],
    repeat: 20,
  };
}

function side(name: string, cmd: readonly string[]): Side {
  return {
    name,
    async run() {
      const before = performance.now();
      const { exitCode } = Bun.spawnSync([...cmd], {
        cwd: import.meta.dir,
        stdout: "ignore",
        stderr: "inherit",
      });
      const time = performance.now() - before;
      if (exitCode !== 0)
        throw new Error(`Cannot measure ${cmd.join(" ")}: it ended (${exitCode})`);
      return { time };
    },
  };
}

/** The package as one file of JavaScript, with all that it exports. */
function bundled(): string {
  const outfile = join(scratch(), "butter.js");
  const { exitCode, stderr } = Bun.spawnSync([
    process.execPath,
    "build",
    join(import.meta.dir, "../src/index.ts"),
    "--target=bun",
    `--outfile=${outfile}`,
  ]);
  if (exitCode !== 0) throw new Error(`Cannot bundle the package: ${stderr.toString()}`);
  return outfile;
}
