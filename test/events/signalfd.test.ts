/** Signalfd against the running kernel. Signals are the whole process's affair, so nearly all of it happens in children. */
import { describe, expect, test } from "bun:test";

import { Signalfd, SignalfdEvent, type SignalLike, ValueError } from "bun-butter";
import { SIG, SIGRTMAX, SIGRTMIN } from "bun-butter/syscalls";

import { emulated, isMusl, slowness } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { prelude, script, worker } from "../support/signal-script.ts";
import type { Storm } from "../support/signal-storm.ts";

const asRoot = process.getuid?.() === 0;

describe("an event", () => {
  test("tells who sent it: kill(2)", async () => {
    const code = `
      using signals = new Signalfd(["SIGTERM"]);
      const child = Bun.spawn(["sh", "-c", "kill -TERM " + self]);
      const event = await signals.readEvent();
      print({ event, child: child.pid, uid: process.getuid(), text: Bun.inspect(event), tag: String(event),
        frozen: Object.isFrozen(event), cloned: structuredClone({ ...event }) });
    `;
    const { event, child, uid, text, tag, frozen, cloned } = (await script(code)) as Record<
      string,
      unknown
    >;
    const data = { signal: "SIGTERM", signo: 15, code: "USER", codeNumber: 0, pid: child, uid };
    expect(event).toEqual(data);
    expect(cloned).toEqual(data);
    expect(frozen).toBe(true);
    expect(tag).toBe("[object SignalfdEvent]");
    expect(text).toStartWith("SignalfdEvent {");
    expect(text).toContain(`pid: ${child as number}`);
  });

  test("has the value that it was sent with: sigqueue(3)", async () => {
    const code = `
      using signals = new Signalfd(["SIGUSR1", "SIGRTMIN+3"]);
      c.sigqueue(self, SIG.USR1, -7);
      c.sigqueue(self, c.SIGRTMIN() + 3, 0xfedcba9876543210n);
      const [one, other] = signals.readEventsSync();
      print([one, other, { one: String(one.pointer), other: String(other.pointer) }, one.siginfo.length]);
    `;
    const sender = {
      code: "QUEUE",
      codeNumber: -1,
      pid: expect.any(Number),
      uid: process.getuid?.(),
    };
    expect(await script(code)).toEqual([
      { signal: "SIGUSR1", signo: 10, value: -7, ...sender },
      { signal: "SIGRTMIN+3", signo: SIGRTMIN() + 3, value: 0x76543210, ...sender },
      { one: `${0xfffffff9n}`, other: `${0xfedcba9876543210n}` },
      128,
    ]);
  });

  test("tells that it was meant for one thread: tgkill(2)", async () => {
    const code = `
      using signals = new Signalfd(["SIGUSR1"]);
      tgkill(self, c.gettid(), SIG.USR1);
      const first = signals.readEventsSync();
      // The other threads are no different.
      const others = readdirSync("/proc/self/task").map(Number).filter((tid) =>
        tid !== self && (BigInt("0x" + field("SigBlk", "self/task/" + tid)) & (1n << BigInt(SIG.USR1 - 1))) === 0n);
      for (const tid of others) tgkill(self, tid, SIG.USR1);
      const rest = [];
      while (rest.length < others.length) rest.push(await signals.readEvent());
      print([...first, ...new Set(rest.map(({ code }) => code)), others.length > 0]);
    `;
    const event = { signal: "SIGUSR1", signo: 10, code: "TKILL", codeNumber: -6 };
    expect(await script(code)).toEqual([expect.objectContaining(event), "TKILL", true]);
  });

  test("tells what a child did, with its status and its times", async () => {
    const code = `
      using signals = new Signalfd(["SIGCHLD"]);
      const events = [];
      const next = async (pid) => {
        for (;;) {
          const event = await signals.readEvent();
          if (event.pid === pid) return void events.push(event);
        }
      };
      const burn = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; exit 3";
      const exiting = Bun.spawn(["sh", "-c", burn]);
      await next(exiting.pid);
      const stopping = Bun.spawn(["sleep", "1000"]);
      stopping.kill("SIGSTOP");
      await next(stopping.pid);
      stopping.kill("SIGCONT");
      await next(stopping.pid);
      stopping.kill("SIGKILL");
      await next(stopping.pid);
      // Bun waits for them all the same.
      print({ events, exits: [await exiting.exited, await stopping.exited, stopping.signalCode] });
    `;
    const { events, exits } = (await script(code)) as {
      events: { userTime: number; systemTime: number }[];
      exits: unknown[];
    };
    const child = {
      signal: "SIGCHLD",
      signo: 17,
      pid: expect.any(Number),
      uid: process.getuid?.(),
      userTime: expect.any(Number),
      systemTime: expect.any(Number),
    };
    expect(events).toEqual([
      { ...child, code: "EXITED", codeNumber: 1, status: 3 },
      { ...child, code: "STOPPED", codeNumber: 5, status: SIG.STOP },
      { ...child, code: "CONTINUED", codeNumber: 6, status: SIG.CONT },
      { ...child, code: "KILLED", codeNumber: 2, status: SIG.KILL },
    ] as unknown as typeof events);
    expect(events[0]?.userTime).toBeGreaterThanOrEqual(10);
    expect(Number(events[0]?.userTime) % 10).toBe(0);
    expect(exits).toEqual([3, 137, "SIGKILL"]);
  });

  test("tells which timer expired, and that the kernel's own did", async () => {
    const code = `
      using signals = new Signalfd(["SIGALRM", "SIGRTMIN+1"]);
      const { timer_create, timer_settime, setitimer } = dlopen(libcPath(), {
        timer_create: { args: ["i32", "ptr", "ptr"], returns: "i32" },
        timer_settime: { args: ["u64", "i32", "ptr", "ptr"], returns: "i32" },
        setitimer: { args: ["i32", "ptr", "ptr"], returns: "i32" },
      }).symbols;
      // struct sigevent { union sigval; int sigev_signo; int sigev_notify; … }, SIGEV_SIGNAL is 0
      const sigevent = new DataView(new ArrayBuffer(64));
      sigevent.setInt32(0, 99, true);
      sigevent.setInt32(8, c.SIGRTMIN() + 1, true);
      const timer = new BigUint64Array(1);
      if (timer_create(1, new Uint8Array(sigevent.buffer), timer) !== 0) throw new Error("timer_create");
      timer_settime(timer[0], 0, new BigInt64Array([0n, 0n, 0n, 1000n]), null);
      print(await signals.readEvent());
      setitimer(0, new BigInt64Array([0n, 0n, 0n, 1n]), null);
      print(await signals.readEvent());
    `;
    const { stdout, stderr } = await runScript(prelude + code);
    expect(stderr).toBe("");
    const [timer, alarm] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown);
    expect(timer).toEqual({
      signal: "SIGRTMIN+1",
      signo: SIGRTMIN() + 1,
      code: "TIMER",
      codeNumber: -2,
      pid: 0,
      uid: 0,
      timerId: expect.any(Number),
      overrun: 0,
      value: 99,
    });
    expect(alarm).toEqual({
      signal: "SIGALRM",
      signo: 14,
      code: "KERNEL",
      codeNumber: 0x80,
      pid: 0,
      uid: 0,
    });
  });

  test("tells which descriptor is ready", async () => {
    const code = `
      using signals = new Signalfd(["SIGIO", "SIGRTMIN+2"]);
      const [F_SETOWN, F_SETSIG, O_ASYNC] = [8, 10, 0o20000];
      const [reader, writer] = c.pipe2(c.O.NONBLOCK);
      c.fcntl(reader, F_SETOWN, self);
      c.fcntl(reader, F_SETSIG, c.SIGRTMIN() + 2);
      c.fcntl(reader, c.F.SETFL, c.O.NONBLOCK | O_ASYNC);
      c.write(writer, new Uint8Array(1));
      print({ event: signals.readEventsSync()[0], reader });
    `;
    const { event, reader } = (await script(code)) as Record<string, unknown>;
    expect(event).toEqual({
      signal: "SIGRTMIN+2",
      signo: SIGRTMIN() + 2,
      code: "POLL_IN",
      codeNumber: 1,
      pid: 0,
      uid: 0,
      fd: reader,
      band: 0x41,
    });
  });

  test.skipIf(!asRoot)("tells the sender's user (needs root)", async () => {
    const sender = `
      import { dlopen } from "bun:ffi";
      import { kill, SIG } from "bun-butter/syscalls";
      import { libcPath } from "./src/libc.ts";
      const { setreuid } = dlopen(libcPath(), { setreuid: { args: ["u32", "u32"], returns: "i32" } }).symbols;
      if (setreuid(4711, 0) !== 0) throw new Error("setreuid");
      kill(Number(process.argv.at(-1)), SIG.HUP);
    `;
    const code = `
      using signals = new Signalfd(["SIGHUP"]);
      const child = Bun.spawn([${JSON.stringify(bun)}, "--eval", ${JSON.stringify(sender)}, "--", String(self)]);
      const { pid, uid } = await signals.readEvent();
      print([pid === child.pid, uid]);
    `;
    expect(await script(code)).toEqual([true, 4711]);
  });

  test("that tells of lost signals is one for each signal, and nothing else is lost", async () => {
    const code = `
      using signals = new Signalfd(["SIGRTMIN", "SIGRTMIN+1"]);
      const room = c.fcntl(signals, 1032) / c.SIGINFO_SIZE; // F_GETPIPE_SZ
      for (let n = 0; n < room; n++) c.sigqueue(self, c.SIGRTMIN(), n);
      for (let n = 0; n < 3; n++) c.sigqueue(self, c.SIGRTMIN() + 1, n);
      c.sigqueue(self, c.SIGRTMIN(), 0);
      const events = signals.readEventsSync();
      const [lost, came] = [events.filter(({ code }) => code === "OVERFLOW"), events.filter(({ code }) => code === "QUEUE")];
      c.sigqueue(self, c.SIGRTMIN(), 5);
      print({ room, came: came.length, ordered: came.every(({ value }, at) => value === at), lost, then: signals.readEventsSync() });
    `;
    const { room, came, ordered, lost, then } = (await script(code)) as Record<string, unknown>;
    expect(room).toBeGreaterThanOrEqual(512);
    expect(came).toBe(room);
    // musl's sigqueue() blocks signals in the thread that sends, so that others take them.
    expect(ordered === true || isMusl).toBe(true);
    const overflow = { code: "OVERFLOW", codeNumber: 0, pid: 0, uid: 0 };
    expect(lost).toEqual([
      { signal: "SIGRTMIN", signo: SIGRTMIN(), lost: 1, ...overflow },
      { signal: "SIGRTMIN+1", signo: SIGRTMIN() + 1, lost: 3, ...overflow },
    ]);
    expect(then).toEqual([expect.objectContaining({ code: "QUEUE", value: 5 })]);
  });

  test.skipIf(emulated)(
    "of a code that nobody knows keeps its number (not under emulation, which sends none)",
    async () => {
      const code = `
      using signals = new Signalfd(["SIGRTMIN"]);
      using info = c.pinned(c.SIGINFO_SIZE);
      c.write_siginfo(info, { si_signo: c.SIGRTMIN(), si_code: -1000, si_pid: 1, si_uid: 2, si_value: 3 });
      c.rt_sigqueueinfo(self, c.SIGRTMIN(), info);
      print(signals.readEventsSync());
    `;
      expect(await script(code)).toEqual([
        {
          signal: "SIGRTMIN",
          signo: SIGRTMIN(),
          code: "UNKNOWN",
          codeNumber: -1000,
          pid: 1,
          uid: 2,
          value: 3,
        },
      ]);
    },
  );
});

