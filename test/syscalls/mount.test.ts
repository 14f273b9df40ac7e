/** Mounting by path, against the running kernel, in mount namespaces of children. */
import { describe, expect, test } from "bun:test";

import { ValueError } from "bun-butter";
import { MNT, mount, MS, pivot_root, UMOUNT, umount2 } from "bun-butter/syscalls";

import {
  expectErrno,
  expectInt,
  expectRefusal,
  expectUint,
  strangers,
} from "../support/arguments.ts";
import { emulated } from "../support/capabilities.ts";
import { canMount, inMounts } from "../support/mounts.ts";

const why = canMount ? "" : " (needs CAP_SYS_ADMIN, unshare)";

describe.skipIf(!canMount)(`mount() and umount2()${why}`, () => {
  test("mount and unmount, with flags and options", async () => {
    const [mounted, after] = await inMounts(({ s, dir, fs, mountinfo }) => {
      s.mount(
        "a source",
        dir,
        "tmpfs",
        s.MS.NOSUID | s.MS.NODEV | s.MS.RDONLY,
        "size=64k,mode=700",
      );
      const { bsize, blocks } = fs.statfsSync(dir);
      const line = [mountinfo(dir), bsize * blocks, fs.statSync(dir).mode & 0o777] as const;
      s.umount2(dir, 0);
      return [line, mountinfo(dir)] as const;
    });
    expect(mounted).toEqual([
      [expect.stringMatching(/ ro,nosuid,nodev,.* a\\040source ro,size=64k,mode=700/)],
      65536,
      0o700,
    ]);
    expect(after).toEqual([]);
  });

  test("take names with spaces, newlines, backslashes and bytes that are no UTF-8", async () => {
    const seen = await inMounts(({ s, dir, fs, mountinfo }) => {
      const name = Buffer.concat([Buffer.from(`${dir}/a b\t\n\\é`), Buffer.from([0xff, 0xfe])]);
      fs.mkdirSync(name);
      s.mount("none", name, "tmpfs", 0, null);
      const lines = mountinfo(dir);
      s.umount2(name, 0);
      return [lines.length, lines[0]?.includes("/a\\040b\\011\\012\\134Ã©ÿþ "), mountinfo(dir)];
    });
    expect(seen).toEqual([1, true, []]);
  });

  test("bind, remount, move and change propagation", async () => {
    const seen = await inMounts(({ s, sub, fs, thrown, mountinfo }) => {
      const [from, to, other] = [sub("from"), sub("to"), sub("other")];
      fs.writeFileSync(`${from}/file`, "");
      s.mount(from, to, null, s.MS.BIND, null);
      s.mount(null, to, null, s.MS.BIND | s.MS.REMOUNT | s.MS.RDONLY | s.MS.NOEXEC, null);
      let erofs: string | undefined;
      try {
        fs.writeFileSync(`${to}/file`, "");
      } catch (error) {
        erofs = (error as { code: string }).code;
      }
      const flags = mountinfo(to)[0]?.split(" ")[5];
      s.mount(to, other, null, s.MS.MOVE, null);
      const moved = [mountinfo(to).length, mountinfo(other).length];
      const kinds = [s.MS.SHARED, s.MS.SLAVE, s.MS.PRIVATE, s.MS.UNBINDABLE].map((kind) => {
        s.mount(null, other, null, kind | s.MS.REC, null);
        return mountinfo(other)[0]?.split(" ").slice(6, -3).join(" ").replaceAll(/\d+/g, "N");
      });
      const unbindable = thrown(() => s.mount(other, to, null, s.MS.BIND, null)).code;
      return { erofs, flags, moved, kinds, unbindable };
    });
    expect(seen).toEqual({
      erofs: "EROFS",
      flags: expect.stringMatching(/^ro,noexec/),
      moved: [0, 1],
      // A slave needs a master with members elsewhere; alone it is private.
      kinds: ["shared:N -", "-", "-", "unbindable -"],
      unbindable: "EINVAL",
    });
  });

  test("MNT.EXPIRE throws RetryError first and unmounts then, unless the mount was used in between", async () => {
    const seen = await inMounts(({ s, dir, fs, thrown, mountinfo }) => {
      s.mount("none", dir, "tmpfs", 0, null);
      const marked = [thrown(() => s.umount2(dir, s.MNT.EXPIRE))];
      fs.readdirSync(dir);
      marked.push(thrown(() => s.umount2(dir, s.MNT.EXPIRE)));
      s.umount2(dir, s.MNT.EXPIRE);
      const together = thrown(() => s.umount2(dir, s.MNT.EXPIRE | s.MNT.DETACH));
      return { marked, together, after: mountinfo(dir) };
    });
    const retry = {
      name: "RetryError",
      code: "EAGAIN",
      syscall: "umount2",
      message: expect.stringContaining("call again"),
    };
    expect(seen).toMatchObject({ marked: [retry, retry], together: { code: "EINVAL" }, after: [] });
  });

  test("MNT.DETACH unmounts what is in use, which EBUSY refuses without it", async () => {
    const seen = await inMounts(({ s, dir, fs, thrown, mountinfo }) => {
      s.mount("none", dir, "tmpfs", 0, null);
      const fd = fs.openSync(`${dir}/file`, "w");
      const busy = thrown(() => s.umount2(dir, 0));
      s.umount2(dir, s.MNT.DETACH);
      const after = mountinfo(dir);
      const written = fs.writeSync(fd, "still there");
      fs.closeSync(fd);
      return { busy, after, written };
    });
    expect(seen).toMatchObject({
      busy: { name: "ValueError", code: "EBUSY" },
      after: [],
      written: 11,
    });
  });

  test("UMOUNT.NOFOLLOW does not follow a symbolic link", async () => {
    const seen = await inMounts(({ s, dir, sub, fs, thrown, mountinfo }) => {
      const at = sub("at");
      fs.symlinkSync(at, `${dir}/link`);
      s.mount("none", at, "tmpfs", 0, null);
      const refused = thrown(() => s.umount2(`${dir}/link`, s.UMOUNT.NOFOLLOW)).code;
      s.umount2(`${dir}/link`, 0);
      return [refused, mountinfo(dir).length];
    });
    expect(seen).toEqual(["EINVAL", 0]);
  });

  test("errors name both paths, and say what to do", async () => {
    const seen = await inMounts(({ s, dir, fs, thrown }) => {
      fs.writeFileSync(`${dir}/file`, "");
      return [
        thrown(() => s.mount("none", `${dir}/none`, "tmpfs", 0, null)),
        thrown(() => s.mount("none", `${dir}/file`, "tmpfs", 0, null)),
        thrown(() => s.mount("none", dir, "nofs", 0, null)),
        thrown(() => s.mount(`${dir}/file`, dir, "ext4", 0, null)),
        thrown(() => s.mount("none", dir, "tmpfs", 0, "size=many")),
        thrown(() => s.umount2(dir, 0)),
      ];
    });
    expect(seen.map(({ name, code }) => [name, code])).toEqual([
      ["ValueError", "ENOENT"],
      ["ValueError", "ENOTDIR"],
      ["OSError", "ENODEV"],
      ["ValueError", "ENOTBLK"],
      ["ValueError", "EINVAL"],
      ["ValueError", "EINVAL"],
    ]);
    expect(seen[0]?.message).toMatch(/^Cannot mount on "none" to ".*\/none": no such file/);
    expect(seen[2]?.message).toContain("/proc/filesystems");
  });

  test.skipIf(Bun.which("setpriv") === null)(
    "without privilege throw PermissionError (needs setpriv)",
    async () => {
      const seen = await inMounts(
        ({ s, thrown }) => [
          thrown(() => s.mount("none", "/tmp", "tmpfs", 0, null)),
          thrown(() => s.umount2("/tmp", 0)),
          thrown(() => s.pivot_root("/tmp", "/tmp")),
        ],
        { through: ["setpriv", "--reuid=65534", "--clear-groups"] },
      );
      for (const one of seen)
        expect(one).toMatchObject({
          name: "PermissionError",
          code: "EPERM",
          message: expect.stringContaining("CAP_SYS_ADMIN"),
        });
    },
  );
});

