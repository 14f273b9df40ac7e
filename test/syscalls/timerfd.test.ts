/** The calls of timerfd and of the clocks against the running kernel. */
import { describe, expect, test } from "bun:test";

import { OSError, PermissionError, ValueError } from "bun-butter";
import {
  CLOCK,
  clock_gettime,
  clock_settime,
  type ClockId,
  F,
  fcntl,
  FD,
  fd_info,
  fd_name,
  type Itimerspec,
  O,
  POLL,
  poll,
  read,
  TFD,
  timerfd_create,
  timerfd_gettime,
  timerfd_settime,
  type Timespec,
  write_itimerspec,
} from "bun-butter/syscalls";

import { expectDescriptor, expectErrno, expectInt, expectRefusal } from "../support/arguments.ts";
import { can } from "../support/capabilities.ts";
import { Fds } from "../support/fds.ts";

const ZERO: Timespec = { tv_sec: 0n, tv_nsec: 0n };
const DISARMED: Itimerspec = { it_interval: ZERO, it_value: ZERO };
const HOUR: Timespec = { tv_sec: 3600n, tv_nsec: 0n };

const nanoseconds = ({ tv_sec, tv_nsec }: Timespec): bigint => tv_sec * 10n ** 9n + tv_nsec;

/** A setting with this as its seconds. */
const withValue = (tv_sec: unknown): Itimerspec => ({
  it_interval: ZERO,
  it_value: { tv_sec: tv_sec as bigint, tv_nsec: 0n },
});

/** Waits for an expiry, and takes it. */
function expirations(fd: number): bigint {
  const buffer = new BigUint64Array(1);
  poll([{ fd, events: POLL.IN }], -1);
  expect(read(fd, buffer)).toBe(8);
  return buffer[0] ?? 0n;
}

