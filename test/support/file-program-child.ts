/** Runs a random program beside whoever watches: `file-program-child.ts DIR OUTSIDE SEED COUNT`; with `waits` when its input ends. */
import { FileProgram } from "./file-program.ts";

const [dir = "", outside = "", seed, count, waits] = process.argv.slice(2);

if (waits !== undefined) {
  console.log("ready");
  await Bun.stdin.text();
}
new FileProgram(dir, outside, Number(seed)).run(Number(count));
