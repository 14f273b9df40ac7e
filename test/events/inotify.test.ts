/** Inotify against the running kernel. Sequences are data: what is done, and what is reported. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { pathToFileURL } from "node:url";

import { IN, IN_REPORTED, Inotify, InotifyEvent, ValueError } from "bun-butter";
import { dup, F, fcntl, fd_name, ioctl_fionread, O } from "bun-butter/syscalls";

import { can, slowness } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

/** An event as a row of a table: its words, then its name. */
const row = (event: InotifyEvent): string => `${event.flags.join("|")} ${event.name}`.trim();

let dir: TempDir;
let inotify: Inotify;

beforeEach(() => {
  dir = tempDir();
  inotify = new Inotify();
});

afterEach(() => {
  inotify.close();
  dir[Symbol.dispose]();
});

const rows = (): string[] => inotify.readEventsSync().map(row);

describe("a watched file", () => {
  const steps: readonly (readonly [
    title: string,
    act: (file: string) => void,
    expected: readonly string[],
  ])[] = [
    ["chmod", (file) => chmodSync(file, 0o600), ["ATTRIB"]],
    ["read", (file) => void readFileSync(file), ["OPEN", "ACCESS", "CLOSE_NOWRITE"]],
    ["an empty read", (file) => closeSync(openSync(file, "r")), ["OPEN", "CLOSE_NOWRITE"]],
    ["append", (file) => appendFileSync(file, "more"), ["OPEN", "MODIFY", "CLOSE_WRITE"]],
    [
      "open for writing without a write",
      (file) => closeSync(openSync(file, "r+")),
      ["OPEN", "CLOSE_WRITE"],
    ],
    ["truncate", (file) => truncateSync(file, 0), ["MODIFY"]],
    ["rename", (file) => renameSync(file, `${file}.new`), ["MOVE_SELF"]],
    ["link", (file) => linkSync(file, `${file}.hard`), ["ATTRIB"]],
    ["unlink", (file) => unlinkSync(file), ["ATTRIB", "DELETE_SELF", "IGNORED"]],
  ];
  test.each(steps)("%s", (_, act, expected) => {
    const file = dir.at("file");
    writeFileSync(file, "content");
    inotify.watch(file);
    act(file);
    expect(rows()).toEqual([...expected]);
  });

  test("equal events in a row are one", () => {
    const file = dir.at("file");
    writeFileSync(file, "");
    inotify.watch(file, IN.MODIFY);
    const fd = openSync(file, "w");
    for (let n = 0; n < 100; n++) writeSync(fd, "x");
    closeSync(fd);
    expect(rows()).toEqual(["MODIFY"]);
  });

  test("unlinked while open, it is deleted at the last close", () => {
    const file = dir.at("file");
    writeFileSync(file, "");
    const fd = openSync(file, "r");
    inotify.watch(file);
    inotify.watch(dir.path, IN.DELETE);
    unlinkSync(file);
    expect(rows()).toEqual(["ATTRIB", "DELETE file"]);
    closeSync(fd);
    expect(rows()).toEqual(["CLOSE_NOWRITE", "DELETE_SELF", "IGNORED"]);
  });
});

