/** prctl(2) against the running kernel. What can't be undone happens in another process. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { ValueError } from "bun-butter";
import {
  MAP,
  mmap,
  munmap,
  pinned,
  PR,
  prctl,
  prctl_get_child_subreaper,
  prctl_get_dumpable,
  prctl_get_name,
  prctl_get_pdeathsig,
  prctl_get_thp_disable,
  prctl_get_timerslack,
  prctl_set_dumpable,
  prctl_set_name,
  prctl_set_pdeathsig,
  prctl_set_thp_disable,
  prctl_set_timerslack,
  prctl_set_vma_anon_name,
  PROT,
} from "bun-butter/syscalls";

import { expectErrno, expectInt, expectRefusal, strangers, thrown } from "../support/arguments.ts";
import { emulated } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";

const comm = (): string => readFileSync("/proc/thread-self/comm", "utf8").trimEnd();

test("prctl_set_name() names the thread, in 15 bytes", () => {
  const before = prctl_get_name();
  expect(before).toBe(comm());
  try {
    for (const name of ["", "butter", "fifteen bytes!!"]) {
      prctl_set_name(name);
      expect([prctl_get_name(), comm()]).toEqual([name, name]);
    }
    prctl_set_name("sixteen bytes!!!");
    expect(prctl_get_name()).toBe("sixteen bytes!!");
    prctl_set_name(new Uint8Array([0x62, 0xff]));
    expect(prctl_get_name()).toBe("b\uFFFD");
  } finally {
    prctl_set_name(before);
  }
  for (const name of strangers.filter((one) => typeof one !== "string"))
    expectRefusal(() => prctl_set_name(name as string), TypeError);
  expectRefusal(() => prctl_set_name("a\0b"), TypeError);
});

test("prctl_set_timerslack() is kept in nanoseconds, and 0 is the default again", () => {
  const before = prctl_get_timerslack();
  // The last is more than an int, to which the emulation cuts it.
  for (const slack of [1, 50_000, ...(emulated ? [] : [5_000_000_000])]) {
    prctl_set_timerslack(slack);
    expect(prctl_get_timerslack()).toBe(slack);
  }
  prctl_set_timerslack(0);
  expect(prctl_get_timerslack()).toBe(before);
  expectRefusal(() => prctl_set_timerslack(-1), RangeError);
  expectRefusal(() => prctl_set_timerslack("1" as unknown as number), TypeError);
});

test.skipIf(emulated)(
  "what prctl_set_*() changes, prctl_get_*() tells (not under emulation)",
  async () => {
    const { stdout, stderr } = await runScript(`
    import {
      prctl_get_child_subreaper, prctl_get_dumpable, prctl_get_pdeathsig, prctl_get_thp_disable,
      prctl_set_child_subreaper, prctl_set_dumpable, prctl_set_pdeathsig, prctl_set_thp_disable,
    } from "bun-butter/syscalls";
    const show = (get, set, ...values) => console.log(get(), ...values.map((value) => (set(value), get())));
    show(prctl_get_pdeathsig, prctl_set_pdeathsig, 15, 64, 0);
    show(prctl_get_child_subreaper, prctl_set_child_subreaper, true, false);
    show(prctl_get_dumpable, prctl_set_dumpable, 0, 1);
    show(prctl_get_thp_disable, (value) => prctl_set_thp_disable(value, 0), true, false);
  `);
    expect(stderr).toBe("");
    expect(stdout).toBe("0 15 64 0\nfalse true false\n1 0 1\n0 1 0\n");
  },
);

test.skipIf(emulated)(
  "prctl_set_child_subreaper() makes an orphan a child of this process (not under emulation)",
  async () => {
    const { stdout, stderr } = await runScript(`
      import { prctl_set_child_subreaper } from "bun-butter/syscalls";
      prctl_set_child_subreaper(true);
      // It prints its parent when its own is gone, which it sees at the end of the pipe.
      const orphan = "read _; read _ _ _ parent _ < /proc/self/stat; echo $parent >&2";
      const [reader] = [Bun.spawn(["sh", "-c", \`exec 3<&0; (sh -c '\${orphan}' <&3) & \`], {
        stdin: "pipe", stdout: "ignore", stderr: "pipe",
      })];
      await reader.exited;
      reader.stdin.write("now\\n");
      await reader.stdin.end();
      console.log((await reader.stderr.text()).trim() === \`\${process.pid}\`);
    `);
    expect([stdout, stderr]).toEqual(["true\n", ""]);
  },
);

test.skipIf(emulated)(
  "prctl_set_pdeathsig() has the kernel end a process with its parent (not under emulation)",
  async () => {
    // The grandchild has one end of the pipe alone, once its parent is gone.
    const { stdout, stderr } = await runScript(`
    const code = \`
      import { prctl_set_pdeathsig } from "bun-butter/syscalls";
      prctl_set_pdeathsig(9);
      process.stdout.write("ready");
      setInterval(() => {}, 1000);
    \`;
    const middle = Bun.spawn([process.execPath, "--eval", \`
      const child = Bun.spawn([process.execPath, "--eval", process.argv.at(-1)], { stdout: "pipe", stderr: "inherit" });
      const { value } = await child.stdout.getReader().read();
      process.stdout.write(new TextDecoder().decode(value) + " " + child.pid + "\\\\n");
      process.kill(process.pid, "SIGKILL");
    \`, code], { stdout: "pipe", stderr: "inherit" });
    const [, pid] = (await middle.stdout.text()).split(" ");
    const { Pidfd } = await import("bun-butter");
    try {
      using pidfd = new Pidfd(Number(pid));
      await pidfd.exited;
    } catch ({ code }) {
      if (code !== "ESRCH") throw code;
    }
    console.log("gone");
  `);
    expect([stdout, stderr]).toEqual(["gone\n", ""]);
  },
);

test.skipIf(emulated)(
  "prctl_*() refuse what the kernel would misread, and what it does not take (not under emulation)",
  () => {
    // A worker of bun test has one, of its parent's making.
    const before = [prctl_get_pdeathsig(), prctl_get_child_subreaper()];
    expectErrno(() => prctl_set_pdeathsig(65), ValueError, "EINVAL");
    expectErrno(() => prctl_set_pdeathsig(-1), ValueError, "EINVAL");
    expectErrno(() => prctl_set_dumpable(2 as 1), ValueError, "EINVAL");
    expectErrno(() => prctl_set_thp_disable(true, 1 << 20), ValueError, "EINVAL");
    expectErrno(() => prctl(987_654, 0, 0, 0, 0), ValueError, "EINVAL");
    expectInt((value) => void prctl(value === 0 ? PR.GET_DUMPABLE : value, 0, 0, 0, 0));
    expectRefusal(() => prctl(PR.GET_DUMPABLE, -1, 0, 0, 0), RangeError);
    expectRefusal(() => prctl_set_thp_disable(1 as unknown as boolean, 0), TypeError);
    expect([prctl_get_pdeathsig(), prctl_get_child_subreaper()]).toEqual(before);
    expect([prctl_get_dumpable(), prctl_get_thp_disable()]).toEqual([1, 0]);
  },
);

test("prctl() takes the address of pinned memory", () => {
  using name = pinned(16);
  prctl(PR.GET_NAME, name.address, 0, 0, 0);
  expect(new TextDecoder().decode(name.bytes).replace(/\0.*$/s, "")).toBe(comm());
});

test("prctl_set_vma_anon_name() names memory in /proc/self/maps, where the kernel can", () => {
  const page = mmap(0, 8192, PROT.READ, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
  try {
    const error = thrown(() => prctl_set_vma_anon_name(page, 8192, "butter's own"));
    const maps = readFileSync("/proc/self/maps", "utf8");
    const line = maps.split("\n").find((one) => one.startsWith(page.toString(16)));
    expect(line).toBeDefined();
    // Without CONFIG_ANON_VMA_NAME the kernel knows no such option.
    if (line?.endsWith("[anon:butter's own]") !== true)
      expect(error).toMatchObject({ name: "ValueError", code: "EINVAL" });
    else {
      prctl_set_vma_anon_name(page, 8192, null);
      expect(readFileSync("/proc/self/maps", "utf8")).not.toContain("[anon:butter's own]");
    }
    expectErrno(() => prctl_set_vma_anon_name(page + 1, 4096, "x"), ValueError, "EINVAL");
  } finally {
    munmap(page, 8192);
  }
  expectRefusal(() => prctl_set_vma_anon_name(-1, 4096, null), RangeError);
  expectRefusal(() => prctl_set_vma_anon_name(page, 4096, "a\0b"), TypeError);
});
