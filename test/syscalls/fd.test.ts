/** The calls of descriptors themselves, against the running kernel. */
import { describe, expect, test } from "bun:test";
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from "node:fs";

import { OSError, ValueError } from "bun-butter";
import {
  close,
  dup,
  EFD,
  eventfd,
  F,
  fcntl,
  FD,
  fd_name,
  FS,
  IN,
  inotify_add_watch,
  inotify_init1,
  ioctl_fionread,
  ioctl_fs_ioc_getflags,
  O,
  pinned,
  pipe2,
  read,
  read_nonblock,
  SIG,
  write,
} from "bun-butter/syscalls";

import {
  expectDescriptor,
  expectErrno,
  expectInt,
  expectRefusal,
  strangers,
  thrown,
} from "../support/arguments.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

const bytes = (...values: readonly number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);

describe("close()", () => {
  test("gives a descriptor back, once", () => {
    const fd = eventfd(0, EFD.CLOEXEC);
    close(fd);
    expectErrno(() => close(fd), ValueError, "EBADF");
    expect(fd_name(fd)).toBeUndefined();
  });

  test("takes an object that has a descriptor", () => {
    const fd = eventfd(0, EFD.CLOEXEC);
    close({ fd });
    expect(() => fstatSync(fd)).toThrow();
  });

  test("takes nothing that is no descriptor, stdin least of all", () => {
    const stdin = fd_name(0);
    expectDescriptor(close);
    expect(fd_name(0)).toEqual(stdin);
  });
});

describe("read()", () => {
  test("fills a typed array, and says how many bytes", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    write(writer, bytes(1, 2, 3));
    const buf = new Uint8Array(8);
    expect(read(reader, buf)).toBe(3);
    expect(buf).toEqual(bytes(1, 2, 3, 0, 0, 0, 0, 0));
  });

  test("fills the part that a view is of, and nothing around it", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    write(writer, bytes(1, 2, 3, 4, 5, 6, 7, 8));
    const whole = new Uint8Array(12);
    expect(read(reader, whole.subarray(3, 5))).toBe(2);
    expect(read(reader, new Uint16Array(whole.buffer, 6, 1))).toBe(2);
    expect(read(reader, new DataView(whole.buffer, 9, 2) as never)).toBe(2);
    expect(whole).toEqual(bytes(0, 0, 0, 1, 2, 0, 3, 4, 0, 5, 6, 0));
  });

  test("fills pinned memory", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    write(writer, bytes(1, 2, 3));
    using buf = pinned(2);
    expect(read(reader, buf)).toBe(2);
    expect(buf.bytes).toEqual(bytes(1, 2));
    expect(read(reader, buf, 2)).toBe(1);
    expect(buf.bytes).toEqual(bytes(3, 2));
  });

  test("reads at most count bytes", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    write(writer, bytes(1, 2, 3));
    const buf = new Uint8Array(8);
    expect(read(reader, buf, 0)).toBe(0);
    expect(read(reader, buf, 2)).toBe(2);
    expect(buf).toEqual(bytes(1, 2, 0, 0, 0, 0, 0, 0));
  });

  test("gives 0 at the end, and throws EAGAIN where there is more to come", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    expectErrno(() => read(reader, new Uint8Array(1)), OSError, "EAGAIN");
    fds.close(writer);
    expect(read(reader, new Uint8Array(1))).toBe(0);
    expect(read(reader, new Uint8Array(0))).toBe(0);
  });

  test("throws for what can't be read", () => {
    using fds = new Fds();
    const [, writer] = fds.pipe();
    expectErrno(() => read(writer, new Uint8Array(1)), ValueError, "EBADF");
    using dir = tempDir();
    const directory = fds.add(openSync(dir.path, "r"));
    expectErrno(() => read(directory, new Uint8Array(1)), ValueError, "EISDIR");
    const inotify = fds.add(inotify_init1(IN.NONBLOCK | IN.CLOEXEC));
    inotify_add_watch(inotify, dir.path, IN.CREATE);
    writeFileSync(dir.at("name"), "");
    const error = thrown(() => read(inotify, new Uint8Array(16)));
    expect(error).toMatchObject({ code: "EINVAL" });
    expect(`${error}`).toContain("too small for one record");
  });

  test("takes no buffer that is none, and no count that is more", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    write(writer, bytes(1));
    for (const buf of [...strangers, new ArrayBuffer(8), { byteLength: 8 }])
      expect(thrown(() => read(reader, buf as Uint8Array))).toBeInstanceOf(TypeError);
    for (const count of [9, -1, 1.5, NaN, 2 ** 53])
      expectRefusal(() => read(reader, new Uint8Array(8), count), RangeError);
    for (const count of strangers.filter((value) => value !== undefined))
      expectRefusal(() => read(reader, new Uint8Array(8), count as number), TypeError);
    const detached = new Uint8Array(8);
    detached.buffer.transfer();
    expectRefusal(() => read(reader, detached, 8), RangeError);
    const freed = pinned(8);
    freed[Symbol.dispose]();
    expect(`${thrown(() => read(reader, freed))}`).toContain("it was freed");
    // Nothing of that has read anything.
    expect(ioctl_fionread(reader)).toBe(1);
    expectDescriptor((fd) => read(fd, new Uint8Array(1)));
  });
});

