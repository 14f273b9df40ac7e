/**
 * Mounts held by a descriptor:
 * {@link https://man7.org/linux/man-pages/man2/open_tree.2.html | open_tree(2)},
 * {@link https://man7.org/linux/man-pages/man2/open_tree_attr.2.html | open_tree_attr(2)} and
 * {@link https://man7.org/linux/man-pages/man2/move_mount.2.html | move_mount(2)}. Old C libraries
 * have no functions for them.
 *
 * @module
 */
import {
  type ErrorRule,
  InternalError,
  MemoryError,
  OSError,
  PermissionError,
  ValueError,
} from "../errors.ts";
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
  sysctl,
  uint,
} from "../libc.ts";
import { MOUNT_ATTR_SIZE, type MountAttr, write_mount_attr } from "./mount-setattr.ts";

const EPERM = [
  PermissionError,
  "it needs CAP_SYS_ADMIN over the mount namespace, or a sandbox refuses it",
] as const satisfies ErrorRule;

const tree_errors = {
  EPERM,
  EACCES: PermissionError,
  EBADF: ValueError,
  EFAULT: InternalError,
  EINVAL: [
    ValueError,
    "the flags do not go together, or the mount is unbindable or of another mount namespace",
  ],
  ELOOP: ValueError,
  EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
  ENAMETOOLONG: ValueError,
  ENFILE: [OSError, () => `the system is at fs.file-max (${sysctl("fs.file-max")} now)`],
  ENOENT: ValueError,
  ENOMEM: MemoryError,
  ENOSPC: [OSError, () => `the mount namespace is at fs.mount-max (${sysctl("fs.mount-max")} now)`],
  ENOTDIR: ValueError,
} as const;

/** What each errno of these calls becomes. */
export const open_tree_errors = {
  open_tree: { ...tree_errors, ENOSYS: since("5.2").ENOSYS },
  open_tree_attr: {
    ...tree_errors,
    ENOSYS: since("6.15").ENOSYS,
    EBUSY: [ValueError, "files are open for writing in it"],
  },
  move_mount: {
    EPERM,
    ENOSYS: since("5.2").ENOSYS,
    EACCES: PermissionError,
    EBADF: ValueError,
    EBUSY: [ValueError, "it is mounted there already"],
    EFAULT: InternalError,
    EINVAL: [
      ValueError,
      "what is moved is no mount or one of another mount namespace, its parent is shared, or one of both is a directory and the other is none",
    ],
    ELOOP: [ValueError, "too many symbolic links, or the target is inside of what is moved"],
    ENAMETOOLONG: ValueError,
    ENOENT: ValueError,
    ENOMEM: MemoryError,
    ENOSPC: tree_errors.ENOSPC,
    ENOTDIR: [ValueError, "one of both is a directory, and the other is none"],
  },
} as const;

const tree = bind(
  {
    syscall: numbered(
      "i32" /* int dfd */,
      "cstring" /* const char *path */,
      "u32" /* unsigned int flags */,
      "ptr" /* struct mount_attr *attr */,
      size_t /* size_t size */,
    ),
  },
  open_tree_errors,
);

const move = bind(
  {
    syscall: numbered(
      "i32" /* int from_dfd */,
      "cstring" /* const char *from_path */,
      "i32" /* int to_dfd */,
      "cstring" /* const char *to_path */,
      "u32" /* unsigned int flags */,
    ),
  },
  open_tree_errors,
);

/** Flags of {@linkcode open_tree}, beside those of {@linkcode AT}. */
export const OPEN_TREE = {
  /** A copy that is mounted nowhere, and is gone with its descriptor unless it is moved to a place. */
  CLONE: 1,
  CLOEXEC: 0o2000000,
} as const;

