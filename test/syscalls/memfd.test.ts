/** memfd_create, memfd_secret and seals, against the running kernel. */
import { describe, expect, test } from "bun:test";
import { existsSync, fstatSync, openSync, readFileSync } from "node:fs";

import { OSError, PermissionError, UnsupportedError, ValueError } from "bun-butter";
import {
  F,
  F_SEAL,
  fcntl,
  fcntl_add_seals,
  fcntl_get_seals,
  FD,
  fd_name,
  ftruncate,
  MAP,
  memfd_create,
  memfd_secret,
  MFD,
  mmap_pinned,
  O,
  pwrite,
  read,
  write,
} from "bun-butter/syscalls";

import {
  expectDescriptor,
  expectErrno,
  expectInt,
  expectRefusal,
  expectUint,
  strangers,
  thrown,
} from "../support/arguments.ts";
import { emulated, kernel } from "../support/capabilities.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

const made = (fds: Fds, flags: number = MFD.CLOEXEC | MFD.ALLOW_SEALING): number =>
  fds.add(memfd_create("test", flags));

describe("memfd_create()", () => {
  test("makes a file in memory with a name", () => {
    using fds = new Fds();
    const fd = fds.add(memfd_create("a name", MFD.CLOEXEC));
    expect(fd_name(fd)).toBe("/memfd:a name (deleted)");
    expect(fcntl(fd, F.GETFD)).toBe(FD.CLOEXEC);
    expect(fcntl(fds.add(memfd_create("", 0)), F.GETFD)).toBe(0);
    expect(write(fd, new Uint8Array([1, 2, 3]))).toBe(3);
    expect(fstatSync(fd).size).toBe(3);
  });

  test("takes names of at most 249 bytes, without NUL, and no unknown flag", () => {
    using fds = new Fds();
    fds.add(memfd_create("n".repeat(249), 0));
    fds.add(memfd_create(new Uint8Array([0xff]), 0));
    expectErrno(() => memfd_create("n".repeat(250), 0), ValueError, "EINVAL");
    expectErrno(() => memfd_create("ü".repeat(125), 0), ValueError, "EINVAL");
    expectErrno(() => memfd_create("n", 0x800), ValueError, "EINVAL");
    expectRefusal(() => memfd_create("a\0b", 0), TypeError);
    for (const name of strangers.filter((value) => typeof value !== "string"))
      expectRefusal(() => memfd_create(name as string, 0), TypeError);
    expectUint((flags) => memfd_create("n", flags));
  });

  test.skipIf(!kernel(6, 3))("takes NOEXEC_SEAL and EXEC (Linux 6.3)", () => {
    using fds = new Fds();
    const noexec = made(fds, MFD.NOEXEC_SEAL);
    expect(fcntl_get_seals(noexec)).toBe(F_SEAL.EXEC);
    expect(fstatSync(noexec).mode & 0o111).toBe(0);
    expect(fstatSync(made(fds, MFD.EXEC)).mode & 0o111).toBe(0o111);
    expectErrno(() => memfd_create("n", MFD.EXEC | MFD.NOEXEC_SEAL), ValueError, "EINVAL");
  });

  test.skipIf(emulated || !existsSync("/sys/kernel/mm/hugepages/hugepages-2048kB"))(
    "makes files of huge pages, whose size is a multiple of theirs (needs 2 MiB pages)",
    () => {
      using fds = new Fds();
      const fd = made(fds, MFD.HUGETLB | MFD.HUGE_2MB | MFD.ALLOW_SEALING);
      expect(fstatSync(fd).blksize).toBe(2 ** 21);
      expectErrno(() => ftruncate(fd, 4096), ValueError, "EINVAL");
      ftruncate(fd, 2 ** 21);
      expect(fcntl_get_seals(fd)).toBe(0);
      expectErrno(() => memfd_create("n", MFD.HUGETLB | (63 << 26)), UnsupportedError, "ENODEV");
    },
  );
});