describe("read_nonblock()", () => {
  test("gives -1 where there is nothing now, 0 at the end", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    using buf = pinned(8);
    expect(read_nonblock(reader, buf)).toBe(-1);
    write(writer, bytes(7));
    expect(read_nonblock(reader, buf)).toBe(1);
    expect(buf.bytes[0]).toBe(7);
    fds.close(writer);
    expect(read_nonblock(reader, buf)).toBe(0);
  });

  test("leaves what is before its place as it is", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    using buf = pinned(4);
    write(writer, bytes(1, 2, 3, 4));
    expect(read_nonblock(reader, buf, 3)).toBe(1);
    expect([...buf.bytes]).toEqual([0, 0, 0, 1]);
    expect(read_nonblock(reader, buf, 1)).toBe(3);
    expect([...buf.bytes]).toEqual([0, 2, 3, 4]);
    write(writer, bytes(5, 6, 7));
    expect(read_nonblock(reader, buf, 1, 3)).toBe(2);
    expect([...buf.bytes]).toEqual([0, 5, 6, 4]);
    expect(() => read_nonblock(reader, buf, 0, 5)).toThrow(RangeError);
    expect(() => read_nonblock(reader, buf, 5)).toThrow(RangeError);
    expect(() => read_nonblock(reader, buf, -1)).toThrow(RangeError);
  });

  test("throws for everything else", () => {
    using buf = pinned(4);
    using fds = new Fds();
    expectErrno(() => read_nonblock(fds.pipe()[1], buf), ValueError, "EBADF");
    expectErrno(() => read_nonblock(fds.add(eventfd(1, 0)), buf), ValueError, "EINVAL");
    expectDescriptor((fd) => read_nonblock(fd, buf));
    for (const value of [...strangers, new Uint8Array(8)])
      expectRefusal(() => read_nonblock(0, value as never), TypeError);
  });
});

