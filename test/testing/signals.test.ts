/** Signals and timers of a test are real. */
import { describe, expect, test } from "bun:test";

import { Signalfd, signalNumber } from "bun-butter";
import { signals, timers } from "bun-butter/testing";

import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";

describe("signals", () => {
  test("send() resolves with the signal that came, from this process and with its value", async () => {
    const event = await signals.send("SIGRTMIN+9", -7);
    expect(event).toMatchObject({
      signal: "SIGRTMIN+9",
      pid: process.pid,
      code: "QUEUE",
      value: -7,
    });
  });

  test("send() gives the signal back: who took it before gets the next one", async () => {
    using before = new Signalfd("SIGRTMIN+10");
    await signals.send("SIGRTMIN+10", 1);
    expect(before.readEventsSync()).toEqual([]);
    process.kill(process.pid, signalNumber("SIGRTMIN+10"));
    expect((await before.readEvent()).signal).toBe("SIGRTMIN+10");
  });

  test("next() waits for one of many, from another process", async () => {
    const told = signals.next(["SIGRTMIN+11", "SIGRTMIN+12"]);
    await using child = Bun.spawn(["sh", "-c", `kill -${signalNumber("SIGRTMIN+12")} $PPID`], {
      stderr: "ignore",
    });
    expect(await told).toMatchObject({ signal: "SIGRTMIN+12", code: "USER" });
    await child.exited;
  });

  test("next() gives up in time, and with its signal", async () => {
    expect(signals.next("SIGRTMIN+13", { timeout: 1 })).rejects.toThrow("within 1 ms");
    const aborted = AbortSignal.abort(new Error("enough"));
    expect(signals.next("SIGRTMIN+13", { signal: aborted })).rejects.toThrow("enough");
  });

  test.each([
    ["SIGKILL", "SIGKILL"],
    ["SIGNOT", "SIGNOT"],
    [0, "0"],
  ])("%p can't be taken, and is not sent", (signal, text) => {
    expect(signals.send(signal as "SIGKILL")).rejects.toThrow(text);
    expect(signals.next(signal as "SIGKILL")).rejects.toThrow(text);
  });

  test("a value that is none is refused, and the signal given back", async () => {
    const value = "7" as unknown as number;
    expect(signals.send("SIGRTMIN+9", value)).rejects.toThrow(TypeError);
    expect((await signals.send("SIGRTMIN+9")).value).toBe(0);
  });
});

describe("timers", () => {
  test("after() fires once, and not before its time", async () => {
    const began = performance.now();
    expect(await timers.after(3.5)).toEqual({ expirations: 1, cancelled: false });
    expect(performance.now() - began).toBeGreaterThanOrEqual(3.5);
  });

  test("at() fires at a time of the wall clock", async () => {
    const time = new Date(Date.now() + 5);
    expect((await timers.at(time)).expirations).toBe(1);
    expect(Date.now()).toBeGreaterThanOrEqual(time.getTime());
    expect((await timers.at(0)).expirations).toBe(1);
  });

  test("ticks() counts what fell due", async () => {
    expect(await timers.ticks(1, 5)).toBeGreaterThanOrEqual(5);
  });

  test("refuse what is no time", () => {
    for (const wrong of [-1, NaN, Infinity]) {
      expect(timers.after(wrong)).rejects.toThrow(RangeError);
      expect(timers.ticks(wrong, 1)).rejects.toThrow(RangeError);
    }
    for (const count of [0, -1, 1.5, NaN])
      expect(timers.ticks(1, count)).rejects.toThrow(RangeError);
    expect(timers.after("1" as unknown as number)).rejects.toThrow(TypeError);
  });
});

test("neither leaves a descriptor", async () => {
  await signals.send("SIGRTMIN+9");
  const before = descriptorCount();
  for (let round = 0; round < 30; round++) {
    await signals.send("SIGRTMIN+9", round);
    await timers.after(0.1);
    await signals.next("SIGRTMIN+13", { timeout: 0 }).catch(() => {});
  }
  expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
});
