/** copy_file_range, sendfile, pread, pwrite and ftruncate, against the running kernel. */
import { describe, expect, test } from "bun:test";
import { fstatSync, openSync, readFileSync, writeFileSync } from "node:fs";

import { OSError, ValueError } from "bun-butter";
import {
  copy_file_range,
  copy_file_range_or_not,
  ftruncate,
  pinned,
  pread,
  pwrite,
  read,
  sendfile,
} from "bun-butter/syscalls";

import {
  expectDescriptor,
  expectErrno,
  expectRefusal,
  expectUint,
  strangers,
} from "../support/arguments.ts";
import { Fds } from "../support/fds.ts";
import { type TempDir, tempDir } from "../support/temp.ts";

function filled(fds: Fds, dir: TempDir): { readonly from: number; readonly to: number } {
  writeFileSync(dir.at("from"), "0123456789");
  return {
    from: fds.add(openSync(dir.at("from"), "r")),
    to: fds.add(openSync(dir.at("to"), "w+")),
  };
}

const noOffsets = strangers.filter((value) => value !== null && typeof value !== "bigint");

describe("copy_file_range()", () => {
  test("copies at the positions, and moves them", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    const none = { off_in: null, off_out: null };
    expect(copy_file_range(from, null, to, null, 4, 0)).toEqual({ bytes: 4, ...none });
    expect(copy_file_range(from, null, to, null, 100, 0)).toEqual({ bytes: 6, ...none });
    expect(copy_file_range(from, null, to, null, 100, 0)).toEqual({ bytes: 0, ...none });
    expect(readFileSync(dir.at("to"), "utf8")).toBe("0123456789");
  });

  test("takes offsets as values, and tells where it stopped", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    expect(copy_file_range(from, 3, to, 2n, 4, 0)).toEqual({ bytes: 4, off_in: 7n, off_out: 6n });
    expect(copy_file_range(from, null, to, 6, 1, 0)).toEqual({
      bytes: 1,
      off_in: null,
      off_out: 7n,
    });
    expect(readFileSync(dir.at("to"), "utf8")).toBe("\0\x0034560");
  });

  test("refuses what it can't copy", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    const [reader, writer] = fds.pipe();
    const append = fds.add(openSync(dir.at("to"), "a"));
    const directory = fds.add(openSync(dir.path, "r"));
    expectErrno(() => copy_file_range(from, null, writer, null, 1, 0), ValueError, "EINVAL");
    expectErrno(() => copy_file_range(reader, null, to, null, 1, 0), ValueError, "EINVAL");
    expectErrno(() => copy_file_range(from, null, append, null, 1, 0), ValueError, "EBADF");
    expectErrno(() => copy_file_range(to, null, from, null, 1, 0), ValueError, "EBADF");
    expectErrno(() => copy_file_range(directory, null, to, null, 1, 0), ValueError, "EISDIR");
    expectErrno(() => copy_file_range(from, null, to, null, 1, 64), ValueError, "EINVAL");
    writeFileSync(dir.at("to"), "0123456789");
    expectErrno(() => copy_file_range(to, 0, to, 2, 4, 0), ValueError, "EINVAL");
  });

  test("tells by -1 what it can't copy, if it is asked so", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    const [reader, writer] = fds.pipe();
    expect(copy_file_range_or_not(reader, to, 1)).toBe(-1);
    expect(copy_file_range_or_not(from, writer, 1)).toBe(-1);
    expect(copy_file_range_or_not(to, from, 1)).toBe(-1);
    expect(copy_file_range_or_not(from, to, 100)).toBe(10);
    expect(copy_file_range_or_not(from, to, 100)).toBe(0);
    expect(copy_file_range_or_not(2 ** 30, to, 1)).toBe(-1);
    expectRefusal(() => copy_file_range_or_not("3" as unknown as number, to, 1), TypeError);
    expectRefusal(() => copy_file_range_or_not(from, to, -1), RangeError);
  });

  test("takes nothing of another type or range, before the kernel is asked", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    expectDescriptor((fd) => copy_file_range(fd, null, to, null, 1, 0));
    expectDescriptor((fd) => copy_file_range(from, null, fd, null, 1, 0));
    expectUint((flags) => copy_file_range(from, null, to, null, 1, flags));
    for (const offset of noOffsets) {
      expectRefusal(() => copy_file_range(from, offset as number, to, null, 1, 0), TypeError);
      expectRefusal(() => copy_file_range(from, null, to, offset as number, 1, 0), TypeError);
    }
    expectRefusal(() => copy_file_range(from, 0.5, to, null, 1, 0), RangeError);
    for (const len of [-1, 0.5, NaN])
      expectRefusal(() => copy_file_range(from, null, to, null, len, 0), RangeError);
    expect(fstatSync(to).size).toBe(0);
  });
});

