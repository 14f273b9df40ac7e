/**
 * File systems set up step by step:
 * {@link https://man7.org/linux/man-pages/man2/fsopen.2.html | fsopen(2)},
 * {@link https://man7.org/linux/man-pages/man2/fspick.2.html | fspick(2)} and
 * {@link https://man7.org/linux/man-pages/man2/fsmount.2.html | fsmount(2)}. Old C libraries have no
 * functions for them.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import {
  bind,
  cstring,
  type FdLike,
  fileno,
  numbered,
  type PathLike,
  since,
  SYS,
  sysctl,
  uint,
} from "../libc.ts";

const context_errors = {
  ENOSYS: since("5.2").ENOSYS,
  EPERM: [
    PermissionError,
    "it needs CAP_SYS_ADMIN over the mount namespace, or a sandbox refuses it",
  ],
  EFAULT: InternalError,
  ENOMEM: MemoryError,
} as const;

const limit_errors = {
  EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
  ENFILE: [OSError, () => `the system is at fs.file-max (${sysctl("fs.file-max")} now)`],
} as const;

/** What each errno of these calls becomes. A file system may have some of its own. */
export const fsopen_errors = {
  fsopen: {
    ...context_errors,
    ...limit_errors,
    EINVAL: [ValueError, "the name is empty or too long, or a flag is unknown"],
    ENODEV: [OSError, "this kernel has no such file system (see /proc/filesystems)"],
  },
  fspick: {
    ...context_errors,
    ...limit_errors,
    EACCES: PermissionError,
    EBADF: ValueError,
    EINVAL: [ValueError, "it is no mount point, or a flag is unknown"],
    ELOOP: ValueError,
    ENAMETOOLONG: ValueError,
    ENOENT: ValueError,
    ENOTDIR: ValueError,
    EOPNOTSUPP: [OSError, "the file system cannot be changed"],
  },
  fsmount: {
    ...context_errors,
    ...limit_errors,
    EBADF: ValueError,
    EBUSY: [ValueError, "FSCONFIG.CMD_CREATE did not come before, or was mounted already"],
    EINVAL: [ValueError, "it is no file system's context, or a flag is unknown"],
    ENOSPC: [
      OSError,
      () => `the mount namespace is at fs.mount-max (${sysctl("fs.mount-max")} now)`,
    ],
  },
} as const;

const open = bind(
  {
    syscall: numbered("cstring" /* const char *fsname */, "u32" /* unsigned int flags */),
  },
  fsopen_errors,
);

const pick = bind(
  {
    syscall: numbered(
      "i32" /* int dfd */,
      "cstring" /* const char *path */,
      "u32" /* unsigned int flags */,
    ),
  },
  fsopen_errors,
);

const attach = bind(
  {
    syscall: numbered(
      "i32" /* int fs_fd */,
      "u32" /* unsigned int flags */,
      "u32" /* unsigned int attr_flags */,
    ),
  },
  fsopen_errors,
);

/** Flags of {@linkcode fsopen}. */
export const FSOPEN = { CLOEXEC: 1 } as const;

/** Flags of {@linkcode fsmount}. */
export const FSMOUNT = { CLOEXEC: 1 } as const;

/** Flags of {@linkcode fspick}. */
export const FSPICK = { CLOEXEC: 1, SYMLINK_NOFOLLOW: 2, NO_AUTOMOUNT: 4, EMPTY_PATH: 8 } as const;

/**
 * `fsopen(fsname, flags)`: begins a file system.
 *
 * @param flags {@linkcode FSOPEN} members, or 0.
 * @returns A descriptor for the caller to close.
 * @throws {PermissionError} `EPERM`.
 * @throws {ValueError} `EINVAL`.
 * @throws {OSError} `ENODEV`: unknown file system. `EMFILE`, `ENFILE`.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.2.
 */
export function fsopen(fsname: string, flags: number): number {
  const name = cstring(fsname, "fsname");
  return Number(
    open.check("fsopen", open.c.syscall(SYS.fsopen, name, uint(flags, "flags")), fsname),
  );
}

/**
 * `fspick(dfd, path, flags)`: begins to change the file system of a mount.
 *
 * @param flags {@linkcode FSPICK} members, or 0.
 * @returns A descriptor for the caller to close.
 * @throws {PermissionError} `EPERM`, `EACCES`.
 * @throws {ValueError} `EINVAL`: no mount point. `EBADF`, `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`.
 * @throws {OSError} `EOPNOTSUPP`, `EMFILE`, `ENFILE`.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.2.
 */
export function fspick(dfd: FdLike, path: PathLike, flags: number): number {
  const number = fileno(dfd);
  const name = cstring(path, "path");
  return Number(
    pick.check("fspick", pick.c.syscall(SYS.fspick, number, name, uint(flags, "flags")), path),
  );
}

/**
 * `fsmount(fs_fd, flags, attr_flags)`: a mount of the file system, which is nowhere yet: `move_mount`
 * gives it a place.
 *
 * @param flags {@linkcode FSMOUNT} members, or 0.
 * @param attr_flags {@linkcode MOUNT_ATTR} members, or 0.
 * @returns A descriptor as of `O_PATH`, for the caller to close. Without a place, the mount is gone with it.
 * @throws {PermissionError} `EPERM`.
 * @throws {ValueError} `EBUSY`: not created, or mounted already. `EINVAL`, `EBADF`.
 * @throws {OSError} `ENOSPC`, `EMFILE`, `ENFILE`: at a limit.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.2.
 */
export function fsmount(fs_fd: FdLike, flags: number, attr_flags: number): number {
  const number = fileno(fs_fd);
  const options = uint(flags, "flags");
  return Number(
    attach.check(
      "fsmount",
      attach.c.syscall(SYS.fsmount, number, options, uint(attr_flags, "attr_flags")),
    ),
  );
}
