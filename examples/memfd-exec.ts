/**
 * Runs a program that nobody can change any more: `bun examples/memfd-exec.ts PROGRAM [ARGUMENT…]`
 *
 * What is checked is what runs: the program is copied into memory, sealed, and only then looked at and executed. Whoever replaces
 * the file meanwhile comes too late.
 */
import { closeSync, openSync } from "node:fs";

import { Memfd, pump } from "bun-butter";

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error("usage: memfd-exec.ts PROGRAM [ARGUMENT…]");
  process.exit(2);
}

using memfd = new Memfd(program);
const path = Bun.which(program);
if (path === null) {
  console.error(`There is no program ${JSON.stringify(program)}`);
  process.exit(127);
}
const file = openSync(path, "r");
await pump(file, memfd);
closeSync(file);
memfd.seal("write", "grow", "shrink", "seal");

const digest = new Bun.CryptoHasher("sha256").update(memfd.map({ readonly: true })).digest("hex");
console.error(
  `${program}: ${memfd.size} bytes, sha256 ${digest}, sealed: ${memfd.seals.join(" ")}`,
);

const child = Bun.spawn([memfd.path, ...args], {
  argv0: program,
  stdio: ["inherit", "inherit", "inherit"],
});
process.exitCode = await child.exited;
