/**
 * Where paths begin: {@link https://man7.org/linux/man-pages/man2/chdir.2.html | fchdir(2)} and
 * {@link https://man7.org/linux/man-pages/man2/chroot.2.html | chroot(2)}. They are of the process, or of the calling
 * thread after `unshare(CLONE.FS)`. Bun remembers the working directory for `process.cwd()`, and is not told: use
 * `process.chdir()` where that will do.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import { bind, cstring, type FdLike, fileno, type PathLike, since } from "../libc.ts";

const { ENOSYS, EPERM } = since("2.2");

/** What each errno of these calls becomes. */
export const chdir_errors = {
  fchdir: {
    ENOSYS,
    EPERM,
    EACCES: PermissionError,
    EBADF: ValueError,
    EIO: OSError,
    ENOTDIR: ValueError,
  },
  chroot: {
    ENOSYS,
    EACCES: PermissionError,
    EFAULT: InternalError,
    EIO: OSError,
    ELOOP: ValueError,
    ENAMETOOLONG: ValueError,
    ENOENT: ValueError,
    ENOMEM: MemoryError,
    ENOTDIR: ValueError,
    EPERM: [PermissionError, "it needs CAP_SYS_CHROOT"],
  },
} as const;

const { c, check } = bind(
  {
    fchdir: { args: ["i32" /* int fd */], returns: "i32" },
    chroot: { args: ["cstring" /* const char *path */], returns: "i32" },
  },
  chdir_errors,
);

/**
 * `fchdir(fd)`: makes a directory the one where relative paths begin.
 *
 * @param fd Of a directory, opened with `O.PATH` if need be.
 * @throws {PermissionError} `EACCES`: it may not be searched.
 * @throws {ValueError} `EBADF`, `ENOTDIR`: not a directory.
 */
export function fchdir(fd: FdLike): void {
  check("fchdir", c.fchdir(fileno(fd)));
}

/**
 * `chroot(path)`: makes a directory the one where absolute paths begin. The working directory stays, so that a relative path
 * may still lead out: go to `/` as well.
 *
 * @throws {PermissionError} `EPERM`: without `CAP_SYS_CHROOT`. `EACCES`.
 * @throws {ValueError} `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`.
 */
export function chroot(path: PathLike): void {
  check("chroot", c.chroot(cstring(path, "path")), path);
}
