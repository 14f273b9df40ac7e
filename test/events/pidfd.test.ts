/** Pidfd against the running kernel: children, strangers, zombies, and how each ended. */
import { describe, expect, test } from "bun:test";

import { Eventfd, Pidfd, type PidfdEvent } from "bun-butter";
import { close, fd_name, O, pidfd_open, pipe2, POLL, poll } from "bun-butter/syscalls";

import { can, emulated, kernel, slowness } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { Orphan } from "../support/orphan.ts";

/** A kernel that tells how any process ended that was waited for. */
const tells = kernel(6, 15) && !emulated;

/** Whether this process may trace others, so that /proc tells how they ended. */
const traces = can("CAP_SYS_PTRACE");

const exited = (exitCode: number): PidfdEvent => ({ exitCode, signal: undefined });
const killed = (signal: string): PidfdEvent => ({ exitCode: undefined, signal });

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => new Error(`fulfilled with ${Bun.inspect(value)}`),
    (error: unknown) => error,
  );
}

const sleeper = (): Bun.Subprocess => Bun.spawn(["sleep", "1000"]);

/** A process that has exited with 9, and whose parent never waits for it. */
async function zombie(): Promise<Disposable & { readonly pid: number }> {
  const [reader, writer] = pipe2(O.CLOEXEC);
  const script = "sh -c 'read _; exit 9' <&3 & echo $!; exec cat";
  const parent = Bun.spawn(["sh", "-c", script], {
    stdio: ["pipe", "pipe", "inherit", reader],
  });
  close(reader);
  const lines = parent.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const pid = Number((await lines.read()).value);
  // Once there is an answer, the parent is no shell any more, which would wait for it.
  parent.stdin.write("?");
  parent.stdin.flush();
  await lines.read();
  close(writer);
  return { pid, [Symbol.dispose]: () => parent.kill() };
}

describe("a child of this process", () => {
  test.each([0, 1, 7, 255])("exited tells its exit code %d", async (code) => {
    // It ends when its input does, so that it is still there when it is opened.
    await using child = Bun.spawn(["sh", "-c", `read _; exit ${code}`], { stdin: "pipe" });
    using pidfd = new Pidfd(child.pid);
    const end = pidfd.exited;
    child.stdin.end();
    expect(await end).toEqual(tells ? exited(code) : expect.anything());
    expect(await child.exited).toBe(code);
    expect(await pidfd.exited).toBe(await end);
  });

  test("exited tells before Bun has waited for it, and Bun still does", async () => {
    await using child = Bun.spawn(["sh", "-c", "read _; exit 5"], { stdin: "pipe" });
    using pidfd = new Pidfd(child.pid);
    child.stdin.end();
    // The event loop doesn't turn, so nobody waits for it.
    poll([{ fd: pidfd, events: POLL.IN }], -1);
    expect(pidfd.readEventsSync()).toEqual([exited(5)]);
    expect(await pidfd.exited).toEqual(exited(5));
    expect(await child.exited).toBe(5);
  });

  test.each(["SIGTERM", "SIGKILL", "SIGINT", "SIGRTMIN", "SIGRTMIN+3"] as const)(
    "kill(%p) sends it, and exited tells it",
    async (signal) => {
      await using child = sleeper();
      using pidfd = new Pidfd(child.pid);
      expect(pidfd.kill(signal)).toBe(true);
      // Not left to whether Bun has waited for it yet, which older kernels make a difference of.
      poll([{ fd: pidfd, events: POLL.IN }], -1);
      expect(pidfd.readEventsSync()).toEqual([killed(signal)]);
      expect(await pidfd.exited).toEqual(killed(signal));
      await child.exited;
      expect(pidfd.kill()).toBe(false);
    },
  );

  test("kill() takes numbers, 0 asks, and what is no signal is refused", async () => {
    await using child = sleeper();
    using pidfd = new Pidfd(child.pid);
    expect(pidfd.kill(0)).toBe(true);
    expect(() => pidfd.kill("SIGNONE" as "SIGTERM")).toThrow('"SIGNONE" is no signal\'s name');
    expect(() => pidfd.kill("toString" as "SIGTERM")).toThrow(TypeError);
    expect(() => pidfd.kill(65)).toThrow(expect.objectContaining({ code: "EINVAL" }));
    expect(() => pidfd.kill(1.5)).toThrow(RangeError);
    expect(pidfd.kill(9)).toBe(true);
    await pidfd.exited;
    pidfd.close();
    expect(() => pidfd.kill(0)).toThrow("it is closed");
  });
});

