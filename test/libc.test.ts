import { dlopen, ptr, read } from "bun:ffi";
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { release } from "node:os";
import { pathToFileURL } from "node:url";

import {
  ERRNO,
  MemoryError,
  PermissionError,
  UnknownError,
  UnsupportedError,
  ValueError,
} from "bun-butter";
import fc from "fast-check";

import {
  type Address,
  bind,
  cstring,
  described,
  failure,
  type FdLike,
  fileno,
  int,
  libcPath,
  type PathLike,
  pathText,
  Pinned,
  pinned,
  PinnedString,
  room,
  since,
  size,
  size_t,
  ssize_t,
  sysctl,
  uint,
  uint64,
} from "../src/libc.ts";
import { expectRefusal, strangers, thrown } from "./support/arguments.ts";
import { emulated, isMusl } from "./support/capabilities.ts";
import { runScript } from "./support/child.ts";

describe("int()", () => {
  test("takes each int and no other number", () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const isInt = Number.isInteger(value) && Math.abs(value + 0.5) <= 2 ** 31;
        if (isInt) expect(int(value, "value") === value).toBe(true);
        else expectRefusal(() => int(value, "value"), RangeError);
      }),
    );
    for (const value of [0, -1, 2 ** 31 - 1, -(2 ** 31)]) expect(int(value, "value")).toBe(value);
    for (const value of [2 ** 31, -(2 ** 31) - 1, 3.5, NaN, Infinity, -Infinity])
      expectRefusal(() => int(value, "value"), RangeError);
  });

  test("takes nothing that is no number", () => {
    for (const value of strangers) expectRefusal(() => int(value as number, "value"), TypeError);
  });
});

describe("uint()", () => {
  test("takes what JavaScript's signed bit operators make of a mask", () => {
    expect(uint(0x80000000 | 1, "mask")).toBe(0x80000001);
    expect(uint(0x80000001, "mask")).toBe(0x80000001);
    fc.assert(fc.property(fc.integer(), (value) => uint(value, "mask") === value >>> 0));
    fc.assert(fc.property(fc.nat(2 ** 32 - 1), (value) => uint(value, "mask") === value));
  });

  test("takes nothing else", () => {
    for (const value of [2 ** 32, -(2 ** 31) - 1, 0.5, NaN, Infinity])
      expectRefusal(() => uint(value, "mask"), RangeError);
    for (const value of strangers) expectRefusal(() => uint(value as number, "mask"), TypeError);
  });
});

describe("size()", () => {
  test("takes each number that is a size, and nothing else", () => {
    for (const value of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER])
      expect(size(value, "count")).toBe(value);
    for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53])
      expectRefusal(() => size(value, "count"), RangeError);
    for (const value of strangers) expectRefusal(() => size(value as number, "count"), TypeError);
  });
});

describe("uint64()", () => {
  test("takes numbers and bigints, and nothing else", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), (value) => uint64(value, "value") === value),
    );
    fc.assert(fc.property(fc.maxSafeNat(), (value) => uint64(value, "value") === BigInt(value)));
    for (const value of [-1, -1n, 2n ** 64n, 2 ** 53, 0.5, NaN])
      expectRefusal(() => uint64(value, "value"), RangeError);
    for (const value of strangers.filter((one) => typeof one !== "bigint"))
      expectRefusal(() => uint64(value as number, "value"), TypeError);
  });
});

describe("fileno()", () => {
  test("takes a number, an object with fd, and one with fileno()", async () => {
    expect(fileno(7)).toBe(7);
    expect(fileno({ fd: 7 })).toBe(7);
    expect(fileno({ fileno: () => 7 })).toBe(7);
    expect(fileno(Object.assign([], { fd: 7 }))).toBe(7);
    await using handle = await openFile("/dev/null");
    expect(fileno(handle)).toBe(handle.fd);
  });

  test("asks fileno() first, which can say why there is none", () => {
    expect(fileno({ fd: -1, fileno: () => 7 })).toBe(7);
    const closed = new Error("closed");
    const source = {
      fd: -1,
      fileno(): number {
        throw closed;
      },
    };
    expect(thrown(() => fileno(source))).toBe(closed);
  });

  test("takes no number that is no descriptor", () => {
    for (const value of [NaN, 3.5, 2 ** 31, Infinity]) {
      expectRefusal(() => fileno(value), RangeError);
      expectRefusal(() => fileno({ fd: value }), RangeError);
      expectRefusal(() => fileno({ fileno: () => value }), RangeError);
    }
  });

  test("takes nothing else, which bun:ffi would make a 0 of", () => {
    for (const value of strangers) {
      expectRefusal(() => fileno(value as FdLike), TypeError);
      expectRefusal(() => fileno({ fd: value } as FdLike), TypeError);
      expectRefusal(() => fileno({ fileno: () => value } as FdLike), TypeError);
    }
    expectRefusal(() => fileno({ fileno: 7 } as unknown as FdLike), TypeError);
  });
});

