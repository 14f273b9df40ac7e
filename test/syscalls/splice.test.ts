/** splice, tee and vmsplice, against the running kernel. */
import { describe, expect, test } from "bun:test";
import { openSync, readFileSync, readSync, writeFileSync } from "node:fs";

import { OSError, ValueError } from "bun-butter";
import {
  ioctl_fionread,
  IOV_MAX,
  MAP,
  mmap_pinned,
  pinned,
  read,
  splice,
  SPLICE_F,
  splice_nonblock,
  tee,
  tee_nonblock,
  vmsplice,
  write,
} from "bun-butter/syscalls";

import {
  expectDescriptor,
  expectErrno,
  expectRefusal,
  expectUint,
  strangers,
} from "../support/arguments.ts";
import { Fds } from "../support/fds.ts";
import { tempDir } from "../support/temp.ts";

const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

function taken(fd: number): string {
  const buf = new Uint8Array(256);
  return new TextDecoder().decode(buf.subarray(0, read(fd, buf)));
}

describe("splice()", () => {
  test("moves from pipe to pipe, at most len bytes", () => {
    using fds = new Fds();
    const [from, feed] = fds.pipe();
    const [out, to] = fds.pipe();
    write(feed, text("abcdef"));
    const end = { off_in: null, off_out: null };
    expect(splice(from, null, to, null, 4, 0)).toEqual({ bytes: 4, ...end });
    expect(splice(from, null, to, null, 4, SPLICE_F.MOVE)).toEqual({ bytes: 2, ...end });
    expect(taken(out)).toBe("abcdef");
    expectErrno(() => splice(from, null, to, null, 4, 0), OSError, "EAGAIN");
    fds.close(feed);
    expect(splice(from, null, to, null, 4, 0).bytes).toBe(0);
  });

  test("takes offsets as values, and tells where it stopped; the file's position stays", () => {
    using dir = tempDir();
    using fds = new Fds();
    const [out, into] = fds.pipe();
    writeFileSync(dir.at("from"), "0123456789");
    const from = fds.add(openSync(dir.at("from"), "r"));
    expect(splice(from, 3, into, null, 4, 0)).toEqual({ bytes: 4, off_in: 7n, off_out: null });
    expect(splice(from, 8n, into, null, 100, 0)).toEqual({ bytes: 2, off_in: 10n, off_out: null });
    expect(splice(from, 10, into, null, 1, 0)).toEqual({ bytes: 0, off_in: 10n, off_out: null });
    const position = new Uint8Array(1);
    readSync(from, position);
    expect(position).toEqual(text("0"));
    const to = fds.add(openSync(dir.at("to"), "w"));
    // Beyond 32 bits, where a pointer made of a number would be read from nowhere.
    const far = 2n ** 33n;
    expect(splice(out, null, to, far, 3, 0)).toEqual({ bytes: 3, off_in: null, off_out: far + 3n });
    expect(splice(out, null, to, 0, 3, 0)).toEqual({ bytes: 3, off_in: null, off_out: 3n });
    const both = fds.add(openSync(dir.at("to"), "r"));
    expect(splice(both, far, into, null, 9, 0).bytes).toBe(3);
    expect(taken(out)).toBe("345");
    expect(splice(both, null, into, null, 3, 0).off_in).toBeNull();
    expect(taken(out)).toBe("689");
  });

  test("tells ESPIPE, an offset for a pipe, from EPIPE, which nobody reads", () => {
    using dir = tempDir();
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    writeFileSync(dir.at("file"), "file");
    const file = fds.add(openSync(dir.at("file"), "r+"));
    expectErrno(() => splice(file, 0, writer, 0, 1, 0), ValueError, "ESPIPE");
    expectErrno(() => splice(reader, 0, file, null, 1, 0), ValueError, "ESPIPE");
    fds.close(reader);
    expectErrno(() => splice(file, null, writer, null, 1, 0), OSError, "EPIPE");
  });

  test("refuses what can't be spliced", () => {
    using dir = tempDir();
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    write(writer, text("x"));
    const file = fds.add(openSync(dir.at("file"), "w+"));
    const append = fds.add(openSync(dir.at("file"), "a"));
    expectErrno(() => splice(file, null, file, null, 1, 0), ValueError, "EINVAL");
    expectErrno(() => splice(reader, null, writer, null, 1, 0), ValueError, "EINVAL");
    expectErrno(() => splice(reader, null, append, null, 1, 0), ValueError, "EINVAL");
    expectErrno(() => splice(writer, null, file, null, 1, 0), ValueError, "EBADF");
    expectErrno(() => splice(reader, null, file, -1, 1, 0), ValueError, "EINVAL");
    const full = fds.add(openSync("/dev/full", "w"));
    expect(() => splice(reader, null, full, null, 1, 0)).toThrow(OSError);
  });

  test("takes nothing of another type or range, before the kernel is asked", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    expectDescriptor((fd) => splice(fd, null, writer, null, 1, 0));
    expectDescriptor((fd) => splice(reader, null, fd, null, 1, 0));
    expectUint((flags) => splice(reader, null, writer, null, 1, flags));
    for (const offset of strangers.filter((value) => value !== null && typeof value !== "bigint")) {
      expectRefusal(() => splice(reader, offset as number, writer, null, 1, 0), TypeError);
      expectRefusal(() => splice(reader, null, writer, offset as number, 1, 0), TypeError);
    }
    for (const offset of [0.5, NaN, 2 ** 60, 2n ** 63n])
      expectRefusal(() => splice(reader, offset, writer, null, 1, 0), RangeError);
    for (const len of [-1, 0.5, NaN])
      expectRefusal(() => splice(reader, null, writer, null, len, 0), RangeError);
  });
});

