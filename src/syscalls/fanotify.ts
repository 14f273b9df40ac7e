/**
 * What happens to files, directories, mounts and whole file systems, and decisions on it:
 * {@link https://man7.org/linux/man-pages/man7/fanotify.7.html | fanotify(7)},
 * {@link https://man7.org/linux/man-pages/man2/fanotify_init.2.html | fanotify_init(2)} and
 * {@link https://man7.org/linux/man-pages/man2/fanotify_mark.2.html | fanotify_mark(2)}.
 *
 * @module
 */
import {
  InternalError,
  MemoryError,
  OSError,
  PermissionError,
  UnsupportedError,
  ValueError,
} from "../errors.ts";
import {
  bind,
  cstring,
  type FdLike,
  fileno,
  type PathLike,
  raiseUserLimit,
  raiseUserLimitOrDescriptors,
  since,
  size_t,
  ssize_t,
  sysctl,
  uint,
  uint64,
} from "../libc.ts";
import { type FanotifyResponse, write_fanotify_response } from "./fanotify-response.ts";
import { AT } from "./open.ts";

const { ENOSYS } = since("2.6.37");

/** What each errno of these calls becomes. */
export const fanotify_errors = {
  fanotify_init: {
    ENOSYS,
    EINVAL: [ValueError, "a flag is unknown to this kernel, or flags exclude each other"],
    EMFILE: [OSError, () => raiseUserLimitOrDescriptors("fs.fanotify.max_user_groups")],
    ENFILE: [OSError, () => `the system is at fs.file-max (${sysctl("fs.file-max")} now)`],
    ENOMEM: MemoryError,
    EPERM: [
      PermissionError,
      "without CAP_SYS_ADMIN it takes Linux 5.13, FAN_REPORT_FID or FAN_REPORT_NAME, and FAN_CLASS_NOTIF",
    ],
  },
  fanotify_mark: {
    ENOSYS,
    EACCES: [PermissionError, "marking needs read permission"],
    EBADF: [ValueError, "the descriptor is not fanotify's, or the one in place of a path not open"],
    EEXIST: [
      ValueError,
      "there is a mark of another kind: FAN_MARK_EVICTABLE and FAN_MARK_IGNORE exclude those without",
    ],
    EFAULT: InternalError,
    EINVAL: [
      ValueError,
      "the mask has an event that this group or this kind of mark does not report, or a flag is unknown to this kernel",
    ],
    EISDIR: [ValueError, "FAN_MARK_IGNORE of a directory needs FAN_MARK_IGNORED_SURV_MODIFY"],
    ELOOP: ValueError,
    ENAMETOOLONG: ValueError,
    ENODEV: [
      UnsupportedError,
      "the file system has no fsid, which reports by handle need, and tmpfs has since Linux 5.13",
    ],
    ENOENT: [ValueError, "there is no such path, or no such mark to remove"],
    ENOMEM: MemoryError,
    ENOSPC: [
      OSError,
      () => `${raiseUserLimit("fs.fanotify.max_user_marks")}, the disk is not full`,
    ],
    ENOTDIR: [
      ValueError,
      "a part of the path is not a directory, or the mask has events that only directories have",
    ],
    EOPNOTSUPP: [UnsupportedError, "the file system has no file handles, or no such events"],
    EPERM: [
      PermissionError,
      "marks of mounts, file systems and mount namespaces need CAP_SYS_ADMIN",
    ],
    EXDEV: [
      UnsupportedError,
      "the file system has an fsid for each subvolume, which reports by handle cannot use",
    ],
  },
  write: {
    ENOSYS: since("2.6.37").ENOSYS,
    EPERM: since("2.6.37").EPERM,
    EBADF: ValueError,
    EFAULT: InternalError,
    EINVAL: [
      ValueError,
      "the response is none that this group may give, the descriptor is not fanotify's, or the kernel decides nothing",
    ],
    ENOENT: [ValueError, "no event with that descriptor waits: it was answered, or never was"],
  },
} as const;

const { c, check } = bind(
  {
    fanotify_init: {
      args: ["u32" /* unsigned int flags */, "u32" /* unsigned int event_f_flags */],
      returns: "i32",
    },
    fanotify_mark: {
      args: [
        "i32" /* int fanotify_fd */,
        "u32" /* unsigned int flags */,
        "u64" /* uint64_t mask */,
        "i32" /* int dirfd */,
        "cstring" /* const char *pathname */,
      ],
      returns: "i32",
    },
    write: {
      args: ["i32" /* int fd */, "ptr" /* const void *buf */, size_t /* count */],
      returns: ssize_t,
    },
  },
  fanotify_errors,
);

