/** tee(): one to many. */
import { describe, expect, test } from "bun:test";
import { openSync, readFileSync, writeFileSync } from "node:fs";

import { pipe, tee } from "bun-butter";
import { F, fcntl, O, write } from "bun-butter/syscalls";

import { strangers } from "../support/arguments.ts";
import { collect, digest, feed, noise, sockets } from "../support/bytes.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    (value) => new Error(`fulfilled with ${Bun.inspect(value)}`),
    (error: unknown) => error,
  );

const data = noise(1_500_000);

describe("tee()", () => {
  test.each(["pipe", "file", "socket"] as const)(
    "gives everything from a %s to a file, one to append to, a socket and a small pipe",
    async (source) => {
      const before = descriptorCount();
      {
        using dir = tempDir();
        using fds = new Fds();
        using small = pipe({ capacity: 4096 });
        const [target, peer] = sockets(fds);
        const file = fds.add(openSync(dir.at("file"), "w"));
        const append = fds.add(openSync(dir.at("append"), "a"));
        let from: number;
        let feeding: Promise<void> | undefined;
        if (source === "file") {
          writeFileSync(dir.at("from"), data);
          from = fds.add(openSync(dir.at("from"), "r"));
        } else {
          const [end, other] = source === "pipe" ? fds.pipe() : sockets(fds);
          from = end;
          feeding = feed(other, data).then(() => fds.close(other));
        }
        const told: number[] = [];
        const [moved, ...arrived] = await Promise.all([
          tee(from, [file, target, append, small.writer], {
            onProgress: (total) => void told.push(total),
          }).finally(() => {
            fds.close(target);
            small.writer.close();
          }),
          collect(peer),
          collect(small.reader.fd),
          feeding,
        ]);
        expect(moved).toBe(data.byteLength);
        expect(told.at(-1)).toBe(data.byteLength);
        const files = [readFileSync(dir.at("file")), readFileSync(dir.at("append"))];
        for (const bytes of [...arrived.slice(0, 2), ...files])
          expect(digest(bytes ?? new Uint8Array())).toBe(digest(data));
      }
      expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
    },
  );

  test("moves to a single target, and takes what comes when it comes", async () => {
    using from = pipe();
    using to = pipe();
    const done = tee(from.reader, [to.writer]);
    write(from.writer, new Uint8Array(3));
    while (to.queued < 3) await new Promise((resolve) => setImmediate(resolve));
    write(from.writer, new Uint8Array(4));
    from.writer.close();
    expect(await done).toBe(7);
    expect(to.queued).toBe(7);
  });

  test("takes a source that came in many small pieces", async () => {
    using from = pipe({ capacity: 2 ** 20 });
    using one = pipe({ capacity: 2 ** 20 });
    using two = pipe({ capacity: 2 ** 20 });
    // A page of the pipe each, which is more than the pipes in between have by default.
    const from256 = Array.from({ length: 200 }, (_, at) => noise(100 + at));
    fcntl(from.writer, F.SETFL, fcntl(from.writer, F.GETFL) | O.DIRECT);
    for (const piece of from256) write(from.writer, piece);
    from.writer.close();
    const moved = await tee(from.reader, [one.writer, two.writer]);
    one.writer.close();
    two.writer.close();
    const all = Buffer.concat(from256);
    expect(moved).toBe(all.byteLength);
    expect(digest(await collect(one.reader.fd))).toBe(digest(all));
    expect(digest(await collect(two.reader.fd))).toBe(digest(all));
  });

  test("ends all if one fails, also those that wait", async () => {
    using from = pipe();
    using broken = pipe();
    using stuck = pipe({ capacity: 4096 });
    broken.reader.close();
    write(from.writer, new Uint8Array(10_000));
    const failed = await rejection(tee(from.reader, [stuck.writer, broken.writer]));
    expect(failed).toMatchObject({ name: "OSError", code: "EPIPE" });
    expect(stuck.queued).toBe(4096);
  });

  test("ends when it is aborted, while it waits for the source or a target", async () => {
    using dir = tempDir();
    using fds = new Fds();
    const before = descriptorCount();
    {
      using from = pipe();
      using to = pipe({ capacity: 4096 });
      const [socket] = sockets(fds);
      const controller = new AbortController();
      const { signal } = controller;
      const waiting = [
        rejection(tee(from.reader, [to.writer], { signal })),
        rejection(tee(socket, [to.writer], { signal })),
      ];
      write(from.writer, new Uint8Array(10_000));
      while (to.queued < 4096) await new Promise((resolve) => setImmediate(resolve));
      controller.abort("stop");
      expect(await Promise.all(waiting)).toEqual(["stop", "stop"]);
      expect(await rejection(tee(from.reader, [to.writer], { signal }))).toBe("stop");
      writeFileSync(dir.at("file"), "");
    }
    expect(await descriptorsBackTo(before + 2)).toBeLessThanOrEqual(before + 2);
  });

  test("tells what is wrong with the source or a target", async () => {
    using dir = tempDir();
    using fds = new Fds();
    using p = pipe();
    const directory = fds.add(openSync(dir.path, "r"));
    expect(await rejection(tee(directory, [p.writer]))).toMatchObject({ code: "EISDIR" });
    expect(await rejection(tee(2 ** 30, [p.writer]))).toMatchObject({ code: "EBADF" });
    expect(await rejection(tee(p.reader, [2 ** 30]))).toMatchObject({ code: "EBADF" });
    expect(await rejection(tee(p.reader, []))).toBeInstanceOf(TypeError);
    expect(await rejection(tee(p.reader, p.writer as never))).toBeInstanceOf(TypeError);
    for (const value of strangers) {
      expect(await rejection(tee(value as number, [p.writer]))).toBeInstanceOf(TypeError);
      expect(await rejection(tee(p.reader, [value as number]))).toBeInstanceOf(TypeError);
    }
    const onProgress = "no" as never;
    expect(await rejection(tee(p.reader, [p.writer], { onProgress }))).toBeInstanceOf(TypeError);
  });

  test("refuses a source that is a target too, before anything is taken from it", async () => {
    using from = pipe();
    using other = pipe();
    write(from.writer, new Uint8Array(5));
    const signal = AbortSignal.timeout(2000);
    const failed = await rejection(tee(from.reader, [other.writer, from.writer], { signal }));
    expect(failed).toMatchObject({ name: "ValueError", code: "EINVAL", syscall: "tee" });
    expect([from.queued, other.queued]).toEqual([5, 0]);
  });
});
