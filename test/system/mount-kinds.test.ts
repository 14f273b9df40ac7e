/** Binding, overlays, changes and mapped mounts, with the newest calls and with the oldest, in mount namespaces of children. */
import { describe, expect, test } from "bun:test";

import { overlay } from "bun-butter";

import { canMount, hasFsopen, hasSetattr, inMounts, kernels } from "../support/mounts.ts";
import { canRefuse } from "../support/seccomp.ts";

const why = canMount ? "" : " (needs CAP_SYS_ADMIN, unshare)";

describe.skipIf(!canMount).each(kernels)(`bindMount()${why} %s`, (_, kernel) => {
  test("binds a directory with flags of its own, and a file", async () => {
    const seen = await inMounts(({ butter, dir, sub, fs }) => {
      const [from, to] = [sub("from"), sub("to")];
      using outer = butter.tmpfs({ target: from, flags: ["nosuid", "noatime"] });
      fs.writeFileSync(`${from}/file`, "text");
      fs.writeFileSync(`${dir}/file`, "");
      using bound = butter.bindMount({
        source: from,
        target: to,
        flags: ["ro", "noexec"],
        propagation: "unbindable",
      });
      using file = butter.bindMount({ source: `${from}/file`, target: `${dir}/file` });
      const [info, inFile] = [bound.info(), file.info()];
      return {
        outer: outer.info()?.flags,
        bound: info?.flags,
        unbindable: info?.unbindable,
        fileSystem: info?.fileSystemFlags,
        root: inFile?.root,
        text: fs.readFileSync(`${dir}/file`, "utf8"),
      };
    }, kernel);
    expect(seen).toEqual({
      outer: ["rw", "nosuid", "noatime"],
      bound: ["ro", "nosuid", "noexec", "noatime"],
      unbindable: true,
      fileSystem: ["rw"],
      root: "/file",
      text: "text",
    });
  });

  test("with recursive binds all below, and unmounts all of it", async () => {
    const seen = await inMounts(({ butter, sub, fs, mountinfo }) => {
      const [from, to] = [sub("from"), sub("to")];
      using _outer = butter.tmpfs({ target: from });
      fs.mkdirSync(`${from}/below`);
      using _inner = butter.tmpfs({ target: `${from}/below` });
      const counts = [];
      {
        using _one = butter.bindMount({ source: from, target: to });
        counts.push(mountinfo(to).length);
      }
      {
        using _all = butter.bindMount({ source: from, target: to, recursive: true });
        counts.push(mountinfo(to).length);
      }
      return [...counts, mountinfo(to).length, mountinfo(from).length];
    }, kernel);
    expect(seen).toEqual([1, 2, 0, 2]);
  });
});

describe.skipIf(!canMount).each(kernels)(`overlay()${why} %s`, (_, kernel) => {
  test("shows the upper directory over the lower ones, whatever they are named", async () => {
    const seen = await inMounts(({ butter, dir, fs }) => {
      using _disk = butter.tmpfs({ target: dir });
      const names = ["a,b:c\\d", "e f\n", "upper,", "work:", "at"];
      const paths = names.map((name) => `${dir}/${name}`);
      const lowest = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0x3a])]);
      for (const path of [...paths, lowest]) fs.mkdirSync(path);
      const [one, two, upper, work, target] = paths as [string, string, string, string, string];
      fs.writeFileSync(`${one}/both`, "one");
      fs.writeFileSync(`${two}/both`, "two");
      fs.writeFileSync(`${two}/second`, "two");
      fs.writeFileSync(Buffer.concat([lowest, Buffer.from("/third")]), "three");
      using mounted = butter.overlay({
        lower: [one, two, lowest],
        upper,
        work,
        target,
        flags: ["nodev"],
      });
      const texts = ["both", "second", "third"].map((name) =>
        fs.readFileSync(`${target}/${name}`, "utf8"),
      );
      fs.writeFileSync(`${target}/second`, "changed");
      return {
        texts,
        upper: fs.readFileSync(`${upper}/second`, "utf8"),
        type: mounted.info()?.type,
        nodev: mounted.info()?.flags.includes("nodev"),
      };
    }, kernel);
    expect(seen).toEqual({
      texts: ["one", "two", "three"],
      upper: "changed",
      type: "overlay",
      nodev: true,
    });
  });

  test("takes more directories than one option of fsconfig has room for", async () => {
    const seen = await inMounts(({ butter, dir, fs }) => {
      using _disk = butter.tmpfs({ target: dir });
      const lower = Array.from({ length: 40 }, (_none, at) => `${dir}/layer-${at}`);
      for (const [at, path] of lower.entries()) {
        fs.mkdirSync(path);
        fs.writeFileSync(`${path}/${at}`, "");
      }
      fs.mkdirSync(`${dir}/at`);
      using _mounted = butter.overlay({ lower, target: `${dir}/at` });
      return fs.readdirSync(`${dir}/at`).length;
    }, kernel);
    expect(seen).toBe(40);
  });
});

