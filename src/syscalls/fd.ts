/**
 * Descriptors themselves: {@link https://man7.org/linux/man-pages/man2/read.2.html | read(2)},
 * {@link https://man7.org/linux/man-pages/man2/write.2.html | write(2)},
 * {@link https://man7.org/linux/man-pages/man2/close.2.html | close(2)},
 * {@link https://man7.org/linux/man-pages/man2/dup.2.html | dup(2)},
 * {@link https://man7.org/linux/man-pages/man2/pipe.2.html | pipe(2)},
 * {@link https://man7.org/linux/man-pages/man2/fcntl.2.html | fcntl(2)} and
 * {@link https://man7.org/linux/man-pages/man2/ioctl.2.html | ioctl(2)}.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import {
  type Address,
  bind,
  builtin,
  described,
  type FdLike,
  fileno,
  int,
  OPEN,
  Pinned,
  room,
  since,
  size,
  size_t,
  ssize_t,
  sysctl,
} from "../libc.ts";

const { ENOSYS, EPERM } = since("2.6.27");

const atLimit = {
  EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
  ENFILE: [OSError, () => `the system is at fs.file-max (${sysctl("fs.file-max")} now)`],
} as const;

/** What each errno of these calls becomes. */
export const fd_errors = {
  close: {
    ENOSYS,
    EPERM,
    EBADF: ValueError,
    EDQUOT: OSError,
    EINTR: OSError,
    EIO: OSError,
    ENOSPC: OSError,
  },
  read: {
    ENOSYS,
    EPERM,
    EAGAIN: OSError,
    EBADF: ValueError,
    ECANCELED: [OSError, "the clock of a timer with TFD_TIMER_CANCEL_ON_SET was set"],
    EFAULT: InternalError,
    EINTR: OSError,
    EINVAL: [
      ValueError,
      "the descriptor cannot be read, or the buffer is too small for one record",
    ],
    EIO: OSError,
    EISDIR: ValueError,
  },
  write: {
    ENOSYS,
    EPERM: [PermissionError, "it is sealed against writing, or a sandbox refuses it"],
    EAGAIN: OSError,
    EBADF: ValueError,
    EDESTADDRREQ: ValueError,
    EDQUOT: OSError,
    EFAULT: InternalError,
    EFBIG: OSError,
    EINTR: OSError,
    EINVAL: ValueError,
    EIO: OSError,
    ENOSPC: OSError,
    EPIPE: OSError,
  },
  dup: { ENOSYS, EPERM, EBADF: ValueError, ...atLimit },
  pipe2: { ENOSYS, EPERM, EFAULT: InternalError, EINVAL: ValueError, ENOPKG: OSError, ...atLimit },
  fcntl: {
    ENOSYS,
    EPERM: [
      PermissionError,
      () =>
        `a pipe without CAP_SYS_RESOURCE holds at most fs.pipe-max-size (${sysctl("fs.pipe-max-size")} now), seals may be sealed, or a sandbox refuses it`,
    ],
    EACCES: OSError,
    EAGAIN: OSError,
    EBADF: ValueError,
    EBUSY: [
      OSError,
      "a pipe holds more than it would have room for, or a memfd is mapped for writing",
    ],
    EINTR: OSError,
    EINVAL: ValueError,
    EMFILE: atLimit.EMFILE,
    ENOMEM: MemoryError,
  },
  ioctl: {
    ENOSYS,
    EPERM,
    EBADF: ValueError,
    EFAULT: InternalError,
    EINVAL: ValueError,
    ENOTTY: ValueError,
  },
} as const;

const { c, check, wouldBlock } = bind(
  {
    close: { args: ["i32" /* int fd */], returns: "i32" },
    read: {
      args: ["i32" /* int fd */, "ptr" /* void *buf */, size_t /* count */],
      returns: ssize_t,
    },
    write: {
      args: ["i32" /* int fd */, "ptr" /* const void *buf */, size_t /* count */],
      returns: ssize_t,
    },
    dup: { args: ["i32" /* int oldfd */], returns: "i32" },
    pipe2: { args: ["ptr" /* int pipefd[2] */, "i32" /* int flags */], returns: "i32" },
    fcntl: {
      args: ["i32" /* int fd */, "i32" /* int op */, ssize_t /* long arg */],
      returns: "i32",
    },
    ioctl: {
      args: ["i32" /* int fd */, "u64" /* unsigned long op */, "ptr" /* void *argp */],
      returns: "i32",
    },
  },
  fd_errors,
);

/** Flags of {@linkcode pipe2} and `openat`, and file status flags of {@linkcode fcntl}. */
export const O = {
  /** To read. */
  RDONLY: 0,
  /** To write. */
  WRONLY: 1,
  /** To read and write. */
  RDWR: 2,
  /** Made if it is missing. */
  CREAT: 0o100,
  /** With `CREAT`: `EEXIST` if it is there. */
  EXCL: 0o200,
  /** Emptied. */
  TRUNC: 0o1000,
  /** Written at the end. */
  APPEND: 0o2000,
  /** Read, write and open return at once. */
  NONBLOCK: 0o4000,
  /** Past the page cache; for a pipe, in packets. */
  DIRECT: OPEN.DIRECT,
  /** Only if it is a directory. */
  DIRECTORY: OPEN.DIRECTORY,
  /** `ELOOP` if it is a symbolic link. */
  NOFOLLOW: OPEN.NOFOLLOW,
  /** Closed by execve. */
  CLOEXEC: 0o2000000,
  /** Only as a place in the file system, not to read or write. */
  PATH: 0o10000000,
} as const;

