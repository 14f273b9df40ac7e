/**
 * Builds a program for browsers, and builds it anew whenever its sources change, until Ctrl-C: `bun examples/build.ts ENTRY OUT`
 *
 * What can't be built is told, and the next change tries again. A change during a build is another build.
 */
import { dirname, relative, resolve } from "node:path";

import { watch } from "bun-butter";

const [entry, outdir] = process.argv.slice(2);
if (entry === undefined || outdir === undefined) {
  console.error("usage: build.ts ENTRY OUT");
  process.exit(2);
}

const config = { entrypoints: [entry], outdir, throw: false };

async function build(): Promise<void> {
  const { success, outputs, logs } = await Bun.build(config);
  for (const log of logs) console.error(`${log}`);
  const [first] = outputs;
  console.log(success && first ? `Built ${relative("", first.path)}` : "Not built");
}

const src = dirname(entry);
// What a build writes is no reason for another one.
const ignore = ["node_modules", `${relative(src, resolve(outdir))}/**`];
using watcher = watch(src, { ignore, gitignore: true, batch: 20 });
process.once("SIGINT", () => watcher.close());
await watcher.ready;

await build();
for await (const events of watcher.batches())
  if (events.some(({ type }) => type !== "attributes" && type !== "error")) await build();
