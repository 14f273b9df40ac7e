/** The calls of epoll against the running kernel. */
import { describe, expect, test } from "bun:test";
import { openSync } from "node:fs";

import { ValueError } from "bun-butter";
import {
  EPOLL,
  epoll_create1,
  EPOLL_CTL,
  epoll_ctl,
  EPOLL_EVENT_SIZE,
  epoll_wait,
  type EpollCtl,
  F,
  fcntl,
  FD,
  type Pinned,
  pinned,
  read_epoll_event,
  write,
} from "bun-butter/syscalls";
import fc from "fast-check";

import {
  expectDescriptor,
  expectErrno,
  expectInt,
  expectRefusal,
  expectUint,
  strangers,
  thrown,
} from "../support/arguments.ts";
import { Fds } from "../support/fds.ts";

const ONE = new Uint8Array([1]);

/** All that is ready, by descriptor. */
function ready(epfd: number, events: Pinned): Record<number, number> {
  const count = epoll_wait(epfd, events, 0);
  const all = Array.from({ length: count }, (_, index) => read_epoll_event(events, index));
  return Object.fromEntries(all.map(({ fd, events: mask }) => [fd, mask]));
}

describe("epoll_create1()", () => {
  test("makes a set with the flag that it was given", () => {
    using fds = new Fds();
    expect(fcntl(fds.add(epoll_create1(0)), F.GETFD)).toBe(0);
    expect(fcntl(fds.add(epoll_create1(EPOLL.CLOEXEC)), F.GETFD)).toBe(FD.CLOEXEC);
  });

  test("takes no unknown flag", () => {
    expectErrno(() => epoll_create1(1), ValueError, "EINVAL");
    expectInt(epoll_create1);
  });
});

