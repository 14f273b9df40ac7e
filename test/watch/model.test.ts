/** Random programs run while a watcher watches: its events alone make the tree that is on the disk at the end. */
import { describe, expect, test } from "bun:test";

import { parallel } from "../support/parallel.ts";
import { beside, inBursts, right, seeds } from "../support/replay.ts";
import { Model, ways } from "../support/watch.ts";

describe.each(ways)("replaying $backend's events of a random program makes its tree", (way) => {
  test("when they are read after each burst", async () => {
    const outcomes = await parallel(seeds, (seed) => inBursts(seed, way, new Model()));
    expect(outcomes).toEqual(seeds.map(right));
  }, 120_000);

  test("when another process runs it meanwhile", async () => {
    const some = seeds.slice(0, Math.ceil(seeds.length / 4));
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
      const outcomes = await parallel(seeds, (seed) => inBursts(seed, way, new Model(), options));
      expect(outcomes).toEqual(seeds.map(right));
    },
    120_000,
  );
});