describe("a watched directory", () => {
  const steps: readonly (readonly [
    title: string,
    act: (at: TempDir["at"]) => void,
    expected: readonly string[],
  ])[] = [
    [
      "a new file",
      (at) => writeFileSync(at("a"), "x"),
      ["CREATE a", "OPEN a", "MODIFY a", "CLOSE_WRITE a"],
    ],
    ["a new directory", (at) => mkdirSync(at("sub")), ["CREATE|ISDIR sub"]],
    [
      "a path of new directories: only the first is in it",
      (at) => mkdirSync(at("x/y/z"), { recursive: true }),
      ["CREATE|ISDIR x"],
    ],
    ["a symbolic link", (at) => symlinkSync("nowhere", at("link")), ["CREATE link"]],
    ["a second name", (at) => linkSync(at("old"), at("hard")), ["CREATE hard"]],
    ["chmod of an entry", (at) => chmodSync(at("old"), 0o600), ["ATTRIB old"]],
    ["rename inside", (at) => renameSync(at("old"), at("new")), ["MOVED_FROM old", "MOVED_TO new"]],
    [
      "rename over another",
      (at) => renameSync(at("old"), at("other")),
      ["MOVED_FROM old", "MOVED_TO other"],
    ],
    ["rename out", (at) => renameSync(at("old"), at("../outside")), ["MOVED_FROM old"]],
    ["rename in", (at) => renameSync(at("../beside"), at("in")), ["MOVED_TO in"]],
    [
      "rename of a directory",
      (at) => renameSync(at("full"), at("dir")),
      ["MOVED_FROM|ISDIR full", "MOVED_TO|ISDIR dir"],
    ],
    ["deletion", (at) => unlinkSync(at("old")), ["DELETE old"]],
    ["deletion of a directory", (at) => rmdirSync(at("empty")), ["DELETE|ISDIR empty"]],
    [
      "an editor's save",
      (at) => {
        writeFileSync(at(".old.swp"), "new");
        renameSync(at(".old.swp"), at("old"));
      },
      [
        "CREATE .old.swp",
        "OPEN .old.swp",
        "MODIFY .old.swp",
        "CLOSE_WRITE .old.swp",
        "MOVED_FROM .old.swp",
        "MOVED_TO old",
      ],
    ],
    ["its own deletion", (at) => rmSync(at(), { recursive: true }), []],
  ];
  test.each(steps)("%s", (title, act, expected) => {
    const root = dir.at("root");
    const at = (...names: readonly string[]): string => dir.at("root", ...names);
    mkdirSync(at("full", "of"), { recursive: true });
    mkdirSync(at("empty"));
    writeFileSync(at("old"), "1");
    writeFileSync(at("other"), "2");
    writeFileSync(dir.at("beside"), "3");
    inotify.watch(root);
    act(at);
    if (title === "its own deletion") {
      const events = inotify.readEventsSync();
      expect(events.slice(-2).map(row)).toEqual(["DELETE_SELF", "IGNORED"]);
      expect(
        events
          .filter((event) => event.isDelete)
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(["empty", "full", "old", "other"]);
      expect(events.at(-2)?.isDir).toBe(false);
    } else {
      expect(rows()).toEqual([...expected]);
    }
  });

  test("the two halves of a rename have one cookie, and two renames have two", () => {
    for (const name of ["a", "b"]) writeFileSync(dir.at(name), "");
    inotify.watch(dir.path, IN.MOVE);
    renameSync(dir.at("a"), dir.at("c"));
    renameSync(dir.at("b"), dir.at("d"));
    const [from, to, from2, to2] = inotify.readEventsSync();
    expect(from?.cookie).toBe(to?.cookie ?? -1);
    expect(from2?.cookie).toBe(to2?.cookie ?? -1);
    expect(from?.cookie).not.toBe(from2?.cookie ?? -1);
    expect(from?.cookie).not.toBe(0);
  });

  test("a renamed directory is still watched, under the path it was given", () => {
    mkdirSync(dir.at("before"));
    inotify.watch(dir.at("before"), IN.CREATE | IN.MOVE_SELF);
    renameSync(dir.at("before"), dir.at("after"));
    writeFileSync(dir.at("after", "file"), "");
    const [moved, created] = inotify.readEventsSync();
    expect(moved?.isMoveSelf).toBe(true);
    expect(created?.path).toBe(dir.at("before", "file"));
  });

  test("events of an entry go to its parent's watch and to its own, each with its own mask", () => {
    writeFileSync(dir.at("child"), "");
    const parent = inotify.watch(dir.path, IN.OPEN | IN.CLOSE_WRITE);
    const child = inotify.watch(dir.at("child"), IN.MODIFY | IN.CLOSE_WRITE);
    appendFileSync(dir.at("child"), "x");
    expect(inotify.readEventsSync().map((event) => [event.wd, row(event)])).toEqual([
      [parent, "OPEN child"],
      [child, "MODIFY"],
      [parent, "CLOSE_WRITE child"],
      [child, "CLOSE_WRITE"],
    ]);
  });

  test("an entry that DELETE was reported of can't be opened any more", async () => {
    inotify.watch(dir.path, IN.DELETE);
    for (let round = 0; round < 20; round++) {
      writeFileSync(dir.at("file"), "");
      unlinkSync(dir.at("file"));
      const event = await inotify.readEvent();
      expect(() => openSync(event.path, "r")).toThrow("ENOENT");
    }
  });
});

describe("watch()", () => {
  test("takes bytes and file: URLs", () => {
    inotify.watch(new TextEncoder().encode(dir.path), IN.CREATE);
    expect(inotify.watch(pathToFileURL(dir.path), IN.CREATE)).toBe(1);
    writeFileSync(dir.at("a"), "");
    expect(inotify.readEventsSync()[0]?.path).toBe(dir.at("a"));
  });

  test("of one inode by two paths is one watch, with the last mask and path", () => {
    symlinkSync(dir.path, dir.at("self"));
    const wd = inotify.watch(dir.path, IN.CREATE);
    expect(inotify.watch(dir.at("self"), IN.DELETE)).toBe(wd);
    expect([...inotify.watches.values()]).toEqual([{ wd, path: dir.at("self"), mask: IN.DELETE }]);
    writeFileSync(dir.at("a"), "");
    unlinkSync(dir.at("a"));
    expect(inotify.readEventsSync().map((event) => event.path)).toEqual([dir.at("self", "a")]);
  });

  test("with MASK_ADD adds to the mask", () => {
    const wd = inotify.watch(dir.path, IN.CREATE);
    inotify.watch(dir.path, IN.DELETE | IN.MASK_ADD);
    expect(inotify.watches.get(wd)?.mask).toBe(IN.CREATE | IN.DELETE);
    writeFileSync(dir.at("a"), "");
    unlinkSync(dir.at("a"));
    expect(rows()).toEqual(["CREATE a", "DELETE a"]);
  });

  test("with MASK_CREATE refuses an inode that is watched", () => {
    inotify.watch(dir.path, IN.CREATE | IN.MASK_CREATE);
    expect(() => inotify.watch(dir.path, IN.CREATE | IN.MASK_CREATE)).toThrow("EEXIST");
    expect(() => inotify.watch(dir.path, IN.CREATE | IN.MASK_CREATE | IN.MASK_ADD)).toThrow(
      "EINVAL",
    );
  });

  test("with ONESHOT reports one event and is gone", () => {
    const wd = inotify.watch(dir.path, IN.CREATE | IN.ONESHOT);
    expect(inotify.watches.get(wd)?.mask).toBe((IN.CREATE | IN.ONESHOT) >>> 0);
    writeFileSync(dir.at("a"), "");
    writeFileSync(dir.at("b"), "");
    expect(rows()).toEqual(["CREATE a", "IGNORED"]);
    expect(inotify.watches.size).toBe(0);
  });

  test("with ONLYDIR refuses a file, with DONT_FOLLOW watches the link itself", () => {
    writeFileSync(dir.at("file"), "");
    symlinkSync("file", dir.at("link"));
    expect(() => inotify.watch(dir.at("file"), IN.CREATE | IN.ONLYDIR)).toThrow(
      /not a directory \(ENOTDIR\)/,
    );
    inotify.watch(dir.at("link"), IN.OPEN | IN.DELETE_SELF | IN.DONT_FOLLOW);
    closeSync(openSync(dir.at("link"), "r"));
    expect(rows()).toEqual([]);
    unlinkSync(dir.at("link"));
    expect(rows()).toEqual(["DELETE_SELF", "IGNORED"]);
  });

  test("with EXCL_UNLINK reports nothing of an unlinked entry", () => {
    const fd = openSync(dir.at("file"), "w");
    inotify.watch(dir.path, IN.MODIFY | IN.EXCL_UNLINK);
    unlinkSync(dir.at("file"));
    writeSync(fd, "x");
    expect(rows()).toEqual([]);
    const other = openSync(dir.at("other"), "w");
    writeSync(other, "x");
    expect(rows()).toEqual(["MODIFY other"]);
    closeSync(fd);
    closeSync(other);
  });

  test("hands its flags to the kernel, which shows them in /proc", () => {
    const mask = IN.CREATE | IN.EXCL_UNLINK | IN.ONESHOT;
    inotify.watch(dir.path, mask);
    const shown = /mask:([0-9a-f]+)/.exec(
      readFileSync(`/proc/self/fdinfo/${inotify.fd}`, "utf8"),
    )?.[1];
    expect(Number.parseInt(shown ?? "", 16)).toBe(mask >>> 0);
  });

  test("says what is wrong with its arguments, and watches nothing", () => {
    const wrong = (path: unknown, mask?: unknown) => () =>
      inotify.watch(path as string, mask as number);
    expect(wrong(undefined)).toThrow(TypeError);
    expect(wrong(7)).toThrow("expected a string, a Uint8Array or a file: URL");
    expect(wrong("/tmp\0/x")).toThrow("contains a NUL");
    expect(wrong("\ud800")).toThrow("not well-formed");
    expect(wrong(new URL("http://localhost/"))).toThrow("is not a file: URL");
    expect(wrong(dir.path, 1.5)).toThrow(RangeError);
    expect(wrong(dir.path, "CREATE")).toThrow(TypeError);
    expect(wrong(dir.path, 0)).toThrow(/EINVAL.*no event/);
    expect(wrong("")).toThrow("ENOENT");
    expect(wrong("x".repeat(300))).toThrow("ENAMETOOLONG");
    expect(inotify.watches.size).toBe(0);
  });

  test("of a missing path names it", () => {
    const missing = dir.at("missing");
    try {
      inotify.watch(missing);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ValueError);
      expect(error).toMatchObject({
        code: "ENOENT",
        errno: -2,
        syscall: "inotify_add_watch",
        path: missing,
      });
    }
  });

  test("of a loop of links is ELOOP", () => {
    symlinkSync("loop", dir.at("loop"));
    expect(() => inotify.watch(dir.at("loop"))).toThrow("ELOOP");
  });
});

