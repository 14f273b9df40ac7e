/** Calls that fail while a program runs: each in a process of its own, by a filter that refuses them. */
import { describe, expect, test } from "bun:test";
import { release } from "node:os";

import { slowness } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { canRefuse } from "../support/seccomp.ts";

/** What every script begins with. An unhandled rejection ends it with an error. */
const prelude = `
  import { writeFileSync } from "node:fs";
  import { IN, Inotify, poll } from "bun-butter";
  import { close, dup, io_setup, O, pipe2, write } from "bun-butter/syscalls";
  import { descriptorCount, descriptorsBackTo, openDescriptors } from "./test/support/descriptors.ts";
  import { refuse } from "./test/support/seccomp.ts";
  import { tempDir } from "./test/support/temp.ts";

  const known = openDescriptors();
  const ONE = new Uint8Array([1]);

  /** How a read ends, in a word or a few. */
  const outcome = (read) => read.then(
    (event) => \`event \${event?.name}\`,
    ({ name, code, syscall }) => [name, code, syscall].join(" "),
  );

  /** The set of the poller that came last. Bun has one as well. */
  const pollerSet = () =>
    [...openDescriptors()].findLast(([fd, name]) => !known.has(fd) && name.includes("eventpoll"))[0];

  /** Closed when a poller is to get another number than the one that is refused: the lowest that is free. */
  const hole = dup(2);

  const dir = tempDir();
  process.on("exit", () => dir[Symbol.dispose]());
  const touch = (name) => writeFileSync(dir.at(name), "");
  const watcher = () => {
    const source = new Inotify();
    source.watch(dir.path, IN.CREATE);
    return source;
  };
`;

/** Runs a script to its end, which it must reach by itself, and gives the lines that it printed. */
async function linesOf(script: string): Promise<readonly string[]> {
  const { stdout, stderr, exitCode, signalCode } = await runScript(`${prelude}\n${script}`);
  expect({ stderr, exitCode, signalCode }).toEqual({ stderr: "", exitCode: 0, signalCode: null });
  return stdout.trimEnd().split("\n");
}

describe.skipIf(!canRefuse())("AIO refused (needs seccomp)", () => {
  test.each(["ENOSYS", "EPERM", "EAGAIN"] as const)(
    "with %s, a source and poll() wait through a thread, and leave nothing behind",
    async (errno) => {
      const lines = await linesOf(`
        refuse("io_setup", "${errno}");
        try { io_setup(1); } catch ({ code }) { console.log(code); }
        const before = descriptorCount();
        {
          using source = watcher();
          const pending = source.readEvent();
          touch("first");
          console.log((await pending).name);
          const [reader, writer] = pipe2(O.CLOEXEC);
          const ready = poll(reader, "in");
          write(writer, ONE);
          console.log(...(await ready));
          close(reader);
          close(writer);
          let seen = 0;
          touch("0");
          for await (const { name } of source) {
            if (++seen === 50) break;
            touch(\`\${seen}\`);
          }
          console.log(seen);
          console.log(await outcome(source.wait({ timeout: 5 })));
        }
        console.log(await descriptorsBackTo(before) - before);
      `);
      expect(lines).toEqual([errno, "first", "in", "50", "TimeoutError 23 ", "0"]);
    },
  );

  test("unref() lets the process end although a read is pending, and ref() takes that back", async () => {
    const leaving = linesOf(`
      refuse("io_setup", "ENOSYS");
      const source = watcher();
      source.readEvent().then(() => console.log("event"));
      source.unref();
      process.on("exit", () => console.log("exit"));
    `);
    const staying = linesOf(`
      refuse("io_setup", "ENOSYS");
      const source = watcher();
      source.unref();
      source.readEvent().then(({ name }) => console.log(name));
      source.ref();
      setTimeout(() => touch("late"), 20).unref();
      process.on("exit", () => console.log("exit"));
    `);
    expect(await leaving).toEqual(["exit"]);
    expect(await staying).toEqual(["late", "exit"]);
  });

  test(
    "all that holds for every source holds as well",
    async () => {
      const preload = new URL("../support/refuse-aio.ts", import.meta.url).pathname;
      const contract = new URL("contract.test.ts", import.meta.url).pathname;
      const { stderr, exitCode } = await run(
        [bun, "test", `--timeout=${30_000 * slowness}`, "--preload", preload, contract],
        {
          timeout: 100_000 * slowness,
        },
      );
      expect(stderr).toMatch(/^ *\d+ pass$/m);
      expect({ failed: stderr.match(/^\(fail\).*$/gm) ?? [], exitCode }).toEqual({
        failed: [],
        exitCode: 0,
      });
    },
    120_000 * slowness,
  );
});

