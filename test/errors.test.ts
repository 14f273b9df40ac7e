import { dlopen } from "bun:ffi";
import { describe, expect, test } from "bun:test";

import {
  ERRNO,
  type ErrnoName,
  errnoName,
  InternalError,
  MemoryError,
  OSError,
  PermissionError,
  RetryError,
  UnknownError,
  UnsupportedError,
  ValueError,
} from "bun-butter";

import { libcPath } from "../src/libc.ts";
import { evaluate, missingHeaders } from "./support/headers.ts";

const entries = Object.entries(ERRNO) as [ErrnoName, readonly [number: number, text: string]][];

/** glibc 2.32 and newer; musl has neither. */
function nameOf(): ((errno: number) => string | null) | undefined {
  try {
    const { strerrorname_np } = dlopen(libcPath(), {
      strerrorname_np: { args: ["i32"], returns: "cstring" },
    }).symbols;
    return (errno) => strerrorname_np(errno)?.toString() ?? null;
  } catch {
    return undefined;
  }
}

describe("ERRNO", () => {
  test("has each number once", () => {
    expect(new Set(entries.map(([, [number]]) => number)).size).toBe(entries.length);
  });

  const missing = missingHeaders(["errno.h"]);
  test.skipIf(missing.length > 0)("has the numbers of <errno.h> (needs libc's headers)", () => {
    const macros = evaluate(
      ["errno.h"],
      entries.map(([name]) => name),
    );
    expect(Object.fromEntries(macros)).toEqual(
      Object.fromEntries(entries.map(([name, [number]]) => [name, BigInt(number)])),
    );
  });

  const libcName = nameOf();
  test.skipIf(libcName === undefined)("has all that libc names (needs glibc 2.32)", () => {
    const theirs = new Map<string, number>();
    for (let number = 1; number < 4096; number++) {
      const name = libcName?.(number);
      if (typeof name === "string") theirs.set(name, number);
    }
    expect(Object.fromEntries(theirs)).toEqual(
      Object.fromEntries(entries.map(([name, [number]]) => [name, number])),
    );
  });

  test.skipIf(libcName === undefined)("says what libc says (needs glibc's words)", () => {
    const { strerror } = dlopen(libcPath(), {
      strerror: { args: ["i32"], returns: "cstring" },
    }).symbols;
    for (const [name, [number, text]] of entries) {
      const theirs = strerror(number)?.toString() ?? "";
      expect([name, text.toLowerCase()]).toEqual([name, theirs.toLowerCase()]);
    }
  });
});

describe("errnoName()", () => {
  test("gives the symbol of each number, and E with the number of one that has none", () => {
    for (const [name, [number]] of entries) expect(errnoName(number)).toBe(name);
    for (const number of [0, 41, 58, 134, 4095]) expect(errnoName(number)).toBe(`E${number}`);
  });
});

describe("OSError", () => {
  test("has the shape of Node's system errors", () => {
    const error = new OSError(2, { syscall: "rename", path: "/a", dest: "/b", hint: "make it" });
    expect(error).toBeInstanceOf(Error);
    expect(Object.fromEntries(Object.entries(error))).toEqual({
      code: "ENOENT",
      errno: -2,
      syscall: "rename",
      path: "/a",
      dest: "/b",
    });
    expect(`${error}`).toBe(
      'OSError: Cannot rename on "/a" to "/b": no such file or directory (ENOENT): make it',
    );
    expect(error.stack).toContain("errors.test.ts");
  });

  test("leaves out what there is none of", () => {
    const error = new OSError(9, { syscall: "close", path: undefined, hint: undefined });
    expect(error.message).toBe("Cannot close: bad file descriptor (EBADF)");
    expect(Object.keys(error).toSorted()).toEqual(["code", "errno", "syscall"]);
  });

  test("quotes a path, so that a message stays one line", () => {
    expect(new OSError(2, { syscall: "open", path: 'a\n"b"' }).message).toContain('"a\\n\\"b\\""');
  });

  test("carries a number that has no symbol", () => {
    const error = new UnknownError(4095, { syscall: "close" });
    expect(error).toMatchObject({ code: "E4095", errno: -4095 });
    expect(error.message).toBe("Cannot close: unknown error (E4095)");
  });

  test.each(
    [
      PermissionError,
      ValueError,
      MemoryError,
      UnsupportedError,
      RetryError,
      UnknownError,
      InternalError,
    ].map((Class) => [Class.name, Class] as const),
  )("%s is one, with a name of its own", (_, Class) => {
    const error = new Class(1, { syscall: "mount" });
    expect(error).toBeInstanceOf(OSError);
    expect(error).toBeInstanceOf(Class);
    expect(error.name).toBe(Class.name);
    expect(Object.getPrototypeOf(Class)).toBe(OSError);
    expect(Bun.inspect(error)).toContain(`${Class.name}: Cannot mount`);
    // On the prototype, so that it is no property of each error.
    expect(Object.hasOwn(error, "name")).toBe(false);
  });
});
