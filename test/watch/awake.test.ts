/** Watchers that stay awake for what is likely to follow in a moment. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";

import { Watcher, type WatchOptions } from "bun-butter";

import { Awake } from "../../src/watch/awake.ts";
import { processors } from "../../src/watch/processors.ts";
import { memory, TempDir } from "../support/temp.ts";

const NOTHING = { isAnything: false, isDirectory: false, isBurst: false };
const DIRECTORY = { isAnything: true, isDirectory: true, isBurst: false };
const LONE = { isAnything: true, isDirectory: false, isBurst: false };
const BURST = { isAnything: true, isDirectory: false, isBurst: true };

/** One with a processor for itself, or for a part of the time. */
function awakeWith(
  isOneSpare: boolean = true,
  part: number = 1,
): Awake & { pass(time: number): void } {
  let now = 0;
  const awake = new Awake({ isOneSpare, waited: () => now * (1 - part) });
  return Object.assign(awake, { pass: (time: number) => void (now = time) });
}

/** Looks each half millisecond from `from` on for as long as it is awake, and tells when that ends. */
function lookOn(awake: ReturnType<typeof awakeWith>, from: number, longest: number): number {
  for (let now = from; now < from + longest; now += 0.5) {
    awake.pass(now);
    if (awake.after(NOTHING, now) <= now) return now;
  }
  return from + longest;
}

describe("how long", () => {
  test.each([
    ["a directory", [[DIRECTORY, 100]], 120],
    [
      "two directories",
      [
        [DIRECTORY, 100],
        [DIRECTORY, 115],
      ],
      135,
    ],
    ["a lone event", [[LONE, 100]], 0],
    [
      "two that follow one another",
      [
        [LONE, 100],
        [LONE, 101],
      ],
      103,
    ],
    [
      "two of a storm",
      [
        [LONE, 100],
        [LONE, 100.1],
      ],
      0,
    ],
    [
      "two that don't",
      [
        [LONE, 100],
        [LONE, 102],
      ],
      0,
    ],
    [
      "bursts",
      [
        [BURST, 100],
        [BURST, 101],
        [BURST, 102],
      ],
      0,
    ],
    ["a directory in a burst", [[{ ...BURST, isDirectory: true }, 100]], 120],
    [
      "a directory and what follows it",
      [
        [DIRECTORY, 100],
        [LONE, 101],
      ],
      120,
    ],
    [
      "nothing",
      [
        [NOTHING, 100],
        [NOTHING, 101],
      ],
      0,
    ],
  ] as const)("%s", (_, looks, until) => {
    const awake = awakeWith();
    let last = 0;
    for (const [found, now] of looks) {
      awake.pass(now);
      last = awake.after(found, now);
    }
    expect(Math.max(0, last)).toBe(until);
  });

  test("never where there is no processor to spare", () => {
    const awake = awakeWith(false);
    expect(awake.after(DIRECTORY, 100)).toBeLessThan(100);
    awake.after(LONE, 101);
    expect(awake.after(LONE, 101.5)).toBeLessThan(101.5);
  });
});

