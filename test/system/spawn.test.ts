/** Children in namespaces of their own, and a parent that stays where it is. */
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { Namespace, spawn, type SpawnMount, type SpawnNamespaceOptions } from "bun-butter";
import { gethostname, gettid } from "bun-butter/syscalls";

import { can, isMusl, kernel, slowness } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { tempDir } from "../support/temp.ts";
import { canLeave, memoryRoot, programs, whereabouts } from "../support/whereabouts.ts";

const all = ["mount", "uts", "ipc", "net", "pid", "cgroup"] as const;
const proc: SpawnMount = { type: "proc", target: "/proc", flags: ["nosuid", "nodev", "noexec"] };

/** What a shell prints there. */
async function printed(code: string, options: SpawnNamespaceOptions): Promise<string> {
  const child = spawn(["sh", "-c", code], {
    ...options,
    stderr: "pipe",
    timeout: 20_000 * slowness,
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect([stderr, await child.exited]).toEqual(["", 0]);
  return stdout;
}

test("spawn() without namespaces is Bun.spawn, with a pidfd", async () => {
  const before = whereabouts();
  const child = spawn({ cmd: ["sleep", "1000"], stdout: "ignore" });
  expect(child.pidfd).toBe(child.pidfd);
  expect(child.pidfd.pid).toBe(child.pid);
  child.pidfd.kill("SIGTERM");
  await child.exited;
  expect(child.signalCode).toBe("SIGTERM");
  child.pidfd.close();
  const gone = spawn(["true"]);
  await gone.exited;
  expect(() => gone.pidfd).toThrow(expect.objectContaining({ code: "ESRCH" }));
  expect(whereabouts()).toEqual(before);
});

describe("spawn() refuses, before anything is left,", () => {
  const bad: readonly [why: string, options: SpawnNamespaceOptions, message: string][] = [
    ["a hostname for this process's own", { hostname: "box" }, "hostname"],
    ["a hostname without a uts namespace", { namespaces: ["net"], hostname: "box" }, '"uts"'],
    ["a hostname with a NUL", { namespaces: ["uts"], hostname: "a\0b" }, "NUL"],
    ["a loopback without a network namespace", { loopback: false }, '"net"'],
    ["a loopback of another type", { loopback: 1 as unknown as boolean }, "loopback"],
    ["a root without a mount namespace", { namespaces: ["pid"], root: "/" }, '"mount"'],
    ["mounts without a mount namespace", { mounts: [proc] }, '"mount"'],
    ["a kind twice", { namespaces: ["net", "net"] }, "twice"],
    ["an unknown kind", { namespaces: ["mnt" as "net"] }, "none of"],
    ["a user namespace", { namespaces: ["user" as "net"] }, "one thread"],
    ["a time namespace", { namespaces: ["time" as "net"] }, "one thread"],
    [
      "a relative target",
      { namespaces: ["mount"], mounts: [{ ...proc, target: "proc" }] },
      "absolute",
    ],
    [
      "a second root",
      { namespaces: ["mount"], root: "/", mounts: [{ ...proc, target: "/" }] },
      "once",
    ],
    ["a mount of nothing", { namespaces: ["mount"], mounts: [{ target: "/x" }] }, "neither"],
    ["namespaces that are no array", { namespaces: "net" as unknown as [] }, "namespaces"],
    [
      "mounts that are no array",
      { namespaces: ["mount"], mounts: proc as unknown as [] },
      "mounts",
    ],
    ["a root that is no path", { namespaces: ["mount"], root: 5 as unknown as string }, "root"],
    ["a root with a NUL", { namespaces: ["mount"], root: "/a\0" }, "NUL"],
    [
      "a source that is no path",
      { namespaces: ["mount"], mounts: [{ target: "/x", source: null as unknown as string }] },
      "mounts[0].source",
    ],
    [
      "a type that is none",
      { namespaces: ["mount"], mounts: [{ target: "/x", type: 1 as unknown as string }] },
      "mounts[0].type",
    ],
    [
      "an unknown flag",
      { namespaces: ["mount"], mounts: [{ ...proc, flags: ["readonly" as "ro"] }] },
      "flags",
    ],
    [
      "options of a bind",
      { namespaces: ["mount"], mounts: [{ target: "/x", source: "/", options: {} }] },
      "options",
    ],
  ];

  test.each(bad)("%s", (_, options, message) => {
    const before = descriptorCount();
    expect(() => spawn(["true"], options)).toThrow(message);
    expect(() => spawn(["true"], options)).toThrow(TypeError);
    // Bun may just have closed what an ended child had.
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });
});

test("spawn() takes a command", () => {
  for (const cmd of [undefined, null, 3, "ls"])
    expect(() => spawn(cmd as unknown as string[])).toThrow(TypeError);
  expect(() => spawn(undefined as unknown as string[])).toThrow("Cannot take cmd");
});

describe.skipIf(!canLeave)("spawn() in namespaces (CAP_SYS_ADMIN, CAP_SYS_CHROOT)", () => {
  test.each(all)("a %s namespace is the child's, and not ours", async (kind) => {
    const before = whereabouts();
    const descriptors = descriptorCount();
    const child = spawn(["cat"], { namespaces: [kind], stdin: "pipe" });
    expect(whereabouts()).toEqual(before);
    for (const other of all) {
      using theirs = Namespace.of(child.pid, other);
      using ours = Namespace.own(other);
      expect([other, theirs.equals(ours)]).toEqual([other, other !== kind]);
    }
    child.stdin.end();
    expect(await child.exited).toBe(0);
    expect(await descriptorsBackTo(descriptors)).toBeLessThanOrEqual(descriptors);
  });

  test("its name is its own, and it is process 1", async () => {
    const before = whereabouts();
    const options = { namespaces: ["uts", "pid"], hostname: "bütter" } as const;
    expect(await printed("cat /proc/sys/kernel/hostname; echo $$", options)).toBe("bütter\n1\n");
    expect(whereabouts()).toEqual(before);
  });

  test("a time-out and an abort end it, although it handles no signal", async () => {
    const late = spawn(["sleep", "1000"], { namespaces: ["pid"], timeout: 1 });
    const controller = new AbortController();
    const aborted = spawn(["sleep", "1000"], { namespaces: ["pid"], signal: controller.signal });
    controller.abort();
    await Promise.all([late.exited, aborted.exited]);
    expect([late.signalCode, aborted.signalCode]).toEqual(["SIGKILL", "SIGKILL"]);
  });

  test("it has no network but a loopback, which is up if there is CAP_NET_ADMIN", async () => {
    const look =
      "tail -n +3 /proc/net/dev | cut -d: -f1; grep 127.0.0.1 /proc/net/fib_trie | wc -l";
    const seen = async (options: SpawnNamespaceOptions): Promise<string[]> =>
      (await printed(look, { namespaces: ["net"], ...options })).trim().split(/\s+/);
    expect(await seen({ loopback: false })).toEqual(["lo", "0"]);
    if (!can("CAP_NET_ADMIN")) {
      expect(await seen({})).toEqual(["lo", "0"]);
      expect(() => spawn(["true"], { namespaces: ["net"], loopback: true })).toThrow("EPERM");
      return;
    }
    for (const options of [{}, { loopback: true }]) {
      const [device, count] = await seen(options);
      expect(device).toBe("lo");
      expect(Number(count)).toBeGreaterThan(0);
    }
  });

  test("it joins a namespace that is there, together with new ones", async () => {
    const first = spawn(["cat"], { namespaces: ["uts", "pid"], hostname: "first", stdin: "pipe" });
    using uts = Namespace.of(first.pid, "uts");
    using pid = Namespace.of(first.pid, "pid");
    const look = "cat /proc/sys/kernel/hostname; echo $$";
    const [name, number] = (await printed(look, { namespaces: [uts, pid, "net"] })).split("\n");
    expect(name).toBe("first");
    expect(Number(number)).toBeGreaterThan(1);
    expect(Number(number)).toBeLessThan(100);
    first.kill("SIGKILL");
    await first.exited;
    // The last one of a pid namespace is gone, and none can begin there.
    expect(() => spawn(["true"], { namespaces: [pid] })).toThrow();
    uts.close();
    expect(() => spawn(["true"], { namespaces: [uts] })).toThrow("closed");
  });

  test.skipIf(!kernel(6, 18))(
    "with all of them, a root in memory, /proc and /tmp, it sees nothing of ours (Linux 6.18)",
    async () => {
      const before = whereabouts();
      const descriptors = descriptorCount();
      const code = `
        cat /proc/sys/kernel/hostname
        echo / /*
        echo /proc/[0-9]*
        pwd
        touch /tmp/file /file 2>&1 | grep -o 'Read-only file system'
        echo /tmp/*
        readlink /proc/self/fd/0
        cut -d' ' -f2,3 /proc/mounts | grep -v -e /bin -e /lib -e /usr`;
      const [root, ...binds] = memoryRoot;
      const mounts: SpawnMount[] = [
        { target: "/", type: "tmpfs", ...root, flags: ["ro"] },
        ...binds,
        proc,
        { type: "tmpfs", target: "/tmp", options: { size: "64k" } },
      ];
      const stdout = await printed(code, { namespaces: all, hostname: "box", mounts });
      const entries = [...binds.map(({ target }) => target), "/proc", "/tmp"].toSorted();
      expect(stdout.split("\n")).toEqual([
        "box",
        `/ ${entries.join(" ")}`,
        // The shell that looks for processes is alone.
        "/proc/1",
        "/",
        "Read-only file system",
        "/tmp/file",
        "/dev/null",
        "/ tmpfs",
        "/proc proc",
        "/tmp tmpfs",
        "",
      ]);
      expect(whereabouts()).toEqual(before);
      expect(await descriptorsBackTo(descriptors)).toBeLessThanOrEqual(descriptors);
    },
  );

  test("a directory becomes its root, links in it lead nowhere else, and the command is found there", async () => {
    using dir = tempDir();
    for (const name of ["etc", "work", "srv"]) mkdirSync(dir.at(name));
    writeFileSync(dir.at("etc/who"), "the box\n");
    // Outside this is a directory, inside another one.
    symlinkSync(dir.at("work"), dir.at("srv/out"));
    symlinkSync("/work", dir.at("srv/in"));
    const options = {
      namespaces: ["mount"],
      root: dir.path,
      mounts: [
        ...programs,
        { type: "tmpfs", target: "/srv/in" },
        { source: "/proc/self/status", target: "/made/for/it" },
      ],
    } as const;
    expect(await printed("cat /etc/who; pwd; head -c 5 /made/for/it; echo", options)).toBe(
      "the box\n/\nName:\n",
    );
    expect(await printed("echo x > /srv/in/x; echo /work/*", options)).toBe("/work/x\n");
    expect(existsSync(dir.at("work/x"))).toBe(false);
    const child = spawn(["sh", "-c", "pwd"], { ...options, cwd: "etc" });
    expect(await child.stdout.text()).toBe("/etc\n");
    expect(child.stdin).toBeUndefined();
    expect(() => spawn(["/etc/nothing"], options)).toThrow("ENOENT");
  });

  test("a mount namespace that it joins is its root, with nothing for its input", async () => {
    const first = spawn(["cat"], { namespaces: ["mount"], mounts: memoryRoot, stdin: "pipe" });
    using theirs = Namespace.of(first.pid, "mount");
    const look = "pwd; echo /*; readlink /proc/self/fd/0; cat";
    const names = memoryRoot.map(({ target }) => target).filter((target) => target !== "/");
    expect(await printed(`${look} 2>&1 || true`, { namespaces: [theirs] })).toStartWith(
      `/\n${names.toSorted().join(" ")}\n`,
    );
    first.kill("SIGKILL");
    await first.exited;
  });

  test("nothing of its options runs while this thread is elsewhere", async () => {
    const seen = new Set<string>();
    const look = (): string => {
      seen.add(readlinkSync("/proc/thread-self/ns/uts"));
      return "value";
    };
    const env = {
      PATH: process.env["PATH"],
      get NAME(): string {
        return look();
      },
    };
    const namespaces = ["uts", "pid"] as const;
    const child = spawn(["sh", "-c", "echo $NAME"], { namespaces, env });
    expect(await child.stdout.text()).toBe("value\n");
    expect([...seen]).toEqual([readlinkSync("/proc/thread-self/ns/uts")]);
    const stream = new ReadableStream({ pull: (controller) => (look(), controller.close()) });
    for (const stdin of [stream, new Response("x"), new Request("http://x")])
      expect(() => spawn(["cat"], { namespaces, stdin })).toThrow("Cannot take stdin");
    expect(seen.size).toBe(1);
  });

  test("what is bound read-only is, and with noexec nothing in it runs", async () => {
    using dir = tempDir();
    writeFileSync(dir.at("file"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
    const bound = { source: dir.path, target: dir.path };
    const look = `(echo x > ${dir.at("new")}) 2>/dev/null || echo refused; ${dir.at("file")} 2>/dev/null || echo refused`;
    const within = (mount: Partial<SpawnMount>) =>
      printed(look, { namespaces: ["mount"], mounts: [{ ...bound, ...mount }] });
    expect(await within({})).toBe("ran\n");
    expect(await within({ flags: ["ro"] })).toBe("refused\nran\n");
    expect(await within({ flags: ["noexec"] })).toBe("refused\n");
  });

  test("what is mounted for it is seen by it alone, and gone with it", async () => {
    using dir = tempDir();
    const before = whereabouts();
    const mounts = [{ type: "tmpfs", target: dir.path }];
    const child = spawn(["sh", "-c", `echo inside > ${dir.at("file")}; echo; cat`], {
      namespaces: ["mount"],
      mounts,
      stdin: "pipe",
    });
    await child.stdout.getReader().read();
    expect(existsSync(dir.at("file"))).toBe(false);
    expect(readFileSync(`/proc/${child.pid}/root${dir.at("file")}`, "utf8")).toBe("inside\n");
    child.stdin.end();
    await child.exited;
    expect(whereabouts()).toEqual(before);
  });

  test("mounts that can't be made name what is wrong, and nothing starts", () => {
    const before = whereabouts();
    const descriptors = descriptorCount();
    const of = (mount: Partial<SpawnNamespaceOptions>) => () =>
      spawn(["true"], { namespaces: all, ...mount });
    const cases = [
      [of({ root: "/nowhere" }), "ENOENT", "/nowhere"],
      [of({ mounts: [{ source: "/nowhere", target: "/mnt" }] }), "ENOENT", "/nowhere"],
      [of({ mounts: [{ type: "nofs", target: "/mnt" }] }), "ENODEV", "nofs"],
      [of({ mounts: [{ type: "tmpfs", target: "/mnt", options: { what: 1 } }] }), "EINVAL", "what"],
      [of({ mounts: [{ type: "tmpfs", target: "/proc/self/x" }] }), "ENOENT", "/proc/self/x"],
      [of({ root: "/proc/self/status" }), "ENOTDIR", "/proc/self/status"],
      [of({ mounts: [{ type: "tmpfs", target: "/proc/version" }] }), "ENOTDIR", "/proc/version"],
      [of({ mounts: [{ source: "/proc/version", target: "/tmp" }] }), "EISDIR", "/tmp"],
      [of({ hostname: "x".repeat(65) }), "EINVAL", "x".repeat(65)],
    ] as const;
    for (const [call, code, path] of cases) {
      expect(call).toThrow(
        expect.objectContaining({ code, message: expect.stringContaining(path) }),
      );
      expect(whereabouts()).toEqual(before);
      expect(descriptorCount()).toBeLessThanOrEqual(descriptors);
    }
  });

  test("each step that fails leaves this thread, its descriptors and children as they were", async () => {
    const script = new URL("spawn-child.ts", import.meta.url).pathname;
    const { stdout, stderr } = await run([bun, script]);
    expect(stderr).toBe("");
    const refused = (call: string) => `${call}: PermissionError EPERM ${call}`;
    const lines = stdout.trimEnd().split("\n");
    expect(lines.shift()).toBe("no such command: ENOENT");
    expect(lines.shift()).toStartWith(isMusl ? "vfork: E" : "vfork,clone: E");
    expect(lines).toEqual([
      ...["umount2", "pivot_root", "move_mount", "mount_setattr", "open_tree"].map(refused),
      refused("fsmount"),
      "fsconfig: PermissionError EPERM mount",
      ...["fsopen", "mount", "sethostname", "unshare", "unshare"].map(refused),
      ...["pidfd_open", "setns", "chroot", "fchdir", "unshare"].map(refused),
    ]);
  });

  test(
    "200 of them leave no descriptor, mount or process, whatever the engine compiles meanwhile",
    async () => {
      const { stdout, stderr, exitCode } = await runScript(
        `
      import { spawn } from "bun-butter";
      import { descriptorCount, descriptorsBackTo } from ${JSON.stringify(new URL("../support/descriptors.ts", import.meta.url).href)};
      import { memoryRoot, whereabouts } from ${JSON.stringify(new URL("../support/whereabouts.ts", import.meta.url).href)};
      import { readFileSync } from "node:fs";
      const start = () => spawn(["true"], {
        namespaces: ["mount", "uts", "ipc", "pid", "cgroup"], hostname: "box", mounts: memoryRoot, stdout: "ignore",
      });
      await start().exited;
      const before = JSON.stringify(whereabouts());
      const descriptors = descriptorCount();
      for (let round = 0; round < 20; round++) {
        const children = Array.from({ length: 10 }, start);
        for (const child of children) if (await child.exited !== 0) console.log("exit", child.exitCode);
      }
      console.log(JSON.stringify(whereabouts()) === before, (await descriptorsBackTo(descriptors)) - descriptors);
      console.log(JSON.stringify(readFileSync("/proc/thread-self/children", "utf8")));
    `,
        // Every function is compiled at once, in another thread.
        {
          env: {
            BUN_JSC_thresholdForJITAfterWarmUp: "2",
            BUN_JSC_thresholdForOptimizeAfterWarmUp: "2",
          },
        },
      );
      expect([stdout, stderr, exitCode]).toEqual(['true 0\n""\n', "", 0]);
    },
    30_000 * slowness,
  );

  test(
    "Workers spawn at the same time, and files are read and written meanwhile",
    async () => {
      using dir = tempDir();
      const before = whereabouts();
      const index = new URL("../../src/index.ts", import.meta.url).href;
      const code = `
      import { spawn } from ${JSON.stringify(index)};
      import { readlinkSync } from "node:fs";
      const look = () => ["mnt", "uts", "pid_for_children"].map((name) => readlinkSync("/proc/thread-self/ns/" + name)).join();
      const before = look();
      const names = [];
      for (let count = 0; count < 15; count++) {
        const hostname = "worker-" + count;
        const child = spawn(["cat", "/proc/sys/kernel/hostname"], { namespaces: ["mount", "uts", "pid"], hostname });
        names.push((await child.stdout.text()).trim() === hostname && (await child.exited) === 0);
      }
      postMessage([look() === before, names.every(Boolean)]);
    `;
      const source = join(dir.path, "worker.ts");
      writeFileSync(source, code);
      const workers = Array.from({ length: 3 }, async () => {
        const { promise, resolve, reject } = Promise.withResolvers<unknown>();
        const worker = new Worker(source);
        worker.addEventListener("message", ({ data }) => resolve(data));
        worker.addEventListener("error", ({ message }) => reject(new Error(message)));
        return await promise;
      });
      for (let count = 0; count < 30; count++) {
        const path = dir.at(`file-${count}`);
        const mounts = [{ type: "tmpfs", target: dir.path }];
        const writing = Bun.write(path, `${count}`);
        const child = spawn(["ls", dir.path], { namespaces: ["mount", "net"], mounts });
        await writing;
        expect(await readFile(path, "utf8")).toBe(`${count}`);
        expect(await child.stdout.text()).toBe("");
      }
      expect(await Promise.all(workers)).toEqual(workers.map(() => [true, true]));
      expect(whereabouts()).toEqual(before);
    },
    30_000 * slowness,
  );

  test("its working directory is ours by default, relative ones are below it", async () => {
    using dir = tempDir();
    mkdirSync(dir.at("sub"));
    expect(await printed("pwd", { namespaces: ["mount"] })).toBe(`${process.cwd()}\n`);
    const child = spawn(["pwd"], { namespaces: ["mount", "pid"], cwd: dir.at("sub") });
    expect(await child.stdout.text()).toBe(`${dir.at("sub")}\n`);
    expect(readlinkSync(`/proc/self/task/${gettid()}/cwd`)).toBe(process.cwd());
    expect(gethostname()).not.toBe("box");
  });
});
