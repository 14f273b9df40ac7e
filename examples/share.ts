/**
 * Shares a file with another program as memory that nobody can change any more: `bun examples/share.ts FILE COMMAND…`
 *
 * COMMAND has it as descriptor 3. `bun examples/share.ts -` is such a command: `bun examples/share.ts FILE bun examples/share.ts -`
 */
import { readFileSync } from "node:fs";

import { Memfd } from "bun-butter";

const [file, ...command] = process.argv.slice(2);
if (file === undefined || (file === "-") !== (command.length === 0)) {
  console.error("usage: share.ts FILE COMMAND…\n       share.ts -");
  process.exit(2);
}

if (file !== "-") {
  using memfd = new Memfd("shared", { bytes: readFileSync(file) });
  memfd.seal("write", "grow", "shrink", "seal");
  const child = Bun.spawn(command, { stdio: ["inherit", "inherit", "inherit", memfd.fd] });
  process.exitCode = await child.exited;
} else {
  using memfd = Memfd.adopt(3);
  // Who made it could otherwise change it after it was checked.
  for (const seal of ["write", "grow", "shrink"] as const)
    if (!memfd.seals.includes(seal)) throw new Error(`it is not sealed: ${seal}`);
  const digest = new Bun.CryptoHasher("sha256").update(memfd.map({ readonly: true })).digest("hex");
  console.log(`${memfd.size} bytes, sha256 ${digest}`);
}
