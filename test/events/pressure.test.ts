/** Pressure against the running kernel, with processes that really wait for a processor. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism } from "node:os";

import { poll, Pressure, type PressureEvent } from "bun-butter";

import { can, emulated, kernel, slowness } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";

const root = new URL("../..", import.meta.url).pathname;
const psi = existsSync("/proc/pressure/cpu");
const triggers = psi && (kernel(6, 4) || can("CAP_SYS_RESOURCE"));
const why = "needs pressure stall information, and Linux 6.4 or CAP_SYS_RESOURCE";

/** Where cgroups of version 2 are, if this process may make some there. */
const cgroups = ((): string | undefined => {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const path = mounts.find((line) => / - cgroup2 /.test(line))?.split(" ")[4];
  if (path === undefined || !triggers) return undefined;
  try {
    const made = mkdtempSync(`${path}/butter-`);
    const has = existsSync(`${made}/cpu.pressure`);
    rmdirSync(made);
    return has ? path : undefined;
  } catch {
    return undefined;
  }
})();

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => new Error(`fulfilled with ${Bun.inspect(value)}`),
    (error: unknown) => error,
  );
}

describe.skipIf(!psi)("Pressure.read() (needs pressure stall information)", () => {
  test.each(["cpu", "memory", "io"] as const)("tells what the file of %s says", (resource) => {
    const { some, full } = Pressure.read(resource);
    const text = readFileSync(`/proc/pressure/${resource}`, "utf8");
    for (const averages of [some, full ?? some]) {
      expect(Object.keys(averages)).toEqual(["avg10", "avg60", "avg300", "total"]);
      for (const average of [averages.avg10, averages.avg60, averages.avg300])
        expect(average).toBeWithin(0, 100.01);
    }
    // Microseconds there, milliseconds here; time goes on between the two looks.
    const total = Number(/^some .* total=(\d+)$/m.exec(text)?.[1]) / 1000;
    expect(some.total).toBeGreaterThan(0.99 * total - 10_000);
    expect(some.total).toBeLessThanOrEqual(total);
  });

  test("leaves no descriptor, and knows no other resource and no other cgroup", () => {
    const before = descriptorCount();
    Pressure.read("io");
    expect(() => Pressure.read("disk" as "io")).toThrow(
      new TypeError('Cannot take resource: "disk" is none of cpu, memory, io'),
    );
    expect(() => Pressure.read("io", { cgroup: "/tmp" })).toThrow(
      expect.objectContaining({
        name: "ValueError",
        code: "ENOENT",
        path: "/tmp/io.pressure",
        message: expect.stringContaining("no such cgroup"),
      }),
    );
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });
});

describe.skipIf(!triggers)(`new Pressure() (${why})`, () => {
  test("refuses times that no kernel takes, before it is asked, and opens nothing", () => {
    const before = descriptorCount();
    for (const options of [
      { window: 10_001 },
      { window: 0 },
      { window: NaN },
      { stall: 0 },
      { stall: -1 },
      { stall: 2001 },
      { stall: 4001, window: 4000 },
    ]) {
      expect(() => new Pressure("cpu", options)).toThrow(RangeError);
    }
    expect(() => new Pressure("cpu", { stall: "1" as unknown as number })).toThrow(TypeError);
    expect(() => new Pressure("cpu", { full: "yes" as unknown as boolean })).toThrow(TypeError);
    expect(() => new Pressure("cpu", { cgroup: "/tmp" })).toThrow("no such cgroup");
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });

  test.skipIf(can("CAP_SYS_RESOURCE"))(
    "explains which windows need CAP_SYS_RESOURCE, and opens nothing (without it)",
    () => {
      const before = descriptorCount();
      expect(() => new Pressure("cpu", { window: 1000 })).toThrow(
        expect.objectContaining({
          name: "ValueError",
          code: "EINVAL",
          path: "/proc/pressure/cpu",
          message: expect.stringContaining(
            "without CAP_SYS_RESOURCE the window is a multiple of 2 s, and 1000 ms are none",
          ),
        }),
      );
      expect(descriptorCount()).toBeLessThanOrEqual(before);
    },
  );

  test.skipIf(!can("CAP_SYS_RESOURCE"))("takes any window with CAP_SYS_RESOURCE", () => {
    using pressure = new Pressure("cpu", { window: 700, stall: 700 });
    expect(pressure.window).toBe(700);
  });

  test.each(["cpu", "memory", "io"] as const)("watches %s, some and full", (resource) => {
    const hasFull = resource !== "cpu" || kernel(5, 13);
    for (const full of hasFull ? [false, true] : [false]) {
      using pressure = new Pressure(resource, { full, window: 10_000, stall: 10_000 });
      const { kind, stall, window } = pressure;
      expect({ kind, stall, window }).toEqual({
        kind: full ? "full" : "some",
        stall: 10_000,
        window: 10_000,
      });
      expect(Bun.inspect(pressure)).toMatch(new RegExp(`resource: .${resource}`));
    }
  });

  test("gives all descriptors back, waited for or not", async () => {
    const before = descriptorCount();
    {
      using pressure = new Pressure("memory", { full: true, stall: 2000 });
      await using other = new Pressure("io", { full: true, stall: 2000 });
      const pending = rejection(other.readEvent());
      expect(await rejection(pressure.wait({ timeout: 1 }))).toHaveProperty("name", "TimeoutError");
      other.close();
      expect(await pending).toMatchObject({ code: "EBADF" });
    }
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });

  test(
    "a dropped one is closed by the collector, with all that it had open",
    async () => {
      const { stdout, stderr } = await runScript(`
      import { readdirSync } from "node:fs";
      import { Pressure } from "bun-butter";
      const count = () => readdirSync("/proc/self/fd").length;
      new Pressure("io", { full: true, stall: 2000 }).close();
      const before = count();
      (() => { for (let n = 0; n < 20; n++) new Pressure("io", { full: true, stall: 2000 }); })();
      console.log(count() - before > 30);
      const giveUp = Date.now() + ${20_000 * slowness};
      while (count() > before + 10 && Date.now() < giveUp) {
        await new Promise((resolve) => setImmediate(resolve));
        Bun.gc(true);
      }
      console.log(count() <= before + 10);
    `);
      expect(stdout + stderr).toBe("true\ntrue\n");
    },
    30_000 * slowness,
  );
});

