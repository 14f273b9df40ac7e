/** Timers against the running kernel. What holds for every source is in contract.test.ts. */
import { describe, expect, test } from "bun:test";

import { Timerfd, type TimerfdClock, type TimerfdEvent, type TimerfdOptions } from "bun-butter";
import {
  CLOCK,
  dup,
  fd_info,
  POLL,
  poll,
  TFD,
  timerfd_create,
  timerfd_settime,
} from "bun-butter/syscalls";

import { thrown } from "../support/arguments.ts";
import { can } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { instant, setClock } from "../support/clock.ts";
import { descriptorCount } from "../support/descriptors.ts";
import { Fds } from "../support/fds.ts";

const HOUR = 3_600_000;
const ONE: TimerfdEvent = { expirations: 1, cancelled: false };

/** When an hourly timer has missed three expiries, and the next one is in half an hour. */
const missedThree = (): number => Date.now() - 2.5 * HOUR;

/** A burst of every nanosecond since 1970. */
const longBurst = (): Timerfd => Timerfd.at(0, { interval: 1e-6, missed: "burst" });

/** Runs a script that can set the clock to what it shows, in a process of its own. */
async function script(body: string): Promise<string> {
  const { stdout, stderr } = await runScript(
    `import { Timerfd } from "bun-butter";
    ${setClock}
    const show = (...events) => console.log(events.flat().map(({ expirations, cancelled }) => expirations + (cancelled ? "!" : "")).join());
    ${body}`,
  );
  return stdout + stderr;
}

/** Blocks until it has expired, and takes no event. */
function expire(timer: Timerfd): void {
  poll([{ fd: timer, events: POLL.IN }], -1);
}

/** Expects an instant between what it was before and after a call. */
function expectBetween(value: number, first: number, last: number): void {
  // Fractions of a millisecond since 1970 are exact to a quarter of a microsecond.
  expect(value).toBeGreaterThanOrEqual(first - 0.001);
  expect(value).toBeLessThanOrEqual(last + 0.001);
}

