import { expect, test } from "bun:test";
/** Reads that look in each turn of the event loop before they sleep: what all sources do with it is in the contract. */
import { readdirSync, readlinkSync } from "node:fs";

import { Eventfd } from "bun-butter";

/** The epoll sets of this process: ours is there while somebody sleeps. */
function epollSets(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === "anon_inode:[eventpoll]";
    } catch {
      // The directory's own.
      return false;
    }
  }).length;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("busyPoll: Infinity never sleeps, and needs nothing to be woken by", async () => {
  using eventfd = new Eventfd({ busyPoll: Infinity });
  const before = epollSets();
  const pending = eventfd.readEvent();
  for (let turns = 0; turns < 100; turns++) await turn();
  expect(epollSets()).toBe(before);
  eventfd.add();
  expect(await pending).toEqual({ value: 1n });
});

test("busyPoll sleeps when its time is over, and is woken", async () => {
  using eventfd = new Eventfd({ busyPoll: 1 });
  const before = epollSets();
  const pending = eventfd.readEvent();
  expect(epollSets()).toBe(before);
  while (epollSets() === before) await turn();
  eventfd.add();
  expect(await pending).toEqual({ value: 1n });
});

test("timers and immediates go on while it looks", async () => {
  using eventfd = new Eventfd({ busyPoll: Infinity });
  const pending = eventfd.readEvent();
  let ticks = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const interval = setInterval(() => ++ticks === 3 && resolve(), 1);
  await promise;
  clearInterval(interval);
  eventfd.add();
  expect(await pending).toEqual({ value: 1n });
});

test("wait() times out, a signal aborts, and close() ends it while it looks", async () => {
  const controller = new AbortController();
  using eventfd = new Eventfd({ busyPoll: Infinity, signal: controller.signal });
  const late = eventfd.wait({ timeout: 1 });
  expect(await late.catch((error: Error) => error.name)).toBe("TimeoutError");
  const own = new AbortController();
  const left = eventfd.wait({ signal: own.signal });
  own.abort(new Error("enough"));
  expect(await left.catch((error: Error) => error.message)).toBe("enough");
  const pending = eventfd.readEvent();
  controller.abort(new Error("shutting down"));
  expect(await pending.catch((error: Error) => error.message)).toBe("shutting down");
  using other = new Eventfd({ busyPoll: Infinity });
  const closed = other.readEvent();
  other.close();
  expect(await closed.catch((error: Error) => error.name)).toBe("ValueError");
});
