/**
 * A formatter: `bun examples/testing/format.ts [--watch] DIR`
 *
 * Removes spaces at the end of lines in `.txt` files, and with `--watch` whenever one is written.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

import { watch } from "bun-butter";

const args = process.argv.slice(2);
const isWatching = args[0] === "--watch";
const [dir = "."] = isWatching ? args.slice(1) : args;

/** The new text takes the place of the old one at once: nobody reads half of it. */
function format(path: string): void {
  try {
    const text = readFileSync(path, "utf8");
    const formatted = text.replaceAll(/[ \t]+$/gm, "");
    // Or each write of ours would be a reason for the next one.
    if (formatted === text) return;
    writeFileSync(`${path}.tmp`, formatted);
    renameSync(`${path}.tmp`, path);
  } catch {
    rmSync(`${path}.tmp`, { force: true });
  }
}

// Watched first, so that nothing is written between.
using watcher = isWatching ? watch(dir, { initial: true }) : undefined;
for (const path of new Bun.Glob("**/*.txt").scanSync({ cwd: dir, absolute: true })) format(path);
if (watcher !== undefined) {
  process.on("SIGTERM", () => watcher.close());
  for await (const { type, path } of watcher)
    if ((type === "create" || type === "change") && path.endsWith(".txt")) format(path);
}
