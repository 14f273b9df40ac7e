/**
 * What a {@linkcode Memfd} can be.
 *
 * @module
 */
import { checkBoolean, type OptionNames } from "../events/options.ts";
import { described, newer, size } from "../libc.ts";
import { O } from "../syscalls/fd.ts";
import { F_SEAL, memfd_create, memfd_secret, MFD } from "../syscalls/memfd.ts";

/** What the seals are called, and what they are. */
export const seals = {
  seal: F_SEAL.SEAL,
  shrink: F_SEAL.SHRINK,
  grow: F_SEAL.GROW,
  write: F_SEAL.WRITE,
  "future-write": F_SEAL.FUTURE_WRITE,
  exec: F_SEAL.EXEC,
} as const;

/**
 * What can be forbidden: to add seals, to make it smaller or larger, to write to it, to write to it but through what is mapped already
 * (Linux 5.1), to change whether it is executable (Linux 6.3).
 */
export type MemfdSeal = keyof typeof seals;

const hugePages = {
  default: 0,
  "64KB": MFD.HUGE_64KB,
  "512KB": MFD.HUGE_512KB,
  "1MB": MFD.HUGE_1MB,
  "2MB": MFD.HUGE_2MB,
  "8MB": MFD.HUGE_8MB,
  "16MB": MFD.HUGE_16MB,
  "32MB": MFD.HUGE_32MB,
  "256MB": MFD.HUGE_256MB,
  "512MB": MFD.HUGE_512MB,
  "1GB": MFD.HUGE_1GB,
  "2GB": MFD.HUGE_2GB,
  "16GB": MFD.HUGE_16GB,
} as const;

/** Sizes of huge pages; which ones there are says /sys/kernel/mm/hugepages. */
export type MemfdHugePages = keyof typeof hugePages;

/** Options of {@linkcode Memfd}. */
export interface MemfdOptions {
  /** What is in it from the start. */
  readonly bytes?: Uint8Array;
  /**
   * How long it is, in bytes: zeroes behind `bytes`.
   *
   * @default The length of `bytes`
   */
  readonly size?: number;
  /**
   * Whether seals can be added.
   *
   * @default true
   */
  readonly sealable?: boolean;
  /**
   * Whether it may be executed. `false` is sealed, and so makes it sealable; both need Linux 6.3.
   *
   * @default What vm.memfd_noexec says; before Linux 6.3 it may.
   */
  readonly executable?: boolean;
  /** Makes it of huge pages, of which `size` has to be a multiple. It can be mapped and read, not written. */
  readonly hugePages?: MemfdHugePages;
  /**
   * Makes it memory that the kernel itself can't read: it can only be mapped, not `readonly`, and has neither name nor
   * seals. Linux 5.14.
   */
  readonly secret?: boolean;
}

/** What they are called. */
export const optionNames: OptionNames<MemfdOptions> = {
  bytes: true,
  size: true,
  sealable: true,
  executable: true,
  hugePages: true,
  secret: true,
};

/** Makes the descriptor, which is the caller's. */
export function create(name: string | Uint8Array, options: MemfdOptions): number {
  const { executable, sealable = true, secret = false } = options;
  if (secret) return memfd_secret(O.CLOEXEC);
  let flags: number = MFD.CLOEXEC;
  if (sealable) flags |= MFD.ALLOW_SEALING;
  if (executable !== undefined) flags |= executable ? MFD.EXEC : MFD.NOEXEC_SEAL;
  if (options.hugePages !== undefined) flags |= MFD.HUGETLB | hugePages[options.hugePages];
  try {
    return memfd_create(name, flags);
  } catch (error) {
    throw newer(error, executable === undefined ? undefined : ["6.3", "executable"]);
  }
}

/** Checks the options, and tells how long the file will be. */
export function lengthOf(options: MemfdOptions): number {
  const { bytes, executable = false, hugePages: pages, sealable = true, secret = false } = options;
  checkBoolean(executable, "executable");
  checkBoolean(sealable, "sealable");
  checkBoolean(secret, "secret");
  if (bytes !== undefined && !(bytes instanceof Uint8Array))
    throw new TypeError(`Cannot take bytes: expected a Uint8Array, got ${described(bytes)}`);
  if (pages !== undefined && !Object.hasOwn(hugePages, pages)) {
    throw new TypeError(
      `Cannot take hugePages: ${JSON.stringify(pages)} is none of ${Object.keys(hugePages).join(", ")}`,
    );
  }
  const least = bytes?.byteLength ?? 0;
  if (least > 0 && (secret || pages !== undefined))
    throw new TypeError("Cannot take bytes: neither secret memory nor huge pages can be written");
  const { size: length = least } = options;
  if (size(length, "size") >= least) return length;
  throw new RangeError(`Cannot take size: ${length} is less than the ${least} of bytes`);
}
