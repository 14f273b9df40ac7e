/**
 * Options of a file system that is being set up, with the kernel's own words on what is wrong:
 * {@link https://man7.org/linux/man-pages/man2/fsconfig.2.html | fsconfig(2)}. Old C libraries have no
 * function for it.
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
  numbered,
  type PathLike,
  since,
  size_t,
  ssize_t,
  SYS,
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

const asked = "fscontext_read tells what the kernel says of it";

/** What each errno of these calls becomes. A file system may have some of its own. */
export const fsconfig_errors = {
  fsconfig: {
    ...context_errors,
    EACCES: [PermissionError, asked],
    EBADF: [ValueError, "a descriptor is not open"],
    EBUSY: [
      ValueError,
      "it is too late or too early for this step, or the file system is mounted already",
    ],
    EEXIST: [ValueError, asked],
    EINVAL: [ValueError, asked],
    ELOOP: ValueError,
    ENAMETOOLONG: ValueError,
    ENODEV: [OSError, asked],
    ENOENT: [ValueError, asked],
    ENOSPC: [OSError, asked],
    ENOTBLK: [ValueError, "the source is no block device"],
    ENOTDIR: [ValueError, asked],
    ENXIO: [OSError, "no driver has the device"],
    EOPNOTSUPP: [OSError, "this kernel or this file system does not have the command"],
    EROFS: [OSError, "the device is read-only"],
  },
  fscontext_read: {
    ENOSYS: context_errors.ENOSYS,
    EPERM: since("5.2").EPERM,
    EBADF: ValueError,
    EFAULT: InternalError,
    EINTR: OSError,
    EINVAL: ValueError,
    EMSGSIZE: [OSError, "the message is longer than that (and before Linux 6.17 it is lost)"],
    ENODATA: [OSError, "the kernel has said nothing, or all was read"],
    ENOMEM: MemoryError,
  },
} as const;

const { c, check } = bind(
  {
    syscall: numbered(
      "i32" /* int fs_fd */,
      "u32" /* unsigned int cmd */,
      "cstring" /* const char *key */,
      "cstring" /* const void *value */,
      "i32" /* int aux */,
    ),
    read: {
      args: ["i32" /* int fd */, "ptr" /* void *buf */, size_t /* size_t count */],
      returns: ssize_t,
    },
  },
  fsconfig_errors,
);

/** Commands of {@linkcode fsconfig}. */
export const FSCONFIG = {
  /** An option without a value: `key`. */
  SET_FLAG: 0,
  /** An option with text: `key`, `value`. */
  SET_STRING: 1,
  /** An option with bytes: `key`, `value`, their number in `aux`. */
  SET_BINARY: 2,
  /** An option with a file: `key`, its path in `value`, where that begins in `aux`. */
  SET_PATH: 3,
  /** As `SET_PATH`, but an empty path is `aux` itself. */
  SET_PATH_EMPTY: 4,
  /** An option with a descriptor: `key`, `aux`. */
  SET_FD: 5,
  /** Makes the file system, or takes one that exists. */
  CMD_CREATE: 6,
  /** Changes a picked one. */
  CMD_RECONFIGURE: 7,
  /** Makes the file system, never takes one that exists. Linux 6.6. */
  CMD_CREATE_EXCL: 8,
} as const;
export type FsconfigCommand = (typeof FSCONFIG)[keyof typeof FSCONFIG];

/**
 * `fsconfig(fs_fd, cmd, key, value, aux)`: gives an option, or does a step.
 *
 * @param cmd A {@linkcode FSCONFIG} member, which says what the others are; `null` and 0 for what it has not.
 * @param value Text, a path, or for `SET_BINARY` bytes.
 * @throws {ValueError} `EINVAL` and others: the kernel refuses an option, and {@linkcode fscontext_read} tells why.
 * `EBUSY`, `EBADF`, `ENOENT`, `ENOTBLK`, `ENOTDIR`.
 * @throws {PermissionError} `EPERM`, `EACCES`.
 * @throws {OSError} `EOPNOTSUPP`, `ENODEV`, `ENXIO`, `EROFS`, `ENOSPC`.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 5.2.
 */
export function fsconfig(
  fs_fd: FdLike,
  cmd: FsconfigCommand,
  key: string | null,
  value: PathLike | null,
  aux: number,
): void {
  const number = fileno(fs_fd);
  const command = uint(cmd, "cmd");
  const name = key === null ? null : cstring(key, "key");
  const extra = int(aux, "aux");
  const data = command === FSCONFIG.SET_BINARY ? blob(value, extra) : text(value);
  check("fsconfig", c.syscall(SYS.fsconfig, number, command, name, data, extra), key ?? undefined);
}

function text(value: PathLike | null): string | Uint8Array | null {
  return value === null ? null : cstring(value, "value");
}

/** Bytes with any NUL inside, not fewer than the kernel is told. */
function blob(value: PathLike | null, length: number): Uint8Array {
  if (!(value instanceof Uint8Array))
    throw new TypeError("Cannot take value: FSCONFIG.SET_BINARY needs a Uint8Array");
  if (length > value.byteLength || length < 0)
    throw new RangeError(
      `Cannot take aux: ${length} is not a length within its ${value.byteLength} bytes`,
    );
  return value;
}

/**
 * `read(fs_fd, buf, count)`: the oldest message of a context, and takes it away.
 *
 * @param count The most bytes that it may have.
 * @returns Such as `"e tmpfs: Bad value for 'size'"`: `e` for an error, `w` for a warning, `i` for information.
 * @throws {OSError} `ENODATA`: there is none. `EMSGSIZE`: it is longer. `EINTR`.
 * @throws {ValueError} `EBADF`, `EINVAL`.
 */
export function fscontext_read(fs_fd: FdLike, count: number): string {
  const buf = new Uint8Array(uint(count, "count"));
  const number = fileno(fs_fd);
  const length = check("fscontext_read", c.read(number, buf, buf.byteLength));
  return new TextDecoder().decode(buf.subarray(0, Number(length)));
}