test("overlay() says what is missing", () => {
  expect(() => overlay({ lower: [], target: "/nowhere" })).toThrow(TypeError);
  expect(() => overlay({ lower: "/a" as unknown as string[], target: "/nowhere" })).toThrow(
    TypeError,
  );
  expect(() => overlay({ lower: [3 as unknown as string], target: "/nowhere" })).toThrow(
    "Cannot take path: ",
  );
  expect(() => overlay({ lower: ["/a"], upper: "/b", target: "/nowhere" })).toThrow(TypeError);
  expect(() => overlay({ lower: ["/a"], work: "/b", target: "/nowhere" })).toThrow(TypeError);
});

describe.skipIf(!canMount).each(kernels)(`remount() and setPropagation()${why} %s`, (_, kernel) => {
  test("change flags and leave the others, and change options and leave flags", async () => {
    const seen = await inMounts(({ butter, dir, fs, thrown }) => {
      using mounted = butter.tmpfs({ target: dir, flags: ["nosuid", "noatime"], size: "64k" });
      const steps: string[][] = [];
      const step = () => {
        const { flags = [], fileSystemFlags = [], options = [] } = mounted.info() ?? {};
        steps.push([flags.join(), fileSystemFlags.join(), options.join()]);
      };
      butter.remount(dir, { flags: ["ro", "nodev", "strictatime"] });
      step();
      butter.remount(dir, { flags: ["rw", "suid"], options: { size: "128k" } });
      step();
      const writing = fs.openSync(`${dir}/file`, "w");
      const busy = thrown(() => butter.remount(dir, { flags: ["ro"] }));
      fs.closeSync(writing);
      butter.remount(dir, { options: { ro: true } });
      step();
      return { steps, busy };
    }, kernel);
    expect(seen).toMatchObject({
      steps: [
        ["ro,nosuid,nodev,strictatime", "rw", "size=64k"],
        ["rw,nodev,strictatime", "rw", "size=128k"],
        ["rw,nodev,strictatime", "ro", "size=128k"],
      ],
      busy: { code: "EBUSY" },
    });
  });

  test("a shared mount's copies see what is mounted below it, a slave's master does not", async () => {
    const seen = await inMounts(({ butter, sub, fs }) => {
      const [from, copy, slave] = [sub("from"), sub("copy"), sub("slave")];
      using _disk = butter.tmpfs({ target: from });
      butter.setPropagation(from, "shared");
      fs.mkdirSync(`${from}/below`);
      using _copy = butter.bindMount({ source: from, target: copy });
      using follower = butter.bindMount({ source: from, target: slave, propagation: "slave" });
      const at = (paths: string[]) =>
        paths.map((path) => butter.mounts().some(({ target }) => target === `${path}/below`));
      const seenBelow = [];
      {
        using _below = butter.tmpfs({ target: `${from}/below` });
        seenBelow.push(at([from, copy, slave]));
      }
      {
        using _below = butter.tmpfs({ target: `${slave}/below` });
        seenBelow.push(at([from, copy, slave]));
      }
      return { seenBelow, master: follower.info()?.master, peer: _copy.info()?.peerGroup };
    }, kernel);
    expect(seen.seenBelow).toEqual([
      [true, true, true],
      [false, false, true],
    ]);
    expect(seen.master).toBe(seen.peer);
    expect(seen.master).toBeGreaterThan(0);
  });
});