/** qemu looks for files below the root that it was started with. */
const pivots = canMount && !emulated;

describe.skipIf(!pivots)(`pivot_root()${why}${emulated ? " (not emulated)" : ""}`, () => {
  test("makes a mount the root, and what was the root can be unmounted", async () => {
    const seen = await inMounts(({ s, dir, fs }) => {
      s.mount("none", dir, "tmpfs", 0, null);
      fs.writeFileSync(`${dir}/inside`, "here");
      fs.mkdirSync(`${dir}/old`);
      s.pivot_root(dir, `${dir}/old`);
      process.chdir("/");
      const roots = [fs.readdirSync("/").toSorted(), fs.existsSync("/old/usr")];
      s.umount2("/old", s.MNT.DETACH);
      return [...roots, fs.existsSync("/old/usr"), fs.readFileSync("/inside", "utf8")];
    });
    expect(seen).toEqual([["inside", "old"], true, false, "here"]);
  });

  test("takes the same path twice, which stacks the old root on the new one", async () => {
    const seen = await inMounts(({ s, dir, fs }) => {
      s.mount("none", dir, "tmpfs", 0, null);
      process.chdir(dir);
      s.pivot_root(".", ".");
      s.umount2(".", s.MNT.DETACH);
      return fs.readdirSync("/");
    });
    expect(seen).toEqual([]);
  });

  test("throws ENOTDIR for a file, and ENOTDIR for nothing else", async () => {
    const seen = await inMounts(({ s, dir, sub, fs, thrown }) => {
      fs.writeFileSync(`${dir}/file`, "");
      const root = sub("root");
      s.mount("none", root, "tmpfs", 0, null);
      const plain = `${root}/plain`;
      fs.mkdirSync(plain);
      return [
        thrown(() => s.pivot_root(`${dir}/file`, root)),
        thrown(() => s.pivot_root(root, `${dir}/file`)),
        // No mount point, and a directory: not that.
        thrown(() => s.pivot_root(plain, plain)),
        thrown(() => s.pivot_root("/", "/")),
        thrown(() => s.pivot_root(`${dir}/none`, root)),
      ];
    });
    expect(seen.map(({ name, code }) => [name, code])).toEqual([
      ["ValueError", "ENOTDIR"],
      ["ValueError", "ENOTDIR"],
      ["ValueError", "EINVAL"],
      ["ValueError", "EBUSY"],
      ["ValueError", "ENOENT"],
    ]);
    expect(seen[0]?.message).toContain("no directory");
    expect(seen[2]?.message).not.toContain("no directory");
  });
});

