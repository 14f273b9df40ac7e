/** Names of the machine, in a UTS namespace of the test's own. */
import { expect, test } from "bun:test";
import { hostname } from "node:os";

import { PermissionError, ValueError } from "bun-butter";
import {
  AT,
  CLONE,
  close,
  getdomainname,
  gethostname,
  O,
  openat,
  setdomainname,
  sethostname,
  setns,
  unshare,
} from "bun-butter/syscalls";

import { expectErrno, expectRefusal, strangers } from "../support/arguments.ts";
import { can } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";

/** Calls it while this thread has a UTS namespace of its own. */
function renamed(fn: () => void): void {
  const before = openat(AT.FDCWD, "/proc/thread-self/ns/uts", O.RDONLY | O.CLOEXEC);
  try {
    unshare(CLONE.NEWUTS);
    try {
      fn();
    } finally {
      setns(before, CLONE.NEWUTS);
    }
  } finally {
    close(before);
  }
}

test("gethostname() is what Node says", () => {
  expect(gethostname()).toBe(hostname());
});

const calls = [
  ["hostname", gethostname, sethostname],
  ["domainname", getdomainname, setdomainname],
] as const;

test.skipIf(!can("CAP_SYS_ADMIN")).each(calls)(
  "get%s() returns what was set: nothing, 64 bytes, other bytes than ASCII (CAP_SYS_ADMIN)",
  (_, get, set) => {
    const before = get();
    renamed(() => {
      for (const name of ["", "b", "x".repeat(64), "bütter", "é".repeat(32)]) {
        set(name);
        expect(get()).toBe(name);
      }
      set(new Uint8Array([0x62, 0xff, 0x62]));
      expect(get()).toBe("b\uFFFDb");
    });
    expect(get()).toBe(before);
  },
);

test.skipIf(!can("CAP_SYS_ADMIN")).each(calls)(
  "set%s() refuses 65 bytes, and keeps the name (CAP_SYS_ADMIN)",
  (_, get, set) => {
    renamed(() => {
      const before = get();
      expectErrno(() => set("x".repeat(65)), ValueError, "EINVAL");
      expectErrno(() => set("é".repeat(33)), ValueError, "EINVAL");
      expect(get()).toBe(before);
    });
  },
);

test.each(calls)("set%s() refuses what is no name before the kernel is asked", (_, get, set) => {
  for (const value of strangers.filter((one) => typeof one !== "string"))
    expectRefusal(() => set(value as string), TypeError);
  expectRefusal(() => set("a\0b"), TypeError);
  expectRefusal(() => set("\ud800"), TypeError);
  expectRefusal(() => set(new Uint8Array([97, 0])), TypeError);
  expect(get()).not.toBe("a");
});

test.skipIf(!can("CAP_SYS_ADMIN") || Bun.which("setpriv") === null)(
  "sethostname() is refused without CAP_SYS_ADMIN (root, setpriv)",
  async () => {
    const index = new URL("../../src/syscalls/index.ts", import.meta.url).pathname;
    const code = `
      import { gethostname, sethostname } from ${JSON.stringify(index)};
      try { sethostname(gethostname()); } catch ({ name, code, path }) { console.log(name, code, path); }
    `;
    const { stdout } = await run(["setpriv", "--bounding-set=-sys_admin", bun, "--eval", code]);
    expect(stdout).toBe(`${PermissionError.prototype.name} EPERM ${gethostname()}\n`);
  },
);
