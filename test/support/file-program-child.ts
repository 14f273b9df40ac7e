/** Runs a random program beside whoever watches: `file-program-child.ts DIR OUTSIDE SEED COUNT [WITHOUT…]`. */
import { FileProgram } from "./file-program.ts";

const [dir = "", outside = "", seed, count, ...without] = process.argv.slice(2);

new FileProgram(dir, outside, Number(seed), without).run(Number(count));
