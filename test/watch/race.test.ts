/** The race that other watchers lose: nested directories made, renamed and written to at full speed. */
import { expect, test } from "bun:test";

import { emulated } from "../support/capabilities.ts";
import { compiler, race } from "../support/race.ts";

const skip = compiler === undefined || emulated;

// `bun test/support/race.ts 500 8` does more of it.
test.skipIf(skip).each([
  [40, 1],
  [5, 8],
])(
  "nothing is missed and no path is stale in %d rounds of %d processes (needs a C compiler)",
  async (rounds, processes) => {
    const { files, missed, stale, wrong } = await race(rounds, processes);
    expect(files).toBe(rounds * processes * 7);
    expect({ missed, stale, wrong }).toEqual({ missed: [], stale: [], wrong: [] });
  },
  30_000,
);
