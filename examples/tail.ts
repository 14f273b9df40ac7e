/**
 * Prints what is added to the logs in a directory, until Ctrl-C: `bun examples/tail.ts DIR`
 *
 * No line is lost when they are rotated: `web.log` is followed as `web.log.1` too, and may be copied and emptied instead.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";

import { IN, Inotify } from "bun-butter";

const [dir] = process.argv.slice(2);
if (dir === undefined) {
  console.error("usage: tail.ts DIR");
  process.exit(2);
}

/** By inode number, because names change. `at` is where reading goes on; NaN is a copy, of which nothing is printed. */
const logs = new Map<number, { readonly name: string; readonly fd: number; at: number }>();

/** Follows what has this name now, if it is a log and not followed yet. */
function follow(name: string, start: number): void {
  if (!/\.log(\.\d+)?$/.test(name)) return;
  try {
    const fd = openSync(`${dir}/${name}`, "r");
    const { ino, size } = fstatSync(fd);
    if (logs.has(ino)) closeSync(fd);
    else logs.set(ino, { name: name.replace(/\.\d+$/, ""), fd, at: Math.min(start, size) });
  } catch {
    // It has another name by now, which the next event tells.
  }
}

/** Prints the lines that are new. The rest is read again when it has its end. */
function print(): void {
  for (const [ino, log] of logs) {
    const { size, nlink } = fstatSync(log.fd);
    if (size < log.at) log.at = 0;
    if (size > log.at) {
      const bytes = Buffer.alloc(size - log.at);
      const end = bytes.lastIndexOf("\n", readSync(log.fd, bytes, { position: log.at }) - 1) + 1;
      log.at += end;
      process.stdout.write(bytes.toString("utf8", 0, end).replaceAll(/^(?=.)/gms, `${log.name}: `));
    }
    // Deleted: nothing finds it any more but who has it open.
    if (nlink === 0 && logs.delete(ino)) closeSync(log.fd);
  }
}

using inotify = new Inotify();
inotify.watch(dir, IN.CREATE | IN.MODIFY | IN.MOVED_TO | IN.DELETE | IN.ONLYDIR);
process.once("SIGINT", () => inotify.close());
for (const name of readdirSync(dir)) follow(name, Infinity);
console.log("Following", logs.size, "logs");

for await (const events of inotify.batches()) {
  for (const { isCreate, isMovedTo, isOverflow, name } of events) {
    if (isOverflow) for (const one of readdirSync(dir)) follow(one, 0);
    // What is made as `web.log.1` is a copy.
    if (isCreate || isMovedTo) follow(name, isCreate && !name.endsWith(".log") ? NaN : 0);
  }
  print();
}
