/** Pipes with an owner. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { OSError, pages, PermissionError, pipe, poll, ValueError } from "bun-butter";
import { F, fcntl, FD, fd_name, ioctl_fionread, O, pinned, read, write } from "bun-butter/syscalls";

import { expectErrno, strangers, thrown } from "../support/arguments.ts";
import { collect, digest, noise } from "../support/bytes.ts";
import { can } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { Fds } from "../support/fds.ts";

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    (value) => new Error(`fulfilled with ${Bun.inspect(value)}`),
    (error: unknown) => error,
  );

describe("pipe()", () => {
  test("makes two ends, non-blocking and closed by execve", () => {
    using p = pipe();
    for (const end of [p.reader, p.writer]) {
      expect(fcntl(end, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
      expect(fcntl(end, F.GETFD)).toBe(FD.CLOEXEC);
      expect(fd_name(end)).toMatch(/^pipe:/);
    }
    write(p.writer, new Uint8Array(3));
    expect([p.queued, p.reader.queued, p.writer.queued]).toEqual([3, 3, 3]);
    expect(Bun.inspect(p.reader)).toMatch(/^PipeReader \{\s+fd: \d+,\s+capacity: \d+,\s+queued: 3/);
  });

  test("closes each end once, and knows it", () => {
    const before = descriptorCount();
    const p = pipe();
    const fd = p.reader.fd;
    p.reader.close();
    using other = pipe();
    // The number is another's now.
    expect([other.reader.fd, other.writer.fd]).toContain(fd);
    p.reader.close();
    p.close();
    p.close();
    expect(other.queued).toBe(0);
    expect(p.reader).toMatchObject({ fd: -1, closed: true });
    expect(Bun.inspect(p.writer)).toBe("PipeWriter { closed }");
    expectErrno(() => p.reader.fileno(), ValueError, "EBADF");
    expectErrno(() => p.queued, ValueError, "EBADF");
    expectErrno(() => p.capacity, ValueError, "EBADF");
    other.close();
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });

  test("gives up an end without closing it", () => {
    using fds = new Fds();
    using p = pipe();
    const fd = fds.add(p.reader.release());
    expect(p.reader.closed).toBe(true);
    expectErrno(() => p.reader.release(), ValueError, "EBADF");
    write(p.writer, new Uint8Array(2));
    expect(ioctl_fionread(fd)).toBe(2);
    expect(p.queued).toBe(2);
  });

  test("tells who waits for an end that it was closed", async () => {
    using p = pipe();
    const waiting = rejection(poll(p.reader, "in"));
    p.reader.close();
    expect(await waiting).toMatchObject({ code: "EBADF" });
  });

  test("closes what nobody can reach any more", async () => {
    const before = descriptorCount();
    for (let round = 0; round < 20; round++) pipe();
    const giveUp = performance.now() + 5000;
    while (descriptorCount() > before && performance.now() < giveUp) {
      Bun.gc(true);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });

  test("capacity is asked and set, at either end", () => {
    using p = pipe({ capacity: 100_000 });
    expect(p.capacity).toBe(131_072);
    p.reader.capacity = 4096;
    expect(p.writer.capacity).toBe(4096);
    p.capacity = 1;
    expect(p.capacity).toBe(4096);
    p.capacity = 65_536;
    write(p.writer, new Uint8Array(50_000));
    expectErrno(() => (p.capacity = 4096), OSError, "EBUSY");
  });

  test("capacity takes an integer of at least 1, and leaves nothing open for others", () => {
    const before = descriptorCount();
    for (const capacity of [0, -1, 0.5, NaN, 2 ** 31])
      expect(() => pipe({ capacity })).toThrow(RangeError);
    for (const capacity of strangers.filter((value) => value !== undefined))
      expect(() => pipe({ capacity: capacity as number })).toThrow(TypeError);
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });

  test.skipIf(can("CAP_SYS_RESOURCE"))(
    "capacity is at most fs.pipe-max-size (needs a process without CAP_SYS_RESOURCE)",
    () => {
      const limit = Number(readFileSync("/proc/sys/fs/pipe-max-size", "utf8"));
      const error = thrown(() => pipe({ capacity: limit * 2 }));
      expect(error).toBeInstanceOf(PermissionError);
      expect(`${error}`).toContain(`(${limit} now)`);
    },
  );

  test("an end that blocks is what a child expects", async () => {
    using p = pipe();
    expect(p.reader.blocking).toBe(false);
    p.reader.blocking = true;
    expect([p.reader.blocking, p.writer.blocking]).toEqual([true, false]);
    const child = Bun.spawn(["cat"], { stdin: p.reader.fd, stdout: "pipe" });
    p.reader.close();
    write(p.writer, new TextEncoder().encode("through a child"));
    p.writer.close();
    expect(await child.stdout.text()).toBe("through a child");
    expect(await child.exited).toBe(0);
  });
});

describe("give()", () => {
  test("puts memory of any length into the pipe, as it is, and takes it away", async () => {
    using p = pipe();
    for (const length of [1, 4096, 4097, 500_000]) {
      const bytes = noise(length);
      const block = pages(length);
      const { bytes: view } = block;
      view.set(bytes);
      const given = p.writer.give(block);
      const got = new Uint8Array(length);
      using buf = pinned(65_536);
      for (let at = 0; at < length;) {
        await poll(p.reader, "in");
        const count = read(p.reader, buf);
        got.set(buf.bytes.subarray(0, count), at);
        at += count;
      }
      await given;
      expect(digest(got)).toBe(digest(bytes));
      expect(view.byteLength).toBe(0);
      expect(() => block.address).toThrow("it was freed");
    }
  });

  test("what is in the pipe stays as it was, whatever the memory is used for next", async () => {
    using p = pipe();
    const expected: Uint8Array[] = [];
    for (let round = 0; round < 8; round++) {
      const block = pages(4096);
      block.bytes.fill(round + 1);
      expected.push(block.bytes.slice());
      await p.writer.give(block);
      // Likely where that one was.
      using next = pages(4096);
      next.bytes.fill(99);
    }
    p.writer.close();
    expect(digest(await collect(p.reader.fd))).toBe(digest(Buffer.concat(expected)));
  });

  test("waits for room, until it is aborted", async () => {
    using p = pipe({ capacity: 4096 });
    const block = pages(10_000);
    const controller = new AbortController();
    const given = rejection(p.writer.give(block, { signal: controller.signal }));
    expect(p.queued).toBe(4096);
    controller.abort("no longer");
    expect(await given).toBe("no longer");
    expect(block.byteLength).toBe(0);
    const late = pages(1);
    expect(await rejection(p.writer.give(late, { signal: controller.signal }))).toBe("no longer");
    expect(late.byteLength).toBe(0);
  });

  test("fails where nobody reads, and takes the memory all the same", async () => {
    using p = pipe();
    p.reader.close();
    const block = pages(10);
    expect(await rejection(p.writer.give(block))).toMatchObject({ name: "OSError", code: "EPIPE" });
    expect(block.byteLength).toBe(0);
    p.close();
    expect(await rejection(p.writer.give(pages(1)))).toMatchObject({ code: "EBADF" });
  });

  test("takes nothing but pages of its own", async () => {
    using p = pipe();
    using block = pinned(4096);
    for (const other of [...strangers, block, new Uint8Array(8)])
      expect(await rejection(p.writer.give(other as typeof block))).toBeInstanceOf(TypeError);
    expect(block.byteLength).toBe(4096);
    const freed = pages(8);
    freed[Symbol.dispose]();
    await p.writer.give(freed);
    expect(p.queued).toBe(0);
    for (const length of [0, -1, 0.5, NaN]) expect(() => pages(length)).toThrow(RangeError);
    expect(() => pages("8" as unknown as number)).toThrow(TypeError);
  });

  test("takes a block once", async () => {
    using p = pipe();
    const block = pages(16);
    await p.writer.give(block);
    expect(await rejection(p.writer.give(block))).toBeInstanceOf(TypeError);
    expect(p.queued).toBe(16);
  });

  test("leaves no memory behind", async () => {
    const script = `
      import { pages, pipe } from "bun-butter";
      import { pinned, read } from "bun-butter/syscalls";
      using p = pipe({ capacity: 2 ** 20 });
      using buf = pinned(2 ** 20);
      const round = async () => {
        const block = pages(2 ** 20);
        block.bytes.fill(1);
        await p.writer.give(block);
        if (read(p.reader, buf) !== 2 ** 20) throw new Error("short");
      };
      for (let i = 0; i < 20; i++) await round();
      const before = process.memoryUsage.rss();
      for (let i = 0; i < 300; i++) await round();
      console.log(Math.round((process.memoryUsage.rss() - before) / 2 ** 20));
    `;
    const { stdout, stderr } = await runScript(script);
    expect(stderr).toBe("");
    // 300 MiB went through.
    expect(Number(stdout)).toBeLessThan(60);
  });
});

test("pipes leave no descriptor behind", async () => {
  const before = descriptorCount();
  for (let round = 0; round < 200; round++) {
    using p = pipe();
    write(p.writer, new Uint8Array(1));
    await poll(p.reader, "in");
  }
  expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
});
