/** Memfd against the running kernel: contents, seals, maps, and who else can have it. */
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { gunzipSync, gzip } from "node:zlib";

import {
  Memfd,
  type MemfdSeal,
  MemoryError,
  OSError,
  PermissionError,
  ValueError,
} from "bun-butter";
import {
  dup,
  F,
  fcntl,
  FD,
  ftruncate,
  memfd_create,
  MFD,
  pread,
  pwrite,
} from "bun-butter/syscalls";

import { expectErrno, strangers, thrown } from "../support/arguments.ts";
import { emulated, kernel } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { Fds } from "../support/fds.ts";
import { canRefuse } from "../support/seccomp.ts";
import { tempDir } from "../support/temp.ts";

const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

describe("new Memfd()", () => {
  test("makes an empty file, closed by execve", () => {
    using memfd = new Memfd("a name");
    expect(fcntl(memfd, F.GETFD)).toBe(FD.CLOEXEC);
    expect(memfd).toMatchObject({ name: "a name", size: 0, closed: false, seals: [] });
    expect(readlinkSync(memfd.path)).toBe("/memfd:a name (deleted)");
    expect(Bun.inspect(memfd)).toMatch(/^Memfd \{\s+fd: \d+,\s+name: "?'?a name/);
  });

  test("has bytes from the start, at position 0, and zeroes behind them", async () => {
    using memfd = new Memfd("x", { bytes: text("hello"), size: 8 });
    expect(memfd.size).toBe(8);
    expect(await Bun.file(memfd.path).text()).toBe("hello\0\0\0");
    // Of the same open file, so from its position.
    const child = Bun.spawn(["cat"], { stdin: memfd.fd, stdout: "pipe" });
    expect(await child.stdout.text()).toBe("hello\0\0\0");
    using large = new Memfd("x", { bytes: new Uint8Array(5_000_000).fill(7) });
    expect(large.size).toBe(5_000_000);
  });

  test("leaves nothing open for options that are wrong", () => {
    const before = descriptorCount();
    for (const size of [-1, 0.5, NaN]) expect(() => new Memfd("x", { size })).toThrow(RangeError);
    expect(() => new Memfd("x", { bytes: text("four"), size: 3 })).toThrow(
      new RangeError("Cannot take size: 3 is less than the 4 of bytes"),
    );
    for (const value of strangers.filter((one) => one !== undefined)) {
      expect(() => new Memfd("x", { size: value as number })).toThrow(TypeError);
      expect(() => new Memfd("x", { bytes: value as Uint8Array })).toThrow(TypeError);
      expect(() => new Memfd("x", { hugePages: value as "2MB" })).toThrow(TypeError);
      if (typeof value !== "string") expect(() => new Memfd(value as string)).toThrow(TypeError);
    }
    expect(() => new Memfd("x", { bytes: text("no"), hugePages: "2MB" })).toThrow(TypeError);
    expect(() => new Memfd("x", { bytes: text("no"), secret: true })).toThrow(TypeError);
    expectErrno(() => new Memfd("n".repeat(250)), ValueError, "EINVAL");
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });

  test("size is set, larger and smaller", () => {
    using memfd = new Memfd("x", { bytes: text("hello") });
    memfd.size = 2;
    memfd.size = 4;
    expect(readFileSync(memfd.path, "utf8")).toBe("he\0\0");
    for (const size of [-1, 0.5, NaN]) expect(() => (memfd.size = size)).toThrow(RangeError);
    expect(() => (memfd.size = "5" as unknown as number)).toThrow(TypeError);
    expect(memfd.size).toBe(4);
  });

  test.skipIf(!kernel(6, 3))("executable says whether it may be executed (Linux 6.3)", () => {
    using yes = new Memfd("x", { executable: true });
    using no = new Memfd("x", { executable: false });
    expect(fstatSync(yes.fd).mode & 0o111).toBe(0o111);
    expect(fstatSync(no.fd).mode & 0o111).toBe(0);
    expect(no.seals).toEqual(["exec"]);
  });

  test.skipIf(!canRefuse() || Bun.which("setarch") === null)(
    "executable says which kernel has it (needs seccomp, setarch)",
    async () => {
      const script = `
        import { Memfd } from "bun-butter";
        import { refuse } from "./test/support/seccomp.ts";
        refuse("memfd_create", "EINVAL");
        for (const options of [{ executable: false }, { executable: true }, {}]) {
          try { new Memfd("x", options); } catch ({ name, message }) { console.log(name, message); }
        }
      `;
      const { stdout, stderr } = await run(["setarch", "--uname-2.6", bun, "--eval", script]);
      expect(stderr).toBe("");
      const newer = /^UnsupportedError .* \(EINVAL\): executable needs Linux 6\.3 \(this is 2\.6\./;
      expect(stdout.split("\n")).toEqual([
        expect.stringMatching(newer),
        expect.stringMatching(newer),
        expect.stringMatching(/^ValueError /),
        "",
      ]);
    },
  );

  test("closes once, and knows it", () => {
    const memfd = new Memfd("x");
    const { fd } = memfd;
    memfd.close();
    using other = new Memfd("y");
    expect(other.fd).toBe(fd);
    memfd.close();
    memfd[Symbol.dispose]();
    expect(other.name).toBe("y");
    expect(memfd).toMatchObject({ fd: -1, closed: true });
    expect(Bun.inspect(memfd)).toBe("Memfd { closed }");
    for (const use of [
      () => memfd.size,
      () => (memfd.size = 1),
      () => memfd.seals,
      () => memfd.seal("write"),
      () => memfd.map(),
      () => memfd.path,
      () => memfd.name,
      () => memfd.release(),
    ])
      expectErrno(use, ValueError, "EBADF");
  });
});

describe("seals", () => {
  test("are added and told, in ValueErrors where they can't be", () => {
    using memfd = new Memfd("x", { bytes: text("sealed") });
    memfd.seal("grow", "write");
    expect(memfd.seals).toEqual(["grow", "write"]);
    expectErrno(() => pwrite(memfd, text("X"), 0), OSError, "EPERM");
    expectErrno(() => (memfd.size = 100), PermissionError, "EPERM");
    memfd.size = 4;
    memfd.seal("shrink", "seal");
    expectErrno(() => (memfd.size = 0), PermissionError, "EPERM");
    // What is there already is no change.
    memfd.seal("write", "seal");
    memfd.seal();
    expectErrno(() => memfd.seal("future-write"), ValueError, "EPERM");
    expect(memfd.seals).toEqual(["seal", "shrink", "grow", "write"]);
    expect(readFileSync(memfd.path, "utf8")).toBe("seal");
  });

  test("are closed without sealable", () => {
    using memfd = new Memfd("x", { sealable: false });
    expect(memfd.seals).toEqual(["seal"]);
    expectErrno(() => memfd.seal("write"), ValueError, "EPERM");
  });

  test("against writing wait for the end of maps that can write", () => {
    using memfd = new Memfd("x", { size: 4096 });
    const view = memfd.map();
    const kept = memfd.map({ readonly: true });
    expectErrno(() => memfd.seal("write"), ValueError, "EBUSY");
    memfd.unmap(view);
    memfd.seal("write");
    expect([view.length, kept.length]).toEqual([0, 4096]);
    expectErrno(() => memfd.map(), PermissionError, "EPERM");
    expect(memfd.map({ readonly: true }).length).toBe(4096);
  });

  test("against future writing leave maps as they are", () => {
    using memfd = new Memfd("x", { size: 1 });
    const view = memfd.map();
    memfd.seal("future-write");
    view[0] = 65;
    expect(readFileSync(memfd.path, "utf8")).toBe("A");
    expectErrno(() => memfd.map(), PermissionError, "EPERM");
  });

  test("take no other names", () => {
    using memfd = new Memfd("x");
    for (const name of [...strangers, "WRITE", "toString"])
      expect(() => memfd.seal("grow", name as MemfdSeal)).toThrow();
    expect(() => memfd.seal("Write" as MemfdSeal)).toThrow(TypeError);
    expect(memfd.seals).toEqual([]);
  });
});

describe("map()", () => {
  test("is the file: what one writes, all see", () => {
    using memfd = new Memfd("x", { bytes: text("hello") });
    const one = memfd.map();
    const two = memfd.map();
    expect(one).toEqual(text("hello"));
    one.set(text("J"));
    expect(two[0]).toBe(74);
    expect(readFileSync(memfd.path, "utf8")).toBe("Jello");
    pwrite(memfd, text("C"), 0);
    expect(one[0]).toBe(67);
  });

  test("readonly keeps what is written to it, and crashes nobody", () => {
    using memfd = new Memfd("x", { bytes: text("hello") });
    memfd.seal("write");
    const view = memfd.map({ readonly: true });
    view.set(text("J"));
    expect(new TextDecoder().decode(view)).toBe("Jello");
    expect(readFileSync(memfd.path, "utf8")).toBe("hello");
  });

  test("is empty after close(), after unmap(), and throws where views throw", () => {
    const memfd = new Memfd("x", { size: 8192 });
    const first = memfd.map();
    const second = memfd.map();
    const part = second.subarray(4096);
    const struct = new DataView(second.buffer);
    memfd.unmap(first);
    memfd.unmap(first);
    memfd.unmap(new Uint8Array(4));
    expect([first.length, second.length]).toEqual([0, 8192]);
    memfd.close();
    expect([second.length, part.length, second.buffer.byteLength]).toEqual([0, 0, 0]);
    second[0] = 1;
    part[0] = 1;
    expect(() => part.fill(1)).toThrow(TypeError);
    expect(second[0]).toBeUndefined();
    expect(() => struct.getInt8(0)).toThrow(TypeError);
    expect(() => Atomics.load(new Int32Array(first.buffer), 0)).toThrow();
  });

  test("takes no options and no view of another type", () => {
    using memfd = new Memfd("x", { size: 1 });
    for (const value of strangers.filter((one) => one !== undefined)) {
      if (typeof value !== "boolean")
        expect(() => memfd.map({ readonly: value as boolean })).toThrow(TypeError);
      expect(() => memfd.unmap(value as Uint8Array)).toThrow(TypeError);
    }
    expect(memfd.seals).toEqual([]);
  });

  test("is not pulled away from an asynchronous call", async () => {
    const bytes = new Uint8Array(4_000_000).fill(3);
    const memfd = new Memfd("x", { bytes });
    const view = memfd.map();
    const zipped = new Promise<Uint8Array>((resolve, reject) => {
      gzip(view, (error, result) => (error === null ? resolve(result) : reject(error)));
    });
    memfd.close();
    expect(Bun.hash(gunzipSync(await zipped))).toBe(Bun.hash(bytes));
  });

  test("is used in compiled code before and after its end, and never crashes", async () => {
    const { stdout, stderr, signalCode } = await runScript(`
      import { Memfd } from "bun-butter";
      const sum = (view) => {
        let total = 0;
        for (let i = 0; i < 4096; i++) total += view[i] ?? 0;
        return total;
      };
      const fill = (view, value) => { for (let i = 0; i < 4096; i++) view[i] = value; };
      let totals = 0;
      for (let round = 0; round < 3000; round++) {
        const memfd = new Memfd("x", { size: 4096 });
        const view = memfd.map();
        fill(view, 1);
        totals += sum(view);
        memfd.close();
        fill(view, 1);
        totals += sum(view);
      }
      console.log(totals);
    `);
    expect({ stdout, stderr, signalCode }).toEqual({
      stdout: `${3000 * 4096}\n`,
      stderr: "",
      signalCode: null,
    });
  });

  test("seals against shrinking, so that nobody can pull it away", () => {
    using memfd = new Memfd("x", { size: 4096 });
    const view = memfd.map();
    expect(memfd.seals).toEqual(["shrink"]);
    expectErrno(() => (memfd.size = 0), PermissionError, "EPERM");
    expectErrno(() => ftruncate(memfd.fd, 4095), PermissionError, "EPERM");
    memfd.size = 8192;
    expect(view.length).toBe(4096);
    expect(memfd.map().length).toBe(8192);
    view[4095] = 1;
  });

  test("refuses what could shrink and can't be sealed, and what is empty", () => {
    using memfd = new Memfd("x", { size: 4096, sealable: false });
    const error = thrown(() => memfd.map());
    expect(error).toBeInstanceOf(ValueError);
    expect(error).toMatchObject({ code: "EPERM", syscall: "map", path: "x" });
    using empty = new Memfd("x");
    expectErrno(() => empty.map(), ValueError, "EINVAL");
    using sealed = new Memfd("x", { size: 1 });
    sealed.seal("shrink", "seal");
    expect(sealed.map().length).toBe(1);
  });

  test("refuses what is too large, and leaves nothing mapped", () => {
    using memfd = new Memfd("too large", { size: 2 ** 40 });
    for (const size of [2 ** 40, 2 ** 50]) {
      memfd.size = size;
      expectErrno(() => memfd.map(), MemoryError, "ENOMEM");
    }
    expect(readFileSync("/proc/self/maps", "utf8")).not.toContain("memfd:too large");
  });

  test("survives that its buffer is moved, and lives while its view does", () => {
    using memfd = new Memfd("x", { size: 4096 });
    const view = memfd.map();
    view[0] = 7;
    const moved = new Uint8Array(view.buffer.transfer());
    memfd.unmap();
    expect(moved[0]).toBe(7);
    const make = (): Uint8Array => new Memfd("y", { bytes: text("kept") }).map();
    const kept = make();
    Bun.gc(true);
    expect(kept).toEqual(text("kept"));
  });

  const pool = "/sys/kernel/mm/hugepages/hugepages-2048kB";
  const free = existsSync(pool) ? Number(readFileSync(`${pool}/free_hugepages`, "utf8")) : 0;

  test.skipIf(emulated || !existsSync(pool))(
    "refuses huge pages that are not there (needs 2 MiB pages)",
    () => {
      using memfd = new Memfd("huge", { hugePages: "2MB", size: 2 ** 40 });
      expectErrno(() => memfd.map(), MemoryError, "ENOMEM");
      expectErrno(() => new Memfd("x", { hugePages: "2MB", size: 4096 }), ValueError, "EINVAL");
    },
  );

  test.skipIf(free < 2)("is of huge pages (needs two free ones of 2 MiB)", () => {
    using memfd = new Memfd("two huge", { hugePages: "2MB", size: 2 ** 22 });
    const view = memfd.map();
    view[2 ** 22 - 1] = 1;
    expect(readFileSync("/proc/self/maps", "utf8")).toContain("memfd:two huge");
    memfd.unmap();
    expect(readFileSync("/proc/self/maps", "utf8")).not.toContain("memfd:two huge");
    expect(view.length).toBe(0);
  });

  const secretWhy = ((): string => {
    try {
      using memfd = new Memfd("", { secret: true });
      return memfd.closed ? "closed" : "";
    } catch (error) {
      return ` (needs memfd_secret: ${(error as OSError).code})`;
    }
  })();
  test.skipIf(secretWhy !== "")(`is all that there is of a secret one${secretWhy}`, () => {
    using memfd = new Memfd("", { secret: true, size: 4096 });
    const view = memfd.map();
    view[0] = 42;
    expect(memfd.map()[0]).toBe(42);
    expect(() => readFileSync(memfd.path)).toThrow();
    expectErrno(() => memfd.seals, ValueError, "EINVAL");
    // Its size is for good, so a map can't lie behind its end.
    expect(() => (memfd.size = 0)).toThrow(OSError);
    memfd.close();
    expect(view.length).toBe(0);
  });
});

describe("adopt()", () => {
  test("owns the descriptor, and maps it if it is sealed or can be", () => {
    using fds = new Fds();
    const fd = memfd_create("made elsewhere", MFD.ALLOW_SEALING);
    ftruncate(fd, 10);
    {
      using memfd = Memfd.adopt(fd);
      expect(memfd).toMatchObject({ fd, name: "made elsewhere", size: 10 });
      expect(fcntl(fd, F.GETFD)).toBe(FD.CLOEXEC);
      memfd.map()[9] = 1;
      expect(pread(fd, new Uint8Array(1), 9)).toBe(1);
    }
    expectErrno(() => fcntl(fd, F.GETFD), ValueError, "EBADF");
    const plain = fds.add(memfd_create("", 0));
    ftruncate(plain, 10);
    using memfd = Memfd.adopt(dup(plain));
    expectErrno(() => memfd.map(), ValueError, "EPERM");
  });

  test("refuses what is none, and leaves it open", () => {
    using dir = tempDir();
    using fds = new Fds();
    writeFileSync(dir.at("memfd:x (deleted)"), "");
    for (const fd of [...fds.pipe(), fds.add(openSync(dir.at("memfd:x (deleted)"), "r"))]) {
      expectErrno(() => Memfd.adopt(fd), ValueError, "EINVAL");
      expect(fcntl(fd, F.GETFD)).toBe(FD.CLOEXEC);
    }
    expectErrno(() => Memfd.adopt(2 ** 30), ValueError, "EBADF");
    for (const fd of strangers) expect(() => Memfd.adopt(fd as number)).toThrow(TypeError);
  });

  test("refuses what another object owns, and takes it once that is released", () => {
    using memfd = new Memfd("owned");
    const { fd } = memfd;
    expectErrno(() => Memfd.adopt(fd), ValueError, "EBUSY");
    using adopted = Memfd.adopt(memfd.release());
    expect(adopted.fd).toBe(fd);
    adopted.close();
    using next = Memfd.adopt(memfd_create("next", 0));
    expect(next.fd).toBe(fd);
  });

  test("gives a Worker the same memory", async () => {
    using memfd = new Memfd("shared", { size: 4096 });
    const view = new Int32Array(memfd.map().buffer);
    const code = `
      import { Memfd } from ${JSON.stringify(new URL("../../src/index.ts", import.meta.url).pathname)};
      self.onmessage = ({ data }) => {
        using memfd = Memfd.adopt(data);
        const words = new Int32Array(memfd.map().buffer);
        words[1] = words[0] * 2;
        self.onmessage = null;
        postMessage(memfd.name);
      };
    `;
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const worker = new Worker(url);
    view[0] = 21;
    const told = new Promise((resolve, reject) => {
      worker.addEventListener("message", ({ data }) => resolve(data), { once: true });
      worker.addEventListener("error", ({ message }) => reject(new Error(message)), { once: true });
    });
    worker.postMessage(dup(memfd));
    expect(await told).toBe("shared");
    URL.revokeObjectURL(url);
    expect(view[1]).toBe(42);
  });

  test("gives a child the same memory, through stdio", async () => {
    using memfd = new Memfd("shared", { size: 4096 });
    const view = memfd.map();
    const code = `
      import { Memfd } from "bun-butter";
      using memfd = Memfd.adopt(3);
      memfd.map()[5] = 99;
      try { memfd.size = 0; } catch (error) { console.log(error.code); }
    `;
    await using child = Bun.spawn([bun, "--eval", code], {
      cwd: new URL("../..", import.meta.url).pathname,
      stdio: ["ignore", "pipe", "inherit", memfd.fd],
    });
    expect(await child.stdout?.text()).toBe("EPERM\n");
    expect(await child.exited).toBe(0);
    expect(view[5]).toBe(99);
  });
});

describe("path", () => {
  test("is what Bun.file, Bun.write and node:fs take", async () => {
    using memfd = new Memfd("x");
    writeFileSync(memfd.path, "node");
    expect(await Bun.file(memfd.path).text()).toBe("node");
    await Bun.write(memfd.path, "bun");
    expect(readFileSync(memfd.path, "utf8")).toBe("bun");
  });

  test.skipIf(emulated)(
    "is what Bun.spawn executes, and dlopen loads (not under emulation)",
    async () => {
      using program = new Memfd("true", { bytes: readFileSync("/bin/echo") });
      program.seal("write", "shrink", "grow", "seal");
      const child = Bun.spawn([program.path, "from memory"], { stdout: "pipe" });
      expect(await child.stdout.text()).toBe("from memory\n");
      const source = "int answer(void) { return 42; }";
      using dir = tempDir();
      const { exitCode } = Bun.spawnSync(["cc", "-shared", "-o", dir.at("a.so"), "-x", "c", "-"], {
        stdin: text(source),
        stderr: "ignore",
      });
      if (exitCode !== 0) throw new Error("no C compiler");
      const { stdout, stderr } = await runScript(
        `
        import { dlopen } from "bun:ffi";
        import { readFileSync } from "node:fs";
        import { Memfd } from "bun-butter";
        using library = new Memfd("a.so", { bytes: readFileSync(process.argv.at(-1)) });
        const { symbols } = dlopen(library.path, { answer: { args: [], returns: "i32" } });
        console.log(symbols.answer());
      `,
        { args: [dir.at("a.so")] },
      );
      expect({ stdout, stderr }).toEqual({ stdout: "42\n", stderr: "" });
    },
  );

  test("of the process is where a script's interpreter finds it", async () => {
    using script = new Memfd("script", { bytes: text("#!/bin/sh\necho $1\n") });
    const child = Bun.spawn([`/proc/${process.pid}/fd/${script.fd}`, "hi"], { stdout: "pipe" });
    expect(await child.stdout.text()).toBe("hi\n");
  });
});

describe("many of them", () => {
  test("leave no descriptor and no memory behind", async () => {
    const before = descriptorCount();
    for (let round = 0; round < 100; round++) {
      using memfd = new Memfd("x", { size: 4096 });
      memfd.map()[0] = 1;
    }
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
    const { stdout, stderr } = await runScript(`
      import { readFileSync } from "node:fs";
      import { Memfd } from "bun-butter";
      const round = () => {
        using memfd = new Memfd("round", { size: 2 ** 20 });
        memfd.map().fill(1);
        memfd.map({ readonly: true }).fill(2);
      };
      for (let i = 0; i < 500; i++) round();
      const maps = readFileSync("/proc/self/maps", "utf8");
      console.log(maps.split("\\n").filter((line) => line.includes("memfd:round")).length);
    `);
    expect({ stdout, stderr }).toEqual({ stdout: "0\n", stderr: "" });
  });

  test("are closed and unmapped when nobody can reach them", async () => {
    const before = descriptorCount();
    const drop = (): void => {
      for (let round = 0; round < 20; round++) new Memfd("dropped", { size: 4096 }).map();
    };
    drop();
    const giveUp = performance.now() + 5000;
    const left = (): number =>
      readFileSync("/proc/self/maps", "utf8").split("memfd:dropped").length - 1;
    while ((descriptorCount() > before || left() > 1) && performance.now() < giveUp) {
      Bun.gc(true);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(descriptorCount()).toBeLessThanOrEqual(before + 1);
    expect(left()).toBeLessThanOrEqual(1);
  });
});
