/**
 * File systems: {@link https://man7.org/linux/man-pages/man2/statfs.2.html | statfs(2)}.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import { bind, cstring, type FdLike, fileno, type PathLike, since } from "../libc.ts";

const failures = {
  ...since("2.6"),
  EFAULT: InternalError,
  EINTR: OSError,
  EIO: OSError,
  ENOMEM: MemoryError,
  EOVERFLOW: OSError,
} as const;

/** What each errno of these calls becomes. */
export const statfs_errors = {
  statfs: {
    ...failures,
    EACCES: PermissionError,
    ELOOP: ValueError,
    ENAMETOOLONG: ValueError,
    ENOENT: ValueError,
    ENOTDIR: ValueError,
  },
  fstatfs: { ...failures, EBADF: ValueError },
} as const;

const { c, check } = bind(
  {
    statfs: {
      args: ["cstring" /* const char *path */, "ptr" /* struct statfs *buf */],
      returns: "i32",
    },
    fstatfs: { args: ["i32" /* int fd */, "ptr" /* struct statfs *buf */], returns: "i32" },
  },
  statfs_errors,
);

/** `sizeof(struct statfs)` */
export const STATFS_SIZE = 120;

/** `struct statfs` */
export interface Statfs {
  /** What kind it is: `0x01021994` is tmpfs, `0xef53` ext2 to ext4. */
  readonly f_type: bigint;
  readonly f_bsize: bigint;
  readonly f_blocks: bigint;
  readonly f_bfree: bigint;
  readonly f_bavail: bigint;
  readonly f_files: bigint;
  readonly f_ffree: bigint;
  /** Which file system it is: two numbers of 32 bits, both 0 if it doesn't say. */
  readonly f_fsid: readonly [number, number];
  readonly f_namelen: bigint;
  readonly f_frsize: bigint;
  readonly f_flags: bigint;
}

/**
 * `statfs(path, buf)`: the file system that a path is in.
 *
 * @throws {ValueError} `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`.
 * @throws {PermissionError} `EACCES`: a directory on the way may not be searched.
 */
export function statfs(path: PathLike): Statfs {
  const buf = new Uint8Array(STATFS_SIZE);
  check("statfs", c.statfs(cstring(path, "path"), buf), path);
  return read_statfs(buf);
}

/**
 * `fstatfs(fd, buf)`: the file system that an open file is in.
 *
 * @throws {ValueError} `EBADF`: not open.
 */
export function fstatfs(fd: FdLike): Statfs {
  const buf = new Uint8Array(STATFS_SIZE);
  check("fstatfs", c.fstatfs(fileno(fd), buf));
  return read_statfs(buf);
}

/**
 * `fstatfs(fd, buf)` of whom `f_fsid` is all that matters: no bigint is made of the rest.
 *
 * @throws {ValueError} `EBADF`: not open.
 */
export function fstatfs_fsid(fd: FdLike): Statfs["f_fsid"] {
  const buf = new Int32Array(STATFS_SIZE >>> 2);
  check("fstatfs", c.fstatfs(fileno(fd), buf));
  return [buf[14] ?? 0, buf[15] ?? 0];
}

/** Reads a `struct statfs`. */
export function read_statfs(buf: Uint8Array): Statfs {
  const view = new DataView(buf.buffer, buf.byteOffset, STATFS_SIZE);
  return {
    f_type: view.getBigInt64(0, true),
    f_bsize: view.getBigInt64(8, true),
    f_blocks: view.getBigUint64(16, true),
    f_bfree: view.getBigUint64(24, true),
    f_bavail: view.getBigUint64(32, true),
    f_files: view.getBigUint64(40, true),
    f_ffree: view.getBigUint64(48, true),
    f_fsid: [view.getInt32(56, true), view.getInt32(60, true)],
    f_namelen: view.getBigInt64(64, true),
    f_frsize: view.getBigInt64(72, true),
    f_flags: view.getBigInt64(80, true),
  };
}
