/** What is told from what was told before by a time. */
import { expect, test } from "bun:test";

import { CLOCK_SLACK } from "../../src/watch/disk/look.ts";
import { byNow, Tellings } from "../../src/watch/teller/times.ts";

test("Tellings: what was changed before it was told is no news, and what was changed later is", () => {
  const tellings = new Tellings();
  const since = Date.now();
  for (const node of [1, 100_000]) {
    expect(tellings.isNews(node, since - 1, since)).toBe(false);
    expect(tellings.isNews(node, since, since)).toBe(true);
    tellings.telling(node);
    expect(tellings.isNews(node, since, since)).toBe(false);
    expect(tellings.isNews(node, byNow(), since)).toBe(true);
    tellings.forget(node);
    expect(tellings.isNews(node, since, since)).toBe(true);
  }
});

test("Tellings: if events were lost, what was changed about when it was told may be news", () => {
  const tellings = new Tellings();
  const before = Date.now();
  tellings.telling(1);
  tellings.lost(byNow());
  expect(tellings.isNews(1, before, 0)).toBe(false);
  tellings.lost(before);
  expect(tellings.isNews(1, before - 1, 0)).toBe(false);
  expect(tellings.isNews(1, before, 0)).toBe(true);
  tellings.telling(1);
  tellings.lost(0);
  expect(tellings.isNews(1, before - CLOCK_SLACK, 0)).toBe(false);
  expect(tellings.isNews(1, byNow() - CLOCK_SLACK, 0)).toBe(true);
});
