/** What is mounted, against the running kernel and its mountinfo, in mount namespaces of children. */
import { describe, expect, test } from "bun:test";

import {
  listmount,
  LSMT,
  type MntIdReq,
  read_statmount,
  STATMOUNT,
  statmount,
  STATMOUNT_SIZE,
} from "bun-butter/syscalls";

import { expectRefusal, expectUint, strangers } from "../support/arguments.ts";
import { kernel } from "../support/capabilities.ts";
import { hasStatmount, inMounts } from "../support/mounts.ts";

const why = hasStatmount ? "" : " (needs CAP_SYS_ADMIN, unshare, Linux 6.8)";

describe.skipIf(!hasStatmount)(`statmount() and listmount()${why}`, () => {
  test("tell of every mount what mountinfo tells", async () => {
    const seen = await inMounts(({ s, sub, fs }) => {
      s.mount("a source", sub("a b"), "tmpfs", s.MS.RDONLY | s.MS.NOSUID, "size=64k");
      const root = { mnt_id: s.LSMT.ROOT, param: 0n, mnt_ns_id: 0n };
      const { SB_BASIC, MNT_BASIC, MNT_ROOT, MNT_POINT, FS_TYPE } = s.STATMOUNT;
      const param = SB_BASIC | MNT_BASIC | MNT_ROOT | MNT_POINT | FS_TYPE;
      const escape = (bytes: Uint8Array | undefined) =>
        Buffer.from(bytes ?? [])
          .toString("latin1")
          .replaceAll(" ", "\\040");
      const ours = s.listmount(root, 1000, 0).map((mnt_id) => {
        const one = s.statmount({ mnt_id, param, mnt_ns_id: 0n }, 8192, 0);
        const device = `${one.sb_dev_major}:${one.sb_dev_minor}`;
        const ro = (Number(one.mnt_attr) & s.MOUNT_ATTR.RDONLY) === 0 ? "rw" : "ro";
        const [at, of] = [escape(one.mnt_point), escape(one.mnt_root)];
        return `${one.mnt_id_old} ${one.mnt_parent_id_old} ${device} ${of} ${at} ${ro} ${escape(one.fs_type)}`;
      });
      const lines = fs.readFileSync("/proc/self/mountinfo", "latin1").trimEnd().split("\n");
      const theirs = lines.map((line) => {
        const [before = "", after = ""] = line.split(" - ");
        const fields = before.split(" ");
        return `${fields.slice(0, 5).join(" ")} ${fields[5]?.slice(0, 2)} ${after.split(" ")[0]}`;
      });
      return { ours: ours.toSorted(), theirs: theirs.toSorted() };
    });
    expect(seen.ours.length).toBeGreaterThan(1);
    // The root's parent is outside of the namespace, where only mountinfo looks.
    expect(seen.ours.filter((line) => !seen.theirs.includes(line)).length).toBeLessThanOrEqual(1);
    expect(seen.ours.map((line) => line.split(" ")[0])).toEqual(
      seen.theirs.map((line) => line.split(" ")[0]),
    );
  });

  test("listmount() goes on after the last one, and lists what is below one", async () => {
    const seen = await inMounts(({ s, dir, sub, thrown }) => {
      s.mount("outer", dir, "tmpfs", 0, null);
      for (const name of ["a", "b", "c"]) s.mount(name, sub(name), "tmpfs", 0, null);
      const list = (mnt_id: bigint, param: bigint, count: number) =>
        s.listmount({ mnt_id, param, mnt_ns_id: 0n }, count, 0);
      const all = list(s.LSMT.ROOT, 0n, 1000);
      const pages: bigint[] = [];
      for (;;) {
        const page = list(s.LSMT.ROOT, pages.at(-1) ?? 0n, 2);
        pages.push(...page);
        if (page.length < 2) break;
      }
      const outer = all.at(-4) ?? 0n;
      const none = thrown(() => list(1n, 0n, 10));
      return { all, pages, below: list(outer, 0n, 10), none, empty: list(outer, 0n, 0) };
    });
    expect(seen.pages).toEqual(seen.all);
    expect(seen.below).toEqual(seen.all.slice(-3));
    expect(seen.empty).toEqual([]);
    expect(seen.none).toMatchObject({ name: "ValueError" });
  });

  test.skipIf(!kernel(6, 15))(
    "statmount() tells sources, options one by one, namespaces and maps (Linux 6.15)",
    async () => {
      const seen = await inMounts(({ s, dir }) => {
        s.mount("a source", dir, "tmpfs", s.MS.LAZYTIME, "size=64k,mode=700");
        const root = { mnt_id: s.LSMT.ROOT, param: 0n, mnt_ns_id: 0n };
        const [mnt_id = 0n] = s.listmount(root, 1, s.LISTMOUNT.REVERSE);
        const param = Object.values(s.STATMOUNT).reduce((all, bit) => all | bit, 0n);
        const one = s.statmount({ mnt_id, param, mnt_ns_id: 0n }, 4096, 0);
        const again = s.statmount({ mnt_id, param, mnt_ns_id: one.mnt_ns_id }, 4096, 0);
        const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();
        return {
          source: text(one.sb_source),
          options: one.opt_array?.map(text),
          mnt_opts: text(one.mnt_opts),
          security: one.opt_sec_array === undefined,
          subtype: one.fs_subtype === undefined,
          uidmap: one.mnt_uidmap === undefined,
          supported: (one.supported_mask & param) === param,
          told: (one.mask & s.STATMOUNT.OPT_ARRAY) !== 0n,
          flags: one.sb_flags,
          namespaced: one.mnt_ns_id !== 0n && again.mnt_id === mnt_id,
        };
      });
      expect(seen).toEqual({
        source: "a source",
        options: ["size=64k", "mode=700"],
        mnt_opts: "size=64k,mode=700",
        security: true,
        subtype: true,
        uidmap: true,
        supported: true,
        told: true,
        flags: 1 << 25,
        namespaced: true,
      });
    },
  );

  test("EOVERFLOW says that the strings need more room", async () => {
    const seen = await inMounts(({ s, dir, thrown }) => {
      s.mount("none", dir, "tmpfs", 0, null);
      const root = { mnt_id: s.LSMT.ROOT, param: 0n, mnt_ns_id: 0n };
      const mnt_id = s.listmount(root, 1000, 0).at(-1) ?? 0n;
      const param = s.STATMOUNT.MNT_POINT;
      const small = thrown(() => s.statmount({ mnt_id, param, mnt_ns_id: 0n }, 516, 0));
      const basic = s.statmount({ mnt_id, param: s.STATMOUNT.MNT_BASIC, mnt_ns_id: 0n }, 48, 0);
      return { small, basic: basic.mnt_id === mnt_id };
    });
    expect(seen).toMatchObject({ small: { code: "EOVERFLOW", name: "OSError" }, basic: true });
    expect(seen.small.message).toContain("more bytes");
  });
});

