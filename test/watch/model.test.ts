/** Random programs run while a watcher watches: its events alone make the tree that is on the disk at the end. */
import { describe, expect, test } from "bun:test";

import { bun, run } from "../support/child.ts";
import { canLimitWatches } from "../support/limited.ts";
import { parallel } from "../support/parallel.ts";
import { beside, inBursts, type Outcome, right, seeds } from "../support/replay.ts";
import { Model, type Way, ways } from "../support/watch.ts";

/** Runs programs in another process, which is at a limit again and again. */
async function limited(
  kind: string,
  { backend, base }: Way,
  ...through: string[]
): Promise<readonly Outcome[]> {
  const script = new URL("../support/limited-child.ts", import.meta.url).pathname;
  const cmd = [...through, bun, script, kind, backend, base, ...seeds.map(String)];
  const { stdout, stderr } = await run(cmd, { timeout: 100_000 });
  expect(stderr).toBe("");
  const { outcomes, told } = JSON.parse(stdout) as {
    readonly outcomes: readonly Outcome[];
    readonly told: number;
  };
  expect(told).toBeGreaterThan(0);
  return outcomes;
}

describe.each(ways)("replaying $backend's events of a random program makes its tree", (way) => {
  test("when they are read after each burst", async () => {
    const outcomes = await parallel(seeds, (seed) => inBursts(seed, way, new Model()));
    expect(outcomes).toEqual(seeds.map(right));
  }, 120_000);

  test("when nobody was told of what was there before", async () => {
    const options = { initial: false };
    const outcomes = await parallel(seeds, (seed) => inBursts(seed, way, new Model(), { options }));
    expect(outcomes).toEqual(seeds.map(right));
  }, 120_000);

  test("when another process runs it meanwhile", async () => {
    // The first two went wrong once.
    const some = [10, 106, ...seeds.slice(2, Math.ceil(seeds.length / 4))];
    const outcomes = await parallel(some, (seed) => beside(seed, way, new Model()), 2);
    expect(outcomes).toEqual(some.map(right));
  }, 120_000);

  test.each([
    ["later", { settle: 5 }],
    ["as one change", { atomic: 5 }],
    ["later, and as one change", { settle: 5, atomic: 5 }],
  ])(
    "when saves are told of %s",
    async (_, options) => {
      const outcomes = await parallel(seeds, (seed) =>
        inBursts(seed, way, new Model(), { options }),
      );
      expect(outcomes).toEqual(seeds.map(right));
    },
    120_000,
  );

  test.each([
    ["by files of rules that change", { gitignore: true }],
    ["by paths", { ignore: ["b/c", "a/**/d", "ab/*", "c/a"] }],
    ["by its depth", { depth: 2 }],
    ["by all of these", { gitignore: true, ignore: ["b/c", "c/a"], depth: 2 }],
  ])(
    "of what is not left out %s",
    async (_, options) => {
      const outcomes = await parallel(seeds, (seed) =>
        inBursts(seed, way, new Model(), { options }),
      );
      expect(outcomes).toEqual(seeds.map(right));
    },
    120_000,
  );

  test.skipIf(way.backend !== "inotify" || !canLimitWatches)(
    "when it is at the limit of watches again and again (needs CAP_SYS_ADMIN, /proc/sys/user)",
    async () => {
      const unshare = ["unshare", "--user", "--map-root-user"];
      expect(await limited("watches", way, ...unshare)).toEqual(seeds.map(right));
    },
    120_000,
  );

  test("when it has no descriptor left again and again", async () => {
    const few = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh"];
    expect(await limited("descriptors", way, ...few)).toEqual(seeds.map(right));
  }, 120_000);
});
