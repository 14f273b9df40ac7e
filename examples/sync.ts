/** Keeps a copy of a tree as the tree is, until Ctrl-C: `bun examples/sync.ts FROM TO` */
import { copyFileSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { watch, type WatchEvent } from "bun-butter";

const [from = ".", to = "copy"] = process.argv.slice(2);

const target = (path: string): string => join(to, path.slice(from.length));

function copy({ path, kind }: WatchEvent): void {
  if (kind === "directory") return void mkdirSync(target(path), { recursive: true });
  rmSync(target(path), { force: true });
  if (kind === "file") copyFileSync(path, target(path));
  if (kind === "symlink") symlinkSync(readlinkSync(path), target(path));
}

function follow(event: WatchEvent): void {
  switch (event.type) {
    case "create":
    case "change":
      return copy(event);
    case "rename":
      return renameSync(target(event.from), target(event.path));
    case "delete":
      return rmSync(target(event.path), { recursive: true, force: true });
    case "error":
      console.error(event.error.message);
  }
}

using watcher = watch(from, { initial: true });
process.on("SIGINT", () => watcher.close());
console.log("Copying", from, "to", to);

for await (const event of watcher) {
  try {
    follow(event);
  } catch (error) {
    // It is gone already: its own event follows.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
