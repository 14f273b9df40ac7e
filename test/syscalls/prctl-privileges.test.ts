/** What a thread may do, given away in another process. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { ValueError } from "bun-butter";
import {
  CAP,
  prctl_cap_ambient_is_set,
  prctl_cap_ambient_raise,
  prctl_capbset_drop,
  prctl_capbset_read,
  prctl_get_keepcaps,
  prctl_get_no_new_privs,
  prctl_get_securebits,
  prctl_set_keepcaps,
} from "bun-butter/syscalls";

import { expectErrno, expectRefusal, expectUint } from "../support/arguments.ts";
import { can } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";

const status = (field: string): bigint => {
  const text = readFileSync("/proc/thread-self/status", "utf8");
  return BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)$`, "m").exec(text)?.[1]}`);
};

test("prctl_capbset_read() and prctl_cap_ambient_is_set() tell what /proc does", () => {
  for (const cap of Object.values(CAP)) {
    const bit = 1n << BigInt(cap);
    expect(prctl_capbset_read(cap)).toBe((status("CapBnd") & bit) !== 0n);
    expect(prctl_cap_ambient_is_set(cap)).toBe((status("CapAmb") & bit) !== 0n);
  }
  expect(prctl_get_no_new_privs()).toBe(status("NoNewPrivs") === 1n);
});

test("they refuse what is no capability", () => {
  for (const call of [prctl_capbset_read, prctl_cap_ambient_is_set, prctl_cap_ambient_raise]) {
    expectErrno(() => call(64), ValueError, "EINVAL");
    expectUint((value) => call(value === 0 ? 1000 : value));
  }
  expectRefusal(() => prctl_set_keepcaps(1 as unknown as boolean), TypeError);
});

test.skipIf(!can("CAP_SETPCAP"))(
  "what is dropped, raised and set is so for children that are started afterwards (CAP_SETPCAP)",
  async () => {
    const { stdout, stderr } = await runScript(`
      import {
        CAP, capget, capset, prctl_cap_ambient_clear_all, prctl_cap_ambient_is_set, prctl_cap_ambient_lower,
        prctl_cap_ambient_raise, prctl_capbset_drop, prctl_capbset_read, prctl_get_keepcaps, prctl_get_securebits,
        prctl_set_keepcaps, prctl_set_securebits, SECBIT,
      } from "bun-butter/syscalls";
      const bit = 1n << BigInt(CAP.KILL);
      const child = () => {
        const text = Bun.spawnSync(["cat", "/proc/self/status"]).stdout.toString();
        return ["CapBnd", "CapAmb"].map((field) => (BigInt("0x" + new RegExp(field + ":\\\\s*(\\\\w+)").exec(text)[1]) & bit) !== 0n);
      };
      try { prctl_cap_ambient_raise(CAP.KILL); } catch ({ name, code }) { console.log(name, code); }
      capset(0, { ...capget(0), inheritable: bit });
      prctl_cap_ambient_raise(CAP.KILL);
      console.log(prctl_cap_ambient_is_set(CAP.KILL), child());
      prctl_cap_ambient_lower(CAP.KILL);
      console.log(prctl_cap_ambient_is_set(CAP.KILL), child());
      prctl_cap_ambient_raise(CAP.KILL);
      prctl_cap_ambient_clear_all();
      console.log(prctl_cap_ambient_is_set(CAP.KILL));
      prctl_set_keepcaps(true);
      console.log(prctl_get_keepcaps(), prctl_get_securebits() === SECBIT.KEEP_CAPS);
      prctl_set_keepcaps(false);
      prctl_set_securebits(SECBIT.NO_CAP_AMBIENT_RAISE | SECBIT.KEEP_CAPS_LOCKED);
      console.log(prctl_get_securebits() === (SECBIT.NO_CAP_AMBIENT_RAISE | SECBIT.KEEP_CAPS_LOCKED));
      for (const refused of [() => prctl_cap_ambient_raise(CAP.KILL), () => prctl_set_keepcaps(true), () => prctl_set_securebits(0)])
        try { refused(); } catch ({ name, code }) { console.log(name, code); }
      prctl_capbset_drop(CAP.KILL);
      console.log(prctl_capbset_read(CAP.KILL), child(), (capget(0).permitted & bit) !== 0n);
    `);
    expect(stderr).toBe("");
    expect(stdout.trimEnd().split("\n")).toEqual([
      "PermissionError EPERM",
      "true [ true, true ]",
      "false [ true, false ]",
      "false",
      "true true",
      "true",
      "PermissionError EPERM",
      "PermissionError EPERM",
      "PermissionError EPERM",
      "false [ false, false ] true",
    ]);
    expect([prctl_get_keepcaps(), prctl_get_securebits()]).toEqual([false, 0]);
    expectErrno(() => prctl_capbset_drop(64), ValueError, "EINVAL");
  },
);
