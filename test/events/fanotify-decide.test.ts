/** Accesses that wait for a decision: each is answered, once, whatever the one who decides does. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";

import { Fanotify, type FanotifyEvent, type FanotifyOptions, ValueError } from "bun-butter";
import { dup } from "bun-butter/syscalls";

import { can, emulated, kernel, slowness } from "../support/capabilities.ts";
import { run, runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo, openDescriptors } from "../support/descriptors.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

const able = !emulated && can("CAP_SYS_ADMIN");

let dir: TempDir;
let file: string;

beforeEach(() => {
  dir = tempDir();
  file = dir.at("file");
  writeFileSync(file, "content");
});

afterEach(() => dir[Symbol.dispose]());

/** One that decides on opens of the file. */
function guardOf(options: FanotifyOptions = {}): Fanotify {
  const guard = new Fanotify({ decide: "access", decideTimeout: 60_000, ...options });
  guard.mark(file, "open-perm");
  return guard;
}

/** Another process that reads the file. */
async function cat(path: string = file): Promise<string> {
  const { stdout, stderr, exitCode } = await run(["cat", path]);
  return exitCode === 0 ? stdout : (/: ([^:]+)\n$/.exec(stderr)?.[1] ?? stderr);
}

/** How often this process has a file open. */
const openOf = (path: string): number =>
  [...openDescriptors().values()].filter((name) => name === path).length;