describe("which signals", () => {
  test("names and numbers, one or many, in the constructor and in enable()", async () => {
    const code = `
      const all = [];
      {
        using signals = new Signalfd("SIGHUP");
        signals.enable(["SIGRTMIN+3", 10, "SIGRTMAX-1", "SIGRTMAX", "SIGRTMIN", "SIGPOLL", "SIGHUP"]);
        signals.enable("SIGTERM");
        signals.enable(new Set([SIG.TERM]));
        all.push(signals.signals, ["SIGIO", 29, "SIGRTMAX", 64, "SIGTERM", "SIGINT"].map((signal) => signals.has(signal)));
        signals.disable("SIGHUP");
        signals.disable(["SIGHUP", "SIGRTMAX", "SIGRTMAX-1", "SIGIO", "SIGINT"]);
        all.push(signals.signals);
        signals.disableAll();
        all.push(signals.signals);
        signals.enable([]);
        all.push(signals.signals);
      }
      print(all);
    `;
    const before = SIGRTMAX() - SIGRTMIN() - 1;
    expect(await script(code)).toEqual([
      [
        "SIGHUP",
        "SIGUSR1",
        "SIGTERM",
        "SIGIO",
        "SIGRTMIN",
        "SIGRTMIN+3",
        `SIGRTMIN+${before}`,
        "SIGRTMAX",
      ],
      [true, true, true, true, true, false],
      ["SIGUSR1", "SIGTERM", "SIGRTMIN", "SIGRTMIN+3"],
      [],
      [],
    ]);
  });

  test("enableAll() takes all that can be taken, and close() gives all of them back", async () => {
    const code = `
      const before = [actions(), masks()];
      using signals = new Signalfd();
      signals.enableAll();
      signals.enableAll();
      const { signals: names } = signals;
      const caught = BigInt("0x" + field("SigCgt"));
      for (const name of names) process.kill(self, signals.has(name) ? c.SIG[name.slice(3)] ?? 0 : 0);
      const came = signals.readEventsSync().map(({ signal }) => signal);
      signals.close();
      print({ names, came, same: Bun.deepEquals(before[0], actions()), caught: caught.toString(2).padStart(64, "0") });
    `;
    const { names, came, same, caught } = (await script(code)) as {
      names: string[];
      came: string[];
      same: boolean;
      caught: string;
    };
    const refused = /^(KILL|STOP|PWR|SEGV|ILL|TRAP|BUS|FPE|ABRT|SYS)$/;
    const standard = Object.keys(SIG).filter((name) => !refused.test(name));
    expect(names).toHaveLength(standard.length + SIGRTMAX() - SIGRTMIN() + 1);
    expect(came.toSorted()).toEqual(standard.map((name) => `SIG${name}`).toSorted());
    expect(same).toBe(true);
    for (const name of standard)
      expect([name, caught.at(-SIG[name as keyof typeof SIG])]).toEqual([name, "1"]);
  });

  const kernel = "the kernel lets no process take it";
  const fault = "a thread that is at fault gets it";
  const libc = "libc uses it between its threads";
  test.each<[SignalLike, string]>([
    ["SIGKILL", kernel],
    ["SIGSTOP", kernel],
    ["SIGPWR", "Bun's JavaScript engine stops its threads with it"],
    ...(["SEGV", "ILL", "TRAP", "BUS", "FPE", "ABRT", "SYS"] as const).map(
      (name): [SignalLike, string] => [`SIG${name}`, fault],
    ),
    ["SIGIOT", fault],
    [32, libc],
    [33, libc],
  ])("%p is refused, and the error says why", (signal, reason) => {
    for (const make of [() => new Signalfd(signal), () => new Signalfd(["SIGRTMIN", signal])]) {
      expect(make).toThrow(ValueError);
      expect(make).toThrow(reason);
      expect(make).toThrow(/^Cannot Signalfd on "SIG\w+": invalid argument \(EINVAL\): /);
    }
  });

  test("what is no signal is refused", () => {
    for (const name of [
      "SIGNAL",
      "TERM",
      "SIGRTMIN+31",
      "SIGRTMIN-1",
      "SIGRTMAX-31",
      "SIGRTMIN+",
      "",
    ])
      expect(() => new Signalfd(name as "SIGTERM")).toThrow(TypeError);
    for (const signo of [0, -1, 65, 1.5, NaN])
      expect(() => new Signalfd(signo)).toThrow(RangeError);
    for (const wrong of [null, true, {}, [undefined], [{}]]) {
      const make = () => new Signalfd(wrong as unknown as number);
      expect(make).toThrow(TypeError);
      expect(make).toThrow(/^Cannot take signals?: /);
    }
  });

  test("the ones that were refused leave nothing taken", async () => {
    const code = `
      const before = [actions(), masks(), readdirSync("/proc/self/fd").length];
      let refused = 0;
      const attempt = (act) => { try { act(); } catch { refused++; } };
      attempt(() => new Signalfd(["SIGUSR1", "SIGKILL"]));
      attempt(() => new Signalfd(["SIGUSR1", "nothing"]));
      using signals = new Signalfd(["SIGUSR2"]);
      attempt(() => signals.enable(["SIGUSR1", 33]));
      const left = signals.signals;
      signals.close();
      attempt(() => signals.enable("SIGUSR1"));
      attempt(() => signals.disable("SIGUSR1"));
      attempt(() => signals.enableAll());
      attempt(() => signals.disableAll());
      print([refused, left, Bun.deepEquals(before, [actions(), masks(), readdirSync("/proc/self/fd").length])]);
    `;
    expect(await script(code)).toEqual([7, ["SIGUSR2"], true]);
  });
});

