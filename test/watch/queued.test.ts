/** What is still to be read of a queue whose length the kernel says in bytes: of heads alone, or of all. */
import { expect, test } from "bun:test";

import { type Counting, FanotifyQueued } from "../../src/watch/backend/fanotify-queued.ts";

/** How many events pass until those that were expected are there. */
function passing(queued: FanotifyQueued, lengths: readonly number[]): number {
  const last = lengths.findIndex((length) => queued.passed(length));
  expect(queued.isExpected).toBe(last === -1);
  return last + 1;
}

test.each([
  ["heads", 24],
  ["all", 132],
] as const)("it ends where the kernel counts %s", (way, each) => {
  const counting: Counting = { way: undefined };
  const queued = new FanotifyQueued(counting);
  const lengths = Array.from({ length: 20 }, () => 132);
  for (const events of [1, 7, 20]) {
    queued.expect(events * each);
    expect(passing(queued, lengths)).toBe(events);
    expect(counting.way).toBe(way);
  }
  queued.expect(0);
  expect(queued.isExpected).toBe(false);
  expect(queued.passed(132)).toBe(false);
});

test("as long as it may be either it ends where the later one does", () => {
  const counting: Counting = { way: undefined };
  const queued = new FanotifyQueued(counting);
  queued.expect(240);
  expect(
    passing(
      queued,
      Array.from({ length: 12 }, () => 120),
    ),
  ).toBe(10);
  expect(counting.way).toBeUndefined();
  queued.expect(120);
  expect(passing(queued, [84, 84, 84, 84, 84, 84])).toBe(5);
  expect(counting.way).toBe("heads");
});
