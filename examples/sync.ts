/** Keeps a copy of a tree as the tree is, until Ctrl-C: `bun examples/sync.ts FROM TO` */
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join, resolve } from "node:path";

import { watch, type WatchEvent } from "bun-butter";

const [from = "", to = ""] = process.argv.slice(2);
if (from === "" || to === "") {
  console.error("usage: sync.ts FROM TO");
  process.exit(2);
}

if (`${resolve(to)}/`.startsWith(`${resolve(from)}/`)) {
  console.error("sync.ts: TO is within FROM, and would be copied into itself without end");
  process.exit(2);
}

/** What was not there when it was to be copied: its rename follows, or its end. */
const owed = new Set<string>();

const target = (path: string): string => join(to, path.slice(from.length));

/** Does something, and says whether what it is about was there. */
function attempt(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    // Something else has its name by now.
    const isAnother = ["ENOENT", "EINVAL", "EISDIR"].includes(
      `${(error as { code?: string }).code}`,
    );
    if (!isAnother) console.error(`${error}`);
    return false;
  }
}

/** As what it is now: the kind of an event is what somebody saw who looked later than it happened. */
function copyTo(place: string, path: string): void {
  const now = lstatSync(path);
  if (now.isDirectory()) return void mkdirSync(place, { recursive: true });
  rmSync(place, { recursive: true, force: true });
  if (now.isFile()) copyFileSync(path, place);
  if (now.isSymbolicLink()) symlinkSync(readlinkSync(path), place);
}

function copy(path: string): void {
  if (!attempt(() => copyTo(target(path), path))) owed.add(path);
}

function move(before: string, now: string): void {
  attempt(() => renameSync(target(before), target(now)));
  owed.delete(before);
  // What was copied may be what had its name next.
  copy(now);
  // There is no event of what moved with a directory.
  for (const path of owed) {
    if (!path.startsWith(`${before}/`)) continue;
    owed.delete(path);
    copy(now + path.slice(before.length));
  }
}

function follow(event: WatchEvent): void {
  switch (event.type) {
    case "create":
    case "change":
      return copy(event.path);
    case "rename":
      return move(event.from, event.path);
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
