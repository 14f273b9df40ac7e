/** Mounts that unmount themselves, with the newest calls and with the oldest, in mount namespaces of children. */
import { describe, expect, test } from "bun:test";

import { mount, type MountFlag, tmpfs } from "bun-butter";

import { strangers } from "../support/arguments.ts";
import { canMount, hasFsopen, hasStatmount, inMounts, kernels } from "../support/mounts.ts";
import { canRefuse } from "../support/seccomp.ts";

const why = canMount ? "" : " (needs CAP_SYS_ADMIN, unshare)";

describe.skipIf(!canMount).each(kernels)(`mount()${why} %s`, (_, kernel) => {
  test("mounts with flags, options and propagation, and unmounts at the end of the block", async () => {
    const seen = await inMounts(({ butter, dir, mountinfo }) => {
      let inside;
      {
        using mounted = butter.mount({
          type: "tmpfs",
          source: "a source",
          target: dir,
          flags: ["nosuid", "nodev", "noexec", "noatime"],
          options: {
            size: "64k",
            mode: 700,
            nr_inodes: 9n,
            inode32: true,
            noswap: false,
            huge: undefined,
          },
          propagation: "shared",
        });
        const info = mounted.info();
        inside = {
          target: mounted.target,
          mounted: mounted.mounted,
          info,
          line: mountinfo(dir)[0],
        };
      }
      return { inside, after: mountinfo(dir) };
    }, kernel);
    expect(seen).toMatchObject({
      inside: {
        mounted: true,
        info: {
          source: "a source",
          type: "tmpfs",
          root: "/",
          flags: ["rw", "nosuid", "nodev", "noexec", "noatime"],
          fileSystemFlags: ["rw"],
          options: ["size=64k", "nr_inodes=9", "mode=700"],
          peerGroup: expect.any(Number),
        },
        line: expect.stringContaining("shared:"),
      },
      after: [],
    });
    expect(seen.inside.info?.target).toBe(seen.inside.target);
  });

  test("ro is the mount's and the file system's", async () => {
    const seen = await inMounts(({ butter, dir }) => {
      using mounted = butter.mount({ type: "tmpfs", target: dir, flags: ["ro"] });
      return mounted.info();
    }, kernel);
    expect(seen).toMatchObject({ flags: ["ro", "relatime"], fileSystemFlags: ["ro"] });
  });

  test("unmount() once more is nothing, nor is one of a mount that somebody has unmounted", async () => {
    const seen = await inMounts(({ s, butter, dir }) => {
      const mounted = butter.tmpfs({ target: dir });
      mounted.unmount();
      mounted.unmount();
      mounted[Symbol.dispose]();
      const other = butter.tmpfs({ target: dir });
      s.umount2(dir, 0);
      const before = other.mounted;
      other.unmount();
      return [
        mounted.mounted,
        before,
        other.info() === undefined,
        Bun.inspect(other).includes("mounted: false"),
      ];
    }, kernel);
    expect(seen).toEqual([false, false, true, true]);
  });

  test("unmount() never takes another mount at the same place", async () => {
    const seen = await inMounts(({ butter, dir, thrown, mountinfo }) => {
      const ours = butter.tmpfs({ target: dir });
      const theirs = butter.tmpfs({ target: dir });
      const covered = thrown(() => ours.unmount());
      const still = mountinfo(dir).length;
      theirs.unmount();
      ours.unmount();
      return { covered, still, after: mountinfo(dir) };
    }, kernel);
    expect(seen).toMatchObject({
      covered: { code: "EBUSY", name: "ValueError" },
      still: 2,
      after: [],
    });
    expect(seen.covered.message).toContain("on top of it");
  });

  test("at the limit of descriptors all of it is done, or nothing", async () => {
    const seen = await inMounts(
      ({ s, butter, dir, mountinfo }) => {
        butter.tmpfs({ target: dir }).unmount();
        const outcomes = [];
        for (const make of [
          () => butter.tmpfs({ target: dir }),
          () => butter.bindMount({ source: "/etc", target: dir, propagation: "private" }),
        ]) {
          for (let free = 0; free < 6; free++) {
            const fds: number[] = [];
            let outcome = "none";
            try {
              for (;;) fds.push(s.dup(0));
            } catch {
              for (const fd of fds.splice(0, free)) s.close(fd);
            }
            try {
              const mounted = make();
              outcome = mounted.mounted ? "mounted" : "lost";
              mounted.unmount();
            } catch (error) {
              outcome = `${(error as NodeJS.ErrnoException).code}`;
            }
            for (const fd of fds) s.close(fd);
            outcomes.push(`${outcome} ${mountinfo(dir).length}`);
          }
        }
        return outcomes;
      },
      { ...kernel, through: ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"] },
    );
    for (const free of [0, 6]) expect(seen[free]).toBe("EMFILE 0");
    for (const free of [5, 11]) expect(seen[free]).toBe("mounted 0");
    expect(new Set(seen)).toEqual(new Set(["EMFILE 0", "mounted 0"]));
  });

  test("unmount() finds the mount where it has been moved to", async () => {
    const seen = await inMounts(({ s, butter, sub, mountinfo }) => {
      const [from, to] = [sub("from"), sub("to\n with bytes")];
      using ours = butter.tmpfs({ target: from });
      s.mount(from, to, null, s.MS.MOVE, null);
      using theirs = butter.tmpfs({ target: from });
      const at = ours.info()?.target === to;
      ours.unmount();
      return [at, theirs.mounted, mountinfo("/to").length];
    }, kernel);
    expect(seen).toEqual([true, true, 0]);
  });

  test("unmount() of what is in use says so, and detach takes it out of sight", async () => {
    const seen = await inMounts(({ butter, dir, fs, thrown, mountinfo }) => {
      const ours = butter.tmpfs({ target: dir });
      fs.mkdirSync(`${dir}/below`);
      butter.tmpfs({ target: `${dir}/below` });
      const fd = fs.openSync(`${dir}/file`, "w");
      const busy = thrown(() => ours.unmount());
      const mounted = ours.mounted;
      ours.unmount({ detach: true });
      fs.writeSync(fd, "x");
      fs.closeSync(fd);
      return { busy, mounted, after: mountinfo(dir) };
    }, kernel);
    expect(seen).toMatchObject({ busy: { code: "EBUSY" }, mounted: true, after: [] });
  });

  test("names with spaces, newlines, backslashes and bytes that are no UTF-8 are names", async () => {
    const seen = await inMounts(({ butter, dir, fs, mountinfo }) => {
      const target = Buffer.concat([Buffer.from(`${dir}/a b\t\n\\134,é`), Buffer.from([0xff])]);
      fs.mkdirSync(target);
      const text = `${dir}/s p\n`;
      fs.mkdirSync(text);
      const before = fs.readdirSync("/proc/self/fd").length;
      const results = [];
      {
        using first = butter.tmpfs({ target });
        using second = butter.mount({ type: "tmpfs", source: "\\040 s\n", target: text });
        using third = butter.bindMount({ source: target, target: Buffer.from(text) });
        const { target: at = "", targetBytes } = first.info() ?? {};
        results.push(Buffer.from(targetBytes ?? []).equals(target), at.endsWith("é\ufffd"));
        results.push(second.info()?.source, second.info()?.target === text, third.mounted);
        results.push(second.info()?.targetBytes === undefined);
      }
      return [...results, mountinfo(dir).length, fs.readdirSync("/proc/self/fd").length - before];
    }, kernel);
    expect(seen).toEqual([true, true, "\\040 s\n", true, true, true, 0, 0]);
  });

  test("follows symbolic links, as mount(8) does", async () => {
    const seen = await inMounts(({ butter, dir, sub, fs }) => {
      const at = sub("at");
      fs.symlinkSync(at, `${dir}/link`);
      using mounted = butter.tmpfs({ target: `${dir}/link` });
      return mounted.info()?.target === at;
    }, kernel);
    expect(seen).toBe(true);
  });

  test("mounts on the working directory and on a descriptor's, and unmounts no other", async () => {
    const seen = await inMounts(({ butter, dir, sub, fs, mountinfo }) => {
      const [here, there] = [sub("here"), sub("there")];
      using _disk = butter.tmpfs({ target: here });
      process.chdir(here);
      const fd = fs.openSync(there, "r");
      const targets = [];
      {
        using first = butter.tmpfs({ target: "." });
        using second = butter.bindMount({
          source: "/etc",
          target: `/proc/self/fd/${fd}`,
          flags: ["ro"],
        });
        targets.push(first.info()?.target === here, second.info()?.target === there);
        targets.push(second.info()?.flags[0], mountinfo(dir).length);
      }
      process.chdir("/");
      return [...targets, mountinfo(dir).length];
    }, kernel);
    expect(seen).toEqual([true, true, "ro", 3, 1]);
  });

  test("a mount that fails leaves nothing: no mount and no descriptor", async () => {
    const seen = await inMounts(({ butter, dir, fs, thrown, mountinfo }) => {
      fs.writeFileSync(`${dir}/file`, "");
      const before = fs.readdirSync("/proc/self/fd").length;
      const errors = [
        thrown(() => butter.tmpfs({ target: `${dir}/none` })),
        thrown(() => butter.tmpfs({ target: `${dir}/file` })),
        thrown(() => butter.mount({ type: "nofs", target: dir })),
        thrown(() => butter.tmpfs({ target: dir, size: "many" })),
        thrown(() => butter.bindMount({ source: `${dir}/none`, target: dir })),
        thrown(() => butter.bindMount({ source: `${dir}/file`, target: dir })),
        thrown(() => butter.overlay({ target: dir, lower: [`${dir}/none`] })),
        thrown(() => butter.tmpfs({ target: dir, userNamespace: -1 })),
        thrown(() => butter.remount(dir, { flags: ["ro"] })),
        thrown(() => butter.remount(dir, { options: { size: "1m" } })),
        thrown(() => butter.setPropagation(dir, "shared")),
      ];
      const codes = errors.map(({ code, name }) => code ?? name);
      return {
        codes,
        mounts: mountinfo(dir),
        fds: fs.readdirSync("/proc/self/fd").length - before,
      };
    }, kernel);
    expect(seen).toMatchObject({ mounts: [], fds: 0 });
    expect(seen.codes.slice(0, 5)).toEqual([
      "ENOENT",
      expect.stringMatching(/ENOTDIR|EINVAL/),
      "ENODEV",
      "EINVAL",
      "ENOENT",
    ]);
    expect(seen.codes.slice(5)).toEqual([
      expect.stringMatching(/ENOTDIR|EINVAL/),
      "ENOENT",
      expect.stringMatching(/EBADF|ENOSYS|EINVAL/),
      "EINVAL",
      "EINVAL",
      "EINVAL",
    ]);
  });

  test.skipIf(Bun.which("setpriv") === null)(
    "without privilege throws PermissionError (needs setpriv)",
    async () => {
      const seen = await inMounts(
        ({ butter, thrown }) => [
          thrown(() => butter.tmpfs({ target: "/tmp" })),
          thrown(() => butter.bindMount({ source: "/etc", target: "/tmp" })),
          thrown(() => butter.overlay({ lower: ["/etc"], target: "/tmp" })),
          thrown(() => butter.remount("/", { flags: ["ro"] })),
          thrown(() => butter.setPropagation("/", "shared")),
          {
            name: butter.mounts().length > 0 ? "PermissionError" : "none",
            message: "",
            code: "EPERM",
          },
        ],
        { ...kernel, through: ["setpriv", "--reuid=65534", "--clear-groups"] },
      );
      for (const one of seen) expect(one).toMatchObject({ name: "PermissionError", code: "EPERM" });
    },
  );
});

test.skipIf(!hasStatmount)(
  "unmount() tells a mount from a later one that has its place and its number in mountinfo (needs CAP_SYS_ADMIN, unshare, Linux 6.8)",
  async () => {
    const seen = await inMounts(({ s, butter, dir }) => {
      const ours = butter.tmpfs({ target: dir });
      const number = ours.info()?.mountinfoId;
      s.umount2(dir, 0);
      let theirs = butter.tmpfs({ target: dir });
      // Others on this machine mount as well, and may get the number first.
      for (let tries = 0; tries < 100 && theirs.info()?.mountinfoId !== number; tries++) {
        theirs.unmount();
        theirs = butter.tmpfs({ target: dir });
      }
      ours.unmount();
      return [theirs.info()?.mountinfoId === number, theirs.mounted, ours.mounted];
    });
    expect(seen).toEqual([true, true, false]);
  },
);

test.skipIf(!canMount)(
  "without /proc, mount() says that it needs it, and mounts nothing",
  async () => {
    const seen = await inMounts(({ s, butter, dir, sub, thrown }) => {
      const empty = sub("empty");
      const at = sub("at");
      s.mount("none", empty, "tmpfs", 0, null);
      s.mount(empty, "/proc", null, s.MS.BIND, null);
      const errors = [
        thrown(() => butter.tmpfs({ target: at })),
        thrown(() => butter.bindMount({ source: dir, target: at })),
      ];
      s.umount2("/proc", 0);
      return { errors, mounts: butter.mounts().filter(({ target }) => target === at).length };
    });
    for (const error of seen.errors)
      expect(error).toMatchObject({
        code: "ENOENT",
        message: expect.stringContaining("mount /proc first"),
      });
    expect(seen.mounts).toBe(0);
  },
);

test.skipIf(!hasFsopen || !canRefuse() || Bun.which("setarch") === null)(
  "mount() takes nosymfollow although fsmount() does not, before Linux 5.14 (needs CAP_SYS_ADMIN, unshare, seccomp, setarch)",
  async () => {
    const flags = await inMounts(
      async ({ butter, dir }) => {
        const { refuse } = await import(`${process.cwd()}/test/support/seccomp.ts`);
        refuse("fsmount", "EINVAL");
        using mounted = butter.mount({ type: "tmpfs", target: dir, flags: ["nosymfollow"] });
        return mounted.info()?.flags;
      },
      { through: ["setarch", "--uname-2.6"] },
    );
    expect(flags).toContain("nosymfollow");
  },
);

describe.skipIf(!hasFsopen)(
  `the kernel's own words${hasFsopen ? "" : " (needs Linux 5.2, CAP_SYS_ADMIN, unshare)"}`,
  () => {
    test("are in the error", async () => {
      const seen = await inMounts(({ butter, dir, thrown }) => {
        using mounted = butter.tmpfs({ target: dir });
        return [
          thrown(() => butter.tmpfs({ target: dir, size: "many" })),
          thrown(() => butter.tmpfs({ target: dir, options: { colour: "blue" } })),
          thrown(() => butter.mount({ type: "ext4", source: "/dev/null", target: dir })),
          thrown(() => butter.remount(mounted.target, { options: { size: "few" } })),
          thrown(() =>
            butter.mount({ type: "overlay", target: dir, options: { lowerdir: "/none" } }),
          ),
        ].map(({ name, message }) => `${name}: ${message.replaceAll(dir, "DIR")}`);
      });
      expect(seen).toEqual([
        `ValueError: Cannot mount on "tmpfs" to "DIR": invalid argument (EINVAL): tmpfs: Bad value for 'size'`,
        `ValueError: Cannot mount on "tmpfs" to "DIR": invalid argument (EINVAL): tmpfs: Unknown parameter 'colour'`,
        expect.stringContaining("/dev/null: Can't lookup blockdev"),
        `ValueError: Cannot mount on "DIR": invalid argument (EINVAL): tmpfs: Bad value for 'size'`,
        expect.stringContaining('option "lowerdir"'),
      ]);
    });
  },
);

describe("options are checked before the kernel is asked", () => {
  test("flags are words that do not contradict each other", () => {
    const flags = (words: unknown) => () =>
      tmpfs({ target: "/nowhere", flags: words as MountFlag[] });
    for (const wrong of [["ro", "rw"], ["noatime", "relatime"], ["toString"], ["RO"], [3]])
      expect(flags(wrong)).toThrow(TypeError);
    for (const wrong of ["ro", 3, null, { 0: "ro" }]) expect(flags(wrong)).toThrow(TypeError);
  });

  test("options are an object, a type is text, and a mode a number", () => {
    const make = (options: unknown) => () => mount(options as { type: string; target: string });
    for (const options of ["size=1m", null, ["size"], 3])
      expect(make({ type: "tmpfs", target: "/nowhere", options })).toThrow(
        "Cannot take options: expected an object",
      );
    for (const type of strangers.filter((value) => typeof value !== "string"))
      expect(make({ type, target: "/nowhere" })).toThrow("Cannot take type: ");
    for (const mode of ["0700", 0.5, -(2 ** 40), NaN])
      expect(() => tmpfs({ target: "/nowhere", mode: mode as number })).toThrow(
        "Cannot take mode: ",
      );
  });

  test("options are text, numbers, bytes and booleans, by names of options", () => {
    const options = (record: unknown) => () =>
      mount({ type: "tmpfs", target: "/nowhere", options: record as Record<string, string> });
    for (const wrong of [
      { a: {} },
      { a: NaN },
      { a: () => 3 },
      { "a=b": "c" },
      { "a,b": true },
      { "": 1 },
    ])
      expect(options(wrong)).toThrow(TypeError);
    expect(options({ a: "b\0c" })).toThrow(TypeError);
  });

  test("targets, sources, propagation and descriptors are what they are to be", () => {
    for (const value of strangers) {
      if (typeof value !== "string") {
        expect(() => tmpfs({ target: value as string })).toThrow(TypeError);
        if (value !== undefined)
          expect(() =>
            mount({ type: "tmpfs", source: value as string, target: "/nowhere" }),
          ).toThrow(TypeError);
      }
      if (value !== undefined) {
        expect(() => tmpfs({ target: "/nowhere", propagation: value as "shared" })).toThrow(
          TypeError,
        );
        expect(() => tmpfs({ target: "/nowhere", userNamespace: value as number })).toThrow(
          TypeError,
        );
      }
    }
  });
});