describe("setting", () => {
  test("without a time it is disarmed", () => {
    using timer = new Timerfd();
    expect(timer.armed).toBe(false);
    expect(timer.get()).toEqual({ remaining: undefined, interval: undefined });
    expect(timer.clock).toBe("monotonic");
    expect(timer.missed).toBe("skip");
  });

  test("every() fires again and again, the first time after one interval", async () => {
    const before = instant();
    using timer = Timerfd.every(2);
    expect(timer.armed).toBe(true);
    expect(timer.get().interval).toBe(2);
    expect((await timer.readEvent()).expirations).toBeGreaterThanOrEqual(1);
    expect(instant()).toBeGreaterThanOrEqual(before + 2);
    expect((await timer.readEvent()).expirations).toBeGreaterThanOrEqual(1);
    expect(timer.armed).toBe(true);
  });

  test("after() fires once, and is disarmed then", async () => {
    const before = instant();
    using timer = Timerfd.after(1.5);
    expect(timer.get().interval).toBeUndefined();
    expect(await timer.readEvent()).toEqual(ONE);
    expect(instant()).toBeGreaterThanOrEqual(before + 1.5);
    expect(timer.armed).toBe(false);
    expect(timer.get()).toEqual({ remaining: undefined, interval: undefined });
    using later = Timerfd.after(HOUR);
    expect(later.armed).toBe(true);
  });

  test("after(0) fires at once", async () => {
    using timer = Timerfd.after(0);
    expect(await timer.readEvent()).toEqual(ONE);
  });

  test("delay and interval are the first expiry and those after it", async () => {
    using timer = new Timerfd({ delay: HOUR / 2, interval: HOUR });
    expect(timer.get().remaining).toBeLessThanOrEqual(HOUR / 2);
    timer.set({ delay: 1, interval: HOUR });
    expect(await timer.readEvent()).toEqual(ONE);
    expect(timer.get().remaining).toBeGreaterThan(1);
    expect(timer.get().interval).toBe(HOUR);
  });

  test.each([new Date(Date.now() + HOUR), Date.now() + HOUR + 0.25])(
    "at() takes a date or milliseconds since 1970: %p",
    (at) => {
      using timer = Timerfd.at(at);
      expect(timer.clock).toBe("realtime");
      const first = instant("REALTIME");
      const { remaining = NaN } = timer.get();
      const last = instant("REALTIME");
      expectBetween(Number(at) - remaining, first, last);
    },
  );

  test("at() in the past fires at once", async () => {
    for (const at of [new Date(0), 0, Date.now() - 1]) {
      using timer = Timerfd.at(at);
      expect(await timer.readEvent()).toEqual(ONE);
      expect(timer.armed).toBe(false);
    }
  });

  test("at() with an interval keeps the phase of that time", async () => {
    const at = Date.now() - 2.5 * HOUR;
    using timer = Timerfd.at(at, { interval: HOUR });
    expect(await timer.readEvent()).toEqual({ expirations: 3, cancelled: false });
    const first = instant("REALTIME");
    const { remaining = NaN } = timer.get();
    expectBetween(at + 3 * HOUR - remaining, first, instant("REALTIME"));
  });

  test("set() returns what it was set to, and setting that again restores it", () => {
    using timer = Timerfd.every(HOUR);
    const before = instant();
    const previous = timer.set({ delay: 5 * HOUR });
    expect(previous.interval).toBe(HOUR);
    expect(previous.remaining).toBeLessThanOrEqual(HOUR);
    expect(timer.set({})).toMatchObject({ interval: undefined });
    expect(timer.armed).toBe(false);
    expect(timer.set({ delay: previous.remaining, interval: previous.interval })).toEqual({
      remaining: undefined,
      interval: undefined,
    });
    const { remaining = NaN, interval } = timer.get();
    expect(interval).toBe(HOUR);
    // It expires no earlier than it would have.
    expect(instant() + remaining).toBeGreaterThanOrEqual(before + HOUR - 0.001);
  });

  test("set() with a time wakes who waits already", async () => {
    using timer = Timerfd.every(HOUR);
    const pending = timer.readEvent();
    await new Promise((resolve) => setImmediate(resolve));
    timer.set({ delay: 1 });
    expect(await pending).toEqual(ONE);
  });

  test("set() and disarm() drop what was not read, and what was not taken of a burst", async () => {
    using timer = Timerfd.at(0, { interval: HOUR, missed: "burst" });
    expire(timer);
    timer.set({ delay: HOUR });
    expect(timer.readEventsSync()).toEqual([]);
    timer.set({ at: 0, interval: HOUR });
    await timer.readEvent();
    expect(timer.queued).toBeGreaterThan(0);
    expect(timer.disarm().interval).toBe(HOUR);
    expect(timer.queued).toBe(0);
    expect(timer.armed).toBe(false);
    expect(timer.readEventsSync()).toEqual([]);
  });

  test("accuracy and cancelOnSet stay as they are when set() says nothing of them", () => {
    using timer = new Timerfd({ clock: "realtime", accuracy: 50, cancelOnSet: true });
    timer.set({ interval: HOUR });
    expect(Bun.inspect(timer)).toContain("accuracy: 50,");
    expect(Bun.inspect(timer)).toContain("cancelOnSet: true,");
    timer.set({ interval: HOUR, accuracy: 0, cancelOnSet: false });
    expect(Bun.inspect(timer)).toContain("accuracy: 0,");
    expect(Bun.inspect(timer)).toContain("cancelOnSet: false,");
  });

  test("a closed one is not armed, and takes no setting", () => {
    const timer = Timerfd.every(1);
    timer.close();
    expect(timer.armed).toBe(false);
    for (const use of [() => timer.set({ delay: 1 }), () => timer.get(), () => timer.disarm()])
      expect(use).toThrow("it is closed");
  });

  test("the longest times are taken, on every clock that needs no privilege", () => {
    const longest = 9_223_372_036_854;
    for (const clock of ["monotonic", "boottime", "realtime"] as const) {
      using timer = new Timerfd({ clock, delay: longest, interval: longest });
      expect(timer.get().remaining).toBeGreaterThan(HOUR);
      timer.set({ delay: longest, accuracy: longest });
      expect(timer.armed).toBe(true);
    }
    using timer = Timerfd.at(longest);
    expect(timer.armed).toBe(true);
  });
});

