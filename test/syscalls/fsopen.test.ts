/** File systems set up step by step, against the running kernel, in mount namespaces of children. */
import { describe, expect, test } from "bun:test";

import { ValueError } from "bun-butter";
import {
  AT,
  close,
  type FdLike,
  FSCONFIG,
  fsconfig,
  type FsconfigCommand,
  fscontext_read,
  fsmount,
  fsopen,
  fspick,
} from "bun-butter/syscalls";

import {
  expectDescriptor,
  expectErrno,
  expectInt,
  expectRefusal,
  expectUint,
  noInts,
  strangers,
} from "../support/arguments.ts";
import { kernel } from "../support/capabilities.ts";
import { canMount, hasFsopen, inMounts } from "../support/mounts.ts";

const why = hasFsopen ? "" : " (needs CAP_SYS_ADMIN, unshare, Linux 5.2)";

describe.skipIf(!hasFsopen)(`fsopen(), fsconfig(), fsmount() and move_mount()${why}`, () => {
  test("mount a file system, with options and attributes", async () => {
    const seen = await inMounts(({ s, dir, fs, mountinfo }) => {
      const context = s.fsopen("tmpfs", s.FSOPEN.CLOEXEC);
      s.fsconfig(context, s.FSCONFIG.SET_STRING, "source", "a source", 0);
      s.fsconfig(context, s.FSCONFIG.SET_STRING, "size", "64k", 0);
      s.fsconfig(context, s.FSCONFIG.SET_FLAG, "ro", null, 0);
      s.fsconfig(context, s.FSCONFIG.CMD_CREATE, null, null, 0);
      const mount = s.fsmount(context, s.FSMOUNT.CLOEXEC, s.MOUNT_ATTR.NOSUID | s.MOUNT_ATTR.NODEV);
      const flags = [context, mount].map((fd) => s.fcntl(fd, s.F.GETFD));
      const before = mountinfo(dir);
      s.move_mount(mount, "", s.AT.FDCWD, dir, s.MOVE_MOUNT.F_EMPTY_PATH);
      s.close(mount);
      s.close(context);
      const { bsize, blocks } = fs.statfsSync(dir);
      return { flags, before, after: mountinfo(dir), size: bsize * blocks };
    });
    expect(seen).toEqual({
      flags: [1, 1],
      before: [],
      after: [expect.stringMatching(/ rw,nosuid,nodev,.* a\\040source ro,size=64k(,inode64)?$/)],
      size: 65536,
    });
  });

  test("fscontext_read() has the kernel's own words, one message at a time", async () => {
    const seen = await inMounts(({ s, thrown }) => {
      const context = s.fsopen("tmpfs", s.FSOPEN.CLOEXEC);
      const none = thrown(() => s.fscontext_read(context, 4096));
      const refused = [
        thrown(() => s.fsconfig(context, s.FSCONFIG.SET_STRING, "size", "many", 0)),
        thrown(() => s.fsconfig(context, s.FSCONFIG.SET_STRING, "colour", "blue", 0)),
      ];
      const words = [s.fscontext_read(context, 4096), s.fscontext_read(context, 4096)];
      thrown(() => s.fsconfig(context, s.FSCONFIG.SET_STRING, "size", "many", 0));
      const short = thrown(() => s.fscontext_read(context, 8));
      return { none, refused, words, short };
    });
    expect(seen).toMatchObject({
      none: { name: "OSError", code: "ENODATA" },
      refused: [
        { name: "ValueError", code: "EINVAL", path: "size" },
        { name: "ValueError", code: "EINVAL", path: "colour" },
      ],
      words: ["e tmpfs: Bad value for 'size'\n", "e tmpfs: Unknown parameter 'colour'\n"],
      short: { code: "EMSGSIZE" },
    });
  });

  test("fspick() changes what is mounted", async () => {
    const seen = await inMounts(({ s, dir, thrown, mountinfo }) => {
      s.mount("none", dir, "tmpfs", 0, "size=64k");
      const context = s.fspick(s.AT.FDCWD, dir, s.FSPICK.CLOEXEC);
      const flags = s.fcntl(context, s.F.GETFD);
      s.fsconfig(context, s.FSCONFIG.SET_STRING, "size", "128k", 0);
      s.fsconfig(context, s.FSCONFIG.SET_FLAG, "ro", null, 0);
      s.fsconfig(context, s.FSCONFIG.CMD_RECONFIGURE, null, null, 0);
      s.close(context);
      return {
        flags,
        line: mountinfo(dir)[0],
        none: thrown(() => s.fspick(s.AT.FDCWD, "/etc", 0)),
      };
    });
    expect(seen).toMatchObject({
      flags: 1,
      line: expect.stringMatching(/ ro,size=128k(,inode64)?$/),
      none: { name: "ValueError", code: "EINVAL" },
    });
  });

  test("fsconfig() takes paths and descriptors as options", async () => {
    const seen = await inMounts(({ s, dir, sub, fs, thrown, mountinfo }) => {
      const layers = ["lower", "upper", "work", "at"];
      s.mount("none", dir, "tmpfs", 0, null);
      const [lower, upper, work, at] = layers.map(sub) as [string, string, string, string];
      fs.writeFileSync(`${lower}/file`, "from below");
      const context = s.fsopen("overlay", s.FSOPEN.CLOEXEC);
      s.fsconfig(context, s.FSCONFIG.SET_STRING, "lowerdir", lower, 0);
      s.fsconfig(context, s.FSCONFIG.SET_STRING, "upperdir", upper, 0);
      s.fsconfig(context, s.FSCONFIG.SET_STRING, "workdir", work, 0);
      // Commands that overlay has no option for: the kernel answers, so their arguments reached it.
      const answers = [
        thrown(() => s.fsconfig(context, s.FSCONFIG.SET_PATH, "size", lower, s.AT.FDCWD)),
        thrown(() => s.fsconfig(context, s.FSCONFIG.SET_PATH_EMPTY, "size", "", 0)),
        thrown(() => s.fsconfig(context, s.FSCONFIG.SET_FD, "size", null, 0)),
        thrown(() => s.fsconfig(context, s.FSCONFIG.SET_BINARY, "size", new Uint8Array([0, 1]), 2)),
      ].map(({ code }) => code);
      s.fsconfig(context, s.FSCONFIG.CMD_CREATE, null, null, 0);
      const mount = s.fsmount(context, s.FSMOUNT.CLOEXEC, 0);
      s.move_mount(mount, "", s.AT.FDCWD, at, s.MOVE_MOUNT.F_EMPTY_PATH);
      const text = fs.readFileSync(`${at}/file`, "utf8");
      fs.writeFileSync(`${at}/file`, "above");
      return [answers, text, fs.readFileSync(`${upper}/file`, "utf8"), mountinfo(at).length];
    });
    // Before Linux 6.5 overlay took strings alone.
    const refusal = kernel(6, 5) ? "EINVAL" : "EOPNOTSUPP";
    expect(seen).toEqual([Array(4).fill(refusal), "from below", "above", 1]);
  });

  test("steps in the wrong order are refused", async () => {
    const seen = await inMounts(({ s, thrown }) => {
      const context = s.fsopen("tmpfs", s.FSOPEN.CLOEXEC);
      const early = thrown(() => s.fsmount(context, 0, 0));
      s.fsconfig(context, s.FSCONFIG.CMD_CREATE, null, null, 0);
      const twice = thrown(() => s.fsconfig(context, s.FSCONFIG.CMD_CREATE, null, null, 0));
      const attribute = thrown(() => s.fsmount(context, 0, 1 << 30));
      const unknown = thrown(() => s.fsopen("nofs", 0));
      const flag = thrown(() => s.fsopen("tmpfs", 2));
      return [early, twice, attribute, unknown, flag].map(({ name, code }) => [name, code]);
    });
    expect(seen).toEqual([
      ["ValueError", "EINVAL"],
      ["ValueError", "EBUSY"],
      ["ValueError", "EINVAL"],
      ["OSError", "ENODEV"],
      ["ValueError", "EINVAL"],
    ]);
  });

  test.skipIf(!kernel(6, 6))("CMD_CREATE_EXCL makes a file system (Linux 6.6)", async () => {
    const seen = await inMounts(({ s }) => {
      const context = s.fsopen("tmpfs", s.FSOPEN.CLOEXEC);
      s.fsconfig(context, s.FSCONFIG.CMD_CREATE_EXCL, null, null, 0);
      return s.fsmount(context, s.FSMOUNT.CLOEXEC, 0) > 2;
    });
    expect(seen).toBe(true);
  });

  test.skipIf(Bun.which("setpriv") === null)(
    "without privilege throw PermissionError (needs setpriv)",
    async () => {
      const seen = await inMounts(
        ({ s, thrown }) => [
          thrown(() => s.fsopen("tmpfs", 0)),
          thrown(() => s.fspick(s.AT.FDCWD, "/", 0)),
        ],
        { through: ["setpriv", "--reuid=65534", "--clear-groups"] },
      );
      for (const one of seen) expect(one).toMatchObject({ name: "PermissionError", code: "EPERM" });
    },
  );
});