describe.skipIf(!hasSetattr)(
  `mapped mounts${hasSetattr ? "" : " (needs CAP_SYS_ADMIN, unshare, Linux 5.12)"}`,
  () => {
    test("show files as a user namespace's, bound with all below or mounted anew", async () => {
      const seen = await inMounts(async ({ butter, sub, fs }) => {
        await using child = Bun.spawn(["unshare", "--user", "cat"], {
          stdin: "pipe",
          stdout: "pipe",
        });
        child.stdin.write("?");
        child.stdin.flush();
        await child.stdout.getReader().read();
        fs.writeFileSync(`/proc/${child.pid}/uid_map`, "0 1000 100\n200 5000 1");
        fs.writeFileSync(`/proc/${child.pid}/gid_map`, "0 2000 100");
        const userNamespace = { fd: fs.openSync(`/proc/${child.pid}/ns/user`, "r") };
        const [from, to, own] = [sub("from"), sub("to"), sub("own")];
        using _disk = butter.tmpfs({ target: from });
        fs.mkdirSync(`${from}/below`);
        using _inner = butter.tmpfs({ target: `${from}/below` });
        for (const path of [`${from}/file`, `${from}/below/file`]) {
          fs.writeFileSync(path, "");
          fs.chownSync(path, 5, 6);
        }
        using bound = butter.bindMount({
          source: from,
          target: to,
          recursive: true,
          userNamespace,
          flags: ["ro"],
        });
        using fresh = butter.tmpfs({ target: own, userNamespace });
        const ids = [`${to}/file`, `${to}/below/file`].map((path) => {
          const { uid, gid } = fs.statSync(path);
          return [uid, gid];
        });
        const [info, freshInfo] = [bound.info(), fresh.info()];
        return { ids, mapped: info?.idMapped, flags: info?.flags[0], fresh: freshInfo?.idMapped };
      });
      expect(seen).toEqual({
        ids: [
          [1005, 2006],
          [1005, 2006],
        ],
        mapped: true,
        flags: "ro",
        fresh: true,
      });
    });

    test.skipIf(!canRefuse())("say which kernel they need (needs seccomp)", async () => {
      const seen = await inMounts(
        ({ butter, sub, fs, thrown, mountinfo }) => {
          const [from, to] = [sub("from"), sub("to")];
          const userNamespace = fs.openSync("/proc/self/ns/user", "r");
          return {
            errors: [
              thrown(() => butter.bindMount({ source: from, target: to, userNamespace })),
              thrown(() => butter.tmpfs({ target: to, userNamespace })),
              thrown(() =>
                butter.bindMount({ source: "/", target: to, recursive: true, flags: ["ro"] }),
              ),
              thrown(() => butter.remount("/", { recursive: true, flags: ["ro"] })),
            ],
            left: mountinfo(to),
          };
        },
        { without: ["mount_setattr"] },
      );
      for (const error of seen.errors) {
        expect(error).toMatchObject({ name: "UnsupportedError", code: "ENOSYS" });
        expect(error.message).toContain("5.12");
      }
      expect(seen.left).toEqual([]);
    });
  },
);

const loop =
  canMount && Bun.which("mkfs.ext4") !== null && Bun.which("losetup") !== null && canLoop();

/** Whether a file can become a device here, with ext4 on it. */
function canLoop(): boolean {
  const script = 'truncate -s 2M "$0" && mkfs.ext4 -q "$0" && mount -o loop "$0" /mnt';
  const image = `/tmp/butter-loop-${process.pid}`;
  try {
    return Bun.spawnSync(["unshare", "--mount", "sh", "-c", script, image]).exitCode === 0;
  } finally {
    Bun.spawnSync(["rm", "-f", image]);
  }
}

test.skipIf(!loop)(
  "mount() mounts ext4 of a device (needs CAP_SYS_ADMIN, unshare, losetup, mkfs.ext4)",
  async () => {
    const seen = await inMounts(({ butter, dir, sub, fs, thrown }) => {
      const image = `${dir}/image`;
      fs.writeFileSync(image, new Uint8Array(2 << 20));
      const at = sub("at");
      const device = () =>
        Bun.spawnSync(["losetup", "--find", "--show", image]).stdout.toString().trim();
      const source = device();
      try {
        const empty = thrown(() => butter.mount({ type: "ext4", source, target: at }));
        Bun.spawnSync(["mkfs.ext4", "-q", source]);
        using mounted = butter.mount({
          type: "ext4",
          source,
          target: at,
          flags: ["noatime"],
          options: { errors: "remount-ro" },
        });
        fs.writeFileSync(`${at}/file`, "text");
        const bad = thrown(() => butter.remount(at, { options: { data: "nowhere" } }));
        return { empty, bad, info: mounted.info(), source };
      } finally {
        Bun.spawnSync(["losetup", "--detach", source]);
      }
    });
    expect(seen).toMatchObject({
      empty: { name: "ValueError", code: "EINVAL" },
      bad: { code: "EINVAL" },
      info: {
        type: "ext4",
        source: seen.source,
        flags: ["rw", "noatime"],
        options: expect.arrayContaining(["errors=remount-ro"]),
      },
    });
    if (hasFsopen) expect(seen.bad.message).toContain("data");
  },
);
