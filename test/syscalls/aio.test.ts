/** The kernel's asynchronous poll, as far as this kernel or emulator has it. */
import { describe, expect, test } from "bun:test";

import { OSError, ValueError } from "bun-butter";
import {
  type AioContext,
  EFD,
  EPOLL,
  eventfd,
  type FdLike,
  io_cancel,
  io_destroy,
  IO_EVENT_SIZE,
  io_getevents,
  io_setup,
  io_submit,
  IOCB_SIZE,
  pinned,
  POLL,
  poll,
  read,
  write,
  write_iocb_poll,
} from "bun-butter/syscalls";

import {
  expectErrno,
  expectRefusal,
  expectUint,
  noInts,
  strangers,
  thrown,
} from "../support/arguments.ts";
import { Fds } from "../support/fds.ts";

const ONE = new Uint8Array([1]);
const NOTHING = new Uint8Array(8);

/** One serves all: giving a context back takes the kernel some 50 ms. */
function open(): AioContext | undefined {
  try {
    return io_setup(4);
  } catch (error) {
    if (error instanceof OSError && error.code !== "EINVAL") return undefined;
    throw error;
  }
}

const context = open();
const ctx_id = context ?? 0n;

describe.skipIf(context === undefined)("an asynchronous poll (needs the kernel's AIO)", () => {
  test("adds 1 to its eventfd when the descriptor is ready, once", () => {
    using fds = new Fds();
    using iocbpp = pinned(8 + IOCB_SIZE);
    using completed = pinned(4 * IO_EVENT_SIZE);
    const [reader, writer] = fds.pipe();
    const bell = fds.add(eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC));
    write_iocb_poll(iocbpp, reader, EPOLL.IN, bell);
    io_submit(ctx_id, iocbpp);
    expectErrno(() => read(bell, NOTHING), OSError, "EAGAIN");
    expect(io_getevents(ctx_id, completed)).toBe(0);
    write(writer, ONE);
    expect(poll([{ fd: bell, events: POLL.IN }], 10_000)).toEqual([POLL.IN]);
    expect(read(bell, new BigUint64Array(1))).toBe(8);
    expect(io_getevents(ctx_id, completed)).toBe(1);
    // struct io_event { data, obj, res, res2 }: the block, and what is ready.
    expect(completed.view.getBigUint64(8, true)).toBe(BigInt(iocbpp.address + 8));
    expect(completed.view.getUint32(16, true) & POLL.IN).toBe(POLL.IN);
    write(writer, ONE);
    expectErrno(() => read(bell, NOTHING), OSError, "EAGAIN");
  });

  test("rings at once for what is ready already, and can be armed again", () => {
    using fds = new Fds();
    using iocbpp = pinned(8 + IOCB_SIZE);
    using completed = pinned(4 * IO_EVENT_SIZE);
    const [, writer] = fds.pipe();
    const bell = fds.add(eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC));
    write_iocb_poll(iocbpp, writer, EPOLL.OUT, bell);
    for (let round = 0; round < 10; round++) {
      io_submit(ctx_id, iocbpp);
      expect(read(bell, new BigUint64Array(1))).toBe(8);
      expect(io_getevents(ctx_id, completed)).toBe(1);
    }
  });

  test("is ended by io_cancel(), which says so with EINPROGRESS", () => {
    using fds = new Fds();
    using iocbpp = pinned(8 + IOCB_SIZE);
    using completed = pinned(4 * IO_EVENT_SIZE);
    const [reader] = fds.pipe();
    const bell = fds.add(eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC));
    write_iocb_poll(iocbpp, reader, EPOLL.IN, bell);
    io_submit(ctx_id, iocbpp);
    expectErrno(() => io_cancel(ctx_id, iocbpp, completed), OSError, "EINPROGRESS");
    expect(poll([{ fd: bell, events: POLL.IN }], 10_000)).toEqual([POLL.IN]);
    expect(io_getevents(ctx_id, completed)).toBe(1);
    const error = thrown(() => io_cancel(ctx_id, iocbpp, completed));
    expect(error).toMatchObject({ code: "EINVAL" });
    expect(`${error}`).toContain("no such operation");
  });

  test("of what is not open is refused", () => {
    using fds = new Fds();
    using iocbpp = pinned(8 + IOCB_SIZE);
    const bell = fds.add(eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC));
    write_iocb_poll(iocbpp, 2 ** 31 - 1, EPOLL.IN, bell);
    expectErrno(() => io_submit(ctx_id, iocbpp), ValueError, "EBADF");
    write_iocb_poll(iocbpp, bell, EPOLL.IN, fds.pipe()[0]);
    expectErrno(() => io_submit(ctx_id, iocbpp), ValueError, "EINVAL");
  });

  test("io_getevents() takes as many as there is room for", () => {
    using fds = new Fds();
    using completed = pinned(2 * IO_EVENT_SIZE + 1);
    const [, writer] = fds.pipe();
    const bell = fds.add(eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC));
    const blocks = Array.from({ length: 3 }, () => pinned(8 + IOCB_SIZE));
    for (const iocbpp of blocks) {
      write_iocb_poll(iocbpp, writer, EPOLL.OUT, bell);
      io_submit(ctx_id, iocbpp);
    }
    expect(io_getevents(ctx_id, completed)).toBe(2);
    expect(io_getevents(ctx_id, completed)).toBe(1);
    expect(io_getevents(ctx_id, completed)).toBe(0);
  });

  test("io_setup() takes no number of operations that is none", () => {
    expectErrno(() => io_setup(0), ValueError, "EINVAL");
    expectErrno(() => io_setup(2 ** 32 - 1), ValueError, "EINVAL");
    expectUint(io_setup);
  });

  test("a context that was given back is gone, and so are others that never were", () => {
    using iocbpp = pinned(8 + IOCB_SIZE);
    using completed = pinned(IO_EVENT_SIZE);
    io_destroy(ctx_id);
    for (const none of [ctx_id, 0n, 1n, 2n ** 63n]) {
      expectErrno(() => io_destroy(none), ValueError, "EINVAL");
      expectErrno(() => io_submit(none, iocbpp), ValueError, "EINVAL");
      expectErrno(() => io_getevents(none, completed), ValueError, "EINVAL");
      expectErrno(() => io_cancel(none, iocbpp, completed), ValueError, "EINVAL");
    }
  });
});

