/**
 * The size of a file: {@link https://man7.org/linux/man-pages/man2/ftruncate.2.html | ftruncate(2)}.
 *
 * @module
 */
import { OSError, PermissionError, ValueError } from "../errors.ts";
import { bind, type FdLike, fileno, since, size, ssize_t } from "../libc.ts";

/** What each errno of these calls becomes. */
export const truncate_errors = {
  ftruncate: {
    ENOSYS: since("2.2").ENOSYS,
    EACCES: PermissionError,
    EBADF: ValueError,
    EFBIG: ValueError,
    EINTR: OSError,
    EINVAL: [ValueError, "it is no file open for writing, or huge pages can't have that size"],
    EIO: OSError,
    EISDIR: ValueError,
    ENOSPC: OSError,
    EPERM: [PermissionError, "it is sealed against that, or a sandbox refuses it"],
    EROFS: OSError,
    ETXTBSY: OSError,
  },
} as const;

const { c, check } = bind(
  {
    ftruncate: { args: ["i32" /* int fd */, ssize_t /* off_t length */], returns: "i32" },
  },
  truncate_errors,
);

/**
 * `ftruncate(fd, length)`: makes a file so long: what is behind is lost, what was not there is zeroes.
 *
 * @param length Bytes.
 * @throws {PermissionError} `EPERM`: a memfd that is sealed against it.
 * @throws {ValueError} `EBADF`, `EINVAL`: not a file to write. `EFBIG`: too long.
 * @throws {OSError} `ENOSPC`, `EIO`, `EINTR`, `EROFS`, `ETXTBSY`.
 */
export function ftruncate(fd: FdLike, length: number): void {
  check("ftruncate", c.ftruncate(fileno(fd), size(length, "length")));
}
