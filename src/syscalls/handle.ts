/**
 * Files by handle, which stays the same when they are renamed:
 * {@link https://man7.org/linux/man-pages/man2/open_by_handle_at.2.html | open_by_handle_at(2)}.
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
  described,
  type FdLike,
  fileno,
  int,
  type PathLike,
  type PinnedString,
  since,
  sysctl,
} from "../libc.ts";

const { ENOSYS } = since("2.6.39");

/** What each errno of these calls becomes. */
export const handle_errors = {
  name_to_handle_at: {
    ENOSYS,
    EACCES: PermissionError,
    EBADF: [ValueError, "the path is relative, and dirfd is not open"],
    EFAULT: InternalError,
    EINVAL: [ValueError, "a flag is unknown to this kernel"],
    ELOOP: ValueError,
    ENAMETOOLONG: ValueError,
    ENOENT: ValueError,
    ENOMEM: MemoryError,
    ENOTDIR: ValueError,
    EOPNOTSUPP: [UnsupportedError, "the file system has no file handles"],
    EOVERFLOW: [OSError, "the path is where something would have to be mounted first"],
    EPERM: since("2.6.39").EPERM,
  },
  open_by_handle_at: {
    ENOSYS,
    EACCES: PermissionError,
    EBADF: [ValueError, "mount_fd is not open, or only as a path"],
    EFAULT: InternalError,
    EINVAL: [ValueError, "the handle is not of this file system, or a flag is unknown"],
    EISDIR: ValueError,
    ELOOP: [ValueError, "it is a symbolic link, which needs O.PATH"],
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENFILE: [OSError, () => `the system is at fs.file-max (${sysctl("fs.file-max")} now)`],
    ENOMEM: MemoryError,
    EOPNOTSUPP: [UnsupportedError, "the file system cannot open by handle"],
    EPERM: [PermissionError, "it needs CAP_DAC_READ_SEARCH"],
    ESTALE: [ValueError, "what the handle is of was deleted, or is not of this file system"],
  },
} as const;

const { c, check } = bind(
  {
    name_to_handle_at: {
      args: [
        "i32" /* int dirfd */,
        "cstring" /* const char *pathname */,
        "ptr" /* struct file_handle *handle */,
        "ptr" /* int *mount_id */,
        "i32" /* int flags */,
      ],
      returns: "i32",
    },
    open_by_handle_at: {
      args: [
        "i32" /* int mount_fd */,
        "ptr" /* struct file_handle *handle */,
        "i32" /* int flags */,
      ],
      returns: "i32",
    },
  },
  handle_errors,
);

/** Flags of {@linkcode name_to_handle_at}, beside those of `AT`. */
export const AT_HANDLE = {
  /** The handle needs not to be one that can be opened, which more file systems have. Linux 6.5. */
  FID: 0x200,
  /** The mount's number is the one that is never used again. Linux 6.12. */
  MNT_ID_UNIQUE: 0x1,
  /** The handle leads to a path again when it is opened. Linux 6.13. */
  CONNECTABLE: 0x2,
} as const;

/** Bytes that a handle has at most, without its header. */
export const MAX_HANDLE_SZ = 128;

/** `offsetof(struct file_handle, f_handle)`: bytes before a handle's own. */
export const FILE_HANDLE_SIZE = 8;

/** `struct file_handle`; its `handle_bytes` is the length of `f_handle`. */
export interface FileHandle {
  readonly handle_type: number;
  /** Bytes that only the file system understands. */
  readonly f_handle: Uint8Array;
}

/** What {@linkcode name_to_handle_at} returns. */
export interface NamedHandle {
  readonly handle: FileHandle;
  /** The mount: its number in /proc/self/mountinfo, or with `AT_HANDLE.MNT_ID_UNIQUE` the one that `statmount` takes. */
  readonly mount_id: bigint;
}

/**
 * `name_to_handle_at(dirfd, pathname, handle, mount_id, flags)`: the handle of what is there.
 *
 * @param dirfd Where a relative path begins, or `AT.FDCWD`.
 * @param flags {@linkcode AT_HANDLE} members, `AT.EMPTY_PATH`, `AT.SYMLINK_FOLLOW`, or 0.
 * @throws {ValueError} `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`, `EINVAL`, `EBADF`.
 * @throws {PermissionError} `EACCES`: a directory on the way may not be searched.
 * @throws {UnsupportedError} `EOPNOTSUPP`: the file system has no handles.
 */
