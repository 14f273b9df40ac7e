/**
 * `struct statmount` of {@link https://man7.org/linux/man-pages/man2/statmount.2.html | statmount(2)}.
 *
 * @module
 */

/** What to ask {@linkcode statmount} for, and the mask of what it told. */
export const STATMOUNT = {
  /** `sb_*` but `sb_source` */
  SB_BASIC: 0x1n,
  /** `mnt_id` to `mnt_master` */
  MNT_BASIC: 0x2n,
  PROPAGATE_FROM: 0x4n,
  MNT_ROOT: 0x8n,
  MNT_POINT: 0x10n,
  FS_TYPE: 0x20n,
  /** Linux 6.11. */
  MNT_NS_ID: 0x40n,
  /** Linux 6.11. */
  MNT_OPTS: 0x80n,
  /** Linux 6.13. */
  FS_SUBTYPE: 0x100n,
  /** Linux 6.13. */
  SB_SOURCE: 0x200n,
  /** Linux 6.13. */
  OPT_ARRAY: 0x400n,
  /** Linux 6.13. */
  OPT_SEC_ARRAY: 0x800n,
  /** Linux 6.15. */
  SUPPORTED_MASK: 0x1000n,
  /** Linux 6.15. */
  MNT_UIDMAP: 0x2000n,
  /** Linux 6.15. */
  MNT_GIDMAP: 0x4000n,
} as const;

/**
 * `struct statmount`. Numbers that are not told are 0, strings that are not told `undefined`: `mask`
 * says which. Strings are bytes, because paths need not be UTF-8.
 */
export interface Statmount {
  readonly mask: bigint;
  readonly sb_dev_major: number;
  readonly sb_dev_minor: number;
  readonly sb_magic: bigint;
  /** `MS.RDONLY`, `MS.SYNCHRONOUS`, `MS.DIRSYNC`, `MS.LAZYTIME` */
  readonly sb_flags: number;
  readonly fs_type: Uint8Array | undefined;
  /** Its number, never used again. */
  readonly mnt_id: bigint;
  /** Its parent's, its own for the root. */
  readonly mnt_parent_id: bigint;
  /** The number that `/proc/self/mountinfo` has, which is used again. */
  readonly mnt_id_old: number;
  readonly mnt_parent_id_old: number;
  /** {@linkcode MOUNT_ATTR} members. */
  readonly mnt_attr: bigint;
  /** `MS.SHARED`, `MS.SLAVE`, `MS.PRIVATE`, `MS.UNBINDABLE` */
  readonly mnt_propagation: bigint;
  readonly mnt_peer_group: bigint;
  readonly mnt_master: bigint;
  readonly propagate_from: bigint;
  /** What of the file system is mounted: `/`, or for a bind mount the path inside of it. */
  readonly mnt_root: Uint8Array | undefined;
  /** Where, seen from this process's root. */
  readonly mnt_point: Uint8Array | undefined;
  readonly mnt_ns_id: bigint;
  /** Options of the file system in one string, with octal escapes. */
  readonly mnt_opts: Uint8Array | undefined;
  readonly fs_subtype: Uint8Array | undefined;
  readonly sb_source: Uint8Array | undefined;
  /** Options of the file system one by one, without escapes. */
  readonly opt_array: readonly Uint8Array[] | undefined;
  readonly opt_sec_array: readonly Uint8Array[] | undefined;
  readonly supported_mask: bigint;
  /** `"0 100000 65536"` and the like: inside, outside, how many. */
  readonly mnt_uidmap: readonly Uint8Array[] | undefined;
  readonly mnt_gidmap: readonly Uint8Array[] | undefined;
}

/** `sizeof(struct statmount)`: where its strings begin. */
export const STATMOUNT_SIZE = 512;

/**
 * Reads a `struct statmount`.
 *
 * @throws {RangeError} A string begins or ends beyond the bytes.
 */
export function read_statmount(smbuf: Uint8Array): Statmount {
  if (smbuf.byteLength < STATMOUNT_SIZE)
    throw new RangeError(
      `Cannot read struct statmount: ${smbuf.byteLength} bytes are fewer than ${STATMOUNT_SIZE}`,
    );
  const view = new DataView(smbuf.buffer, smbuf.byteOffset, smbuf.byteLength);
  const u32 = (at: number): number => view.getUint32(at, true);
  const u64 = (at: number): bigint => view.getBigUint64(at, true);
  const mask = u64(8);
  const strings = (bit: bigint, count: number, at: number): readonly Uint8Array[] | undefined =>
    (mask & bit) === 0n ? undefined : read_strings(smbuf, count, STATMOUNT_SIZE + u32(at));
  const string = (bit: bigint, at: number): Uint8Array | undefined => strings(bit, 1, at)?.[0];
  return {
    mask,
    sb_dev_major: u32(16),
    sb_dev_minor: u32(20),
    sb_magic: u64(24),
    sb_flags: u32(32),
    fs_type: string(STATMOUNT.FS_TYPE, 36),
    mnt_id: u64(40),
    mnt_parent_id: u64(48),
    mnt_id_old: u32(56),
    mnt_parent_id_old: u32(60),
    mnt_attr: u64(64),
    mnt_propagation: u64(72),
    mnt_peer_group: u64(80),
    mnt_master: u64(88),
    propagate_from: u64(96),
    mnt_root: string(STATMOUNT.MNT_ROOT, 104),
    mnt_point: string(STATMOUNT.MNT_POINT, 108),
    mnt_ns_id: u64(112),
    mnt_opts: string(STATMOUNT.MNT_OPTS, 4),
    fs_subtype: string(STATMOUNT.FS_SUBTYPE, 120),
    sb_source: string(STATMOUNT.SB_SOURCE, 124),
    opt_array: strings(STATMOUNT.OPT_ARRAY, u32(128), 132),
    opt_sec_array: strings(STATMOUNT.OPT_SEC_ARRAY, u32(136), 140),
    supported_mask: u64(144),
    mnt_uidmap: strings(STATMOUNT.MNT_UIDMAP, u32(152), 156),
    mnt_gidmap: strings(STATMOUNT.MNT_GIDMAP, u32(160), 164),
  };
}

/** So many strings, one after another, each with its NUL inside the bytes. */
function read_strings(smbuf: Uint8Array, count: number, begin: number): Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let left = count, at = begin; left > 0; left--) {
    const end = at < smbuf.byteLength ? smbuf.indexOf(0, at) : -1;
    if (end === -1)
      throw new RangeError(
        `Cannot read struct statmount: a string at ${at} is not inside of ${smbuf.byteLength} bytes`,
      );
    strings.push(smbuf.slice(at, end));
    at = end + 1;
  }
  return strings;
}