describe("the process", () => {
  test("is as it was when the last one is closed, and its threads' masks never change", async () => {
    const code = `
      const handler = { sa_handler: SIG_HANDLER.IGN, sa_mask: 5n, sa_flags: SA.NODEFER | SA.RESTART };
      c.sigaction(SIG.USR2, handler);
      const before = [actions(), masks(), field("SigIgn"), field("SigCgt")];
      const names = ["SIGTERM", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGRTMIN+4"];
      const one = new Signalfd(names);
      const other = new Signalfd(names);
      const threads = new Set(masks().concat(before[1]));
      for (const name of names) process.kill(self, name.includes("RT") ? c.SIGRTMIN() + 4 : name);
      const blocked = [];
      while (blocked.length < names.length) { await other.readEvent(); blocked.push(masks().every((mask) => threads.has(mask))); }
      one.close();
      const between = field("SigCgt") !== before[3];
      other.close();
      other.close();
      print([blocked, between, Bun.deepEquals(before[0], actions()), [field("SigIgn"), field("SigCgt")].join() === before.slice(2).join()]);
    `;
    expect(await script(code)).toEqual([[true, true, true, true, true], true, true, true]);
  });

  test("ends by a signal again that was given back, and not by one that is taken", async () => {
    const result = await runScript(`${prelude}
      const signals = new Signalfd(["SIGTERM"]);
      process.kill(self, "SIGTERM");
      console.log((await signals.readEvent()).signal);
      signals.disable("SIGTERM");
      process.kill(self, "SIGTERM");
      setInterval(() => {}, 1000);
    `);
    expect(result).toMatchObject({ stdout: "SIGTERM\n", stderr: "", signalCode: "SIGTERM" });
  });

  test("leaves a signal that nobody reads in the pipe, and not pending", async () => {
    const code = `
      using signals = new Signalfd(["SIGUSR1", "SIGRTMIN"]);
      process.kill(self, "SIGUSR1");
      process.kill(self, "SIGUSR1");
      c.sigqueue(self, c.SIGRTMIN(), 1);
      // The event loop waits with no signal blocked, which would meet one that is pending.
      await Bun.sleep(1);
      print([field("ShdPnd"), signals.queued, c.ioctl_fionread(signals) / c.SIGINFO_SIZE, signals.truncate()]);
    `;
    expect(await script(code)).toEqual(["0000000000000000", 0, 3, 3]);
  });

  test("started with a signal blocked: it is taken all the same, and blocked again afterwards", async () => {
    const child = `${prelude}
      const original = field("SigBlk", "thread-self");
      const before = [actions(), masks()];
      const signals = new Signalfd(["SIGUSR1"]);
      process.kill(self, "SIGUSR1");
      const { signal } = await signals.readEvent();
      const cat = (start) => start(["cat", "/proc/self/status"], { stdout: "pipe" }).stdout.text().then((text) => /SigBlk:\\s*(.*)/.exec(text)[1]);
      const blocked = [await cat(Bun.spawn), await cat(spawn)];
      signals.close();
      const left = field("SigBlk", "thread-self");
      print({ original, signal, blocked, left, same: Bun.deepEquals(before[0], actions()) });
    `;
    const code = `
      c.pthread_sigmask(SIG_HOW.BLOCK, 1n << BigInt(SIG.USR1 - 1));
      const child = Bun.spawn([${JSON.stringify(bun)}, "--eval", ${JSON.stringify(child)}], { stdout: "pipe" });
      print(JSON.parse(await child.stdout.text()));
    `;
    const original = "0000000000000200";
    expect(await script(code)).toEqual({
      original,
      signal: "SIGUSR1",
      // The emulator's own threads, which are asked, have no signal blocked.
      blocked: ["0000000000000000", emulated ? "0000000000000000" : original],
      left: original,
      same: true,
    });
  });

  test("whose handler was replaced by somebody else's keeps that one", async () => {
    const code = `
      const signals = new Signalfd(["SIGUSR1"]);
      c.sigaction(SIG.USR1, { sa_handler: SIG_HANDLER.IGN, sa_mask: 0n, sa_flags: 0 });
      signals.close();
      print(String(c.sigaction(SIG.USR1, null).sa_handler));
    `;
    expect(await script(code)).toBe("1");
  });

  test("gets no signal lost whose handler was called without a siginfo_t", async () => {
    const code = `
      using signals = new Signalfd(["SIGUSR1"]);
      const handler = c.sigaction(SIG.USR1, null);
      c.sigaction(SIG.USR1, { ...handler, sa_flags: SA.RESTART });
      process.kill(self, "SIGUSR1");
      c.sigaction(SIG.USR1, handler);
      print(signals.readEventsSync().map(({ signal }) => signal));
    `;
    expect(await script(code)).toEqual(["SIGUSR1"]);
  });
});