describe("write()", () => {
  test("writes a typed array, a part of one, and pinned memory", () => {
    using dir = tempDir();
    using fds = new Fds();
    const fd = fds.add(openSync(dir.at("file"), "w"));
    expect(write(fd, bytes(1, 2, 3, 4).subarray(1, 3))).toBe(2);
    expect(write(fd, new Uint16Array([0x0403]))).toBe(2);
    using buf = pinned(3);
    buf.bytes.set([5, 6, 7]);
    expect(write(fd, buf, 2)).toBe(2);
    expect(new Uint8Array(readFileSync(dir.at("file")))).toEqual(bytes(2, 3, 3, 4, 5, 6));
  });

  test("writes fewer where not all fits, and throws EAGAIN where nothing does", () => {
    using fds = new Fds();
    const [, writer] = fds.pipe();
    const block = new Uint8Array(100_000);
    const written = write(writer, block);
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(block.byteLength);
    expectErrno(() => write(writer, block), OSError, "EAGAIN");
    expect(ioctl_fionread(writer)).toBe(written);
  });

  test("throws for what nobody reads, and what can't be written", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    expectErrno(() => write(reader, bytes(1)), ValueError, "EBADF");
    fds.close(reader);
    expectErrno(() => write(writer, bytes(1)), OSError, "EPIPE");
    const counter = fds.add(eventfd(0, EFD.NONBLOCK));
    expectErrno(() => write(counter, bytes(1)), ValueError, "EINVAL");
    const full = fds.add(openSync("/dev/full", "w"));
    expectErrno(() => write(full, bytes(1)), OSError, "ENOSPC");
  });

  test("takes no buffer that is none, and no count that is more", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    for (const buf of [...strangers, new ArrayBuffer(8)])
      expect(thrown(() => write(writer, buf as Uint8Array))).toBeInstanceOf(TypeError);
    for (const count of [9, -1, 1.5, NaN])
      expectRefusal(() => write(writer, new Uint8Array(8), count), RangeError);
    expect(ioctl_fionread(reader)).toBe(0);
    expectDescriptor((fd) => write(fd, bytes(1)));
  });
});