describe.skipIf(!able)("deciding (needs CAP_SYS_ADMIN)", () => {
  test("allow() and deny() decide, once each, and the process sees it", async () => {
    using guard = guardOf();
    for (const [decide, expected] of [
      [(event: FanotifyEvent) => event.allow(), "content"],
      [(event: FanotifyEvent) => event.deny(), "Operation not permitted"],
    ] as const) {
      const result = cat();
      using event = await guard.readEvent();
      expect(event).toMatchObject({ waits: true, verdict: undefined, path: file });
      expect([...event.events]).toEqual(["open-perm"]);
      decide(event);
      expect(event.waits).toBe(false);
      expect(() => event.allow()).toThrow(ValueError);
      expect(() => event.deny()).toThrow("it was decided already");
      expect(await result).toBe(expected);
    }
  });

  test("the content can be read while the access waits, without another one", async () => {
    using guard = guardOf();
    guard.mark(file, "access-perm");
    const result = cat();
    for await (using event of guard) {
      if (event.events.has("access-perm")) {
        expect(await Bun.file(event.fd ?? -1).text()).toBe("content");
        event.allow();
        break;
      }
      expect(() => event.takeFd()).toThrow("allow() or deny() first");
      event.allow();
    }
    // It reads once more, to see the end.
    guard.close();
    expect(await result).toBe("content");
  });

  const kept: FanotifyEvent[] = [];
  const ways: readonly (readonly [name: string, give: (guard: Fanotify) => Promise<unknown>])[] = [
    ["dispose", async (guard) => (await guard.readEvent())[Symbol.dispose]()],
    [
      "break",
      async (guard) => {
        for await (const _ of guard) break;
      },
    ],
    [
      "break out of batches()",
      async (guard) => {
        for await (const _ of guard.batches()) break;
      },
    ],
    [
      "an error in the loop",
      async (guard) => {
        const loop = async (): Promise<void> => {
          for await (const _ of guard) throw new Error("consumer");
        };
        await expect(loop()).rejects.toThrow("consumer");
      },
    ],
    [
      "truncate()",
      async (guard) => {
        let dropped = 0;
        while (dropped === 0) {
          dropped = guard.truncate();
          await new Promise((resolve) => setImmediate(resolve));
        }
      },
    ],
    [
      "close() with the event taken",
      async (guard) => {
        kept.push(await guard.readEvent());
        guard.close();
        expect(() => kept.at(-1)?.deny()).toThrow("so it was allowed");
      },
    ],
    [
      "close() with the event queued",
      async (guard) => {
        while (guard.queued === 0) await new Promise((resolve) => setImmediate(resolve));
        guard.close();
      },
    ],
    [
      "await using",
      async (guard) => {
        await using closing = guard;
        kept.push(await closing.readEvent());
      },
    ],
    [
      "cancelling the stream",
      async (guard) => {
        const reader = guard.stream().getReader();
        kept.push((await reader.read()).value as FanotifyEvent);
        await reader.cancel();
      },
    ],
  ];
  test.each(ways)("an access that nobody decides on is allowed by %s", async (_, give) => {
    // Somebody else holds the group as well, so that closing it answers nothing by itself.
    using guard = guardOf();
    using other = Fanotify.adopt(dup(guard.fd), { decideTimeout: 60_000 });
    // It would read as well; only the first one decides here.
    other.close();
    const result = cat();
    await give(guard);
    expect(await result).toBe("content");
    for (const event of kept.splice(0)) event[Symbol.dispose]();
  });

  test("an aborted signal allows what waits", async () => {
    const controller = new AbortController();
    using guard = guardOf({ signal: controller.signal });
    const result = cat();
    using event = await guard.readEvent();
    controller.abort(new Error("over"));
    expect(event.verdict).toBe("allow");
    expect(await result).toBe("content");
  });

  test("decideTimeout allows what nobody decides on, and a late decision says so", async () => {
    using guard = guardOf({ decideTimeout: 1 });
    const result = cat();
    using event = await guard.readEvent();
    expect(await result).toBe("content");
    expect(event.verdict).toBe("allow");
    expect(() => event.deny()).toThrow("nobody decided within decideTimeout");
  });

  test("decideTimeout holds when nobody reads, and while the loop is busy with another event", async () => {
    using guard = guardOf({ decideTimeout: 1 });
    expect(await cat()).toBe("content");
    for await (using event of guard) {
      expect(event.verdict).toBe("allow");
      expect(await cat()).toBe("content");
      break;
    }
  });

  test("timers go on while accesses come one right after another", async () => {
    using guard = guardOf();
    await using _ = Bun.spawn(["sh", "-c", `while :; do : <"${file}"; done`]);
    let fired = 0;
    const timer = setInterval(() => fired++);
    for await (using event of guard) {
      event.allow();
      // It may fire twice between two accesses.
      if (fired >= 20) break;
    }
    clearInterval(timer);
    expect(fired).toBeGreaterThanOrEqual(20);
  });

  test("this process's own accesses are allowed at once, and not told", async () => {
    using guard = guardOf();
    await using handle = await open(file);
    expect(await handle.readFile("utf8")).toBe("content");
    expect(await Bun.file(file).text()).toBe("content");
    expect(guard.readEventsSync()).toEqual([]);
    using all = guardOf({ own: true });
    await using again = await open(file);
    expect(again.fd).toBeGreaterThan(0);
    expect(all.readEventsSync()).toEqual([]);
  });

  test("an own access that blocks this thread is allowed, and what others do meanwhile is told", async () => {
    using guard = guardOf();
    expect(readFileSync(file, "utf8")).toBe("content");
    const result = cat();
    const events: FanotifyEvent[] = [];
    while (events.length === 0) {
      // The thread is in one of these most of the time, and so is the other process in its own.
      expect(readFileSync(file, "utf8")).toBe("content");
      events.push(...guard.readEventsSync());
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(events).toHaveLength(1);
    using event = events[0];
    event?.deny();
    expect(await result).toBe("Operation not permitted");
    expect(guard.readEventsSync()).toEqual([]);
  });

  test("what came while this thread was busy is told afterwards, or allowed when the source is closed", async () => {
    const before = descriptorCount();
    for (const told of [true, false]) {
      using guard = guardOf();
      const child = Bun.spawn(["cat", file], { stdout: "pipe", stderr: "ignore" });
      // Until another thread has read it, and this one has not.
      while (openOf(file) === 0) readFileSync(file);
      if (told) {
        using event = await guard.readEvent();
        expect(event.pid).toBe(child.pid);
        event.deny();
        expect(await child.exited).toBe(1);
      } else {
        guard.close();
        expect(await child.stdout.text()).toBe("content");
      }
    }
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });

  test("an own access that blocks this thread is allowed with tid as well", () => {
    using guard = guardOf({ tid: true });
    expect(readFileSync(file, "utf8")).toBe("content");
    expect(guard.readEventsSync()).toEqual([]);
  });

  test.skipIf(!kernel(5, 15))(
    "an own access that blocks this thread leaves no pidfd open (Linux 5.15)",
    async () => {
      const before = descriptorCount();
      {
        using guard = guardOf({ pidfd: true });
        for (let n = 0; n < 10; n++) expect(readFileSync(file, "utf8")).toBe("content");
        expect(guard.readEventsSync()).toEqual([]);
      }
      expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
    },
  );

  test("while one access waits others are decided on", async () => {
    using guard = guardOf();
    const first = cat();
    using slow = await guard.readEvent();
    const second = cat();
    using quick = await guard.readEvent();
    quick.deny();
    expect(await second).toBe("Operation not permitted");
    slow.allow();
    expect(await first).toBe("content");
  });

  test("a process that is killed while it waits takes nothing with it", async () => {
    using guard = guardOf();
    const child = Bun.spawn(["cat", file], { stdout: "ignore" });
    using event = await guard.readEvent();
    child.kill("SIGKILL");
    await child.exited;
    event.allow();
    const result = cat();
    using next = await guard.readEvent();
    next.allow();
    expect(await result).toBe("content");
  });

  test("open-exec-perm decides on execution", async () => {
    const program = dir.at("program");
    writeFileSync(program, "#!/bin/sh\necho ran\n", { mode: 0o755 });
    using guard = new Fanotify({ decide: "access" });
    guard.mark(program, "open-exec-perm");
    const spawned = run(["sh", "-c", program]);
    using event = await guard.readEvent();
    expect([...event.events]).toEqual(["open-exec-perm"]);
    event.deny();
    expect((await spawned).exitCode).not.toBe(0);
    // Reading it is no execution.
    expect(await cat(program)).toContain("echo ran");
  });

  test("deny() takes an error only where the kernel does", async () => {
    using guard = guardOf();
    const result = cat();
    using event = await guard.readEvent();
    expect(() => event.deny("EBUSY")).toThrow('need decide: "pre-access"');
    expect(() => event.deny("ENOENT" as "EBUSY")).toThrow(TypeError);
    expect(event.waits).toBe(true);
    event.deny("EPERM");
    expect(await result).toBe("Operation not permitted");
  });

  test.skipIf(!kernel(6, 14))(
    "pre-access tells which part, and denies with an error (Linux 6.14)",
    async () => {
      using guard = new Fanotify({ decide: "pre-access" });
      guard.mark(file, "pre-access");
      const result = cat();
      using event = await guard.readEvent();
      expect([...event.events]).toEqual(["pre-access"]);
      expect(event.range?.offset).toBe(0);
      expect(event.range?.count).toBeGreaterThan(0);
      event.deny("EBUSY");
      expect(await result).toBe("Device or resource busy");
    },
  );

  test("a pending read keeps its source and the process alive, and an unref'd one does not", async () => {
    const { stdout, stderr } = await runScript(`
      import { Fanotify } from "bun-butter";
      const make = () => {
        const guard = new Fanotify({ decide: "access", decideTimeout: 2 ** 31 - 1 });
        guard.mark(${JSON.stringify(file)}, "open-perm");
        return guard;
      };
      const pending = make().readEvent();
      for (let n = 0; n < 20; n++) {
        await new Promise((resolve) => setImmediate(resolve));
        Bun.gc(true);
      }
      process.on("exit", () => console.log("exit"));
      pending.then((event) => {
        console.log([...event.events].join());
        event.allow();
        const next = make();
        next.readEvent();
        next.unref();
      });
      Bun.spawn(["cat", ${JSON.stringify(file)}], { stdout: "ignore" }).unref();
    `);
    expect(stdout + stderr).toBe("open-perm\nexit\n");
  });

  test(
    "a source that is dropped allows what waits, and closes what it had",
    async () => {
      const { stdout, stderr } = await runScript(
        `
      import { readdirSync } from "node:fs";
      import { Fanotify } from "bun-butter";
      const count = () => readdirSync("/proc/self/fd").length;
      const make = () => {
        const guard = new Fanotify({ decide: "access", decideTimeout: 2 ** 31 - 1 });
        guard.mark(${JSON.stringify(file)}, "open-perm");
      };
      const keep = new Fanotify({ decide: "access" });
      const before = count();
      for (let n = 0; n < 20; n++) make();
      const child = Bun.spawn(["cat", ${JSON.stringify(file)}]);
      const giveUp = Date.now() + ${20_000 * slowness};
      let ended = false;
      child.exited.then(() => (ended = true));
      while ((!ended || count() > before + 5) && Date.now() < giveUp) {
        await new Promise((resolve) => setImmediate(resolve));
        Bun.gc(true);
      }
      console.log(await child.stdout.text(), count() <= before + 5);
      keep.close();
    `,
        { timeout: 40_000 * slowness },
      );
      expect(stdout + stderr).toBe("content true\n");
    },
    45_000 * slowness,
  );

  test("no descriptor is left by any of it", async () => {
    const before = descriptorCount();
    for (const [, give] of ways) {
      using guard = guardOf();
      const result = cat();
      await give(guard);
      await result;
      for (const event of kept.splice(0)) event[Symbol.dispose]();
    }
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });
});
