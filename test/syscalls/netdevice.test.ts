/** socket and the flags of network devices, against the running kernel. */
import { describe, expect, test } from "bun:test";

import { ValueError } from "bun-butter";
import {
  AF,
  F,
  fcntl,
  FD,
  fd_name,
  IFF,
  ioctl_siocgifflags,
  ioctl_siocsifflags,
  SOCK,
  socket,
} from "bun-butter/syscalls";

import {
  expectDescriptor,
  expectErrno,
  expectInt,
  expectRefusal,
  expectUint,
  strangers,
} from "../support/arguments.ts";
import { can } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { Fds } from "../support/fds.ts";

describe("socket()", () => {
  test("makes what was asked for", () => {
    using fds = new Fds();
    const fd = fds.add(socket(AF.UNIX, SOCK.DGRAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0));
    expect(fd_name(fd)).toStartWith("socket:");
    expect(fcntl(fd, F.GETFD)).toBe(FD.CLOEXEC);
  });

  test("refuses what there is not", () => {
    expectErrno(() => socket(AF.UNIX, 15, 0), ValueError, "EINVAL");
    expectErrno(() => socket(AF.INET, SOCK.STREAM, 17), ValueError, "EPROTONOSUPPORT");
    expectInt((domain) => socket(domain, 0, 0));
    expectInt((type) => socket(0, type, 0));
    expectInt((protocol) => socket(0, 0, protocol));
  });
});

describe("flags of a device", () => {
  test("are told of one that is there", () => {
    using fds = new Fds();
    const fd = fds.add(socket(AF.UNIX, SOCK.DGRAM | SOCK.CLOEXEC, 0));
    expect(ioctl_siocgifflags(fd, "lo") & IFF.LOOPBACK).toBe(IFF.LOOPBACK);
    expectErrno(() => ioctl_siocgifflags(fd, "none"), ValueError, "ENODEV");
    expectErrno(() => ioctl_siocsifflags(fd, "none", 0), ValueError, "ENODEV");
    expectErrno(() => ioctl_siocgifflags(fds.pipe()[0], "lo"), ValueError, "ENOTTY");
  });

  test("take a name of 15 bytes, and flags of 16 bits", () => {
    using fds = new Fds();
    const fd = fds.add(socket(AF.UNIX, SOCK.DGRAM | SOCK.CLOEXEC, 0));
    expectErrno(() => ioctl_siocgifflags(fd, "x".repeat(15)), ValueError, "ENODEV");
    expectRefusal(() => ioctl_siocgifflags(fd, "x".repeat(16)), RangeError);
    expectRefusal(() => ioctl_siocgifflags(fd, "l\0o"), TypeError);
    expectRefusal(() => ioctl_siocsifflags(fd, "none", 2 ** 16), RangeError);
    expectUint((flags) => ioctl_siocsifflags(fd, "none", flags));
    for (const value of strangers.filter((one) => typeof one !== "string"))
      expectRefusal(() => ioctl_siocgifflags(fd, value as string), TypeError);
    expectDescriptor((one) => ioctl_siocgifflags(one, "lo"));
  });

  test.skipIf(!can("CAP_SYS_ADMIN") || !can("CAP_NET_ADMIN"))(
    "are set in a network namespace, and refused without CAP_NET_ADMIN (needs CAP_SYS_ADMIN and CAP_NET_ADMIN)",
    async () => {
      const { stdout, stderr } = await runScript(`
        import { AF, CAP, capget, capset, CLONE, IFF, ioctl_siocgifflags, ioctl_siocsifflags, SOCK, socket, unshare } from "bun-butter/syscalls";
        unshare(CLONE.NEWNET);
        const fd = socket(AF.INET, SOCK.DGRAM, 0);
        const isUp = () => (ioctl_siocgifflags(fd, "lo") & IFF.UP) !== 0;
        const seen = [isUp()];
        for (const flags of [IFF.UP, 0]) {
          ioctl_siocsifflags(fd, "lo", flags);
          seen.push(isUp());
        }
        const own = capget(0);
        capset(0, { ...own, effective: own.effective & ~(1n << BigInt(CAP.NET_ADMIN)) });
        try {
          ioctl_siocsifflags(fd, "lo", IFF.UP);
        } catch (error) {
          seen.push(error.name, error.code, isUp());
        }
        console.log(...seen);
      `);
      expect([stdout, stderr]).toEqual([`false true false PermissionError EPERM false\n`, ""]);
    },
  );
});
