/** poll against the running kernel. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { ValueError } from "bun-butter";
import {
  EFD,
  eventfd,
  type FdLike,
  O,
  POLL,
  poll,
  poll_nonblock,
  POLL_REPORTED,
  write,
} from "bun-butter/syscalls";

import {
  expectErrno,
  expectInt,
  expectRefusal,
  noInts,
  strangers,
  thrown,
} from "../support/arguments.ts";
import { emulated } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";
import { Fds } from "../support/fds.ts";

const ONE = new Uint8Array([1]);

/** A descriptor of nobody. */
const NOT_OPEN = 9999;

/** Runs a program in which a signal seems to interrupt every second poll. */
const interrupted =
  "strace -qq -f -o /dev/null -e trace=poll,ppoll -e inject=poll,ppoll:error=EINTR:when=1+2".split(
    " ",
  );
const canInterrupt =
  !emulated &&
  Bun.which("strace") !== null &&
  Bun.spawnSync([...interrupted, "true"]).exitCode === 0;

test("poll() gives each descriptor's events, in the order of the descriptors", () => {
  using fds = new Fds();
  const [reader, writer] = fds.pipe();
  const [empty] = fds.pipe();
  write(writer, ONE);
  const asked = [
    { fd: empty, events: POLL.IN },
    { fd: reader, events: POLL.IN | POLL.PRI },
    { fd: { fd: writer }, events: POLL.IN | POLL.OUT },
    { fd: { fileno: () => reader }, events: 0 },
  ];
  expect(poll(asked, 0)).toEqual([0, POLL.IN, POLL.OUT, 0]);
});

test("poll() reports what it was not asked for", () => {
  using fds = new Fds();
  const [reader, writer] = fds.pipe();
  const [other, broken] = fds.pipe();
  fds.close(writer);
  fds.close(other);
  expect(
    poll(
      [
        { fd: reader, events: 0 },
        { fd: broken, events: 0 },
        { fd: 2 ** 31 - 1, events: POLL.IN },
      ],
      0,
    ),
  ).toEqual([POLL_REPORTED.HUP, POLL_REPORTED.ERR, POLL_REPORTED.NVAL]);
});

test("poll() skips a negative descriptor", () => {
  expect(poll([{ fd: -1, events: POLL.IN }], 0)).toEqual([0]);
});

test("poll() waits until something is ready, or the time is up", () => {
  using fds = new Fds();
  const counter = fds.add(eventfd(1, EFD.NONBLOCK));
  expect(poll([{ fd: counter, events: POLL.IN }], -1)).toEqual([POLL.IN]);
  const [reader] = fds.pipe();
  expect(poll([{ fd: reader, events: POLL.IN }], 1)).toEqual([0]);
  expect(poll([], 0)).toEqual([]);
});

test("poll() takes all 16 bits of events, and none beyond", () => {
  using fds = new Fds();
  const [reader, writer] = fds.pipe(O.NONBLOCK);
  write(writer, ONE);
  expect(poll([{ fd: reader, events: 0xffff }], 0)[0]).toBe(POLL.IN | 0x40);
  for (const events of [-1, 0x10000, ...noInts])
    expectRefusal(() => poll([{ fd: reader, events }], 0), RangeError);
  for (const events of strangers)
    expectRefusal(() => poll([{ fd: reader, events: events as number }], 0), TypeError);
});

test("poll() takes nothing else that is wrong", () => {
  for (const fd of strangers)
    expectRefusal(() => poll([{ fd: fd as FdLike, events: POLL.IN }], 0), TypeError);
  for (const fd of noInts) expectRefusal(() => poll([{ fd, events: POLL.IN }], 0), RangeError);
  expectInt((timeout) => poll([], timeout));
  for (const fds of strangers.filter((value) => !Array.isArray(value)))
    expect(thrown(() => poll(fds as never, 0))).toBeInstanceOf(TypeError);
});

describe("poll_nonblock()", () => {
  test("is what one descriptor has", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe(O.NONBLOCK);
    expect(poll_nonblock(reader, POLL.IN)).toBe(0);
    write(writer, ONE);
    expect(poll_nonblock(reader, POLL.IN)).toBe(POLL.IN);
    fds.close(writer);
    expect(poll_nonblock(reader, POLL.IN)).toBe(POLL.IN | POLL_REPORTED.HUP);
    expect(poll_nonblock(-1, POLL.IN)).toBe(0);
    expect(poll_nonblock(NOT_OPEN, POLL.IN)).toBe(POLL_REPORTED.NVAL);
  });

  test.skipIf(!canInterrupt)("looks again when a signal interrupts it (needs strace)", async () => {
    const code = `
      import { poll, poll_nonblock } from "bun-butter/syscalls";
      const looks = (look) => {
        const seen = new Set();
        for (let times = 0; times < 20; times++) {
          try {
            seen.add(look());
          } catch ({ code }) {
            seen.add(code);
          }
        }
        return [...seen].sort().join(" ");
      };
      console.log(looks(() => poll_nonblock(-1, 1)));
      console.log(looks(() => poll([{ fd: -1, events: 1 }], 0)[0]));
    `;
    const { stdout, stderr } = await run([...interrupted, bun, "--eval", code]);
    expect({ stdout, stderr }).toEqual({ stdout: "0\n0 EINTR\n", stderr: "" });
  });
});

/** How many descriptors this process may have. */
const limit = Number(
  /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1],
);

test.skipIf(!(limit < 2 ** 20))(
  "poll() throws EINVAL for more descriptors than the process may have (needs a limit below 2^20)",
  () => {
    const many = Array.from({ length: limit + 1 }, () => ({ fd: -1, events: 0 }));
    expectErrno(() => poll(many, 0), ValueError, "EINVAL");
    expect(poll(many.slice(1), 0)).toHaveLength(limit);
  },
);
