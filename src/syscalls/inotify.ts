/**
 * Changes of files and directories, read through a descriptor:
 * {@link https://man7.org/linux/man-pages/man7/inotify.7.html | inotify(7)}.
 *
 * @module
 */
import { read } from "bun:ffi";

import { InternalError, MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import {
  bind,
  cstring,
  type FdLike,
  fileno,
  int,
  type PathLike,
  type Pinned,
  type PinnedString,
  raiseUserLimit,
  raiseUserLimitOrDescriptors,
  room,
  since,
  size,
  sysctl,
  uint,
} from "../libc.ts";

/** What each errno of these calls becomes. */
export const inotify_errors = {
  inotify_init1: {
    ...since("2.6.27"),
    EINVAL: ValueError,
    EMFILE: [OSError, () => raiseUserLimitOrDescriptors("fs.inotify.max_user_instances")],
    ENFILE: [OSError, () => `the system is at fs.file-max (${sysctl("fs.file-max")} now)`],
    ENOMEM: MemoryError,
  },
  inotify_add_watch: {
    ...since("2.6.13"),
    EACCES: [PermissionError, "watching needs read permission"],
    EBADF: ValueError,
    EEXIST: [ValueError, "the inode is already watched and IN_MASK_CREATE is set"],
    EFAULT: InternalError,
    EINVAL: [
      ValueError,
      "the mask asks for no event or for an illegal pair, or the descriptor is not inotify's",
    ],
    ELOOP: ValueError,
    ENAMETOOLONG: ValueError,
    ENOENT: ValueError,
    ENOMEM: MemoryError,
    ENOSPC: [
      OSError,
      () => `${raiseUserLimit("fs.inotify.max_user_watches")}, the disk is not full`,
    ],
    ENOTDIR: [ValueError, "a part of the path is not a directory, or IN_ONLYDIR is set"],
  },
  inotify_rm_watch: {
    ...since("2.6.13"),
    EBADF: ValueError,
    EINVAL: [ValueError, "there is no such watch any more, or the descriptor is not inotify's"],
  },
} as const;

const { c, check } = bind(
  {
    inotify_init1: { args: ["i32" /* int flags */], returns: "i32" },
    inotify_add_watch: {
      args: ["i32" /* int fd */, "cstring" /* const char *pathname */, "u32" /* uint32_t mask */],
      returns: "i32",
    },
    inotify_rm_watch: { args: ["i32" /* int fd */, "i32" /* int wd */], returns: "i32" },
  },
  inotify_errors,
);

/** What can be asked for: events, and flags that say how to watch. */
export const IN = {
  /** A file was read, or executed. */
  ACCESS: 0x1,
  /** A file was written or truncated. */
  MODIFY: 0x2,
  /** Metadata changed: permissions, times, link count, extended attributes, owner. */
  ATTRIB: 0x4,
  /** A file that was open for writing was closed. */
  CLOSE_WRITE: 0x8,
  /** A file or directory that was not open for writing was closed. */
  CLOSE_NOWRITE: 0x10,
  /** A file or directory was opened. */
  OPEN: 0x20,
  /** An entry was renamed away. Its other half has the same cookie. */
  MOVED_FROM: 0x40,
  /** An entry was renamed to here. Its other half has the same cookie. */
  MOVED_TO: 0x80,
  /** An entry was made. */
  CREATE: 0x100,
  /** An entry was deleted. */
  DELETE: 0x200,
  /** The watched inode was deleted. `IGNORED` follows. */
  DELETE_SELF: 0x400,
  /** The watched inode was renamed; it is still watched. */
  MOVE_SELF: 0x800,
  /** `CLOSE_WRITE | CLOSE_NOWRITE`. */
  CLOSE: 0x18,
  /** `MOVED_FROM | MOVED_TO`. */
  MOVE: 0xc0,
  /** Every event above. */
  ALL_EVENTS: 0xfff,
  /** How: only if it is a directory, else `ENOTDIR`. */
  ONLYDIR: 0x1000000,
  /** How: a symbolic link itself, not what it points to. */
  DONT_FOLLOW: 0x2000000,
  /** How: no events of entries that were unlinked while open. */
  EXCL_UNLINK: 0x4000000,
  /** How: `EEXIST` if the inode is already watched. Linux 4.18. */
  MASK_CREATE: 0x10000000,
  /** How: add to the inode's mask, and do not replace it. */
  MASK_ADD: 0x20000000,
  /** How: remove the watch after one event. */
  ONESHOT: 0x80000000,
  /** For {@linkcode inotify_init1}: reads return at once. */
  NONBLOCK: 0o4000,
  /** For {@linkcode inotify_init1}: closed by execve. */
  CLOEXEC: 0o2000000,
} as const;

/** What only the kernel sets in an event's mask, whatever was asked for. */
export const IN_REPORTED = {
  /** The file system was unmounted. `IGNORED` follows. */
  UNMOUNT: 0x2000,
  /** The queue was full and events were lost. `wd` is -1. */
  Q_OVERFLOW: 0x4000,
  /** The watch is gone. */
  IGNORED: 0x8000,
  /** The entry is a directory. Not set in `DELETE_SELF` and `MOVE_SELF`. */
  ISDIR: 0x40000000,
} as const;

/** `struct inotify_event` */
export interface InotifyEventStruct {
  /** Watch descriptor, -1 for an overflow. */
  readonly wd: number;
  /** {@linkcode IN} and {@linkcode IN_REPORTED} members. */
  readonly mask: number;
  /** Connects the two halves of a rename, else 0. */
  readonly cookie: number;
  /** Bytes of `name` in the record, with its NUL padding. */
  readonly len: number;
  /** The entry's name without padding, of length 0 if the event is about the watched inode itself. */
  readonly name: Uint8Array;
}

/** `offsetof(struct inotify_event, name)`: bytes before the name. */
export const INOTIFY_EVENT_SIZE = 16;

/**
 * `inotify_init1(flags)`: makes an instance without watches.
 *
 * @param flags `IN.NONBLOCK`, `IN.CLOEXEC`, both or 0.
 * @returns A descriptor for the caller to close.
 * @throws {OSError} `EMFILE`: at fs.inotify.max_user_instances or the descriptor limit. `ENFILE`.
 * @throws {ValueError} `EINVAL`: unknown flag.
 */
export function inotify_init1(flags: number): number {
  return check("inotify_init1", c.inotify_init1(int(flags, "flags")));
}

/**
 * `inotify_add_watch(fd, pathname, mask)`: watches an inode, or changes what is
 * watched of it. The mask is replaced unless it has `IN.MASK_ADD`; two paths to one inode
 * are one watch.
 *
 * @param mask {@linkcode IN} members.
 * @returns The watch descriptor.
 * @throws {PermissionError} `EACCES`: not readable.
 * @throws {OSError} `ENOSPC`: at fs.inotify.max_user_watches.
 * @throws {ValueError} `ENOENT`, `ENOTDIR`, `EEXIST`, `ELOOP`, `ENAMETOOLONG`, `EINVAL`, `EBADF`.
 */
export function inotify_add_watch(
  fd: FdLike,
  pathname: PathLike | PinnedString,
  mask: number,
): number {
  const result = c.inotify_add_watch(fileno(fd), cstring(pathname, "pathname"), uint(mask, "mask"));
  return check("inotify_add_watch", result, pathname);
}

/**
 * `inotify_rm_watch(fd, wd)`: stops a watch. An `IGNORED` event follows, and
 * events that were queued before still arrive.
 *
 * @throws {ValueError} `EINVAL`: no such watch. `EBADF`.
 */
export function inotify_rm_watch(fd: FdLike, wd: number): void {
  check("inotify_rm_watch", c.inotify_rm_watch(fileno(fd), int(wd, "wd")));
}

/** Takes one record: its fields, and where its name is in the buffer with its padding. */
export type InotifyVisitor = (
  wd: number,
  mask: number,
  cookie: number,
  name: number,
  len: number,
) => void;

/**
 * Visits each `struct inotify_event` of what one read returned. The kernel writes
 * whole records only; a record that claims to be longer than what was read ends the visit, so
 * that nothing past it is read.
 *
 * @param length How many bytes were read.
 * @returns How many bytes were visited.
 */
export function read_inotify_events(buf: Pinned, length: number, visit: InotifyVisitor): number {
  room(buf, "buf", size(length, "length"));
  const { view } = buf;
  let offset = 0;
  while (offset + INOTIFY_EVENT_SIZE <= length) {
    const len = view.getUint32(offset + 12, true);
    const name = offset + INOTIFY_EVENT_SIZE;
    if (name + len > length) break;
    visit(
      view.getInt32(offset, true),
      view.getUint32(offset + 4, true),
      view.getUint32(offset + 8, true),
      name,
      len,
    );
    offset = name + len;
  }
  return offset;
}

/**
 * Reads the `struct inotify_event` at `offset` of what one read returned, with a
 * copy of its name.
 *
 * @param length How many bytes were read.
 * @returns The record, or `undefined` if there is no whole one.
 */
export function read_inotify_event(
  buf: Pinned,
  offset: number,
  length: number,
): InotifyEventStruct | undefined {
  const address = room(buf, "buf", size(length, "length"));
  if (size(offset, "offset") + INOTIFY_EVENT_SIZE > length) return undefined;
  const len = read.u32(address, offset + 12);
  const from = offset + INOTIFY_EVENT_SIZE;
  if (from + len > length) return undefined;
  const padded = buf.bytes.subarray(from, from + len);
  const nul = padded.indexOf(0);
  return {
    wd: read.i32(address, offset),
    mask: read.u32(address, offset + 4),
    cookie: read.u32(address, offset + 8),
    len,
    name: padded.slice(0, nul === -1 ? len : nul),
  };
}