describe("write_iocb_poll()", () => {
  test("takes no block that is too small, and nothing else in its place", () => {
    using small = pinned(8 + IOCB_SIZE - 1);
    using large = pinned(8 + IOCB_SIZE);
    using completed = pinned(IO_EVENT_SIZE - 1);
    expectRefusal(() => write_iocb_poll(small, 0, EPOLL.IN, 0), RangeError);
    expectRefusal(() => io_submit(ctx_id, small), RangeError);
    expectRefusal(() => io_cancel(ctx_id, small, large), RangeError);
    expectRefusal(() => io_cancel(ctx_id, large, completed), RangeError);
    for (const value of [...strangers, new Uint8Array(8 + IOCB_SIZE)]) {
      expectRefusal(() => write_iocb_poll(value as never, 0, EPOLL.IN, 0), TypeError);
      expectRefusal(() => io_submit(ctx_id, value as never), TypeError);
      expectRefusal(() => io_cancel(ctx_id, large, value as never), TypeError);
      expectRefusal(() => io_getevents(ctx_id, value as never), TypeError);
    }
  });

  test("takes no descriptor or mask that is none", () => {
    using iocbpp = pinned(8 + IOCB_SIZE);
    for (const fd of strangers) {
      expectRefusal(() => write_iocb_poll(iocbpp, fd as FdLike, EPOLL.IN, 0), TypeError);
      expectRefusal(() => write_iocb_poll(iocbpp, 0, EPOLL.IN, fd as FdLike), TypeError);
    }
    for (const fd of noInts) expectRefusal(() => write_iocb_poll(iocbpp, fd, 1, 0), RangeError);
    expectUint((events) => write_iocb_poll(iocbpp, 0, events, 0));
  });
});