/** What can be asked for, in a mask of {@linkcode fanotify_mark}. */
export const FAN = {
  /** A file was read. */
  ACCESS: 0x1n,
  /** A file was written or truncated. */
  MODIFY: 0x2n,
  /** Metadata changed. Reports by handle only, Linux 5.1. */
  ATTRIB: 0x4n,
  /** A file that was open for writing was closed. */
  CLOSE_WRITE: 0x8n,
  /** A file or directory that was not open for writing was closed. */
  CLOSE_NOWRITE: 0x10n,
  /** A file or directory was opened. */
  OPEN: 0x20n,
  /** An entry was renamed away. Reports by handle only, Linux 5.1. */
  MOVED_FROM: 0x40n,
  /** An entry was renamed to here. Reports by handle only, Linux 5.1. */
  MOVED_TO: 0x80n,
  /** An entry was made. Reports by handle only, Linux 5.1. */
  CREATE: 0x100n,
  /** An entry was deleted. Reports by handle only, Linux 5.1. */
  DELETE: 0x200n,
  /** The marked inode was deleted. Reports by handle only, Linux 5.1. */
  DELETE_SELF: 0x400n,
  /** The marked inode was renamed. Reports by handle only, Linux 5.1. */
  MOVE_SELF: 0x800n,
  /** A file was opened to be executed. Linux 5.0. */
  OPEN_EXEC: 0x1000n,
  /** A file system found an error in itself. Marks of file systems only, reports by handle only, Linux 5.16. */
  FS_ERROR: 0x8000n,
  /** A file or directory is to be opened: the event waits for a response. */
  OPEN_PERM: 0x10000n,
  /** A file or directory is to be read: the event waits for a response. */
  ACCESS_PERM: 0x20000n,
  /** A file is to be opened for execution: the event waits for a response. Linux 5.0. */
  OPEN_EXEC_PERM: 0x40000n,
  /** A part of a file is to be read or written: the event waits for a response. `CLASS_PRE_CONTENT` only, Linux 6.14. */
  PRE_ACCESS: 0x100000n,
  /** A mount was attached. Marks of mount namespaces only, Linux 6.15. */
  MNT_ATTACH: 0x1000000n,
  /** A mount was detached. Marks of mount namespaces only, Linux 6.15. */
  MNT_DETACH: 0x2000000n,
  /** How: events of the entries of a marked directory as well. */
  EVENT_ON_CHILD: 0x8000000n,
  /** An entry was renamed, both names in one event. `REPORT_NAME` only, Linux 5.17. */
  RENAME: 0x10000000n,
  /** How: events of directories as well. */
  ONDIR: 0x40000000n,
  /** `CLOSE_WRITE | CLOSE_NOWRITE`. */
  CLOSE: 0x18n,
  /** `MOVED_FROM | MOVED_TO`. */
  MOVE: 0xc0n,
} as const;

/** What only the kernel sets in an event's mask. Also `FAN.ONDIR`, of events of directories. */
export const FAN_REPORTED = {
  /** The queue was full and events were lost. */
  Q_OVERFLOW: 0x4000n,
} as const;

/** Flags of {@linkcode fanotify_init}. */
export const FAN_INIT = {
  /** Closed by execve. */
  CLOEXEC: 0x1,
  /** Reads return at once. */
  NONBLOCK: 0x2,
  /** Class: events are told after the fact. */
  CLASS_NOTIF: 0x0,
  /** Class: and accesses wait for a response, when the file has its final content. */
  CLASS_CONTENT: 0x4,
  /** Class: and accesses wait for a response, before the file has its final content. */
  CLASS_PRE_CONTENT: 0x8,
  /** No limit of queued events. */
  UNLIMITED_QUEUE: 0x10,
  /** No limit of marks. */
  UNLIMITED_MARKS: 0x20,
  /** Responses may ask for an audit record. Needs CAP_AUDIT_WRITE, Linux 4.15. */
  ENABLE_AUDIT: 0x40,
  /** Events have a pidfd of who caused them. Linux 5.15. */
  REPORT_PIDFD: 0x80,
  /** Events name the thread, and not the process. Linux 4.20. */
  REPORT_TID: 0x100,
  /** Events have a handle of the object, and no descriptor. Linux 5.1. */
  REPORT_FID: 0x200,
  /** Events have a handle of the directory. Linux 5.9. */
  REPORT_DIR_FID: 0x400,
  /** Events have the entry's name. With `REPORT_DIR_FID`, Linux 5.9. */
  REPORT_NAME: 0x800,
  /** Events of entries have the entry's handle as well. With the three above, Linux 5.17. */
  REPORT_TARGET_FID: 0x1000,
  /** An event without descriptor or pidfd has the negative errno in its place. Linux 6.13. */
  REPORT_FD_ERROR: 0x2000,
  /** Events of mounts. Linux 6.15. */
  REPORT_MNT: 0x4000,
} as const;