describe.skipIf(!canRefuse())("no descriptor to be had (needs seccomp)", () => {
  test("inotify_init1() ENOSYS: the constructor throws UnsupportedError, which names the kernels", async () => {
    const lines = await linesOf(`
      refuse("inotify_init1", "ENOSYS");
      const before = descriptorCount();
      try {
        new Inotify();
      } catch ({ name, code, message }) {
        console.log(name, code);
        console.log(message);
      }
      console.log(await outcome(Inotify.once(dir.path)));
      console.log(descriptorCount() - before);
      const [, writer] = pipe2(O.CLOEXEC);
      console.log(...(await poll(writer, "out")));
    `);
    const [error, message, once, ...rest] = lines;
    expect(error).toBe("UnsupportedError ENOSYS");
    expect(message).toContain("it needs Linux 2.6.27");
    expect(message).toContain(`this is ${release()}`);
    expect(once).toBe("UnsupportedError ENOSYS inotify_init1");
    expect(rest).toEqual(["0", "out"]);
  });

  test.each([
    ["epoll_create1", "epoll_create1"],
    ["eventfd2", "eventfd"],
  ])("%s EMFILE: the first reader is told, and nothing is left open", async (syscall, call) => {
    const lines = await linesOf(`
      using source = watcher();
      const before = descriptorCount();
      refuse("${syscall}", "EMFILE");
      for (let round = 0; round < 3; round++) console.log(await outcome(source.readEvent()));
      console.log(await outcome(poll(source, "in")));
      console.log(descriptorCount() - before, source.closed, source.locked);
      // What needs no waiting works.
      touch("there");
      console.log(source.readEventsSync()[0].name);
    `);
    const told = `OSError EMFILE ${call}`;
    expect(lines).toEqual([told, told, told, told, "0 false false", "there"]);
  });
});

describe.skipIf(!canRefuse())("the poller breaks while readers wait (needs seccomp)", () => {
  test("epoll_wait() fails: every reader is told, and the next read has a new poller", async () => {
    const lines = await linesOf(`
      using source = watcher();
      const [reader, writer] = pipe2(O.CLOEXEC);
      const reads = [outcome(source.readEvent()), outcome(poll(reader, "in"))];
      const set = pollerSet();
      refuse(["epoll_wait", "epoll_pwait"], "EINVAL", set);
      touch("lost by nobody");
      for (const read of reads) console.log(await read);
      console.log(source.closed, source.locked, openDescriptors().has(set));
      close(hole);
      console.log(await outcome(source.readEvent()));
      const ready = poll(reader, "in");
      write(writer, ONE);
      console.log(...(await ready));
    `);
    const told = "ValueError EINVAL epoll_wait";
    expect(lines).toEqual([told, told, "false false false", "event lost by nobody", "in"]);
  });

  // It keeps the broken poller, and gets its old error again and again.
  test.failing(
    "epoll_wait() fails: a source that did not wait then has a new poller as well",
    async () => {
      const lines = await linesOf(`
      using waiting = watcher();
      using idle = watcher();
      // Both have used the poller.
      const first = [waiting.readEvent(), idle.readEvent()];
      touch("first");
      await Promise.all(first);
      refuse(["epoll_wait", "epoll_pwait"], "EINVAL", pollerSet());
      const told = outcome(waiting.readEvent());
      touch("second");
      console.log(await told);
      idle.truncate();
      close(hole);
      const next = outcome(idle.readEvent());
      touch("third");
      console.log(await next);
    `);
      expect(lines).toEqual(["ValueError EINVAL epoll_wait", "event third"]);
    },
  );

  test("epoll_wait() fails: loops, batches and streams are told", async () => {
    const lines = await linesOf(`
      using looping = watcher();
      using batching = watcher();
      using streaming = watcher();
      const reads = [
        outcome((async () => { for await (const event of looping) return event; })()),
        outcome(batching.batches().next()),
        outcome(streaming.stream().getReader().read()),
      ];
      refuse(["epoll_wait", "epoll_pwait"], "EINVAL", pollerSet());
      touch("name");
      for (const read of reads) console.log(await read);
      console.log(looping.locked, batching.locked, streaming.locked);
    `);
    const told = "ValueError EINVAL epoll_wait";
    expect(lines).toEqual([told, told, told, "false false false"]);
  });

  test("epoll_ctl() fails: that reader is told what to do, and the others go on", async () => {
    const lines = await linesOf(`
      using first = watcher();
      using second = watcher();
      const waiting = outcome(first.readEvent());
      refuse("epoll_ctl", "ENOSPC", pollerSet());
      console.log(await outcome(second.readEvent()));
      await second.readEvent().catch(({ message }) => console.log(message.includes("fs.epoll.max_user_watches")));
      console.log(second.closed, second.locked);
      touch("name");
      console.log(await waiting);
      console.log(second.readEventsSync().length);
    `);
    expect(lines).toEqual(["OSError ENOSPC epoll_ctl", "true", "false false", "event name", "1"]);
  });

  test("io_submit() fails: those who still wait are told", async () => {
    const lines = await linesOf(`
      using source = watcher();
      const [reader, writer] = pipe2(O.CLOEXEC);
      const event = outcome(source.readEvent());
      const ready = outcome(poll(reader, "in"));
      refuse("io_submit", "EAGAIN");
      // It was submitted before, and rings once.
      touch("name");
      console.log(await event);
      console.log(await ready);
      console.log(source.closed, source.locked);
    `);
    expect(lines).toEqual(["event name", "OSError EAGAIN io_submit", "false false"]);
  });
});

