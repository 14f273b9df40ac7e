/** What a process does about a signal beside a Signalfd: who else changes that, and what is left afterwards. */
import { describe, expect, test } from "bun:test";

import { Signalfd } from "bun-butter";

import { can, emulated, slowness } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { prelude, script, worker } from "../support/signal-script.ts";

/** How a process ends that prints something and is sent SIGTERM. */
const terminated = { stderr: "", signalCode: "SIGTERM" };

const terminate = `
  process.kill(self, "SIGTERM");
  setInterval(() => {}, 1000);
`;

/** A process that sends one signal to this one, again and again, until it is killed. */
const pester = `
  const pester = async (signal) => {
    const code = 'process.stdout.write("x"); try { for (;;) process.kill(' + self + ', "' + signal + '") } catch {}';
    const child = Bun.spawn([${JSON.stringify(bun)}, "--eval", code], { stdin: "ignore", stdout: "pipe" });
    await child.stdout.getReader().read();
    return child;
  };
`;

/** The handler, as a function that another handler calls. */
const call = `
  import { CFunction, toArrayBuffer } from "bun:ffi";
  const handlerOf = (signo) =>
    CFunction({ ptr: Number(c.sigaction(signo, null).sa_handler), args: ["i32", "usize", "usize"], returns: "void" });
`;

describe("the handler, put back by somebody when its signal was given back,", () => {
  const putBack = (signal: string): string => `
    const signals = new Signalfd("${signal}");
    const ours = c.sigaction(SIG.${signal.slice(3)}, null);
    signals.close();
    c.sigaction(SIG.${signal.slice(3)}, ours);
  `;

  test("removes itself with the next signal, which does what it did before", async () => {
    const result = await runScript(`${prelude}${putBack("SIGTERM")} print("taken"); ${terminate}`);
    expect(result).toMatchObject({ stdout: '"taken"\n', ...terminated });
  });

  test("leaves a handler there that was saved, with its flags and its mask", async () => {
    const code = `
      let heard = 0;
      process.on("SIGUSR1", () => heard++);
      const handler = { ...c.sigaction(SIG.USR1, null), sa_mask: 5n << 20n, sa_flags: SA.NODEFER | SA.RESTART };
      c.sigaction(SIG.USR1, handler);
      ${putBack("SIGUSR1")}
      process.kill(self, "SIGUSR1");
      const after = c.sigaction(SIG.USR1, null);
      while (heard === 0) await turn();
      print([heard, Bun.deepEquals(after, handler)]);
    `;
    expect(await script(code)).toEqual([1, true]);
  });

  test.skipIf(emulated)(
    "does so in a thread that may not say who sent it (not under emulation, which swallows what its threads catch)",
    async () => {
      const code = `${worker}
      let heard = 0;
      process.on("SIGUSR1", () => heard++);
      const { worker, ready } = await start("postMessage(c.gettid()); self.onmessage = () => { self.onmessage = null; };");
      ${putBack("SIGUSR1")}
      tgkill(self, ready, SIG.USR1);
      while (heard === 0) await turn();
      const over = closed(worker);
      worker.postMessage("end");
      await over;
      print([heard, c.sigaction(SIG.USR1, null).sa_handler === ours.sa_handler]);
    `;
      expect(await script(code)).toEqual([1, false]);
    },
  );

  test("is no reason to refuse the signal", async () => {
    const code = `
      const before = actions();
      ${putBack("SIGUSR1")}
      const again = new Signalfd("SIGUSR1");
      process.kill(self, "SIGUSR1");
      const came = again.readEventsSync().map(({ signal }) => signal);
      again.close();
      print([came, Bun.deepEquals(before, actions())]);
    `;
    expect(await script(code)).toEqual([["SIGUSR1"], true]);
  });
});