test("PinnedString is a C string where it is, and refuses one without an end", () => {
  using block = pinned(8);
  block.bytes.set(Buffer.from("/a\0/tmp"));
  const string = new PinnedString(block);
  expect(cstring(string, "path")).toBe(block.address);
  expect(pathText(string)).toBe("/a");
  string.offset = 3;
  expect(string.address).toBe((block.address + 3) as Address);
  expect(string.bytes).toEqual(new Uint8Array(Buffer.from("/tmp")));
  block.bytes[7] = 0x78;
  expect(() => cstring(string, "path")).toThrow("no NUL ends it");
  string.offset = -1;
  expect(() => string.address).toThrow(RangeError);
  string.offset = 8;
  expect(() => string.address).toThrow(RangeError);
  string.offset = 0;
  block[Symbol.dispose]();
  expect(() => string.address).toThrow();
});

describe("cstring()", () => {
  test("takes text, bytes and file: URLs", () => {
    expect(cstring("/tmp/é", "path")).toBe("/tmp/é");
    expect(cstring("", "path")).toBe("");
    expect(cstring(new Uint8Array([0x2f, 0xff]), "path")).toEqual(new Uint8Array([0x2f, 0xff, 0]));
    expect(cstring(Buffer.from("/a"), "path")).toEqual(new Uint8Array([0x2f, 0x61, 0]));
    expect(cstring(new URL("file:///tmp/a%20b"), "path")).toBe("/tmp/a b");
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
        (name) =>
          cstring(pathToFileURL(`/${name}`), "path") === pathText(pathToFileURL(`/${name}`)),
      ),
    );
  });

  test("takes no NUL, at which C would cut it", () => {
    for (const path of ["\0", "/tmp\0x", "/tmp/x\0"]) {
      expectRefusal(() => cstring(path, "path"), TypeError);
      expectRefusal(() => cstring(Buffer.from(path), "path"), TypeError);
    }
    expectRefusal(() => cstring(new URL("file:///tmp%00x"), "path"), TypeError);
    expect(`${thrown(() => cstring("/tmp\0x", "path"))}`).toContain(
      '"/tmp\\u0000x" contains a NUL',
    );
  });

  test("takes no half of a surrogate pair, which UTF-8 has no bytes for", () => {
    for (const path of ["\ud800", "/tmp/\udfff", "\ude00\ud83d"])
      expectRefusal(() => cstring(path, "path"), TypeError);
    expect(cstring("/😀", "path")).toBe("/😀");
  });

  test("takes no other URL, and none that is not UTF-8", () => {
    for (const href of ["http://localhost/tmp", "data:,x", "file:///tmp/%FF", "file:///%ED%A0%80"])
      expectRefusal(() => cstring(new URL(href), "path"), TypeError);
    expect(thrown(() => cstring(new URL("file://elsewhere/tmp"), "path"))).toBeInstanceOf(
      TypeError,
    );
  });

  test("takes nothing else", () => {
    for (const value of [...strangers.filter((one) => typeof one !== "string"), new ArrayBuffer(1)])
      expectRefusal(() => cstring(value as PathLike, "path"), TypeError);
  });
});

describe("pathText()", () => {
  test("makes text of every kind of path", () => {
    expect(pathText("/a")).toBe("/a");
    expect(pathText(new URL("file:///a%20b"))).toBe("/a b");
    expect(pathText(new Uint8Array([0x2f, 0xff]))).toBe("/\ufffd");
  });
});