describe("dup()", () => {
  test("makes a second descriptor of the same open file, which outlives the first", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    const second = fds.add(dup(reader));
    expect(second).not.toBe(reader);
    expect(fd_name(second)).toBe(fd_name(reader) ?? "");
    expect(fcntl(second, F.GETFD) & FD.CLOEXEC).toBe(0);
    fds.close(reader);
    write(writer, bytes(9));
    expect(read(second, new Uint8Array(4))).toBe(1);
    // The flags of the open file are common.
    expect(fcntl(second, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
  });

  test("takes nothing that is no descriptor", () => expectDescriptor(dup));
});

describe("pipe2()", () => {
  test("makes both ends with the flags that it was given", () => {
    for (const flags of [0, O.NONBLOCK, O.CLOEXEC, O.NONBLOCK | O.CLOEXEC]) {
      using fds = new Fds();
      for (const end of pipe2(flags)) {
        fds.add(end);
        expect(fcntl(end, F.GETFL) & O.NONBLOCK).toBe(flags & O.NONBLOCK);
        expect(fcntl(end, F.GETFD) & FD.CLOEXEC).toBe((flags & O.CLOEXEC) === 0 ? 0 : FD.CLOEXEC);
      }
    }
  });

  test("takes no unknown flag", () => {
    expectErrno(() => pipe2(1), ValueError, "EINVAL");
    expectInt(pipe2);
  });
});

describe("fcntl()", () => {
  test("asks and changes flags", () => {
    using fds = new Fds();
    const [reader] = fds.pipe(0);
    expect(fcntl(reader, F.SETFL, O.NONBLOCK)).toBe(0);
    expect(fcntl(reader, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
    expect(fcntl(reader, F.SETFD, 0)).toBe(0);
    expect(fcntl(reader, F.GETFD)).toBe(0);
    expect(fcntl(reader, F.SETFD, FD.CLOEXEC)).toBe(0);
    expect(fcntl(reader, F.GETFD)).toBe(FD.CLOEXEC);
  });

  test("duplicates to a number of at least what was asked for", () => {
    using fds = new Fds();
    const [reader] = fds.pipe();
    const second = fds.add(fcntl(reader, F.DUPFD_CLOEXEC, 100));
    expect(second).toBeGreaterThanOrEqual(100);
    expect(fcntl(second, F.GETFD)).toBe(FD.CLOEXEC);
    expectErrno(() => fcntl(reader, F.DUPFD_CLOEXEC, 2 ** 31 - 1), ValueError, "EINVAL");
  });

  test("leases a file that nobody has open for writing", () => {
    using fds = new Fds();
    using dir = tempDir();
    const writer = fds.add(openSync(dir.at("file"), "w"));
    const reader = fds.add(openSync(dir.at("file"), "r"));
    // It would be told by a signal that ends the process.
    expect(fcntl(reader, F.SETSIG, SIG.URG)).toBe(0);
    expectErrno(() => fcntl(reader, F.SETLEASE, F.RDLCK), OSError, "EAGAIN");
    expect(fcntl(reader, F.GETLEASE)).toBe(F.UNLCK);
    fds.close(writer);
    expect(fcntl(reader, F.SETLEASE, F.RDLCK)).toBe(0);
    expect(fcntl(reader, F.GETLEASE)).toBe(F.RDLCK);
    expect(fcntl(reader, F.SETLEASE, F.UNLCK)).toBe(0);
    expect(fcntl(reader, F.GETLEASE)).toBe(F.UNLCK);
  });

  test("takes no unknown operation, and no argument that is no int", () => {
    using fds = new Fds();
    const [reader] = fds.pipe();
    expectErrno(() => fcntl(reader, 4711), ValueError, "EINVAL");
    expectInt((op) => fcntl(reader, op));
    for (const arg of strangers.filter((value) => value !== undefined))
      expectRefusal(() => fcntl(reader, F.SETFL, arg as number), TypeError);
    expectRefusal(() => fcntl(reader, F.SETFL, 2 ** 32), RangeError);
    expectDescriptor((fd) => fcntl(fd, F.GETFD));
  });
});

describe("ioctl_fionread()", () => {
  test("counts the bytes that wait", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    expect(ioctl_fionread(reader)).toBe(0);
    write(writer, new Uint8Array(4711));
    expect(ioctl_fionread(reader)).toBe(4711);
    using dir = tempDir();
    const inotify = fds.add(inotify_init1(IN.NONBLOCK | IN.CLOEXEC));
    inotify_add_watch(inotify, dir.path, IN.CREATE);
    expect(ioctl_fionread(inotify)).toBe(0);
    writeFileSync(dir.at("name"), "");
    expect(ioctl_fionread(inotify)).toBe(32);
  });

  test("throws for what does not count", () => {
    using fds = new Fds();
    const nothing = fds.add(openSync("/dev/null", "r"));
    expectErrno(() => ioctl_fionread(nothing), ValueError, "ENOTTY");
    expectDescriptor(ioctl_fionread);
  });
});

describe("ioctl_fs_ioc_getflags()", () => {
  test("tells of a directory that upper and lower case differ in it", () => {
    using fds = new Fds();
    using dir = tempDir();
    const fd = fds.add(openSync(dir.path, "r"));
    expect(ioctl_fs_ioc_getflags(fd) & FS.CASEFOLD_FL).toBe(0);
  });

  test("throws for what has no attributes", () => {
    using fds = new Fds();
    const nothing = fds.add(openSync("/dev/null", "r"));
    expectErrno(() => ioctl_fs_ioc_getflags(nothing), ValueError, "ENOTTY");
    expectDescriptor(ioctl_fs_ioc_getflags);
  });
});

describe("fd_name()", () => {
  test("is what the kernel calls it", () => {
    using fds = new Fds();
    const [reader] = fds.pipe();
    expect(fd_name(reader)).toMatch(/^pipe:\[\d+\]$/);
    using dir = tempDir();
    writeFileSync(dir.at("file"), "");
    const file = openSync(dir.at("file"), "r");
    expect(fd_name(file)).toEndWith("/file");
    closeSync(file);
    expect(fd_name(file)).toBeUndefined();
    expect(fd_name(-1)).toBeUndefined();
  });
});
