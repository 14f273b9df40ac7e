/** statx against the running kernel. */
import { expect, test } from "bun:test";
import { lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";

import {
  AT,
  close,
  O,
  openat,
  pinned,
  read_statx,
  read_statx_changed,
  read_statx_device,
  read_statx_identity,
  read_statx_latest,
  S,
  STATX,
  statx,
  statx_latest,
  STATX_SIZE,
  statx_succeeds,
} from "bun-butter/syscalls";

import { tempDir } from "../support/temp.ts";

test("statx() tells what lstat does", () => {
  using dir = tempDir();
  using buf = pinned(STATX_SIZE);
  mkdirSync(dir.at("sub"));
  writeFileSync(dir.at("file"), "hello");
  symlinkSync("file", dir.at("link"));
  utimesSync(dir.at("file"), 1, 1234.5);
  for (const [name, kind] of [
    ["sub", S.IFDIR],
    ["file", S.IFREG],
    ["link", S.IFLNK],
  ] as const) {
    const lstat = lstatSync(dir.at(name), { bigint: true });
    statx(AT.FDCWD, dir.at(name), AT.SYMLINK_NOFOLLOW, STATX.BASIC_STATS, buf);
    const told = read_statx(buf);
    expect(told.stx_mode & S.IFMT).toBe(kind);
    expect(told).toMatchObject({
      stx_ino: lstat.ino,
      stx_size: lstat.size,
      stx_mode: Number(lstat.mode),
      stx_nlink: Number(lstat.nlink),
      stx_uid: Number(lstat.uid),
      stx_blocks: lstat.blocks,
    });
    expect(told.stx_mtime.tv_sec * 1_000_000_000n + BigInt(told.stx_mtime.tv_nsec)).toBe(
      lstat.mtimeNs,
    );
    const [mode, low, high] = read_statx_identity(buf);
    expect([mode, (BigInt(high) << 32n) | BigInt(low)]).toEqual([Number(lstat.mode), lstat.ino]);
    const [mtime, ctime] = read_statx_changed(buf);
    expect(mtime).toBeCloseTo(Number(lstat.mtimeNs) / 1e6, 2);
    expect(ctime).toBeCloseTo(Number(lstat.ctimeNs) / 1e6, 2);
    expect(read_statx_latest(buf)).toBe(Math.max(mtime, ctime));
    expect(read_statx_device(buf)).toBe(told.stx_dev_major * 2 ** 20 + told.stx_dev_minor);
  }
});

test("statx() takes a descriptor's own file, and a path from it", () => {
  using dir = tempDir();
  using buf = pinned(STATX_SIZE);
  writeFileSync(dir.at("file"), "12345");
  const fd = openat(AT.FDCWD, dir.path, O.PATH | O.DIRECTORY | O.CLOEXEC);
  try {
    statx(fd, "", AT.EMPTY_PATH, STATX.INO, buf);
    expect(read_statx(buf).stx_ino).toBe(lstatSync(dir.path, { bigint: true }).ino);
    statx(fd, new TextEncoder().encode("file"), 0, STATX.SIZE, buf);
    expect(read_statx(buf).stx_size).toBe(5n);
  } finally {
    close(fd);
  }
});

test("statx() says why it can't, and takes no wrong memory", () => {
  using dir = tempDir();
  using buf = pinned(STATX_SIZE);
  writeFileSync(dir.at("file"), "");
  symlinkSync("loop", dir.at("loop"));
  for (const [path, code] of [
    ["none", "ENOENT"],
    ["file/below", "ENOTDIR"],
    ["loop", "ELOOP"],
    ["n".repeat(256), "ENAMETOOLONG"],
  ] as const) {
    expect(() => statx(AT.FDCWD, dir.at(path), 0, STATX.INO, buf)).toThrow(
      expect.objectContaining({ code, path: dir.at(path) }),
    );
  }
  expect(() => statx(-1, "relative", 0, STATX.INO, buf)).toThrow("dirfd is not open");
  expect(() => statx(AT.FDCWD, "/tmp\0x", 0, STATX.INO, buf)).toThrow("NUL");
  expect(() => statx(AT.FDCWD, "/tmp", 0, STATX.INO, pinned(255))).toThrow(RangeError);
  expect(() => read_statx(pinned(255))).toThrow(RangeError);
});

test("statx_succeeds() tells what statx() does, and of what it throws for that it did not", () => {
  using dir = tempDir();
  using buf = pinned(STATX_SIZE);
  writeFileSync(dir.at("file"), "hello");
  const ask = (path: string, flags = 0): boolean =>
    statx_succeeds(AT.FDCWD, path, flags, STATX.BASIC_STATS, buf);
  expect(ask(dir.at("file"))).toBe(true);
  expect(read_statx(buf).stx_size).toBe(5n);
  expect(ask(dir.at("missing"))).toBe(false);
  expect(ask(dir.at("file/below"))).toBe(false);
  expect(ask(dir.at("file"), -1)).toBe(false);
  expect(() => ask("/tmp\0x")).toThrow(TypeError);
});

test("statx_latest() tells when a file was changed in any way, and of what statx() throws for that nothing is there", () => {
  using dir = tempDir();
  using buf = pinned(STATX_SIZE);
  using asked = pinned(STATX_SIZE);
  writeFileSync(dir.at("file"), "hello");
  symlinkSync("file", dir.at("link"));
  const ahead = Date.now() / 1000 + 1000;
  utimesSync(dir.at("file"), ahead, ahead);
  for (const [name, flags] of [
    ["file", 0],
    ["link", AT.SYMLINK_NOFOLLOW],
  ] as const) {
    statx(AT.FDCWD, dir.at(name), flags, STATX.MTIME | STATX.CTIME, buf);
    const latest = statx_latest(AT.FDCWD, dir.at(name), flags, asked);
    expect(latest).toBe(Math.max(...read_statx_changed(buf)));
  }
  for (const [name, flags] of [
    ["missing", 0],
    ["file/below", 0],
    ["file", -1],
  ] as const)
    expect(statx_latest(AT.FDCWD, dir.at(name), flags, asked)).toBe(-Infinity);
  using small = pinned(STATX_SIZE - 1);
  expect(() => statx_latest(AT.FDCWD, dir.path, 0, small)).toThrow(RangeError);
});