describe("the handler, called at the end of another one,", () => {
  test("tells the signal while it is taken, and nothing afterwards", async () => {
    const code = `${call}
      let heard = 0;
      process.on("SIGUSR1", () => heard++);
      const signals = new Signalfd(["SIGUSR1", "SIGRTMIN"]);
      const handler = handlerOf(SIG.USR1);
      using info = c.pinned(c.SIGINFO_SIZE);
      const fields = { si_signo: SIG.USR1, si_code: SI.QUEUE, si_pid: 1, si_uid: 2 };
      c.write_siginfo(info, { ...fields, si_value: 3 });
      handler(SIG.USR1, info.address, 0);
      const [first] = signals.readEventsSync();
      signals.disable("SIGUSR1");
      handler(SIG.USR1, info.address, 0);
      process.kill(self, "SIGUSR1");
      while (heard === 0) await turn();
      for (let n = 0; n < 10; n++) await turn();
      print([first.signal, first.pid, first.value, c.read_siginfo(info, 0).si_signo, heard, signals.readEventsSync().length]);
    `;
    expect(await script(code)).toEqual(["SIGUSR1", 1, 3, 10, 1, 0]);
  });

  test("goes on after a write that fails for another reason than that there is no reader", async () => {
    const code = `${call}
      const signals = new Signalfd("SIGUSR1");
      // Half of a siginfo_t, and nothing behind it.
      const size = 0x1_0000;
      const memory = c.mmap(0, 2 * size, c.PROT.READ | c.PROT.WRITE, c.MAP.PRIVATE | c.MAP.ANONYMOUS, -1, 0);
      c.munmap(memory + size, size);
      const half = memory + size - c.SIGINFO_SIZE / 2;
      new Int32Array(toArrayBuffer(half, 0, 4))[0] = SIG.USR1;
      handlerOf(SIG.USR1)(SIG.USR1, half, 0);
      process.kill(self, "SIGUSR1");
      process.kill(self, "SIGUSR1");
      c.munmap(memory, size);
      print(signals.readEventsSync().map(({ code, lost }) => [code, lost ?? 0].join(" ")).toSorted());
    `;
    expect(await script(code)).toEqual(["OVERFLOW 1", "USER 0", "USER 0"]);
  });
});

describe("a signal is the process's again", () => {
  test("when its pipe was closed behind our back", async () => {
    const result = await runScript(`${prelude}
      const signals = new Signalfd(["SIGTERM", "SIGUSR1"]);
      require("node:fs").closeSync(signals.fd);
      print("closed");
      ${terminate}
    `);
    expect(result).toMatchObject({ stdout: '"closed"\n', ...terminated });
  });

  test.each(["was terminated", "was terminated before the main thread's last listener was gone"])(
    "when the Worker that took it %s",
    async (how) => {
      const result = await runScript(`${prelude}${worker}
      const none = () => {};
      if (${how.includes("listener")}) process.on("SIGTERM", none);
      const { worker: taker, ready } = await start(\`
        const signals = new Signalfd("SIGTERM");
        postMessage(c.gettid());
        setInterval(() => signals.queued, 1000);
      \`);
      taker.terminate();
      while (readdirSync("/proc/self/task").includes(String(ready))) await turn();
      process.off("SIGTERM", none);
      print("over");
      ${terminate}
    `);
      expect(result).toMatchObject({ stdout: '"over"\n', ...terminated });
    },
  );

  test.each(["closes", "reads once more, and closes"])(
    "when a Worker %s after the main thread's last listener",
    async (how) => {
      const result = await runScript(`${prelude}${worker}
        const none = () => {};
        process.on("SIGTERM", none);
        const { ask } = await start(\`
          const signals = new Signalfd("SIGTERM");
          self.onmessage = ({ data }) => {
            if (data !== "closes") signals.readEventsSync();
            signals.close();
            self.onmessage = null;
            postMessage("closed");
          };
          postMessage("ready");
        \`);
        process.off("SIGTERM", none);
        print(await ask(${JSON.stringify(how)}));
        ${terminate}
      `);
      expect(result).toMatchObject({ stdout: '"closed"\n', ...terminated });
    },
  );

  test(
    "when two Workers have opened and closed Signalfds at the same time",
    async () => {
      const result = await runScript(`${prelude}${worker}
      const before = actions();
      const body = \`
        postMessage("ready");
        self.onmessage = ({ data }) => {
          let opened = 0;
          for (let n = 0; n < data; n++) {
            const signals = attempt(() => new Signalfd("SIGTERM"));
            if (signals.code === undefined) opened++;
            else if (signals.code !== "EBUSY") throw new Error(signals.message);
            signals.close?.();
          }
          self.onmessage = null;
          postMessage(opened);
        };
      \`;
      const workers = await Promise.all([start(body), start(body)]);
      const over = workers.map(({ worker }) => closed(worker));
      const opened = await Promise.all(workers.map(({ ask }) => ask(${emulated ? 200 : 4000})));
      await Promise.all(over);
      print([opened.every((times) => times > 0), Bun.deepEquals(before, actions())]);
      ${terminate}
    `);
      expect(result).toMatchObject({ stdout: "[true,true]\n", ...terminated });
    },
    20_000 * slowness,
  );
});

