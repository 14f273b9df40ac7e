/**
 * Bytes through pipes, without a copy through this process:
 * {@link https://man7.org/linux/man-pages/man2/splice.2.html | splice(2)},
 * {@link https://man7.org/linux/man-pages/man2/tee.2.html | tee(2)} and
 * {@link https://man7.org/linux/man-pages/man2/vmsplice.2.html | vmsplice(2)}.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, ValueError } from "../errors.ts";
import {
  bind,
  described,
  type FdLike,
  fileno,
  int64,
  type Pinned,
  room,
  since,
  size,
  size_t,
  ssize_t,
  uint,
} from "../libc.ts";

const ends = {
  EAGAIN: [OSError, "nothing is there, or nothing fits now"],
  EBADF: [ValueError, "a descriptor is not open, or not open for that"],
  EINTR: OSError,
  ENOMEM: MemoryError,
  EPIPE: [OSError, "nobody reads"],
} as const;

/** What each errno of these calls becomes. */
export const splice_errors = {
  splice: {
    ...since("2.6.17"),
    ...ends,
    ECONNRESET: OSError,
    EDQUOT: OSError,
    EFAULT: InternalError,
    EFBIG: OSError,
    EINVAL: [
      ValueError,
      "neither is a pipe, both are the same, one can't be spliced, or the target is open with O_APPEND",
    ],
    EIO: OSError,
    EISDIR: ValueError,
    ENOSPC: OSError,
    ENOTCONN: OSError,
    ESPIPE: [ValueError, "a pipe, or another descriptor without a position, takes no offset"],
  },
  tee: {
    ...since("2.6.17"),
    ...ends,
    EINVAL: [ValueError, "one is no pipe, or both are the same"],
  },
  vmsplice: {
    ...since("2.6.17"),
    ...ends,
    EBADF: [ValueError, "the descriptor is not open, or no pipe"],
    EFAULT: InternalError,
    EINVAL: [ValueError, "an unknown flag, or more segments than IOV_MAX"],
  },
} as const;

