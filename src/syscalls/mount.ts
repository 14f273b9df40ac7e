/**
 * Mounting by path: {@link https://man7.org/linux/man-pages/man2/mount.2.html | mount(2)},
 * {@link https://man7.org/linux/man-pages/man2/umount.2.html | umount2(2)} and
 * {@link https://man7.org/linux/man-pages/man2/pivot_root.2.html | pivot_root(2)}, which C
 * libraries have no function for.
 *
 * @module
 */
import {
  InternalError,
  MemoryError,
  OSError,
  PermissionError,
  RetryError,
  ValueError,
} from "../errors.ts";
import {
  bind,
  cstring,
  int,
  numbered,
  type PathLike,
  since,
  size_t,
  SYS,
  sysctl,
  uint,
} from "../libc.ts";

/** What every walk along a path can meet. */
const path_errors = {
  EFAULT: InternalError,
  ELOOP: ValueError,
  ENAMETOOLONG: ValueError,
  ENOENT: ValueError,
  ENOMEM: MemoryError,
} as const;

const EPERM = [
  PermissionError,
  "it needs CAP_SYS_ADMIN over the mount namespace, the mount is locked in it, or a sandbox refuses it",
] as const;

const { ENOSYS } = since("2.6");

/** What each errno of these calls becomes. A file system may have some of its own. */
export const mount_errors = {
  mount: {
    ...path_errors,
    ENOSYS,
    EPERM,
    EACCES: [
      PermissionError,
      "a directory is not searchable, the device is read-only and MS.RDONLY not given, or it is on a file system mounted nodev",
    ],
    EBUSY: [ValueError, "it is mounted there already, or files are open for writing"],
    EINVAL: [
      ValueError,
      "no such file system is on the source, an option or a combination of flags is wrong, or the target is no mount to change (the kernel's log may say more: dmesg)",
    ],
    EMFILE: [OSError, "the table of dummy devices is full"],
    ENODEV: [OSError, "this kernel has no such file system (see /proc/filesystems)"],
    ENOSPC: [
      OSError,
      () => `the mount namespace is at fs.mount-max (${sysctl("fs.mount-max")} now)`,
    ],
    ENOTBLK: [ValueError, "the source is no block device"],
    ENOTDIR: [ValueError, "one of source and target is a directory, and the other is none"],
    ENXIO: [OSError, "no driver has the device"],
    EROFS: [OSError, "the device is read-only, and MS.RDONLY not given"],
  },
  umount2: {
    ...path_errors,
    ENOSYS,
    EPERM,
    EACCES: PermissionError,
    EAGAIN: [RetryError, "nothing uses it, and it is marked now: call again to unmount it"],
    EBUSY: [ValueError, "something uses it: an open file, a working directory or a mount in it"],
    EINVAL: [
      ValueError,
      "it is no mount point, is locked in this mount namespace, or the flags do not go together",
    ],
    ENOTDIR: ValueError,
  },
  pivot_root: {
    ...path_errors,
    ENOSYS,
    EPERM,
    EACCES: PermissionError,
    EBUSY: [ValueError, "new_root or put_old is on the root's own mount"],
    EINVAL: [
      ValueError,
      "new_root is no mount point, put_old is not below it, or the root, new_root or its parent is mounted shared",
    ],
    ENOTDIR: [ValueError, "new_root or put_old is no directory"],
  },
} as const;

const { c, check } = bind(
  {
    mount: {
      args: [
        "cstring" /* const char *source */,
        "cstring" /* const char *target */,
        "cstring" /* const char *filesystemtype */,
        size_t /* unsigned long mountflags */,
        "cstring" /* const void *data */,
      ],
      returns: "i32",
    },
    umount2: { args: ["cstring" /* const char *target */, "i32" /* int flags */], returns: "i32" },
    syscall: numbered("cstring" /* const char *new_root */, "cstring" /* const char *put_old */),
  },
  mount_errors,
);