/** Operations of {@linkcode fcntl} on any descriptor, and the leases that some of them take. */
export const F = {
  /** Returns a new descriptor of at least `arg`, closed by execve. */
  DUPFD_CLOEXEC: 1030,
  /** Returns the descriptor's flags. */
  GETFD: 1,
  /** Sets the descriptor's flags. */
  SETFD: 2,
  /** Returns the status flags of the open file. */
  GETFL: 3,
  /** Sets the status flags of the open file. */
  SETFL: 4,
  /** Sets which signal tells of a lease that ends; 0 is SIGIO, which ends a process that does nothing about it. */
  SETSIG: 10,
  /**
   * Takes a lease of a regular file, which the file's owner may and CAP_LEASE, or gives it back: `RDLCK`, `WRLCK` or `UNLCK`. Who opens the
   * file otherwise waits until the lease is given back, for fs.lease-break-time seconds at most, and the holder gets a signal.
   */
  SETLEASE: 1024,
  /** Returns the lease that there is on the file: `RDLCK`, `WRLCK` or `UNLCK`. */
  GETLEASE: 1025,
  /** Sets how many bytes a pipe holds, at most fs.pipe-max-size without CAP_SYS_RESOURCE, and returns it. */
  SETPIPE_SZ: 1031,
  /** Returns how many bytes a pipe holds. */
  GETPIPE_SZ: 1032,
  /** Adds {@linkcode F_SEAL} members to the seals of a memfd. */
  ADD_SEALS: 1033,
  /** Returns the seals of a memfd: {@linkcode F_SEAL} members. */
  GET_SEALS: 1034,
  /** A lease to read: `EAGAIN` while the file is open for writing. Its descriptor is open for reading alone. */
  RDLCK: 0,
  /** A lease to write: `EAGAIN` while anybody else has the file open. */
  WRLCK: 1,
  /** No lease. */
  UNLCK: 2,
} as const;

/** Descriptor flags of {@linkcode F.GETFD}. */
export const FD = {
  /** Closed by execve. */
  CLOEXEC: 1,
} as const;

/** Attributes of files that {@linkcode ioctl_fs_ioc_getflags} tells. */
export const FS = {
  /** Upper and lower case are the same in the names of a directory's entries. */
  CASEFOLD_FL: 0x40000000,
} as const;

const FIONREAD = 0x541bn;
const FS_IOC_GETFLAGS = 0x80086601n;

/**
 * `close(fd)`: gives the descriptor back. It is gone whatever is thrown, so it is
 * never retried.
 *
 * @throws {ValueError} `EBADF`: not open.
 * @throws {OSError} `EIO`, `ENOSPC`, `EDQUOT`: an earlier write failed.
 */
export function close(fd: FdLike): void {
  check("close", c.close(fileno(fd)));
}

/**
 * `read(fd, buf, count)`: reads at most `count` bytes into `buf`.
 *
 * @param buf Memory to write to. A typed array is borrowed for the call alone.
 * @param count Bytes, by default all of `buf`.
 * @returns How many bytes were read, 0 at the end.
 * @throws {OSError} `EAGAIN`: nothing is there now. `EINTR`, `EIO`.
 * @throws {ValueError} `EBADF`, `EINVAL`, `EISDIR`: not a descriptor to read.
 */
export function read(
  fd: FdLike,
  buf: Pinned | NodeJS.TypedArray,
  count: number = buf.byteLength,
): number {
  return Number(check("read", c.read(fileno(fd), memory(buf, count), count)));
}

/**
 * `read(fd, buf, buf.byteLength)` of a non-blocking descriptor, for which having
 * nothing (`EAGAIN`) is the usual case and no error.
 *
 * @param at Bytes of `buf` that stay as they are, so that many fewer are read.
 * @param end Where in `buf` the read ends, by default with it.
 * @returns How many bytes were read, 0 at the end, -1 if nothing is there now.
 * @throws What {@linkcode read} throws, but for `EAGAIN` and `EINTR`.
 */
export function read_nonblock(fd: FdLike, buf: Pinned, at: number = 0, end?: number): number {
  const address = room(buf, "buf", Math.max(size(at, "at"), size(end ?? 0, "end")));
  const count = Math.max(0, (end ?? buf.byteLength) - at);
  const result = Number(c.read(fileno(fd), (address + at) as Address, count));
  if (result === -1 && wouldBlock()) return -1;
  return check("read", result);
}

