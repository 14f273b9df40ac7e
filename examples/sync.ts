/** Keeps a copy of a tree as the tree is, until Ctrl-C: `bun examples/sync.ts FROM TO` */
import { copyFileSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";

import { watch, type WatchEvent, type WatchKind } from "bun-butter";

const [from = "", to = ""] = process.argv.slice(2);
if (from === "" || to === "") {
  console.error("usage: sync.ts FROM TO");
  process.exit(2);
}

if (`${resolve(to)}/`.startsWith(`${resolve(from)}/`)) {
  console.error("sync.ts: TO is within FROM, and would be copied into itself without end");
  process.exit(2);
}

/** What had another name before it could be copied: its rename follows, or its end. */
const owed = new Map<string, WatchKind>();

const target = (path: string): string => join(to, path.slice(from.length));

/** Does something, and says whether what it is about was there. */
function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") console.error(`${error}`);
    return false;
  }
}

function copyTo(place: string, path: string, kind: WatchKind): void {
  if (kind === "directory") return void mkdirSync(place, { recursive: true });
  rmSync(place, { recursive: true, force: true });
  if (kind === "file") copyFileSync(path, place);
  if (kind === "symlink") symlinkSync(readlinkSync(path), place);
}

function copy(path: string, kind: WatchKind): void {
  if (!attempt(() => copyTo(target(path), path, kind))) owed.set(path, kind);
}

function move(before: string, now: string, is: WatchKind): void {
  attempt(() => renameSync(target(before), target(now)));
  // What was gone before anybody could look was not known better. There is no event of what moved with a directory.
  if (owed.has(before)) owed.set(before, is);
  for (const [path, kind] of owed) {
    if (path !== before && !path.startsWith(`${before}/`)) continue;
    owed.delete(path);
    copy(now + path.slice(before.length), kind);
  }
}

function follow(event: WatchEvent): void {
  switch (event.type) {
    case "create":
    case "change":
      return copy(event.path, event.kind);
    case "rename":
      return move(event.from, event.path, event.kind);
    case "delete":
      owed.delete(event.path);
      return rmSync(target(event.path), { recursive: true, force: true });
    case "error":
      console.error(event.error.message);
  }
}

using watcher = watch(from, { initial: true });
process.on("SIGINT", () => watcher.close());
console.log("Copying", from, "to", to);

for await (const event of watcher) follow(event);