describe("ignore()", () => {
  test("stops a watch; what was queued still arrives, with its path, then IGNORED", () => {
    const wd = inotify.watch(dir.path, IN.CREATE);
    writeFileSync(dir.at("a"), "");
    expect(inotify.ignore(wd)).toBe(true);
    expect(inotify.watches.size).toBe(0);
    writeFileSync(dir.at("b"), "");
    const events = inotify.readEventsSync();
    expect(events.map(row)).toEqual(["CREATE a", "IGNORED"]);
    expect(events.map(({ path }) => path)).toEqual([dir.at("a"), dir.path]);
  });

  test("of a watch that the kernel has dropped is fine", () => {
    writeFileSync(dir.at("file"), "");
    const wd = inotify.watch(dir.at("file"));
    unlinkSync(dir.at("file"));
    expect(inotify.ignore(wd)).toBe(false);
    expect(inotify.ignore(wd)).toBe(false);
    expect(inotify.readEventsSync().at(-1)?.isIgnored).toBe(true);
    expect(inotify.watches.size).toBe(0);
  });

  test("a watch descriptor is not used again", () => {
    const first = inotify.watch(dir.path, IN.CREATE);
    inotify.ignore(first);
    expect(inotify.watch(dir.path, IN.CREATE)).toBeGreaterThan(first);
  });

  test("takes integers only", () => {
    expect(() => inotify.ignore(undefined as unknown as number)).toThrow(TypeError);
    expect(() => inotify.ignore(0.5)).toThrow(RangeError);
  });
});

