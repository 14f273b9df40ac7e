/** Capabilities against the running kernel, and what /proc says of them. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { PermissionError, ValueError } from "bun-butter";
import { CAP, capget, capset, gettid, type UserCapData } from "bun-butter/syscalls";

import { expectErrno, expectInt, expectRefusal } from "../support/arguments.ts";
import { can } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";

function fromProc(thread: string): UserCapData {
  const text = readFileSync(`/proc/${thread}/status`, "utf8");
  const set = (field: string): bigint =>
    BigInt(`0x${new RegExp(`^${field}:\\s*([0-9a-f]+)$`, "m").exec(text)?.[1]}`);
  return { effective: set("CapEff"), permitted: set("CapPrm"), inheritable: set("CapInh") };
}

test("capget() tells of this thread, and of others, what /proc does", () => {
  expect(capget(0)).toEqual(fromProc("thread-self"));
  expect(capget(gettid())).toEqual(capget(0));
  expect(capget(1)).toEqual(fromProc("1"));
});

test("CAP has every capability of this kernel", () => {
  const last = Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
  expect(Object.values(CAP).slice(0, last + 1)).toEqual(
    Array.from({ length: Math.min(last, CAP.CHECKPOINT_RESTORE) + 1 }, (_, cap) => cap as 0),
  );
});

test("capget() and capset() refuse what is no thread and no set", () => {
  expectInt((value) => capget(value === 0 ? -1 : value));
  expectErrno(() => capget(-1), ValueError, "EINVAL");
  expectErrno(() => capget(2 ** 30), ValueError, "ESRCH");
  const now = capget(0);
  expectErrno(() => capset(-1, now), PermissionError, "EPERM");
  expectRefusal(() => capset(0, { ...now, effective: -1n }), RangeError);
  expectRefusal(() => capset(0, { ...now, inheritable: 1n << 64n }), RangeError);
  expectRefusal(() => capset(0, { ...now, permitted: "1" as unknown as bigint }), TypeError);
  expect(capget(0)).toEqual(now);
});

test.skipIf(!can("CAP_KILL"))(
  "capset() takes a capability away, and gives it back while it is permitted (CAP_KILL)",
  async () => {
    const { stdout, stderr } = await runScript(`
      import { CAP, capget, capset, gettid } from "bun-butter/syscalls";
      const kill = 1n << BigInt(CAP.KILL);
      const before = capget(0);
      const show = () => console.log((capget(0).effective & kill) !== 0n, (capget(0).permitted & kill) !== 0n);
      capset(0, { ...before, effective: before.effective & ~kill });
      show();
      capset(gettid(), before);
      show();
      capset(0, { ...before, effective: before.effective & ~kill, permitted: before.permitted & ~kill });
      show();
      try { capset(0, before); } catch ({ name, code }) { console.log(name, code); }
    `);
    expect([stdout, stderr]).toEqual([
      "false true\ntrue true\nfalse false\nPermissionError EPERM\n",
      "",
    ]);
  },
);