describe.skipIf(!triggers)(`when tasks wait for a processor (${why})`, () => {
  /** Twice as many as there are processors, so that some always wait. */
  let busy: readonly Bun.Subprocess[] = [];

  beforeAll(() => {
    const loops = 2 * availableParallelism();
    busy = Array.from({ length: loops }, () => Bun.spawn(["sh", "-c", "while :; do :; done"]));
  });

  afterAll(async () => {
    for (const loop of busy) loop.kill();
    await Promise.all(busy.map((loop) => loop.exited));
  });

  test.concurrent(
    "an event tells what waits, and how much",
    async () => {
      using pressure = new Pressure("cpu", { stall: 50 });
      const seen: PressureEvent[] = [];
      for await (const event of pressure) {
        seen.push(event);
        if (seen.length === 2) break;
      }
      expect(seen[0]).toMatchObject({ resource: "cpu", kind: "some" });
      expect(seen[0]?.avg10).toBeGreaterThan(0);
      // It was that long at least, from one event to the next.
      expect((seen[1]?.total ?? 0) - (seen[0]?.total ?? 0)).toBeGreaterThanOrEqual(50);
    },
    30_000 * slowness,
  );

  test.concurrent(
    "an event that came while nobody read is not lost",
    async () => {
      using pressure = new Pressure("cpu", { stall: 50 });
      // Readable, and still to be read.
      await poll(pressure, "in");
      await poll(pressure, "in");
      expect(pressure.readEventsSync()).toHaveLength(1);
    },
    30_000 * slowness,
  );

  test.skipIf(emulated).concurrent(
    "an event is told although the next can't be waited for, and then that (needs seccomp, not emulated)",
    async () => {
      const { stdout, stderr } = await runScript(`
        import { canRefuse, refuse } from "./test/support/seccomp.ts";
        import { Pressure } from "bun-butter";
        import { POLL, poll } from "bun-butter/syscalls";
        using pressure = new Pressure("cpu", { stall: 50 });
        if (canRefuse()) refuse("io_submit", "EAGAIN");
        poll([{ fd: pressure, events: POLL.IN }], -1);
        for (const { kind } of pressure.readEventsSync()) console.log(kind);
        if (!canRefuse()) console.log("EAGAIN");
        else await pressure.readEvent().catch(({ code }) => console.log(code));
      `);
      expect(stdout + stderr).toBe("some\nEAGAIN\n");
    },
    30_000 * slowness,
  );

  test.skipIf(emulated).concurrent(
    "events come without asynchronous I/O as well (needs seccomp, not emulated)",
    async () => {
      const { stdout, stderr } = await runScript(`
        import { canRefuse, refuse } from "./test/support/seccomp.ts";
        import { Pressure } from "bun-butter";
        if (canRefuse()) refuse("io_setup", "ENOSYS");
        using pressure = new Pressure("cpu", { stall: 50 });
        for await (const { kind } of pressure) {
          console.log(kind);
          break;
        }
      `);
      expect(stdout + stderr).toBe("some\n");
    },
    30_000 * slowness,
  );
});

