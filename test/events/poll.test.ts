/** The poller, through the function that shows it. */
import { expect, test } from "bun:test";
import { openSync, writeFileSync } from "node:fs";

import { IN, Inotify, poll, ValueError } from "bun-butter";
import {
  close,
  EFD,
  EPOLL,
  epoll_create1,
  EPOLL_CTL,
  epoll_ctl,
  eventfd,
  F,
  fcntl,
  O,
  pipe2,
  read,
  write,
} from "bun-butter/syscalls";

import { runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { tempDir } from "../support/temp.ts";

const ONE = new Uint8Array([1]);

class Pipe implements Disposable {
  readonly ends = pipe2(O.CLOEXEC | O.NONBLOCK);
  readonly #open = new Set(this.ends);

  get reader(): number {
    return this.ends[0];
  }

  get writer(): number {
    return this.ends[1];
  }

  close(end: number): void {
    if (this.#open.delete(end)) close(end);
  }

  [Symbol.dispose](): void {
    for (const end of this.ends) this.close(end);
  }
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => new Error(`fulfilled with ${Bun.inspect(value)}`),
    (error: unknown) => error,
  );
}

test("poll() resolves when a descriptor becomes readable", async () => {
  using pipe = new Pipe();
  const ready = poll(pipe.reader, "in");
  write(pipe.writer, ONE);
  expect(await ready).toEqual(new Set(["in"]));
});

test("poll() resolves at once for what is ready already, and leaves it ready", async () => {
  using pipe = new Pipe();
  write(pipe.writer, ONE);
  expect(await poll(pipe.reader, ["in", "pri"])).toEqual(new Set(["in"]));
  expect(await poll(pipe.reader, "in")).toEqual(new Set(["in"]));
  expect(read(pipe.reader, new Uint8Array(8))).toBe(1);
});

test("poll() tells that a full pipe has room again", async () => {
  using pipe = new Pipe();
  const block = new Uint8Array(65_536);
  expect(write(pipe.writer, block)).toBe(65_536);
  expect(await rejection(poll(pipe.writer, "out", { timeout: 0 }))).toHaveProperty(
    "name",
    "TimeoutError",
  );
  const room = poll(pipe.writer, "out");
  read(pipe.reader, block);
  expect(await room).toEqual(new Set(["out"]));
});

test("poll() reports a hang-up and a failure without being asked", async () => {
  using pipe = new Pipe();
  pipe.close(pipe.writer);
  expect(await poll(pipe.reader, "pri")).toEqual(new Set(["hup"]));
  using other = new Pipe();
  other.close(other.reader);
  expect(await poll(other.writer, "pri")).toEqual(new Set(["err"]));
});

test("poll() of one descriptor by several, each for its own events", async () => {
  const fd = eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC);
  try {
    const readable = [poll(fd, "in"), poll(fd, "in"), poll(fd, ["in", "out"])] as const;
    expect(await readable[2]).toEqual(new Set(["out"]));
    write(fd, new BigUint64Array([1n]));
    expect(await readable[0]).toEqual(new Set(["in"]));
    expect(await readable[1]).toEqual(new Set(["in"]));
  } finally {
    close(fd);
  }
});

test("poll() of one descriptor ends for one alone, and goes on for the other", async () => {
  using pipe = new Pipe();
  const controller = new AbortController();
  const first = rejection(poll(pipe.reader, "in", { signal: controller.signal }));
  const second = poll(pipe.reader, "in");
  controller.abort("enough");
  expect(await first).toBe("enough");
  write(pipe.writer, ONE);
  expect(await second).toEqual(new Set(["in"]));
});

test("poll() rejects with a TimeoutError that names the descriptor", async () => {
  using pipe = new Pipe();
  const error = await rejection(poll(pipe.reader, "in", { timeout: 1 }));
  expect(error).toHaveProperty("name", "TimeoutError");
  expect(`${error}`).toContain(`poll descriptor ${pipe.reader}`);
});

test("poll() resolves although the event loop was busy for longer than its time-out", async () => {
  using pipe = new Pipe();
  const ready = poll(pipe.reader, "in", { timeout: 5 });
  write(pipe.writer, ONE);
  const busy = performance.now() + 20;
  while (performance.now() < busy);
  expect(await ready).toEqual(new Set(["in"]));
});

test("poll() says why a file can't be waited for, and that a descriptor is not open", async () => {
  using dir = tempDir();
  writeFileSync(dir.at("file"), "x");
  const file = openSync(dir.at("file"), "r");
  const error = await rejection(poll(file, "in"));
  // A number that nothing takes meanwhile.
  const gone = fcntl(file, F.DUPFD_CLOEXEC, 900);
  close(gone);
  close(file);
  expect(error).toBeInstanceOf(ValueError);
  expect(error).toMatchObject({ code: "EPERM", syscall: "epoll_ctl" });
  expect(`${error}`).toContain("always ready");
  expect(await rejection(poll(gone, "in"))).toMatchObject({ code: "EBADF" });
  expect(await rejection(poll(-1, "in"))).toMatchObject({ code: "EBADF" });
});