describe("what was not read", () => {
  const listen = `
    let heard = [];
    const hear = new Promise((resolve) => process.on("SIGUSR1", (signal) => { heard.push(signal); resolve(); }));
  `;

  test("is handled as it would have been before, when it is closed", async () => {
    const code = `${listen}
      {
        using signals = new Signalfd(["SIGUSR1"]);
        process.kill(self, "SIGUSR1");
        await turn();
        heard.push("closing");
      }
      await hear;
      print(heard);
    `;
    expect(await script(code)).toEqual(["closing", "SIGUSR1"]);
  });

  test("is, if it was decoded already and a loop was left", async () => {
    const code = `${listen}
      {
        using signals = new Signalfd(["SIGUSR1", "SIGUSR2"]);
        process.kill(self, "SIGUSR2");
        process.kill(self, "SIGUSR1");
        for await (const { signal } of signals) { heard.push(signal, signals.queued); break; }
      }
      await hear;
      print(heard);
    `;
    expect(await script(code)).toEqual(["SIGUSR2", 1, "SIGUSR1"]);
  });

  test.each(["close()", "asyncDispose"])("ends the process by default: %s", async (how) => {
    const close = how === "close()" ? "signals.close()" : "await signals[Symbol.asyncDispose]()";
    const result = await runScript(`${prelude}
      const signals = new Signalfd(["SIGHUP"]);
      process.kill(self, "SIGHUP");
      console.log("closing");
      ${close};
      setInterval(() => {}, 1000);
    `);
    expect(result).toMatchObject({ stdout: "closing\n", signalCode: "SIGHUP" });
  });

  test("is dropped by truncate()", async () => {
    const code = `
      const signals = new Signalfd(["SIGHUP"]);
      process.kill(self, "SIGHUP");
      print(signals.truncate());
      signals.close();
      await turn();
    `;
    expect(await script(code)).toBe(1);
  });

  test("is, in a source that is dropped and collected", async () => {
    const code = `${listen}
      (() => { for (let n = 0; n < 20; n++) new Signalfd(["SIGUSR1"]); })();
      process.kill(self, "SIGUSR1");
      const giveUp = Date.now() + ${20_000 * slowness};
      while (heard.length === 0 && Date.now() < giveUp) { Bun.gc(true); await turn(); }
      print(heard);
    `;
    expect(await script(code)).toEqual(["SIGUSR1"]);
  });
});

