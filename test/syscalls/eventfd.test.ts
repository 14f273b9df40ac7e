/** The calls of eventfd against the running kernel. */
import { expect, test } from "bun:test";

import { OSError, ValueError } from "bun-butter";
import {
  close,
  EFD,
  eventfd,
  eventfd_read,
  eventfd_write,
  F,
  fcntl,
  FD,
  fd_info,
  fd_name,
  O,
  pipe2,
} from "bun-butter/syscalls";

class Counter implements Disposable {
  readonly fd: number;

  constructor(initval: number, flags: number) {
    this.fd = eventfd(initval, flags);
  }

  [Symbol.dispose](): void {
    close(this.fd);
  }
}

test("eventfd() starts at initval, up to 2^32 - 1", () => {
  for (const initval of [0, 1, 2 ** 31, 2 ** 32 - 1]) {
    using counter = new Counter(initval, EFD.NONBLOCK);
    eventfd_write(counter.fd, 1);
    expect(eventfd_read(counter.fd)).toBe(BigInt(initval) + 1n);
  }
});

test("eventfd() sets the flags that it was given, and no others", () => {
  using bare = new Counter(0, 0);
  expect(fcntl(bare.fd, F.GETFD) & FD.CLOEXEC).toBe(0);
  expect(fcntl(bare.fd, F.GETFL) & O.NONBLOCK).toBe(0);
  using full = new Counter(0, EFD.CLOEXEC | EFD.NONBLOCK);
  expect(fcntl(full.fd, F.GETFD) & FD.CLOEXEC).toBe(FD.CLOEXEC);
  expect(fcntl(full.fd, F.GETFL) & O.NONBLOCK).toBe(O.NONBLOCK);
  expect(fd_name(full.fd)).toContain("eventfd");
});

test("eventfd() refuses an unknown flag, and arguments that are no unsigned int", () => {
  expect(() => eventfd(0, 2)).toThrow(ValueError);
  expect(() => eventfd(2 ** 32, 0)).toThrow(RangeError);
  expect(() => eventfd("1" as unknown as number, 0)).toThrow(TypeError);
});

test("eventfd_read() takes the whole counter, and then there is nothing", () => {
  using counter = new Counter(3, EFD.NONBLOCK);
  eventfd_write(counter.fd, 2n ** 40n);
  expect(eventfd_read(counter.fd)).toBe(2n ** 40n + 3n);
  expect(() => eventfd_read(counter.fd)).toThrow(
    expect.objectContaining({ code: "EAGAIN", message: expect.stringContaining("counter is 0") }),
  );
});

test("eventfd_read() takes 1 of a semaphore", () => {
  using counter = new Counter(2, EFD.NONBLOCK | EFD.SEMAPHORE);
  expect([eventfd_read(counter.fd), eventfd_read(counter.fd)]).toEqual([1n, 1n]);
  expect(() => eventfd_read(counter.fd)).toThrow(OSError);
});

test("eventfd_write() fills the counter to 2^64 - 2 and not beyond, and keeps what is there", () => {
  using counter = new Counter(0, EFD.NONBLOCK);
  eventfd_write(counter.fd, 2n ** 64n - 2n);
  eventfd_write(counter.fd, 0);
  const full = expect.objectContaining({ code: "EAGAIN" });
  expect(() => eventfd_write(counter.fd, 1)).toThrow(full);
  expect(eventfd_read(counter.fd)).toBe(2n ** 64n - 2n);
});

test("eventfd_write() refuses 2^64 - 1 and what is no uint64_t", () => {
  using counter = new Counter(0, EFD.NONBLOCK);
  expect(() => eventfd_write(counter.fd, 2n ** 64n - 1n)).toThrow(ValueError);
  for (const value of [-1, -1n, 1.5, 2n ** 64n, 2 ** 53, NaN]) {
    expect(() => eventfd_write(counter.fd, value)).toThrow(RangeError);
  }
  expect(() => eventfd_write(counter.fd, "1" as unknown as number)).toThrow(TypeError);
  expect(() => eventfd_read(counter.fd)).toThrow(OSError);
});

test("eventfd_read() and eventfd_write() refuse what is not open", () => {
  const [reader, writer] = pipe2(O.CLOEXEC);
  close(reader);
  close(writer);
  expect(() => eventfd_read(reader)).toThrow(expect.objectContaining({ code: "EBADF" }));
  expect(() => eventfd_write(writer, 1)).toThrow(expect.objectContaining({ code: "EBADF" }));
});

test("fd_info() tells what the kernel tells of a descriptor, and undefined of what it does not", () => {
  using counter = new Counter(0x2a, 0);
  expect(fd_info(counter.fd, "eventfd-count")).toBe("2a");
  expect(fd_info(counter.fd, "Pid")).toBeUndefined();
  expect(fd_info(-1, "flags")).toBeUndefined();
});