/** Flags of {@linkcode fanotify_mark}. */
export const FAN_MARK = {
  /** Adds to the mask of a mark, which is made if there is none. */
  ADD: 0x1,
  /** Removes from the mask of a mark, which goes with its last event. */
  REMOVE: 0x2,
  /** Removes all marks of one kind. */
  FLUSH: 0x80,
  /** A symbolic link itself, not what it points to. */
  DONT_FOLLOW: 0x4,
  /** Only if it is a directory, else `ENOTDIR`. */
  ONLYDIR: 0x8,
  /** Kind: a file or directory. */
  INODE: 0x0,
  /** Kind: everything below a mount point, through this mount. */
  MOUNT: 0x10,
  /** Kind: everything in the file system of the path. Linux 4.20. */
  FILESYSTEM: 0x100,
  /** Kind: the mounts of a namespace, by its file in /proc. Linux 6.15. */
  MNTNS: 0x110,
  /** The events are ignored, of entries and directories as well. {@linkcode FAN_MARK.IGNORE} is newer and clearer. */
  IGNORED_MASK: 0x20,
  /** What is ignored stays so when the file is modified. */
  IGNORED_SURV_MODIFY: 0x40,
  /** The mark does not keep its inode in memory, and goes with it. Linux 5.19. */
  EVICTABLE: 0x200,
  /** The events are ignored, of entries and directories only with `EVENT_ON_CHILD` and `ONDIR`. Linux 6.0. */
  IGNORE: 0x400,
  /** `IGNORE | IGNORED_SURV_MODIFY`, as all but files need it. */
  IGNORE_SURV: 0x440,
} as const;

/**
 * `fanotify_init(flags, event_f_flags)`: makes a group without marks.
 *
 * @param flags {@linkcode FAN_INIT} members: one class, and others.
 * @param event_f_flags How descriptors of events are open: `O` members, such as `O.RDONLY | O.CLOEXEC`.
 * @returns A descriptor for the caller to close. Closing it allows all that waits for a response.
 * @throws {PermissionError} `EPERM`: the flags need CAP_SYS_ADMIN, or `ENABLE_AUDIT` CAP_AUDIT_WRITE.
 * @throws {OSError} `EMFILE`: at fs.fanotify.max_user_groups or the descriptor limit. `ENFILE`.
 * @throws {ValueError} `EINVAL`: flags unknown to this kernel, or that exclude each other.
 */
export function fanotify_init(flags: number, event_f_flags: number): number {
  return check(
    "fanotify_init",
    c.fanotify_init(uint(flags, "flags"), uint(event_f_flags, "event_f_flags")),
  );
}

/**
 * `fanotify_mark(fanotify_fd, flags, mask, dirfd, pathname)`: adds to what is reported, or removes from it.
 *
 * @param flags {@linkcode FAN_MARK} members: one of `ADD`, `REMOVE` and `FLUSH`, a kind, and others.
 * @param mask {@linkcode FAN} members, 0n with `FLUSH`.
 * @param dirfd Where a relative path begins, or the object itself if there is no path.
 * @param pathname The object, `null` for that of `dirfd`.
 * @throws {PermissionError} `EPERM`: the kind needs CAP_SYS_ADMIN. `EACCES`: not readable.
 * @throws {ValueError} `ENOENT`, `ENOTDIR`, `EISDIR`, `EEXIST`, `ELOOP`, `ENAMETOOLONG`, `EINVAL`, `EBADF`.
 * @throws {OSError} `ENOSPC`: at fs.fanotify.max_user_marks.
 * @throws {UnsupportedError} `EOPNOTSUPP`, `ENODEV`, `EXDEV`: not with this file system.
 */
export function fanotify_mark(
  fanotify_fd: FdLike,
  flags: number,
  mask: bigint,
  dirfd: FdLike = AT.FDCWD,
  pathname: PathLike | null = null,
): void {
  const result = c.fanotify_mark(
    fileno(fanotify_fd),
    uint(flags, "flags"),
    uint64(mask, "mask"),
    fileno(dirfd),
    pathname === null ? null : cstring(pathname, "pathname"),
  );
  check("fanotify_mark", result, pathname ?? undefined);
}

/**
 * `write(fd, response, sizeof response)`: answers an event that waits.
 *
 * @throws {ValueError} `ENOENT`: no event with that descriptor waits. `EINVAL`: not a response of this group. `EBADF`.
 */
export function fanotify_write(fd: FdLike, response: FanotifyResponse): void {
  const number = fileno(fd);
  const bytes = write_fanotify_response(response);
  check("write", c.write(number, bytes, bytes.byteLength), `${response.fd}`);
}