/**
 * `write(fd, buf, count)`: writes at most `count` bytes of `buf`.
 *
 * @param count Bytes, by default all of `buf`.
 * @returns How many bytes were written, which can be fewer.
 * @throws {OSError} `EAGAIN`: nothing fits now. `EPIPE`: nobody reads. `ENOSPC`, `EDQUOT`, `EFBIG`, `EINTR`, `EIO`.
 * @throws {ValueError} `EBADF`, `EINVAL`, `EDESTADDRREQ`: not a descriptor to write.
 */
export function write(
  fd: FdLike,
  buf: Pinned | NodeJS.TypedArray,
  count: number = buf.byteLength,
): number {
  return Number(check("write", c.write(fileno(fd), memory(buf, count), count)));
}

/**
 * `dup(oldfd)`: a second descriptor of the same open file, without close-on-exec.
 *
 * @returns A descriptor for the caller to close.
 * @throws {ValueError} `EBADF`: not open.
 * @throws {OSError} `EMFILE`: at the descriptor limit.
 */
export function dup(oldfd: FdLike): number {
  return check("dup", c.dup(fileno(oldfd)));
}

/**
 * `pipe2(pipefd, flags)`: makes a pipe.
 *
 * @param flags {@linkcode O} members, or 0.
 * @returns The end to read and the end to write, for the caller to close.
 * @throws {ValueError} `EINVAL`: unknown flag.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 */
export function pipe2(flags: number): [reader: number, writer: number] {
  const pipefd = new Int32Array(2);
  check("pipe2", c.pipe2(pipefd, int(flags, "flags")));
  return [pipefd[0] ?? -1, pipefd[1] ?? -1];
}

/**
 * `fcntl(fd, op, arg)`: asks or changes what an open descriptor is.
 *
 * @param op An {@linkcode F} member.
 * @returns What the operation returns.
 * @throws {ValueError} `EBADF`: not open. `EINVAL`: unknown operation or argument.
 * @throws {PermissionError} `EPERM`: a pipe above the limit.
 * @throws {OSError} `EMFILE`: at the descriptor limit. `EBUSY`: a pipe holds more than that. `EAGAIN`: no
 * lease, because somebody has the file open. `EACCES`: no lease of another user's file.
 */
export function fcntl(fd: FdLike, op: number, arg: number = 0): number {
  return check("fcntl", c.fcntl(fileno(fd), int(op, "op"), int(arg, "arg")));
}

/**
 * `ioctl(fd, FIONREAD)`: how many bytes wait to be read. butter's
 * `get_buffered_length`. Of a fanotify group some kernels count 24 bytes for each event, whatever its length.
 *
 * @throws {ValueError} `EBADF`: not open. `ENOTTY`, `EINVAL`: not a descriptor that counts.
 */
export function ioctl_fionread(fd: FdLike): number {
  const argp = new Int32Array(1);
  check("ioctl", c.ioctl(fileno(fd), FIONREAD, argp));
  return argp[0] ?? 0;
}

/**
 * `ioctl(fd, FS_IOC_GETFLAGS)`: what `lsattr` shows of an open file or directory.
 *
 * @returns {@linkcode FS} members, and others.
 * @throws {ValueError} `EBADF`: not open, or as a path alone. `ENOTTY`: its file system has none.
 */
export function ioctl_fs_ioc_getflags(fd: FdLike): number {
  // An `int`, though by its number a `long`.
  const argp = new Uint32Array(2);
  check("ioctl", c.ioctl(fileno(fd), FS_IOC_GETFLAGS, argp));
  return argp[0] ?? 0;
}

/**
 * `readlink("/proc/self/fd/N")`: what a descriptor is, as the kernel names it:
 * `"anon_inode:inotify"`, `"pipe:[4711]"`, a path. `undefined` if it is not open
 * or /proc is not mounted.
 */
export function fd_name(fd: FdLike): string | undefined {
  try {
    return builtin("node:fs").readlinkSync(`/proc/self/fd/${fileno(fd)}`);
  } catch {
    return undefined;
  }
}

/**
 * One field of `/proc/self/fdinfo/N`, by its name there: what the kernel tells of a descriptor beyond the calls,
 * such as `"Pid"` of a pidfd. `undefined` if there is no such field or no /proc.
 */
export function fd_info(fd: FdLike, field: string): string | undefined {
  try {
    const text = builtin("node:fs").readFileSync(`/proc/self/fdinfo/${fileno(fd)}`, "utf8");
    const line = text.split("\n").find((candidate) => candidate.startsWith(`${field}:`));
    return line?.slice(field.length + 1).trim();
  } catch {
    return undefined;
  }
}

function memory(buf: Pinned | NodeJS.TypedArray, count: number) {
  const isPinned = buf instanceof Pinned;
  if (!isPinned && !ArrayBuffer.isView(buf))
    throw new TypeError(
      `Cannot take buf: expected pinned memory or a typed array, got ${described(buf)}`,
    );
  if (size(count, "count") <= buf.byteLength) return isPinned ? buf.address : buf;
  throw new RangeError(
    `Cannot take count: ${count} is more than the ${buf.byteLength} bytes of buf`,
  );
}
