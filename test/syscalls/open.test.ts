/** openat against the running kernel. */
import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { ValueError } from "bun-butter";
import {
  AT,
  close,
  F,
  fcntl,
  FD,
  fd_name,
  O,
  openat,
  openat_quietly,
  read,
  write,
} from "bun-butter/syscalls";

import { tempDir } from "../support/temp.ts";

/** Opens, uses and closes. */
function opened<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}

test("openat() opens a path that is text, bytes or a URL", () => {
  using dir = tempDir();
  const path = dir.at("naïve");
  writeFileSync(path, "hello");
  for (const form of [path, new TextEncoder().encode(path), pathToFileURL(path)]) {
    const bytes = new Uint8Array(8);
    expect(opened(openat(AT.FDCWD, form, O.RDONLY), (fd) => read(fd, bytes))).toBe(5);
  }
});

test("openat() takes a relative path from a directory's descriptor", () => {
  using dir = tempDir();
  mkdirSync(dir.at("sub"));
  writeFileSync(dir.at("sub", "file"), "");
  opened(openat(AT.FDCWD, dir.at("sub"), O.PATH | O.DIRECTORY | O.CLOEXEC), (sub) => {
    expect(opened(openat(sub, "file", O.RDONLY), fd_name)).toBe(dir.at("sub", "file"));
  });
});

test("openat() makes a file with its mode, once", () => {
  using dir = tempDir();
  const make = O.WRONLY | O.CREAT | O.EXCL;
  opened(openat(AT.FDCWD, dir.at("new"), make, 0o600), (fd) => write(fd, Buffer.from("text")));
  expect(readFileSync(dir.at("new"), "utf8")).toBe("text");
  const again = expect.objectContaining({ code: "EEXIST", path: dir.at("new") });
  expect(() => openat(AT.FDCWD, dir.at("new"), make, 0o600)).toThrow(again);
});

test("openat() adds no flag of its own", () => {
  const flags = [O.RDONLY, O.RDONLY | O.CLOEXEC].map((wanted) =>
    opened(openat(AT.FDCWD, "/", wanted), (fd) => fcntl(fd, F.GETFD)),
  );
  expect(flags).toEqual([0, FD.CLOEXEC]);
});

test("openat() says why it can't", () => {
  using dir = tempDir();
  writeFileSync(dir.at("file"), "");
  symlinkSync("file", dir.at("link"));
  for (const [path, flags, code] of [
    ["none", O.RDONLY, "ENOENT"],
    ["file/below", O.RDONLY, "ENOTDIR"],
    ["file", O.DIRECTORY, "ENOTDIR"],
    [".", O.RDWR, "EISDIR"],
    ["link", O.NOFOLLOW, "ELOOP"],
    ["n".repeat(256), O.RDONLY, "ENAMETOOLONG"],
  ] as const) {
    expect(() => openat(AT.FDCWD, dir.at(path), flags)).toThrow(expect.objectContaining({ code }));
  }
  expect(() => openat(-1, "relative", O.RDONLY)).toThrow(ValueError);
  expect(() => openat(AT.FDCWD, "/tmp\0x", O.RDONLY)).toThrow("NUL");
});

test("openat_quietly() opens what openat() does, and gives -1 for what that throws for", () => {
  using dir = tempDir();
  writeFileSync(dir.at("file"), "");
  opened(openat_quietly(AT.FDCWD, dir.path, O.PATH | O.DIRECTORY | O.CLOEXEC), (sub) => {
    expect(opened(openat_quietly(sub, "file", O.RDONLY), fd_name)).toBe(dir.at("file"));
    expect(openat_quietly(sub, "none", O.RDONLY)).toBe(-1);
    expect(openat_quietly(sub, "file", O.DIRECTORY)).toBe(-1);
  });
  expect(openat_quietly(-1, "relative", O.RDONLY)).toBe(-1);
  expect(() => openat_quietly(AT.FDCWD, "/tmp\0x", O.RDONLY)).toThrow("NUL");
});