describe("bad input", () => {
  const wrong: readonly (readonly [options: object, error: typeof TypeError, message: string])[] = [
    ...[NaN, -1, -0.001, Infinity, -Infinity, 1e13].flatMap((time) => [
      [
        { delay: time },
        RangeError,
        `delay: ${time} is not between 0 and 9223372036854 ms`,
      ] as const,
      [{ accuracy: time }, RangeError, `accuracy: ${time} is not between`] as const,
      [{ at: time }, RangeError, `at: ${time} is not between`] as const,
      [{ interval: time }, RangeError, `interval: ${time} is not between 0.000001 and`] as const,
    ]),
    [{ interval: 0 }, RangeError, "interval: 0 is not between 0.000001 and"],
    [{ interval: 1e-7 }, RangeError, "interval: 1e-7 is not between 0.000001 and"],
    [{ delay: 1, interval: 0 }, RangeError, "interval: 0 is"],
    [{ at: new Date(NaN) }, RangeError, "at: NaN is not between"],
    [{ at: new Date(-1) }, RangeError, "at: -1 is not between"],
    [{ at: new Date(8.64e15) }, RangeError, "at: 8640000000000000 is not between"],
    ...["delay", "interval", "accuracy", "at"].flatMap((name) =>
      (
        [
          ["1", '"1"'],
          [null, "null"],
          [1n, "1n"],
          [true, "true"],
          [{}, "an object"],
        ] as const
      ).map(
        ([value, got]) =>
          [{ [name]: value }, TypeError, `${name}: expected milliseconds, got ${got}`] as const,
      ),
    ),
    [{ delay: 1, at: 1 }, TypeError, "delay and at together"],
    [{ at: 1, clock: "monotonic" }, TypeError, 'at: clock "monotonic" has no dates'],
    [{ at: 1, clock: "boottime-alarm" }, TypeError, 'at: clock "boottime-alarm" has no dates'],
    [{ cancelOnSet: true, clock: "boottime" }, TypeError, 'cancelOnSet: clock "boottime" is never'],
    [{ cancelOnSet: 1 }, TypeError, "cancelOnSet: expected a boolean, got 1"],
    [{ clock: "coarse" }, TypeError, 'clock: "coarse" is none of monotonic, realtime, boottime,'],
    [{ clock: "monotonic-coarse" }, TypeError, 'clock: "monotonic-coarse" is none of'],
    [{ clock: "toString" }, TypeError, 'clock: "toString" is none of'],
    [{ clock: 1 }, TypeError, "clock: 1 is none of"],
    [{ missed: "all" }, TypeError, 'missed: "all" is none of skip, burst, delay'],
    [{ missed: null }, TypeError, "missed: null is none of"],
    [{ latency: -1 }, RangeError, "latency: -1"],
  ];

  const rows = wrong.map(([options, error, message]) => ({
    shown: Bun.inspect(options, { compact: true }),
    options,
    error,
    message,
  }));

  test.each(rows)("$shown is refused, and opens nothing", ({ options, error, message }) => {
    const before = descriptorCount();
    const cause = thrown(() => new Timerfd(options as TimerfdOptions));
    expect(cause).toBeInstanceOf(error);
    expect((cause as Error).message).toStartWith(`Cannot take ${message}`);
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });

  test("set() refuses the same, and changes nothing", () => {
    using timer = Timerfd.every(HOUR);
    for (const setting of [{ delay: -1 }, { interval: 0 }, { delay: 1, at: 1 }, { at: 1 }]) {
      expect(() => timer.set(setting)).toThrow(/^Cannot take (delay|interval|at)/);
      expect(timer.get().interval).toBe(HOUR);
    }
  });

  test("every(), after() and at() need their time", () => {
    const nothing = undefined as unknown as number;
    expect(() => Timerfd.every(nothing)).toThrow("Cannot take interval: expected milliseconds");
    expect(() => Timerfd.after(nothing)).toThrow("Cannot take delay: expected milliseconds");
    expect(() => Timerfd.at(nothing)).toThrow("Cannot take at: expected milliseconds");
  });
});

