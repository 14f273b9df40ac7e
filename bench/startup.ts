/** What `import "bun-butter"` adds to the start of a script. */
import { script } from "./child.ts";
import type { Benchmark, Side } from "./harness.ts";

export function startup(): Benchmark {
  const side = (name: string, file: string): Side => ({
    name,
    async run() {
      const cmd = script(file);
      const before = performance.now();
      const { exitCode } = Bun.spawnSync(cmd, { stdout: "ignore", stderr: "inherit" });
      const time = performance.now() - before;
      if (exitCode !== 0) throw new Error(`Cannot measure ${file}: it ended (${exitCode})`);
      return { time };
    },
  });
  const empty = "an empty script";
  return {
    title: "a script from its start to its end, by what it imports",
    base: empty,
    sides: [
      side(empty, "start-empty.ts"),
      side('import "bun-butter"', "start-butter.ts"),
      side('import "bun-butter/syscalls"', "start-syscalls.ts"),
      side("import, open, read, close", "start-event.ts"),
    ],
    metrics: [{ key: "time", label: "time, ms" }],
    targets: [{ metric: "time", side: 'import "bun-butter"', atMost: 5, as: "difference" }],
    repeat: 20,
  };
}
