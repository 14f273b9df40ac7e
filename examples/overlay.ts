/**
 * What would this command change? `sudo bun examples/overlay.ts DIR COMMAND…`
 *
 * The command runs in a copy of DIR that costs nothing: an overlay, with what it writes in memory. DIR stays as it is.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

import { overlay, tmpfs } from "bun-butter";

const [directory, ...command] = process.argv.slice(2);
if (directory === undefined || command.length === 0) {
  console.error("usage: overlay.ts DIR COMMAND…");
  process.exit(2);
}

const scratch = mkdtempSync("/tmp/overlay-");
try {
  using _memory = tmpfs({ target: scratch, mode: 0o700 });
  const [upper, work, view] = ["upper", "work", "view"].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [upper, work, view]) mkdirSync(path);
  using _view = overlay({ lower: [resolve(directory)], upper, work, target: view });

  const { exited } = Bun.spawn(command, { cwd: view, stdio: ["inherit", "inherit", "inherit"] });
  process.exitCode = await exited;

  for (const entry of readdirSync(upper, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(upper.length + 1);
    // A removed file is a character device with the number 0.
    if (entry.isCharacterDevice() && statSync(path).rdev === 0) console.log("removed", name);
    else if (!entry.isDirectory()) console.log("written", name);
  }
} finally {
  rmdirSync(scratch);
}
