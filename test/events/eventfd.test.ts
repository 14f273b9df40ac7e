/** Eventfd against the running kernel: counting, semaphores, Workers and processes. */
import { describe, expect, test } from "bun:test";

import { Eventfd, Pidfd, poll } from "bun-butter";
import { dup, EFD, eventfd, F, fcntl, FD, fd_info, O } from "bun-butter/syscalls";

import { can, kernel } from "../support/capabilities.ts";
import { bun, runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";

const MOST = 2n ** 64n - 2n;

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => new Error(`fulfilled with ${Bun.inspect(value)}`),
    (error: unknown) => error,
  );
}

/** What the kernel has in a counter, without taking it. */
const left = (counter: Eventfd): bigint => BigInt(`0x${fd_info(counter, "eventfd-count")}`);

describe("a counter", () => {
  test("what is added while nobody reads adds up to one event", async () => {
    using counter = new Eventfd({ initial: 2 });
    counter.add();
    counter.add(40);
    counter.add(2n ** 60n);
    expect(await counter.readEvent()).toEqual({ value: 2n ** 60n + 43n });
    expect(counter.readEventsSync()).toEqual([]);
  });

  test("initial takes 0 to 2^32 - 1, as number or bigint", () => {
    for (const initial of [1, 1n, 2 ** 32 - 1, 2n ** 32n - 1n]) {
      using counter = new Eventfd({ initial });
      expect(counter.readEventsSync()).toEqual([{ value: BigInt(initial) }]);
    }
    const before = descriptorCount();
    for (const initial of [-1, 2 ** 32, 2n ** 32n, 0.5, NaN]) {
      expect(() => new Eventfd({ initial })).toThrow(RangeError);
    }
    expect(() => new Eventfd({ initial: "1" as unknown as number })).toThrow(TypeError);
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });

  test("semaphore is a boolean", () => {
    expect(() => new Eventfd({ semaphore: 1 as unknown as boolean })).toThrow(
      "Cannot take semaphore: expected a boolean, got 1",
    );
  });

  test("add(0) is legal, and wakes nobody", async () => {
    using counter = new Eventfd();
    counter.add(0);
    counter.add(0n);
    expect(counter.readEventsSync()).toEqual([]);
  });

  test("add() refuses 2^64 - 1 and what is no count, before the kernel is asked", () => {
    using counter = new Eventfd();
    for (const n of [2n ** 64n - 1n, 2n ** 64n, -1, -1n, 0.5, 2 ** 53, NaN]) {
      expect(() => counter.add(n)).toThrow(RangeError);
    }
    expect(() => counter.add("1" as unknown as number)).toThrow(TypeError);
    expect(counter.readEventsSync()).toEqual([]);
  });

  test("add() to a full counter throws and adds nothing; poll() tells when there is room", async () => {
    using counter = new Eventfd();
    counter.add(MOST);
    expect(() => counter.add(1)).toThrow(
      expect.objectContaining({
        code: "EAGAIN",
        message: expect.stringContaining("at most 2^64 - 2"),
      }),
    );
    const room = poll(counter, "out");
    expect(await counter.readEvent()).toEqual({ value: MOST });
    expect(await room).toEqual(new Set(["out"]));
    counter.add(1);
    expect(counter.readEventsSync()).toEqual([{ value: 1n }]);
  });

  test("poll() for room is possible beside a reader of the same counter", async () => {
    using counter = new Eventfd();
    const pending = counter.readEvent();
    expect(await poll(counter, "out")).toEqual(new Set(["out"]));
    counter.add(5);
    expect(await pending).toEqual({ value: 5n });
  });

  test("its descriptor is closed by execve, and does not block", () => {
    using counter = new Eventfd();
    expect(fcntl(counter, F.GETFD) & FD.CLOEXEC).toBe(FD.CLOEXEC);
    expect(fcntl(counter, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
  });

  test("a closed one adds nothing", () => {
    const counter = new Eventfd();
    counter.close();
    expect(() => counter.add()).toThrow("it is closed");
  });

  test("close() ends a poll() of its descriptor, which was never read", async () => {
    const counter = new Eventfd();
    const pending = rejection(poll(counter, "in"));
    counter.close();
    expect(await pending).toMatchObject({ code: "EBADF" });
  });

  test("descriptor 0 is one as any other", async () => {
    const { stdout, stderr } = await runScript(`
      import { Eventfd } from "bun-butter";
      import { close } from "bun-butter/syscalls";
      close(0);
      using counter = new Eventfd();
      counter.add(3);
      console.log(counter.fd, counter.closed, (await counter.readEvent()).value);
    `);
    expect(stdout + stderr).toBe("0 false 3n\n");
  });
});

describe("a semaphore", () => {
  test("readEventsSync() and truncate() take 65,536 at once at most, whatever it has", () => {
    using counter = new Eventfd({ semaphore: true });
    counter.add(MOST);
    expect(counter.readEventsSync()).toHaveLength(65_536);
    expect(counter.truncate()).toBe(65_536);
  });

  test("each event is one token, and the rest stays in the kernel", async () => {
    using counter = new Eventfd({ semaphore: true, initial: 10 });
    expect(await counter.readEvent()).toEqual({ value: 1n });
    expect(left(counter)).toBe(9n);
    expect(await counter.wait({ timeout: 0 })).toEqual({ value: 1n });
    expect(left(counter)).toBe(8n);
    for await (const event of counter) {
      expect(event).toEqual({ value: 1n });
      break;
    }
    expect(left(counter)).toBe(7n);
    for await (const events of counter.batches()) {
      expect(events).toEqual([{ value: 1n }]);
      break;
    }
    expect(left(counter)).toBe(6n);
    const reader = counter.stream().getReader();
    expect(await reader.read()).toEqual({ done: false, value: { value: 1n } });
    expect(left(counter)).toBe(5n);
    expect(counter.queued).toBe(0);
  });

  test("a pending read takes one of several that come at once", async () => {
    using counter = new Eventfd({ semaphore: true });
    const pending = counter.readEvent();
    counter.add(3);
    expect(await pending).toEqual({ value: 1n });
    expect(left(counter)).toBe(2n);
  });

  test("a wait that is given up takes none", async () => {
    using counter = new Eventfd({ semaphore: true });
    expect(await rejection(counter.wait({ timeout: 1 }))).toHaveProperty("name", "TimeoutError");
    const controller = new AbortController();
    const aborted = rejection(counter.wait({ signal: controller.signal }));
    counter.add();
    controller.abort(new Error("no longer wanted"));
    expect(await aborted).toHaveProperty("message", "no longer wanted");
    expect(left(counter)).toBe(1n);
  });

  test("readEventsSync() and readEvents() take all that are there", async () => {
    using counter = new Eventfd({ semaphore: true, initial: 3 });
    expect(counter.readEventsSync()).toHaveLength(3);
    counter.add(4);
    expect(await counter.readEvents()).toHaveLength(4);
    counter.add(2);
    expect(counter.truncate()).toBe(2);
    expect(counter.readEventsSync()).toEqual([]);
  });

  test("two readers share the tokens out, and none is taken twice", async () => {
    using first = new Eventfd({ semaphore: true });
    using second = Eventfd.adopt(dup(first));
    const taken = [0, 0];
    const loops = [first, second].map(async (counter, who) => {
      for await (const _ of counter) taken[who] = (taken[who] ?? 0) + 1;
    });
    first.add(200);
    for (let tries = 0; left(first) > 0n && tries < 100_000; tries++)
      await new Promise((resolve) => setImmediate(resolve));
    first.close();
    second.close();
    await Promise.all(loops);
    expect((taken[0] ?? 0) + (taken[1] ?? 0)).toBe(200);
  });
});

describe("adopt()", () => {
  test("keeps what was added before, and makes it non-blocking and close-on-exec", () => {
    using counter = Eventfd.adopt(eventfd(7, 0));
    expect(fcntl(counter, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
    expect(fcntl(counter, F.GETFD) & FD.CLOEXEC).toBe(FD.CLOEXEC);
    expect(counter.readEventsSync()).toEqual([{ value: 7n }]);
  });

  test.skipIf(!kernel(6, 5))("knows a semaphore (Linux 6.5)", () => {
    using semaphore = Eventfd.adopt(eventfd(2, EFD.SEMAPHORE));
    expect(semaphore.semaphore).toBe(true);
    expect(semaphore.readEventsSync()).toHaveLength(2);
    using counter = Eventfd.adopt(eventfd(2, 0));
    expect(counter.semaphore).toBe(false);
  });
});

/** A Worker that takes tokens of the counter it is sent, until it is told to stop, and tells how many. */
const taker = `
  import { Eventfd } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).pathname)};
  self.onmessage = async ({ data }) => {
    const counter = Eventfd.adopt(data);
    self.onmessage = () => counter.close();
    postMessage("ready");
    let taken = 0;
    for await (const { value } of counter) taken += Number(value);
    self.onmessage = null;
    postMessage(taken);
  };
`;

function message(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }) => resolve(data), { once: true });
    worker.addEventListener("error", ({ message: why }) => reject(new Error(why)), { once: true });
  });
}