describe("process.on()", () => {
  test("is not called while the signal is taken, whether it was there before or not, and is afterwards", async () => {
    const code = `
      const heard = [];
      const listener = (name) => (signal) => heard.push(name + " " + signal);
      process.on("SIGUSR1", listener("before"));
      const signals = new Signalfd(["SIGUSR1", "SIGUSR2"]);
      process.on("SIGUSR2", listener("during"));
      for (const signal of ["SIGUSR1", "SIGUSR2"]) {
        process.kill(self, signal);
        heard.push("event " + (await signals.readEvent()).signal);
      }
      await turn();
      signals.close();
      for (const signal of ["SIGUSR1", "SIGUSR2"]) {
        const next = heard.length + 1;
        process.kill(self, signal);
        while (heard.length < next) await turn();
      }
      print(heard);
    `;
    expect(await script(code)).toEqual([
      "event SIGUSR1",
      "event SIGUSR2",
      "before SIGUSR1",
      "during SIGUSR2",
    ]);
  });

  test("and off() may come and go meanwhile, and what is left is what Bun would have", async () => {
    const code = `
      const none = () => {};
      const plain = actions();
      process.on("SIGUSR1", none);
      const listening = actions();
      const signals = new Signalfd(["SIGUSR1", "SIGUSR2", "SIGTERM"]);
      process.off("SIGUSR1", none);
      process.on("SIGUSR2", none);
      process.once("SIGTERM", none);
      process.off("SIGTERM", none);
      for (const signal of ["SIGUSR1", "SIGUSR2", "SIGTERM"]) process.kill(self, signal);
      const came = signals.readEventsSync().map(({ signal, pid }) => pid === self && signal);
      signals.close();
      const counts = ["SIGUSR1", "SIGUSR2", "SIGTERM"].map((name) => process.listenerCount(name));
      const after = actions();
      process.off("SIGUSR2", none);
      print({ came, counts, same: [
        after[SIG.USR1 - 1] === plain[SIG.USR1 - 1],
        after[SIG.USR2 - 1].split("sa_mask")[0] === listening[SIG.USR1 - 1].split("sa_mask")[0],
        after[SIG.TERM - 1] === plain[SIG.TERM - 1],
        String(c.sigaction(SIG.USR2, null).sa_handler),
      ] });
    `;
    expect(await script(code)).toEqual({
      came: ["SIGUSR1", "SIGUSR2", "SIGTERM"],
      counts: [0, 1, 0],
      same: [true, true, true, "0"],
    });
  });

  test("keeps nobody alive, and a Signalfd that nobody reads does not either", async () => {
    const { exitCode, stdout } = await runScript(`${prelude}
      const signals = new Signalfd(["SIGTERM", "SIGCHLD"]);
      await Bun.spawn(["true"]).exited;
      console.log("end");
    `);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "end\n" });
  });
});

