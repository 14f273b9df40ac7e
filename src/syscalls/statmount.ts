/**
 * What is mounted, by numbers that are never used again:
 * {@link https://man7.org/linux/man-pages/man2/statmount.2.html | statmount(2)} and
 * {@link https://man7.org/linux/man-pages/man2/listmount.2.html | listmount(2)}. C libraries have no
 * functions for them.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, PermissionError, ValueError } from "../errors.ts";
import { bind, numbered, since, size, size_t, SYS, uint, uint64 } from "../libc.ts";
import { read_statmount, type Statmount, STATMOUNT_SIZE } from "./statmount-struct.ts";

const request_errors = {
  ENOSYS: since("6.8").ENOSYS,
  EPERM: [
    PermissionError,
    "the mount is not below the root of this process, or is of another mount namespace: it needs CAP_SYS_ADMIN there",
  ],
  E2BIG: [ValueError, "this kernel does not know all that is asked"],
  EBADF: ValueError,
  EFAULT: InternalError,
  EINVAL: ValueError,
  ENOENT: [ValueError, "no mount of this mount namespace has the number"],
  ENOMEM: MemoryError,
} as const;

/** What each errno of these calls becomes. */
export const statmount_errors = {
  statmount: {
    ...request_errors,
    EOVERFLOW: [OSError, "the buffer is too small for the strings, give it more bytes"],
  },
  listmount: { ...request_errors, EOVERFLOW: ValueError },
} as const;

const { c, check } = bind(
  {
    syscall: numbered(
      "ptr" /* const struct mnt_id_req *req */,
      "ptr" /* struct statmount *smbuf, uint64_t mnt_ids[] */,
      size_t /* size_t bufsize, nr_mnt_ids */,
      "u32" /* unsigned int flags */,
    ),
  },
  statmount_errors,
);

/** Where {@linkcode listmount} begins. */
export const LSMT = {
  /** At the root of the mount namespace, or of this process. */
  ROOT: 0xffff_ffff_ffff_ffffn,
} as const;

/** Flags of {@linkcode listmount}. */
export const LISTMOUNT = {
  /** The newest first. Linux 6.11. */
  REVERSE: 1,
} as const;

/** `struct mnt_id_req` */
export interface MntIdReq {
  /** The mount; for {@linkcode listmount} the one below which are listed, or `LSMT.ROOT`. */
  readonly mnt_id: bigint;
  /** {@linkcode STATMOUNT} members; for {@linkcode listmount} the last mount that was listed, or 0. */
  readonly param: bigint;
  /** Its mount namespace, 0 for this process's. Linux 6.11. */
  readonly mnt_ns_id: bigint;
}

/** `sizeof(struct mnt_id_req)` of Linux 6.11; older kernels take it if `mnt_ns_id` is 0. */
export const MNT_ID_REQ_SIZE = 32;

/** The most that {@linkcode listmount} lists at a time. */
const MNT_IDS_MAX = 1_000_000;

/**
 * `statmount(req, smbuf, bufsize, flags)`: what is known of a mount.
 *
 * @param bufsize Room for the struct and its strings: `STATMOUNT_SIZE` and some more.
 * @param flags 0.
 * @throws {OSError} `EOVERFLOW`: the strings need a larger `bufsize`.
 * @throws {ValueError} `ENOENT`: no such mount. `EINVAL`, `E2BIG`, `EBADF`.
 * @throws {PermissionError} `EPERM`: not below this process's root.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 6.8.
 */
export function statmount(req: MntIdReq, bufsize: number, flags: number): Statmount {
  const count = upTo(size(bufsize, "bufsize"), "bufsize", 2 ** 31);
  // Never smaller than what is read of it.
  const smbuf = new Uint8Array(Math.max(count, STATMOUNT_SIZE));
  const request = write_mnt_id_req(req);
  check("statmount", c.syscall(SYS.statmount, request, smbuf, count, uint(flags, "flags")));
  return read_statmount(smbuf);
}

/**
 * `listmount(req, mnt_ids, nr_mnt_ids, flags)`: the mounts below one, parents first.
 *
 * @param nr_mnt_ids How many at most, up to 1,000,000. The next ones follow with the last as `param`.
 * @param flags {@linkcode LISTMOUNT} members, or 0.
 * @throws {ValueError} `ENOENT`: no such mount. `EINVAL`, `E2BIG`, `EBADF`, `EOVERFLOW`.
 * @throws {PermissionError} `EPERM`.
 * @throws {UnsupportedError} `ENOSYS`: before Linux 6.8.
 */
export function listmount(req: MntIdReq, nr_mnt_ids: number, flags: number): bigint[] {
  const count = upTo(size(nr_mnt_ids, "nr_mnt_ids"), "nr_mnt_ids", MNT_IDS_MAX);
  // One more, because bun:ffi makes NULL of what has no room.
  const mnt_ids = new BigUint64Array(count + 1);
  const request = write_mnt_id_req(req);
  const listed = check(
    "listmount",
    c.syscall(SYS.listmount, request, mnt_ids, count, uint(flags, "flags")),
  );
  return [...mnt_ids.subarray(0, Number(listed))];
}

function upTo(value: number, name: string, most: number): number {
  if (value <= most) return value;
  throw new RangeError(`Cannot take ${name}: ${value} is more than ${most}`);
}

/** Writes a `struct mnt_id_req`. */
export function write_mnt_id_req(req: MntIdReq): Uint8Array<ArrayBuffer> {
  const struct = new Uint8Array(MNT_ID_REQ_SIZE);
  const view = new DataView(struct.buffer);
  view.setUint32(0, MNT_ID_REQ_SIZE, true);
  view.setBigUint64(8, uint64(req.mnt_id, "mnt_id"), true);
  view.setBigUint64(16, uint64(req.param, "param"), true);
  view.setBigUint64(24, uint64(req.mnt_ns_id, "mnt_ns_id"), true);
  return struct;
}