describe("what it may cost", () => {
  /** A directory each ten milliseconds, which is met at once by who is awake. @returns Milliseconds that it was awake. */
  function directories(awake: ReturnType<typeof awakeWith>, from: number, count: number): number {
    let sum = 0;
    for (let at = 0; at < count; at++) {
      const now = from + at * 10;
      awake.pass(now);
      if (awake.after(DIRECTORY, now) > now) sum += lookOn(awake, now + 0.5, 9.5) - now;
    }
    return sum;
  }

  test("is some ten seconds at first, and a twentieth of the time from then on", () => {
    const awake = awakeWith();
    expect(directories(awake, 0, 2000)).toBeWithin(10_000, 12_000);
    expect(directories(awake, 20_000, 2000)).toBeWithin(500, 2000);
  });

  test("comes back while nothing happens", () => {
    const awake = awakeWith();
    directories(awake, 0, 2000);
    const later = 20_000 + 20 * 10_000;
    expect(directories(awake, later, 2000)).toBeWithin(10_000, 12_000);
  });

  test("is not counted while all looks bring something", () => {
    const awake = awakeWith();
    for (let now = 0; now < 60_000; now += 1) {
      awake.pass(now);
      expect(awake.after(DIRECTORY, now)).toBe(now + 20);
    }
  });

  test("is a pause where others take the processor", () => {
    const awake = awakeWith(true, 0.4);
    // The third ends when it was awake for 40 ms.
    for (const [now, end] of [
      [100, 120],
      [130, 150],
      [160, 160.5],
    ] as const) {
      awake.pass(now);
      awake.after(DIRECTORY, now);
      expect(lookOn(awake, now + 0.5, 30)).toBe(end);
    }
    expect(awake.after(DIRECTORY, 200)).toBeLessThan(200);
    expect(awake.after(DIRECTORY, 261)).toBe(281);
  });

  test("is no pause where who reads was away, and nobody took the processor", () => {
    const awake = awakeWith();
    awake.pass(100);
    awake.after(DIRECTORY, 100);
    awake.pass(112);
    expect(awake.after(NOTHING, 112)).toBe(120);
    awake.pass(150);
    expect(awake.after(DIRECTORY, 150)).toBe(170);
  });

  test("is none where others take less than half of it", () => {
    const awake = awakeWith(true, 0.6);
    awake.pass(100);
    awake.after(DIRECTORY, 100);
    for (let now = 100; now < 300; now += 20) {
      awake.pass(now);
      expect(awake.after(DIRECTORY, now)).toBe(now + 20);
      expect(lookOn(awake, now + 0.5, 19)).toBe(now + 19.5);
    }
  });

  test("is no pause for what others took long before", () => {
    const awake = awakeWith(true, 0.3);
    for (const now of [100, 5000, 10_000]) {
      awake.pass(now);
      awake.after(DIRECTORY, now);
      expect(lookOn(awake, now + 0.5, 30)).toBe(now + 20);
    }
  });
});

/** One that counts its looks at the kernel's queue. */
class CountingWatcher extends Watcher {
  looks = 0;

  protected override receive(whole?: boolean): ReturnType<Watcher["receive"]> {
    this.looks++;
    return super.receive(whole);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Turns of the event loop after an event, in which who is awake looks. */
const TURNS = 20;

/** How often a watcher looks in the turns after it has told of what `act` makes: the most of several, as this process may have been asleep. */
async function looksAfter(act: (path: string) => void, options: WatchOptions): Promise<number> {
  let looks = 0;
  for (let tries = 0; tries < 5; tries++) {
    using dir = new TempDir(memory);
    using watcher = new CountingWatcher(dir.path, options);
    await watcher.ready;
    const first = watcher.readEvents();
    // It sleeps by then.
    for (let turns = 0; turns < TURNS; turns++) await turn();
    act(dir.at("new"));
    await first;
    watcher.looks = 0;
    const next = watcher.readEvents();
    for (let turns = 0; turns < TURNS; turns++) await turn();
    looks = Math.max(looks, watcher.looks);
    watcher.close();
    await next.catch(() => {});
  }
  return looks;
}

/** Those that a new directory takes. */
const FEW = 4;

describe("watch()", () => {
  test.skipIf(!processors.isOneSpare).each<[string, (path: string) => void]>([
    ["made", (path) => mkdirSync(path)],
    ["made and deleted before it could be watched", (path) => (mkdirSync(path), rmdirSync(path))],
  ])("is awake after a directory was %s (needs two processors, and no cpu.max)", async (_, act) => {
    expect(await looksAfter(act, { backend: "inotify" })).toBeGreaterThan(FEW);
  });

  test("sleeps after a file was made", async () => {
    expect(
      await looksAfter((path) => writeFileSync(path, ""), { backend: "inotify" }),
    ).toBeLessThan(FEW);
  });

  test("sleeps after a directory was made with busyPoll: 0", async () => {
    const options: WatchOptions = { backend: "inotify", busyPoll: 0 };
    expect(await looksAfter((path) => mkdirSync(path), options)).toBeLessThan(FEW);
  });
});