describe("a process that is no child", () => {
  // Before, nobody tells once its parent has waited for it, which is soon.
  test.skipIf(!tells)("exited tells what killed it (Linux 6.15)", async () => {
    const orphan = new Orphan();
    using pidfd = new Pidfd(orphan.pid);
    const end = pidfd.exited;
    expect(pidfd.kill("SIGUSR1")).toBe(true);
    expect(await end).toEqual(killed("SIGUSR1"));
  });

  test.skipIf(!traces)(
    "exited tells how a zombie ended that its parent never waits for (CAP_SYS_PTRACE)",
    async () => {
      using process = await zombie();
      using pidfd = new Pidfd(process.pid);
      expect(await pidfd.exited).toEqual(exited(9));
      expect(await pidfd.readEvent()).toEqual(exited(9));
      expect(pidfd.kill(0)).toBe(true);
    },
  );

  test.skipIf(!can("CAP_SYS_ADMIN") || Bun.which("setpriv") === null)(
    "exited tells that it ended, and not how, where the kernel says neither (root, setpriv)",
    async () => {
      using process = await zombie();
      using pidfd = new Pidfd(process.pid);
      await pidfd.exited;
      const index = new URL("../../src/index.ts", import.meta.url).pathname;
      const { stdout, stderr } = Bun.spawnSync([
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        bun,
        "--eval",
        `import { Pidfd } from ${JSON.stringify(index)};
         using pidfd = new Pidfd(${process.pid});
         console.log(await pidfd.exited);`,
      ]);
      expect(`${stdout}${stderr}`).toBe("{\n  exitCode: undefined,\n  signal: undefined,\n}\n");
    },
  );

  test.skipIf(!tells)(
    "exited tells how it ended although it was waited for (Linux 6.15)",
    async () => {
      await using child = Bun.spawn(["sh", "-c", "read _; exit 6"], { stdin: "pipe" });
      using pidfd = new Pidfd(child.pid);
      child.stdin.end();
      await child.exited;
      expect(await pidfd.exited).toEqual(exited(6));
      expect(pidfd.info().exit_code).toBe(6 << 8);
    },
  );
});

describe("new Pidfd()", () => {
  test("names the process that is not there, and opens nothing", async () => {
    const before = descriptorCount();
    const child = Bun.spawn(["true"]);
    await child.exited;
    expect(() => new Pidfd(child.pid)).toThrow(
      expect.objectContaining({ name: "ValueError", code: "ESRCH", path: `${child.pid}` }),
    );
    expect(() => new Pidfd(child.pid)).toThrow(`"${child.pid}"`);
    for (const pid of [0, -1, 1.5, NaN, 2 ** 31]) {
      expect(() => new Pidfd(pid)).toThrow(RangeError);
    }
    expect(() => new Pidfd("1" as unknown as number)).toThrow(TypeError);
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });

  test("takes this process, and init", () => {
    using self = new Pidfd(process.pid);
    expect(self.pid).toBe(process.pid);
    expect(self.kill(0)).toBe(true);
    expect(self.readEventsSync()).toEqual([]);
    using init = new Pidfd(1);
    expect(Bun.inspect(init)).toBe(`Pidfd { fd: ${init.fd}, queued: 0, pid: 1 }`);
  });

  test("adopt() finds out the number, and -1 of one that is gone", async () => {
    await using child = sleeper();
    const [fd, other] = [pidfd_open(child.pid, 0), pidfd_open(child.pid, 0)];
    using pidfd = Pidfd.adopt(fd);
    expect(pidfd.pid).toBe(child.pid);
    pidfd.kill();
    await child.exited;
    using gone = Pidfd.adopt(other);
    expect(gone.pid).toBe(-1);
    expect(await gone.exited).toEqual(tells ? killed("SIGTERM") : expect.anything());
  });

  test.skipIf(!kernel(6, 13) || emulated)("info() tells who it is (Linux 6.13)", async () => {
    await using child = sleeper();
    using pidfd = new Pidfd(child.pid);
    expect(pidfd.info()).toMatchObject({
      pid: child.pid,
      ppid: process.pid,
      euid: process.geteuid?.(),
      egid: process.getegid?.(),
    });
  });

  test.skipIf(!traces)(
    "getfd() takes a descriptor of another process (CAP_SYS_PTRACE)",
    async () => {
      using counter = new Eventfd();
      await using child = Bun.spawn(["sh", "-c", "echo; exec sleep 1000"], {
        stdio: ["ignore", "pipe", "ignore", counter.fd],
      });
      // What it prints says that its descriptors are where they should be.
      await child.stdout.getReader().read();
      using pidfd = new Pidfd(child.pid);
      const fd = pidfd.getfd(3);
      expect(fd_name(fd)).toContain("eventfd");
      using same = Eventfd.adopt(fd);
      same.add(5);
      expect(counter.readEventsSync()).toEqual([{ value: 5n }]);
      expect(() => pidfd.getfd(77)).toThrow(expect.objectContaining({ code: "EBADF", path: "77" }));
      pidfd.kill();
      await child.exited;
      expect(() => pidfd.getfd(0)).toThrow(expect.objectContaining({ code: "ESRCH" }));
    },
  );
});