describe("two that take the same signal", () => {
  test("in one thread: the last one gets it, and the first one again afterwards, with what the last one left", async () => {
    const code = `
      using first = new Signalfd(["SIGUSR1", "SIGRTMIN"]);
      const last = new Signalfd(["SIGUSR1", "SIGRTMIN"]);
      process.kill(self, "SIGUSR1");
      const came = [first.readEventsSync().length, last.readEventsSync().length];
      for (let n = 0; n < 3; n++) c.sigqueue(self, c.SIGRTMIN(), n);
      for await (const { value } of last) { came.push("last " + value); break; }
      c.sigqueue(self, c.SIGRTMIN(), 3);
      last.close();
      c.sigqueue(self, c.SIGRTMIN(), 4);
      print([...came, ...first.readEventsSync().map(({ value, code, pid }) => [value, code, pid === self].join(" "))]);
    `;
    expect(await script(code)).toEqual([
      0,
      1,
      "last 0",
      ...[1, 2, 3, 4].map((value) => `${value} QUEUE true`),
    ]);
  });

  test("in one thread: the first one may be closed first", async () => {
    const code = `
      const first = new Signalfd(["SIGUSR1"]);
      using last = new Signalfd(["SIGUSR1"]);
      first.close();
      process.kill(self, "SIGUSR1");
      print(last.readEventsSync().length);
    `;
    expect(await script(code)).toBe(1);
  });

  test("in two threads: the second one is refused, and the error says which thread has it", async () => {
    const code = `${worker}
      using signals = new Signalfd(["SIGUSR1"]);
      const { worker, ready, ask } = await start(\`
        const before = c.fd_name(0) !== undefined && require("node:fs").readdirSync("/proc/self/fd").length;
        const refused = attempt(() => new Signalfd(["SIGUSR2", "SIGUSR1"]));
        const fds = require("node:fs").readdirSync("/proc/self/fd").length - before;
        postMessage({ refused, fds, taken: String(c.sigaction(c.SIG.USR2, null).sa_handler) });
        let signals;
        self.onmessage = () => { signals = attempt(() => new Signalfd(["SIGUSR1"])); postMessage(signals.code ?? signals.signals); signals.close?.(); self.onmessage = null; };
      \`);
      const over = closed(worker);
      signals.close();
      print({ ready, then: await ask("now"), self });
      await over;
    `;
    const { ready, then, self } = (await script(code)) as Record<string, unknown>;
    expect(ready).toEqual({
      refused: {
        code: "EBUSY",
        message: `Cannot Signalfd on "SIGUSR1": device or resource busy (EBUSY): thread ${self as number} of this process takes it, and a signal goes to one thread: take it there and post it`,
      },
      fds: 0,
      taken: "0",
    });
    expect(then).toEqual(["SIGUSR1"]);
  });

  test.skipIf(emulated)(
    "a Worker takes signals of the process, and gives them back when it ends (not under emulation, which loses signals itself)",
    async () => {
      const code = `${worker}
      const before = [actions(), masks()];
      const { worker, ready, ask } = await start(\`
        const signals = new Signalfd(["SIGUSR1", "SIGRTMIN"]);
        postMessage(signals.signals);
        self.onmessage = async ({ data }) => {
          if (data === "end") { self.onmessage = null; return postMessage("ending"); }
          const { signal, value, pid, code } = await signals.readEvent();
          postMessage({ signal, value, pid, code });
        };
      \`);
      const busy = (() => { try { new Signalfd(["SIGUSR1"]); } catch ({ code }) { return code; } })();
      const came = [];
      for (let n = 0; n < 20; n++) {
        const answer = ask("next");
        if (n % 2) process.kill(self, "SIGUSR1");
        else c.sigqueue(self, c.SIGRTMIN(), n);
        came.push(await answer);
      }
      const over = closed(worker);
      await ask("end");
      await over;
      print({ ready, busy, came, same: Bun.deepEquals(before[0], actions()) });
    `;
      const { ready, busy, came, same } = (await script(code)) as {
        ready: unknown;
        busy: unknown;
        came: unknown[];
        same: unknown;
      };
      expect(ready).toEqual(["SIGUSR1", "SIGRTMIN"]);
      expect(busy).toBe("EBUSY");
      expect(came).toHaveLength(20);
      for (const [n, event] of came.entries()) {
        expect(event).toMatchObject(
          n % 2
            ? { signal: "SIGUSR1", code: "USER" }
            : { signal: "SIGRTMIN", value: n, code: "QUEUE" },
        );
      }
      expect(same).toBe(true);
    },
  );

  test("of a Worker that was terminated, the main thread takes them over, and gives back what was there before", async () => {
    const code = `${worker}
      const before = actions();
      const { worker, ready } = await start(\`
        const signals = new Signalfd(["SIGUSR1"]);
        postMessage(c.gettid());
        setInterval(() => signals.queued, 1000);
      \`);
      worker.terminate();
      while (readdirSync("/proc/self/task").includes(String(ready))) await turn();
      {
        using signals = new Signalfd(["SIGUSR1"]);
        process.kill(self, "SIGUSR1");
        print([(await signals.readEvent()).signal, (signals.close(), Bun.deepEquals(before, actions()))]);
      }
    `;
    expect(await script(code)).toEqual(["SIGUSR1", true]);
  });
});