describe.skipIf(!canMount || !hasFsopen)(`arguments are checked${why}`, () => {
  test("descriptors", () => {
    const create = (fd: FdLike) => () => fsconfig(fd, FSCONFIG.CMD_CREATE, null, null, 0);
    for (const value of strangers) expectRefusal(create(value as FdLike), TypeError);
    for (const value of noInts) expectRefusal(create(value), RangeError);
    expectErrno(create(-1), ValueError, "EINVAL");
    expectErrno(create(2 ** 31 - 1), ValueError, "EBADF");
    expectDescriptor((fd) => fsmount(fd, 0, 0));
    expectDescriptor((fd) => fspick(fd, "x", 0));
    expectDescriptor((fd) => fscontext_read(fd, 8));
  });

  test("integers", () => {
    expectUint((flags) => fsopen("tmpfs", flags));
    expectUint((flags) => fspick(AT.FDCWD, "/nowhere", flags));
    expectUint((cmd) => fsconfig(-1, cmd as FsconfigCommand, null, null, 0));
    expectInt((aux) => fsconfig(-1, FSCONFIG.SET_FD, "key", null, aux));
    expectUint((flags) => fsmount(-1, flags, 0));
    expectUint((attributes) => fsmount(-1, 0, attributes));
    expectUint((count) => fscontext_read(-1, count));
  });

  test("strings, and the bytes of SET_BINARY, which may not be fewer than said", () => {
    const set =
      (key: unknown, value: unknown, aux: number = 0) =>
      () =>
        fsconfig(-1, FSCONFIG.SET_STRING, key as string, value as string, aux);
    expectRefusal(() => fsopen("a\0b", 0), TypeError);
    expectRefusal(set(3, "value"), TypeError);
    expectRefusal(set("key", 3), TypeError);
    expectRefusal(set("key", "a\0b"), TypeError);
    const binary = (value: unknown, aux: number) => () =>
      fsconfig(-1, FSCONFIG.SET_BINARY, "key", value as Uint8Array, aux);
    expectRefusal(binary("text", 1), TypeError);
    expectRefusal(binary(null, 1), TypeError);
    expectRefusal(binary(new Uint8Array(2), 3), RangeError);
    expectRefusal(binary(new Uint8Array(2), -1), RangeError);
  });

  test("a descriptor of something else is refused", () => {
    const fd = fsopen("tmpfs", 1);
    close(fd);
    expect(() => fsmount(0, 0, 0)).toThrow(expect.objectContaining({ code: "EINVAL" }));
  });
});
