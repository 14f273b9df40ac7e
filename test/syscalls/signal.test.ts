/** The calls of signal masks and dispositions against the running kernel, in this thread. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { constants } from "node:os";

import { ValueError } from "bun-butter";
import {
  pthread_sigmask,
  SA,
  SIG,
  SIG_HANDLER,
  SIG_HOW,
  sigaction,
  sigaddset,
  sigdelset,
  sigemptyset,
  sigfillset,
  type SigHow,
  sigismember,
  SIGRTMAX,
  SIGRTMIN,
} from "bun-butter/syscalls";

import { emulated } from "../support/capabilities.ts";

/** What the kernel says of this thread's mask. */
function blocked(): bigint {
  const status = readFileSync("/proc/thread-self/status", "latin1");
  return BigInt(`0x${/^SigBlk:\s*([0-9a-f]+)$/m.exec(status)?.[1]}`);
}

/** One that nobody sends here. */
const signo = SIGRTMIN() + 9;

test("SIG has every name that Node.js has, with the same number", () => {
  // musl has yet another name for SIGSYS.
  const {
    SIGIOT,
    SIGPOLL,
    SIGUNUSED = SIG.SYS,
    ...signals
  } = constants.signals as Record<string, number>;
  expect([SIGIOT, SIGPOLL, SIGUNUSED]).toEqual([SIG.ABRT, SIG.IO, SIG.SYS]);
  const ours = Object.entries(SIG).map(([name, number]) => [`SIG${name}`, number]);
  expect(Object.fromEntries(ours)).toEqual({ ...signals });
});

test("SIGRTMIN() and SIGRTMAX() leave some to libc, and are below 65", () => {
  expect([34, 35]).toContain(SIGRTMIN());
  expect(SIGRTMAX()).toBe(64);
});

describe("a set", () => {
  test("has those that were added, and not those that were taken out", () => {
    const set = sigdelset(sigaddset(sigaddset(sigemptyset(), 1), 64), 1);
    expect([1, 2, 64].map((signum) => sigismember(set, signum))).toEqual([false, false, true]);
    expect(set).toBe(1n << 63n);
    expect(sigaddset(set, 64)).toBe(set);
    expect(sigdelset(set, 2)).toBe(set);
  });

  test("that is full has all 64, and is what /proc calls so", () => {
    expect(sigfillset()).toBe(0xffff_ffff_ffff_ffffn);
    expect(sigdelset(sigfillset(), 1)).toBe(0xffff_ffff_ffff_fffen);
  });

  test.each([0, 65, -1])("refuses signal %d", (signum) => {
    for (const change of [sigaddset, sigdelset, sigismember])
      expect(() => change(sigemptyset(), signum)).toThrow(`${signum} is not from 1 to 64`);
  });

  test("refuses what is no number", () => {
    expect(() => sigaddset(sigemptyset(), "1" as unknown as number)).toThrow(TypeError);
    expect(() => sigaddset(sigemptyset(), 1.5)).toThrow(RangeError);
  });
});

describe("pthread_sigmask()", () => {
  test("returns the mask before, where butter's returned nothing", () => {
    const one = sigaddset(sigemptyset(), signo);
    const original = pthread_sigmask(SIG_HOW.BLOCK, null);
    try {
      expect(pthread_sigmask(SIG_HOW.BLOCK, one)).toBe(original);
      expect(pthread_sigmask(SIG_HOW.UNBLOCK, one)).toBe(original | one);
      expect(pthread_sigmask(SIG_HOW.SETMASK, original | one)).toBe(original & ~one);
    } finally {
      expect(pthread_sigmask(SIG_HOW.SETMASK, original)).toBe(original | one);
    }
    expect(pthread_sigmask(SIG_HOW.BLOCK, null)).toBe(original);
  });

  test.skipIf(emulated)(
    "changes what /proc tells of this thread (not under emulation, which keeps masks by itself)",
    () => {
      const one = sigaddset(sigemptyset(), signo);
      const original = pthread_sigmask(SIG_HOW.BLOCK, one);
      const during = blocked();
      pthread_sigmask(SIG_HOW.SETMASK, original);
      expect([during, blocked()]).toEqual([original | one, original]);
    },
  );

  test("throws for the positive errno that it returns, where butter's looked for a negative one", () => {
    const refused = (): bigint => pthread_sigmask(3 as SigHow, 0n);
    expect(refused).toThrow(ValueError);
    expect(refused).toThrow("Cannot pthread_sigmask: invalid argument (EINVAL)");
  });

  test("refuses a set that has more than 64 bits, before the kernel is asked", () => {
    expect(() => pthread_sigmask(SIG_HOW.BLOCK, 1n << 64n)).toThrow(RangeError);
    expect(() => pthread_sigmask(SIG_HOW.BLOCK, -1n)).toThrow(RangeError);
    expect(() => pthread_sigmask("0" as unknown as SigHow, 0n)).toThrow(TypeError);
  });
});

describe("sigaction()", () => {
  test("returns what it was before, and null only asks", () => {
    const original = sigaction(signo, null);
    const action = {
      sa_handler: SIG_HANDLER.IGN,
      sa_mask: sigaddset(sigemptyset(), 64),
      sa_flags: (SA.RESTART | SA.RESETHAND) >>> 0,
    };
    try {
      expect(sigaction(signo, action)).toEqual(original);
      expect(sigaction(signo, null)).toEqual(action);
    } finally {
      expect(sigaction(signo, original)).toEqual(action);
    }
    expect(sigaction(signo, null)).toEqual(original);
  });

  test.each([SIG.KILL, SIG.STOP, 32, 0, 65])("refuses to change %d", (signum) => {
    const action = { sa_handler: SIG_HANDLER.IGN, sa_mask: 0n, sa_flags: 0 };
    expect(() => sigaction(signum, action)).toThrow(expect.objectContaining({ code: "EINVAL" }));
  });
});
