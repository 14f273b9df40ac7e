/** lseek, against the running kernel. */
import { describe, expect, test } from "bun:test";
import { openSync } from "node:fs";

import { ValueError } from "bun-butter";
import {
  ftruncate,
  is_at_start,
  lseek,
  memfd_create,
  pwrite,
  read,
  SEEK,
} from "bun-butter/syscalls";

import {
  expectDescriptor,
  expectErrno,
  expectInt,
  expectRefusal,
  strangers,
} from "../support/arguments.ts";
import { Fds } from "../support/fds.ts";

describe("lseek()", () => {
  test("sets the position, from the start, from itself and from the end", () => {
    using fds = new Fds();
    const fd = fds.add(memfd_create("file", 0));
    pwrite(fd, new TextEncoder().encode("0123456789"), 0);
    expect(lseek(fd, 3, SEEK.SET)).toBe(3n);
    expect(lseek(fd, 2n, SEEK.CUR)).toBe(5n);
    const byte = new Uint8Array(1);
    read(fd, byte);
    expect(String.fromCharCode(...byte)).toBe("5");
    expect(lseek(fd, -1, SEEK.END)).toBe(9n);
    expect(lseek(fd, 2n ** 40n, SEEK.SET)).toBe(2n ** 40n);
  });

  test("finds data and holes", () => {
    using fds = new Fds();
    const fd = fds.add(memfd_create("file", 0));
    ftruncate(fd, 2 ** 22);
    pwrite(fd, new Uint8Array([1]), 2 ** 21);
    const data = lseek(fd, 0, SEEK.DATA);
    expect(data).toBeGreaterThan(0n);
    expect(data).toBeLessThanOrEqual(2n ** 21n);
    expect(lseek(fd, 2 ** 21, SEEK.HOLE)).toBeGreaterThan(2n ** 21n);
    expectErrno(() => lseek(fd, 2 ** 22, SEEK.DATA), ValueError, "ENXIO");
  });

  test("is_at_start() tells of what has no position that it is not", () => {
    using fds = new Fds();
    const fd = fds.add(memfd_create("file", 0));
    expect(is_at_start(fd)).toBe(true);
    lseek(fd, 1, SEEK.SET);
    expect(is_at_start(fd)).toBe(false);
    expect(is_at_start(fds.pipe()[1])).toBe(false);
    expect(is_at_start(2 ** 30)).toBe(false);
    for (const value of strangers) expectRefusal(() => is_at_start(value as number), TypeError);
  });

  test("throws for what has no position, and for positions that there are not", () => {
    using fds = new Fds();
    const [reader] = fds.pipe();
    const file = fds.add(openSync("/proc/self/exe", "r"));
    expectErrno(() => lseek(reader, 0, SEEK.CUR), ValueError, "ESPIPE");
    expectErrno(() => lseek(file, -1, SEEK.SET), ValueError, "EINVAL");
    expectErrno(() => lseek(file, 0, 99), ValueError, "EINVAL");
    expectDescriptor((fd) => lseek(fd, 0, SEEK.CUR));
    expectInt((whence) => lseek(file, 0, whence));
    for (const offset of strangers.filter((value) => typeof value !== "bigint"))
      expectRefusal(() => lseek(file, offset as number, SEEK.SET), TypeError);
    expectRefusal(() => lseek(file, 0.5, SEEK.SET), RangeError);
  });
});
