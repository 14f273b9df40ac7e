/**
 * Marks of fanotify: their options, their flags, and which of them a group can have.
 *
 * @module
 */
import { isSince, newer } from "../libc.ts";
import { FAN, FAN_MARK } from "../syscalls/fanotify.ts";
import type { FanotifyGroup } from "./fanotify-group.ts";
import { choice, refuse } from "./fanotify-options.ts";
import { BY_HANDLE, DECIDED, HOW, listOf, MOUNTS, SINCE } from "./fanotify-words.ts";
import type { OptionNames } from "./options.ts";

/** What a mark is of: a file or directory, everything below a mount point, a whole file system, or the mounts of a namespace. */
export type FanotifyScope = "inode" | "mount" | "filesystem" | "mntns";

/** Options of {@linkcode Fanotify.mark}. */
export interface FanotifyMarkOptions {
  /**
   * All but `"inode"` need CAP_SYS_ADMIN. `"filesystem"` needs Linux 4.20, `"mntns"` 6.15.
   *
   * @default "inode"
   */
  readonly scope?: FanotifyScope;
  /**
   * Whether events of the entries of a marked directory are told, and not only of the directory itself.
   *
   * @default false
   */
  readonly children?: boolean;
  /**
   * Whether events of directories are told, and not only of files.
   *
   * @default false
   */
  readonly dirs?: boolean;
  /**
   * Whether these events are not told, whatever other marks ask for. Linux 6.0.
   *
   * @default false
   */
  readonly ignore?: boolean;
  /**
   * Whether what is ignored stays so when the file is modified. Only files can do without.
   *
   * @default Whether `ignore` is set.
   */
  readonly surviveModify?: boolean;
  /**
   * Whether the mark goes when the kernel drops the inode from memory. Linux 5.19.
   *
   * @default false
   */
  readonly evictable?: boolean;
  /**
   * Whether a symbolic link leads to what it points to.
   *
   * @default true
   */
  readonly follow?: boolean;
}

export const markNames: OptionNames<FanotifyMarkOptions> = {
  scope: true,
  children: true,
  dirs: true,
  ignore: true,
  surviveModify: true,
  evictable: true,
  follow: true,
};

/** Kinds of marks. */
const SCOPES: Readonly<Record<FanotifyScope, number>> = {
  inode: FAN_MARK.INODE,
  mount: FAN_MARK.MOUNT,
  filesystem: FAN_MARK.FILESYSTEM,
  mntns: FAN_MARK.MNTNS,
};

/**
 * The flags of a mark, which may be for adding and for removing.
 *
 * @throws {TypeError} No such choice.
 */
export function flagsOf(options: FanotifyMarkOptions): number {
  const { scope = "inode", ignore = false, follow = true } = options;
  choice("scope", scope, Object.keys(SCOPES));
  for (const name of [
    "children",
    "dirs",
    "ignore",
    "surviveModify",
    "evictable",
    "follow",
  ] as const)
    choice(name, options[name], [true, false, undefined]);
  let flags = SCOPES[scope];
  if (ignore) flags |= FAN_MARK.IGNORE;
  if (!follow) flags |= FAN_MARK.DONT_FOLLOW;
  return flags;
}

/** The flags that only adding a mark has. */
export function addedFlagsOf(options: FanotifyMarkOptions): number {
  const { ignore = false, evictable = false, surviveModify = ignore } = options;
  let flags = flagsOf(options) | FAN_MARK.ADD;
  if (surviveModify) flags |= FAN_MARK.IGNORED_SURV_MODIFY;
  if (evictable) flags |= FAN_MARK.EVICTABLE;
  return flags;
}

/** What a mask is with `children` and `dirs`. */
export function withHow(mask: bigint, { children, dirs }: FanotifyMarkOptions): bigint {
  return mask | (children === true ? FAN.EVENT_ON_CHILD : 0n) | (dirs === true ? FAN.ONDIR : 0n);
}

/** Why a group can't have such a mark; `undefined` if it can. */
function reasonAgainst(
  { report, decide }: FanotifyGroup,
  mask: bigint,
  options: FanotifyMarkOptions,
): string | undefined {
  const { scope = "inode", ignore = false, evictable = false, surviveModify } = options;
  const has = (bits: bigint): boolean => (mask & bits) !== 0n;
  if ((mask & ~HOW) === 0n) return "no event is asked for";
  if (has(MOUNTS) !== (report === "mounts"))
    return "events of mounts are told with mounts: true, and no others are then";
  if ((scope === "mntns") !== (report === "mounts"))
    return 'events of mounts need scope: "mntns", and other events another one';
  if (has(DECIDED) && decide === false)
    return 'events that wait for a decision need decide: "access" or "pre-access"';
  if (has(FAN.PRE_ACCESS) && decide !== "pre-access") return 'it needs decide: "pre-access"';
  if (has(BY_HANDLE) && report === "fd")
    return `${listOf(mask & BY_HANDLE)} needs report: "fid" or "name"`;
  if (has(FAN.RENAME) && report !== "name") return 'rename needs report: "name"';
  if (has(FAN.FS_ERROR) && scope !== "filesystem") return 'fs-error needs scope: "filesystem"';
  if (has(BY_HANDLE) && scope === "mount")
    return `${listOf(mask & BY_HANDLE)} is not told of mounts, only of inodes and file systems`;
  if (evictable && scope !== "inode") return 'evictable needs scope: "inode"';
  if (ignore && surviveModify === false && scope !== "inode")
    return "what is ignored of more than a file stays so: surviveModify can't be false";
  if (surviveModify === true && !ignore) return "surviveModify needs ignore";
  return undefined;
}

/**
 * Checks a mark before it is made.
 *
 * @throws {ValueError} `EINVAL`: not in this group, or options that exclude each other.
 */
export function checkMark(group: FanotifyGroup, mask: bigint, options: FanotifyMarkOptions): void {
  const reason = reasonAgainst(group, mask, options);
  if (reason !== undefined) throw refuse(listOf(mask) || "mark()", reason);
}

/** Says of a mark that failed which event the kernel lacks, if it does. */
export function explainMark(error: unknown, mask: bigint, options: FanotifyMarkOptions): unknown {
  const asked = SINCE.find(([bits, kernel]) => (bits & mask) !== 0n && !isSince(kernel));
  if (asked !== undefined) return newer(error, [asked[1], listOf(mask & asked[0])]);
  if (options.ignore === true) return newer(error, ["6.0", "ignore"]);
  return newer(error, options.evictable === true ? ["5.19", "evictable"] : undefined);
}
