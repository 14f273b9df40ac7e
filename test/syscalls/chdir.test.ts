/** Where paths begin, in a thread that shares that with no other. */
import { expect, test } from "bun:test";

import { PermissionError, ValueError } from "bun-butter";
import { AT, chroot, fchdir, O, openat } from "bun-butter/syscalls";

import { expectDescriptor, expectErrno, expectRefusal } from "../support/arguments.ts";
import { can, emulated } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

test.skipIf(!can("CAP_SYS_CHROOT") || emulated)(
  "fchdir() and chroot() move the thread alone after unshare(CLONE.FS) (CAP_SYS_CHROOT)",
  async () => {
    using dir = tempDir();
    const { stdout, stderr } = await runScript(
      `
      import { AT, chroot, CLONE, fchdir, O, openat, unshare } from "bun-butter/syscalls";
      import { readlinkSync, existsSync, writeFileSync } from "node:fs";
      const [dir] = process.argv.slice(-1);
      const home = openat(AT.FDCWD, "/", O.PATH | O.DIRECTORY | O.CLOEXEC);
      const there = openat(AT.FDCWD, dir, O.PATH | O.DIRECTORY | O.CLOEXEC);
      unshare(CLONE.FS);
      fchdir(there);
      console.log(readlinkSync("/proc/thread-self/cwd") === dir);
      chroot(".");
      console.log(existsSync("/proc"), existsSync("/"));
      fchdir(home);
      chroot(".");
      console.log(existsSync("/proc"));
    `,
      { args: [dir.path] },
    );
    expect([stdout, stderr]).toEqual(["true\nfalse true\ntrue\n", ""]);
  },
);

test("fchdir() and chroot() refuse what is no directory", () => {
  using fds = new Fds();
  const file = fds.add(openat(AT.FDCWD, "/proc/self/status", O.RDONLY | O.CLOEXEC));
  expectErrno(() => fchdir(file), ValueError, "ENOTDIR");
  expectDescriptor((fd) => fchdir(fd));
  expectErrno(() => chroot("/nowhere"), ValueError, "ENOENT");
  expectErrno(() => chroot("/proc/self/status"), ValueError, "ENOTDIR");
  expectRefusal(() => chroot("/\0"), TypeError);
});

test.skipIf(!can("CAP_SYS_CHROOT") || Bun.which("setpriv") === null)(
  "chroot() is refused without CAP_SYS_CHROOT (root, setpriv)",
  async () => {
    const index = new URL("../../src/syscalls/index.ts", import.meta.url).pathname;
    const code = `
      import { chroot } from ${JSON.stringify(index)};
      try { chroot("/"); } catch ({ name, code, path }) { console.log(name, code, path); }
    `;
    const { stdout } = await run(["setpriv", "--bounding-set=-sys_chroot", bun, "--eval", code]);
    expect(stdout).toBe(`${PermissionError.prototype.name} EPERM /\n`);
  },
);
