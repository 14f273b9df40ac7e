/** Mounts held by descriptors, against the running kernel, in mount namespaces of children. */
import { describe, expect, test } from "bun:test";

import { AT, mount_setattr, move_mount, open_tree, open_tree_attr } from "bun-butter/syscalls";

import {
  expectDescriptor,
  expectRefusal,
  expectUint,
  noInts,
  strangers,
} from "../support/arguments.ts";
import { kernel } from "../support/capabilities.ts";
import { hasFsopen, hasSetattr, hasTreeAttr, inMounts } from "../support/mounts.ts";

const needs = "needs CAP_SYS_ADMIN, unshare";

describe.skipIf(!hasFsopen)(
  `open_tree() and move_mount()${hasFsopen ? "" : ` (${needs}, Linux 5.2)`}`,
  () => {
    test("bind by a copy, of one mount or with all below it", async () => {
      const seen = await inMounts(({ s, sub, fs, mountinfo }) => {
        const [from, to, all] = [sub("from"), sub("to"), sub("all")];
        s.mount("outer", from, "tmpfs", 0, null);
        fs.mkdirSync(`${from}/below`);
        s.mount("inner", `${from}/below`, "tmpfs", 0, null);
        const attach = (flags: number, at: string) => {
          const fd = s.open_tree(s.AT.FDCWD, from, s.OPEN_TREE.CLONE | s.OPEN_TREE.CLOEXEC | flags);
          s.move_mount(fd, "", s.AT.FDCWD, at, s.MOVE_MOUNT.F_EMPTY_PATH);
          const cloexec = s.fcntl(fd, s.F.GETFD);
          s.close(fd);
          return cloexec;
        };
        const flags = [attach(0, to), attach(s.AT.RECURSIVE, all)];
        return [flags, mountinfo(to).length, mountinfo(all).length];
      });
      expect(seen).toEqual([[1, 1], 1, 2]);
    });

    test("move a mount, and a copy without a place is gone with its descriptor", async () => {
      const seen = await inMounts(({ s, sub, fs, mountinfo }) => {
        const [from, to] = [sub("from"), sub("to")];
        s.mount("none", from, "tmpfs", 0, null);
        fs.writeFileSync(`${from}/file`, "");
        const held = s.open_tree(s.AT.FDCWD, from, s.OPEN_TREE.CLOEXEC);
        const copy = s.open_tree(s.AT.FDCWD, from, s.OPEN_TREE.CLONE | s.OPEN_TREE.CLOEXEC);
        s.move_mount(held, "", s.AT.FDCWD, to, s.MOVE_MOUNT.F_EMPTY_PATH);
        const inCopy = fs.readdirSync(`/proc/self/fd/${copy}`);
        s.close(copy);
        s.close(held);
        return [mountinfo(from).length, mountinfo(to).length, inCopy];
      });
      expect(seen).toEqual([0, 1, ["file"]]);
    });

    test.skipIf(!kernel(6, 5))(
      "MOVE_MOUNT.BENEATH mounts below the topmost (Linux 6.5)",
      async () => {
        const seen = await inMounts(({ s, sub, fs }) => {
          const [from, to] = [sub("from"), sub("to")];
          s.mount("top", to, "tmpfs", 0, null);
          s.mount("new", from, "tmpfs", 0, null);
          fs.writeFileSync(`${from}/new`, "");
          const { F_EMPTY_PATH, BENEATH } = s.MOVE_MOUNT;
          const fd = s.open_tree(s.AT.FDCWD, from, s.OPEN_TREE.CLOEXEC);
          s.move_mount(fd, "", s.AT.FDCWD, to, F_EMPTY_PATH | BENEATH);
          s.close(fd);
          const above = fs.readdirSync(to);
          s.umount2(to, 0);
          return [above, fs.readdirSync(to)];
        });
        expect(seen).toEqual([[], ["new"]]);
      },
    );

    test("errors name the paths", async () => {
      const seen = await inMounts(({ s, dir, sub, fs, thrown }) => {
        fs.writeFileSync(`${dir}/file`, "");
        const at = sub("at");
        const { F_EMPTY_PATH } = s.MOVE_MOUNT;
        const copy = s.open_tree(s.AT.FDCWD, "/", s.OPEN_TREE.CLONE | s.OPEN_TREE.CLOEXEC);
        return [
          thrown(() => s.open_tree(s.AT.FDCWD, `${dir}/none`, 0)),
          thrown(() => s.open_tree(s.AT.FDCWD, at, s.AT.RECURSIVE)),
          thrown(() => s.move_mount(s.AT.FDCWD, at, s.AT.FDCWD, dir, 0)),
          thrown(() => s.move_mount(copy, "", s.AT.FDCWD, `${dir}/none`, F_EMPTY_PATH)),
          thrown(() => s.move_mount(copy, "", s.AT.FDCWD, `${dir}/file`, F_EMPTY_PATH)),
        ];
      });
      expect(seen.map(({ code }) => code)).toEqual([
        "ENOENT",
        "EINVAL",
        "EINVAL",
        "ENOENT",
        "EINVAL",
      ]);
      expect(seen[3]?.message).toMatch(/to ".*\/none"/);
    });
  },
);