test("poll() takes no wrong arguments", async () => {
  using pipe = new Pipe();
  expect(await rejection(poll(undefined as unknown as number, "in"))).toBeInstanceOf(TypeError);
  expect(await rejection(poll(1.5, "in"))).toBeInstanceOf(RangeError);
  expect(await rejection(poll(pipe.reader, []))).toBeInstanceOf(TypeError);
  expect(await rejection(poll(pipe.reader, "toString" as "in"))).toBeInstanceOf(TypeError);
  expect(await rejection(poll(pipe.reader, "in", { timeout: -1 }))).toBeInstanceOf(RangeError);
});

test("poll() takes a source, and another epoll set", async () => {
  using dir = tempDir();
  using inotify = new Inotify();
  inotify.watch(dir.path, IN.CREATE);
  const set = epoll_create1(EPOLL.CLOEXEC);
  try {
    epoll_ctl(set, EPOLL_CTL.ADD, inotify, EPOLL.IN);
    const nested = poll(set, "in");
    const direct = poll(inotify, "in");
    const reading = inotify.readEvent();
    writeFileSync(dir.at("a"), "");
    expect(await direct).toEqual(new Set(["in"]));
    expect((await reading).name).toBe("a");
    // The reader has emptied it, so the set may or may not have been seen ready.
    writeFileSync(dir.at("b"), "");
    expect(await nested).toEqual(new Set(["in"]));
  } finally {
    close(set);
  }
});

test("poll() of a number that was closed and is another file's now", async () => {
  using pipe = new Pipe();
  const fd = fcntl(pipe.reader, F.DUPFD_CLOEXEC, 500);
  const stale = poll(fd, "in", { timeout: 20 });
  close(fd);
  using other = new Pipe();
  const reused = fcntl(other.reader, F.DUPFD_CLOEXEC, 500);
  expect(reused).toBe(fd);
  const ready = poll(reused, "in");
  write(other.writer, ONE);
  expect(await ready).toEqual(new Set(["in"]));
  // It waits for a number, and that number is ready now.
  expect(await stale.catch(() => new Set(["in"]))).toEqual(new Set(["in"]));
  close(reused);
});

test("poll() of 1,000 descriptors at once, each answered once", async () => {
  const before = descriptorCount();
  const fds = Array.from({ length: 1000 }, () => eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC));
  const order: number[] = [];
  const all = fds.map((fd, index) => poll(fd, "in").then(() => order.push(index)));
  for (const fd of fds) write(fd, new BigUint64Array([1n]));
  await Promise.all(all);
  expect(new Set(order).size).toBe(1000);
  for (const fd of fds) close(fd);
  expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
});

test("a busy source delays no other, and no timer", async () => {
  using busy = new Pipe();
  using calm = new Pipe();
  write(busy.writer, ONE);
  let rounds = 0;
  const stop = new AbortController();
  const spin = (async () => {
    while (!stop.signal.aborted) {
      await poll(busy.reader, "in");
      rounds++;
    }
  })();
  const ready = poll(calm.reader, "in");
  await new Promise((resolve) => setTimeout(resolve, 1));
  write(calm.writer, ONE);
  expect(await ready).toEqual(new Set(["in"]));
  stop.abort();
  await spin;
  expect(rounds).toBeGreaterThan(0);
});

test("a pending poll() keeps the process alive, and a finished one does not", async () => {
  const { stdout, exitCode } = await runScript(`
    import { poll } from "bun-butter";
    import { pipe2, write } from "bun-butter/syscalls";
    const [reader, writer] = pipe2(0);
    setTimeout(() => write(writer, new Uint8Array([1])), 20).unref();
    console.log(await poll(reader, "in"));
    process.on("exit", () => console.log("exit"));
  `);
  expect({ stdout, exitCode }).toEqual({ stdout: 'Set(1) {\n  "in",\n}\nexit\n', exitCode: 0 });
});

test("a rejected read is the reader's alone, never an unhandled rejection", async () => {
  const { stdout, stderr, exitCode } = await runScript(`
    import { Inotify, poll } from "bun-butter";
    import { close, pipe2 } from "bun-butter/syscalls";
    process.on("unhandledRejection", (error) => console.log("unhandled", error));
    const [reader] = pipe2(0);
    const inotify = new Inotify();
    const pending = [poll(reader, "in", { timeout: 5 }), inotify.wait({ timeout: 5 }), poll(-1, "in")];
    for (const result of await Promise.allSettled(pending)) console.log(result.reason.name);
    close(inotify.fd);
    await inotify.readEvent().catch((error) => console.log(error.code));
  `);
  expect(stdout + stderr).toBe("TimeoutError\nTimeoutError\nValueError\nEBADF\n");
  expect(exitCode).toBe(0);
});
