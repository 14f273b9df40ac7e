/** Random programs run while a tree is not read yet: names are used again and again, and directories change places. */
import { describe, expect, test } from "bun:test";

import { tmpfs } from "bun-butter";

import { slowness } from "../support/capabilities.ts";
import { unread } from "../support/early.ts";
import { parallel } from "../support/parallel.ts";
import { right, seeds } from "../support/replay.ts";
import { hurried } from "../support/slices.ts";
import { memory, tempDir } from "../support/temp.ts";
import { canFanotify, canFanotifyTmpfs, undisturbed } from "../support/watch.ts";

// More of them by hand: `BUTTER_SEEDS=500 bun test test/watch/early.test.ts`. These went wrong once.
const some = [...seeds, 47, 49, 55, 103, 150, 539, 613, 616].filter(
  (seed, at, all) => all.indexOf(seed) === at,
);

const options = [{}, { initial: true }, { ignore: ["nothing"] }] as const;

describe.skipIf(!canFanotify)(
  "replaying fanotify's events makes the tree (needs CAP_SYS_ADMIN, Linux 5.17)",
  () => {
    test.each(options)(
      "when a program runs before that was read, with %p",
      async (option) => {
        const way = { backend: "fanotify", base: memory } as const;
        const outcomes = await parallel(
          some,
          (seed) => undisturbed((model) => unread(seed, way, model, option)),
          1,
        );
        expect(outcomes).toEqual(some.map(right));
      },
      60_000 * slowness,
    );
  },
);

describe.skipIf(!canFanotifyTmpfs)(
  "replaying what is told in slices makes the tree (needs CAP_SYS_ADMIN, Linux 5.17)",
  () => {
    test.each(options)(
      "when a program runs before that was read, and between two slices, with %p",
      async (option) => {
        using dir = tempDir();
        // So little is told at once that nobody else may be told of.
        using _alone = tmpfs({ target: dir.path });
        using _ = hurried(true);
        const way = { backend: "fanotify", base: dir.path } as const;
        const outcomes = await parallel(
          some,
          (seed) => undisturbed((model) => unread(seed, way, model, option)),
          1,
        );
        expect(outcomes).toEqual(some.map(right));
      },
      60_000 * slowness,
    );
  },
);

test(
  "replaying inotify's events makes the tree when a program runs while that is read",
  async () => {
    // Ext4 looks through all inodes that were freed in the last seconds, whoever did that, for each file that is made.
    const way = { backend: "inotify", base: memory } as const;
    const option = { initial: true };
    const outcomes = await parallel(
      some,
      (seed) => undisturbed((model) => unread(seed, way, model, option)),
      1,
    );
    expect(outcomes).toEqual(some.map(right));
  },
  60_000 * slowness,
);
