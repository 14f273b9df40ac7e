/** getdents64 against the running kernel. */
import { expect, test } from "bun:test";
import { lstatSync, mkdirSync, rmdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";

import {
  AT,
  close,
  DT,
  getdents64,
  getdents64_quietly,
  linux_dirent64_rows,
  O,
  openat,
  pack_linux_dirents64,
  packed_dirent64_length,
  packed_dirent64_name,
  pinned,
  read_linux_dirent64,
  read_linux_dirents64,
  read_linux_dirents64_rows,
  read_packed_dirents64_rows,
} from "bun-butter/syscalls";

import { tempDir } from "../support/temp.ts";

const decoder = new TextDecoder();

/** Every entry, by the visitor and by the reader of one record, which must agree. */
function entriesOf(path: string, room: number = 4096): Map<string, { ino: bigint; type: number }> {
  const fd = openat(AT.FDCWD, path, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  using dirp = pinned(room);
  const entries = new Map<string, { ino: bigint; type: number }>();
  try {
    for (let length = getdents64(fd, dirp); length > 0; length = getdents64(fd, dirp)) {
      let offset = 0;
      const visited = read_linux_dirents64(dirp, length, (low, high, type, name, len) => {
        const entry = read_linux_dirent64(dirp, offset, length);
        const text = decoder.decode(dirp.bytes.slice(name, name + len));
        const ino = (BigInt(high) << 32n) | BigInt(low);
        expect(entry).toMatchObject({ d_ino: ino, d_type: type });
        expect(decoder.decode(entry?.d_name)).toBe(text);
        offset += entry?.d_reclen ?? length;
        entries.set(text, { ino, type });
      });
      expect([visited, offset]).toEqual([length, length]);
    }
  } finally {
    close(fd);
  }
  return entries;
}

test("getdents64() gives every entry once, with its kind and its inode", () => {
  using dir = tempDir();
  mkdirSync(dir.at("sub"));
  writeFileSync(dir.at("file"), "");
  symlinkSync("file", dir.at("link"));
  const entries = entriesOf(dir.path);
  expect([...entries.keys()].toSorted()).toEqual([".", "..", "file", "link", "sub"]);
  expect(entries.get("file")).toEqual({
    ino: statSync(dir.at("file"), { bigint: true }).ino,
    type: DT.REG,
  });
  expect(entries.get("sub")?.type).toBe(DT.DIR);
  expect(entries.get("link")?.type).toBe(DT.LNK);
});

test("getdents64() goes on where it stopped, with names of every length", () => {
  using dir = tempDir();
  const names = Array.from({ length: 255 }, (_, length) => "n".repeat(length + 1));
  for (const name of names) writeFileSync(dir.at(name), "");
  const entries = entriesOf(dir.path, 512);
  expect([...entries.keys()].filter((name) => !name.startsWith(".")).toSorted()).toEqual(names);
});

test("getdents64() says why it can't", () => {
  using dir = tempDir();
  using dirp = pinned(4096);
  expect(() => getdents64(-1, dirp)).toThrow(expect.objectContaining({ code: "EBADF" }));
  writeFileSync(dir.at("file"), "");
  mkdirSync(dir.at("sub"));
  for (const [path, block, code] of [
    ["file", dirp, "ENOTDIR"],
    [".", pinned(8), "EINVAL"],
  ] as const) {
    const fd = openat(AT.FDCWD, dir.at(path), O.RDONLY | O.CLOEXEC);
    expect(() => getdents64(fd, block)).toThrow(expect.objectContaining({ code }));
    close(fd);
  }
  const fd = openat(AT.FDCWD, dir.at("sub"), O.RDONLY | O.CLOEXEC);
  rmdirSync(dir.at("sub"));
  expect(() => getdents64(fd, dirp)).toThrow("the directory was deleted");
  close(fd);
  expect(() => getdents64(0, new Uint8Array(64) as never)).toThrow(TypeError);
});

/** A record as the kernel writes it. */
function record(bytes: Uint8Array, offset: number, reclen: number, name: string): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint16(offset + 16, reclen, true);
  bytes.set(new TextEncoder().encode(name), offset + 19);
}

test.each([
  ["is shorter than its head", 0, 0],
  ["has no room for a name", 19, 0],
  ["is longer than what was written", 49, 0],
])("a record that %s is not read", (_, reclen, visited) => {
  using dirp = pinned(64);
  record(dirp.bytes, 0, reclen, "x");
  expect(read_linux_dirents64(dirp, 48, () => expect.unreachable())).toBe(visited);
  expect(read_linux_dirent64(dirp, 0, 48)).toBeUndefined();
});

test("a name without a NUL ends with its record, and lengths beyond the memory are refused", () => {
  using dirp = pinned(24);
  record(dirp.bytes, 0, 24, "abcde");
  const names: string[] = [];
  read_linux_dirents64(dirp, 24, (_low, _high, _type, name, len) =>
    names.push(decoder.decode(dirp.bytes.slice(name, name + len))),
  );
  expect(names).toEqual(["abcde"]);
  expect(decoder.decode(read_linux_dirent64(dirp, 0, 24)?.d_name)).toBe("abcde");
  expect(read_linux_dirent64(dirp, 20, 24)).toBeUndefined();
  expect(() => read_linux_dirents64(dirp, 25, () => {})).toThrow(RangeError);
  expect(() => read_linux_dirent64(dirp, -1, 24)).toThrow(RangeError);
});

test("getdents64_quietly() gives what getdents64() does, and -1 for what that throws for", () => {
  using dir = tempDir();
  mkdirSync(dir.at("sub"));
  using dirp = pinned(4096);
  const fd = openat(AT.FDCWD, dir.at("sub"), O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  try {
    expect(getdents64_quietly(fd, dirp)).toBe(48);
    expect(getdents64_quietly(fd, dirp)).toBe(0);
    rmdirSync(dir.at("sub"));
    expect(getdents64_quietly(fd, dirp)).toBe(-1);
  } finally {
    close(fd);
  }
  expect(getdents64_quietly(-1, dirp)).toBe(-1);
});

test("read_linux_dirents64_rows() writes what a visitor is called with, without the two dots", () => {
  using dir = tempDir();
  const names = [".x", "...", "a", "é".repeat(120)];
  for (const name of names) mkdirSync(dir.at(name));
  const fd = openat(AT.FDCWD, dir.path, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  using dirp = pinned(4096);
  const length = getdents64(fd, dirp);
  close(fd);
  const visited: number[][] = [];
  read_linux_dirents64(dirp, length, (low, high, ...rest) => {
    const name = decoder.decode(dirp.bytes.subarray(rest[1], rest[1] + rest[2]));
    if (name !== "." && name !== "..") visited.push([low | 0, high | 0, ...rest]);
  });
  const rows = linux_dirent64_rows(length);
  expect(read_linux_dirents64_rows(dirp, length, rows)).toBe(names.length);
  expect([...rows.subarray(0, names.length * 5)]).toEqual(visited.flat());
  const few = new Int32Array(9);
  expect(read_linux_dirents64_rows(dirp, length, few)).toBe(1);
  expect([...few.subarray(0, 5)]).toEqual(visited[0] ?? []);
  expect(() => read_linux_dirents64_rows(dirp, 4097, rows)).toThrow(RangeError);
});

test.each([
  ["is shorter than its head", 0, 0],
  ["has no room for a name", 19, 0],
  ["is longer than what was written", 56, 0],
  ["is not aligned", 25, 0],
  ["has no NUL", 24, 1],
])("a record that %s makes no row, or ends with its record", (_, reclen, count) => {
  using dirp = pinned(48);
  record(dirp.bytes, 0, reclen, "abcde");
  const rows = new Int32Array(10);
  expect(read_linux_dirents64_rows(dirp, 48, rows)).toBe(count);
  if (count > 0) expect(rows[4]).toBe(5);
});

/** What is packed, without a name longer than its entry. */
function unpacked(words: Int32Array): { low: number; high: number; type: number; name: string }[] {
  const bytes = new Uint8Array(words.buffer);
  const rows = new Int32Array(((words[0] ?? 0) >>> 16) * 5);
  const count = read_packed_dirents64_rows(words, bytes, 0, rows);
  expect(count * 5).toBe(rows.length);
  let at = 1;
  const found = Array.from({ length: count }, (_, index) => {
    const [low = 0, high = 0, type = 0, start = 0, len = 0] = rows.subarray(index * 5);
    expect(start).toBe(packed_dirent64_name(at));
    at += packed_dirent64_length(words, at);
    expect(start + len).toBeLessThan((high === 0 ? at : at - 1) * 4);
    return { low, high, type, name: decoder.decode(bytes.subarray(start, start + len)) };
  });
  expect(at).toBe(1 + ((words[0] ?? 0) & 0xffff));
  return found;
}

test("pack_linux_dirents64() keeps names of every length, and makes rows of what is to be apart", () => {
  using dir = tempDir();
  const names = Array.from({ length: 255 }, (_, length) => "n".repeat(length + 1));
  for (const name of names) writeFileSync(dir.at(name), "");
  mkdirSync(dir.at("sub"));
  symlinkSync("sub", dir.at("link"));
  const fd = openat(AT.FDCWD, dir.path, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  using dirp = pinned(128 * 1024);
  // What is behind a name's NUL is whatever was there.
  dirp.bytes.fill(0x6e);
  const length = getdents64(fd, dirp);
  close(fd);
  const types = new Int8Array(256).fill(-1);
  types[DT.REG] = 0;
  types[DT.LNK] = 127;
  const into = new Int32Array((length >>> 2) + 1);
  const rows = linux_dirent64_rows(length);
  expect(pack_linux_dirents64(dirp, length, into, 0, types, rows)).toBe(1);
  const [low = 0, high = 0, type = 0, name = 0, len = 0] = rows;
  expect([type, decoder.decode(dirp.bytes.subarray(name, name + len))]).toEqual([DT.DIR, "sub"]);
  const { ino } = statSync(dir.at("sub"), { bigint: true });
  expect((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toBe(ino);
  const expected = [...names, "link"].map((each) => {
    const inode = lstatSync(dir.at(each), { bigint: true }).ino;
    return {
      low: Number(BigInt.asIntN(32, inode)),
      high: Number(BigInt.asIntN(32, inode >> 32n)),
      type: each === "link" ? 127 : 0,
      name: each,
    };
  });
  const byName = (one: { name: string }, other: { name: string }): number =>
    one.name < other.name ? -1 : 1;
  expect(unpacked(into).toSorted(byName)).toEqual(expected.toSorted(byName));
  expect(() => pack_linux_dirents64(dirp, 128 * 1024 + 1, into, 0, types, rows)).toThrow(
    RangeError,
  );
});

test.each([0, 1, -1, 0x7fffffff])(
  "pack_linux_dirents64() keeps the high half %d of an inode",
  (high) => {
    using dirp = pinned(96);
    for (const [offset, reclen, name] of [
      [0, 24, "abcd"],
      [24, 32, "abcdefghijkl"],
      [56, 40, "abcdefghijklm"],
    ] as const) {
      record(dirp.bytes, offset, reclen, name);
      dirp.view.setInt32(offset, -offset, true);
      dirp.view.setInt32(offset + 4, high, true);
    }
    const into = new Int32Array(64);
    const rows = linux_dirent64_rows(96);
    expect(pack_linux_dirents64(dirp, 96, into, 0, new Int8Array(256), rows)).toBe(0);
    expect(unpacked(into)).toEqual([
      { low: 0, high, type: 0, name: "abcd" },
      { low: -24, high, type: 0, name: "abcdefghijkl" },
      { low: -56, high, type: 0, name: "abcdefghijklm" },
    ]);
  },
);

test.each([
  ["is shorter than its head", 0],
  ["has no room for a name", 19],
  ["is longer than what was written", 56],
  ["is not aligned", 25],
])("a record that %s is not packed", (_, reclen) => {
  using dirp = pinned(48);
  record(dirp.bytes, 0, reclen, "abcde");
  const into = new Int32Array(16).fill(-1);
  expect(pack_linux_dirents64(dirp, 48, into, 2, new Int8Array(256), new Int32Array(10))).toBe(0);
  expect([...into.subarray(0, 4)]).toEqual([-1, -1, 0, -1]);
});