describe.skipIf(!canRefuse())("read() fails while readers wait (needs seccomp)", () => {
  test.each([
    ["EIO", "OSError", "EIO read", false],
    ["EPERM", "PermissionError", "EPERM read", false],
    // Whoever closed it behind our back may have opened something else by that number.
    ["EBADF", "ValueError", "EBADF read", true],
  ] as const)(
    "with %s: each way to read is told, and %s is what it gets",
    async (errno, name, what, closed) => {
      const lines = await linesOf(`
      const sources = Array.from({ length: 5 }, watcher);
      const reads = [
        outcome(sources[0].readEvent()),
        outcome(sources[1].readEvents()),
        outcome((async () => { for await (const event of sources[2]) return event; })()),
        outcome(sources[3].batches().next()),
        outcome(sources[4].stream().getReader().read()),
      ];
      for (const { fd } of sources) refuse("read", "${errno}", fd);
      touch("name");
      for (const read of reads) console.log(await read);
      console.log(...sources.map((source) => source.closed));
      console.log(...sources.map((source) => source.locked));
      for (const source of sources) source.close();
    `);
      const told = `${name} ${what}`;
      expect(lines).toEqual([
        ...Array.from({ length: 5 }, () => told),
        Array.from({ length: 5 }, () => closed).join(" "),
        "false false false false false",
      ]);
    },
  );

  test("a read without waiting throws, and one source's fault is no other's", async () => {
    const lines = await linesOf(`
      using broken = watcher();
      using sound = watcher();
      const pending = [outcome(broken.readEvent()), outcome(sound.readEvent())];
      refuse("read", "EIO", broken.fd);
      touch("name");
      for (const read of pending) console.log(await read);
      for (const call of ["readEventsSync", "truncate"]) {
        try { broken[call](); } catch ({ code }) { console.log(code); }
      }
      const next = outcome(sound.readEvent());
      touch("next");
      console.log(await next);
    `);
    expect(lines).toEqual(["OSError EIO read", "event name", "EIO", "EIO", "event next"]);
  });

  test("close() that fails is no error: the descriptor is gone", async () => {
    const lines = await linesOf(`
      const source = watcher();
      refuse("close", "EIO", source.fd);
      const pending = outcome(source.readEvent());
      source.close();
      console.log(source.closed, source.fd, await pending);
    `);
    expect(lines).toEqual(["true -1 ValueError EBADF readEvent()"]);
  });
});