test("timerfd_create() makes a disarmed timer with the flags that it was given, and no others", () => {
  using fds = new Fds();
  const bare = fds.add(timerfd_create(CLOCK.MONOTONIC, 0));
  expect(fcntl(bare, F.GETFD) & FD.CLOEXEC).toBe(0);
  expect(fcntl(bare, F.GETFL) & O.NONBLOCK).toBe(0);
  expect(timerfd_gettime(bare)).toEqual(DISARMED);
  const full = fds.add(timerfd_create(CLOCK.MONOTONIC, TFD.CLOEXEC | TFD.NONBLOCK));
  expect(fcntl(full, F.GETFD) & FD.CLOEXEC).toBe(FD.CLOEXEC);
  expect(fcntl(full, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
  expect(fd_name(full)).toContain("timerfd");
});

describe("timerfd_create()", () => {
  const plain = ["REALTIME", "MONOTONIC", "BOOTTIME"] as const;
  test.each(plain)("follows %s", (name) => {
    using fds = new Fds();
    const fd = fds.add(timerfd_create(CLOCK[name], TFD.NONBLOCK));
    expect(fd_info(fd, "clockid")).toBe(`${CLOCK[name]}`);
    timerfd_settime(fd, 0, { it_interval: ZERO, it_value: { tv_sec: 0n, tv_nsec: 1n } });
    expect(expirations(fd)).toBe(1n);
  });

  const alarms = ["REALTIME_ALARM", "BOOTTIME_ALARM"] as const;
  test.skipIf(!can("CAP_WAKE_ALARM")).each(alarms)(
    "follows %s, with an RTC or without (needs CAP_WAKE_ALARM)",
    (name) => {
      using fds = new Fds();
      const fd = fds.add(timerfd_create(CLOCK[name], TFD.NONBLOCK));
      timerfd_settime(fd, 0, { it_interval: ZERO, it_value: { tv_sec: 0n, tv_nsec: 1n } });
      expect(expirations(fd)).toBe(1n);
    },
  );

  // What butter called slack timers never was one.
  const others = Object.keys(CLOCK).filter(
    (name) => ![...plain, ...alarms].some((known) => known === name),
  ) as (keyof typeof CLOCK)[];
  test.each(others)("refuses %s", (name) => {
    expectErrno(() => timerfd_create(CLOCK[name] as ClockId, 0), ValueError, "EINVAL");
  });

  test("refuses an unknown flag, and arguments that are no int", () => {
    expectErrno(() => timerfd_create(CLOCK.MONOTONIC, 1), ValueError, "EINVAL");
    expectInt((clockid) => timerfd_create(clockid as ClockId, 0));
    expectInt((flags) => timerfd_create(CLOCK.MONOTONIC, flags));
  });
});

test("timerfd_settime() returns the previous setting, and timerfd_gettime() the present one", () => {
  using fds = new Fds();
  const fd = fds.add(timerfd_create(CLOCK.MONOTONIC, TFD.NONBLOCK));
  const setting = { it_interval: { tv_sec: 2n, tv_nsec: 999_999_999n }, it_value: HOUR };
  expect(timerfd_settime(fd, 0, setting)).toEqual(DISARMED);
  const present = timerfd_gettime(fd);
  expect(present.it_interval).toEqual(setting.it_interval);
  expect(nanoseconds(present.it_value)).toBeLessThanOrEqual(nanoseconds(HOUR));
  const previous = timerfd_settime(fd, 0, DISARMED);
  expect(previous.it_interval).toEqual(setting.it_interval);
  expect(nanoseconds(previous.it_value)).toBeLessThanOrEqual(nanoseconds(present.it_value));
  expect(timerfd_gettime(fd)).toEqual(DISARMED);
});

test("timerfd_settime() with TIMER_ABSTIME in the past expires at once, and counts what it missed", () => {
  using fds = new Fds();
  const fd = fds.add(timerfd_create(CLOCK.REALTIME, TFD.NONBLOCK));
  const before = nanoseconds(clock_gettime(CLOCK.REALTIME));
  timerfd_settime(fd, TFD.TIMER_ABSTIME, {
    it_interval: HOUR,
    it_value: { tv_sec: 3600n, tv_nsec: 0n },
  });
  const count = expirations(fd);
  const after = nanoseconds(clock_gettime(CLOCK.REALTIME));
  expect(count).toBeGreaterThanOrEqual(before / nanoseconds(HOUR));
  expect(count).toBeLessThanOrEqual(after / nanoseconds(HOUR));
  expect(timerfd_gettime(fd).it_interval).toEqual(HOUR);
});

test("timerfd_settime() with an it_value of 0 disarms, whatever the interval is", () => {
  using fds = new Fds();
  const fd = fds.add(timerfd_create(CLOCK.MONOTONIC, TFD.NONBLOCK));
  timerfd_settime(fd, 0, { it_interval: HOUR, it_value: ZERO });
  expect(timerfd_gettime(fd).it_value).toEqual(ZERO);
});

test("timerfd_settime() drops what was not read", () => {
  using fds = new Fds();
  const fd = fds.add(timerfd_create(CLOCK.MONOTONIC, TFD.NONBLOCK));
  timerfd_settime(fd, 0, { it_interval: ZERO, it_value: { tv_sec: 0n, tv_nsec: 1n } });
  poll([{ fd, events: POLL.IN }], -1);
  timerfd_settime(fd, 0, { it_interval: ZERO, it_value: HOUR });
  expectErrno(() => read(fd, new BigUint64Array(1)), OSError, "EAGAIN");
});

test("timerfd_settime() refuses what is no time, no flag and no timer", () => {
  using fds = new Fds();
  const fd = fds.add(timerfd_create(CLOCK.MONOTONIC, TFD.NONBLOCK));
  for (const it_value of [
    { tv_sec: -1n, tv_nsec: 0n },
    { tv_sec: 0n, tv_nsec: -1n },
    { tv_sec: 0n, tv_nsec: 1_000_000_000n },
  ]) {
    const spec = { it_interval: ZERO, it_value };
    expectErrno(() => timerfd_settime(fd, 0, spec), ValueError, "EINVAL");
  }
  expectErrno(() => timerfd_settime(fd, 4, DISARMED), ValueError, "EINVAL");
  expectInt((flags) => timerfd_settime(fd, flags, DISARMED));
  expectDescriptor((other) => timerfd_settime(other, 0, DISARMED));
  expectDescriptor((other) => timerfd_gettime(other));
  const [reader] = fds.pipe();
  expectErrno(() => timerfd_settime(reader, 0, DISARMED), ValueError, "EINVAL");
  expectErrno(() => timerfd_gettime(reader), ValueError, "EINVAL");
});

test("write_itimerspec() refuses what is no int64_t, and names the field", () => {
  for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 1.5, NaN, 2 ** 53])
    expectRefusal(() => write_itimerspec(withValue(value)), RangeError);
  for (const value of [undefined, null, "1", {}, true])
    expectRefusal(() => write_itimerspec(withValue(value)), TypeError);
  expect(() => write_itimerspec(withValue("1"))).toThrow("it_value.tv_sec");
  expect(write_itimerspec(withValue(2n ** 63n - 1n))[2]).toBe(2n ** 63n - 1n);
});

test("clock_gettime() reads every clock that needs no hardware, and none goes back", () => {
  for (const [name, clockid] of Object.entries(CLOCK)) {
    if (name.endsWith("_ALARM")) continue;
    const first = nanoseconds(clock_gettime(clockid));
    const { tv_nsec } = clock_gettime(clockid);
    expect(tv_nsec).toBeLessThan(1_000_000_000n);
    if (name === "REALTIME" || name === "REALTIME_COARSE" || name === "TAI") continue;
    expect(nanoseconds(clock_gettime(clockid))).toBeGreaterThanOrEqual(first);
  }
});

test("clock_gettime() and clock_settime() refuse what is no clock, and what can't be set", () => {
  expectErrno(() => clock_gettime(1000), ValueError, "EINVAL");
  expectInt((clockid) => clock_gettime(clockid));
  expectErrno(() => clock_settime(CLOCK.MONOTONIC, ZERO), ValueError, "EINVAL");
  expectInt((clockid) => clock_settime(clockid, ZERO));
});

test.skipIf(can("CAP_SYS_TIME"))(
  "clock_settime() needs CAP_SYS_TIME (needs a process without)",
  () => {
    const now = clock_gettime(CLOCK.REALTIME);
    expectErrno(() => clock_settime(CLOCK.REALTIME, now), PermissionError, "EPERM");
  },
);
