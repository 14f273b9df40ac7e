/**
 * What an entry of a tree is: a number, and what is known by it.
 *
 * @module
 */

/** An entry: a number that is used again after its removal. */
export type Node = number;

/** No entry: the parent of those that have none, and what is not found. */
export const NONE: Node = 0;

/** Kinds of entries, as two bits. */
export const KIND = { FILE: 0, DIRECTORY: 1, SYMLINK: 2, OTHER: 3 } as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

/** What the numbers of a row are: the halves of the inode number, a type, where the name is, and how long. */
export const ROW = { INO_LOW: 0, INO_HIGH: 1, TYPE: 2, NAME: 3, BYTES: 4, LENGTH: 5 } as const;

/** What else is known of an entry: bits beside its kind. */
export const FLAG = {
  /** The user was told that it was made, or is there. */
  TOLD: 0x4,
  /** Not met yet by the scan under way. */
  UNSEEN: 0x8,
  /** Its path does not follow from its parent's: a root, or a guard. */
  ANCHOR: 0x10,
  /** Watched for the names of roots alone, and no part of a tree. */
  GUARD: 0x20,
  /** It was read a moment ago. */
  FRESH: 0x40,
  /** It could not be opened or watched. */
  FAILED: 0x80,
  /** A symbolic link that is followed. */
  FOLLOWED: 0x100,
  /** It left, and may come back elsewhere. */
  HELD: 0x200,
  /** Below a link that is followed. */
  LINKED: 0x400,
  /** A directory in which each entry has one name, spelled in one way. */
  EXACT: 0x800,
  /** One in which names may be spelled otherwise than on the disk: see `Spellings`. */
  FOLDING: 0x1000,
  /** One in which an entry may have quite another name besides. */
  ALIASING: 0x2000,
} as const;

/** Bytes of a name within a larger array. */
export interface NameBytes {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * An inode number as a number. Above 2^53, where overlay file systems keep which layer a file is of, the highest bits are
 * folded into those below.
 */
export function identity(low: number, high: number): number {
  return ((high ^ (high >>> 21)) & 0x1fffff) * 2 ** 32 + low;
}

/** Copies an array into a larger one. */
export function grown<T extends NodeJS.TypedArray>(from: T, to: T): T {
  to.set(from as never);
  return to;
}
