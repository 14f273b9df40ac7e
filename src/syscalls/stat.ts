/**
 * What a file is: {@link https://man7.org/linux/man-pages/man2/statx.2.html | statx(2)}. Old C libraries have no
 * function for it.
 *
 * @module
 */
import { read } from "bun:ffi";

import { InternalError, MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import {
  bind,
  cstring,
  type FdLike,
  fileno,
  int,
  numbered,
  type PathLike,
  type Pinned,
  type PinnedString,
  room,
  since,
  ssize_t,
  SYS,
  uint,
} from "../libc.ts";

/** What each errno of these calls becomes. */
export const stat_errors = {
  statx: {
    ...since("4.11"),
    EACCES: [PermissionError, "a directory of the path may not be searched"],
    EBADF: [ValueError, "the path is relative, and dirfd is not open"],
    EFAULT: InternalError,
    EINVAL: ValueError,
    ELOOP: ValueError,
    ENAMETOOLONG: ValueError,
    ENOENT: ValueError,
    ENOMEM: MemoryError,
    ENOTDIR: ValueError,
    EIO: OSError,
    ESTALE: OSError,
  },
} as const;

const { c, check } = bind(
  {
    syscall: numbered(
      "i32" /* int dirfd */,
      "cstring" /* const char *pathname */,
      ssize_t /* int flags */,
      ssize_t /* unsigned int mask */,
      "ptr" /* struct statx *statxbuf */,
    ),
  },
  stat_errors,
);

/** Flags of {@linkcode statx}, beside those of `AT`: what a network file system does. */
export const AT_STATX = {
  /** What `stat` does. */
  SYNC_AS_STAT: 0,
  /** It asks its server. */
  FORCE_SYNC: 0x2000,
  /** It answers from what it has. */
  DONT_SYNC: 0x4000,
} as const;

/** What is wanted of {@linkcode statx}, and what `stx_mask` says that it gave. */
export const STATX = {
  TYPE: 0x1,
  MODE: 0x2,
  NLINK: 0x4,
  UID: 0x8,
  GID: 0x10,
  ATIME: 0x20,
  MTIME: 0x40,
  CTIME: 0x80,
  INO: 0x100,
  SIZE: 0x200,
  BLOCKS: 0x400,
  /** Everything above. */
  BASIC_STATS: 0x7ff,
  /** When it was made. */
  BTIME: 0x800,
  /** Linux 5.8. */
  MNT_ID: 0x1000,
} as const;

/** Bits of `stx_attributes`. */
export const STATX_ATTR = {
  /** It is the root of a mount. Linux 5.8. */
  MOUNT_ROOT: 0x2000,
} as const;

/** The kind of a file: `stx_mode & S.IFMT`. */
export const S = {
  /** The bits that say the kind. */
  IFMT: 0o170000,
  IFSOCK: 0o140000,
  IFLNK: 0o120000,
  IFREG: 0o100000,
  IFBLK: 0o060000,
  IFDIR: 0o040000,
  IFCHR: 0o020000,
  IFIFO: 0o010000,
} as const;

/** `struct statx_timestamp` */
export interface StatxTimestamp {
  /** Seconds since 1970. */
  readonly tv_sec: bigint;
  /** Nanoseconds within them. */
  readonly tv_nsec: number;
}

/** `struct statx` */
export interface Statx {
  /** {@linkcode STATX} members: what the file system has filled in. */
  readonly stx_mask: number;
  readonly stx_blksize: number;
  readonly stx_attributes: bigint;
  readonly stx_nlink: number;
  readonly stx_uid: number;
  readonly stx_gid: number;
  /** {@linkcode S} members and permissions. */
  readonly stx_mode: number;
  readonly stx_ino: bigint;
  /** Bytes. */
  readonly stx_size: bigint;
  /** Units of 512 bytes. */
  readonly stx_blocks: bigint;
  readonly stx_attributes_mask: bigint;
  readonly stx_atime: StatxTimestamp;
  readonly stx_btime: StatxTimestamp;
  readonly stx_ctime: StatxTimestamp;
  readonly stx_mtime: StatxTimestamp;
  readonly stx_rdev_major: number;
  readonly stx_rdev_minor: number;
  readonly stx_dev_major: number;
  readonly stx_dev_minor: number;
  readonly stx_mnt_id: bigint;
}

/** `sizeof(struct statx)` */
export const STATX_SIZE = 256;

/**
 * `statx(dirfd, pathname, flags, mask, statxbuf)`: asks what a file is.
 *
 * @param dirfd Where a relative path begins: a directory, or `AT.FDCWD`.
 * @param flags `AT` and {@linkcode AT_STATX} members, or 0.
 * @param mask {@linkcode STATX} members. The kernel may give more, or less.
 * @param statxbuf At least {@linkcode STATX_SIZE} bytes, which {@linkcode read_statx} reads.
 * @throws {PermissionError} `EACCES`: a directory of the path may not be searched.
 * @throws {ValueError} `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`, `EINVAL`, `EBADF`.
 */
export function statx(
  dirfd: FdLike,
  pathname: PathLike | PinnedString,
  flags: number,
  mask: number,
  statxbuf: Pinned,
): void {
  const isThere = statx_succeeds(dirfd, pathname, flags, mask, statxbuf);
  check("statx", isThere ? 0 : -1, pathname);
}

/**
 * `statx(dirfd, pathname, flags, mask, statxbuf)` of what may be gone, for whom that is a usual case and no error: an
 * exception takes several times as long as the call.
 *
 * @returns Whether it succeeded: `false` for each errno that {@linkcode statx} throws for.
 */
export function statx_succeeds(
  dirfd: FdLike,
  pathname: PathLike | PinnedString,
  flags: number,
  mask: number,
  statxbuf: Pinned,
): boolean {
  const fd = fileno(dirfd);
  const path = cstring(pathname, "pathname");
  const how = int(flags, "flags");
  const wanted = uint(mask, "mask");
  const address = room(statxbuf, "statxbuf", STATX_SIZE);
  return Number(c.syscall(SYS.statx, fd, path, how, wanted, address)) !== -1;
}

/** Reads a `struct statx`. */
export function read_statx(statxbuf: Pinned): Statx {
  const at = room(statxbuf, "statxbuf", STATX_SIZE);
  const time = (offset: number): StatxTimestamp => ({
    tv_sec: read.i64(at, offset),
    tv_nsec: read.u32(at, offset + 8),
  });
  return {
    stx_mask: read.u32(at, 0),
    stx_blksize: read.u32(at, 4),
    stx_attributes: read.u64(at, 8),
    stx_nlink: read.u32(at, 16),
    stx_uid: read.u32(at, 20),
    stx_gid: read.u32(at, 24),
    stx_mode: read.u16(at, 28),
    stx_ino: read.u64(at, 32),
    stx_size: read.u64(at, 40),
    stx_blocks: read.u64(at, 48),
    stx_attributes_mask: read.u64(at, 56),
    stx_atime: time(64),
    stx_btime: time(80),
    stx_ctime: time(96),
    stx_mtime: time(112),
    stx_rdev_major: read.u32(at, 128),
    stx_rdev_minor: read.u32(at, 132),
    stx_dev_major: read.u32(at, 136),
    stx_dev_minor: read.u32(at, 140),
    stx_mnt_id: read.u64(at, 144),
  };
}

/**
 * Reads what of a `struct statx` tells one file from another, without a bigint: its kind, and the halves of its
 * inode number.
 */
export function read_statx_identity(
  statxbuf: Pinned,
): readonly [mode: number, ino_low: number, ino_high: number] {
  room(statxbuf, "statxbuf", STATX_SIZE);
  const { view } = statxbuf;
  return [view.getUint16(28, true), view.getUint32(32, true), view.getUint32(36, true)];
}

/** Reads the times of a `struct statx` as milliseconds since 1970: the last change of its data, and of the file. */
export function read_statx_changed(statxbuf: Pinned): readonly [mtime: number, ctime: number] {
  const at = room(statxbuf, "statxbuf", STATX_SIZE);
  const time = (offset: number): number =>
    read.i32(at, offset + 4) * 2 ** 32 * 1000 +
    read.u32(at, offset) * 1000 +
    read.u32(at, offset + 8) / 1e6;
  return [time(112), time(96)];
}

/** Reads the later one of the two times that {@linkcode read_statx_changed} reads, without an array for each. */
export function read_statx_latest(statxbuf: Pinned): number {
  room(statxbuf, "statxbuf", STATX_SIZE);
  return latestIn(statxbuf.words);
}

/**
 * `statx(dirfd, pathname, flags, mask, statxbuf)` and {@linkcode read_statx_latest} in one, for who looks at a hundred thousand files.
 *
 * @param flags `AT` and {@linkcode AT_STATX} members, or 0.
 * @param statxbuf At least {@linkcode STATX_SIZE} bytes to write to.
 * @returns Milliseconds since 1970, or `-Infinity` for each errno that {@linkcode statx} throws for.
 */
export function statx_latest(
  dirfd: FdLike,
  pathname: PathLike | PinnedString,
  flags: number,
  statxbuf: Pinned,
): number {
  const isThere = statx_succeeds(dirfd, pathname, flags, STATX.MTIME | STATX.CTIME, statxbuf);
  return isThere ? latestIn(statxbuf.words) : -Infinity;
}

function latestIn(words: Int32Array): number {
  return Math.max(timeAt(words, 28), timeAt(words, 24));
}

function timeAt(words: Int32Array, word: number): number {
  return (
    (words[word + 1] ?? 0) * 2 ** 32 * 1000 +
    ((words[word] ?? 0) >>> 0) * 1000 +
    ((words[word + 2] ?? 0) >>> 0) / 1e6
  );
}

/** Reads the device of a `struct statx` as one number, which tells one file system from another. */
export function read_statx_device(statxbuf: Pinned): number {
  const at = room(statxbuf, "statxbuf", STATX_SIZE);
  return read.u32(at, 136) * 2 ** 20 + (read.u32(at, 140) & 0xfffff);
}
