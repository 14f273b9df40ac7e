/**
 * What a directory has in it: {@link https://man7.org/linux/man-pages/man2/getdents.2.html | getdents64(2)}.
 * Old C libraries have no function for it.
 *
 * @module
 */
import { read } from "bun:ffi";

import { InternalError, ValueError } from "../errors.ts";
import {
  bind,
  type FdLike,
  fileno,
  numbered,
  type Pinned,
  room,
  since,
  size,
  ssize_t,
  SYS,
} from "../libc.ts";

/** What each errno of these calls becomes. */
export const dirent_errors = {
  getdents64: {
    ...since("2.4"),
    EBADF: ValueError,
    EFAULT: InternalError,
    EINVAL: [ValueError, "the buffer is too small for one entry"],
    ENOENT: [ValueError, "the directory was deleted"],
    ENOTDIR: ValueError,
  },
} as const;

const { c, check } = bind(
  {
    syscall: numbered(
      "i32" /* int fd */,
      "ptr" /* void *dirp */,
      ssize_t /* size_t count */,
      ssize_t,
      ssize_t,
    ),
  },
  dirent_errors,
);

/** `d_type`: the kind of an entry. Some file systems tell it of none. */
export const DT = {
  /** Not told: `statx` tells it. */
  UNKNOWN: 0,
  FIFO: 1,
  CHR: 2,
  DIR: 4,
  BLK: 6,
  REG: 8,
  LNK: 10,
  SOCK: 12,
} as const;

/** `struct linux_dirent64` */
export interface LinuxDirent64 {
  /** Inode number; of a mount point, that of the directory below the mount. */
  readonly d_ino: bigint;
  /** Where the next entry is, for `lseek`. */
  readonly d_off: bigint;
  /** Bytes of this record. */
  readonly d_reclen: number;
  /** A {@linkcode DT} member. */
  readonly d_type: number;
  /** The exact bytes of its name. */
  readonly d_name: Uint8Array;
}

/** `offsetof(struct linux_dirent64, d_name)`: bytes before the name. */
export const LINUX_DIRENT64_SIZE = 19;

/**
 * `getdents64(fd, dirp, count)`: reads the next entries of a directory, `.` and `..` among them.
 *
 * @param dirp Memory to write to, all of it.
 * @returns How many bytes were written, 0 after the last entry.
 * @throws {ValueError} `ENOENT`: the directory was deleted. `ENOTDIR`, `EBADF`. `EINVAL`: no entry fits.
 */
export function getdents64(fd: FdLike, dirp: Pinned): number {
  const address = room(dirp, "dirp");
  const result = c.syscall(SYS.getdents64, fileno(fd), address, dirp.byteLength, 0, 0);
  return Number(check("getdents64", result));
}

/**
 * `getdents64(fd, dirp, count)` of what may be gone, without an exception for that.
 *
 * @returns How many bytes were written, or -1 for each errno that {@linkcode getdents64} throws for.
 */
export function getdents64_quietly(fd: FdLike, dirp: Pinned): number {
  const address = room(dirp, "dirp");
  return Number(c.syscall(SYS.getdents64, fileno(fd), address, dirp.byteLength, 0, 0));
}

/**
 * Takes one record: the halves of `d_ino`, so that no bigint is made of each; `d_type`; and where its name is in the
 * buffer, without the NUL behind it.
 */
export type LinuxDirent64Visitor = (
  ino_low: number,
  ino_high: number,
  type: number,
  name: number,
  len: number,
) => void;

/**
 * Visits each `struct linux_dirent64` of what one call returned. The kernel writes whole records only; one that claims
 * to be shorter than its head or longer than what was written ends the visit.
 *
 * @param length How many bytes were written.
 * @returns How many bytes were visited.
 */
export function read_linux_dirents64(
  dirp: Pinned,
  length: number,
  visit: LinuxDirent64Visitor,
): number {
  room(dirp, "dirp", size(length, "length"));
  const { bytes, view } = dirp;
  let offset = 0;
  while (offset + LINUX_DIRENT64_SIZE < length) {
    const reclen = view.getUint16(offset + 16, true);
    const end = offset + reclen;
    if (reclen <= LINUX_DIRENT64_SIZE || end > length) break;
    const name = offset + LINUX_DIRENT64_SIZE;
    let nul = name;
    while (nul < end && bytes[nul] !== 0) nul++;
    visit(
      view.getUint32(offset, true),
      view.getUint32(offset + 4, true),
      bytes[offset + 18] ?? 0,
      name,
      nul - name,
    );
    offset = end;
  }
  return offset;
}