/** Flags of {@linkcode move_mount}: `F` for what is moved (from), `T` for the target (to). */
export const MOVE_MOUNT = {
  F_SYMLINKS: 0x1,
  F_AUTOMOUNTS: 0x2,
  F_EMPTY_PATH: 0x4,
  T_SYMLINKS: 0x10,
  T_AUTOMOUNTS: 0x20,
  T_EMPTY_PATH: 0x40,
  /** Moves nothing: what is at the target joins the peer group of `from`. Linux 5.15. */
  SET_GROUP: 0x100,
  /** Below what is topmost at the target. Linux 6.5. */
  BENEATH: 0x200,
} as const;

/**
 * `open_tree(dfd, path, flags)`: holds a place in the tree, or with `OPEN_TREE.CLONE` a copy of a mount.
 *
 * @param flags {@linkcode OPEN_TREE} members, and of {@linkcode AT} `EMPTY_PATH`, `NO_AUTOMOUNT`,
 * `SYMLINK_NOFOLLOW`, and with `CLONE` `RECURSIVE`. `CLOEXEC` is not added for you.
 * @returns A descriptor as of `O_PATH`, for the caller to close.
 * @throws {PermissionError} `EPERM`, `EACCES`.
 * @throws {ValueError} `EINVAL`, `EBADF`, `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`.
 * @throws {OSError} `EMFILE`, `ENFILE`, `ENOSPC`: at a limit.
 * @throws {MemoryError} `ENOMEM`.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.2.
 */
export function open_tree(dfd: FdLike, path: PathLike, flags: number): number {
  const number = fileno(dfd);
  const name = cstring(path, "path");
  const options = uint(flags, "flags");
  return Number(
    tree.check("open_tree", tree.c.syscall(SYS.open_tree, number, name, options, null, 0), path),
  );
}

/**
 * `open_tree_attr(dfd, path, flags, attr, sizeof(*attr))`: {@linkcode open_tree} and `mount_setattr` of
 * its copy in one, which alone can change how a copy of an id-mapped mount is mapped.
 *
 * @param flags As of {@linkcode open_tree}; with `AT.RECURSIVE` the whole copy is changed.
 * @returns A descriptor as of `O_PATH`, for the caller to close.
 * @throws {PermissionError} `EPERM`, `EACCES`.
 * @throws {ValueError} `EINVAL`, `EBADF`, `EBUSY`, `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`.
 * @throws {OSError} `EMFILE`, `ENFILE`, `ENOSPC`: at a limit.
 * @throws {MemoryError} `ENOMEM`.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 6.15.
 */
export function open_tree_attr(
  dfd: FdLike,
  path: PathLike,
  flags: number,
  attr: MountAttr,
): number {
  const number = fileno(dfd);
  const name = cstring(path, "path");
  const options = uint(flags, "flags");
  const struct = write_mount_attr(attr);
  return Number(
    tree.check(
      "open_tree_attr",
      tree.c.syscall(SYS.open_tree_attr, number, name, options, struct, MOUNT_ATTR_SIZE),
      path,
    ),
  );
}

/**
 * `move_mount(from_dfd, from_path, to_dfd, to_path, flags)`: mounts what a descriptor holds, or moves a
 * mount.
 *
 * @param flags {@linkcode MOVE_MOUNT} members, or 0.
 * @throws {PermissionError} `EPERM`, `EACCES`.
 * @throws {ValueError} `EINVAL`, `EBADF`, `EBUSY`, `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`.
 * @throws {OSError} `ENOSPC`: at `fs.mount-max`.
 * @throws {MemoryError} `ENOMEM`.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.2.
 */
export function move_mount(
  from_dfd: FdLike,
  from_path: PathLike,
  to_dfd: FdLike,
  to_path: PathLike,
  flags: number,
): void {
  const from = fileno(from_dfd);
  const source = cstring(from_path, "from_path");
  const to = fileno(to_dfd);
  const target = cstring(to_path, "to_path");
  const options = uint(flags, "flags");
  move.check(
    "move_mount",
    move.c.syscall(SYS.move_mount, from, source, to, target, options),
    source.length > 0 ? from_path : undefined,
    to_path,
  );
}