/** A script with a pidfd of its own. */
const script = (body: string): string => `
  import { Pidfd } from "bun-butter";
  import { Orphan } from "./test/support/orphan.ts";
  const orphan = new Orphan();
  const pidfd = new Pidfd(orphan.pid);
  process.on("exit", () => console.log("exit"));
  ${body}
`;

describe("exited", () => {
  test("is for any number of waiters, and beside a reader", async () => {
    await using child = sleeper();
    using pidfd = new Pidfd(child.pid);
    const waiters = [pidfd.exited, pidfd.exited, pidfd.exited];
    const events: PidfdEvent[] = [];
    const loop = (async () => {
      for await (const event of pidfd) events.push(event);
    })();
    pidfd.kill();
    const ends = await Promise.all(waiters);
    await loop;
    expect(new Set(ends).size).toBe(1);
    expect(events).toEqual([await pidfd.exited]);
  });

  test("waits again after it failed at a limit of descriptors", async () => {
    const code = `
      import { Pidfd } from "bun-butter";
      import { close, dup } from "bun-butter/syscalls";
      const pidfd = new Pidfd(process.ppid);
      const held = [];
      try {
        for (;;) held.push(dup(2));
      } catch {}
      await pidfd.exited.catch(({ code }) => console.log(code));
      for (const fd of held) close(fd);
      pidfd.exited.catch(({ code }) => console.log(code));
      pidfd.close();
    `;
    const limited = ["sh", "-c", 'ulimit -n 64; exec "$0" --eval "$1"', bun, code];
    const { stdout, stderr } = await run(limited);
    expect({ stdout, stderr }).toEqual({ stdout: "EMFILE\nEBADF\n", stderr: "" });
  });

  test("goes on when a wait() beside it is given up", async () => {
    await using child = sleeper();
    using pidfd = new Pidfd(child.pid);
    const end = pidfd.exited;
    expect(await rejection(pidfd.wait({ timeout: 1 }))).toHaveProperty("name", "TimeoutError");
    pidfd.kill("SIGKILL");
    expect(await end).toEqual(tells ? killed("SIGKILL") : expect.anything());
    expect(pidfd.readEventsSync()).toEqual([await end]);
  });

  test("rejects when it is closed first, and stays when it is closed later", async () => {
    await using child = sleeper();
    const pidfd = new Pidfd(child.pid);
    const end = rejection(pidfd.exited);
    pidfd.close();
    const closed = { name: "ValueError", code: "EBADF" };
    expect(await end).toMatchObject(closed);
    expect(await rejection(pidfd.exited)).toMatchObject(closed);
    const unasked = new Pidfd(child.pid);
    unasked.close();
    expect(await rejection(unasked.exited)).toMatchObject(closed);
    const late = new Pidfd(child.pid);
    late.kill();
    const how = await late.exited;
    late.close();
    expect(await late.exited).toBe(how);
  });

  test("rejects with the reason of the signal that closes it", async () => {
    await using child = sleeper();
    const controller = new AbortController();
    using pidfd = new Pidfd(child.pid, { signal: controller.signal });
    const end = rejection(pidfd.exited);
    const reason = new Error("shutting down");
    controller.abort(reason);
    expect(await end).toBe(reason);
  });

  test(
    "resolves of 1,000 pidfds at once, and all descriptors are back",
    async () => {
      const before = descriptorCount();
      const orphans = Array.from({ length: 50 }, () => new Orphan());
      const pidfds = Array.from(
        { length: 1000 },
        (_, at) => new Pidfd(orphans[at % orphans.length]?.pid ?? -1),
      );
      const ends = Promise.all(pidfds.map((pidfd) => pidfd.exited));
      for (const orphan of orphans) orphan.end("SIGTERM");
      // Of one that was waited for meanwhile an older kernel tells nothing.
      const told = tells ? killed("SIGTERM") : expect.anything();
      expect(await ends).toEqual(Array.from({ length: 1000 }, () => told));
      for (const pidfd of pidfds) pidfd.close();
      expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
    },
    20_000 * slowness,
  );

  test("keeps the process alive, unless it is unref'd", async () => {
    const waiting = await runScript(
      script(`
        pidfd.unref().ref();
        pidfd.exited.then(() => console.log("end"));
        setTimeout(() => orphan.end(), 20).unref();
      `),
    );
    expect(waiting.stdout + waiting.stderr).toBe("end\nexit\n");
    const before = await runScript(script("pidfd.unref().exited.then(() => console.log('end'));"));
    expect(before.stdout + before.stderr).toBe("exit\n");
    const after = await runScript(
      script("pidfd.exited.then(() => console.log('end')); setImmediate(() => pidfd.unref());"),
    );
    expect(after.stdout + after.stderr).toBe("exit\n");
  });

  test(
    "resolves although nothing refers to the pidfd any more",
    async () => {
      const { stdout, stderr } = await runScript(`
      import { readdirSync } from "node:fs";
      import { Pidfd } from "bun-butter";
      import { Orphan } from "./test/support/orphan.ts";
      const orphans = Array.from({ length: 20 }, () => new Orphan());
      const ends = orphans.map(({ pid }) => new Pidfd(pid).exited);
      for (let round = 0; round < 10; round++) {
        Bun.gc(true);
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (const orphan of orphans) orphan.end();
      console.log((await Promise.all(ends)).length);
      const open = readdirSync("/proc/self/fd").length;
      const giveUp = Date.now() + ${10_000 * slowness};
      while (readdirSync("/proc/self/fd").length > open - 15 && Date.now() < giveUp) {
        Bun.gc(true);
        await new Promise((resolve) => setImmediate(resolve));
      }
      console.log(readdirSync("/proc/self/fd").length <= open - 15);
    `);
      expect(stdout + stderr).toBe("20\ntrue\n");
    },
    20_000 * slowness,
  );

  test("works in a Worker", async () => {
    const { stdout, stderr } = await runScript(`
      import { Orphan } from "./test/support/orphan.ts";
      const orphan = new Orphan();
      const code = ${JSON.stringify(`
        import { Pidfd } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).pathname)};
        self.onmessage = async ({ data }) => {
          using pidfd = new Pidfd(data);
          postMessage("ready");
          await pidfd.exited;
          postMessage("end");
          self.onmessage = null;
        };
      `)};
      const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
      worker.onmessage = ({ data }) => {
        console.log(data);
        if (data === "ready") orphan.end();
        else worker.onmessage = null;
      };
      worker.onerror = ({ message }) => console.log(message);
      worker.postMessage(orphan.pid);
    `);
    expect(stdout + stderr).toBe("ready\nend\n");
  });
});

test("a pidfd that somebody closed is not taken for the end of its process", async () => {
  await using child = sleeper();
  using pidfd = new Pidfd(child.pid);
  close(pidfd.fd);
  expect(() => pidfd.readEventsSync()).toThrow(expect.objectContaining({ code: "EBADF" }));
  expect(pidfd.closed).toBe(true);
});
