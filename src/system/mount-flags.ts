/**
 * What a mount allows, in the words of mount(8).
 *
 * @module
 */
import { described } from "../libc.ts";
import { MOUNT_ATTR } from "../syscalls/mount-setattr.ts";
import { MS } from "../syscalls/mount.ts";

/** A flag of a mount, or with `rw`, `suid`, `dev`, `exec`, `symfollow`, `diratime` its absence. */
export type MountFlag =
  | "ro"
  | "rw"
  | "nosuid"
  | "suid"
  | "nodev"
  | "dev"
  | "noexec"
  | "exec"
  | "nosymfollow"
  | "symfollow"
  | "relatime"
  | "noatime"
  | "strictatime"
  | "nodiratime"
  | "diratime";

/** How a mount shares with others what is mounted below it. */
export type MountPropagation = "private" | "shared" | "slave" | "unbindable";

/** `MS_*` of each kind of propagation. */
export const propagations: Readonly<Record<MountPropagation, number>> = {
  private: MS.PRIVATE,
  shared: MS.SHARED,
  slave: MS.SLAVE,
  unbindable: MS.UNBINDABLE,
};

/** The attributes that a word decides, what they are then, and what `mount` calls that. */
type Word = readonly [decides: number, attr: number, ms: number];

const { _ATIME, NOATIME, NODEV, NODIRATIME, NOEXEC, NOSUID, NOSYMFOLLOW, RDONLY } = MOUNT_ATTR;

/** In the order in which {@linkcode flagsOf} lists them. */
const words: Readonly<Record<MountFlag, Word>> = {
  ro: [RDONLY, RDONLY, MS.RDONLY],
  rw: [RDONLY, 0, 0],
  nosuid: [NOSUID, NOSUID, MS.NOSUID],
  suid: [NOSUID, 0, 0],
  nodev: [NODEV, NODEV, MS.NODEV],
  dev: [NODEV, 0, 0],
  noexec: [NOEXEC, NOEXEC, MS.NOEXEC],
  exec: [NOEXEC, 0, 0],
  nosymfollow: [NOSYMFOLLOW, NOSYMFOLLOW, MS.NOSYMFOLLOW],
  symfollow: [NOSYMFOLLOW, 0, 0],
  noatime: [_ATIME, NOATIME, MS.NOATIME],
  strictatime: [_ATIME, MOUNT_ATTR.STRICTATIME, MS.STRICTATIME],
  relatime: [_ATIME, MOUNT_ATTR.RELATIME, MS.RELATIME],
  nodiratime: [NODIRATIME, NODIRATIME, MS.NODIRATIME],
  diratime: [NODIRATIME, 0, 0],
};

/** Flags as the kernel takes them. */
export interface FlagBits {
  /** {@linkcode MOUNT_ATTR} members that the words decide. */
  readonly attr_clr: number;
  /** {@linkcode MOUNT_ATTR} members that they set. */
  readonly attr_set: number;
  /** {@linkcode MS} members that they set. */
  readonly ms: number;
}

/**
 * Bits of words.
 *
 * @throws {TypeError} A word is unknown, or two contradict each other.
 */
export function flagBits(flags: readonly MountFlag[]): FlagBits {
  const given: unknown = flags;
  if (!Array.isArray(given))
    throw new TypeError(`Cannot take flags: expected an array of words, got ${described(given)}`);
  let attr_clr = 0;
  let attr_set = 0;
  let ms = 0;
  for (const flag of flags) {
    const word = Object.hasOwn(words, flag) ? words[flag] : undefined;
    if (word === undefined)
      throw new TypeError(
        `Cannot take flags: ${JSON.stringify(flag)} is none of ${Object.keys(words).join(", ")}`,
      );
    const [decides, attr, bit] = word;
    if ((attr_clr & decides) !== 0 && (attr_set & decides) !== attr)
      throw new TypeError(`Cannot take flags: ${JSON.stringify(flag)} contradicts one before it`);
    attr_clr |= decides;
    attr_set |= attr;
    ms |= bit;
  }
  return { attr_clr, attr_set, ms };
}

/** Words that say something else than a mount without any flags, in the order of the table. */
const listed = (Object.entries(words) as [MountFlag, Word][]).filter(
  ([flag, [, attr]]) => attr !== 0 || flag === "rw" || flag === "relatime",
);

/** Words of {@linkcode MOUNT_ATTR} members. */
export function flagsOf(attr: number): readonly MountFlag[] {
  return listed.filter(([, [decides, is]]) => (attr & decides) === is).map(([flag]) => flag);
}

/** {@linkcode MOUNT_ATTR} members of what `/proc/self/mountinfo` lists, which has no word for `strictatime`. */
export function attrOf(flags: readonly string[]): number {
  const known = flags.filter((flag): flag is MountFlag => Object.hasOwn(words, flag));
  const { attr_clr, attr_set } = flagBits(known);
  return (attr_clr & _ATIME) === 0 ? attr_set | MOUNT_ATTR.STRICTATIME : attr_set;
}

/** `MS_*` of a propagation's word. */
export function propagationBit(propagation: MountPropagation): number {
  if (Object.hasOwn(propagations, propagation)) return propagations[propagation];
  throw new TypeError(
    `Cannot take propagation: ${JSON.stringify(propagation)} is none of ${Object.keys(propagations).join(", ")}`,
  );
}
