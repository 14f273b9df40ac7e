import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

import { IN, Inotify } from "bun-butter";

const dir = mkdtempSync(`${tmpdir()}/butter-bench-`);
using inotify = new Inotify();
inotify.watch(dir, IN.CREATE);
const event = inotify.readEvent();
writeFileSync(`${dir}/file`, "");
await event;
rmSync(dir, { recursive: true });
