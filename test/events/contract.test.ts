/** What holds for every source of events. */
import { describe, expect, test } from "bun:test";

import { OSError, ValueError } from "bun-butter";
import { close, dup } from "bun-butter/syscalls";

import { slowness } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { sources } from "../support/sources.ts";

const here = sources.filter(({ skip }) => skip === undefined);
const loud = here.filter(({ silent = false }) => !silent);

/** More than Bun's own threads open meanwhile, so that a descriptor that is left in each round shows. */
const ROUNDS = 30;

/** A turn of the event loop, for what must not happen in it. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => new Error(`fulfilled with ${Bun.inspect(value)}`),
    (error: unknown) => error,
  );
}

describe.each(here)("$name without an event", ({ name, open }) => {
  test("wait() takes no wrong options", async () => {
    using fixture = open();
    expect(await rejection(fixture.source.wait({ timeout: -1 }))).toBeInstanceOf(RangeError);
    expect(await rejection(fixture.source.wait({ timeout: NaN }))).toBeInstanceOf(RangeError);
    expect(
      await rejection(fixture.source.wait({ timeout: "1" as unknown as number })),
    ).toBeInstanceOf(TypeError);
    expect(fixture.source.locked).toBe(false);
  });

  test("stream() ends when the source is closed", async () => {
    using fixture = open();
    const reader = fixture.source.stream().getReader();
    const pending = reader.read();
    fixture.source.close();
    expect((await pending).done).toBe(true);
    using other = open();
    const idle = other.source.stream().getReader();
    other.source.close();
    expect(await idle.closed).toBeUndefined();
  });

  test("stream() fails with the signal's reason", async () => {
    const controller = new AbortController();
    using fixture = open({ signal: controller.signal });
    const reader = fixture.source.stream().getReader();
    const reason = new Error("shutting down");
    const pending = rejection(reader.read());
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(await rejection(reader.closed)).toBe(reason);
  });

  test("close() twice is nothing, and what comes after it says that it is closed", async () => {
    using fixture = open();
    const { source } = fixture;
    expect(source.closed).toBe(false);
    expect(source.fileno()).toBe(source.fd);
    source.close();
    source.close();
    source[Symbol.dispose]();
    await source[Symbol.asyncDispose]();
    expect(source.closed).toBe(true);
    expect(source.fd).toBe(-1);
    for (const use of [
      () => source.fileno(),
      () => source.readEventsSync(),
      () => source.truncate(),
      () => source.stream(),
    ]) {
      expect(use).toThrow("it is closed");
    }
    expect(await rejection(source.readEvent())).toMatchObject({ code: "EBADF" });
    for await (const _ of source) expect.unreachable();
  });

  test("close() ends a pending read", async () => {
    using fixture = open();
    const pending = rejection(fixture.source.readEvent());
    await turn();
    fixture.source.close();
    expect(await pending).toMatchObject({ name: "ValueError", code: "EBADF" });
  });

  test("return() of a loop ends its pending step", async () => {
    using fixture = open();
    const loop = fixture.source[Symbol.asyncIterator]();
    const step = loop.next();
    expect(await loop.return?.()).toEqual({ done: true, value: undefined });
    expect(await step).toEqual({ done: true, value: undefined });
    expect(fixture.source.locked).toBe(false);
  });

  test("close() ends a pending loop", async () => {
    using fixture = open();
    setImmediate(() => fixture.source.close());
    for await (const _ of fixture.source) expect.unreachable();
  });

  test("the signal of its options closes it with its reason", async () => {
    const controller = new AbortController();
    using fixture = open({ signal: controller.signal });
    const pending = rejection(fixture.source.readEvent());
    const reason = new Error("shutting down");
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(fixture.source.closed).toBe(true);
  });

  test("an aborted signal opens nothing", async () => {
    const before = descriptorCount();
    const reason = new Error("too late");
    for (let round = 0; round < ROUNDS; round++) {
      expect(() => open({ signal: AbortSignal.abort(reason) })).toThrow(reason);
    }
    expect(await descriptorsBackTo(before)).toBeLessThan(before + ROUNDS);
  });

  test.each(["latency", "busyPoll"])("%s that is no time opens nothing", async (option) => {
    const before = descriptorCount();
    for (let round = 0; round < ROUNDS; round++) {
      expect(() => open({ [option]: -1 })).toThrow(RangeError);
      expect(() => open({ [option]: NaN })).toThrow(RangeError);
      expect(() => open({ [option]: "1" as unknown as number })).toThrow(TypeError);
    }
    expect(await descriptorsBackTo(before)).toBeLessThan(before + ROUNDS);
  });

  // The thread that rings for it is starting, and may get the number.
  const threaded = name === "Pressure" && process.env["BUTTER_TEST_WITHOUT_AIO"] === "1";
  const why = threaded ? " (needs asynchronous I/O)" : "";
  test.skipIf(threaded)(
    `a source of a descriptor that was closed behind its back fails with EBADF, and closes${why}`,
    async () => {
      using fixture = open();
      close(fixture.source.fd);
      expect(await rejection(fixture.source.readEvent())).toMatchObject({ code: "EBADF" });
      expect(fixture.source.closed).toBe(true);
    },
  );

  test("it prints its name, its descriptor and its state", () => {
    using fixture = open();
    expect(Bun.inspect(fixture.source)).toStartWith(`${name} {`);
    expect(Bun.inspect(fixture.source)).toContain(`fd: ${fixture.source.fd}`);
    fixture.source.close();
    expect(Bun.inspect(fixture.source)).toBe(`${name} { closed }`);
    expect(Object.prototype.toString.call(fixture.source)).toBe(`[object ${name}]`);
  });

  test("unref() and ref() are remembered, and chain", () => {
    using fixture = open();
    expect(fixture.source.hasRef()).toBe(true);
    expect(fixture.source.unref().hasRef()).toBe(false);
    expect(fixture.source.ref().hasRef()).toBe(true);
  });
});

describe.each(loud)("$name", ({ name, distinct, once = false, open, adopt }) => {
  test("readEvent() waits for an event", async () => {
    using fixture = open();
    const pending = fixture.source.readEvent();
    await turn();
    expect(fixture.source.locked).toBe(true);
    fixture.fire();
    expect(await pending).toBeDefined();
    expect(fixture.source.locked).toBe(false);
  });

  test("readEvent() takes an event that was there before", async () => {
    using fixture = open();
    fixture.fire();
    expect(await fixture.source.readEvent()).toBeDefined();
  });

  test("readEvents() takes all that are there, and never none", async () => {
    using fixture = open();
    const pending = fixture.source.readEvents();
    fixture.fire();
    fixture.fire();
    const events = await pending;
    expect(events.length + fixture.source.readEventsSync().length).toBe(distinct ? 2 : 1);
    expect(events.length).toBeGreaterThan(0);
  });

  test("readEventsSync() is empty when nothing is there", () => {
    using fixture = open();
    expect(fixture.source.readEventsSync()).toEqual([]);
    fixture.fire();
    expect(fixture.source.readEventsSync()).toHaveLength(1);
    expect(fixture.source.readEventsSync()).toEqual([]);
  });

  test("wait() rejects with a TimeoutError, and the next event is not lost", async () => {
    using fixture = open();
    const error = await rejection(fixture.source.wait({ timeout: 1 }));
    expect(error).toBeInstanceOf(DOMException);
    expect(error).toHaveProperty("name", "TimeoutError");
    expect(`${error}`).toContain(`wait() on ${name}`);
    fixture.fire();
    expect(await fixture.source.wait({ timeout: 30_000 * slowness })).toBeDefined();
  });

  test("wait() with timeout 0 takes what is there", async () => {
    using fixture = open();
    expect(await rejection(fixture.source.wait({ timeout: 0 }))).toHaveProperty(
      "name",
      "TimeoutError",
    );
    fixture.fire();
    expect(await fixture.source.wait({ timeout: 0 })).toBeDefined();
  });

  test("wait() rejects with the signal's reason, and the next event is not lost", async () => {
    using fixture = open();
    const controller = new AbortController();
    const pending = rejection(fixture.source.wait({ signal: controller.signal }));
    const reason = new Error("no longer wanted");
    controller.abort(reason);
    expect(await pending).toBe(reason);
    expect(await rejection(fixture.source.wait({ signal: controller.signal }))).toBe(reason);
    fixture.fire();
    expect(await fixture.source.readEvent()).toBeDefined();
  });

  test("for await takes one event after another, and break releases without closing", async () => {
    using fixture = open();
    for (let round = 0; round < (once ? 1 : 3); round++) {
      fixture.fire();
      for await (const event of fixture.source) {
        expect(event).toBeDefined();
        expect(fixture.source.locked).toBe(true);
        break;
      }
      expect(fixture.source.locked).toBe(false);
      expect(fixture.source.closed).toBe(false);
    }
  });

  test("for await ends when the source is closed inside its own loop", async () => {
    using fixture = open();
    fixture.fire();
    fixture.fire();
    let seen = 0;
    for await (const _ of fixture.source) {
      seen++;
      fixture.source.close();
    }
    expect(seen).toBe(1);
  });

  test("batches() gives arrays that are never empty", async () => {
    using fixture = open();
    fixture.fire();
    for await (const batch of fixture.source.batches()) {
      expect(batch.length).toBeGreaterThan(0);
      break;
    }
  });

  test("stream() gives the events, and cancelling it closes the source", async () => {
    using fixture = open();
    const stream = fixture.source.stream();
    expect(fixture.source.locked).toBe(true);
    const reader = stream.getReader();
    fixture.fire();
    expect((await reader.read()).done).toBe(false);
    await reader.cancel();
    expect(fixture.source.closed).toBe(true);
  });

  test("stream() takes no event before it is asked for one", async () => {
    using fixture = open();
    fixture.fire();
    const stream = fixture.source.stream();
    await turn();
    await turn();
    expect(fixture.source.queued).toBe(0);
    const reader = stream.getReader();
    expect((await reader.read()).done).toBe(false);
  });

  test("a second reader is told that there is a first one", async () => {
    using fixture = open();
    const { source } = fixture;
    const first = source.readEvent();
    const busy = { code: "EBUSY", syscall: "readEvents()" };
    expect(await rejection(source.readEvents())).toMatchObject(busy);
    expect(await rejection(source[Symbol.asyncIterator]().next())).toBeInstanceOf(ValueError);
    expect(() => source.readEventsSync()).toThrow("readEvent() reads it already");
    expect(() => source.stream()).toThrow(ValueError);
    fixture.fire();
    expect(await first).toBeDefined();
  });

  test("the signal of its options ends a loop with its reason, in the loop's own body as well", async () => {
    const controller = new AbortController();
    using fixture = open({ signal: controller.signal });
    const reason = new Error("shutting down");
    fixture.fire();
    const loop = async (): Promise<void> => {
      for await (const _ of fixture.source) controller.abort(reason);
    };
    expect(await rejection(loop())).toBe(reason);
  });

  test.each([{ latency: 0 }, { busyPoll: 1e-3 }, { busyPoll: Infinity }])(
    "%j loses nothing, whether somebody waits already or not",
    async (options) => {
      using fixture = open(options);
      for (let round = 0; round < (once ? 1 : 20); round++) {
        const pending = round % 2 === 0 ? undefined : fixture.source.readEvent();
        for (let turns = round % 3; turns > 0; turns--) await turn();
        fixture.fire();
        expect(await (pending ?? fixture.source.readEvent())).toBeDefined();
      }
    },
  );

  test("truncate() drops what is there", async () => {
    using fixture = open();
    fixture.fire();
    fixture.fire();
    expect(fixture.source.truncate()).toBe(distinct ? 2 : 1);
    expect(fixture.source.queued).toBe(0);
    expect(fixture.source.readEventsSync()).toEqual([]);
    if (!once) {
      fixture.fire();
      expect(await fixture.source.readEvent()).toBeDefined();
    }
  });

  test("using closes it, and all descriptors are back", async () => {
    const before = descriptorCount();
    {
      using fixture = open();
      fixture.fire();
      await fixture.source.readEvent();
    }
    {
      using fixture = open();
      await using source = fixture.source;
      setImmediate(() => fixture.fire());
      for await (const _ of source) break;
    }
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });

  test.if(adopt !== undefined)("adopt() owns the descriptor", async () => {
    using fixture = open();
    using source = adopt?.(dup(fixture.source.fd)) ?? fixture.source;
    const { fd } = source;
    expect(fd).not.toBe(fixture.source.fd);
    fixture.fire();
    expect(await source.readEvent()).toBeDefined();
    source.close();
    expect(() => close(fd)).toThrow(ValueError);
  });

  test.if(adopt !== undefined)("adopt() refuses what is not its kind, and leaves it open", () => {
    const fd = dup(2);
    try {
      expect(() => adopt?.(fd)).toThrow(OSError);
      expect(() => adopt?.(-1)).toThrow(ValueError);
    } finally {
      close(fd);
    }
  });

  test.if(adopt !== undefined)("adopt() refuses what a source owns already", () => {
    using fixture = open();
    const { fd } = fixture.source;
    expect(() => adopt?.(fd)).toThrow("EBUSY");
    fixture.source.close();
    expect(() => adopt?.(fd)).toThrow("EBADF");
  });
});

describe.each(loud.filter(({ once = false }) => once))("$name, which has one event", ({ open }) => {
  test("its first event is its last: loops and streams end, reads say so", async () => {
    using fixture = open();
    const { source } = fixture;
    let seen = 0;
    setImmediate(() => fixture.fire());
    for await (const _ of source) seen++;
    expect(seen).toBe(1);
    expect({ closed: source.closed, locked: source.locked }).toEqual({
      closed: false,
      locked: false,
    });
    for await (const _ of source) expect.unreachable();
    expect(await rejection(source.readEvent())).toMatchObject({ code: "ENODATA" });
    expect(source.readEventsSync()).toEqual([]);
    expect(await source.stream().getReader().read()).toEqual({ done: true, value: undefined });
    expect(source.locked).toBe(false);
  });
});

describe.each(loud)("$name in a process of its own", ({ name }) => {
  const script = (body: string): string => `
    import { sources } from "./test/support/sources.ts";
    const { open } = sources.find(({ name }) => name === ${JSON.stringify(name)});
    ${body}
  `;

  test("a pending read keeps the process alive, and an unref'd one does not", async () => {
    const waiting = await runScript(
      script(`
        const { source, fire } = open();
        source.unref();
        source.readEvent().then(() => console.log("event"));
        source.ref();
        setTimeout(fire, 20).unref();
        process.on("exit", () => console.log("exit"));
      `),
    );
    expect(waiting.stdout).toBe("event\nexit\n");
    const leaving = await runScript(
      script(`
        const { source } = open();
        source.readEvent();
        setImmediate(() => source.unref());
        process.on("exit", () => console.log("exit"));
      `),
    );
    expect(leaving).toMatchObject({ stdout: "exit\n", exitCode: 0 });
  });

  test("nor does an unref'd one that never sleeps, and a pending one does", async () => {
    const { stdout, exitCode } = await runScript(
      script(`
        const { source, fire } = open({ busyPoll: Infinity });
        let turns = 0;
        const count = () => (++turns < 100 ? setImmediate(count).unref() : fire());
        count();
        await source.readEvent();
        console.log("event");
        source.unref();
        open({ busyPoll: Infinity }).source.unref().readEvent();
        process.on("exit", () => console.log("exit"));
      `),
    );
    expect({ stdout, exitCode }).toEqual({ stdout: "event\nexit\n", exitCode: 0 });
  });

  test("an unref'd source still delivers", async () => {
    const { stdout } = await runScript(
      script(`
        const { source, fire } = open();
        source.unref();
        const pending = source.readEvent();
        const alive = setInterval(() => {}, 1000);
        fire();
        await pending;
        clearInterval(alive);
        console.log("event");
      `),
    );
    expect(stdout).toBe("event\n");
  });

  test("a source that nobody reads does not keep the process alive", async () => {
    const { stdout, exitCode } = await runScript(
      script(`
        const { source, fire } = open();
        fire();
        await source.readEvent();
        fire();
        console.log("end");
      `),
    );
    expect({ stdout, exitCode }).toEqual({ stdout: "end\n", exitCode: 0 });
  });

  test(
    "a dropped source is closed by the collector, and a waited-for one is not",
    async () => {
      const { stdout, stderr } = await runScript(
        script(`
        import { readdirSync } from "node:fs";
        const count = () => readdirSync("/proc/self/fd").length;
        const fixture = open();
        const pending = fixture.source.readEvent();
        const before = count();
        const stray = [];
        (() => { for (let n = 0; n < 50; n++) stray.push(new WeakRef(open().source)); })();
        const most = count();
        const giveUp = Date.now() + ${20_000 * slowness};
        while (count() > before + 25 && Date.now() < giveUp) {
          await new Promise((resolve) => setImmediate(resolve));
          Bun.gc(true);
        }
        console.log(most >= before + 50, count() <= before + 25);
        fixture.fire();
        await pending;
        console.log("still delivers");
        process.exit();
      `),
        { timeout: 40_000 * slowness },
      );
      expect(stdout + stderr).toBe("true true\nstill delivers\n");
    },
    45_000 * slowness,
  );

  test("it works in a Worker, beside one in the main thread", async () => {
    const { stdout, stderr } = await runScript(
      script(`
        import { isMainThread } from "node:worker_threads";
        const { source, fire } = open();
        const code = ${JSON.stringify(`
          import { sources } from "${new URL("../support/sources.ts", import.meta.url).pathname}";
          const { open } = sources.find(({ name }) => name === "${name}");
          using fixture = open();
          const pending = fixture.source.readEvent();
          fixture.fire();
          await pending;
          postMessage("worker event");
        `)};
        const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
        const message = await new Promise((resolve, reject) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = reject;
        });
        console.log(message);
        const pending = source.readEvent();
        fire();
        await pending;
        console.log("main event");
        process.exit();
      `),
    );
    expect(stdout + stderr).toBe("worker event\nmain event\n");
  });
});
