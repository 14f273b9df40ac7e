/** Where sloppy timers meet, and what falls due meanwhile. */
import { expect, test } from "bun:test";

import fc from "fast-check";

import { advance, gridPoint } from "../../src/events/timerfd-grid.ts";

const MS = 1_000_000n;
const UNIT = 390_625n;

/** A century of nanoseconds. */
const due = fc.bigInt(0n, 100n * 366n * 86_400_000n * MS);
const accuracy = fc.bigInt(0n, 3_600_000n * MS);

test("gridPoint() is never early, and never later than the accuracy allows", () => {
  fc.assert(
    fc.property(due, accuracy, (at, slack) => {
      const point = gridPoint(at, slack);
      expect(point).toBeGreaterThanOrEqual(at);
      expect(point).toBeLessThanOrEqual(at + slack);
    }),
  );
});

test("gridPoint() is on the grid if the grid is in reach, and exact if it is not", () => {
  fc.assert(
    fc.property(due, accuracy, (at, slack) => {
      const point = gridPoint(at, slack);
      if (slack >= UNIT) expect(point % UNIT).toBe(0n);
      if (point % UNIT !== 0n) expect(point).toBe(at);
    }),
  );
  expect(gridPoint(1n, UNIT - 2n)).toBe(1n);
  expect(gridPoint(1n, UNIT - 1n)).toBe(UNIT);
});

test("gridPoint() is the roundest in reach: no other is a multiple of twice its step", () => {
  fc.assert(
    fc.property(due, fc.bigInt(UNIT, 1000n * MS), (at, slack) => {
      const point = gridPoint(at, slack);
      let step = UNIT;
      while (point % (2n * step) === 0n && step < 10_000n * MS) step *= 2n;
      if (step >= 10_000n * MS) return;
      const next = ((at + 2n * step - 1n) / (2n * step)) * (2n * step);
      expect(next).toBeGreaterThan(at + slack);
    }),
  );
});

test("gridPoint() is the same for all that have it in reach as their roundest, however sloppy they are", () => {
  // 100 ms is a point: whoever reaches it and no multiple of 200 ms takes it.
  expect(gridPoint(60n * MS, 50n * MS)).toBe(100n * MS);
  expect(gridPoint(99n * MS, 60n * MS)).toBe(100n * MS);
  expect(gridPoint(100n * MS, 0n)).toBe(100n * MS);
  expect(gridPoint(51n * MS, 149n * MS)).toBe(200n * MS);
});

test("gridPoint() of 1,000 timers of 100 ms with 50 ms of accuracy makes 10 to 20 points a second", () => {
  fc.assert(
    fc.property(
      fc.array(fc.bigInt(0n, 100n * MS), { minLength: 1000, maxLength: 1000 }),
      (phases) => {
        const points = new Set<bigint>();
        for (const phase of phases)
          for (let tick = 0n; tick < 10n; tick++)
            points.add(gridPoint(10_000n * MS + phase + tick * 100n * MS, 50n * MS));
        // The first and the last point may be outside of the second.
        expect(points.size).toBeLessThanOrEqual(22);
        expect(points.size).toBeGreaterThanOrEqual(10);
      },
    ),
    { numRuns: 10 },
  );
});

test("advance() counts every expiry once, however late it is asked", () => {
  const spans = fc.array(fc.bigInt(0n, 500n * MS), { minLength: 1 });
  fc.assert(
    fc.property(due, fc.bigInt(1n, 100n * MS), accuracy, spans, (first, interval, slack, waits) => {
      let next: bigint | undefined = first;
      let now = first - 50n * MS;
      let total = 0n;
      for (const wait of waits) {
        now += wait;
        const step = advance({ interval, accuracy: slack }, next ?? 0n, now, false);
        total += step.count;
        next = step.next;
        expect(next).toBeGreaterThan(now);
        expect(next).toBe(first + total * interval);
      }
    }),
  );
});

test("advance() of a timer that fires once counts 1, and then nothing is due", () => {
  const once = { interval: 0n, accuracy: 0n };
  expect(advance(once, 10n, 9n, false)).toEqual({ count: 0n, next: 10n });
  expect(advance(once, 10n, 10n, true)).toEqual({ count: 1n, next: undefined });
});

test("advance() with delay begins a new interval only if more is late than 5 ms or what was due together", () => {
  const every = { interval: 10n * MS, accuracy: 0n };
  const at = 1000n * MS;
  expect(advance(every, at, at + 5n * MS, true)).toEqual({ count: 1n, next: at + 10n * MS });
  expect(advance(every, at, at + 6n * MS, true)).toEqual({ count: 1n, next: at + 16n * MS });
  expect(advance(every, at, at + 25n * MS, true)).toEqual({ count: 3n, next: at + 35n * MS });
  expect(advance({ ...every, interval: MS }, at, at + MS, true)).toEqual({
    count: 2n,
    next: at + 2n * MS,
  });
  // On the grid at 1,050 ms, five are due together.
  const sloppy = { interval: 10n * MS, accuracy: 50n * MS };
  const due1 = at + MS;
  expect(gridPoint(due1, sloppy.accuracy)).toBe(at + 50n * MS);
  expect(advance(sloppy, due1, at + 50n * MS, true)).toEqual({ count: 5n, next: at + 51n * MS });
  expect(advance(sloppy, due1, at + 51n * MS, true)).toEqual({ count: 6n, next: at + 61n * MS });
});
