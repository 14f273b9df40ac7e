/** What is mounted, as both sources tell it. */
import { describe, expect, test } from "bun:test";

import { mounts } from "bun-butter";

import { parseMountinfo } from "../../src/system/mountinfo.ts";
import { kernel } from "../support/capabilities.ts";
import { canMount, hasStatmount, inMounts } from "../support/mounts.ts";
import { canRefuse } from "../support/seccomp.ts";

test("mounts() has the root and /proc", () => {
  const all = mounts();
  expect(all.find(({ target }) => target === "/proc")).toMatchObject({ type: "proc", root: "/" });
  expect(all.some(({ target }) => target === "/")).toBe(true);
  expect(JSON.parse(JSON.stringify(all))).toHaveLength(all.length);
});

const both = hasStatmount && canMount && canRefuse() && kernel(6, 15);

test.skipIf(!both)(
  "mounts() tells the same by call and by /proc, whatever the mounts are named (needs CAP_SYS_ADMIN, unshare, seccomp, Linux 6.15)",
  async () => {
    const { byCall, byProc } = await inMounts(
      async ({ s, butter, dir, sub, fs }) => {
        const odd = Buffer.concat([Buffer.from(`${dir}/a b\t\n\\#,é`), Buffer.from([0xff])]);
        fs.mkdirSync(odd);
        butter.mount({
          type: "tmpfs",
          source: "a #\\\n,é",
          target: odd,
          flags: ["nodev", "strictatime", "nodiratime", "nosymfollow"],
        });
        butter.mount({
          type: "tmpfs",
          target: sub("plain"),
          propagation: "shared",
          options: { sync: true, dirsync: true, lazytime: true, mode: "700" },
        });
        butter.bindMount({ source: `${dir}/plain`, target: sub("slave"), propagation: "slave" });
        butter.bindMount({
          source: "/usr/lib",
          target: sub("bound"),
          flags: ["ro"],
          propagation: "unbindable",
        });
        fs.mkdirSync(`${dir}/lower:1`);
        butter.overlay({ lower: [`${dir}/lower:1`, "/usr"], target: sub("overlay") });
        s.mount(null, sub("shown"), "proc", 0, "hidepid=2");
        const first = butter.mounts();
        const { refuse } = await import(process.env["BUTTER_TEST_SECCOMP"] ?? "");
        refuse("listmount", "ENOSYS");
        return { byCall: first, byProc: butter.mounts() };
      },
      { env: { BUTTER_TEST_SECCOMP: new URL("../support/seccomp.ts", import.meta.url).pathname } },
    );
    expect(byCall.length).toBeGreaterThan(6);
    const plain = (list: typeof byCall) =>
      list
        .map(({ id, parentId, ...rest }) => ({ ...rest, numbers: id !== parentId }))
        .toSorted((a, b) => a.mountinfoId - b.mountinfoId);
    expect(plain(byCall)).toEqual(plain(byProc));
    expect(byCall.map(({ id }) => id)).not.toEqual(byProc.map(({ id }) => id));
  },
);

describe("parseMountinfo()", () => {
  const line =
    "36 35 98:0 /mnt1 /mnt2 rw,noatime shared:2 master:1 - ext3 /dev/root rw,errors=continue";

  test("reads the manual's line", () => {
    expect(parseMountinfo(`${line}\n`)).toEqual([
      {
        id: 36,
        parentId: 35,
        mountinfoId: 36,
        target: "/mnt2",
        targetBytes: undefined,
        root: "/mnt1",
        rootBytes: undefined,
        source: "/dev/root",
        sourceBytes: undefined,
        type: "ext3",
        device: "98:0",
        flags: ["rw", "noatime"],
        fileSystemFlags: ["rw"],
        options: ["errors=continue"],
        idMapped: false,
        peerGroup: 2,
        master: 1,
        unbindable: false,
      },
    ]);
  });

  test("takes no optional field, and an unknown one", () => {
    const [none] = parseMountinfo(line.replace("shared:2 master:1 ", ""));
    expect(none).toMatchObject({ peerGroup: undefined, master: undefined, type: "ext3" });
    const [unknown] = parseMountinfo(line.replace("shared:2", "later:3 unbindable"));
    expect(unknown).toMatchObject({ peerGroup: undefined, master: 1, unbindable: true });
  });

  test("decodes octal escapes, and nothing else that looks like one", () => {
    const [one] = parseMountinfo(
      line.replace("/mnt2", "/a\\040b\\011\\012\\134040\\303\\251\\377x\\9"),
    );
    expect(one?.target).toBe("/a b\t\n\\040é\ufffdx\\9");
    expect(one?.targetBytes).toEqual(
      Uint8Array.from(
        Buffer.concat([Buffer.from("/a b\t\n\\040é"), Buffer.from([0xff]), Buffer.from("x\\9")]),
      ),
    );
  });

  test("leaves out lines that are none", () => {
    expect(parseMountinfo("\n36 35\nnonsense - a b\n\n")).toEqual([]);
    expect(parseMountinfo("")).toEqual([]);
  });
});
