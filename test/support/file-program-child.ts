/** Runs a random program beside whoever watches: `file-program-child.ts DIR OUTSIDE SEED COUNT [WITHOUT…]`; with `waits` when its input ends. */
import { FileProgram } from "./file-program.ts";

const [dir = "", outside = "", seed, count, ...words] = process.argv.slice(2);

if (words.includes("waits")) {
  console.log("ready");
  await Bun.stdin.text();
}
new FileProgram(dir, outside, Number(seed), words).run(Number(count));