const { c, check, wouldBlock } = bind(
  {
    splice: {
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
    tee: {
      args: [
        "i32" /* int fd_in */,
        "i32" /* int fd_out */,
        size_t /* size_t len */,
        "u32" /* unsigned int flags */,
      ],
      returns: ssize_t,
    },
    vmsplice: {
      args: [
        "i32" /* int fd */,
        "ptr" /* const struct iovec *iov */,
        size_t /* size_t nr_segs */,
        "u32" /* unsigned int flags */,
      ],
      returns: ssize_t,
    },
  },
  splice_errors,
);

/** Flags of {@linkcode splice}, {@linkcode tee} and {@linkcode vmsplice}. */
export const SPLICE_F = {
  /** Moves pages where that is possible. A hint that most files ignore. */
  MOVE: 1,
  /** A pipe is not waited for. What is at the other end still is, unless it is non-blocking itself. */
  NONBLOCK: 2,
  /** More will follow: a socket need not send yet. */
  MORE: 4,
  /** The pages are the kernel's from now on. For whole pages, by {@linkcode vmsplice}. */
  GIFT: 8,
} as const;

/** The most segments of one {@linkcode vmsplice}. */
export const IOV_MAX = 1024;

/** What {@linkcode splice} moved, and where it stopped. */
export interface Spliced {
  /** How many bytes, 0 at the end. */
  readonly bytes: number;
  /** The next byte's offset in what was read; `null` if none was given. */
  readonly off_in: bigint | null;
  /** The next byte's offset in what was written; `null` if none was given. */
  readonly off_out: bigint | null;
}

/** One segment: memory that stays where it is. */
export interface Iovec {
  readonly iov_base: Pinned;
  /** Where in it the segment begins, in bytes, by default at its start. */
  readonly offset?: number;
  /** Bytes, by default all of them from there on. */
  readonly iov_len?: number;
}

/**
 * `splice(fd_in, off_in, fd_out, off_out, len, flags)`: moves bytes from or to a pipe.
 *
 * @param off_in Where to read from, which leaves the file's position alone; `null` is at that position, and the
 * only thing that a pipe takes.
 * @param off_out Where to write to, likewise.
 * @param len At most so many bytes.
 * @param flags {@linkcode SPLICE_F} members, or 0.
 * @throws {ValueError} `EINVAL`: neither is a pipe, or one can't be spliced. `ESPIPE`: an offset for a pipe. `EBADF`.
 * @throws {OSError} `EAGAIN`: with `SPLICE_F.NONBLOCK`, or a non-blocking descriptor. `EPIPE`: nobody reads. `ENOSPC`, `EINTR`, and others.
 * @throws {MemoryError} `ENOMEM`.
 */
export function splice(
  fd_in: FdLike,
  off_in: number | bigint | null,
  fd_out: FdLike,
  off_out: number | bigint | null,
  len: number,
  flags: number,
): Spliced {
  const from = offset(off_in, "off_in");
  const to = offset(off_out, "off_out");
  const bytes = Number(
    check(
      "splice",
      c.splice(fileno(fd_in), from, fileno(fd_out), to, size(len, "len"), uint(flags, "flags")),
    ),
  );
  return { bytes, off_in: from?.[0] ?? null, off_out: to?.[0] ?? null };
}

/**
 * `splice(fd_in, NULL, fd_out, NULL, len, flags | SPLICE_F_NONBLOCK)` of non-blocking descriptors, for which having nothing, or no
 * room (`EAGAIN`), is the usual case and no error.
 *
 * @returns How many bytes were moved, 0 at the end, -1 if one is not ready.
 * @throws What {@linkcode splice} throws, but for `EAGAIN` and `EINTR`.
 */
export function splice_nonblock(fd_in: FdLike, fd_out: FdLike, len: number, flags: number): number {
  const mask = uint(flags, "flags") | SPLICE_F.NONBLOCK;
  const result = Number(
    c.splice(fileno(fd_in), null, fileno(fd_out), null, size(len, "len"), mask >>> 0),
  );
  if (result === -1 && wouldBlock()) return -1;
  return check("splice", result);
}

/**
 * `tee(fd_in, fd_out, len, flags)`: copies what is in one pipe to another, and leaves it there.
 *
 * @param len At most so many bytes.
 * @param flags {@linkcode SPLICE_F} members, or 0.
 * @returns How many bytes were copied. 0: there was nothing, and nobody writes.
 * @throws {ValueError} `EINVAL`: one is no pipe, or both are the same. `EBADF`.
 * @throws {OSError} `EAGAIN`: one is empty or the other full. `EPIPE`, `EINTR`.
 * @throws {MemoryError} `ENOMEM`.
 */
export function tee(fd_in: FdLike, fd_out: FdLike, len: number, flags: number): number {
  return Number(
    check("tee", c.tee(fileno(fd_in), fileno(fd_out), size(len, "len"), uint(flags, "flags"))),
  );
}

/**
 * `tee(fd_in, fd_out, len, SPLICE_F_NONBLOCK)`, for which having nothing, or no room (`EAGAIN`), is the usual case and no error.
 *
 * @returns How many bytes were copied, 0 at the end, -1 if one is not ready.
 * @throws What {@linkcode tee} throws, but for `EAGAIN` and `EINTR`.
 */
export function tee_nonblock(fd_in: FdLike, fd_out: FdLike, len: number): number {
  const result = Number(c.tee(fileno(fd_in), fileno(fd_out), size(len, "len"), SPLICE_F.NONBLOCK));
  if (result === -1 && wouldBlock()) return -1;
  return check("tee", result);
}

/**
 * `vmsplice(fd, iov, nr_segs, flags)`: puts memory itself into a pipe, or copies what is in a pipe to memory.
 *
 * What was put into a pipe is not copied: the pages belong to whoever reads them, here or in another process, until they were read,
 * and what is written to them meanwhile is read too. Memory that goes back to libc's allocator before then is read with
 * somebody else's contents. So keep it and leave it alone until the pipe is empty, which is still too early if
 * its reader spliced it on; or take memory of {@linkcode mmap_pinned} and dispose of it after the call, because
 * pages that are unmapped stay as they are for the pipe. `give()` of a pipe's writer does that.
 *
 * @param fd An end of a pipe, which says in which direction.
 * @param iov Pinned memory, at most {@linkcode IOV_MAX} segments.
 * @param flags {@linkcode SPLICE_F} members, or 0.
 * @returns How many bytes, which can be fewer.
 * @throws {ValueError} `EBADF`: not open, or no pipe. `EINVAL`.
 * @throws {OSError} `EAGAIN`: the pipe is full, or empty. `EPIPE`: nobody reads. `EINTR`.
 * @throws {MemoryError} `ENOMEM`.
 */
export function vmsplice(fd: FdLike, iov: readonly Iovec[], flags: number): number {
  if (!Array.isArray(iov))
    throw new TypeError(`Cannot take iov: expected an array of segments, got ${described(iov)}`);
  const number = fileno(fd);
  const options = uint(flags, "flags");
  // All that belongs to the caller is read before the first address is: it could free what an address leads to.
  const segments = iov.map(({ iov_base, offset: at = 0, iov_len }) => ({ iov_base, at, iov_len }));
  const words = new BigUint64Array(Math.max(1, segments.length) * 2);
  for (const [index, { iov_base, at, iov_len }] of segments.entries()) {
    const start = size(at, `iov[${index}].offset`);
    const address = room(iov_base, `iov[${index}].iov_base`, start);
    const length = size(iov_len ?? iov_base.byteLength - start, `iov[${index}].iov_len`);
    room(iov_base, `iov[${index}].iov_base`, start + length);
    words[index * 2] = BigInt(address + start);
    words[index * 2 + 1] = BigInt(length);
  }
  return Number(check("vmsplice", c.vmsplice(number, words, segments.length, options)));
}

/** A `loff_t` for the kernel to move on, or NULL. */
function offset(value: number | bigint | null, name: string): BigInt64Array<ArrayBuffer> | null {
  return value === null ? null : BigInt64Array.of(int64(value, name));
}
