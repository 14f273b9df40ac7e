/** What is told from what was told before by a time. */
import { expect, test } from "bun:test";

import { byNow, Tellings } from "../../src/watch/teller/times.ts";

test("Tellings: what was changed before it was told is no news, and what was changed later is", () => {
  const tellings = new Tellings();
  const since = Date.now();
  for (const node of [1, 100_000]) {
    expect(tellings.isNews(node, since - 1, since)).toBe(false);
    expect(tellings.isNews(node, since, since)).toBe(true);
    tellings.telling(node, true);
    expect(tellings.isNews(node, since, since)).toBe(false);
    expect(tellings.isNews(node, byNow(), since)).toBe(true);
    tellings.forget(node);
    expect(tellings.isNews(node, since, since)).toBe(true);
  }
});

test("Tellings: if events were lost, what is told meanwhile may be older than what is news", () => {
  const tellings = new Tellings();
  const before = Date.now();
  tellings.telling(1, true);
  tellings.lost(byNow());
  expect(tellings.isNews(1, before, 0)).toBe(false);
  tellings.lost(before);
  expect(tellings.isNews(1, before - 1, 0)).toBe(false);
  expect(tellings.isNews(1, before, 0)).toBe(true);
  // It is told of once.
  expect(tellings.isNews(1, before, 0)).toBe(false);
});

test("Tellings: what is told while events are lost is known up to then alone, unless it was seen on the disk", () => {
  const tellings = new Tellings();
  const before = Date.now();
  tellings.lost(before);
  for (const node of [1, 2, 3]) tellings.telling(node, true);
  tellings.seen(2);
  expect([1, 2].map((node) => tellings.isNews(node, before, 0))).toEqual([true, false]);
  tellings.caughtUp();
  // Whoever hears of its permissions does not read it.
  tellings.telling(3, false);
  expect(tellings.isNews(3, before, 0)).toBe(true);
  tellings.lost(before);
  tellings.caughtUp();
  tellings.found();
  tellings.telling(3, true);
  expect(tellings.isNews(3, before, 0)).toBe(false);
});
