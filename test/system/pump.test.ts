/** pump(): every way, and what each falls back to. */
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";

import { OSError, pipe, pump, type PumpWay, ValueError } from "bun-butter";
import { dup, F, fcntl, ftruncate, memfd_create, O, read, write } from "bun-butter/syscalls";

import { strangers } from "../support/arguments.ts";
import { collect, digest, feed, noise, sockets } from "../support/bytes.ts";
import { emulated } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { Fds } from "../support/fds.ts";
import { canRefuse } from "../support/seccomp.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

const rejection = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    (value) => new Error(`fulfilled with ${Bun.inspect(value)}`),
    (error: unknown) => error,
  );

/** More than a pipe, a socket or a piece holds. */
const data = noise(3_000_000);

/** Pumps, and tells by which ways. */
async function pumped(from: number, to: number): Promise<{ moved: number; ways: PumpWay[] }> {
  const ways = new Set<PumpWay>();
  const moved = await pump(from, to, { onProgress: (_, way) => void ways.add(way) });
  return { moved, ways: [...ways] };
}

interface End {
  readonly fd: number;
  /** Of a source: feeds it. Of a target: what has arrived, once all is over. */
  readonly done: (over?: Promise<unknown>) => Promise<unknown>;
}

type Ends = Readonly<Record<string, (fds: Fds, dir: TempDir) => End>>;

const sources: Ends = {
  file: (fds, dir) => {
    writeFileSync(dir.at("source"), data);
    return { fd: fds.add(openSync(dir.at("source"), "r")), done: async () => undefined };
  },
  memfd: (fds) => {
    const fd = fds.add(memfd_create("source", 0));
    write(fd, data);
    // A description of its own, at the start.
    return { fd: fds.add(openSync(`/proc/self/fd/${fd}`, "r")), done: async () => undefined };
  },
  pipe: (fds) => {
    const [reader, writer] = fds.pipe();
    return { fd: reader, done: () => feed(writer, data).then(() => void fds.close(writer)) };
  },
  "blocking pipe": (fds) => {
    const [reader, writer] = fds.pipe();
    fcntl(reader, F.SETFL, 0);
    return { fd: reader, done: () => feed(writer, data).then(() => void fds.close(writer)) };
  },
  socket: (fds) => {
    const [fd, peer] = sockets(fds);
    return { fd, done: () => feed(peer, data).then(() => void fds.close(peer)) };
  },
  "blocking socket": (fds) => {
    const [fd, peer] = sockets(fds, 0);
    fcntl(peer, F.SETFL, O.NONBLOCK);
    return { fd, done: () => feed(peer, data).then(() => void fds.close(peer)) };
  },
};

const targets: Ends = {
  file: (fds, dir) => {
    const fd = fds.add(openSync(dir.at("target"), "w"));
    return { fd, done: async (over) => over?.then(() => readFileSync(dir.at("target"))) };
  },
  "file to append to": (fds, dir) => {
    const fd = fds.add(openSync(dir.at("target"), "a"));
    return { fd, done: async (over) => over?.then(() => readFileSync(dir.at("target"))) };
  },
  pipe: (fds) => {
    const [reader, writer] = fds.pipe();
    return { fd: writer, done: () => collect(reader) };
  },
  "blocking pipe": (fds) => {
    const [reader, writer] = fds.pipe();
    fcntl(writer, F.SETFL, 0);
    return { fd: writer, done: () => collect(reader) };
  },
  socket: (fds) => {
    const [fd, peer] = sockets(fds);
    return { fd, done: () => collect(peer) };
  },
  "blocking socket": (fds) => {
    const [fd, peer] = sockets(fds, 0);
    fcntl(peer, F.SETFL, O.NONBLOCK);
    return { fd, done: () => collect(peer) };
  },
};

/** By which way each pair goes. */
function expectedWay(source: string, target: string): PumpWay {
  const file = source === "file" || source === "memfd";
  const socket = source.endsWith("socket");
  if (target === "file to append to") return socket ? "relay" : "read";
  if (source.endsWith("pipe") || target.endsWith("pipe")) return "splice";
  if (target === "file" && file) return source === "file" ? "copy_file_range" : "sendfile";
  return file ? "sendfile" : "relay";
}