describe("children", () => {
  const cat = `
    const blocked = async (start) =>
      /SigBlk:\\s*(.*)/.exec(await start(["cat", "/proc/self/status"], { stdout: "pipe" }).stdout.text())[1];
  `;

  test("start with no signal blocked that is taken", async () => {
    const code = `${cat}
      using signals = new Signalfd(["SIGTERM", "SIGCHLD"]);
      process.kill(self, "SIGTERM");
      await signals.readEvent();
      const child = spawn(["sleep", "1000"]);
      child.kill("SIGTERM");
      await child.exited;
      print([await blocked(Bun.spawn), await blocked(spawn), child.signalCode]);
    `;
    const none = "0000000000000000";
    expect(await script(code)).toEqual([none, none, "SIGTERM"]);
  });

  test("of spawn() and unmasked() start without those that the program blocked itself, whatever fails", async () => {
    const code = `${cat}
      const usr1 = 1n << BigInt(SIG.USR1 - 1);
      c.pthread_sigmask(SIG_HOW.BLOCK, usr1);
      const started = [await blocked(Bun.spawn), await blocked(spawn)];
      const inside = unmasked(() => unmasked(() => c.pthread_sigmask(SIG_HOW.BLOCK, null)));
      const after = [c.pthread_sigmask(SIG_HOW.BLOCK, null)];
      let error;
      try { unmasked(() => { throw new Error("no"); }); } catch ({ message }) { error = message; }
      try { spawn(["/nowhere/at/all"]); } catch ({ code }) { error += code; }
      after.push(c.pthread_sigmask(SIG_HOW.BLOCK, null));
      print([started, String(inside), after.map(String), error]);
    `;
    expect(await script(code)).toEqual([
      ["0000000000000200", "0000000000000000"],
      "0",
      ["512", "512"],
      // The emulator starts a process, and says nothing of the program that is not there.
      emulated ? "no" : "noENOENT",
    ]);
  });

  test("resolve their exited with SIGCHLD taken", async () => {
    const code = `
      using signals = new Signalfd(["SIGCHLD"]);
      const children = Array.from({ length: 20 }, (_, at) => Bun.spawn(["sh", "-c", "exit " + at]));
      print(await Promise.all(children.map(({ exited }) => exited)));
      print(signals.truncate() > 0);
    `;
    const { stdout, stderr } = await runScript(prelude + code);
    const numbers = JSON.stringify(Array.from({ length: 20 }, (_, at) => at));
    expect({ stdout, stderr }).toEqual({ stdout: `${numbers}\ntrue\n`, stderr: "" });
  });
});