describe("a signal that the process ignores", () => {
  test.skipIf(emulated)(
    "is ignored at every moment of opening and closing, which Bun's listeners have no part in (not under emulation, which dies of a storm)",
    async () => {
      const code = `${pester}
        const ignored = String(c.sigaction(SIG.PIPE, null).sa_handler);
        const child = await pester("SIGPIPE");
        let listeners = 0;
        for (let n = 0; n < 1000; n++) {
          const signals = new Signalfd("SIGPIPE");
          listeners += process.listenerCount("SIGPIPE");
          signals.close();
        }
        child.kill("SIGKILL");
        print([ignored, listeners, String(c.sigaction(SIG.PIPE, null).sa_handler)]);
      `;
      expect(await script(code)).toEqual(["1", 0, "1"]);
    },
  );
});

describe("process.on()", () => {
  test("hears a signal that was sent before it was taken, and nobody else does", async () => {
    const code = `
      let heard = 0;
      process.on("SIGUSR1", () => heard++);
      process.kill(self, "SIGUSR1");
      const signals = new Signalfd("SIGUSR1");
      while (heard === 0) await turn();
      for (let n = 0; n < 10; n++) await turn();
      print([heard, signals.readEventsSync().length]);
    `;
    expect(await script(code)).toEqual([1, 0]);
  });

  test("has no listener of ours while nobody else listens, and none is left", async () => {
    const code = `
      const none = () => {};
      const names = ["SIGUSR1", "newListener"];
      const counts = () => names.map((name) => process.listenerCount(name));
      const all = [];
      const signals = new Signalfd(["SIGUSR1", "SIGUSR2"]);
      all.push(counts()[0]);
      process.on("SIGUSR1", none);
      signals.close();
      all.push(counts());
      process.off("SIGUSR1", none);
      all.push(counts(), String(c.sigaction(SIG.USR1, null).sa_handler));
      print(all);
    `;
    expect(await script(code)).toEqual([0, [1, 0], [0, 0], "0"]);
  });

  test.each([
    ["removed all", ""],
    ["removed all, and added one", "process.on('SIGUSR1', listener);"],
    [
      "removed all, and added them again",
      "for (const one of saved) process.on('SIGUSR1', one); process.on('SIGUSR1', listener);",
    ],
  ])("is not called, and the signal told once, when somebody has %s", async (_, then) => {
    const code = `
      let heard = 0;
      const listener = () => heard++;
      process.on("SIGUSR1", listener);
      const signals = new Signalfd("SIGUSR1");
      const saved = process.listeners("SIGUSR1");
      process.removeAllListeners("SIGUSR1");
      ${then}
      const came = [];
      for (let n = 0; n < 2; n++) {
        process.kill(self, "SIGUSR1");
        came.push((await signals.readEvent()).signal);
        for (let n = 0; n < 10; n++) await turn();
      }
      // Whatever went before, the sender is told by now.
      process.kill(self, "SIGUSR1");
      came.push((await signals.readEvent()).pid === self, signals.readEventsSync().length);
      signals.close();
      const left = process.listeners("SIGUSR1").filter((one) => one !== listener).length;
      process.removeAllListeners("SIGUSR1");
      print([came, heard, left, String(c.sigaction(SIG.USR1, null).sa_handler)]);
    `;
    expect(await script(code)).toEqual([["SIGUSR1", "SIGUSR1", true, 0], 0, 0, "0"]);
  });

  test("of a listener that came and went: the signal does what it does by default", async () => {
    const result = await runScript(`${prelude}
      const none = () => {};
      const signals = new Signalfd("SIGTERM");
      process.on("SIGTERM", none);
      process.off("SIGTERM", none);
      signals.close();
      print(actions()[SIG.TERM - 1] === Bun.inspect({ sa_handler: 0n, sa_mask: 0n, sa_flags: 0 }));
      ${terminate}
    `);
    expect(result).toMatchObject({ stdout: "true\n", ...terminated });
  });

  test("process.emit() makes no signal", async () => {
    const code = `
      const heard = [];
      process.on("SIGUSR1", (signal) => heard.push(signal));
      const signals = new Signalfd("SIGUSR1");
      process.emit("SIGUSR1", "SIGUSR1", 10);
      for (let n = 0; n < 10; n++) await turn();
      print([heard, signals.readEventsSync().length]);
    `;
    expect(await script(code)).toEqual([["SIGUSR1"], 0]);
  });
});