describe("tee()", () => {
  test("copies what is in a pipe, and leaves it there", () => {
    using fds = new Fds();
    const [from, feed] = fds.pipe();
    const [out, to] = fds.pipe();
    write(feed, text("twice"));
    expect(tee(from, to, 3, 0)).toBe(3);
    expect(taken(out)).toBe("twi");
    expect(tee(from, to, 100, 0)).toBe(5);
    expect(ioctl_fionread(from)).toBe(5);
    expect(taken(out)).toBe("twice");
    expect(taken(from)).toBe("twice");
    expectErrno(() => tee(from, to, 1, SPLICE_F.NONBLOCK), OSError, "EAGAIN");
    fds.close(feed);
    expect(tee(from, to, 1, 0)).toBe(0);
  });

  test("refuses what is no pipe, the same one, and other types", () => {
    using dir = tempDir();
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    const file = fds.add(openSync(dir.at("file"), "w+"));
    expectErrno(() => tee(reader, writer, 1, 0), ValueError, "EINVAL");
    expectErrno(() => tee(file, writer, 1, 0), ValueError, "EINVAL");
    expectErrno(() => tee(reader, file, 1, 0), ValueError, "EINVAL");
    expectDescriptor((fd) => tee(fd, writer, 1, 0));
    expectDescriptor((fd) => tee(reader, fd, 1, 0));
    expectUint((flags) => tee(reader, writer, 1, flags));
    expectRefusal(() => tee(reader, writer, -1, 0), RangeError);
  });
});

describe("splice_nonblock() and tee_nonblock()", () => {
  test("give -1 where one is not ready, 0 at the end", () => {
    using fds = new Fds();
    // Blocking, which the flag overrides for a pipe.
    const [from, feed] = fds.pipe(0);
    const [out, to] = fds.pipe(0);
    const calls = [
      () => tee_nonblock(from, to, 2),
      () => splice_nonblock(from, to, 2, SPLICE_F.MOVE),
    ];
    for (const call of calls) expect(call()).toBe(-1);
    write(feed, text("abc"));
    for (const call of calls) expect(call()).toBe(2);
    expect(taken(out)).toBe("abab");
    fds.close(feed);
    expect(splice_nonblock(from, to, 2, 0)).toBe(1);
    for (const call of calls) expect(call()).toBe(0);
    fds.close(out);
  });

  test("throw for everything else", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    for (const call of [splice_nonblock, tee_nonblock]) {
      expectErrno(() => call(reader, writer, 1, 0), ValueError, "EINVAL");
      expectDescriptor((fd) => call(fd, writer, 1, 0));
      expectDescriptor((fd) => call(reader, fd, 1, 0));
      expectRefusal(() => call(reader, writer, -1, 0), RangeError);
    }
    expectUint((flags) => splice_nonblock(reader, writer, 1, flags));
  });
});