describe.skipIf(emulated)("a storm (not under emulation, which loses signals itself)", () => {
  test(
    "of 2,000 signals of two processes while two Workers allocate and the compiler is busy: none lost, none changed, none kills",
    async () => {
      const [standard, bursts, size] = [400, 30, 20] as const;
      const storm = new URL("../support/signal-storm.ts", import.meta.url).pathname;
      // Ten seconds, unless others want the processors as well.
      const { stdout, stderr, signalCode } = await run(
        [bun, storm, ...[standard, bursts, size].map(String)],
        { timeout: 110_000 * slowness },
      );
      expect({ stderr, signalCode }).toEqual({ stderr: "", signalCode: null });
      const { exits, tallies, strangers } = JSON.parse(stdout) as Storm;
      expect(exits).toEqual([0, 0]);
      expect(strangers).toEqual([]);
      const all = Array.from({ length: bursts * size }, (_, at) => at);
      for (const tally of tallies) {
        expect(tally.wrong).toEqual([]);
        expect(tally.standard).toBe(standard);
        expect(tally.values.toSorted((one, other) => one - other)).toEqual(all);
      }
    },
    120_000 * slowness,
  );
});

test("SignalfdEvent is what events are", () => {
  using signals = new Signalfd("SIGRTMIN+20");
  process.kill(process.pid, SIGRTMIN() + 20);
  const [event] = signals.readEventsSync();
  expect(event).toBeInstanceOf(SignalfdEvent);
  expect(Bun.inspect(signals)).toContain("SIGRTMIN+20");
});
