/**
 * Bytes of a file at an offset, which leave its position alone:
 * {@link https://man7.org/linux/man-pages/man2/pread.2.html | pread(2)}.
 *
 * @module
 */
import { InternalError, OSError, ValueError } from "../errors.ts";
import {
  bind,
  described,
  type FdLike,
  fileno,
  int64,
  Pinned,
  since,
  size_t,
  ssize_t,
} from "../libc.ts";

const file = {
  ...since("2.2"),
  EAGAIN: OSError,
  EBADF: ValueError,
  EFAULT: InternalError,
  EINTR: OSError,
  EINVAL: [ValueError, "the offset is negative, or the descriptor not like a file"],
  EIO: OSError,
  ENXIO: ValueError,
  EOVERFLOW: ValueError,
  ESPIPE: [ValueError, "it has no position"],
} as const;

/** What each errno of these calls becomes. */
export const pread_errors = {
  pread: { ...file, EISDIR: ValueError },
  pwrite: {
    ...file,
    EDQUOT: OSError,
    EFBIG: OSError,
    ENOSPC: OSError,
    EPERM: [OSError, "it is sealed against writing, or a sandbox refuses it"],
    EPIPE: OSError,
  },
} as const;

const { c, check } = bind(
  {
    pread: {
      args: [
        "i32" /* int fd */,
        "ptr" /* void *buf */,
        size_t /* size_t count */,
        ssize_t /* off_t offset */,
      ],
      returns: ssize_t,
    },
    pwrite: {
      args: [
        "i32" /* int fd */,
        "ptr" /* const void *buf */,
        size_t /* size_t count */,
        ssize_t /* off_t offset */,
      ],
      returns: ssize_t,
    },
  },
  pread_errors,
);

/**
 * `pread(fd, buf, count, offset)`: reads at most all of `buf` from an offset.
 *
 * @param buf Memory to write to. A typed array is borrowed for the call alone.
 * @param offset In bytes.
 * @returns How many bytes were read, 0 at the end.
 * @throws {ValueError} `ESPIPE`: not a file. `EBADF`, `EINVAL`, `EISDIR`, `ENXIO`, `EOVERFLOW`.
 * @throws {OSError} `EAGAIN`, `EINTR`, `EIO`.
 */
export function pread(
  fd: FdLike,
  buf: Pinned | NodeJS.TypedArray,
  offset: number | bigint,
): number {
  const at = int64(offset, "offset");
  return Number(check("pread", c.pread(fileno(fd), memory(buf), buf.byteLength, at)));
}

/**
 * `pwrite(fd, buf, count, offset)`: writes at most all of `buf` to an offset. With `O_APPEND` it is at the end all the same.
 *
 * @param offset In bytes.
 * @returns How many bytes were written, which can be fewer.
 * @throws {ValueError} `ESPIPE`: not a file. `EBADF`, `EINVAL`, `ENXIO`, `EOVERFLOW`.
 * @throws {OSError} `ENOSPC`, `EDQUOT`, `EFBIG`, `EINTR`, `EIO`. `EPERM`: sealed.
 */
export function pwrite(
  fd: FdLike,
  buf: Pinned | NodeJS.TypedArray,
  offset: number | bigint,
): number {
  const at = int64(offset, "offset");
  return Number(check("pwrite", c.pwrite(fileno(fd), memory(buf), buf.byteLength, at)));
}

function memory(buf: Pinned | NodeJS.TypedArray) {
  if (buf instanceof Pinned) return buf.address;
  if (ArrayBuffer.isView(buf)) return buf;
  throw new TypeError(
    `Cannot take buf: expected pinned memory or a typed array, got ${described(buf)}`,
  );
}