describe("bind()", () => {
  const prototype = { args: [], returns: "i32" } as const;

  test("opens nothing before the first call", () => {
    const { c } = bind({ butter_no_such_call: prototype }, {});
    expect(c.butter_no_such_call).toBeFunction();
    expect(thrown(() => c.butter_no_such_call())).toBeInstanceOf(UnsupportedError);
  });

  test("gives all of a family but what this libc lacks", () => {
    const { c } = bind({ getpid: prototype, butter_no_such_call: prototype }, {});
    expect(c.getpid()).toBe(process.pid);
    const error = thrown(() => c.butter_no_such_call());
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error).toMatchObject({
      code: "ENOSYS",
      errno: -38,
      syscall: "butter_no_such_call",
      message: expect.stringContaining("this libc does not have it"),
    });
    // Whichever is called first.
    const other = bind({ getpid: prototype, butter_no_such_call: prototype }, {});
    expect(thrown(() => other.c.butter_no_such_call())).toBeInstanceOf(UnsupportedError);
    expect(other.c.getpid()).toBe(process.pid);
  });

  test("a call that was taken before the first one works as well", () => {
    const { getpid } = bind({ getpid: prototype }, {}).c;
    for (let round = 0; round < 3; round++) expect(getpid()).toBe(process.pid);
  });

  test("check() reads errno of the call that just failed, whatever the engine does", () => {
    const { c, check } = bind(
      {
        close: { args: ["i32" /* int fd */], returns: "i32" },
        inotify_init1: { args: ["i32" /* int flags */], returns: "i32" },
      },
      { close: { EBADF: ValueError }, inotify_init1: { EINVAL: ValueError } },
    );
    const codes = new Map<string, number>();
    const rounds = 5000;
    for (let round = 0; round < rounds; round++) {
      for (const call of ["close", "inotify_init1"] as const) {
        try {
          check(call, c[call](-1));
        } catch (error) {
          const { code } = error as ValueError;
          codes.set(`${call} ${code}`, (codes.get(`${call} ${code}`) ?? 0) + 1);
        }
      }
      if (round % 1000 === 0) Bun.gc(true);
    }
    expect(Object.fromEntries(codes)).toEqual({
      "close EBADF": rounds,
      "inotify_init1 EINVAL": rounds,
    });
  });

  test("check() returns what is not -1 as it is", () => {
    const { check } = bind({ getpid: prototype }, { getpid: {} });
    for (const result of [0, 1, -2, 2 ** 31, 0n, -2n]) expect(check("getpid", result)).toBe(result);
  });

  test("check() takes -1 for a failure as a bigint too", () => {
    const { c, check } = bind(
      { close: { args: ["i32" /* int fd */], returns: "i32" } },
      { close: { EBADF: ValueError } },
    );
    expect(thrown(() => check("close", BigInt(c.close(-1))))).toBeInstanceOf(ValueError);
  });

  test("wouldBlock() knows EAGAIN from other errors", () => {
    const { c, wouldBlock } = bind(
      {
        eventfd: {
          args: ["u32" /* unsigned int initval */, "i32" /* int flags */],
          returns: "i32",
        },
        read: {
          args: ["i32" /* int fd */, "ptr" /* void *buf */, size_t /* count */],
          returns: ssize_t,
        },
        close: { args: ["i32" /* int fd */], returns: "i32" },
      },
      {},
    );
    const buffer = new Uint8Array(8);
    const fd = c.eventfd(0, 0o4000);
    expect([c.read(fd, buffer, 8), wouldBlock()]).toEqual([-1, true]);
    expect([c.read(fd, buffer, 4), wouldBlock()]).toEqual([-1, false]);
    expect([c.close(fd), c.close(fd), wouldBlock()]).toEqual([0, -1, false]);
  });

  test("each thread has an errno of its own", async () => {
    const worker = `
      import { eventfd } from "bun-butter/syscalls";
      globalThis.onmessage = () => {
        const codes = new Set();
        for (let round = 0; round < 3000; round++) {
          try { eventfd(0, -1); } catch ({ code }) { codes.add(code); }
        }
        postMessage([...codes]);
      };
      postMessage("ready");
    `;
    const { stdout, stderr } = await runScript(`
      import { close } from "bun-butter/syscalls";
      const worker = new Worker("data:text/javascript," + encodeURIComponent(${JSON.stringify(worker)}));
      const next = () => new Promise((resolve) => { worker.onmessage = ({ data }) => resolve(data); });
      await next();
      worker.postMessage("go");
      const theirs = next();
      const codes = new Set();
      for (let round = 0; round < 3000; round++) {
        try { close(-1); } catch ({ code }) { codes.add(code); }
      }
      console.log([...codes].join(), (await theirs).join());
      worker.terminate();
    `);
    expect({ stdout, stderr }).toEqual({ stdout: "EBADF EINVAL\n", stderr: "" });
  });
});

