/**
 * Mounts as the kernel lists them by call, by numbers that are never used again.
 *
 * @module
 */
import { OSError, UnsupportedError } from "../errors.ts";
import { MOUNT_ATTR } from "../syscalls/mount-setattr.ts";
import { MS } from "../syscalls/mount.ts";
import { STATMOUNT, type Statmount, STATMOUNT_SIZE } from "../syscalls/statmount-struct.ts";
import { listmount, LSMT, statmount } from "../syscalls/statmount.ts";
import { decode, type FileSystemFlag, type MountEntry } from "./mount-entry.ts";
import { flagsOf } from "./mount-flags.ts";

const PAGE = 512;
const STRINGS = 4096;
/** More than paths and options can have: each of them is a page or less. */
const STRINGS_MAX = 1 << 20;

/** What an entry needs; kernels before 6.15 can't say whether they know it all. */
const wanted = Object.values(STATMOUNT)
  .filter((bit) => bit !== STATMOUNT.PROPAGATE_FROM && bit !== STATMOUNT.MNT_OPTS)
  .reduce((all, bit) => all | bit, 0n);
const needed = STATMOUNT.SB_SOURCE | STATMOUNT.OPT_ARRAY | STATMOUNT.OPT_SEC_ARRAY;

/** The numbers of all mounts that this process can reach, `undefined` before Linux 6.8 or in a sandbox. */
export function listIds(): bigint[] | undefined {
  const ids: bigint[] = [];
  try {
    for (;;) {
      const page = listmount(
        { mnt_id: LSMT.ROOT, param: ids.at(-1) ?? 0n, mnt_ns_id: 0n },
        PAGE,
        0,
      );
      ids.push(...page);
      if (page.length < PAGE) return ids;
    }
  } catch (error) {
    if (isRefused(error)) return undefined;
    throw error;
  }
}

let unique: boolean | undefined;

/** Whether mounts have numbers that are never used again, and this process may ask for them. */
export function hasUniqueIds(): boolean {
  return (unique ??= listIds() !== undefined);
}

/** What is asked of a mount, `undefined` if it is gone, or out of this process's reach. */
export function stat(mnt_id: bigint, param: bigint): Statmount | undefined {
  for (let strings = STRINGS; ; strings *= 4) {
    try {
      return statmount({ mnt_id, param, mnt_ns_id: 0n }, STATMOUNT_SIZE + strings, 0);
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
      if (error.code === "EOVERFLOW" && strings < STRINGS_MAX) continue;
      if (error.code === "ENOENT" || error.code === "EPERM") return undefined;
      throw error;
    }
  }
}

/** Every mount that this process can reach, `undefined` before Linux 6.15 or in a sandbox. */
export function listEntries(): MountEntry[] | undefined {
  const ids = listIds();
  if (ids === undefined) return undefined;
  const entries: MountEntry[] = [];
  for (const id of ids) {
    const told = stat(id, wanted);
    if (told === undefined) continue;
    if ((told.supported_mask & needed) !== needed) return undefined;
    entries.push(entryOf(told));
  }
  return entries.length === 0 ? undefined : entries;
}

/** An entry of what is told of one mount. */
function entryOf(told: Statmount): MountEntry {
  const none = new Uint8Array();
  const [at, of, from] = [told.mnt_point, told.mnt_root, told.sb_source].map((bytes) =>
    decode(bytes ?? none),
  );
  const text = (bytes: Uint8Array): string => decode(bytes).text;
  const type = text(told.fs_type ?? none);
  const propagation = Number(told.mnt_propagation);
  const attr = Number(told.mnt_attr);
  return {
    // Counted up from 2 to the 31st: a number for longer than any machine runs.
    id: Number(told.mnt_id),
    parentId: Number(told.mnt_parent_id),
    mountinfoId: told.mnt_id_old,
    target: at?.text ?? "",
    targetBytes: at?.bytes,
    root: of?.text ?? "",
    rootBytes: of?.bytes,
    source: told.sb_source === undefined ? "none" : (from?.text ?? ""),
    sourceBytes: from?.bytes,
    type: told.fs_subtype === undefined ? type : `${type}.${text(told.fs_subtype)}`,
    device: `${told.sb_dev_major}:${told.sb_dev_minor}`,
    flags: flagsOf(attr),
    fileSystemFlags: fileSystemFlagsOf(told.sb_flags),
    options: [...(told.opt_sec_array ?? []), ...(told.opt_array ?? [])].map(text),
    idMapped: (attr & MOUNT_ATTR.IDMAP) !== 0,
    peerGroup: (propagation & MS.SHARED) === 0 ? undefined : Number(told.mnt_peer_group),
    master: (propagation & MS.SLAVE) === 0 ? undefined : Number(told.mnt_master),
    unbindable: (propagation & MS.UNBINDABLE) !== 0,
  };
}

function fileSystemFlagsOf(flags: number): FileSystemFlag[] {
  const words: FileSystemFlag[] = [(flags & MS.RDONLY) === 0 ? "rw" : "ro"];
  if ((flags & MS.SYNCHRONOUS) !== 0) words.push("sync");
  if ((flags & MS.DIRSYNC) !== 0) words.push("dirsync");
  if ((flags & MS.LAZYTIME) !== 0) words.push("lazytime");
  return words;
}

/** Whether the calls are not to be had: the kernel is too old, or a sandbox refuses them. */
function isRefused(error: unknown): boolean {
  return error instanceof UnsupportedError || (error instanceof OSError && error.code === "EPERM");
}