describe("InotifyEvent", () => {
  test("has each event's property, and only that", () => {
    const properties: readonly (readonly [number, readonly (keyof InotifyEvent & string)[]])[] = [
      [IN.ACCESS, ["isAccess"]],
      [IN.MODIFY, ["isModify"]],
      [IN.ATTRIB, ["isAttrib"]],
      [IN.CLOSE_WRITE, ["isCloseWrite", "isClose"]],
      [IN.CLOSE_NOWRITE, ["isCloseNowrite", "isClose"]],
      [IN.OPEN, ["isOpen"]],
      [IN.MOVED_FROM, ["isMovedFrom", "isMove"]],
      [IN.MOVED_TO, ["isMovedTo", "isMove"]],
      [IN.CREATE, ["isCreate"]],
      [IN.DELETE, ["isDelete"]],
      [IN.DELETE_SELF, ["isDeleteSelf"]],
      [IN.MOVE_SELF, ["isMoveSelf"]],
      [IN_REPORTED.UNMOUNT, ["isUnmount"]],
      [IN_REPORTED.Q_OVERFLOW, ["isOverflow"]],
      [IN_REPORTED.IGNORED, ["isIgnored"]],
      [IN_REPORTED.ISDIR, ["isDir"]],
    ];
    const all = Object.getOwnPropertyNames(InotifyEvent.prototype).filter((name) =>
      name.startsWith("is"),
    );
    for (const [mask, names] of properties) {
      const event = new InotifyEvent(1, mask, 0, { text: "", bytes: undefined }, undefined);
      const set = all.filter((name) => event[name as keyof InotifyEvent] === true);
      expect(set.toSorted()).toEqual([...names].toSorted());
    }
  });

  test("keeps bits that no table knows yet", () => {
    const event = new InotifyEvent(1, 0x00800100, 0, { text: "x", bytes: undefined }, undefined);
    expect(event.mask).toBe(0x00800100);
    expect(event.flags).toEqual(["CREATE"]);
  });

  test("prints well, and becomes plain data", () => {
    const wd = inotify.watch(dir.path, IN.CREATE);
    mkdirSync(dir.at("sub"));
    const [event] = inotify.readEventsSync();
    const data = {
      wd,
      mask: IN.CREATE | IN_REPORTED.ISDIR,
      flags: ["CREATE", "ISDIR"],
      cookie: 0,
      name: "sub",
      path: dir.at("sub"),
    };
    expect(JSON.parse(JSON.stringify(event))).toEqual(data);
    expect(Bun.inspect(event)).toStartWith("InotifyEvent {");
    expect(Bun.inspect(event)).toContain(dir.at("sub"));
  });

  test("can't be changed", () => {
    const event = new InotifyEvent(1, IN.CREATE, 0, { text: "x", bytes: undefined }, undefined);
    expect(() => Object.assign(event, { mask: 0 })).toThrow(TypeError);
    expect(() => (event.flags as string[]).push("DELETE")).toThrow(TypeError);
    expect(event.mask).toBe(IN.CREATE);
  });

  test("keeps the exact bytes of a name that is not UTF-8", () => {
    inotify.watch(dir.path, IN.CREATE);
    const bytes = Buffer.from([0x66, 0xff, 0xfe, 0x6f]);
    writeFileSync(Buffer.concat([Buffer.from(`${dir.path}/`), bytes]), "");
    writeFileSync(dir.at("grün ✓"), "");
    const [odd, plain] = inotify.readEventsSync();
    expect(odd?.nameBytes).toEqual(new Uint8Array(bytes));
    expect(odd?.name).toBe("f\ufffd\ufffdo");
    expect(plain?.nameBytes).toBeUndefined();
    expect(plain?.name).toBe("grün ✓");
  });

  test("has the right name for every length, through the table of names and past it", () => {
    inotify.watch(dir.path, IN.CREATE | IN.DELETE);
    const names = Array.from({ length: 51 }, (_, n) => "n".repeat(5 * n + 1));
    for (let round = 0; round < 2; round++) {
      for (const name of names) writeFileSync(dir.at(name), "");
      for (const name of names) unlinkSync(dir.at(name));
      expect(inotify.readEventsSync().map(({ name }) => name)).toEqual([...names, ...names]);
    }
    const many = Array.from({ length: 2500 }, (_, n) => `${n}`);
    for (const name of many) writeFileSync(dir.at(name), "");
    expect(inotify.readEventsSync().map(({ name }) => name)).toEqual(many);
  });

  test("joins its path without a double slash", () => {
    inotify.watch(`${dir.path}/`, IN.CREATE);
    writeFileSync(dir.at("a"), "");
    expect(inotify.readEventsSync()[0]?.path).toBe(dir.at("a"));
  });
});

