/** Namespaces of this thread, entered and left in one turn. */
import { expect, test } from "bun:test";
import { readlinkSync } from "node:fs";

import { PermissionError, ValueError } from "bun-butter";
import {
  AT,
  CLONE,
  fd_name,
  ioctl_ns_get_nstype,
  ioctl_ns_get_owner_uid,
  ioctl_ns_get_parent,
  ioctl_ns_get_userns,
  O,
  openat,
  pidfd_open,
  setns,
  unshare,
  unshare_fs_setns,
} from "bun-butter/syscalls";

import { expectDescriptor, expectErrno, expectInt } from "../support/arguments.ts";
import { can, emulated } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { Fds } from "../support/fds.ts";

const files = {
  mnt: CLONE.NEWNS,
  cgroup: CLONE.NEWCGROUP,
  uts: CLONE.NEWUTS,
  ipc: CLONE.NEWIPC,
  user: CLONE.NEWUSER,
  pid: CLONE.NEWPID,
  net: CLONE.NEWNET,
  time: CLONE.NEWTIME,
} as const;

const link = (file: string): string => readlinkSync(`/proc/thread-self/ns/${file}`);

function opened(fds: Fds, file: string): number {
  return fds.add(openat(AT.FDCWD, `/proc/thread-self/ns/${file}`, O.RDONLY | O.CLOEXEC));
}

const root = can("CAP_SYS_ADMIN") && !emulated;

test.skipIf(!root).each(["uts", "ipc", "net", "cgroup"] as const)(
  "unshare() makes a %s namespace for this thread, and setns() leads back (CAP_SYS_ADMIN)",
  (file) => {
    using fds = new Fds();
    const before = link(file);
    const home = opened(fds, file);
    unshare(files[file]);
    const there = link(file);
    setns(home, files[file]);
    expect(there).not.toBe(before);
    expect(link(file)).toBe(before);
    unshare(files[file]);
    setns(home, 0);
    expect(link(file)).toBe(before);
  },
);

test.skipIf(!root)(
  "setns() takes several namespaces of a pidfd's process at once (CAP_SYS_ADMIN)",
  async () => {
    using fds = new Fds();
    const before = [link("uts"), link("ipc")];
    const home = [opened(fds, "uts"), opened(fds, "ipc")];
    unshare(CLONE.NEWUTS | CLONE.NEWIPC);
    const theirs = [link("uts"), link("ipc")];
    await using child = Bun.spawn(["cat"], { stdin: "pipe" });
    for (const fd of home) setns(fd, 0);
    const pidfd = fds.add(pidfd_open(child.pid, 0));
    setns(pidfd, CLONE.NEWUTS | CLONE.NEWIPC);
    const there = [link("uts"), link("ipc")];
    for (const fd of home) setns(fd, 0);
    expect(there).toEqual(theirs);
    expect([link("uts"), link("ipc")]).toEqual(before);
    expectErrno(() => setns(pidfd, 0), ValueError, "EINVAL");
    child.kill("SIGKILL");
    await child.exited;
    expectErrno(() => setns(pidfd, CLONE.NEWUTS), ValueError, "ESRCH");
  },
);

test.skipIf(emulated)("unshare() and setns() of a user namespace say why they can't", () => {
  using fds = new Fds();
  for (const call of [() => unshare(CLONE.NEWUSER), () => setns(opened(fds, "user"), 0)]) {
    expect(call).toThrow(
      expect.objectContaining({
        name: "ValueError",
        code: "EINVAL",
        message: expect.stringContaining("a process with one thread"),
      }),
    );
  }
});

test.skipIf(!root)("setns() refuses the wrong type, a time namespace, and what is none", () => {
  using fds = new Fds();
  const uts = opened(fds, "uts");
  expectErrno(() => setns(uts, CLONE.NEWNET), ValueError, "EINVAL");
  expectErrno(() => setns(opened(fds, "time"), 0), ValueError, "EUSERS");
  const [reader] = fds.pipe();
  expectErrno(() => setns(reader, 0), ValueError, "EINVAL");
  expectErrno(() => unshare(1), ValueError, "EINVAL");
});

test.skipIf(emulated)(
  "ioctl_ns_*() tell the kind of every namespace, and to whom it belongs",
  () => {
    for (const [file, type] of Object.entries(files)) {
      using fds = new Fds();
      const fd = opened(fds, file);
      expect(ioctl_ns_get_nstype(fd)).toBe(type);
      if (file === "user") {
        expect(ioctl_ns_get_owner_uid(fd)).toBe(0);
        continue;
      }
      const userns = fds.add(ioctl_ns_get_userns(fd));
      expect(fd_name(userns)).toBe(link("user"));
      expectErrno(() => ioctl_ns_get_owner_uid(fd), ValueError, "EINVAL");
      if (file !== "pid") expectErrno(() => ioctl_ns_get_parent(fd), ValueError, "EINVAL");
    }
  },
);

