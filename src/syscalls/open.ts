/**
 * Files by their path: {@link https://man7.org/linux/man-pages/man2/open.2.html | open(2)}.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import {
  bind,
  cstring,
  type FdLike,
  fileno,
  int,
  type PathLike,
  type PinnedString,
  since,
  sysctl,
  uint,
} from "../libc.ts";

/** What each errno of these calls becomes. */
export const open_errors = {
  openat: {
    ENOSYS: since("2.6.16").ENOSYS,
    EACCES: PermissionError,
    EAGAIN: OSError,
    EBADF: [ValueError, "the path is relative, and dirfd is not open"],
    EBUSY: OSError,
    EDQUOT: OSError,
    EEXIST: ValueError,
    EFAULT: InternalError,
    EFBIG: OSError,
    EINTR: OSError,
    EINVAL: ValueError,
    EISDIR: ValueError,
    ELOOP: ValueError,
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENAMETOOLONG: ValueError,
    ENFILE: [OSError, () => `the system is at fs.file-max (${sysctl("fs.file-max")} now)`],
    ENODEV: OSError,
    ENOENT: ValueError,
    ENOMEM: MemoryError,
    ENOSPC: OSError,
    ENOTDIR: ValueError,
    ENXIO: OSError,
    EOPNOTSUPP: OSError,
    EOVERFLOW: OSError,
    EPERM: PermissionError,
    EROFS: OSError,
    ETXTBSY: OSError,
  },
} as const;

const { c, check } = bind(
  {
    openat: {
      args: [
        "i32" /* int dirfd */,
        "cstring" /* const char *pathname */,
        "i32" /* int flags */,
        "u32" /* mode_t mode */,
      ],
      returns: "i32",
    },
  },
  open_errors,
);

/** Where paths begin, and how they are followed by calls that take `AT_*` flags. */
export const AT = {
  /** The working directory, in place of a descriptor. */
  FDCWD: -100,
  /** The last part of the path is not followed if it is a symbolic link. */
  SYMLINK_NOFOLLOW: 0x100,
  /** The last part of the path is followed if it is a symbolic link, by a call that does not otherwise. */
  SYMLINK_FOLLOW: 0x400,
  /** An automount point is not mounted. */
  NO_AUTOMOUNT: 0x800,
  /** An empty path is the descriptor itself. */
  EMPTY_PATH: 0x1000,
  /** With everything mounted below. */
  RECURSIVE: 0x8000,
} as const;

/**
 * `openat(dirfd, pathname, flags, mode)`: opens a file.
 *
 * @param dirfd Where a relative path begins: a directory, or `AT.FDCWD`.
 * @param flags {@linkcode O} members. `CLOEXEC` is not added for you.
 * @param mode Permissions of a file that is made.
 * @returns A descriptor for the caller to close.
 * @throws {PermissionError} `EACCES`, `EPERM`: not allowed.
 * @throws {ValueError} `ENOENT`, `ENOTDIR`, `EISDIR`, `EEXIST`, `ELOOP`, `ENAMETOOLONG`, `EINVAL`, `EBADF`.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit. `ENOSPC`, `EROFS`, `EBUSY`, and others of the manual.
 */
export function openat(
  dirfd: FdLike,
  pathname: PathLike | PinnedString,
  flags: number,
  mode: number = 0,
): number {
  return check("openat", openat_quietly(dirfd, pathname, flags, mode), pathname);
}

/**
 * `openat(dirfd, pathname, flags, mode)` of what may be gone, for whom that is a usual case and no error: an exception
 * takes several times as long as the call.
 *
 * @returns A descriptor for the caller to close, or -1 for each errno that {@linkcode openat} throws for.
 */
export function openat_quietly(
  dirfd: FdLike,
  pathname: PathLike | PinnedString,
  flags: number,
  mode: number = 0,
): number {
  return c.openat(
    fileno(dirfd),
    cstring(pathname, "pathname"),
    int(flags, "flags"),
    uint(mode, "mode"),
  );
}
