/** Filters of our own, in other processes. */
import { expect, test } from "bun:test";

import { UnsupportedError, ValueError } from "bun-butter";
import {
  PR,
  prctl,
  SECCOMP,
  seccomp_get_action_avail,
  SECCOMP_RET,
  seccomp_set_mode_filter,
  type SockFilter,
  write_sock_filter,
} from "bun-butter/syscalls";

import { expectErrno, expectRefusal, expectUint } from "../support/arguments.ts";
import { runScript } from "../support/child.ts";
import { canRefuse, syscallNumber } from "../support/seccomp.ts";

const allow: SockFilter = { code: 0x06, jt: 0, jf: 0, k: SECCOMP_RET.ALLOW };

test.skipIf(!canRefuse())("seccomp_get_action_avail() knows the actions (needs seccomp)", () => {
  for (const action of Object.values(SECCOMP_RET)) seccomp_get_action_avail(action);
  expectErrno(() => seccomp_get_action_avail(0x1234_0000), UnsupportedError, "EOPNOTSUPP");
  expectUint((value) => seccomp_get_action_avail(value === 0 ? SECCOMP_RET.ALLOW : value));
});

test.skipIf(!canRefuse())(
  "seccomp_set_mode_filter() refuses what is no filter (needs seccomp)",
  () => {
    const jumpsOut: SockFilter = { code: 0x15, jt: 9, jf: 9, k: 0 };
    expectErrno(() => seccomp_set_mode_filter(0, [jumpsOut]), ValueError, "EINVAL");
    expectErrno(() => seccomp_set_mode_filter(1 << 30, [allow]), ValueError, "EINVAL");
    expect(prctl(PR.GET_SECCOMP, 0, 0, 0, 0)).toBe(SECCOMP.MODE_DISABLED);
  },
);

test("seccomp_set_mode_filter() and write_sock_filter() take instructions, and nothing else", () => {
  expectRefusal(() => seccomp_set_mode_filter(0, []), RangeError);
  expectRefusal(() => seccomp_set_mode_filter(-(2 ** 31) - 1, [allow]), RangeError);
  expectRefusal(() => write_sock_filter([{ ...allow, code: 0x1_0000 }]), RangeError);
  expectRefusal(() => write_sock_filter([{ ...allow, jt: 256 }]), RangeError);
  expectRefusal(() => write_sock_filter([{ ...allow, jf: -1 }]), RangeError);
  expectRefusal(() => write_sock_filter([{ ...allow, k: 2 ** 32 }]), RangeError);
  expectRefusal(() => write_sock_filter([{ ...allow, k: "1" as unknown as number }]), TypeError);
});

test.skipIf(!canRefuse())(
  "seccomp_set_mode_filter() of this thread lets the others alone, with TSYNC it does not (needs seccomp)",
  async () => {
    const { stdout, stderr } = await runScript(`
      import { PR, prctl, prctl_get_no_new_privs, prctl_set_no_new_privs, SECCOMP_FILTER_FLAG, SECCOMP_RET, seccomp_set_mode_filter } from "bun-butter/syscalls";
      import { readdirSync, readFileSync } from "node:fs";
      const filtered = () => readdirSync("/proc/self/task").map((tid) =>
        /^Seccomp:\\s*(\\d)/m.exec(readFileSync("/proc/self/task/" + tid + "/status", "utf8"))[1]);
      const filter = [
        { code: 0x20, jt: 0, jf: 0, k: 0 },
        { code: 0x15, jt: 0, jf: 1, k: ${syscallNumber("sethostname")} },
        { code: 0x06, jt: 0, jf: 0, k: SECCOMP_RET.ERRNO | 95 },
        { code: 0x06, jt: 0, jf: 0, k: SECCOMP_RET.ALLOW },
      ];
      Bun.gc(true);
      prctl_set_no_new_privs();
      console.log(prctl_get_no_new_privs(), prctl(PR.GET_SECCOMP, 0, 0, 0, 0));
      console.log(seccomp_set_mode_filter(0, filter), prctl(PR.GET_SECCOMP, 0, 0, 0, 0));
      console.log(new Set(filtered()).size);
      const { sethostname } = await import("bun-butter/syscalls");
      try { sethostname("butter"); } catch ({ code }) { console.log(code); }
      console.log(seccomp_set_mode_filter(SECCOMP_FILTER_FLAG.TSYNC, filter), [...new Set(filtered())].join());
    `);
    expect(stderr).toBe("");
    expect(stdout).toBe("true 0\n0 2\n2\nEOPNOTSUPP\n0 2\n");
  },
);
