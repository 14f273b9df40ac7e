/** What leaves by being unmounted before it is read, of which nothing tells. */
import { expect, test } from "bun:test";

import { slowness } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";
import { canFanotifyTmpfs } from "../support/watch.ts";

test.skipIf(!canFanotifyTmpfs)(
  "a tree that is unmounted before it is read is not looked for without end, and add() finds what is there (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir();
    const { stdout, stderr, exitCode } = await runScript(`
      import { mkdirSync, rmSync, writeFileSync } from "node:fs";
      import { tmpfs, watch } from "bun-butter";
      const place = "${dir.at("place")}";
      mkdirSync(place);
      const mount = tmpfs({ target: place });
      // More than are read before the event loop turns.
      for (let at = 0; at < 8000; at++) mkdirSync(place + "/root/" + at, { recursive: true });
      const watcher = watch(place + "/root", { backend: "fanotify", persistent: false });
      await watcher.ready;
      // Reads the root, and some of what is in it.
      if (watcher.watched.entries >= 8000) throw new Error("all is read");
      mount.unmount({ detach: true });
      rmSync(place, { recursive: true });
      // It ends when nothing is left to do.
      process.once("beforeExit", async () => {
        watcher.readEventsSync();
        mkdirSync(place + "/root/new", { recursive: true });
        watcher.add(place + "/root");
        await watcher.sync();
        writeFileSync(place + "/root/new/file", "");
        for (const { type, path } of watcher.readEventsSync()) console.log(type, path.slice(place.length));
      });
    `);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout.split("\n").slice(0, -1)).toContain("create /root/new/file");
  },
  30_000 * slowness,
);