describe("failure()", () => {
  const map = {
    EACCES: PermissionError,
    ENOENT: [ValueError, "make it"],
    ENOSPC: [ValueError, () => "at 42 now"],
  } as const;

  test("makes what the table says, with the hint as text or asked for now", () => {
    expect(failure("open", 13, map)).toBeInstanceOf(PermissionError);
    expect(failure("open", 2, map).message).toBe(
      "Cannot open: no such file or directory (ENOENT): make it",
    );
    expect(failure("open", 28, map).message).toEndWith("(ENOSPC): at 42 now");
  });

  test("makes UnknownError of what no table lists", () => {
    for (const errno of [ERRNO.EXFULL[0], 41, 4095]) {
      for (const table of [map, {}, undefined]) {
        const error = failure("open", errno, table);
        expect(error).toBeInstanceOf(UnknownError);
        expect(error.errno).toBe(-errno);
      }
    }
  });

  test("names the paths, as text whatever they are", () => {
    expect(failure("link", 2, map, Buffer.from("/a"), new URL("file:///b%20c"))).toMatchObject({
      path: "/a",
      dest: "/b c",
      message: expect.stringMatching(/^Cannot link on "\/a" to "\/b c": /),
    });
    expect(failure("open", 2, map)).not.toHaveProperty("path");
  });
});

describe("since()", () => {
  test("names the kernel that has the call, and the running one", () => {
    const { ENOSYS, EPERM } = since("6.13");
    const { message } = failure("listmount", ERRNO.ENOSYS[0], { ENOSYS });
    expect(message).toContain("Linux 6.13");
    expect(message).toContain(release());
    expect(failure("listmount", ERRNO.EPERM[0], { EPERM })).toBeInstanceOf(PermissionError);
  });
});

describe("sysctl()", () => {
  test("tells the value now, and nothing wrong where there is none", () => {
    expect(sysctl("kernel.ostype")).toBe(readFileSync("/proc/sys/kernel/ostype", "utf8").trim());
    expect(sysctl("fs.butter.no_such_limit")).toBe("unknown");
  });
});

describe("described()", () => {
  test.each([
    [null, "null"],
    [undefined, "undefined"],
    [1.5, "1.5"],
    [1n, "1n"],
    [false, "false"],
    ["a\n", '"a\\n"'],
    ["x".repeat(50), `"${"x".repeat(40)}…"`],
    [Symbol("s"), "Symbol(s)"],
    [() => {}, "a function"],
    [[1], "an array"],
    [/x/g, "the regular expression /x/g"],
    [new Date(0), "an instance of Date"],
    [{}, "an object"],
    [Object.create(null), "an object"],
    [{ constructor: 1 }, "an object"],
  ])("%p", (value, text) => {
    expect(described(value)).toBe(text);
  });
});

describe("libcPath()", () => {
  test("is the libc that this process has loaded", () => {
    // musl is what it has loaded, whatever it is called.
    const name = isMusl ? "musl" : "/libc.so.6";
    expect(readFileSync("/proc/self/maps", "utf8")).toContain(name);
    const { getpid } = dlopen(libcPath(), { getpid: { args: [], returns: "i32" } }).symbols;
    expect(getpid()).toBe(process.pid);
  });
});

