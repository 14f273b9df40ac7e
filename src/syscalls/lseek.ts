/**
 * The position of an open file: {@link https://man7.org/linux/man-pages/man2/lseek.2.html | lseek(2)}.
 *
 * @module
 */
import { ValueError } from "../errors.ts";
import { bind, type FdLike, fileno, int, int64, since, ssize_t } from "../libc.ts";

/** What each errno of these calls becomes. */
export const lseek_errors = {
  lseek: {
    ...since("2.2"),
    EBADF: ValueError,
    EINVAL: [ValueError, "an unknown whence, or a position before the start"],
    ENXIO: [
      ValueError,
      "the offset is at the end or beyond, or there are only holes from there on",
    ],
    EOVERFLOW: ValueError,
    ESPIPE: [ValueError, "a pipe, a socket or a terminal has no position"],
  },
} as const;

const { c, check } = bind(
  {
    lseek: {
      args: ["i32" /* int fd */, ssize_t /* off_t offset */, "i32" /* int whence */],
      returns: ssize_t,
    },
  },
  lseek_errors,
);

/** What the offset of {@linkcode lseek} counts from. */
export const SEEK = {
  /** The start. */
  SET: 0,
  /** The position now. */
  CUR: 1,
  /** The end. */
  END: 2,
  /** The start, and on from there to the next byte that is no hole. */
  DATA: 3,
  /** The start, and on from there to the next hole; there is one at the end. */
  HOLE: 4,
} as const;

/**
 * `lseek(fd, offset, whence)`: sets the position of an open file, for all descriptors that share it.
 *
 * @param offset Bytes.
 * @param whence A {@linkcode SEEK} member.
 * @returns The new position, from the start.
 * @throws {ValueError} `ESPIPE`: it has none. `ENXIO`: no data or no hole from there on. `EINVAL`, `EBADF`, `EOVERFLOW`.
 */
export function lseek(fd: FdLike, offset: number | bigint, whence: number): bigint {
  return BigInt(
    check("lseek", c.lseek(fileno(fd), int64(offset, "offset"), int(whence, "whence"))),
  );
}

/**
 * `lseek(fd, 0, SEEK_CUR) == 0`: whether an open file is at its start; one that has no position is not, for whom that is a usual case
 * and no error.
 */
export function is_at_start(fd: FdLike): boolean {
  return Number(c.lseek(fileno(fd), 0, SEEK.CUR)) === 0;
}