describe("events", () => {
  test("are plain values that never change, and print well", async () => {
    using timer = Timerfd.after(0);
    const event = await timer.readEvent();
    expect(Object.isFrozen(event)).toBe(true);
    expect(Bun.inspect(event, { compact: true })).toBe("{ expirations: 1, cancelled: false }");
    expect(JSON.stringify(event)).toBe('{"expirations":1,"cancelled":false}');
  });

  test("a periodic timer keeps its phase: all expiries are counted, and no others", async () => {
    const interval = 0.5;
    const first = instant();
    using timer = Timerfd.every(interval);
    const last = instant();
    let count = 0;
    for await (const { expirations } of timer) {
      const after = instant();
      count += expirations;
      // As many as intervals have passed since it was made, whatever else the machine had to do.
      expect(count).toBeLessThanOrEqual((after - first) / interval);
      if (count >= 100) break;
    }
    const before = instant();
    for (const { expirations } of timer.readEventsSync()) count += expirations;
    expect(count).toBeGreaterThanOrEqual(Math.floor((before - last) / interval));
  });

  test("a reader that falls behind loses nothing", () => {
    const at = Date.now() - 10_500;
    using timer = Timerfd.at(at, { interval: 1000 });
    expire(timer);
    const first = Math.floor((instant("REALTIME") - at) / 1000) + 1;
    const [{ expirations } = { expirations: NaN }, ...rest] = timer.readEventsSync();
    const last = Math.floor((instant("REALTIME") - at) / 1000) + 1;
    expectBetween(expirations, first, last);
    expect(rest).toEqual([]);
    expect(timer.readEventsSync()).toEqual([]);
  });

  test("truncate() drops expiries that nobody has read", () => {
    using timer = Timerfd.at(missedThree(), { interval: HOUR });
    expire(timer);
    expect(timer.truncate()).toBe(1);
    expect(timer.readEventsSync()).toEqual([]);
    expect(timer.armed).toBe(true);
  });

  test("a loop goes on when a timer that has fired is set again", async () => {
    using timer = Timerfd.after(0);
    let rounds = 0;
    for await (const event of timer) {
      expect(event).toEqual(ONE);
      if (++rounds === 3) break;
      timer.set({ delay: 0.1 });
    }
    expect(rounds).toBe(3);
  });
});

