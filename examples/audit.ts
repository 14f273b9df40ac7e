/**
 * Tells who opens a secret, until Ctrl-C: `sudo bun examples/audit.ts FILE…`
 *
 * An open waits until its line is printed, so that who did it is still there to be asked. A file is the same by any of its names.
 */
import { readFileSync, readlinkSync, statSync } from "node:fs";

import { Fanotify } from "bun-butter";

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error("usage: audit.ts FILE…");
  process.exit(2);
}

function who(pid: number | undefined): string {
  if (pid === undefined) return "a process of another container";
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    const { uid } = statSync(`/proc/${pid}`);
    return `user ${uid} process ${pid} ${readlinkSync(`/proc/${pid}/exe`)} ${JSON.stringify(args)}`;
  } catch {
    return `process ${pid}, which was killed`;
  }
}

using fanotify = new Fanotify({ decide: "access" });
for (const file of files) fanotify.mark(file, "open-perm");
process.once("SIGINT", () => fanotify.close());
console.log("Auditing", ...files);

for await (using event of fanotify) {
  const { isOverflow, path, pid } = event;
  if (isOverflow) console.log("more was opened at once than can be told");
  else console.log(new Date().toISOString(), path, "by", who(pid));
  // Disposed of at the end of this block, it lets the open go on.
}