describe("pump()", () => {
  const pairs = Object.keys(sources).flatMap((source) =>
    Object.keys(targets).map((target) => [source, target] as const),
  );

  test.each(pairs)("moves everything from a %s to a %s", async (source, target) => {
    using dir = tempDir();
    using fds = new Fds();
    const from = sources[source]?.(fds, dir);
    const to = targets[target]?.(fds, dir);
    if (from === undefined || to === undefined) throw new Error("no such end");
    const flags = [from.fd, to.fd].map((fd) => fcntl(fd, F.GETFL));
    const over = pumped(from.fd, to.fd).then((result) => {
      // As they were, and open.
      expect([from.fd, to.fd].map((fd) => fcntl(fd, F.GETFL))).toEqual(flags);
      fds.close(to.fd);
      return result;
    });
    const [{ moved, ways }, arrived] = await Promise.all([over, to.done(over), from.done()]);
    expect(moved).toBe(data.byteLength);
    expect(digest(arrived as Uint8Array)).toBe(digest(data));
    // On which file system two files are is up to the machine.
    if (source === "memfd" && target === "file")
      expect(["copy_file_range", "sendfile"]).toContain(ways.join());
    else expect(ways).toEqual([expectedWay(source, target)]);
  });

  test("moves at most length bytes, from and to the positions", async () => {
    using dir = tempDir();
    using fds = new Fds();
    writeFileSync(dir.at("from"), "0123456789");
    const from = fds.add(openSync(dir.at("from"), "r"));
    const to = fds.add(openSync(dir.at("to"), "w"));
    read(from, new Uint8Array(2));
    write(to, new TextEncoder().encode(">"));
    expect(await pump(from, to, { length: 3 })).toBe(3);
    expect(await pump(from, to, { length: 0 })).toBe(0);
    expect(await pump(from, to, { length: 1 })).toBe(1);
    expect(readFileSync(dir.at("to"), "utf8")).toBe(">2345");
    expect(await pump(from, to)).toBe(4);
    expect(await pump(from, to)).toBe(0);
    using p = pipe();
    using q = pipe();
    write(p.writer, new TextEncoder().encode("0123456789"));
    expect(await pump(p.reader, q.writer, { length: 4 })).toBe(4);
    expect([p.queued, q.queued]).toEqual([6, 4]);
  });

  test("reads files that say that they are empty, and empty ones", async () => {
    using dir = tempDir();
    using fds = new Fds();
    const proc = fds.add(openSync("/proc/self/status", "r"));
    const to = fds.add(openSync(dir.at("to"), "w"));
    const { moved, ways } = await pumped(proc, to);
    expect(ways).toEqual(["read"]);
    expect(readFileSync(dir.at("to"), "utf8")).toStartWith("Name:");
    expect(fstatSync(to).size).toBe(moved);
    writeFileSync(dir.at("empty"), "");
    const empty = fds.add(openSync(dir.at("empty"), "r"));
    expect(await pumped(empty, to)).toEqual({ moved: 0, ways: [] });
  });

  test("goes on where a file ends that has something", async () => {
    using dir = tempDir();
    using fds = new Fds();
    writeFileSync(dir.at("one"), "one");
    writeFileSync(dir.at("two"), data);
    const to = fds.add(openSync(dir.at("to"), "w"));
    for (const name of ["one", "two", "one"]) await pump(fds.add(openSync(dir.at(name), "r")), to);
    const one = Buffer.from("one");
    expect(digest(readFileSync(dir.at("to")))).toBe(digest(Buffer.concat([one, data, one])));
  });

  test("moves the end of a file to its own start, unless they overlap", async () => {
    using dir = tempDir();
    using fds = new Fds();
    for (const skipped of [5, 1_200_000, 2_000_000]) {
      writeFileSync(dir.at("file"), data);
      const from = fds.add(openSync(dir.at("file"), "r"));
      const to = fds.add(openSync(dir.at("file"), "r+"));
      read(from, new Uint8Array(skipped));
      const over = pump(from, to);
      if (skipped === 5) {
        expect(await rejection(over)).toMatchObject({ code: "EINVAL", syscall: "pump" });
        expect(digest(readFileSync(dir.at("file")))).toBe(digest(data));
        continue;
      }
      const rest = data.subarray(skipped);
      expect(await over).toBe(rest.byteLength);
      const expected = Buffer.concat([rest, data.subarray(rest.byteLength)]);
      expect(digest(readFileSync(dir.at("file")))).toBe(digest(expected));
    }
  });

  test("reads for several at once, and after one that failed, without a byte of another", async () => {
    using dir = tempDir();
    using fds = new Fds();
    const [broken, feeding] = fds.pipe();
    write(feeding, noise(60_000));
    const full = fds.add(openSync("/dev/full", "w"));
    expect(await rejection(pump(broken, full))).toMatchObject({ code: "ENOSPC" });
    const names = ["a", "b", "c"];
    const pipes = names.map(() => fds.pipe());
    const over = names.map((name, at) =>
      pumped(pipes[at]?.[0] ?? -1, fds.add(openSync(dir.at(name), "a"))),
    );
    for (let round = 0; round < 20; round++) {
      for (const [at, name] of names.entries())
        await feed(pipes[at]?.[1] ?? -1, Buffer.alloc(1000 * (at + 1), name));
    }
    for (const [, writer] of pipes) fds.close(writer);
    for (const [at, name] of names.entries()) {
      const moved = 20_000 * (at + 1);
      expect(await over[at]).toEqual({ moved, ways: ["read"] });
      expect(readFileSync(dir.at(name), "latin1")).toBe(name.repeat(moved));
    }
  });

  test.each(["pipe", "socket"])(
    "moves everything from one process to another by %ss",
    async (kind) => {
      using dir = tempDir();
      using fds = new Fds();
      writeFileSync(dir.at("from"), data);
      const ends = (): [number, number] => {
        if (kind === "socket") return sockets(fds, 0);
        const both = fds.pipe();
        for (const fd of both) fcntl(fd, F.SETFL, 0);
        return both;
      };
      const [from, feeding] = ends();
      const [draining, to] = ends();
      const reader = Bun.spawn(["cat"], { stdin: draining, stdout: Bun.file(dir.at("to")) });
      const writer = Bun.spawn(["cat", dir.at("from")], { stdout: feeding });
      fds.close(feeding);
      fds.close(draining);
      expect(await pump(from, to)).toBe(data.byteLength);
      fds.close(to);
      expect([await writer.exited, await reader.exited]).toEqual([0, 0]);
      expect(digest(readFileSync(dir.at("to")))).toBe(digest(data));
    },
  );

  const elsewhere = ["/dev/shm", "/tmp"].find(
    (path) => existsSync(path) && statfsSync(path).type !== statfsSync(tmpdir()).type,
  );
  test.skipIf(elsewhere === undefined)(
    `copies between file systems (needs /dev/shm or /tmp to be another one than ${tmpdir()})`,
    async () => {
      using dir = tempDir();
      using fds = new Fds();
      const other = mkdtempSync(`${elsewhere}/butter-`);
      try {
        writeFileSync(dir.at("from"), data);
        const from = fds.add(openSync(dir.at("from"), "r"));
        const to = fds.add(openSync(`${other}/to`, "w"));
        expect((await pumped(from, to)).moved).toBe(data.byteLength);
        expect(digest(readFileSync(`${other}/to`))).toBe(digest(data));
      } finally {
        rmSync(other, { recursive: true });
      }
    },
  );

  test("tells what was delivered after each piece, at most 1 MiB at first", async () => {
    using dir = tempDir();
    using fds = new Fds();
    writeFileSync(dir.at("from"), data);
    const from = fds.add(openSync(dir.at("from"), "r"));
    const to = fds.add(openSync(dir.at("to"), "w"));
    const told: number[] = [];
    await pump(from, to, {
      onProgress: (moved) => {
        told.push(moved);
        expect(fstatSync(to).size).toBe(moved);
      },
    });
    expect(told[0]).toBeLessThanOrEqual(2 ** 20);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBe(data.byteLength);
  });

  test("lets the event loop turn between pieces that take long", async () => {
    using dir = tempDir();
    using fds = new Fds();
    const from = fds.add(openSync(dir.at("from"), "w+"));
    ftruncate(from, 2 ** 22);
    const to = fds.add(openSync("/dev/null", "w"));
    let turns = 0;
    await pump(from, to, {
      onProgress: () => {
        setImmediate(() => turns++);
        const began = performance.now();
        while (performance.now() - began < 5);
      },
    });
    expect(turns).toBeGreaterThan(1);
  });

  test("is pending while nothing comes, and ends with what does", async () => {
    using p = pipe();
    using q = pipe();
    let over = false;
    const done = pump(p.reader, q.writer).finally(() => (over = true));
    for (let n = 0; n < 10; n++) await new Promise((resolve) => setImmediate(resolve));
    expect(over).toBe(false);
    write(p.writer, new Uint8Array(7));
    while (q.queued < 7) await new Promise((resolve) => setImmediate(resolve));
    expect(over).toBe(false);
    p.writer.close();
    expect(await done).toBe(7);
  });

  test("begins with nothing if it is aborted, and ends between two pieces", async () => {
    using dir = tempDir();
    using fds = new Fds();
    writeFileSync(dir.at("from"), data);
    const from = fds.add(openSync(dir.at("from"), "r"));
    const to = fds.add(openSync(dir.at("to"), "w"));
    const signal = AbortSignal.abort("before");
    expect(await rejection(pump(from, to, { signal }))).toBe("before");
    expect(fstatSync(to).size).toBe(0);
    const controller = new AbortController();
    let known = 0;
    const aborted = pump(from, to, {
      signal: controller.signal,
      onProgress: (moved) => {
        known = moved;
        controller.abort("enough");
      },
    });
    expect(await rejection(aborted)).toBe("enough");
    expect(known).toBeGreaterThan(0);
    expect(fstatSync(to).size).toBe(known);
    // It goes on from there.
    expect(await pump(from, to)).toBe(data.byteLength - known);
    expect(digest(readFileSync(dir.at("to")))).toBe(digest(data));
  });

  test("ends a wait that is aborted, for either end, and gives both back as they were", async () => {
    using fds = new Fds();
    using p = pipe();
    const [socket] = sockets(fds, 0);
    const controller = new AbortController();
    const waiting = [
      rejection(pump(socket, p.writer, { signal: controller.signal })),
      rejection(pump(p.reader, socket, { signal: controller.signal })),
    ];
    await new Promise((resolve) => setImmediate(resolve));
    expect(fcntl(socket, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
    controller.abort("stop");
    expect(await Promise.all(waiting)).toEqual(["stop", "stop"]);
    expect(fcntl(socket, F.GETFL) & O.NONBLOCK).toBe(0);
  });

  test("blocks nobody whose descriptor is a duplicate, and touches none that came later", async () => {
    using fds = new Fds();
    using p = pipe();
    const [socket] = sockets(fds, 0);
    const twin = fds.add(dup(socket));
    const blocks = (fd: number): boolean => (fcntl(fd, F.GETFL) & O.NONBLOCK) === 0;
    const begin = (fd: number) => {
      const controller = new AbortController();
      const over = rejection(pump(fd, p.writer, { signal: controller.signal }));
      return async () => {
        controller.abort("stop");
        expect(await over).toBe("stop");
      };
    };
    const [first, second] = [begin(socket), begin(twin)];
    await first();
    expect(blocks(twin)).toBe(false);
    await second();
    expect([blocks(socket), blocks(twin)]).toEqual([true, true]);
    const [third, fourth] = [begin(socket), begin(twin)];
    await third();
    fds.close(socket);
    const [reader] = fds.pipe();
    expect(reader).toBe(socket);
    await fourth();
    expect(blocks(reader)).toBe(false);
  });

  test("takes one file or one pipe twice only for a length", async () => {
    using dir = tempDir();
    using fds = new Fds();
    using p = pipe();
    writeFileSync(dir.at("file"), "0123456789");
    const from = fds.add(openSync(dir.at("file"), "r"));
    const to = fds.add(openSync(dir.at("file"), "a"));
    write(p.writer, new Uint8Array([1, 2, 3]));
    for (const [one, other] of [
      [from, to],
      [p.reader, p.writer],
    ] as const) {
      const failed = await rejection(pump(one, other, { signal: AbortSignal.timeout(2000) }));
      expect(failed).toMatchObject({ name: "ValueError", code: "EINVAL", syscall: "pump" });
    }
    expect(await pump(from, to, { length: 5 })).toBe(5);
    expect(readFileSync(dir.at("file"), "latin1")).toBe("012345678901234");
    expect(await pump(p.reader, p.writer, { length: 2 })).toBe(2);
    const rest = new Uint8Array(4);
    expect([read(p.reader, rest), ...rest]).toEqual([3, 3, 1, 2, 0]);
  });

  test("takes nothing from its source for a target that is not open to write", async () => {
    using dir = tempDir();
    using fds = new Fds();
    using p = pipe();
    writeFileSync(dir.at("file"), "text");
    const file = fds.add(openSync(dir.at("file"), "r"));
    write(p.writer, new Uint8Array(7));
    expect(await rejection(pump(p.reader, file))).toMatchObject({ code: "EBADF" });
    expect(p.queued).toBe(7);
    expect(await rejection(pump(file, p.reader))).toMatchObject({ code: "EBADF" });
    expect(read(file, new Uint8Array(9))).toBe(4);
  });

  test("fails with what the kernel says", async () => {
    using dir = tempDir();
    using fds = new Fds();
    writeFileSync(dir.at("file"), data);
    const file = fds.add(openSync(dir.at("file"), "r"));
    const [reader, writer] = fds.pipe();
    const full = fds.add(openSync("/dev/full", "w"));
    expect(await rejection(pump(file, full))).toMatchObject({ name: "OSError", code: "ENOSPC" });
    expect(await rejection(pump(file, file))).toMatchObject({ name: "ValueError", code: "EBADF" });
    expect(await rejection(pump(writer, full))).toMatchObject({ code: "EBADF" });
    const directory = fds.add(openSync(dir.path, "r"));
    expect(await rejection(pump(directory, full))).toMatchObject({ code: "EISDIR" });
    fds.close(reader);
    const broken = await rejection(pump(file, writer));
    expect(broken).toBeInstanceOf(OSError);
    expect(broken).toMatchObject({ code: "EPIPE" });
    expect(await rejection(pump(file, 2 ** 30))).toMatchObject({ code: "EBADF" });
  });

  test("is told that an end is closed meanwhile", async () => {
    using p = pipe();
    using q = pipe();
    const failed = rejection(pump(p.reader, q.writer));
    await new Promise((resolve) => setImmediate(resolve));
    p.reader.close();
    expect(await failed).toBeInstanceOf(ValueError);
    expect(await failed).toMatchObject({ code: "EBADF" });
  });

  test("rejects for what onProgress throws, and gives all back", async () => {
    using fds = new Fds();
    const before = descriptorCount();
    const [a, b] = sockets(fds, 0);
    const [c, d] = sockets(fds, 0);
    write(b, new Uint8Array(10));
    const thrown = new Error("no");
    const onProgress = (): never => {
      throw thrown;
    };
    expect(await rejection(pump(a, c, { onProgress }))).toBe(thrown);
    expect([a, c].map((fd) => fcntl(fd, F.GETFL) & O.NONBLOCK)).toEqual([0, 0]);
    for (const fd of [a, b, c, d]) fds.close(fd);
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });

  test("takes nothing of another type or range", async () => {
    using p = pipe();
    for (const value of strangers) {
      expect(await rejection(pump(value as number, p.writer))).toBeInstanceOf(TypeError);
      expect(await rejection(pump(p.reader, value as number))).toBeInstanceOf(TypeError);
    }
    for (const length of strangers.filter((value) => value !== undefined))
      expect(await rejection(pump(0, 1, { length: length as number }))).toBeInstanceOf(TypeError);
    for (const length of [-1, 0.5, NaN, -Infinity])
      expect(await rejection(pump(0, 1, { length }))).toBeInstanceOf(RangeError);
    const onProgress = 3 as unknown as () => void;
    expect(await rejection(pump(0, 1, { onProgress }))).toBeInstanceOf(TypeError);
  });

  test("leaves no descriptor behind", async () => {
    const before = descriptorCount();
    for (let round = 0; round < 50; round++) {
      using fds = new Fds();
      const [a, b] = sockets(fds);
      const [c] = sockets(fds);
      write(a, new Uint8Array(100));
      fds.close(a);
      await pump(b, c);
    }
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });
});

describe.skipIf(!canRefuse())("calls that are refused (needs seccomp)", () => {
  const refusals: readonly (readonly [
    refused: readonly string[],
    errno: string,
    from: string,
    way: string,
  ])[] = [
    ...["EXDEV", "EINVAL", "EOPNOTSUPP", "ENOSYS", "EPERM", "ETXTBSY"].map(
      (errno) => [["copy_file_range"], errno, "file", "sendfile"] as const,
    ),
    [["copy_file_range", "sendfile"], "EINVAL", "file", "read"],
    [["copy_file_range", "sendfile"], "ENOSYS", "file", "read"],
    [["splice"], "EINVAL", "pipe", "read"],
    [["splice"], "EPERM", "socket", "read"],
  ];

  test("lead to the next way, without a byte lost", async () => {
    // One after another in one process: of several filters that refuse a call, the last one says how.
    const { stdout, stderr } = await runScript(`
      import { openSync, readFileSync } from "node:fs";
      import { memfd_create, pwrite } from "bun-butter/syscalls";
      import { pump } from "bun-butter";
      import { digest, feed, noise, sockets } from "./test/support/bytes.ts";
      import { Fds } from "./test/support/fds.ts";
      import { refuse } from "./test/support/seccomp.ts";
      const data = noise(300_000);
      for (const [refused, errno, kind] of ${JSON.stringify(refusals)}) {
        using fds = new Fds();
        const to = fds.add(memfd_create("to", 0));
        let from = fds.add(memfd_create("from", 0));
        let feeding;
        if (kind === "file") pwrite(from, data, 0);
        else {
          const [reader, writer] = kind === "pipe" ? fds.pipe() : sockets(fds);
          from = reader;
          feeding = feed(writer, data).then(() => fds.close(writer));
        }
        for (const call of refused) refuse(call, errno);
        const ways = new Set();
        const [moved] = await Promise.all([pump(from, to, { onProgress: (_, way) => ways.add(way) }), feeding]);
        console.log(moved, digest(readFileSync("/proc/self/fd/" + to)) === digest(data), ...ways);
      }
    `);
    const expected = refusals.map(([, , , way]) => `300000 true ${way}\n`);
    expect(stdout + stderr).toBe(expected.join(""));
  });
});

test.skipIf(emulated)("pump() leaves no memory behind (not under emulation)", async () => {
  const { stdout, stderr } = await runScript(`
    import { pipe, pump } from "bun-butter";
    import { write } from "bun-butter/syscalls";
    import { Fds } from "./test/support/fds.ts";
    import { sockets } from "./test/support/bytes.ts";
    const round = async () => {
      using fds = new Fds();
      using p = pipe();
      const [a, b] = sockets(fds);
      write(a, new Uint8Array(50_000));
      fds.close(a);
      const [c] = sockets(fds);
      await pump(b, c);
    };
    for (let i = 0; i < 300; i++) await round();
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 1500; i++) await round();
    Bun.gc(true);
    console.log(Math.round((process.memoryUsage.rss() - before) / 2 ** 20));
  `);
  expect(stderr).toBe("");
  // A buffer or a pipe for each round would be 190 MiB.
  expect(Number(stdout)).toBeLessThan(40);
});
