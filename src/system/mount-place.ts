/**
 * Which mount a descriptor is of, where a mount is now, and what is below it.
 *
 * @module
 */
import { ERRNO, OSError } from "../errors.ts";
import { builtin, type PathLike } from "../libc.ts";
import { close, fd_info, O } from "../syscalls/fd.ts";
import { AT, openat } from "../syscalls/open.ts";
import { STATMOUNT } from "../syscalls/statmount-struct.ts";
import { hasUniqueIds, listIds, stat } from "./mount-list.ts";
import { readMountinfo } from "./mountinfo.ts";
import { ScopedFd } from "./scoped-fd.ts";

/** A mount by its numbers. */
interface MountNumber {
  /** Never used again on Linux 6.8; before, that of mountinfo. */
  readonly id: bigint;
  /** That of mountinfo, which `/proc/self/fdinfo` has too. */
  readonly old: number;
  readonly parentOld: number;
}

/** Where a mount is. */
export interface MountPlace {
  readonly old: number;
  readonly point: Uint8Array | string;
}

/** The numbers of all mounts. */
function numbers(): MountNumber[] {
  if (!hasUniqueIds()) {
    return readMountinfo().map(({ id, parentId }) => ({
      id: BigInt(id),
      old: id,
      parentOld: parentId,
    }));
  }
  return (listIds() ?? []).flatMap((id) => {
    const told = stat(id, STATMOUNT.MNT_BASIC);
    return told === undefined
      ? []
      : { id, old: told.mnt_id_old, parentOld: told.mnt_parent_id_old };
  });
}

/**
 * The number that mountinfo has of the mount that a descriptor is of. As long as it is open, no other mount has it.
 *
 * @throws {OSError} `EMFILE`, `ENOENT` and others: it can't be told. No mount may pass for gone, or for another, because of that.
 */
export function mountinfoId(fd: number): number {
  const id = fd_info(fd, "mnt_id");
  if (id !== undefined) return Number(id);
  const path = `/proc/self/fdinfo/${fd}`;
  // Opening it tells why.
  close(openat(AT.FDCWD, path, O.RDONLY | O.CLOEXEC));
  throw new OSError(ERRNO.ENOENT[0], {
    syscall: "read",
    path,
    hint: "it tells one mount from another",
  });
}

/** The mount that a descriptor is of and all below it, parents first. Empty if it is nowhere. */
export function treeOf(fd: number): bigint[] {
  const all = numbers();
  const old = mountinfoId(fd);
  const tree = all.filter((one) => one.old === old);
  // It grows while it is walked: below a mount are those below its own.
  for (const parent of tree)
    tree.push(...all.filter((one) => one.parentOld === parent.old && one !== parent));
  return tree.map(({ id }) => id);
}

/** Where a mount is now, `undefined` if it is gone. */
export function placeOf(id: bigint): MountPlace | undefined {
  if (hasUniqueIds()) {
    const { mnt_id_old: old, mnt_point: point } =
      stat(id, STATMOUNT.MNT_BASIC | STATMOUNT.MNT_POINT) ?? {};
    return old === undefined || point === undefined ? undefined : { old, point };
  }
  const entry = readMountinfo().find((one) => BigInt(one.id) === id);
  return entry && { old: entry.mountinfoId, point: entry.targetBytes ?? entry.target };
}

/**
 * A path that leads to what is mounted at another one from now on: `.` and `/proc/self/fd/5` stay below what is
 * mounted on top of them.
 */
export function walkable(path: PathLike): Uint8Array {
  using held = holdTop(path);
  return builtin("node:fs").readlinkSync(`/proc/self/fd/${held.fd}`, "buffer");
}

/** Holds the mount that is topmost at a path. */
export function holdTop(path: PathLike): ScopedFd {
  return new ScopedFd(openat(AT.FDCWD, path, O.PATH | O.CLOEXEC));
}