describe("missed", () => {
  test('"skip" is one event that counts, and the phase stays', async () => {
    using timer = Timerfd.at(missedThree(), { interval: HOUR, missed: "skip" });
    expect(await timer.readEvent()).toEqual({ expirations: 3, cancelled: false });
    expect(timer.get().remaining).toBeLessThanOrEqual(HOUR / 2);
  });

  test.each([0, 5])(
    '"burst" is an event for each, in order before later ones (accuracy %d)',
    async (accuracy) => {
      using timer = Timerfd.at(missedThree(), { interval: HOUR, missed: "burst", accuracy });
      expect(await timer.readEvents()).toEqual([ONE, ONE, ONE]);
      expect(timer.get().remaining).toBeLessThanOrEqual(HOUR / 2 + accuracy);
      timer.set({ at: missedThree(), interval: HOUR });
      let seen = 0;
      for await (const event of timer) {
        expect(event).toEqual(ONE);
        if (++seen === 3) break;
      }
      expect(timer.readEventsSync()).toEqual([]);
    },
  );

  test.each([0, 5])(
    '"delay" is one event that counts, and a whole interval after it (accuracy %d)',
    async (accuracy) => {
      using timer = Timerfd.at(missedThree(), { interval: HOUR, missed: "delay", accuracy });
      expire(timer);
      const before = instant();
      expect(await timer.readEvent()).toEqual({ expirations: 3, cancelled: false });
      const { remaining = NaN, interval } = timer.get();
      expect(instant() + remaining).toBeGreaterThanOrEqual(before + HOUR - 1);
      expect(remaining).toBeLessThanOrEqual(HOUR + accuracy);
      expect(interval).toBe(HOUR);
    },
  );

  test('"delay" leaves a timer alone that is read in time, and one that fires once', async () => {
    using timer = Timerfd.at(Date.now() + 1, { interval: HOUR, missed: "delay" });
    expect(await timer.readEvent()).toEqual(ONE);
    expect(timer.get().interval).toBe(HOUR);
    timer.set({ delay: 0 });
    expect(await timer.readEvent()).toEqual(ONE);
    expect(timer.armed).toBe(false);
  });

  test('a "burst" of any length takes little at a time, in every way to read', async () => {
    {
      using timer = longBurst();
      expire(timer);
      const events = timer.readEventsSync();
      expect(events).toHaveLength(1024);
      expect(events[1023]).toEqual(ONE);
      expect(timer.readEventsSync()).toHaveLength(1024);
      expect((await timer.readEvents()).length).toBeLessThanOrEqual(2048);
      expect(timer.truncate()).toBeGreaterThan(1e18);
      expect(timer.queued).toBe(0);
    }
    {
      using timer = longBurst();
      let batches = 0;
      for await (const batch of timer.batches()) {
        expect(batch.length).toBeLessThanOrEqual(1024);
        if (++batches === 20) break;
      }
    }
    {
      using timer = longBurst();
      let events = 0;
      for await (const event of timer) {
        expect(event).toBe(event);
        if (++events === 5000) break;
      }
    }
    {
      using timer = longBurst();
      const reader = timer.stream().getReader();
      for (let n = 0; n < 2000; n++) expect((await reader.read()).done).toBe(false);
      await reader.cancel();
    }
  });
});