describe("arguments are checked before the kernel is asked", () => {
  test("flags are integers", () => {
    expectUint((flags) => mount("none", "/nowhere", null, flags, null));
    expectInt((flags) => umount2("/nowhere", flags));
  });

  test("paths, the type and the options hold no NUL and are of the right type", () => {
    const noPaths = strangers.filter((value) => typeof value !== "string");
    for (const path of [...noPaths, "/a\0b", new Uint8Array([47, 0, 48]), "\ud800"] as string[]) {
      if (path !== null) expectRefusal(() => mount(path, "/nowhere", null, 0, null), TypeError);
      expectRefusal(() => mount(null, path, null, 0, null), TypeError);
      if (path !== null) expectRefusal(() => mount(null, "/nowhere", path, 0, null), TypeError);
      if (path !== null) expectRefusal(() => mount(null, "/nowhere", null, 0, path), TypeError);
      expectRefusal(() => umount2(path, 0), TypeError);
      expectRefusal(() => pivot_root(path, "/nowhere"), TypeError);
      expectRefusal(() => pivot_root("/nowhere", path), TypeError);
    }
  });

  test("options longer than a page are refused, because the kernel would cut them", () => {
    const refusable = (data: string | Uint8Array) => () => mount(null, "", null, 0, data);
    expectRefusal(refusable("x".repeat(4096)), RangeError);
    expectRefusal(refusable("é".repeat(2048)), RangeError);
    expectRefusal(refusable(new Uint8Array(4096).fill(65)), RangeError);
    expectErrno(refusable("x".repeat(4095)), ValueError, "ENOENT");
    expectErrno(refusable(new Uint8Array(4095).fill(65)), ValueError, "ENOENT");
  });

  test("the flags of umount2() are exported", () => {
    expect({ ...MNT, ...UMOUNT }).toEqual({ FORCE: 1, DETACH: 2, EXPIRE: 4, NOFOLLOW: 8 });
    expect(MS.REC | MS.PRIVATE).toBe(0x44000);
  });
});
