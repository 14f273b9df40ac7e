/** `butter` at limits that hold for the whole machine. */
import { expect, test } from "bun:test";
import { linkSync, mkdirSync } from "node:fs";

import { Butter, plant, rowsOf } from "../support/butter.ts";
import { can } from "../support/capabilities.ts";
import { sysctl } from "../support/sysctl.ts";
import { tempDir } from "../support/temp.ts";

test.skipIf(!can("CAP_SYS_ADMIN"))(
  "a full queue is an overflow row and a hint, and what it hid follows (needs root to lower max_queued_events)",
  async () => {
    using dir = tempDir();
    await using watch = await (async () => {
      // The kernel reads it when an instance is made.
      using _ = sysctl("fs.inotify.max_queued_events", 500);
      const args = [".", "--backend", "inotify", "--event", "create"];
      return await Butter.watch(args, { cwd: dir.path });
    })();
    watch.signal("SIGSTOP");
    plant(dir.path, { file: "" });
    for (let n = 0; n < 600; n++) linkSync(dir.at("file"), dir.at(`${n}`));
    watch.signal("SIGCONT");
    await watch.stdout.until((text) => text.includes("\toverflow\t\t"));
    mkdirSync(dir.at("after"));
    // What is found is told in no order that is defined.
    const isLast = (row: string): boolean => row === "create ./after directory";
    const isMade = (row: string): boolean => /^create \.\/\d+ file$/.test(row);
    const told = await watch.stdout.until((said) => {
      const rows = rowsOf(said);
      return rows.some(isLast) && new Set(rows.filter(isMade)).size === 600;
    });
    expect(rowsOf(told).filter(isMade)).toHaveLength(600);
    const hint =
      /\nbutter watch: more came at once than fs\.inotify\.max_queued_events \(\d+ now\) allows: /;
    await watch.stderr.until((text) => hint.test(text));
  },
);