test.skipIf(!root)(
  "a pid namespace that is left open when the turn is over is an error of who opened it",
  async () => {
    const script = (away: string, back: string): string => `
      import { openSync } from "node:fs";
      import { CLONE, setns, unshare } from "bun-butter/syscalls";
      process.on("uncaughtException", ({ name, code, syscall }) => {
        console.log(name, code, syscall);
        process.exit();
      });
      const home = openSync("/proc/self/ns/pid", "r");
      ${away}
      ${back}
      await null;
      console.log("home");
    `;
    const back = "setns(home, CLONE.NEWPID);";
    const joined = `unshare(CLONE.NEWPID);
      const child = Bun.spawn(["sleep", "1000"], { stdio: ["ignore", "ignore", "ignore"] });
      child.unref();
      setns(home, CLONE.NEWPID);
      process.on("exit", () => child.kill("SIGKILL"));
      setns(openSync("/proc/" + child.pid + "/ns/pid", "r"), 0);`;
    const outcomes = await Promise.all(
      [
        script("unshare(CLONE.NEWPID);", ""),
        script("unshare(CLONE.NEWPID | CLONE.NEWUTS);", back),
        script(joined, ""),
        script(joined, back),
      ].map((text) => runScript(text)),
    );
    const error = "OSError ENOTRECOVERABLE";
    expect(outcomes.map(({ stdout, stderr }) => stdout + stderr)).toEqual([
      `${error} unshare\n`,
      "home\n",
      `${error} setns\n`,
      "home\n",
    ]);
  },
);

test.skipIf(!root)(
  "ioctl_ns_get_parent() leads from a pid namespace to the one around it",
  async () => {
    using fds = new Fds();
    const home = opened(fds, "pid");
    unshare(CLONE.NEWPID);
    let child: Bun.Subprocess<"pipe", "ignore", "inherit"> | undefined;
    try {
      child = Bun.spawn(["cat"], { stdin: "pipe", stdout: "ignore" });
    } finally {
      setns(home, CLONE.NEWPID);
    }
    const theirs = fds.add(openat(AT.FDCWD, `/proc/${child.pid}/ns/pid`, O.RDONLY | O.CLOEXEC));
    expect(fd_name(theirs)).not.toBe(link("pid"));
    expect(fd_name(fds.add(ioctl_ns_get_parent(theirs)))).toBe(link("pid"));
    child.kill("SIGKILL");
    await child.exited;
    // Around the first one there is nothing, or nothing for us.
    expectErrno(() => ioctl_ns_get_parent(home), PermissionError, "EPERM");
  },
);

test.skipIf(!root || !can("CAP_SYS_CHROOT"))(
  "unshare_fs_setns() enters a mount namespace from a thread that shares its root with others, as setns() can't (CAP_SYS_ADMIN, CAP_SYS_CHROOT)",
  async () => {
    const { stdout, stderr } = await runScript(`
      import { AT, CLONE, O, openat, setns, unshare_fs_setns } from "bun-butter/syscalls";
      process.chdir("/tmp");
      const home = openat(AT.FDCWD, "/proc/thread-self/ns/mnt", O.RDONLY | O.CLOEXEC);
      try { setns(home, CLONE.NEWNS); } catch (error) { console.log(error.code); }
      unshare_fs_setns(home, CLONE.NEWNS);
      console.log((await import("node:fs")).readlinkSync("/proc/thread-self/cwd"));
    `);
    expect({ stdout, stderr }).toEqual({ stdout: "EINVAL\n/\n", stderr: "" });
  },
);

test("unshare() and setns() refuse what is no number and no descriptor", () => {
  expectInt((value) => unshare(value === 0 ? 1 : value));
  for (const call of [setns, unshare_fs_setns]) {
    expectInt((value) => call(-1, value));
    expectDescriptor((fd) => call(fd, 0));
  }
});

test.skipIf(emulated)("ioctl_ns_*() refuse what is no namespace (not under emulation)", () => {
  using fds = new Fds();
  const [reader] = fds.pipe();
  for (const call of [
    ioctl_ns_get_nstype,
    ioctl_ns_get_userns,
    ioctl_ns_get_parent,
    ioctl_ns_get_owner_uid,
  ]) {
    expectDescriptor((fd) => call(fd));
    expectErrno(() => call(reader), ValueError, "ENOTTY");
  }
});