describe("vmsplice()", () => {
  test("gives the kernel no address of what was freed while its arguments were read", () => {
    using fds = new Fds();
    const [, writer] = fds.pipe();
    const block = pinned(8);
    const frees = {
      fileno: () => {
        block[Symbol.dispose]();
        return writer;
      },
    };
    expect(() => vmsplice(frees, [{ iov_base: block }], 0)).toThrow("it was freed");
    const [first, second] = [pinned(8), pinned(8)];
    const iov = [
      { iov_base: first },
      {
        get iov_base() {
          first[Symbol.dispose]();
          return second;
        },
      },
    ];
    expect(() => vmsplice(writer, iov, 0)).toThrow("it was freed");
    expect(ioctl_fionread(writer)).toBe(0);
  });

  test("puts the pages themselves into a pipe", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    using block = mmap_pinned(8192, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
    block.bytes.set(text("before"));
    block.bytes.set(text("second"), 4096);
    const iov = [
      { iov_base: block, iov_len: 6 },
      { iov_base: block, iov_len: 2 },
    ];
    expect(vmsplice(writer, iov, 0)).toBe(8);
    // Not a copy: this is what its documentation warns of.
    block.bytes.set(text("after!"));
    expect(taken(reader)).toBe("after!af");
  });

  test("leaves pages that are unmapped to the pipe, as they are", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    for (let round = 0; round < 4; round++) {
      const block = mmap_pinned(4096, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
      block.bytes.fill(65 + round);
      expect(vmsplice(writer, [{ iov_base: block }], SPLICE_F.GIFT)).toBe(4096);
      block[Symbol.dispose]();
    }
    // Likely where the first four were.
    const others = Array.from({ length: 8 }, () =>
      mmap_pinned(4096, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0),
    );
    for (const other of others) other.bytes.fill(122);
    const buf = new Uint8Array(4 * 4096);
    expect(read(reader, buf)).toBe(buf.byteLength);
    for (let round = 0; round < 4; round++) {
      expect(new Set(buf.subarray(round * 4096, (round + 1) * 4096))).toEqual(
        new Set([65 + round]),
      );
    }
    for (const other of others) other[Symbol.dispose]();
  });

  test("copies what is in a pipe to memory", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    write(writer, text("into memory"));
    using block = pinned(32);
    expect(vmsplice(reader, [{ iov_base: block }], SPLICE_F.NONBLOCK)).toBe(11);
    expect(new TextDecoder().decode(block.bytes.subarray(0, 11))).toBe("into memory");
  });

  test("puts in what fits, and throws EAGAIN where nothing does, EPIPE where nobody reads", () => {
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    using block = pinned(2 ** 20);
    const iov = [{ iov_base: block }];
    const some = vmsplice(writer, iov, SPLICE_F.NONBLOCK);
    expect(some).toBeGreaterThan(0);
    expect(some).toBeLessThan(2 ** 20);
    expectErrno(() => vmsplice(writer, iov, SPLICE_F.NONBLOCK), OSError, "EAGAIN");
    fds.close(reader);
    expectErrno(() => vmsplice(writer, iov, SPLICE_F.NONBLOCK), OSError, "EPIPE");
  });

  test("takes nothing but pinned memory, and no more than there is of it", () => {
    using dir = tempDir();
    using fds = new Fds();
    const [, writer] = fds.pipe();
    using block = pinned(8);
    for (const iov of [...strangers.filter((value) => !Array.isArray(value)), block])
      expectRefusal(() => vmsplice(writer, iov as [], 0), TypeError);
    for (const iov_base of [...strangers, new Uint8Array(8), new ArrayBuffer(8)]) {
      const iov = [{ iov_base, iov_len: 8 }];
      expectRefusal(() => vmsplice(writer, iov as never, 0), TypeError);
    }
    const none = [undefined, null, 3] as unknown as [];
    expect(() => vmsplice(writer, none, 0)).toThrow(TypeError);
    for (const iov_len of [9, -1, 0.5, NaN])
      expectRefusal(() => vmsplice(writer, [{ iov_base: block, iov_len }], 0), RangeError);
    const freed = pinned(8);
    freed[Symbol.dispose]();
    expect(() => vmsplice(writer, [{ iov_base: freed }], 0)).toThrow("it was freed");
    const many = Array.from({ length: IOV_MAX + 1 }, () => ({ iov_base: block }));
    expectErrno(() => vmsplice(writer, many, 0), ValueError, "EINVAL");
    const file = fds.add(openSync(dir.at("file"), "w+"));
    expectErrno(() => vmsplice(file, [{ iov_base: block }], 0), ValueError, "EBADF");
    expectDescriptor((fd) => vmsplice(fd, [{ iov_base: block }], 0));
    expectUint((flags) => vmsplice(writer, [], flags));
    expect(readFileSync(dir.at("file")).byteLength).toBe(0);
  });
});
