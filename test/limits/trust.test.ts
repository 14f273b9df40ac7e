/** Directories that are watched by their paths, and a queue that overflows. */
import { expect, test } from "bun:test";
import { mkdirSync, unlinkSync, writeFileSync } from "node:fs";

import { can } from "../support/capabilities.ts";
import { exchange } from "../support/exchange.ts";
import { sysctl } from "../support/sysctl.ts";
import { tempDir } from "../support/temp.ts";
import { treeOf } from "../support/watch.ts";
import { Watching } from "../support/watching.ts";

test.skipIf(!can("CAP_SYS_ADMIN")).each([
  ["above", "other"],
  ["above/root/n", "other/n"],
  ["above/root/n/deep", "other/n/deep"],
])(
  "Trust of a directory that may be another one ends when the event that says so is lost: of %s (needs CAP_SYS_ADMIN)",
  (one, another) => {
    using dir = tempDir();
    const root = dir.at("above/root");
    for (const path of [`${root}/n/deep`, dir.at("other/root/n/deep"), dir.at("other/n/deep")]) {
      mkdirSync(path, { recursive: true });
      writeFileSync(`${path}/file`, "");
    }
    // Else all of it is as young as what a rescan looks at.
    for (const until = Date.now() + 60; Date.now() < until;);
    using _ = sysctl("fs.inotify.max_queued_events", 4);
    for (let at = 0; at < 10; at++) writeFileSync(`${root}/${at}`, "");
    const swap = (path: string): void => {
      if (path === `${root}/n/deep`) exchange(dir.at(one), dir.at(another));
    };
    // Another one is watched than is read.
    let calls = 0;
    using watching = new Watching(root, true, {
      before: (path) => {
        if (calls === 0) {
          // Nothing of what follows is told.
          for (let at = 0; at < 10; at++) unlinkSync(`${root}/${at}`);
        }
        calls++;
        swap(path);
      },
      after: swap,
    });
    watching.read();
    expect(watching.model.overflows).toBe(1);
    expect(watching.known).toEqual([...treeOf(root).keys()].toSorted());
    writeFileSync(`${root}/n/deep/late`, "");
    expect(watching.read()).toContain(`create ${root}/n/deep/late`);
  },
);