describe("the sender", () => {
  test("of a signal without a siginfo_t is nobody, whoever sent the one before", async () => {
    const code = `
      const signals = new Signalfd("SIGUSR1");
      const handler = c.sigaction(SIG.USR1, null);
      using info = c.pinned(c.SIGINFO_SIZE);
      c.write_siginfo(info, { si_signo: SIG.USR1, si_code: SI.QUEUE, si_pid: 4711, si_uid: 4711, si_value: 4711 });
      const send = () => c.rt_tgsigqueueinfo(self, c.gettid(), SIG.USR1, info);
      for (const sa_flags of [handler.sa_flags, SA.RESTART]) {
        c.sigaction(SIG.USR1, { ...handler, sa_flags });
        for (let n = 0; n < 3; n++) send();
      }
      const told = signals.readEventsSync();
      // Mended by the look.
      send();
      print([...told, ...signals.readEventsSync()].map(({ code, pid, uid, value }) => [code, pid, uid, value ?? "none"].join(" ")));
    `;
    const [known, nobody] = ["QUEUE 4711 4711 4711", "USER 0 0 none"];
    // The look itself is the first to find it so.
    expect(await script(code)).toEqual([known, known, known, nobody, nobody, nobody, known]);
  });

  test.skipIf(emulated)(
    "is told in a Worker again, when the main thread has removed its last listener (not under emulation, which loses signals itself)",
    async () => {
      const code = `${worker}
      const none = () => {};
      process.on("SIGUSR1", none);
      const { worker, ask } = await start(\`
        const signals = new Signalfd("SIGUSR1");
        self.onmessage = async ({ data }) => {
          if (data === "end") { self.onmessage = null; return postMessage("ending"); }
          postMessage((await signals.readEvent()).pid);
        };
        postMessage("ready");
      \`);
      const next = async () => {
        const answer = ask("next");
        const { pid } = Bun.spawn(["sh", "-c", "kill -USR1 " + self]);
        return (await answer) === pid;
      };
      const before = await next();
      process.off("SIGUSR1", none);
      await next();
      const after = await next();
      const over = closed(worker);
      await ask("end");
      await over;
      print([before, after]);
    `;
      expect(await script(code)).toEqual([true, true]);
    },
  );
});

describe("signals for which there was no room", () => {
  const fill = `
    const roomOf = (signals) => c.fcntl(signals, 1032) / c.SIGINFO_SIZE; // F_GETPIPE_SZ
    const send = (times, offset = 0) => { for (let n = 0; n < times; n++) c.sigqueue(self, c.SIGRTMIN() + offset, n); };
    const lost = (signals) => signals.readEventsSync().filter(({ code }) => code === "OVERFLOW").map(({ signal, lost }) => signal + " " + lost);
  `;

  test("are told by the one that takes it", async () => {
    const code = `${fill}
      const first = new Signalfd("SIGRTMIN");
      const last = new Signalfd("SIGRTMIN");
      send(roomOf(last) + 5);
      const told = [lost(first), lost(last)];
      send(roomOf(last) + 3);
      const third = new Signalfd("SIGRTMIN");
      told.push(lost(third), lost(first), lost(last));
      print(told);
    `;
    expect(await script(code)).toEqual([[], ["SIGRTMIN 5"], [], [], ["SIGRTMIN 3"]]);
  });

  test("are told although it was given back", async () => {
    const code = `${fill}
      const signals = new Signalfd(["SIGRTMIN", "SIGRTMIN+1"]);
      send(roomOf(signals));
      send(2, 1);
      signals.disable("SIGRTMIN+1");
      print([lost(signals), lost(signals)]);
    `;
    expect(await script(code)).toEqual([["SIGRTMIN+1 2"], []]);
  });

  test("are told by the one that takes it again, if the last one was closed: decoded or not", async () => {
    const code = `${fill}
      const first = new Signalfd("SIGRTMIN");
      const told = [];
      for (const decode of [false, true]) {
        const last = new Signalfd(["SIGRTMIN", "SIGUSR1"]);
        process.kill(self, "SIGUSR1");
        send(roomOf(last) + 4);
        if (decode) for await (const _ of last) break;
        first.truncate();
        process.on("SIGUSR1", () => {});
        last.close();
        told.push(...lost(first));
      }
      print(told);
    `;
    // One of them is the other signal, which had room.
    expect(await script(code)).toEqual(["SIGRTMIN 5", "SIGRTMIN 5"]);
  });

  test("leave other pipes of the user as large as they are", async () => {
    const code = `${fill}
      const all = Array.from({ length: 80 }, () => new Signalfd("SIGRTMIN"));
      print([Math.max(...all.map(roomOf)) <= 2048, new Set(all.map(roomOf)).size]);
    `;
    expect(await script(code)).toEqual([true, 1]);
  });
});