describe("Inotify", () => {
  test("once() waits for one event and leaves nothing open", async () => {
    const before = descriptorCount();
    const pending = Inotify.once(dir.path, IN.CREATE);
    writeFileSync(dir.at("a"), "");
    expect((await pending).name).toBe("a");
    await expect(Inotify.once(dir.path, IN.CREATE, { timeout: 1 })).rejects.toThrow(
      "nothing came within 1 ms",
    );
    await expect(Inotify.once(dir.at("missing"))).rejects.toThrow("ENOENT");
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });

  test("adopt() makes the descriptor non-blocking and close-on-exec", () => {
    using other = new Inotify();
    using adopted = Inotify.adopt(dup(other.fd));
    expect(fcntl(adopted, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
    expect(fcntl(adopted, F.GETFD)).toBe(1);
    expect(fd_name(adopted)).toContain("inotify");
    other.watch(dir.path, IN.CREATE);
    writeFileSync(dir.at("a"), "");
    const [event] = adopted.readEventsSync();
    expect(event).toMatchObject({ name: "a", path: "a" });
    expect(other.readEventsSync()).toEqual([]);
  });

  test("ioctl_fionread() says how many bytes wait in it", () => {
    inotify.watch(dir.path, IN.CREATE);
    expect(ioctl_fionread(inotify)).toBe(0);
    writeFileSync(dir.at("a"), "");
    expect(ioctl_fionread(inotify)).toBe(32);
  });

  test(
    "a storm from another process loses nothing, in order",
    async () => {
      inotify.watch(dir.path, IN.CREATE);
      const writer = Bun.spawn([
        "sh",
        "-c",
        `i=0; while [ $i -lt 1000 ]; do : > "${dir.path}/$i"; i=$((i+1)); done`,
      ]);
      let next = 0;
      for await (const { name } of inotify) {
        expect(name).toBe(`${next++}`);
        if (next === 1000) break;
      }
      await writer.exited;
    },
    20_000 * slowness,
  );

  test(
    "a source being closed while its instance is busy disturbs no other",
    async () => {
      const writer = Bun.spawn([
        "sh",
        "-c",
        `i=0; while [ $i -lt ${Math.ceil(500 / slowness)} ]; do : > "${dir.path}/f"; rm "${dir.path}/f"; i=$((i+1)); done`,
      ]);
      let rounds = 0;
      while (writer.exitCode === null) {
        await using other = new Inotify();
        const wd = other.watch(dir.path);
        await other.wait({ timeout: 100 }).catch(() => undefined);
        if (rounds++ % 2 === 0) other.ignore(wd);
      }
      expect(await writer.exited).toBe(0);
      expect(rounds).toBeGreaterThan(0);
    },
    20_000 * slowness,
  );
});

describe("limits", () => {
  test.skipIf(!can("CAP_SYS_ADMIN"))(
    "the limit of watches is ENOSPC that names it (needs a user namespace)",
    async () => {
      const { stdout, stderr } = await inNewUserNamespace(
        `
        import { Inotify } from "bun-butter";
        using inotify = new Inotify();
        inotify.watch("/");
        try { inotify.watch("/tmp"); } catch (e) { console.log(e.name, e.code, e.path, /: raise user.max_inotify_watches \\(1 now\\)/.test(e.message)); }
        console.log(inotify.watches.size);
      `,
        { max_inotify_watches: 1 },
      );
      expect(stdout + stderr).toBe("OSError ENOSPC /tmp true\n1\n");
    },
  );

  test.skipIf(!can("CAP_SYS_ADMIN"))(
    "the limit of instances is EMFILE that names it (needs a user namespace)",
    async () => {
      const { stdout, stderr } = await inNewUserNamespace(
        `
        import { Inotify } from "bun-butter";
        using first = new Inotify();
        try { new Inotify(); } catch (e) { console.log(e.name, e.code, /: raise user.max_inotify_instances \\(1 now\\)/.test(e.message)); }
        first.close();
        using second = new Inotify();
        console.log(second.fd > 0);
      `,
        { max_inotify_instances: 1 },
      );
      expect(stdout + stderr).toBe("OSError EMFILE true\ntrue\n");
    },
  );

  test.skipIf(!can("CAP_SYS_ADMIN"))(
    "a directory that may not be read is a PermissionError (needs to become another user)",
    async () => {
      const { stdout, stderr } = await runScript(
        `
        import { Inotify, PermissionError } from "bun-butter";
        using inotify = new Inotify();
        process.setgid(65534);
        process.setuid(65534);
        try { inotify.watch(process.argv[1]); } catch (e) { console.log(e instanceof PermissionError, e.code); }
        console.log(inotify.readEventsSync());
      `,
        { args: [(chmodSync(dir.path, 0o700), dir.path)] },
      );
      expect(stdout + stderr).toBe("true EACCES\n[]\n");
    },
  );
});

describe.skipIf(!can("CAP_SYS_ADMIN"))("file systems (need mounts of their own)", () => {
  test("an unmount is reported, and ends the watch", async () => {
    const { stdout, stderr } = await inNewMountNamespace(`
      import { Inotify } from "bun-butter";
      import { mkdtempSync, rmdirSync } from "node:fs";
      const dir = mkdtempSync("/tmp/butter-");
      Bun.spawnSync(["mount", "-t", "tmpfs", "none", dir]);
      using inotify = new Inotify();
      inotify.watch(dir);
      Bun.spawnSync(["umount", dir]);
      console.log(inotify.readEventsSync().slice(-2).map(({ flags }) => flags.join("|")), inotify.watches.size);
      rmdirSync(dir);
    `);
    expect(stdout + stderr).toBe('[ "UNMOUNT|ISDIR", "IGNORED" ] 0\n');
  });

  test("overlayfs: a directory's events, and those of a file that is copied up", async () => {
    const { stdout, stderr } = await inNewMountNamespace(`
      import { IN, Inotify } from "bun-butter";
      import { appendFileSync, closeSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
      const dir = mkdtempSync("/tmp/butter-");
      Bun.spawnSync(["mount", "-t", "tmpfs", "none", dir]);
      for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(dir + "/" + name);
      writeFileSync(dir + "/lower/file", "old");
      Bun.spawnSync(["mount", "-t", "overlay", "none", "-o", \`lowerdir=\${dir}/lower,upperdir=\${dir}/upper,workdir=\${dir}/work\`, dir + "/merged"]);
      const row = (e) => e.flags.join("|") + " " + e.name;
      using directory = new Inotify();
      directory.watch(dir + "/merged", IN.CREATE | IN.MOVE | IN.DELETE | IN.MODIFY);
      using file = new Inotify();
      file.watch(dir + "/merged/file", IN.MODIFY | IN.CLOSE_WRITE);
      appendFileSync(dir + "/merged/file", "new");
      closeSync(openSync(dir + "/merged/a", "wx"));
      renameSync(dir + "/merged/a", dir + "/merged/b");
      unlinkSync(dir + "/merged/b");
      console.log(directory.readEventsSync().map(row).join(", "));
      console.log(file.readEventsSync().map(row).join(", "));
      file.close();
      directory.close();
      Bun.spawnSync(["umount", dir + "/merged"]);
      Bun.spawnSync(["umount", dir]);
      rmSync(dir, { recursive: true });
    `);
    expect(stdout + stderr).toBe(
      "MODIFY file, CREATE a, MOVED_FROM a, MOVED_TO b, DELETE b\nMODIFY , CLOSE_WRITE \n",
    );
  });
});

/** Runs a script where the limits of inotify are its own. */
async function inNewUserNamespace(code: string, limits: Readonly<Record<string, number>>) {
  const set = Object.entries(limits).map(
    ([name, value]) => `echo ${value} > /proc/sys/user/${name};`,
  );
  return await run([
    "unshare",
    "--user",
    "--map-root-user",
    "sh",
    "-c",
    `${set.join("")} exec "$0" --eval "$1"`,
    bun,
    code,
  ]);
}

async function inNewMountNamespace(code: string) {
  return await run(["unshare", "--mount", "--propagation", "private", bun, "--eval", code]);
}