const idmapped = hasSetattr ? "" : ` (${needs}, Linux 5.12)`;

describe.skipIf(!hasSetattr)(`mount_setattr()${idmapped}`, () => {
  test("sets and clears attributes, access times and propagation, of all below or of none", async () => {
    const seen = await inMounts(({ s, dir, fs, thrown, mountinfo }) => {
      s.mount("outer", dir, "tmpfs", s.MS.NOSUID, null);
      fs.mkdirSync(`${dir}/below`);
      s.mount("inner", `${dir}/below`, "tmpfs", s.MS.NOSUID, null);
      const flags = () => mountinfo(dir).map((line) => line.split(" ")[5]);
      const { MOUNT_ATTR: A } = s;
      const plain = { attr_set: 0, attr_clr: 0, propagation: 0, userns_fd: 0 };
      const steps = [flags()];
      s.mount_setattr(s.AT.FDCWD, dir, s.AT.RECURSIVE, {
        ...plain,
        attr_set: A.NODEV | A.NOEXEC | A.NOATIME | A.NOSYMFOLLOW,
        attr_clr: BigInt(A.NOSUID | A._ATIME),
      });
      steps.push(flags());
      const writing = fs.openSync(`${dir}/below/file`, "w");
      const readonly = { ...plain, attr_set: A.RDONLY };
      const busy = thrown(() => s.mount_setattr(s.AT.FDCWD, dir, s.AT.RECURSIVE, readonly));
      steps.push(flags());
      fs.closeSync(writing);
      s.mount_setattr(s.AT.FDCWD, dir, 0, readonly);
      steps.push(flags());
      s.mount_setattr(s.AT.FDCWD, dir, 0, { ...plain, propagation: s.MS.SHARED });
      return { steps, busy, shared: mountinfo("shared:").length };
    });
    expect(seen).toMatchObject({
      steps: [
        ["rw,nosuid,relatime", "rw,nosuid,relatime"],
        ["rw,nodev,noexec,noatime,nosymfollow", "rw,nodev,noexec,noatime,nosymfollow"],
        ["rw,nodev,noexec,noatime,nosymfollow", "rw,nodev,noexec,noatime,nosymfollow"],
        ["ro,nodev,noexec,noatime,nosymfollow", "rw,nodev,noexec,noatime,nosymfollow"],
      ],
      busy: { name: "ValueError", code: "EBUSY" },
      shared: 1,
    });
  });

  test("maps users and groups as a user namespace does", async () => {
    const seen = await inMounts(async ({ s, sub, fs, thrown, mountinfo }) => {
      const [from, to] = [sub("from"), sub("to")];
      s.mount("none", from, "tmpfs", 0, null);
      fs.writeFileSync(`${from}/file`, "");
      fs.chownSync(`${from}/file`, 5, 6);
      await using child = Bun.spawn(["unshare", "--user", "cat"], {
        stdin: "pipe",
        stdout: "pipe",
      });
      child.stdin.write("?");
      child.stdin.flush();
      await child.stdout.getReader().read();
      fs.writeFileSync(`/proc/${child.pid}/uid_map`, "0 1000 100");
      fs.writeFileSync(`/proc/${child.pid}/gid_map`, "0 2000 100");
      const userns_fd = fs.openSync(`/proc/${child.pid}/ns/user`, "r");
      const attr = { attr_set: s.MOUNT_ATTR.IDMAP, attr_clr: 0, propagation: 0, userns_fd };
      const attached = thrown(() => s.mount_setattr(s.AT.FDCWD, from, 0, attr));
      const tree = s.open_tree(s.AT.FDCWD, from, s.OPEN_TREE.CLONE | s.OPEN_TREE.CLOEXEC);
      const own = fs.openSync("/proc/self/ns/user", "r");
      const initial = thrown(() =>
        s.mount_setattr(tree, "", s.AT.EMPTY_PATH, { ...attr, userns_fd: own }),
      );
      const file = fs.openSync("/dev/null", "r");
      const none = thrown(() =>
        s.mount_setattr(tree, "", s.AT.EMPTY_PATH, { ...attr, userns_fd: file }),
      );
      s.mount_setattr(tree, "", s.AT.EMPTY_PATH, attr);
      s.move_mount(tree, "", s.AT.FDCWD, to, s.MOVE_MOUNT.F_EMPTY_PATH);
      const { uid, gid } = fs.statSync(`${to}/file`);
      return { attached, initial, none, uid, gid, line: mountinfo(to)[0] };
    });
    expect(seen).toMatchObject({
      attached: { name: "ValueError", code: "EINVAL" },
      initial: { name: "PermissionError", code: "EPERM" },
      none: { name: "ValueError", code: "EINVAL" },
      uid: 1005,
      gid: 2006,
      line: expect.stringContaining("idmapped"),
    });
  });
});