test.skipIf(emulated)(
  "a Signalfd that comes and goes amid a storm loses and doubles nothing (not under emulation, which dies of one)",
  async () => {
    const times = 3000;
    const sender = `
      import { sigqueue, SIGRTMIN } from "bun-butter/syscalls";
      for (let n = 0; n < ${times}; n++) {
        try { sigqueue(Number(process.argv.at(-1)), SIGRTMIN(), n); }
        catch ({ code }) { if (code !== "EAGAIN") throw code; n--; }
      }
    `;
    const code = `
      const base = new Signalfd("SIGRTMIN");
      const values = [];
      let lost = 0;
      const take = (signals) => {
        for (const event of signals.readEventsSync())
          if (event.code === "OVERFLOW") lost += event.lost;
          else values.push(event.value);
      };
      const child = Bun.spawn([${JSON.stringify(bun)}, "--eval", ${JSON.stringify(sender)}, "--", String(self)], { stderr: "inherit" });
      let rounds = 0;
      while (child.exitCode === null) {
        const inner = new Signalfd("SIGRTMIN");
        await turn();
        if (rounds++ % 3 === 0) take(inner);
        inner.close();
        take(base);
      }
      take(base);
      print([child.exitCode, values.length + lost, new Set(values).size === values.length, rounds > 1]);
    `;
    expect(await script(code)).toEqual([0, times, true, true]);
  },
);

test("the mask that a Worker had is not the main thread's, when that takes a signal over", async () => {
  const code = `${worker}
    const { worker, ready } = await start(\`
      c.pthread_sigmask(c.SIG_HOW.BLOCK, 1n << BigInt(c.SIG.USR1 - 1));
      const signals = new Signalfd("SIGUSR1");
      postMessage(c.gettid());
      setInterval(() => signals.queued, 1000);
    \`);
    worker.terminate();
    while (readdirSync("/proc/self/task").includes(String(ready))) await turn();
    const before = field("SigBlk", "thread-self");
    new Signalfd("SIGUSR1").close();
    print(before === field("SigBlk", "thread-self"));
  `;
  expect(await script(code)).toBe(true);
});

test.skipIf(!can("CAP_SYS_ADMIN") || Bun.which("unshare") === null || emulated)(
  "without /proc, close() sends again what was not read, and leaves a number alone that is another file's by now (needs CAP_SYS_ADMIN, unshare, no emulation)",
  async () => {
    const code = `${prelude}
      let heard = 0;
      process.on("SIGUSR1", () => heard++);
      c.umount2("/proc", c.MNT.DETACH);
      const first = new Signalfd("SIGUSR1");
      process.kill(self, "SIGUSR1");
      first.close();
      while (heard === 0) await turn();
      const [reader, writer] = c.pipe2(c.O.NONBLOCK | c.O.CLOEXEC);
      c.write(writer, new Uint8Array(c.SIGINFO_SIZE));
      const second = new Signalfd("SIGUSR1");
      const { fd } = second;
      c.close(fd);
      const other = c.fcntl(reader, c.F.DUPFD_CLOEXEC, fd);
      second.close();
      let proc = "there";
      try { field("SigBlk"); } catch ({ code }) { proc = code; }
      print([proc, heard, other === fd, c.ioctl_fionread(reader) === c.SIGINFO_SIZE]);
    `;
    const { stdout, stderr } = await run(["unshare", "--mount", bun, "--eval", code]);
    expect({ stdout, stderr }).toEqual({ stdout: '["ENOENT",1,true,true]\n', stderr: "" });
  },
);

test("disable() refuses what is no signal", () => {
  using signals = new Signalfd("SIGRTMIN+20");
  for (const signo of [0, 1.5, 99, NaN]) expect(() => signals.disable([signo])).toThrow(RangeError);
  expect(() => signals.disable("SIGNAL" as "SIGTERM")).toThrow(TypeError);
  expect(signals.signals).toEqual(["SIGRTMIN+20"]);
});