describe("sendfile()", () => {
  test("sends from a position or an offset to a pipe or a file", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    const [reader, writer] = fds.pipe();
    expect(sendfile(writer, from, null, 4)).toEqual({ bytes: 4, offset: null });
    expect(sendfile(writer, from, 8, 100)).toEqual({ bytes: 2, offset: 10n });
    expect(sendfile(writer, from, 10n, 1)).toEqual({ bytes: 0, offset: 10n });
    const buf = new Uint8Array(16);
    expect(new TextDecoder().decode(buf.subarray(0, read(reader, buf)))).toBe("012389");
    expect(sendfile(to, from, null, 100).bytes).toBe(6);
    expect(readFileSync(dir.at("to"), "utf8")).toBe("456789");
  });

  test("refuses what it can't send", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    const [reader, writer] = fds.pipe();
    const append = fds.add(openSync(dir.at("to"), "a"));
    expectErrno(() => sendfile(append, from, null, 1), ValueError, "EINVAL");
    expectErrno(() => sendfile(to, reader, 0, 1), ValueError, "ESPIPE");
    expectErrno(() => sendfile(from, to, null, 1), ValueError, "EBADF");
    expectErrno(() => sendfile(to, from, -1, 1), ValueError, "EINVAL");
    ftruncate(to, 2 ** 21);
    const some = sendfile(writer, to, 0, 2 ** 21).bytes;
    expect(some).toBeGreaterThan(0);
    expect(some).toBeLessThan(2 ** 21);
    expectErrno(() => sendfile(writer, to, 0, 1), OSError, "EAGAIN");
    fds.close(reader);
    expectErrno(() => sendfile(writer, from, 0, 1), OSError, "EPIPE");
  });

  test("takes nothing of another type or range, before the kernel is asked", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    expectDescriptor((fd) => sendfile(fd, from, null, 1));
    expectDescriptor((fd) => sendfile(to, fd, null, 1));
    for (const offset of noOffsets)
      expectRefusal(() => sendfile(to, from, offset as number, 1), TypeError);
    expectRefusal(() => sendfile(to, from, 2n ** 63n, 1), RangeError);
    for (const count of [-1, 0.5, NaN])
      expectRefusal(() => sendfile(to, from, null, count), RangeError);
    expect(fstatSync(to).size).toBe(0);
  });
});

describe("pread() and pwrite()", () => {
  test("leave the position alone", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    const buf = new Uint8Array(4);
    expect(pread(from, buf, 3)).toBe(4);
    expect(new TextDecoder().decode(buf)).toBe("3456");
    expect(pread(from, buf, 8n)).toBe(2);
    expect(pread(from, buf, 10)).toBe(0);
    expect(read(from, buf)).toBe(4);
    expect(new TextDecoder().decode(buf)).toBe("0123");
    using block = pinned(3);
    block.bytes.fill(120);
    expect(pwrite(to, block, 2)).toBe(3);
    expect(pwrite(to, buf.subarray(1, 2), 0n)).toBe(1);
    expect(readFileSync(dir.at("to"), "utf8")).toBe("1\0xxx");
  });

  test("refuse what has no offset, and other types", () => {
    using dir = tempDir();
    using fds = new Fds();
    const [reader, writer] = fds.pipe();
    const { from, to } = filled(fds, dir);
    const buf = new Uint8Array(4);
    expectErrno(() => pread(reader, buf, 0), ValueError, "ESPIPE");
    expectErrno(() => pwrite(writer, buf, 0), ValueError, "ESPIPE");
    expectErrno(() => pread(from, buf, -1), ValueError, "EINVAL");
    for (const call of [pread, pwrite]) {
      const fd = call === pread ? from : to;
      expectDescriptor((other) => call(other, buf, 0));
      for (const value of [...strangers, new ArrayBuffer(8)])
        expect(() => call(fd, value as Uint8Array, 0)).toThrow(TypeError);
      for (const value of strangers.filter((one) => typeof one !== "bigint"))
        expectRefusal(() => call(fd, buf, value as number), TypeError);
      expectRefusal(() => call(fd, buf, 0.5), RangeError);
    }
  });
});

describe("ftruncate()", () => {
  test("makes a file shorter or longer", () => {
    using dir = tempDir();
    using fds = new Fds();
    const { from, to } = filled(fds, dir);
    ftruncate(to, 2 ** 33);
    expect(fstatSync(to).size).toBe(2 ** 33);
    ftruncate(to, 0);
    expect(fstatSync(to).size).toBe(0);
    expectErrno(() => ftruncate(from, 0), ValueError, "EINVAL");
    expectDescriptor((fd) => ftruncate(fd, 0));
    for (const length of [-1, 0.5, NaN]) expectRefusal(() => ftruncate(to, length), RangeError);
    for (const length of strangers) expectRefusal(() => ftruncate(to, length as number), TypeError);
  });
});
