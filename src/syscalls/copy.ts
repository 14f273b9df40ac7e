/**
 * Bytes from one descriptor to another inside the kernel:
 * {@link https://man7.org/linux/man-pages/man2/copy_file_range.2.html | copy_file_range(2)} and
 * {@link https://man7.org/linux/man-pages/man2/sendfile.2.html | sendfile(2)}.
 *
 * @module
 */
import {
  InternalError,
  MemoryError,
  OSError,
  PermissionError,
  UnsupportedError,
  ValueError,
} from "../errors.ts";
import { bind, type FdLike, fileno, int64, since, size, size_t, ssize_t, uint } from "../libc.ts";

const file = {
  EDQUOT: OSError,
  EFAULT: InternalError,
  EFBIG: OSError,
  EINTR: OSError,
  EIO: OSError,
  EISDIR: ValueError,
  ENOMEM: MemoryError,
  ENOSPC: OSError,
  EOVERFLOW: ValueError,
} as const;

/** What each errno of these calls becomes. */
export const copy_errors = {
  copy_file_range: {
    ...file,
    ENOSYS: since("4.5").ENOSYS,
    EBADF: [ValueError, "a descriptor is not open for that, or the target is open with O_APPEND"],
    EINVAL: [ValueError, "one is no regular file, an unknown flag, or a range overlaps itself"],
    EOPNOTSUPP: [UnsupportedError, "the file system can't"],
    EPERM: [PermissionError, "the target is immutable, or a sandbox refuses it"],
    ETXTBSY: OSError,
    EXDEV: [ValueError, "the files are on different file systems, and this kernel or theirs can't"],
  },
  sendfile: {
    ...file,
    ...since("2.2"),
    EAGAIN: [OSError, "nothing fits now"],
    EBADF: [ValueError, "a descriptor is not open for that"],
    ECONNRESET: OSError,
    EINVAL: [
      ValueError,
      "the source is not like a file, or the target is open with O_APPEND, or can't be spliced to",
    ],
    ENOTCONN: OSError,
    EPIPE: [OSError, "nobody reads"],
    ESPIPE: [ValueError, "the source has no position"],
  },
} as const;

const { c, check } = bind(
  {
    copy_file_range: {
      args: [
        "i32" /* int fd_in */,
        "ptr" /* off64_t *off_in */,
        "i32" /* int fd_out */,
        "ptr" /* off64_t *off_out */,
        size_t /* size_t len */,
        "u32" /* unsigned int flags */,
      ],
      returns: ssize_t,
    },
    sendfile: {
      args: [
        "i32" /* int out_fd */,
        "i32" /* int in_fd */,
        "ptr" /* off_t *offset */,
        size_t /* size_t count */,
      ],
      returns: ssize_t,
    },
  },
  copy_errors,
);

/** What {@linkcode copy_file_range} copied, and where it stopped. */
export interface CopiedFileRange {
  /** How many bytes, 0 at the end. */
  readonly bytes: number;
  /** The next byte's offset in what was read; `null` if none was given. */
  readonly off_in: bigint | null;
  /** The next byte's offset in what was written; `null` if none was given. */
  readonly off_out: bigint | null;
}

/** What {@linkcode sendfile} sent, and where it stopped. */
export interface Sentfile {
  /** How many bytes, 0 at the end. */
  readonly bytes: number;
  /** The next byte's offset in what was read; `null` if none was given. */
  readonly offset: bigint | null;
}

/**
 * `copy_file_range(fd_in, off_in, fd_out, off_out, len, flags)`: copies between regular files; a file system that can
 * shares the blocks instead.
 *
 * Holes may become zeroes, and files that have no size of their own, such as those of /proc, give 0.
 *
 * @param off_in Where to read from, which leaves the file's position alone; `null` is at that position.
 * @param off_out Where to write to, likewise.
 * @param len At most so many bytes.
 * @param flags 0.
 * @throws {ValueError} `EXDEV`: different file systems. `EINVAL`: no regular file, or an overlap. `EBADF`, `EISDIR`, `EOVERFLOW`.
 * @throws {UnsupportedError} `EOPNOTSUPP`: not on this file system. `ENOSYS`.
 * @throws {PermissionError} `EPERM`: immutable.
 * @throws {OSError} `ENOSPC`, `EDQUOT`, `EFBIG`, `EIO`, `EINTR`, `ETXTBSY`: a swap file.
 * @throws {MemoryError} `ENOMEM`.
 */
export function copy_file_range(
  fd_in: FdLike,
  off_in: number | bigint | null,
  fd_out: FdLike,
  off_out: number | bigint | null,
  len: number,
  flags: number,
): CopiedFileRange {
  const from = pointer(off_in, "off_in");
  const to = pointer(off_out, "off_out");
  const bytes = Number(
    check(
      "copy_file_range",
      c.copy_file_range(
        fileno(fd_in),
        from,
        fileno(fd_out),
        to,
        size(len, "len"),
        uint(flags, "flags"),
      ),
    ),
  );
  return { bytes, off_in: from?.[0] ?? null, off_out: to?.[0] ?? null };
}

/**
 * `copy_file_range(fd_in, NULL, fd_out, NULL, len, 0)` of which nobody knows yet whether the kernel can copy one to the other: an
 * exception takes longer than a small file.
 *
 * @returns How many bytes, 0 at the end, -1 for each errno that {@linkcode copy_file_range} throws for.
 */
export function copy_file_range_or_not(fd_in: FdLike, fd_out: FdLike, len: number): number {
  return Number(c.copy_file_range(fileno(fd_in), null, fileno(fd_out), null, size(len, "len"), 0));
}

/**
 * `sendfile(out_fd, in_fd, offset, count)`: sends from what is like a file to any descriptor.
 *
 * @param offset Where to read from, which leaves the file's position alone; `null` is at that position.
 * @param count At most so many bytes, of which the kernel takes 2,147,479,552 at once.
 * @throws {ValueError} `EINVAL`: the source is not like a file, or the target can't be spliced to. `EBADF`, `ESPIPE`, `EOVERFLOW`.
 * @throws {OSError} `EAGAIN`: the target is non-blocking and full. `EPIPE`, `ENOSPC`, `EIO`, `EINTR`, and others.
 * @throws {MemoryError} `ENOMEM`.
 */
export function sendfile(
  out_fd: FdLike,
  in_fd: FdLike,
  offset: number | bigint | null,
  count: number,
): Sentfile {
  const at = pointer(offset, "offset");
  const bytes = Number(
    check("sendfile", c.sendfile(fileno(out_fd), fileno(in_fd), at, size(count, "count"))),
  );
  return { bytes, offset: at?.[0] ?? null };
}

/** An `off_t` for the kernel to move on, or NULL. */
function pointer(value: number | bigint | null, name: string): BigInt64Array<ArrayBuffer> | null {
  return value === null ? null : BigInt64Array.of(int64(value, name));
}