describe.skipIf(!hasTreeAttr)(
  `open_tree_attr()${hasTreeAttr ? "" : ` (${needs}, Linux 6.15)`}`,
  () => {
    test("makes a copy with other attributes, and leaves the original", async () => {
      const seen = await inMounts(({ s, sub, mountinfo }) => {
        const [from, to] = [sub("from"), sub("to")];
        s.mount("none", from, "tmpfs", 0, null);
        const attr = { attr_set: s.MOUNT_ATTR.RDONLY, attr_clr: 0, propagation: 0, userns_fd: 0 };
        const tree = s.open_tree_attr(
          s.AT.FDCWD,
          from,
          s.OPEN_TREE.CLONE | s.OPEN_TREE.CLOEXEC,
          attr,
        );
        s.move_mount(tree, "", s.AT.FDCWD, to, s.MOVE_MOUNT.F_EMPTY_PATH);
        s.close(tree);
        return [from, to].map((path) => mountinfo(path)[0]?.split(" ")[5]);
      });
      expect(seen).toEqual(["rw,relatime", "ro,relatime"]);
    });
  },
);

describe.skipIf(!hasTreeAttr)("arguments are checked (Linux 6.15)", () => {
  const attr = { attr_set: 0, attr_clr: 0, propagation: 0, userns_fd: 0 };

  test("descriptors and paths", () => {
    expectDescriptor((fd) => open_tree(fd, "x", 0));
    expectDescriptor((fd) => open_tree_attr(fd, "x", 1, attr));
    expectDescriptor((fd) => mount_setattr(fd, "x", 0, { ...attr, attr_set: 1 }));
    expectDescriptor((fd) => move_mount(fd, "x", AT.FDCWD, "/", 0));
    expectDescriptor((fd) => move_mount(AT.FDCWD, "/", fd, "x", 0));
    for (const path of [3, null, undefined, "a\0b"] as unknown[] as string[]) {
      expectRefusal(() => open_tree(-1, path, 0), TypeError);
      expectRefusal(() => open_tree_attr(-1, path, 0, attr), TypeError);
      expectRefusal(() => mount_setattr(-1, path, 0, attr), TypeError);
      expectRefusal(() => move_mount(-1, path, -1, "x", 0), TypeError);
      expectRefusal(() => move_mount(-1, "x", -1, path, 0), TypeError);
    }
  });

  test("flags, and the members of struct mount_attr", () => {
    expectUint((flags) => open_tree(-1, "x", flags));
    expectUint((flags) => open_tree_attr(-1, "x", flags, attr));
    expectUint((flags) => mount_setattr(-1, "x", flags, attr));
    expectUint((flags) => move_mount(-1, "x", -1, "x", flags));
    for (const member of ["attr_set", "attr_clr", "propagation"]) {
      const set = (value: unknown) => () => mount_setattr(-1, "x", 0, { ...attr, [member]: value });
      for (const value of strangers)
        if (typeof value !== "bigint") expectRefusal(set(value), TypeError);
      for (const value of [-1, -1n, 2n ** 64n, 0.5, NaN]) expectRefusal(set(value), RangeError);
    }
    const user = (value: unknown) => () =>
      mount_setattr(-1, "x", 0, { ...attr, userns_fd: value as number });
    for (const value of strangers) expectRefusal(user(value), TypeError);
    for (const value of noInts) expectRefusal(user(value), RangeError);
  });
});