describe.skipIf(cgroups === undefined)("of a cgroup (needs to make one of version 2)", () => {
  let path = "";

  beforeAll(() => {
    path = mkdtempSync(`${cgroups}/butter-`);
  });

  afterAll(() => {
    if (existsSync(path)) rmdirSync(path);
  });

  test(
    "only what happens in it counts",
    async () => {
      using pressure = new Pressure("cpu", { cgroup: path, stall: 50 });
      expect(Pressure.read("cpu", { cgroup: path }).some.total).toBe(0);
      const loops = 2 * availableParallelism();
      const busy = Array.from({ length: loops }, () =>
        Bun.spawn(["sh", "-c", "read _; while :; do :; done"], { stdin: "pipe" }),
      );
      for (const { pid, stdin } of busy) {
        writeFileSync(`${path}/cgroup.procs`, `${pid}`);
        stdin.end();
      }
      const event = await pressure.readEvent();
      for (const loop of busy) loop.kill();
      await Promise.all(busy.map((loop) => loop.exited));
      expect(event.total).toBeGreaterThanOrEqual(50);
      expect(Pressure.read("cpu", { cgroup: path }).some.total).toBeGreaterThanOrEqual(event.total);
    },
    30_000 * slowness,
  );

  test("a name that is no text is that of its bytes", () => {
    const name = Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0xfe])]);
    mkdirSync(name);
    try {
      expect(Pressure.read("memory", { cgroup: name }).some.total).toBe(0);
    } finally {
      rmdirSync(name);
    }
  });

  test("reading is over when it is removed, also if another of the same name follows", async () => {
    const own = `${path}/short`;
    mkdirSync(own);
    using pressure = new Pressure("memory", { cgroup: own });
    using unread = new Pressure("memory", { cgroup: own });
    setImmediate(() => {
      rmdirSync(own);
      mkdirSync(own);
    });
    for await (const _ of pressure) expect.unreachable();
    expect(pressure.closed).toBe(false);
    expect(await rejection(pressure.readEvent())).toMatchObject({ code: "ENODATA" });
    expect(unread.readEventsSync()).toEqual([]);
    expect((await unread.stream().getReader().read()).done).toBe(true);
    rmdirSync(own);
  });

  test.skipIf(!kernel(6, 1))("one whose accounting is off is explained (Linux 6.1)", () => {
    const own = `${path}/off`;
    mkdirSync(own);
    try {
      writeFileSync(`${own}/cgroup.pressure`, "0");
      expect(() => new Pressure("memory", { cgroup: own })).toThrow("cgroup.pressure is 0");
    } finally {
      rmdirSync(own);
    }
  });
});

test.skipIf(
  !triggers || emulated || Bun.which("setarch") === null || Bun.which("setpriv") === null,
)(
  "a kernel without full pressure on the processor is told so (needs setarch, setpriv)",
  async () => {
    const script = `
      import { Pressure } from "bun-butter";
      try {
        new Pressure("cpu", { full: true, window: 100, stall: 1 });
      } catch ({ name, path, message }) {
        console.log(name, path, message);
      }
    `;
    // The kernel takes no such window of it, and calls itself an old one.
    const without = ["setarch", "--uname-2.6", "setpriv", "--bounding-set=-sys_resource"];
    const { stdout, stderr } = await run([...without, bun, "--eval", script]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /^UnsupportedError \/proc\/pressure\/cpu .* full pressure on the processor needs Linux 5\.13 \(this is 2\.6\./,
    );
  },
);

test.skipIf(!psi || !can("CAP_SYS_ADMIN") || Bun.which("unshare") === null)(
  "a kernel without pressure stall information is told so (root, unshare)",
  async () => {
    const script = `
      import { Pressure } from "bun-butter";
      for (const use of [() => new Pressure("cpu"), () => Pressure.read("io")]) {
        try { use(); } catch ({ name, code, path, message }) {
          console.log(name, code, path, message.includes("without psi=0"));
        }
      }
    `;
    const { stdout, stderr } = await run(
      [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs none /proc/pressure && exec "$@"',
        "sh",
        bun,
        "--eval",
        script,
      ],
      { cwd: root },
    );
    expect(stdout + stderr).toBe(
      "UnsupportedError ENOENT /proc/pressure/cpu true\nUnsupportedError ENOENT /proc/pressure/io true\n",
    );
  },
);