/** Numbers of a row, and bytes of the shortest record. */
const ROW = 5;
const SHORTEST = 24;

/** Makes room for {@linkcode read_linux_dirents64_rows}: for all that one call can return in so many bytes. */
export function linux_dirent64_rows(byteLength: number): Int32Array {
  return new Int32Array(Math.floor(size(byteLength, "byteLength") / SHORTEST) * ROW);
}

/**
 * Writes a row for each `struct linux_dirent64` of what one call returned, without `.` and `..`: what a
 * {@linkcode LinuxDirent64Visitor} is called with, in that order, and the halves of `d_ino` as signed numbers. Some ten entries are
 * read in the time of one call of a visitor.
 *
 * @param length How many bytes were written.
 * @param rows Five numbers for each: `ino_low`, `ino_high`, `type`, `name`, `len`. What has no room is left out.
 * @returns How many rows were written.
 */
export function read_linux_dirents64_rows(dirp: Pinned, length: number, rows: Int32Array): number {
  room(dirp, "dirp", size(length, "length"));
  const { bytes, words } = dirp;
  const most = rows.length - ROW;
  let row = 0;
  for (let offset = 0; offset + LINUX_DIRENT64_SIZE < length && row <= most;) {
    const reclen = (bytes[offset + 16] ?? 0) | ((bytes[offset + 17] ?? 0) << 8);
    const end = offset + reclen;
    // The kernel aligns records.
    if (reclen <= LINUX_DIRENT64_SIZE || end > length || (reclen & 7) !== 0) break;
    const name = offset + LINUX_DIRENT64_SIZE;
    let nul = name;
    while (nul < end && bytes[nul] !== 0) nul++;
    const word = offset >>> 2;
    const len = nul - name;
    if (!isDots(bytes, name, len)) {
      rows[row] = words[word] ?? 0;
      rows[row + 1] = words[word + 1] ?? 0;
      rows[row + 2] = bytes[offset + 18] ?? 0;
      rows[row + 3] = name;
      rows[row + 4] = len;
      row += ROW;
    }
    offset = end;
  }
  return row / ROW;
}

/** Units of four bytes of a record before its length, type and name; and of the shortest record. */
const HEAD_WORD = 4;
const SHORTEST_WORDS = SHORTEST >>> 2;

/** To tell whether one of four bytes is 0. */
const ONES = 0x01010101;
const HIGHEST = 0x80808080 | 0;

/** Of a packed entry's second number: its length in units of four bytes, whether `ino_high` is behind it, and where its type is. */
const UNITS = 0x7fff;
const IS_HIGH = 0x8000;
const TYPE_SHIFT = 16;

/** Bytes of a packed entry before its name. */
const PACKED_SIZE = 7;

/**
 * Packs each `struct linux_dirent64` of what one call returned into units of four bytes, and looks at nothing but those: for files
 * whose names nobody wants to know yet.
 *
 * @param length How many bytes were written, at most 128 KiB.
 * @param into Room for as many bytes behind `at`. There the length of all in units of four bytes is written to, and above 16 bits how
 * many entries that are.
 * @param types What is kept of each `d_type`, 0 to 127; -1 for entries that are rows, as {@linkcode read_linux_dirents64_rows} has
 * them, without `.` and `..`: directories and unknown ones must be.
 * @returns How many rows were written.
 */