describe("read_statmount() trusts no bounds", () => {
  const struct = (mask: bigint, fields: Readonly<Record<number, number>>, tail: string) => {
    const bytes = new Uint8Array(STATMOUNT_SIZE + tail.length);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(8, mask, true);
    for (const [at, value] of Object.entries(fields)) view.setUint32(Number(at), value, true);
    bytes.set(Buffer.from(tail, "latin1"), STATMOUNT_SIZE);
    return bytes;
  };

  test("strings are copies, at their offsets", () => {
    const bytes = struct(
      STATMOUNT.MNT_POINT | STATMOUNT.OPT_ARRAY,
      { 108: 2, 128: 2, 132: 4 },
      "..a\0b\0c\0",
    );
    const { mnt_point, opt_array, mnt_root } = read_statmount(bytes);
    bytes.fill(0);
    expect(mnt_point).toEqual(new Uint8Array([97]));
    expect(opt_array).toEqual([new Uint8Array([98]), new Uint8Array([99])]);
    expect(mnt_root).toBeUndefined();
  });

  test.each([
    ["begins beyond the bytes", { 108: 100 }, "a\0"],
    ["begins far beyond them", { 108: 0xffffffff }, "a\0"],
    ["does not end", { 108: 0 }, "abc"],
    ["is one of more than there are", { 128: 0xffffffff, 132: 0 }, "a\0b\0"],
  ] as const)("a string that %s is refused", (_, fields, tail) => {
    const mask = 128 in fields ? STATMOUNT.OPT_ARRAY : STATMOUNT.MNT_POINT;
    expect(() => read_statmount(struct(mask, fields, tail))).toThrow(RangeError);
  });

  test("fewer bytes than the struct are refused, and a view into a larger buffer is one", () => {
    expect(() => read_statmount(new Uint8Array(STATMOUNT_SIZE - 1))).toThrow(RangeError);
    const large = new Uint8Array(STATMOUNT_SIZE + 16);
    large.set(struct(STATMOUNT.MNT_POINT, { 108: 0 }, "x\0"), 8);
    expect(read_statmount(large.subarray(8)).mnt_point).toEqual(new Uint8Array([120]));
  });
});

describe("arguments are checked before the kernel is asked", () => {
  const req: MntIdReq = { mnt_id: LSMT.ROOT, param: 0n, mnt_ns_id: 0n };

  test("sizes, flags and the members of struct mnt_id_req", () => {
    for (const count of [-1, 0.5, NaN, 2 ** 40, 2 ** 60]) {
      expectRefusal(() => statmount(req, count, 0), RangeError);
      expectRefusal(() => listmount(req, count, 0), RangeError);
    }
    expectUint((flags) => statmount(req, 512, flags));
    expectUint((flags) => listmount(req, 1, flags));
    for (const member of ["mnt_id", "param", "mnt_ns_id"]) {
      for (const value of strangers) {
        if (typeof value !== "bigint")
          expectRefusal(() => statmount({ ...req, [member]: value }, 512, 0), TypeError);
      }
      for (const value of [-1n, 2n ** 64n])
        expectRefusal(() => listmount({ ...req, [member]: value }, 1, 0), RangeError);
    }
  });
});