/** Flags of {@linkcode mount}, and kinds of propagation. */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  /** Writes are on the device when they return. */
  SYNCHRONOUS: 16,
  /** Changes a mount: its flags with `BIND`, else those of its file system. */
  REMOUNT: 32,
  MANDLOCK: 64,
  DIRSYNC: 128,
  /** Symbolic links are not followed. Linux 5.10. */
  NOSYMFOLLOW: 256,
  NOATIME: 1024,
  NODIRATIME: 2048,
  /** Mounts a directory or file that exists already. */
  BIND: 4096,
  /** Moves a mount. */
  MOVE: 8192,
  /** With what is mounted below, for `BIND` and propagation. */
  REC: 16384,
  SILENT: 32768,
  /** Private, and cannot be bound elsewhere. */
  UNBINDABLE: 1 << 17,
  /** Mounts below are seen here alone. */
  PRIVATE: 1 << 18,
  /** Mounts of the peers appear here, those here nowhere else. */
  SLAVE: 1 << 19,
  /** Mounts below appear at its peers, and theirs here. */
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
  LAZYTIME: 1 << 25,
} as const;

/** Flags of {@linkcode umount2}. */
export const MNT = {
  /** Aborts requests under way, where the file system can. Data may be lost. */
  FORCE: 1,
  /** Out of sight at once, gone when nobody uses it any more. */
  DETACH: 2,
  /** The first time marks, the second unmounts if nothing used it in between. */
  EXPIRE: 4,
} as const;

/** A further flag of {@linkcode umount2}. */
export const UMOUNT = {
  /** `target` is not followed if it is a symbolic link. */
  NOFOLLOW: 8,
} as const;

/** The kernel copies one page of options, and cuts what is longer. */
const DATA_MAX = 4095;

/**
 * `mount(source, target, filesystemtype, mountflags, data)`: mounts a file system, or binds, moves or
 * changes a mount.
 *
 * @param mountflags {@linkcode MS} members, or 0.
 * @param data Options of the file system, up to 4095 bytes; `null` for none.
 * @throws {PermissionError} `EPERM`, `EACCES`.
 * @throws {ValueError} `EINVAL`, `EBUSY`, `ENOENT`, `ENOTDIR`, `ENOTBLK`, `ELOOP`, `ENAMETOOLONG`.
 * @throws {OSError} `ENODEV`: unknown file system. `ENXIO`, `EROFS`, `EMFILE`, `ENOSPC`.
 * @throws {MemoryError} `ENOMEM`.
 */
export function mount(
  source: PathLike | null,
  target: PathLike,
  filesystemtype: string | null,
  mountflags: number,
  data: PathLike | null,
): void {
  const from = source === null ? null : cstring(source, "source");
  const to = cstring(target, "target");
  const type = filesystemtype === null ? null : cstring(filesystemtype, "filesystemtype");
  const flags = uint(mountflags, "mountflags");
  const options = data === null ? null : cstring(data, "data");
  // Bytes have their NUL already.
  const length =
    typeof options === "string" ? Buffer.byteLength(options) : (options?.length ?? 1) - 1;
  if (length > DATA_MAX)
    throw new RangeError(`Cannot take data: its ${length} bytes are more than ${DATA_MAX}`);
  check("mount", c.mount(from, to, type, flags, options), source ?? undefined, target);
}

/**
 * `umount2(target, flags)`: unmounts what is topmost at `target`.
 *
 * @param flags {@linkcode MNT} and {@linkcode UMOUNT} members, or 0.
 * @throws {RetryError} `EAGAIN`: `MNT.EXPIRE` marked it; call again.
 * @throws {PermissionError} `EPERM`, `EACCES`.
 * @throws {ValueError} `EBUSY`: in use. `EINVAL`: no mount point. `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`.
 * @throws {MemoryError} `ENOMEM`.
 */
export function umount2(target: PathLike, flags: number): void {
  check("umount2", c.umount2(cstring(target, "target"), int(flags, "flags")), target);
}

/**
 * `pivot_root(new_root, put_old)`: makes a mount the root, and moves the old root to `put_old` below it.
 *
 * It holds for the whole mount namespace: every process whose root or working directory was the old
 * root has the new one.
 *
 * @throws {PermissionError} `EPERM`, `EACCES`.
 * @throws {ValueError} `EINVAL`: `new_root` is no mount point, or something is mounted shared. `EBUSY`,
 * `ENOTDIR`, `ENOENT`, `ELOOP`, `ENAMETOOLONG`.
 * @throws {MemoryError} `ENOMEM`.
 */
export function pivot_root(new_root: PathLike, put_old: PathLike): void {
  const root = cstring(new_root, "new_root");
  check(
    "pivot_root",
    c.syscall(SYS.pivot_root, root, cstring(put_old, "put_old")),
    new_root,
    put_old,
  );
}