export function pack_linux_dirents64(
  dirp: Pinned,
  length: number,
  into: Int32Array,
  at: number,
  types: Int8Array,
  rows: Int32Array,
): number {
  room(dirp, "dirp", size(length, "length"));
  const { bytes, words } = dirp;
  const most = rows.length - ROW;
  const end = length >>> 2;
  let row = 0;
  let count = 0;
  let to = at + 1;
  for (let from = 0; from + SHORTEST_WORDS <= end && row <= most;) {
    const head = words[from + HEAD_WORD] ?? 0;
    const next = from + ((head & 0xffff) >>> 2);
    // The kernel aligns records.
    if (next < from + SHORTEST_WORDS || next > end || (head & 7) !== 0) break;
    const type = types[(head >>> 16) & 0xff] ?? -1;
    if (type >= 0) {
      const high = words[from + 1] ?? 0;
      // Of a longer name, the last unit may have nothing but what is behind the NUL.
      const last = next - from > SHORTEST_WORDS ? (words[next - 2] ?? 0) : -1;
      const stop = (((last - ONES) | 0) & ~last & HIGHEST) === 0 ? next : next - 1;
      const start = to;
      into[to++] = words[from] ?? 0;
      to++;
      for (let word = from + HEAD_WORD + 1; word < stop; word++) into[to++] = words[word] ?? 0;
      if (high !== 0) into[to++] = high;
      const packed = (to - start) | (high === 0 ? 0 : IS_HIGH);
      into[start + 1] = packed | (type << TYPE_SHIFT) | (head & 0xff000000);
      count++;
    } else {
      const name = (from << 2) + LINUX_DIRENT64_SIZE;
      let nul = name;
      while (nul < next << 2 && bytes[nul] !== 0) nul++;
      if (!isDots(bytes, name, nul - name)) {
        rows[row] = words[from] ?? 0;
        rows[row + 1] = words[from + 1] ?? 0;
        rows[row + 2] = (head >>> 16) & 0xff;
        rows[row + 3] = name;
        rows[row + 4] = nul - name;
        row += ROW;
      }
    }
    from = next;
  }
  into[at] = (to - at - 1) | (count << 16);
  return row / ROW;
}

/**
 * Writes a row for each entry that {@linkcode pack_linux_dirents64} has packed at `at`. The names are where they are, in the bytes of the
 * same memory.
 *
 * @param rows Room for all of them.
 * @returns How many rows were written.
 */
export function read_packed_dirents64_rows(
  words: Int32Array,
  bytes: Uint8Array,
  at: number,
  rows: Int32Array,
): number {
  const header = words[at] ?? 0;
  const end = at + 1 + (header & 0xffff);
  let row = 0;
  for (let entry = at + 1; entry < end; row += ROW) {
    const head = words[entry + 1] ?? 0;
    const next = entry + (head & UNITS);
    const name = packed_dirent64_name(entry);
    rows[row] = words[entry] ?? 0;
    rows[row + 1] = (head & IS_HIGH) === 0 ? 0 : (words[next - 1] ?? 0);
    rows[row + 2] = (head >>> TYPE_SHIFT) & 0xff;
    rows[row + 3] = name;
    rows[row + 4] = bytes.indexOf(0, name) - name;
    entry = next;
  }
  return row / ROW;
}

/** How many units of four bytes the packed entry at `at` has: the next one is behind them. */
export function packed_dirent64_length(words: Int32Array, at: number): number {
  return (words[at + 1] ?? 0) & UNITS;
}

/** Where the name of the packed entry at `at` is, in bytes. A NUL ends it. */
export function packed_dirent64_name(at: number): number {
  return at * 4 + PACKED_SIZE;
}

function isDots(bytes: Uint8Array, name: number, len: number): boolean {
  return bytes[name] === 0x2e && (len === 1 || (len === 2 && bytes[name + 1] === 0x2e));
}

/**
 * Reads the `struct linux_dirent64` at `offset` of what one call returned, with a copy of its name.
 *
 * @param length How many bytes were written.
 * @returns The record, or `undefined` if there is no whole one.
 */
export function read_linux_dirent64(
  dirp: Pinned,
  offset: number,
  length: number,
): LinuxDirent64 | undefined {
  const address = room(dirp, "dirp", size(length, "length"));
  if (size(offset, "offset") + LINUX_DIRENT64_SIZE >= length) return undefined;
  const d_reclen = read.u16(address, offset + 16);
  if (d_reclen <= LINUX_DIRENT64_SIZE || offset + d_reclen > length) return undefined;
  const padded = dirp.bytes.subarray(offset + LINUX_DIRENT64_SIZE, offset + d_reclen);
  const nul = padded.indexOf(0);
  return {
    d_ino: read.u64(address, offset),
    d_off: read.i64(address, offset + 8),
    d_reclen,
    d_type: read.u8(address, offset + 18),
    d_name: padded.slice(0, nul === -1 ? padded.length : nul),
  };
}