describe("a timer that is never quiet", () => {
  const rows = (["skip", "burst", "delay"] as const).flatMap((missed) =>
    [0, 1].flatMap((latency) =>
      [1e-6, 0.001, 1].map((interval) => ({ missed, latency, interval })),
    ),
  );

  test.each(rows)(
    "of $interval ms ($missed, latency $latency) stalls neither timers nor immediates",
    async ({ missed, latency, interval }) => {
      using timer = Timerfd.every(interval, { missed, latency });
      const first = Promise.withResolvers<void>();
      const reading = (async () => {
        for await (const { expirations } of timer) if (expirations > 0) first.resolve();
      })();
      for (let round = 0; round < 5; round++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await first.promise;
      timer.close();
      await reading;
    },
  );

  test("is read in large steps, once it is not read in time", async () => {
    using timer = Timerfd.every(0.001, { latency: 5 });
    let events = 0;
    let expirations = 0;
    for await (const event of timer) {
      events++;
      expirations += event.expirations;
      if (expirations >= 100_000) break;
    }
    // In 5 ms are 5,000 of them.
    expect(events).toBeLessThan(100);
  });

  test("does not delay another source", async () => {
    using storm = Timerfd.every(0.001, { latency: 0 });
    using other = Timerfd.every(1);
    const reading = (async () => {
      for await (const _ of storm);
    })();
    for (let round = 0; round < 10; round++) await other.readEvent();
    storm.close();
    await reading;
  });
});

describe("accuracy", () => {
  test.each([0.1, 1, 50, 1000])(
    "of %d ms fires on the grid: never early, never later than that",
    (accuracy) => {
      for (let n = 0; n < 50; n++) {
        const delay = 10_000 + n * 7.13;
        const first = instant() + delay;
        using timer = new Timerfd({ delay, accuracy });
        const last = instant() + delay;
        const before = instant();
        const { remaining = NaN } = timer.get();
        const after = instant();
        expect(after + remaining).toBeGreaterThanOrEqual(first - 0.001);
        expect(before + remaining).toBeLessThanOrEqual(last + accuracy + 0.001);
      }
    },
  );

  test("keeps the rate: being late makes nothing later", async () => {
    const first = instant();
    using timer = Timerfd.every(10, { accuracy: 9 });
    const last = instant();
    let count = 0;
    for await (const { expirations } of timer) {
      count += expirations;
      expect(count).toBeLessThanOrEqual((instant() - first) / 10);
      if (count >= 10) break;
    }
    const before = instant();
    const { remaining = NaN } = timer.get();
    const after = instant();
    // The next one is due at its time, or at most the accuracy later; and so is one after it, if this took so long.
    const late = Math.ceil((before + remaining - last - 9.001) / 10);
    const due = 10 * (before - last < 10 * (count + 1) ? count + 1 : late);
    expect(after + remaining).toBeGreaterThanOrEqual(first + due - 0.001);
    expect(before + remaining).toBeLessThanOrEqual(last + due + 9.001);
  });

  test("counts what fell due while nobody read", async () => {
    using timer = Timerfd.at(missedThree(), { interval: HOUR, accuracy: 50 });
    expect(await timer.readEvent()).toEqual({ expirations: 3, cancelled: false });
    expect(timer.get().remaining).toBeLessThanOrEqual(HOUR / 2 + 50);
    expect(timer.get().interval).toBe(HOUR);
  });

  test("holds for a timer that fires once, and it is disarmed then", async () => {
    using timer = Timerfd.after(HOUR, { accuracy: 5 });
    expect(timer.armed).toBe(true);
    timer.set({ delay: 1 });
    expire(timer);
    expect(timer.armed).toBe(false);
    expect(await timer.readEvent()).toEqual(ONE);
    expect(timer.armed).toBe(false);
    timer.set({ delay: 0 });
    expect(await timer.readEvent()).toEqual(ONE);
  });

  test("lets 1,000 timers of 100 ms wake the process at the points of 50 ms, and not 10,000 times a second", async () => {
    const timers = Array.from(
      { length: 1000 },
      (_, n) => new Timerfd({ delay: 100 + n / 10, interval: 100, accuracy: 50 }),
    );
    const started = instant();
    let turns = 0;
    let inTurn = false;
    try {
      await Promise.all(
        timers.map(async (timer) => {
          let count = 0;
          for await (const { expirations } of timer) {
            if (!inTurn) {
              inTurn = true;
              turns++;
              setImmediate(() => {
                inTurn = false;
              });
            }
            count += expirations;
            if (count >= 5) break;
          }
        }),
      );
    } finally {
      for (const timer of timers) timer.close();
    }
    const points = (instant() - started) / 50 + 1;
    // A look takes 256 of them, so a point with all 1,000 can be four turns.
    expect(turns).toBeLessThanOrEqual(points * 4);
  });
});

describe("clocks", () => {
  const ids: Readonly<Record<TimerfdClock, number>> = {
    monotonic: CLOCK.MONOTONIC,
    realtime: CLOCK.REALTIME,
    boottime: CLOCK.BOOTTIME,
    "realtime-alarm": CLOCK.REALTIME_ALARM,
    "boottime-alarm": CLOCK.BOOTTIME_ALARM,
  };
  const rows = (Object.keys(ids) as TimerfdClock[]).map((clock) => ({ clock }));

  test.each(rows.filter(({ clock }) => !clock.endsWith("-alarm")))(
    "$clock fires",
    async ({ clock }) => {
      await fires(clock);
    },
  );

  test.skipIf(!can("CAP_WAKE_ALARM")).each(rows.filter(({ clock }) => clock.endsWith("-alarm")))(
    "$clock fires, with an RTC or without (needs CAP_WAKE_ALARM)",
    async ({ clock }) => {
      await fires(clock);
    },
  );

  async function fires(clock: TimerfdClock): Promise<void> {
    for (const accuracy of [0, 1]) {
      using timer = new Timerfd({ clock, interval: 1, accuracy });
      expect(fd_info(timer, "clockid")).toBe(`${ids[clock]}`);
      expect((await timer.readEvent()).expirations).toBeGreaterThanOrEqual(1);
      expect((await timer.readEvent()).expirations).toBeGreaterThanOrEqual(1);
      expect(timer.get().interval).toBe(1);
    }
  }

  test.skipIf(process.getuid?.() !== 0)(
    "an alarm without CAP_WAKE_ALARM is a PermissionError that says so, and opens nothing (needs to become another user)",
    async () => {
      const { stdout, stderr } = await runScript(`
        import { PermissionError, Timerfd } from "bun-butter";
        import { readdirSync } from "node:fs";
        process.setuid(65534);
        const before = readdirSync("/proc/self/fd").length;
        for (const clock of ["realtime-alarm", "boottime-alarm"]) {
          try {
            new Timerfd({ clock, delay: 1 });
          } catch (error) {
            console.log(error instanceof PermissionError, error.message.includes("CAP_WAKE_ALARM"));
          }
        }
        console.log(readdirSync("/proc/self/fd").length - before);
      `);
      expect(stdout + stderr).toBe("true true\ntrue true\n0\n");
    },
  );
});

describe.skipIf(!can("CAP_SYS_TIME"))("cancelOnSet (needs CAP_SYS_TIME)", () => {
  test("is an event, and no exception, while somebody waits and before", async () => {
    expect(
      await script(`
        using timer = Timerfd.at(Date.now() + 3600_000, { cancelOnSet: true });
        const pending = timer.readEvent();
        await new Promise((resolve) => setImmediate(resolve));
        setClock();
        show(await pending);
        setClock();
        show(timer.readEventsSync());
        show(timer.readEventsSync());
        console.log(timer.armed);
      `),
    ).toBe("0!\n0!\n\ntrue\n");
  });

  test("needs no time: a timer that is not armed tells of every change", async () => {
    expect(
      await script(`
        using timer = new Timerfd({ cancelOnSet: true });
        console.log(timer.clock, timer.armed);
        let seen = 0;
        setImmediate(setClock);
        for await (const event of timer) {
          show(event);
          if (++seen === 3) break;
          setClock();
        }
      `),
    ).toBe("realtime false\n0!\n0!\n0!\n");
  });

  test("loses no expiry that was due before, and goes on as the clock has it then", async () => {
    expect(
      await script(`
        for (const missed of ["skip", "burst"]) {
          const at = Date.now() - 9_000_000;
          using timer = Timerfd.at(at, { interval: 3600_000, cancelOnSet: true, missed });
          setClock();
          show(timer.readEventsSync());
          console.log(timer.get().remaining <= 1800_000, timer.get().interval);
        }
        using once = Timerfd.at(Date.now() - 1, { cancelOnSet: true });
        setClock();
        show(once.readEventsSync());
        show(once.readEventsSync());
        console.log(once.armed);
      `),
    ).toBe("3!\ntrue 3600000\n0!,1,1,1\ntrue 3600000\n1!\n\nfalse\n");
  });

  test("set() arms a timer whose clock was set, and the change is still told", async () => {
    expect(
      await script(`
        using timer = Timerfd.at(Date.now() + 3600_000, { cancelOnSet: true });
        setClock();
        timer.set({ delay: 7200_000 });
        // Once more, before that was read.
        timer.set({ delay: 7200_000 });
        show(timer.readEventsSync());
        show(timer.readEventsSync());
        console.log(timer.get().remaining > 3600_000);
        const pending = timer.readEvent();
        await new Promise((resolve) => setImmediate(resolve));
        setClock();
        timer.set({ interval: 3600_000 });
        show(await pending);
        console.log(timer.get().interval, timer.get().remaining > 0);
      `),
    ).toBe("0!\n\ntrue\n0!\n3600000 true\n");
  });

  test("tells nothing of what was before it was asked for, and after disarm()", async () => {
    expect(
      await script(`
        using timer = new Timerfd({ clock: "realtime" });
        setClock();
        timer.set({ delay: 3600_000, cancelOnSet: true });
        show(timer.readEventsSync());
        setClock();
        timer.disarm();
        setClock();
        show(timer.readEventsSync());
        timer.set({ delay: 3600_000 });
        show(timer.readEventsSync());
        console.log(timer.armed);
        setClock();
        show(timer.readEventsSync());
      `),
    ).toBe("\n\n\ntrue\n0!\n");
  });

  test("is told of one that was adopted as well", async () => {
    expect(
      await script(`
        const { TFD, timerfd_create, timerfd_settime } = await import("bun-butter/syscalls");
        const fd = timerfd_create(CLOCK.REALTIME, 0);
        timerfd_settime(fd, TFD.TIMER_ABSTIME | TFD.TIMER_CANCEL_ON_SET, {
          it_interval: { tv_sec: 0n, tv_nsec: 0n },
          it_value: { tv_sec: 9_000_000_000n, tv_nsec: 0n },
        });
        using timer = Timerfd.adopt(fd);
        setClock();
        show(await timer.readEvent());
        console.log(timer.clock, timer.armed);
      `),
    ).toBe("0!\nrealtime true\n");
  });

  test("is told of a timer with accuracy too", async () => {
    expect(
      await script(`
        using timer = new Timerfd({ interval: 3600_000, accuracy: 50, cancelOnSet: true });
        setClock();
        show(await timer.readEvent());
        console.log(timer.armed);
      `),
    ).toBe("0!\ntrue\n");
  });
});

describe("adopt()", () => {
  test.each(["monotonic", "realtime", "boottime"] as const)(
    "knows the clock: %s",
    async (clock) => {
      const id = { monotonic: CLOCK.MONOTONIC, realtime: CLOCK.REALTIME, boottime: CLOCK.BOOTTIME }[
        clock
      ];
      using fds = new Fds();
      const fd = fds.add(timerfd_create(id, 0));
      timerfd_settime(fd, 0, {
        it_value: { tv_sec: 0n, tv_nsec: 1n },
        it_interval: { tv_sec: 3600n, tv_nsec: 0n },
      });
      using timer = Timerfd.adopt(dup(fd), { missed: "delay" });
      expect(timer.clock).toBe(clock);
      expect(timer.missed).toBe("delay");
      expect(await timer.readEvent()).toEqual(ONE);
      expect(timer.get().interval).toBe(HOUR);
      timer.set({ delay: 0 });
      expect(await timer.readEvent()).toEqual(ONE);
    },
  );

  test("makes it non-blocking, so that a look does not wait", () => {
    using timer = Timerfd.adopt(timerfd_create(CLOCK.MONOTONIC, TFD.CLOEXEC));
    expect(timer.readEventsSync()).toEqual([]);
  });
});

describe("what butter's Timer got wrong", () => {
  test("a timer that is set is truthy where butter's raised: armed is a boolean", () => {
    using timer = new Timerfd();
    expect(timer.armed).toBe(false);
    timer.set({ interval: 1000 });
    expect(timer.armed).toBe(true);
  });

  test("a bad time is refused with its option and value before the kernel is asked, and not by its EINVAL", () => {
    using timer = new Timerfd();
    expect(() => timer.set({ delay: -0.5 })).toThrow(RangeError);
    expect(() => timer.set({ delay: -0.5 })).toThrow("delay: -0.5");
  });

  test("every way to make a timer has the same clock", () => {
    using bare = new Timerfd();
    using every = Timerfd.every(1000);
    using after = Timerfd.after(1000);
    expect([bare.clock, every.clock, after.clock]).toEqual(["monotonic", "monotonic", "monotonic"]);
  });

  test("more than 999,999,999 nanoseconds are seconds", () => {
    using timer = Timerfd.every(1999.999999);
    expect(timer.get().interval).toBe(1999.999999);
  });

  test("a 1 ns timer reads the nanoseconds since the last look", () => {
    const first = instant();
    using timer = Timerfd.every(1e-6);
    const last = instant();
    expire(timer);
    const before = instant();
    const [{ expirations } = { expirations: NaN }] = timer.readEventsSync();
    expectBetween(expirations / 1e6, before - last, instant() - first);
  });
});
