/**
 * Copies a file, and tells how far it is: `bun examples/copy.ts FROM TO`
 *
 * FROM can be a pipe or a device as well, and Ctrl-C ends it between two pieces.
 */
import { closeSync, openSync, statSync } from "node:fs";

import { pump } from "bun-butter";

const [source, target] = process.argv.slice(2);
if (source === undefined || target === undefined) {
  console.error("usage: copy.ts FROM TO");
  process.exit(2);
}
const from = openSync(source, "r");
const to = openSync(target, "w");
const { size } = statSync(source);

const interrupt = new AbortController();
process.once("SIGINT", () => interrupt.abort(new Error("interrupted")));

let moved = 0;
try {
  await pump(from, to, {
    signal: interrupt.signal,
    onProgress(delivered, way) {
      moved = delivered;
      const share = size > 0 ? ` of ${size}` : "";
      process.stderr.write(`\r${moved}${share} bytes by ${way}`);
    },
  });
  process.stderr.write("\n");
} catch (error) {
  process.stderr.write("\n");
  console.error(`Ended after ${moved} bytes: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  closeSync(from);
  closeSync(to);
}
