/** The race that other watchers lose: nested directories made, renamed and written to at full speed. */
import { describe, expect, test } from "bun:test";

import { emulated, slowness } from "../support/capabilities.ts";
import { compiler, race } from "../support/race.ts";
import { ways } from "../support/watch.ts";

const skip = compiler === undefined || emulated;

// `bun test/support/race.ts 500 8 fanotify delete` does more of it.
describe.skipIf(skip).each(ways)("$backend", (way) => {
  test.each([
    [40, 1],
    [5, 8],
  ])(
    "nothing is missed and no path is stale in %d rounds of %d processes (needs a C compiler)",
    async (rounds, processes) => {
      const { files, missed, stale, wrong } = await race({ ...way, rounds, processes });
      expect(files).toBe(rounds * processes * 7);
      expect({ missed, stale, wrong }).toEqual({ missed: [], stale: [], wrong: [] });
    },
    30_000 * slowness,
  );

  // inotify can't: what is deleted before its directory is watched is gone.
  test.skipIf(way.backend !== "fanotify").each([
    [40, 1],
    [5, 8],
  ])(
    "nor in %d rounds of %d processes that delete everything at once (needs a C compiler)",
    async (rounds, processes) => {
      const options = { ...way, rounds, processes, deletes: true };
      const { files, missed, stale, wrong } = await race(options);
      expect(files).toBe(rounds * processes * 7);
      expect({ missed, stale, wrong }).toEqual({ missed: [], stale: [], wrong: [] });
    },
    30_000 * slowness,
  );
});