describe("epoll_ctl() and epoll_wait()", () => {
  test("add, change and remove descriptors, and tell which are ready", () => {
    using fds = new Fds();
    const set = fds.add(epoll_create1(EPOLL.CLOEXEC));
    const [reader, writer] = fds.pipe();
    using events = pinned(8 * EPOLL_EVENT_SIZE);
    epoll_ctl(set, EPOLL_CTL.ADD, reader, EPOLL.IN);
    expect(ready(set, events)).toEqual({});
    write(writer, ONE);
    epoll_ctl(set, EPOLL_CTL.ADD, writer, EPOLL.OUT);
    expect(ready(set, events)).toEqual({ [reader]: EPOLL.IN, [writer]: EPOLL.OUT });
    epoll_ctl(set, EPOLL_CTL.MOD, reader, EPOLL.PRI);
    epoll_ctl(set, EPOLL_CTL.DEL, writer, 0);
    expect(ready(set, events)).toEqual({});
    fds.close(writer);
    expect(ready(set, events)).toEqual({ [reader]: EPOLL.HUP });
  });

  test("report once with ONESHOT, and changes only with ET, whose bit is the highest", () => {
    using fds = new Fds();
    const set = fds.add(epoll_create1(EPOLL.CLOEXEC));
    const [once, onceWriter] = fds.pipe();
    const [edge, edgeWriter] = fds.pipe();
    using events = pinned(8 * EPOLL_EVENT_SIZE);
    epoll_ctl(set, EPOLL_CTL.ADD, once, EPOLL.IN | EPOLL.ONESHOT);
    // JavaScript's own operators make it negative.
    epoll_ctl(set, EPOLL_CTL.ADD, edge, EPOLL.IN | EPOLL.ET);
    write(onceWriter, ONE);
    write(edgeWriter, ONE);
    expect(ready(set, events)).toEqual({ [once]: EPOLL.IN, [edge]: EPOLL.IN });
    expect(ready(set, events)).toEqual({});
    write(onceWriter, ONE);
    write(edgeWriter, ONE);
    expect(ready(set, events)).toEqual({ [edge]: EPOLL.IN });
  });

  test("tell as many as there is room for, the rest the next time", () => {
    using fds = new Fds();
    const set = fds.add(epoll_create1(EPOLL.CLOEXEC));
    const writers = Array.from({ length: 5 }, () => fds.pipe()[1]);
    for (const writer of writers) epoll_ctl(set, EPOLL_CTL.ADD, writer, EPOLL.OUT);
    // Room for two and a half.
    using events = pinned(2 * EPOLL_EVENT_SIZE + EPOLL_EVENT_SIZE / 2);
    const seen = new Set<number>();
    for (let round = 0; round < 3; round++) {
      const count = epoll_wait(set, events, 0);
      expect(count).toBe(2);
      for (let index = 0; index < count; index++) seen.add(read_epoll_event(events, index).fd);
    }
    expect([...seen].toSorted()).toEqual(writers.toSorted());
  });

  test("throw for what is in the set already, is not in it, or can't be", () => {
    using fds = new Fds();
    const set = fds.add(epoll_create1(EPOLL.CLOEXEC));
    const [reader] = fds.pipe();
    epoll_ctl(set, EPOLL_CTL.ADD, reader, EPOLL.IN);
    const ctl = (op: EpollCtl, fd: number) => () => epoll_ctl(set, op, fd, EPOLL.IN);
    expectErrno(ctl(EPOLL_CTL.ADD, reader), ValueError, "EEXIST");
    epoll_ctl(set, EPOLL_CTL.DEL, reader, 0);
    expectErrno(ctl(EPOLL_CTL.MOD, reader), ValueError, "ENOENT");
    expectErrno(ctl(EPOLL_CTL.DEL, reader), ValueError, "ENOENT");
    expectErrno(ctl(EPOLL_CTL.ADD, set), ValueError, "EINVAL");
    expectErrno(ctl(9 as EpollCtl, reader), ValueError, "EINVAL");
    const file = fds.add(openSync(import.meta.path, "r"));
    expectErrno(ctl(EPOLL_CTL.ADD, file), ValueError, "EPERM");
    expect(`${thrown(ctl(EPOLL_CTL.ADD, file))}`).toContain("always ready");
    const other = fds.add(epoll_create1(EPOLL.CLOEXEC));
    epoll_ctl(set, EPOLL_CTL.ADD, other, EPOLL.IN);
    expectErrno(() => epoll_ctl(other, EPOLL_CTL.ADD, set, EPOLL.IN), ValueError, "ELOOP");
  });

  test("take nothing that is no set, descriptor, mask or memory", () => {
    using fds = new Fds();
    const set = fds.add(epoll_create1(EPOLL.CLOEXEC));
    const [reader] = fds.pipe();
    using events = pinned(EPOLL_EVENT_SIZE);
    expectDescriptor((fd) => epoll_ctl(fd, EPOLL_CTL.ADD, reader, EPOLL.IN));
    expectDescriptor((fd) => epoll_ctl(set, EPOLL_CTL.ADD, fd, EPOLL.IN));
    expectInt((op) => epoll_ctl(set, op as EpollCtl, reader, EPOLL.IN));
    expectUint((mask) => epoll_ctl(set, EPOLL_CTL.ADD, reader, mask));
    expectDescriptor((fd) => epoll_wait(fd, events, 0));
    expectInt((timeout) => epoll_wait(set, events, timeout));
    expectErrno(() => epoll_wait(reader, events, 0), ValueError, "EINVAL");
    for (const value of [...strangers, new Uint8Array(64)])
      expectRefusal(() => epoll_wait(set, value as never, 0), TypeError);
    using small = pinned(EPOLL_EVENT_SIZE - 1);
    expectErrno(() => epoll_wait(set, small, 0), ValueError, "EINVAL");
  });
});

describe("read_epoll_event()", () => {
  test("reads what is in the buffer, and nothing past it", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 100 }),
        fc.integer({ min: -2, max: 12 }),
        (content, index) => {
          using events = pinned(content.byteLength);
          events.bytes.set(content);
          const offset = index * EPOLL_EVENT_SIZE;
          if (index < 0 || offset + EPOLL_EVENT_SIZE > content.byteLength) {
            expect(thrown(() => read_epoll_event(events, index))).toBeInstanceOf(RangeError);
            return;
          }
          expect(read_epoll_event(events, index)).toEqual({
            events: events.view.getUint32(offset, true),
            fd: events.view.getInt32(offset + EPOLL_EVENT_SIZE - 8, true),
          });
        },
      ),
    );
  });

  test("takes no index that is none, and no other memory", () => {
    using events = pinned(4 * EPOLL_EVENT_SIZE);
    for (const index of [0.5, NaN, Infinity, -1, 4, 2 ** 40])
      expectRefusal(() => read_epoll_event(events, index), RangeError);
    for (const index of strangers)
      expectRefusal(() => read_epoll_event(events, index as number), TypeError);
    for (const memory of [...strangers, new Uint8Array(64)])
      expectRefusal(() => read_epoll_event(memory as never, 0), TypeError);
  });
});