describe("BUTTER_DEBUG=1", () => {
  const script = `
    import { close, epoll_create1, inotify_add_watch, inotify_init1, read } from "bun-butter/syscalls";
    try { inotify_init1(-1); } catch ({ code }) { console.log(code); }
    const fd = inotify_init1(0o4000);
    console.log(inotify_add_watch(fd, "/", 256));
    try { inotify_add_watch(fd, new Uint8Array([47, 255]), 256); } catch ({ code }) { console.log(code); }
    try { read(fd, new Uint8Array(64)); } catch ({ code }) { console.log(code); }
    close(fd);
    try { close(fd); } catch ({ code }) { console.log(code); }
  `;
  const printed = "EINVAL\n1\nENOENT\nEAGAIN\nEBADF\n";

  test("prints each call with its arguments and result, and errno survives that", async () => {
    const { stdout, stderr } = await runScript(script, { env: { BUTTER_DEBUG: "1" } });
    expect(stdout).toBe(printed);
    expect(stderr.replaceAll(/\((\d+)/g, "(FD").split("\n")).toEqual([
      "butter: inotify_init1(-1) = -1 EINVAL",
      expect.stringMatching(/^butter: inotify_init1\(FD\) = \d+$/),
      'butter: inotify_add_watch(FD, "/", 256) = 1',
      "butter: inotify_add_watch(FD, <3 bytes>, 256) = -1 ENOENT",
      "butter: read(FD, <64 bytes>, 64) = -1 EAGAIN",
      "butter: close(FD) = 0",
      "butter: close(FD) = -1 EBADF",
      "",
    ]);
  });

  test("another value, or none, prints nothing", async () => {
    for (const value of ["", "0", undefined]) {
      const { stdout, stderr } = await runScript(script, { env: { BUTTER_DEBUG: value } });
      expect({ stdout, stderr }).toEqual({ stdout: printed, stderr: "" });
    }
  });

  test("importing the package makes no call and opens nothing", async () => {
    const { stdout, stderr } = await runScript(
      `
      import { readdirSync } from "node:fs";
      const count = () => readdirSync("/proc/self/fd").length;
      const before = count();
      await import("bun-butter");
      await import("bun-butter/syscalls");
      console.log(count() - before);
      `,
      { env: { BUTTER_DEBUG: "1" } },
    );
    expect({ stdout, stderr }).toEqual({ stdout: "0\n", stderr: "" });
  });
});

describe("room()", () => {
  test("gives the address of pinned memory that is large enough", () => {
    using block = pinned(16);
    expect(room(block, "buf")).toBe(block.address);
    expect(room(block, "buf", 16)).toBe(block.address);
    expectRefusal(() => room(block, "buf", 17), RangeError);
  });

  test("takes nothing else, which bun:ffi would make NULL of", () => {
    for (const value of [...strangers, new Uint8Array(16), new ArrayBuffer(16), { address: 1 }])
      expectRefusal(() => room(value as Pinned, "buf"), TypeError);
    const freed = pinned(16);
    freed[Symbol.dispose]();
    expect(`${thrown(() => room(freed, "buf"))}`).toContain("it was freed");
  });
});

describe("Pinned", () => {
  test("is zeroed memory at an address that its views look at", () => {
    using memory = pinned(32);
    expect(memory).toBeInstanceOf(Pinned);
    expect(memory.byteLength).toBe(32);
    expect(memory.bytes).toEqual(new Uint8Array(32));
    expect(ptr(memory.bytes)).toBe(memory.address);
    memory.view.setUint32(4, 0xdeadbeef, true);
    expect(read.u32(memory.address, 4)).toBe(0xdeadbeef);
    expect(memory.bytes[4]).toBe(0xef);
    expect(memory.bytes.buffer).toBe(memory.view.buffer);
  });

  test("stays where it is under the collector and the optimising compiler, with its content", () => {
    using memory = pinned(16);
    const { address } = memory;
    let garbage: unknown[] = [];
    for (let round = 0; round < 30_000; round++) {
      memory.view.setUint32(round & 12, round, true);
      garbage.push(new Uint8Array(64), { round });
      if (round % 5000 === 0) {
        garbage = [];
        Bun.gc(true);
      }
      if (memory.address !== address || read.u32(address, round & 12) !== round)
        throw new Error(`moved in round ${round}`);
    }
    // The engine may move what `.buffer` was asked of.
    const { buffer } = memory.bytes;
    new Uint8Array(buffer).fill(7);
    Bun.gc(true);
    expect(ptr(new Uint8Array(buffer))).toBe(address);
    expect(read.u32(address, 12)).toBe(0x07070707);
  });

  test("is freed once when it is disposed, and useless afterwards", () => {
    const memory = pinned(64);
    const { bytes, view } = memory;
    const mine = new Uint8Array(bytes.buffer, 8, 8);
    memory[Symbol.dispose]();
    memory[Symbol.dispose]();
    expect(memory.byteLength).toBe(0);
    expect([bytes.length, mine.length, memory.bytes.length]).toEqual([0, 0, 0]);
    expect(thrown(() => view.getInt8(0))).toBeInstanceOf(TypeError);
    expect(`${thrown(() => memory.address)}`).toBe(
      "TypeError: Cannot use pinned memory: it was freed",
    );
  });

  test("takes no size that is none", () => {
    for (const value of [0, -1, 1.5, NaN, 2 ** 53]) expectRefusal(() => pinned(value), RangeError);
    for (const value of strangers) expectRefusal(() => pinned(value as number), TypeError);
  });

  test.each([5 * 2 ** 30, 2 ** 46, Number.MAX_SAFE_INTEGER])(
    "throws MemoryError for %d bytes, which libc or the engine does not have",
    (byteLength) => {
      const error = thrown(() => pinned(byteLength));
      expect(error).toBeInstanceOf(MemoryError);
      expect(error).toMatchObject({ code: "ENOMEM", errno: -12, syscall: "malloc" });
    },
  );

  test.skipIf(emulated)(
    "throws MemoryError at the limit of memory (needs RLIMIT_AS, which qemu ignores)",
    async () => {
      const { stdout, stderr } = await runScript(`
      import { dlopen } from "bun:ffi";
      import { readFileSync } from "node:fs";
      import { pinned } from "bun-butter/syscalls";
      import { libcPath } from "./src/libc.ts";
      const { setrlimit } = dlopen(libcPath(), {
        setrlimit: { args: ["i32" /* int resource */, "ptr" /* const struct rlimit *rlim */], returns: "i32" },
      }).symbols;
      using first = pinned(8);
      const kib = Number(/^VmSize:\\s+(\\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1]);
      const limit = BigInt(kib + 64 * 1024) * 1024n;
      const RLIMIT_AS = 9;
      if (setrlimit(RLIMIT_AS, new BigUint64Array([limit, limit])) !== 0) throw new Error("setrlimit");
      try {
        pinned(2 ** 30);
      } catch ({ name, message }) {
        console.log(name, message);
      }
      using second = pinned(4096);
      console.log(second.byteLength);
    `);
      expect({ stdout, stderr }).toEqual({
        stdout: "MemoryError Cannot malloc: cannot allocate memory (ENOMEM)\n4096\n",
        stderr: "",
      });
    },
  );

  test("is freed by the collector, and with a Worker that is terminated", async () => {
    const worker = `
      import { pinned } from "bun-butter/syscalls";
      globalThis.kept = pinned(32 << 20);
      kept.bytes.fill(1);
      const disposed = pinned(1 << 20);
      disposed[Symbol.dispose]();
      postMessage("ready");
      setInterval(() => kept.bytes.fill(2), 1);
    `;
    const { stdout, stderr } = await runScript(`
      import { pinned } from "bun-butter/syscalls";
      const mebibytes = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
      pinned(1 << 20).bytes.fill(1);
      Bun.gc(true);
      const before = mebibytes();
      for (let round = 0; round < 128; round++) pinned(2 << 20).bytes.fill(1);
      Bun.gc(true);
      await new Promise(setImmediate);
      Bun.gc(true);
      console.log(mebibytes() - before < 128);
      for (let round = 0; round < 6; round++) {
        const worker = new Worker("data:text/javascript," + encodeURIComponent(${JSON.stringify(worker)}));
        await new Promise((resolve) => { worker.onmessage = resolve; });
        const closed = new Promise((resolve) => worker.addEventListener("close", resolve));
        worker.terminate();
        await closed;
      }
      console.log(mebibytes() - before < 128);
    `);
    expect({ stdout, stderr }).toEqual({ stdout: "true\ntrue\n", stderr: "" });
  });
});
