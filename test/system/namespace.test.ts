/** Namespaces as objects: opened, compared, entered, and left again whatever happens. */
import { describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

import { Namespace, type NamespaceKind, Pidfd, spawn, ValueError } from "bun-butter";
import { AT, close, fd_name, gethostname, O, openat } from "bun-butter/syscalls";

import { expectErrno, expectRefusal, strangers } from "../support/arguments.ts";
import { can, emulated } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { descriptorCount } from "../support/descriptors.ts";
import { tempDir } from "../support/temp.ts";

const root = can("CAP_SYS_ADMIN") && can("CAP_SYS_CHROOT") && !emulated;

const kinds = ["cgroup", "ipc", "mount", "net", "pid", "time", "user", "uts"] as const;
const enterable = ["cgroup", "ipc", "mount", "net", "pid", "uts"] as const;

const file = (kind: NamespaceKind): string => (kind === "mount" ? "mnt" : kind);
const link = (kind: NamespaceKind): string => readlinkSync(`/proc/thread-self/ns/${file(kind)}`);

/** Where this thread is. */
function whereabouts(): readonly string[] {
  const names = ["pid_for_children", ...kinds.map(file), "../cwd", "../root"];
  return names.map((name) => readlinkSync(`/proc/thread-self/ns/${name}`));
}

/** A child in namespaces of its own, which waits. */
function elsewhere() {
  return spawn(["cat"], { namespaces: enterable, hostname: "elsewhere", stdin: "pipe" });
}

describe.skipIf(emulated)("Namespace (not under emulation)", () => {
  test.each(kinds)("own(%j) is what /proc has, and closes once", (kind) => {
    const before = descriptorCount();
    const own = Namespace.own(kind);
    expect(own.kind).toBe(kind);
    expect(link(kind)).toBe(`${file(kind)}:[${own.id}]`);
    expect(fd_name(own.fileno())).toBe(link(kind));
    expect(Bun.inspect(own)).toBe(`Namespace { fd: ${own.fd}, kind: '${kind}', id: ${own.id} }`);
    own.close();
    own.close();
    expect([own.fd, own.closed]).toEqual([-1, true]);
    expect(descriptorCount()).toBeLessThanOrEqual(before);
    expectErrno(() => own.fileno(), ValueError, "EBADF");
    expectErrno(() => own.enter(() => 1), ValueError, "EBADF");
  });

  test("of() and open() are the same namespace, of() of a Pidfd as well", () => {
    using pidfd = new Pidfd(process.pid);
    using own = Namespace.own("net");
    using byNumber = Namespace.of(process.pid, "net");
    using byPidfd = Namespace.of(pidfd, "net");
    using byPath = Namespace.open(`/proc/${process.pid}/ns/net`);
    for (const one of [byNumber, byPidfd, byPath]) expect(own.equals(one)).toBe(true);
    using other = Namespace.own("uts");
    expect(own.equals(other)).toBe(false);
  });

  test("of() of a process that has ended says so, and keeps no descriptor", async () => {
    const before = descriptorCount();
    const child = Bun.spawn(["true"]);
    const pidfd = new Pidfd(child.pid);
    await child.exited;
    expect(() => Namespace.of(child.pid, "uts")).toThrow(ValueError);
    expect(() => Namespace.of(pidfd, "uts")).toThrow(ValueError);
    pidfd.close();
    expect(() => Namespace.of(pidfd, "uts")).toThrow(ValueError);
    expect(descriptorCount()).toBeLessThanOrEqual(before + 2);
  });

  test("it refuses what is none, and leaves a descriptor that it does not take", () => {
    const before = descriptorCount();
    expectErrno(() => Namespace.open("/dev/null"), ValueError, "ENOTTY");
    expectErrno(() => Namespace.open("/nowhere"), ValueError, "ENOENT");
    expect(descriptorCount()).toBeLessThanOrEqual(before);
    const fd = openat(AT.FDCWD, "/dev/null", O.RDONLY | O.CLOEXEC);
    expectErrno(() => Namespace.adopt(fd), ValueError, "ENOTTY");
    using own = Namespace.own("uts");
    expectErrno(() => Namespace.adopt(own.fd), ValueError, "EBUSY");
    expect(fd_name(fd)).toBe("/dev/null");
    close(fd);
    for (const value of strangers) {
      expectRefusal(() => Namespace.own(value as NamespaceKind), TypeError);
      expectRefusal(() => Namespace.of(process.pid, value as NamespaceKind), TypeError);
      expectRefusal(() => Namespace.adopt(value as number), TypeError);
      expectRefusal(() => Namespace.of(value as number, "uts"), TypeError);
    }
    for (const kind of ["mnt", "UTS", "", "constructor"])
      expectRefusal(() => Namespace.own(kind as NamespaceKind), TypeError);
    expectRefusal(() => Namespace.of(0, "uts"), RangeError);
    expectRefusal(() => Namespace.enter(process.pid, [], () => 1), RangeError);
    // @ts-expect-error: it is private.
    expect(() => new Namespace(0)).toThrow("Cannot construct Namespace");
  });

  test("one that nobody refers to is closed by the garbage collector", async () => {
    // What other tests forgot is not to be closed meanwhile.
    Bun.gc(true);
    await new Promise((resolve) => setImmediate(resolve));
    const before = descriptorCount();
    const open = (() => {
      const made = Array.from({ length: 50 }, () => Namespace.own("uts"));
      return [made.length, descriptorCount()];
    })();
    expect(open[0]).toBe(50);
    expect(open[1]).toBeGreaterThanOrEqual(before + 50);
    for (let round = 0; round < 200 && descriptorCount() > before + 5; round++) {
      Bun.gc(true);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(descriptorCount()).toBeLessThanOrEqual(before + 5);
  });

  test("user and time namespaces can't be entered, and it says why", () => {
    for (const [kind, code] of [
      ["user", "EINVAL"],
      ["time", "EUSERS"],
    ] as const) {
      using own = Namespace.own(kind);
      let called = false;
      expectErrno(() => own.enter(() => (called = true)), ValueError, code);
      expectErrno(() => Namespace.enter(process.pid, [kind], () => 1), ValueError, code);
      expect(called).toBe(false);
    }
  });

  test("owner() is the user namespace, and ownerUid() who made it", () => {
    using own = Namespace.own("uts");
    using owner = own.owner();
    using user = Namespace.own("user");
    expect(owner.equals(user)).toBe(true);
    expect(user.ownerUid()).toBe(0);
    expectErrno(() => own.parent(), ValueError, "EINVAL");
    expectErrno(() => own.ownerUid(), ValueError, "EINVAL");
  });
});

describe.skipIf(!root)("Namespace.enter() (CAP_SYS_ADMIN)", () => {
  test.each(enterable)("of a %s namespace is in it, and back afterwards", async (kind) => {
    const before = whereabouts();
    await using child = elsewhere();
    using theirs = Namespace.of(child.pid, kind);
    using ours = Namespace.own(kind);
    expect(theirs.equals(ours)).toBe(false);
    const descriptors = descriptorCount();
    const name = kind === "pid" ? "pid_for_children" : file(kind);
    const there = theirs.enter(() => readlinkSync(`/proc/thread-self/ns/${name}`));
    expect(there).toContain(`[${theirs.id}]`);
    expect(whereabouts()).toEqual(before);
    expect(descriptorCount()).toBeLessThanOrEqual(descriptors);
    child.kill("SIGKILL");
  });

  test("returns also when the function throws, with its error", async () => {
    const before = whereabouts();
    await using child = elsewhere();
    for (const kind of enterable) {
      using theirs = Namespace.of(child.pid, kind);
      expect(() =>
        theirs.enter(() => {
          throw new Error("inside");
        }),
      ).toThrow("inside");
      expect(whereabouts()).toEqual(before);
    }
    child.kill("SIGKILL");
  });

  test("refuses a function that returns a promise, after returning", async () => {
    const before = whereabouts();
    await using child = elsewhere();
    using theirs = Namespace.of(child.pid, "uts");
    const later = async () => {
      await Promise.resolve();
      return gethostname();
    };
    expect(() => theirs.enter(later)).toThrow(
      "Cannot enter with a function that returns a promise",
    );
    // A rejection of what nobody gets to see does not end the process either.
    expect(() => theirs.enter(() => Promise.reject(new Error("late")))).toThrow(TypeError);
    expect(whereabouts()).toEqual(before);
    child.kill("SIGKILL");
  });

  test("of one that can't be joined leaves the thread where it is", async () => {
    const before = whereabouts();
    await using child = elsewhere();
    using ours = Namespace.own("pid");
    // Its own is fine, and so is one in another.
    using theirs = Namespace.of(child.pid, "uts");
    expect(ours.enter(() => theirs.enter(gethostname))).toBe("elsewhere");
    expect(theirs.enter(() => ours.enter(gethostname))).toBe("elsewhere");
    expect(whereabouts()).toEqual(before);
    child.kill("SIGKILL");
  });

  test("of a process enters several at once", async () => {
    const before = whereabouts();
    await using child = elsewhere();
    using pidfd = new Pidfd(child.pid);
    const look = () => [gethostname(), link("net"), link("mount")];
    const theirs = [
      "elsewhere",
      readlinkSync(`/proc/${child.pid}/ns/net`),
      readlinkSync(`/proc/${child.pid}/ns/mnt`),
    ];
    expect(Namespace.enter(pidfd, ["uts", "net", "mount"], look)).toEqual(theirs);
    expect(Namespace.enter(child.pid, ["uts", "net", "mount"], look)).toEqual(theirs);
    expect(whereabouts()).toEqual(before);
    child.kill("SIGKILL");
    await child.exited;
    expect(() => Namespace.enter(pidfd, ["uts"], look)).toThrow(ValueError);
    expect(whereabouts()).toEqual(before);
  });

  test("of a mount namespace leaves root and working directory, files by promises meanwhile as well", async () => {
    using dir = tempDir();
    writeFileSync(dir.at("file"), "outside");
    const child = spawn(["cat"], {
      namespaces: ["mount"],
      mounts: [{ type: "tmpfs", target: dir.path }],
      stdin: "pipe",
    });
    using theirs = Namespace.of(child.pid, "mount");
    const outside = readFile(dir.at("file"), "utf8");
    const inside = theirs.enter(() => {
      writeFileSync(dir.at("file"), "inside");
      return readFileSync(dir.at("file"), "utf8");
    });
    expect(inside).toBe("inside");
    expect(await outside).toBe("outside");
    expect(readFileSync(dir.at("file"), "utf8")).toBe("outside");
    expect(theirs.enter(() => readFileSync(dir.at("file"), "utf8"))).toBe("inside");
    child.kill("SIGKILL");
    await child.exited;
  });

  test("refused by a sandbox that would bar the way back, nothing is left", async () => {
    const { stdout, stderr } = await runScript(`
      import { Namespace, spawn } from "bun-butter";
      import { gethostname } from "bun-butter/syscalls";
      import { refuse } from ${JSON.stringify(new URL("../support/seccomp.ts", import.meta.url).href)};
      import { readlinkSync } from "node:fs";
      using own = Namespace.own("mount");
      const before = ["mnt", "uts", "pid_for_children"].map((name) => readlinkSync("/proc/thread-self/ns/" + name)).join();
      refuse("setns", "EPERM");
      let called = false;
      try { own.enter(() => (called = true)); } catch ({ name, code }) { console.log(name, code, called); }
      try { spawn(["true"], { namespaces: ["mount", "uts", "pid"], hostname: "box" }); } catch ({ name, code }) { console.log(name, code); }
      const after = ["mnt", "uts", "pid_for_children"].map((name) => readlinkSync("/proc/thread-self/ns/" + name)).join();
      console.log(before === after, gethostname() === "box");
    `);
    expect(stderr).toBe("");
    expect(stdout).toBe("PermissionError EPERM false\nPermissionError EPERM\ntrue false\n");
  });

  test("that can't return says so, and that it is the end", async () => {
    const { stdout, stderr } = await runScript(`
      import { Namespace } from "bun-butter";
      import { refuse } from ${JSON.stringify(new URL("../support/seccomp.ts", import.meta.url).href)};
      using own = Namespace.own("uts");
      try { own.enter(() => refuse("setns", "EPERM")); }
      catch ({ name, code, message }) { console.log(name, code, message.includes("end the process")); }
    `);
    expect([stdout, stderr]).toEqual(["InternalError ENOTRECOVERABLE true\n", ""]);
  });
});