export function name_to_handle_at(dirfd: FdLike, pathname: PathLike, flags: number): NamedHandle {
  // Not seen through a `DataView`: making its buffer one of its own costs as much as the call.
  const handle = new Uint8Array(FILE_HANDLE_SIZE + MAX_HANDLE_SZ);
  handle[0] = MAX_HANDLE_SZ;
  const mount_id = new BigInt64Array(1);
  const result = c.name_to_handle_at(
    fileno(dirfd),
    cstring(pathname, "pathname"),
    handle,
    mount_id,
    int(flags, "flags"),
  );
  check("name_to_handle_at", result, pathname);
  const end = FILE_HANDLE_SIZE + int32At(handle, 0);
  return {
    handle: {
      handle_type: int32At(handle, 4),
      f_handle: handle.slice(FILE_HANDLE_SIZE, end),
    },
    // An `int` in the lower half otherwise.
    mount_id: mount_id[0] ?? 0n,
  };
}

/**
 * `name_to_handle_at(dirfd, pathname, handle, mount_id, flags)` into memory that is there, for who asks for thousands of directories.
 *
 * @param handle Room for a `struct file_handle` with {@linkcode MAX_HANDLE_SZ} bytes.
 * @param mount_id Room for 8 bytes.
 * @returns How many bytes the struct has with its handle.
 * @throws What {@linkcode name_to_handle_at} throws.
 */
export function name_to_handle_at_into(
  dirfd: FdLike,
  pathname: PathLike | PinnedString,
  flags: number,
  handle: Uint8Array,
  mount_id: Int32Array,
): number {
  if (mount_id.length < 2) throw new RangeError("Cannot take mount_id: it has no 8 bytes");
  checkHandle(handle);
  handle[0] = MAX_HANDLE_SZ;
  handle[1] = handle[2] = handle[3] = 0;
  // An `int` is the lower half alone.
  mount_id[0] = mount_id[1] = 0;
  const result = c.name_to_handle_at(
    fileno(dirfd),
    cstring(pathname, "pathname"),
    handle,
    mount_id,
    int(flags, "flags"),
  );
  check("name_to_handle_at", result, pathname);
  // No more than what fits into the lowest byte.
  return FILE_HANDLE_SIZE + (handle[0] ?? 0);
}

/**
 * `open_by_handle_at(mount_fd, handle, flags)`: opens what has a handle.
 *
 * @param mount_fd Anything open in its file system, but not as a path only.
 * @param handle As an object, or as a `struct` with room for {@linkcode MAX_HANDLE_SZ} bytes.
 * @param flags `O` members.
 * @returns A descriptor for the caller to close.
 * @throws {PermissionError} `EPERM`: needs CAP_DAC_READ_SEARCH.
 * @throws {ValueError} `ESTALE`: it was deleted. `EINVAL`, `EBADF`, `ELOOP`.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 * @throws {UnsupportedError} `EOPNOTSUPP`: not with this file system.
 */
export function open_by_handle_at(
  mount_fd: FdLike,
  handle: FileHandle | Uint8Array,
  flags: number,
): number {
  let struct = handle;
  if (struct instanceof Uint8Array) checkHandle(struct);
  else struct = write_file_handle(struct);
  return check(
    "open_by_handle_at",
    c.open_by_handle_at(fileno(mount_fd), struct, int(flags, "flags")),
  );
}

/** A `struct file_handle` says itself how long it is. */
function checkHandle(struct: Uint8Array): void {
  if (struct.length < FILE_HANDLE_SIZE + MAX_HANDLE_SZ)
    throw new RangeError(`Cannot take handle: its ${struct.length} bytes are fewer than 136`);
}

/** Writes a `struct file_handle`. */
export function write_file_handle(handle: FileHandle): Uint8Array {
  const { handle_type, f_handle } = handle;
  if (!(f_handle instanceof Uint8Array))
    throw new TypeError(`Cannot take f_handle: expected a Uint8Array, got ${described(f_handle)}`);
  if (f_handle.byteLength > MAX_HANDLE_SZ) {
    throw new RangeError(
      `Cannot take f_handle: its ${f_handle.byteLength} bytes are more than ${MAX_HANDLE_SZ}`,
    );
  }
  const bytes = new Uint8Array(FILE_HANDLE_SIZE + f_handle.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, f_handle.byteLength, true);
  view.setInt32(4, int(handle_type, "handle_type"), true);
  bytes.set(f_handle, FILE_HANDLE_SIZE);
  return bytes;
}

function int32At(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let byte = 3; byte >= 0; byte--) value = (value << 8) | (bytes[at + byte] ?? 0);
  return value;
}