describe("seals", () => {
  test("are added one by one, and forbid what they say", () => {
    using fds = new Fds();
    const fd = made(fds);
    expect(fcntl_get_seals(fd)).toBe(0);
    write(fd, new Uint8Array(8));
    fcntl_add_seals(fd, F_SEAL.SHRINK);
    expectErrno(() => ftruncate(fd, 4), PermissionError, "EPERM");
    ftruncate(fd, 16);
    fcntl_add_seals(fd, F_SEAL.GROW);
    expectErrno(() => ftruncate(fd, 32), PermissionError, "EPERM");
    fcntl_add_seals(fd, F_SEAL.WRITE);
    expectErrno(() => pwrite(fd, new Uint8Array(1), 0), OSError, "EPERM");
    expect(fcntl_get_seals(fd)).toBe(F_SEAL.SHRINK | F_SEAL.GROW | F_SEAL.WRITE);
    expect(fcntl(fd, F.GET_SEALS)).toBe(F_SEAL.SHRINK | F_SEAL.GROW | F_SEAL.WRITE);
    fcntl_add_seals(fd, F_SEAL.SEAL);
    expectErrno(() => fcntl_add_seals(fd, F_SEAL.FUTURE_WRITE), ValueError, "EPERM");
  });

  test("are closed from the start without ALLOW_SEALING", () => {
    using fds = new Fds();
    const fd = made(fds, MFD.CLOEXEC);
    expect(fcntl_get_seals(fd)).toBe(F_SEAL.SEAL);
    expect(`${thrown(() => fcntl_add_seals(fd, F_SEAL.WRITE))}`).toContain("MFD_ALLOW_SEALING");
  });

  test("against writing are refused while it is mapped for writing, but not those against new writers", () => {
    using fds = new Fds();
    const fd = made(fds);
    ftruncate(fd, 4096);
    const pages = mmap_pinned(4096, MAP.SHARED, fd, 0);
    const error = thrown(() => fcntl_add_seals(fd, F_SEAL.WRITE));
    expect(error).toBeInstanceOf(ValueError);
    expect(error).toHaveProperty("code", "EBUSY");
    expect(`${error}`).toContain("future-write");
    fcntl_add_seals(fd, F_SEAL.FUTURE_WRITE);
    pages.bytes[0] = 7;
    const buf = new Uint8Array(1);
    expect(read(fd, buf)).toBe(1);
    expect(buf[0]).toBe(7);
    expectErrno(() => write(fd, buf), OSError, "EPERM");
    pages[Symbol.dispose]();
    fcntl_add_seals(fd, F_SEAL.WRITE);
  });

  test("are for memfds alone, and take no other types", () => {
    using dir = tempDir();
    using fds = new Fds();
    const file = fds.add(openSync(dir.at("file"), "w"));
    expectErrno(() => fcntl_add_seals(fds.pipe()[1], F_SEAL.WRITE), ValueError, "EINVAL");
    expectErrno(() => fcntl_get_seals(fds.pipe()[0]), ValueError, "EINVAL");
    expect(() => fcntl_get_seals({ fileno: () => file })).not.toThrow(TypeError);
    expectErrno(() => fcntl_add_seals(made(fds), 1 << 20), ValueError, "EINVAL");
    expectDescriptor((fd) => fcntl_add_seals(fd, 0));
    expectDescriptor(fcntl_get_seals);
    expectInt((seals) => fcntl_add_seals(made(fds), seals));
  });
});

describe("pipe sizes through fcntl()", () => {
  test("are asked and set", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    expect(fcntl(writer, F.GETPIPE_SZ)).toBeGreaterThanOrEqual(4096);
    expect(fcntl(reader, F.SETPIPE_SZ, 100_000)).toBe(131_072);
    expect(fcntl(writer, F.GETPIPE_SZ)).toBe(131_072);
    write(writer, new Uint8Array(100_000));
    expectErrno(() => fcntl(reader, F.SETPIPE_SZ, 4096), OSError, "EBUSY");
  });
});

const secretWhy = ((): string => {
  try {
    using fds = new Fds();
    fds.add(memfd_secret(O.CLOEXEC));
    return "";
  } catch (error) {
    return ` (needs memfd_secret: ${(error as OSError).code})`;
  }
})();

test.skipIf(secretWhy !== "")(
  `memfd_secret() makes memory that can only be mapped${secretWhy}`,
  () => {
    using fds = new Fds();
    const fd = fds.add(memfd_secret(O.CLOEXEC));
    expect(fcntl(fd, F.GETFD)).toBe(FD.CLOEXEC);
    ftruncate(fd, 4096);
    expect(() => write(fd, new Uint8Array(1))).toThrow(ValueError);
    expect(() => readFileSync(`/proc/self/fd/${fd}`)).toThrow();
    using pages = mmap_pinned(4096, MAP.SHARED, fd, 0);
    pages.bytes[0] = 1;
    expect(pages.bytes[0]).toBe(1);
  },
);

test("memfd_secret() takes no unknown flag", () => {
  expect(thrown(() => memfd_secret(1 << 20))).toBeInstanceOf(OSError);
  expectInt(memfd_secret);
});

test("mmap_pinned() unmaps what is disposed of, and refuses what can't be mapped", () => {
  using fds = new Fds();
  const pages = mmap_pinned(8192, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
  const { address, bytes } = pages;
  const start = address.toString(16);
  expect(readFileSync("/proc/self/maps", "utf8")).toContain(start);
  pages[Symbol.dispose]();
  pages[Symbol.dispose]();
  expect(bytes.length).toBe(0);
  expect(bytes[0]).toBeUndefined();
  expect(() => pages.address).toThrow("it was freed");
  expectErrno(() => mmap_pinned(0, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0), ValueError, "EINVAL");
  expectErrno(() => mmap_pinned(4096, MAP.SHARED, fds.pipe()[0], 0), PermissionError, "EACCES");
  expectErrno(() => mmap_pinned(4096, MAP.SHARED, -1, 0), ValueError, "EBADF");
});
