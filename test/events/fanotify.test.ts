/** Fanotify against the running kernel: what is told, and how. */
import { describe, expect, test } from "bun:test";
import {
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";

import {
  FAN,
  Fanotify,
  type FanotifyAsked,
  type FanotifyEvent,
  type FanotifyOptions,
  PermissionError,
  Pidfd,
  ValueError,
} from "bun-butter";
import { AT, close, fstatfs, name_to_handle_at, O, openat } from "bun-butter/syscalls";

import { expectRefusal } from "../support/arguments.ts";
import { can, emulated, kernel } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";
import { descriptorCount } from "../support/descriptors.ts";
import { canLoop, canMount, runMounted } from "../support/namespace.ts";
import { tempDir } from "../support/temp.ts";

/** An event as a row of a table. */
const row = (event: FanotifyEvent): string =>
  `${[...event.events].toSorted().join("|")}${event.isDir ? " dir" : ""} ${event.name}`;

/** What another process does. */
async function sh(script: string): Promise<void> {
  const { stderr, exitCode } = await run(["sh", "-c", script]);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
}

const admin = !emulated && can("CAP_SYS_ADMIN");

describe.skipIf(emulated)("Fanotify (no emulation)", () => {
  test("options that exclude each other are refused with the reason, and nothing is opened", () => {
    const before = descriptorCount();
    const cases: readonly (readonly [options: FanotifyOptions, reason: string])[] = [
      [{ decide: "access", report: "name" }, "a decision is about an open file"],
      [{ decide: "pre-access", report: "fid" }, "a decision is about an open file"],
      [{ pidfd: true, tid: true }, "a pidfd is of a process"],
      [{ mounts: true, report: "name" }, "events of mounts have no report"],
      [{ mounts: true, decide: "access" }, "events of mounts have no report"],
      [{ mounts: true, errors: true }, "events of mounts have no report"],
      [{ eventFlags: O.RDWR }, 'only report: "fd" has descriptors'],
    ];
    for (const [options, reason] of cases) {
      expect(() => new Fanotify(options)).toThrow(ValueError);
      expect(() => new Fanotify(options)).toThrow(reason);
    }
    for (const options of [
      { report: "path" },
      { decide: true },
      { decide: "access", decideTimeout: "5" },
      { own: 1 },
      { pidfd: "yes" },
      { report: "fd", eventFlags: "r" },
    ])
      expectRefusal(() => new Fanotify(options as unknown as FanotifyOptions), TypeError);
    expectRefusal(() => new Fanotify({ decideTimeout: -1 }), RangeError);
    expectRefusal(() => new Fanotify({ decideTimeout: NaN }), RangeError);
    expect(descriptorCount()).toBeLessThanOrEqual(before);
  });

  test("marks that a group can't have are refused with the reason", () => {
    using dir = tempDir();
    using fanotify = new Fanotify();
    using byObject = new Fanotify({ report: "fid" });
    const cases: readonly (readonly [call: () => void, reason: string])[] = [
      [() => fanotify.mark(dir.path, "open-perm"), "need decide"],
      [() => fanotify.mark(dir.path, "pre-access"), "need decide"],
      [() => fanotify.mark(dir.path, []), "no event is asked for"],
      [() => fanotify.mark(dir.path, FAN.ONDIR), "no event is asked for"],
      [() => fanotify.mark(dir.path, "mnt-attach"), "mounts: true"],
      [() => fanotify.mark(dir.path, "open", { scope: "mntns" }), 'scope: "mntns"'],
      [() => fanotify.mark(dir.path, "fs-error"), 'needs scope: "filesystem"'],
      [() => fanotify.mark(dir.path, "create", { scope: "mount" }), "create is not told of mounts"],
      [() => byObject.mark(dir.path, "rename"), 'needs report: "name"'],
      [
        () => fanotify.mark(dir.path, "open", { scope: "filesystem", evictable: true }),
        'evictable needs scope: "inode"',
      ],
      [() => fanotify.mark(dir.path, "open", { surviveModify: true }), "needs ignore"],
    ];
    for (const [call, reason] of cases) {
      expect(call).toThrow(ValueError);
      expect(call).toThrow(reason);
    }
    for (const events of ["opened", ["open", 3], 3, null, undefined, {}, "toString"])
      expectRefusal(() => fanotify.mark(dir.path, events as FanotifyAsked), TypeError);
    expectRefusal(() => fanotify.mark(dir.path, -1n), RangeError);
    expectRefusal(() => fanotify.mark(undefined as unknown as string, "open"), TypeError);
    const wrong = { scope: "tree" } as unknown as { scope: "inode" };
    expectRefusal(() => fanotify.mark(dir.path, "open", wrong), TypeError);
    expect(() => fanotify.mark(dir.at("none"), "open")).toThrow(
      expect.objectContaining({ code: "ENOENT", path: dir.at("none") }),
    );
    fanotify.close();
    expect(() => fanotify.mark(dir.path, "open")).toThrow("it is closed");
    expect(() => fanotify.unmark(dir.path)).toThrow("it is closed");
    expect(() => fanotify.flush()).toThrow("it is closed");
  });

  test("a directory's events are told by name, with who did it and where", async () => {
    using dir = tempDir();
    using fanotify = new Fanotify();
    fanotify.mark(dir.path, ["create", "close-write", "delete", "rename", "attrib"], {
      children: true,
      dirs: true,
    });
    await sh(`cd ${dir.path}; echo a >a; mkdir sub; mv a b; rm b; rmdir sub; chmod 700 .`);
    const events = fanotify.readEventsSync();
    const rows = events.map(row);
    expect(rows).toContain("close-write|create a");
    expect(rows).toContain("create dir sub");
    expect(rows).toContain("delete dir sub");
    expect(rows).toContain("rename b");
    expect(rows.filter((one) => /^attrib.* dir $/.test(one))).toHaveLength(1);
    const rename = events.find((event) => event.events.has("rename"));
    expect(rename).toMatchObject({
      path: dir.at("b"),
      oldPath: dir.at("a"),
      newPath: dir.at("b"),
      directory: dir.path,
      isDir: false,
      missing: can("CAP_SYS_ADMIN") ? {} : { pid: expect.any(String) },
    });
    const created = events.find((event) => event.name === "a");
    expect(created?.path).toBe(dir.at("a"));
    expect(created?.oldPath).toBeUndefined();
    expect(created?.newPath).toBeUndefined();
    const { handle } = name_to_handle_at(AT.FDCWD, dir.path, 0);
    expect(created?.handle?.handle).toEqual(handle);
    const self = events.find((event) => event.name === "");
    expect(self).toMatchObject({ path: dir.path, directory: dir.path, isDir: true });
  });

  test("an event prints, and is plain data", async () => {
    using dir = tempDir();
    using fanotify = new Fanotify({ own: true });
    fanotify.mark(dir.path, "create");
    writeFileSync(dir.at("a"), "");
    const [event] = fanotify.readEventsSync();
    expect(JSON.parse(JSON.stringify(event))).toEqual({
      events: ["create"],
      mask: 256,
      pid: process.pid,
      path: dir.at("a"),
      name: "a",
      isDir: false,
    });
    expect(event?.mask).toBe(FAN.CREATE);
    expect(Bun.inspect(event)).toContain(dir.at("a"));
    expect(Bun.inspect(fanotify)).toMatch(/report: .name./);
    expect(Object.prototype.toString.call(event)).toBe("[object FanotifyEvent]");
    expect(() => event?.allow()).toThrow("it waits for no decision");
    expect(() => event?.takeFd()).toThrow("it was not asked for");
  });

  test("names that are not UTF-8 keep their bytes", async () => {
    using dir = tempDir();
    using fanotify = new Fanotify({ own: true });
    const bytes = Buffer.from("odd\xff", "latin1");
    const sub = Buffer.concat([Buffer.from(`${dir.path}/`), bytes]);
    mkdirSync(sub);
    fanotify.mark(sub, "create");
    writeFileSync(Buffer.concat([sub, Buffer.from("/"), bytes]), "");
    const [event] = fanotify.readEventsSync();
    expect(event?.name).toBe("odd\ufffd");
    expect(event?.nameBytes).toEqual(new Uint8Array(bytes));
    expect(Buffer.from(event?.pathBytes ?? []).toString("latin1")).toBe(
      `${dir.path}/odd\xff/odd\xff`,
    );
    writeFileSync(Buffer.concat([sub, Buffer.from("/plain")]), "");
    const [plain] = fanotify.readEventsSync();
    expect(plain?.nameBytes).toBeUndefined();
    expect(Buffer.from(plain?.pathBytes ?? []).toString("latin1")).toBe(
      `${dir.path}/odd\xff/plain`,
    );
  });

  test("old names of renames that are not UTF-8 keep their bytes", () => {
    using dir = tempDir();
    using fanotify = new Fanotify({ own: true });
    const odd = Buffer.from(`${dir.path}/odd\xff`, "latin1");
    writeFileSync(odd, "");
    fanotify.mark(dir.path, "rename");
    renameSync(odd, dir.at("plain"));
    renameSync(dir.at("plain"), odd);
    const [there, back] = fanotify.readEventsSync();
    expect(there).toMatchObject({ oldPath: dir.at("odd\ufffd"), path: dir.at("plain") });
    expect(there?.oldPathBytes).toEqual(new Uint8Array(odd));
    expect(there?.pathBytes).toBeUndefined();
    expect(back?.oldPathBytes).toBeUndefined();
    expect(back?.pathBytes).toEqual(new Uint8Array(odd));
    // A copy, which is the caller's.
    there?.oldPathBytes?.fill(0);
    expect(there?.oldPathBytes).toEqual(new Uint8Array(odd));
  });

  test("this process's own events are told only with own", () => {
    using dir = tempDir();
    using others = new Fanotify();
    using all = new Fanotify({ own: true });
    for (const fanotify of [others, all]) fanotify.mark(dir.path, "create");
    writeFileSync(dir.at("a"), "");
    expect(others.readEventsSync()).toEqual([]);
    expect(all.readEventsSync().map(row)).toEqual(["create a"]);
  });

  test("mark() takes what is open in place of a path, and both kinds of path", () => {
    using dir = tempDir();
    mkdirSync(dir.at("sub"));
    using fanotify = new Fanotify({ own: true });
    const fd = openat(AT.FDCWD, dir.at("sub"), O.RDONLY | O.CLOEXEC);
    try {
      fanotify.mark(fd, "create");
      fanotify.mark({ fd }, "delete");
    } finally {
      close(fd);
    }
    writeFileSync(dir.at("sub/a"), "");
    expect(fanotify.readEventsSync().map((event) => event.path)).toEqual([dir.at("sub/a")]);
    fanotify.mark(Buffer.from(dir.path), "create");
    fanotify.mark(Bun.pathToFileURL(dir.path), "delete");
    writeFileSync(dir.at("b"), "");
    expect(fanotify.readEventsSync().map((event) => event.path)).toEqual([dir.at("b")]);
  });

  test("unmark() takes events or the whole mark, and flush() all marks", () => {
    using dir = tempDir();
    using fanotify = new Fanotify({ own: true });
    expect(fanotify.unmark(dir.path)).toBe(false);
    fanotify.mark(dir.path, ["create", "delete"], { dirs: true });
    expect(fanotify.unmark(dir.path, "create")).toBe(true);
    mkdirSync(dir.at("a"));
    rmdirSync(dir.at("a"));
    expect(fanotify.readEventsSync().map(row)).toEqual(["delete dir a"]);
    expect(fanotify.unmark(dir.path)).toBe(true);
    expect(fanotify.unmark(dir.path)).toBe(false);
    expect(fanotify.unmark(dir.at("none"))).toBe(false);
    fanotify.mark(dir.path, "create");
    fanotify.flush("inode");
    fanotify.flush();
    writeFileSync(dir.at("b"), "");
    expect(fanotify.readEventsSync()).toEqual([]);
  });

  test.skipIf(!kernel(6, 0))("ignore takes from what other marks ask for (Linux 6.0)", () => {
    using dir = tempDir();
    writeFileSync(dir.at("quiet"), "");
    using fanotify = new Fanotify({ own: true });
    fanotify.mark(dir.path, "open", { children: true });
    fanotify.mark(dir.at("quiet"), "open", { ignore: true });
    const touch = (name: string): void => closeSync(openSync(dir.at(name), "a"));
    touch("quiet");
    touch("loud");
    expect(fanotify.readEventsSync().map(row)).toEqual(["open loud"]);
    expect(fanotify.unmark(dir.at("quiet"), undefined, { ignore: true })).toBe(true);
    touch("quiet");
    expect(fanotify.readEventsSync().map(row)).toEqual(["open quiet"]);
  });

  test.skipIf(!kernel(5, 19))("evictable excludes a mark that is not (Linux 5.19)", () => {
    using dir = tempDir();
    using fanotify = new Fanotify();
    fanotify.mark(dir.path, "open", { evictable: true });
    fanotify.mark(dir.path, "create");
    expect(() => fanotify.mark(dir.path, "delete", { evictable: true })).toThrow(
      expect.objectContaining({ code: "EEXIST" }),
    );
  });

  test("a renamed directory's events are told at its new path, and a deleted one's where it was", () => {
    using dir = tempDir();
    mkdirSync(dir.at("a"));
    using fanotify = new Fanotify({ own: true });
    fanotify.mark(dir.at("a"), ["create", "delete", "delete-self"], { dirs: true });
    fanotify.mark(dir.path, ["rename", "create", "delete"], { dirs: true });
    writeFileSync(dir.at("a/1"), "");
    renameSync(dir.at("a"), dir.at("b"));
    writeFileSync(dir.at("b/2"), "");
    const paths = fanotify.readEventsSync().map(({ oldPath, path }) => [oldPath, path]);
    expect(paths).toEqual([
      [undefined, dir.at("a/1")],
      [dir.at("a"), dir.at("b")],
      [undefined, dir.at("b/2")],
    ]);
    unlinkSync(dir.at("b/1"));
    unlinkSync(dir.at("b/2"));
    rmdirSync(dir.at("b"));
    const gone = fanotify.readEventsSync().map(({ events, path }) => [[...events], path]);
    expect(gone).toContainEqual([["delete-self"], dir.at("b")]);
    expect(gone).toContainEqual([["delete"], dir.at("b")]);
  });

  test.skipIf(!can("CAP_DAC_READ_SEARCH"))(
    "a directory that is renamed where nobody looks has its new path (needs CAP_DAC_READ_SEARCH)",
    () => {
      using dir = tempDir();
      mkdirSync(dir.at("x/a"), { recursive: true });
      using fanotify = new Fanotify({ own: true });
      fanotify.mark(dir.at("x/a"), "create");
      writeFileSync(dir.at("x/a/1"), "");
      expect(fanotify.readEventsSync().map(({ path }) => path)).toEqual([dir.at("x/a/1")]);
      renameSync(dir.at("x"), dir.at("y"));
      mkdirSync(dir.at("x/a"), { recursive: true });
      writeFileSync(dir.at("y/a/2"), "");
      expect(fanotify.readEventsSync().map(({ path }) => path)).toEqual([dir.at("y/a/2")]);
    },
  );

  test.skipIf(!kernel(5, 17))(
    "a directory that was made and deleted before it was looked at has its path (Linux 5.17)",
    () => {
      using dir = tempDir();
      using fanotify = new Fanotify({ own: true });
      fanotify.mark(dir.path, ["create", "delete", "open"], { children: true, dirs: true });
      mkdirSync(dir.at("short"));
      closeSync(openSync(dir.at("short"), "r"));
      rmdirSync(dir.at("short"));
      for (const event of fanotify.readEventsSync()) expect(event.path).toBe(dir.at("short"));
    },
  );

  test('report: "fid" tells the object\'s own path', () => {
    using dir = tempDir();
    writeFileSync(dir.at("a"), "");
    using fanotify = new Fanotify({ report: "fid", own: true });
    fanotify.mark(dir.at("a"), "open");
    closeSync(openSync(dir.at("a"), "r"));
    const [event] = fanotify.readEventsSync();
    expect(event).toMatchObject({ path: dir.at("a"), name: undefined, directory: undefined });
    expect(event?.handle?.fsid).toEqual(statfsOf(dir.path));
  });

  test("adopt() learns from /proc what is reported", async () => {
    using dir = tempDir();
    const first = new Fanotify({ report: "fid" });
    const { dup } = await import("bun-butter/syscalls");
    using adopted = Fanotify.adopt(dup(first.fd), { own: true });
    first.close();
    expect(Bun.inspect(adopted)).toMatch(/report: .fid./);
    expect(() => adopted.mark(dir.path, "rename")).toThrow('needs report: "name"');
    adopted.mark(dir.path, "open", { dirs: true });
    closeSync(openSync(dir.path, "r"));
    expect(adopted.readEventsSync().map(({ path }) => path)).toEqual([dir.path]);
  });
});

function statfsOf(path: string): readonly [number, number] {
  const fd = openat(AT.FDCWD, path, O.RDONLY | O.CLOEXEC);
  try {
    return fstatfs(fd).f_fsid;
  } finally {
    close(fd);
  }
}

describe.skipIf(!admin)("Fanotify with CAP_SYS_ADMIN", () => {
  test('report: "fd" opens what the event is about, and the event owns that', async () => {
    using dir = tempDir();
    writeFileSync(dir.at("a"), "content");
    using fanotify = new Fanotify({ report: "fd" });
    fanotify.mark(dir.at("a"), "access");
    await sh(`cat ${dir.at("a")} >/dev/null`);
    const [event] = fanotify.readEventsSync();
    const fd = event?.fd ?? -1;
    expect(event?.path).toBe(dir.at("a"));
    expect(await Bun.file(fd).text()).toBe("content");
    // Reading it made no event.
    expect(fanotify.readEventsSync()).toEqual([]);
    event?.[Symbol.dispose]();
    event?.[Symbol.dispose]();
    expect(event?.fd).toBeUndefined();
    expect(event?.missing).toMatchObject({ fd: "it was closed or taken" });
    expect(() => close(fd)).toThrow(ValueError);
  });

  test("takeFd() gives the descriptor away", async () => {
    using dir = tempDir();
    writeFileSync(dir.at("a"), "");
    using fanotify = new Fanotify({ report: "fd" });
    fanotify.mark(dir.at("a"), "open");
    await sh(`: <${dir.at("a")}`);
    let fd = -1;
    {
      using event = fanotify.readEventsSync()[0];
      fd = event?.takeFd() ?? -1;
      expect(event?.path).toBe(dir.at("a"));
      expect(() => event?.takeFd()).toThrow("it was closed or taken");
    }
    close(fd);
  });

  test("a file that was deleted has the path where it was", async () => {
    using dir = tempDir();
    using fanotify = new Fanotify({ report: "fd" });
    fanotify.mark(dir.path, "close-write", { children: true });
    await sh(`echo >"${dir.at("a")}"; rm "${dir.at("a")}"; echo >"${dir.at("b (deleted)")}"`);
    const events = fanotify.readEventsSync();
    expect(events.map(({ path }) => path)).toEqual([dir.at("a"), dir.at("b (deleted)")]);
    for (const event of events) event[Symbol.dispose]();
  });

  test.skipIf(!kernel(5, 15))(
    "pidfd holds who did it, or says that it ended (Linux 5.15)",
    async () => {
      using dir = tempDir();
      using fanotify = new Fanotify({ pidfd: true });
      fanotify.mark(dir.path, "create");
      await using child = Bun.spawn(["sh", "-c", `: >${dir.at("a")}; read line`], {
        stdin: "pipe",
      });
      const event = await fanotify.readEvent();
      using process = Pidfd.adopt(event.takePidfd());
      expect(process.pid).toBe(child.pid);
      expect(event.missing).toEqual({ pidfd: "it was closed or taken" });
      await sh(`: >${dir.at("b")}`);
      const [ended] = fanotify.readEventsSync();
      expect(ended?.pidfd).toBeUndefined();
      expect(ended?.missing).toEqual({ pidfd: "the process has ended" });
      expect(() => ended?.takePidfd()).toThrow("the process has ended");
    },
  );

  test("tid names the thread, and own is known by it", () => {
    using dir = tempDir();
    using fanotify = new Fanotify({ tid: true, own: true });
    using others = new Fanotify({ tid: true });
    fanotify.mark(dir.path, "create");
    others.mark(dir.path, "create");
    writeFileSync(dir.at("a"), "");
    const [event] = fanotify.readEventsSync();
    expect(event).toMatchObject({ pid: undefined, tid: process.pid });
    expect(others.readEventsSync()).toEqual([]);
  });

  test("unlimitedQueue and unlimitedMarks are taken", () => {
    using fanotify = new Fanotify({ unlimitedQueue: true, unlimitedMarks: true });
    expect(fanotify.closed).toBe(false);
  });
});

/** What every script begins with: a tmpfs of its own, and what another process does there. */
const prelude = `
  import { spawnSync } from "node:child_process";
  import { mkdirSync } from "node:fs";
  import { Fanotify } from "bun-butter";
  const sh = (script) => {
    const { status, stderr } = spawnSync("sh", ["-ec", script]);
    if (status !== 0) throw new Error(String(stderr));
  };
  const told = (fanotify) => {
    for (const event of fanotify.readEventsSync()) {
      const { events, isDir, path, oldPath, missing } = event;
      console.log([[...events].sort().join("|"), isDir ? "dir" : "", oldPath ?? "", path ?? JSON.stringify(missing)].filter(Boolean).join(" "));
      event[Symbol.dispose]();
    }
  };
  const dir = process.argv.at(-1);
  sh(\`mount -t tmpfs none \${dir}\`);
  process.chdir("/");
`;

/** Whether a tmpfs has what events call its files by. */
const marksTmpfs = kernel(5, 13);

async function linesOf(script: string): Promise<readonly string[]> {
  using dir = tempDir();
  const code = `${prelude.replace("process.argv.at(-1)", JSON.stringify(dir.path))}\n${script}`;
  const { stdout, stderr, exitCode } = await runMounted(code);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return stdout.replaceAll(dir.path, "DIR").trimEnd().split("\n");
}

describe.skipIf(!canMount)(
  "Fanotify in a mount namespace (needs CAP_SYS_ADMIN and unshare)",
  () => {
    const tree = `
    sh(\`mkdir -p \${root}/a/b \${root}/c\`);
    const fanotify = new Fanotify();
    fanotify.mark(root, ["create", "delete", "rename", "close-write"], { scope: "filesystem", dirs: true });
    sh(\`echo >\${root}/a/b/1\`);
    told(fanotify);
    sh(\`cd \${root}; mv a c/aa; echo >c/aa/b/2; mkdir -p new/deep; echo >new/deep/3\`);
    told(fanotify);
    sh(\`cd \${root}; rm -r new; mv c/aa a; echo >a/b/4\`);
    told(fanotify);
  `;
    const expected = [
      "close-write|create DIR/a/b/1",
      "rename dir DIR/a DIR/c/aa",
      "close-write|create DIR/c/aa/b/2",
      "create dir DIR/new",
      "create dir DIR/new/deep",
      "close-write|create DIR/new/deep/3",
      "delete DIR/new/deep/3",
      "delete dir DIR/new/deep",
      "delete dir DIR/new",
      "rename dir DIR/c/aa DIR/a",
      "close-write|create DIR/a/b/4",
    ];

    test.skipIf(!marksTmpfs)(
      "a file system's events have paths that renames keep true: tmpfs (Linux 5.13)",
      async () => {
        expect(await linesOf(`const root = dir;${tree}`)).toEqual(expected);
      },
    );

    test.skipIf(!canLoop)(
      "a file system's events have paths that renames keep true: ext4 (needs mkfs.ext4 and loop devices)",
      async () => {
        const lines = await linesOf(`
        const root = \`\${dir}/ext4\`;
        sh(\`cd \${dir}; truncate -s 8M image; mkfs.ext4 -q image; mkdir ext4; mount -o loop image ext4\`);
        ${tree}
      `);
        expect(lines.map((line) => line.replaceAll("DIR/ext4", "DIR"))).toEqual(expected);
      },
    );

    test.skipIf(!kernel(6, 8))(
      "overlayfs reports by handle, of marked directories at least (Linux 6.8)",
      async () => {
        const lines = await linesOf(`
      sh(\`cd \${dir}; mkdir lower upper work over; mount -t overlay none -o lowerdir=lower,upperdir=upper,workdir=work over\`);
      const fanotify = new Fanotify();
      const marked = \`\${dir}/over\`;
      fanotify.mark(marked, ["create", "delete"], { dirs: true });
      sh(\`echo >\${marked}/1; mkdir \${marked}/sub; rm \${marked}/1\`);
      told(fanotify);
    `);
        expect(lines.toSorted()).toEqual([
          "create DIR/over/1",
          "create dir DIR/over/sub",
          "delete DIR/over/1",
        ]);
      },
    );

    test.skipIf(!marksTmpfs)(
      "a mount that shows a part of a file system resolves what is outside of it through another (Linux 5.13)",
      async () => {
        const lines = await linesOf(`
      sh(\`cd \${dir}; mkdir part other shown; mount --bind part shown\`);
      const fanotify = new Fanotify();
      fanotify.mark(\`\${dir}/shown\`, "create", { scope: "filesystem" });
      sh(\`cd \${dir}; echo >part/1; echo >other/2\`);
      told(fanotify);
    `);
        expect(lines).toEqual(["create DIR/shown/1", "create DIR/other/2"]);
      },
    );

    test.skipIf(!marksTmpfs)(
      "a file system can be unmounted while it is marked (Linux 5.13)",
      async () => {
        const lines = await linesOf(`
      const fanotify = new Fanotify();
      fanotify.mark(dir, "create", { scope: "filesystem" });
      sh(\`echo >\${dir}/1\`);
      told(fanotify);
      sh(\`umount \${dir}\`);
      console.log(fanotify.readEventsSync().length);
    `);
        expect(lines).toEqual(["create DIR/1", "0"]);
      },
    );

    test("a mount's events are those through it, and unmark() and flush() know its scope", async () => {
      const lines = await linesOf(`
      const fanotify = new Fanotify({ report: "fd" });
      sh(\`echo >\${dir}/1\`);
      fanotify.mark(dir, "open", { scope: "mount" });
      sh(\`: <\${dir}/1\`);
      told(fanotify);
      console.log(fanotify.unmark(dir), fanotify.unmark(dir, undefined, { scope: "mount" }));
      fanotify.mark(dir, "open", { scope: "mount" });
      fanotify.flush();
      sh(\`: <\${dir}/1\`);
      told(fanotify);
    `);
      expect(lines).toEqual(["open DIR/1", "false true"]);
    });

    test.skipIf(!kernel(6, 15))(
      "mounts tells what is mounted and unmounted (Linux 6.15)",
      async () => {
        const lines = await linesOf(`
      const fanotify = new Fanotify({ mounts: true });
      fanotify.mark("/proc/self/ns/mnt", ["mnt-attach", "mnt-detach"], { scope: "mntns" });
      sh(\`mkdir \${dir}/m; mount -t tmpfs none \${dir}/m; umount \${dir}/m\`);
      const events = fanotify.readEventsSync();
      console.log(...events.map(({ events }) => [...events].join()));
      console.log(events[0].mountId === events[1].mountId, typeof events[0].mountId, events[0].path);
      console.log(JSON.stringify(events[0].missing));
      fanotify.flush();
    `);
        expect(lines).toEqual(["mnt-attach mnt-detach", "true bigint undefined", "{}"]);
      },
    );

    test.skipIf(!marksTmpfs)(
      "overflow is an event, after which events come again (Linux 5.13)",
      async () => {
        const lines = await linesOf(`
      import { readFileSync, writeFileSync } from "node:fs";
      const fanotify = new Fanotify({ own: true });
      fanotify.mark(dir, "create");
      const most = Number(readFileSync("/proc/sys/fs/fanotify/max_queued_events", "utf8"));
      if (most > 100_000) throw new Error("too many to wait for");
      for (let n = 0; n < most + 10; n++) writeFileSync(\`\${dir}/\${n}\`, "");
      const events = fanotify.readEventsSync();
      const last = events.at(-1);
      console.log(events.length - most, last.isOverflow, ...last.events, last.path, JSON.stringify(last.missing));
      writeFileSync(\`\${dir}/again\`, "");
      told(fanotify);
    `);
        expect(lines).toEqual(["1 true q-overflow undefined {}", "create DIR/again"]);
      },
    );
  },
);

describe.skipIf(!canMount || !kernel(5, 13) || Bun.which("setpriv") === null)(
  "Fanotify without a privilege (needs CAP_SYS_ADMIN to give up, setpriv, Linux 5.13)",
  () => {
    test("it watches what may be read, and says what it can't do", async () => {
      using dir = tempDir();
      const script = `
        import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
        import { Fanotify } from "bun-butter";
        const [dir] = process.argv.slice(-1);
        const refused = (call) => { try { call(); return "fine"; } catch ({ name, code, message }) { return \`\${name} \${code} \${/CAP_\\w+/.exec(message)}\`; } };
        console.log(refused(() => new Fanotify({ report: "fd" })));
        console.log(refused(() => new Fanotify({ decide: "access" })));
        console.log(refused(() => new Fanotify({ pidfd: true })));
        console.log(refused(() => new Fanotify({ unlimitedQueue: true })));
        const fanotify = new Fanotify({ own: true });
        console.log(refused(() => fanotify.mark(dir, "create", { scope: "filesystem" })));
        console.log(refused(() => fanotify.mark(dir, "open", { scope: "mount" })));
        console.log(refused(() => fanotify.mark("/etc/shadow", "open")));
        mkdirSync(\`\${dir}/a/b\`, { recursive: true });
        fanotify.mark(\`\${dir}/a\`, ["create", "delete", "rename"], { dirs: true });
        fanotify.mark(\`\${dir}/a/b\`, ["create", "delete-self"], { dirs: true });
        writeFileSync(\`\${dir}/a/1\`, "");
        writeFileSync(\`\${dir}/a/b/2\`, "");
        renameSync(\`\${dir}/a/b\`, \`\${dir}/a/c\`);
        writeFileSync(\`\${dir}/a/c/3\`, "");
        Bun.spawnSync(["touch", \`\${dir}/a/4\`]);
        for (const { path, oldPath, pid } of fanotify.readEventsSync()) console.log(oldPath ?? "", path, pid === process.pid);
        renameSync(\`\${dir}/a\`, \`\${dir}/z\`);
        writeFileSync(\`\${dir}/z/5\`, "");
        const [lost] = fanotify.readEventsSync();
        console.log(lost.path, lost.name, lost.handle !== undefined, lost.missing.path);
        rmSync(\`\${dir}/z\`, { recursive: true });
      `;
      // Everybody may go there, and only there.
      const { chmodSync } = await import("node:fs");
      chmodSync(dir.path, 0o777);
      const packed = await Bun.build({
        entrypoints: ["/script.ts"],
        target: "bun",
        files: {
          "/script.ts": script.replace(
            '"bun-butter"',
            JSON.stringify(new URL("../../src/index.ts", import.meta.url).pathname),
          ),
        },
      } as Parameters<typeof Bun.build>[0]);
      writeFileSync(dir.at("script.js"), (await packed.outputs[0]?.text()) ?? "");
      const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
      const { stdout, stderr, exitCode } = await run(
        [...nobody, bun, dir.at("script.js"), dir.path],
        {
          cwd: dir.path,
          env: { HOME: dir.path },
        },
      );
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      expect(stdout.replaceAll(dir.path, "DIR").trimEnd().split("\n")).toEqual([
        "PermissionError EPERM CAP_SYS_ADMIN",
        "PermissionError EPERM CAP_SYS_ADMIN",
        "PermissionError EPERM CAP_SYS_ADMIN",
        "PermissionError EPERM CAP_SYS_ADMIN",
        "PermissionError EPERM CAP_SYS_ADMIN",
        "PermissionError EPERM CAP_SYS_ADMIN",
        "PermissionError EACCES null",
        " DIR/a/1 true",
        " DIR/a/b/2 true",
        "DIR/a/b DIR/a/c true",
        " DIR/a/c/3 true",
        " DIR/a/4 false",
        "undefined 5 true opening by handle needs CAP_DAC_READ_SEARCH, and it is nowhere that is marked",
      ]);
    });
  },
);

test.skipIf(emulated || admin)("without CAP_SYS_ADMIN the constructor says what it takes", () => {
  expect(() => new Fanotify({ decide: "access" })).toThrow(PermissionError);
});
