/**
 * Properties of mounts:
 * {@link https://man7.org/linux/man-pages/man2/mount_setattr.2.html | mount_setattr(2)}. Old C
 * libraries have no function for it.
 *
 * @module
 */
import { MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import {
  bind,
  cstring,
  type FdLike,
  fileno,
  numbered,
  type PathLike,
  since,
  size_t,
  SYS,
  uint,
  uint64,
} from "../libc.ts";

/** What each errno of these calls becomes. */
export const mount_setattr_errors = {
  mount_setattr: {
    ENOSYS: since("5.12").ENOSYS,
    EACCES: PermissionError,
    EBADF: [ValueError, "dirfd or userns_fd is not open"],
    EBUSY: [ValueError, "files are open for writing in it"],
    EINVAL: [
      ValueError,
      "it is no mount point, an attribute or a combination is not known, or it cannot be id-mapped: already attached, not supported by its file system, or userns_fd is no user namespace",
    ],
    ELOOP: ValueError,
    ENAMETOOLONG: ValueError,
    ENOENT: ValueError,
    ENOMEM: MemoryError,
    ENOSPC: [OSError, "the kernel has no peer group left"],
    ENOTDIR: ValueError,
    EPERM: [
      PermissionError,
      "it needs CAP_SYS_ADMIN over the mount namespace, the attribute is locked, it is id-mapped already or to the initial user namespace, or a sandbox refuses it",
    ],
  },
} as const;

const { c, check } = bind(
  {
    syscall: numbered(
      "i32" /* int dirfd */,
      "cstring" /* const char *pathname */,
      "u32" /* unsigned int flags */,
      "ptr" /* struct mount_attr *attr */,
      size_t /* size_t size */,
    ),
  },
  mount_setattr_errors,
);

/** What a mount can be. */
export const MOUNT_ATTR = {
  RDONLY: 0x1,
  NOSUID: 0x2,
  NODEV: 0x4,
  NOEXEC: 0x8,
  /** The bits that say how access times are kept: one of the next three. */
  _ATIME: 0x70,
  RELATIME: 0x00,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
  /** Users and groups as `userns_fd` maps them. */
  IDMAP: 0x10_0000,
  /** Symbolic links are not followed. Linux 5.14. */
  NOSYMFOLLOW: 0x20_0000,
} as const;

/** `struct mount_attr` */
export interface MountAttr {
  /** {@linkcode MOUNT_ATTR} members to set. For a kind of access times, `_ATIME` is to be cleared. */
  readonly attr_set: number | bigint;
  /** {@linkcode MOUNT_ATTR} members to clear, before the others are set. */
  readonly attr_clr: number | bigint;
  /** `MS.SHARED`, `MS.SLAVE`, `MS.PRIVATE`, `MS.UNBINDABLE`, or 0 for as it is. */
  readonly propagation: number | bigint;
  /** A user namespace, borrowed, for `IDMAP`; else 0. */
  readonly userns_fd: FdLike;
}

/** `sizeof(struct mount_attr)` as it was first published; newer kernels take it as well. */
export const MOUNT_ATTR_SIZE = 32;

/**
 * `mount_setattr(dirfd, pathname, flags, attr, sizeof(*attr))`: changes a mount, or with `AT.RECURSIVE`
 * all below it, or none if one can't be changed.
 *
 * @param flags {@linkcode AT} members but `FDCWD`, or 0.
 * @throws {PermissionError} `EPERM`, `EACCES`.
 * @throws {ValueError} `EINVAL`: no mount point, or not possible. `EBUSY`, `EBADF`, `ENOENT`, `ENOTDIR`,
 * `ELOOP`, `ENAMETOOLONG`.
 * @throws {OSError} `ENOSPC`.
 * @throws {MemoryError} `ENOMEM`.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.12.
 */
export function mount_setattr(
  dirfd: FdLike,
  pathname: PathLike,
  flags: number,
  attr: MountAttr,
): void {
  const number = fileno(dirfd);
  const path = cstring(pathname, "pathname");
  const options = uint(flags, "flags");
  const struct = write_mount_attr(attr);
  check(
    "mount_setattr",
    c.syscall(SYS.mount_setattr, number, path, options, struct, MOUNT_ATTR_SIZE),
    path.length > 0 ? pathname : undefined,
  );
}

/** Writes a `struct mount_attr`. */
export function write_mount_attr(attr: MountAttr): Uint8Array<ArrayBuffer> {
  const struct = new Uint8Array(MOUNT_ATTR_SIZE);
  const view = new DataView(struct.buffer);
  view.setBigUint64(0, uint64(attr.attr_set, "attr_set"), true);
  view.setBigUint64(8, uint64(attr.attr_clr, "attr_clr"), true);
  view.setBigUint64(16, uint64(attr.propagation, "propagation"), true);
  view.setBigUint64(24, BigInt.asUintN(64, BigInt(fileno(attr.userns_fd))), true);
  return struct;
}