describe.each([false, true])("across Workers, semaphore: %p", (semaphore) => {
  test("nothing is lost, and nothing taken twice", async () => {
    using counter = new Eventfd({ semaphore });
    const url = URL.createObjectURL(new Blob([taker], { type: "text/javascript" }));
    const workers = [new Worker(url), new Worker(url)];
    await Promise.all(
      workers.map(async (worker) => {
        const ready = message(worker);
        worker.postMessage(dup(counter));
        expect(await ready).toBe("ready");
      }),
    );
    URL.revokeObjectURL(url);
    for (let n = 0; n < 500; n++) counter.add(2);
    while (left(counter) > 0n) await new Promise((resolve) => setImmediate(resolve));
    const taken = await Promise.all(
      workers.map((worker) => {
        const told = message(worker);
        worker.postMessage("stop");
        return told;
      }),
    );
    expect(taken.map(Number).reduce((sum, one) => sum + one)).toBe(1000);
  });
});

describe("across processes", () => {
  const child = `
    import { Eventfd } from "bun-butter";
    using asked = Eventfd.adopt(3);
    using answered = Eventfd.adopt(4);
    const { value } = await asked.readEvent();
    answered.add(value * 2n);
  `;

  test("a child gets it through stdio", async () => {
    const before = descriptorCount();
    {
      using asked = new Eventfd();
      using answered = new Eventfd();
      await using process = Bun.spawn([bun, "--eval", child], {
        cwd: new URL("../..", import.meta.url).pathname,
        stdio: ["ignore", "inherit", "inherit", asked.fd, answered.fd],
      });
      asked.add(21);
      expect(await answered.readEvent()).toEqual({ value: 42n });
      expect(await process.exited).toBe(0);
      // They are still this process's own.
      asked.add(1);
      expect(asked.readEventsSync()).toEqual([{ value: 1n }]);
    }
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });

  test.skipIf(!can("CAP_SYS_PTRACE"))(
    "a parent takes it out of a child with a pidfd (CAP_SYS_PTRACE)",
    async () => {
      await using process = Bun.spawn(
        [
          bun,
          "--eval",
          `
          import { Eventfd } from "bun-butter";
          using counter = new Eventfd();
          console.log(counter.fd);
          console.log((await counter.readEvent()).value);
        `,
        ],
        { cwd: new URL("../..", import.meta.url).pathname, stdout: "pipe" },
      );
      const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
      using pidfd = new Pidfd(process.pid);
      using counter = Eventfd.adopt(pidfd.getfd(Number((await lines.read()).value)));
      counter.add(99);
      expect((await lines.read()).value).toBe("99n\n");
      expect(await pidfd.exited).toMatchObject({ signal: undefined });
    },
  );
});
