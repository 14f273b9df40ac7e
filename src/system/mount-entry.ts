/**
 * One mount, as it is listed.
 *
 * @module
 */
import type { MountFlag } from "./mount-flags.ts";

/** A flag of a whole file system, whatever its mounts allow. */
export type FileSystemFlag = "ro" | "rw" | "sync" | "dirsync" | "lazytime";

/** A mount. Paths that are not UTF-8 keep their bytes beside them. */
export interface MountEntry {
  /** Its number: on Linux 6.15 one that is never used again, before that `mountinfoId`. */
  readonly id: number;
  /** Its parent's number. */
  readonly parentId: number;
  /** Its number in `/proc/self/mountinfo`, used again once it is gone. */
  readonly mountinfoId: number;
  /** Where it is, seen from this process's root. */
  readonly target: string;
  /** The exact bytes of `target`, only if they are not UTF-8. */
  readonly targetBytes: Uint8Array | undefined;
  /** What of the file system is there: `/`, or for a bind mount the path inside of it. */
  readonly root: string;
  /** The exact bytes of `root`, only if they are not UTF-8. */
  readonly rootBytes: Uint8Array | undefined;
  /** A device, or what was given instead. */
  readonly source: string;
  /** The exact bytes of `source`, only if they are not UTF-8. */
  readonly sourceBytes: Uint8Array | undefined;
  /** The file system: `"ext4"`, `"fuse.sshfs"`. */
  readonly type: string;
  /** Numbers of the device: `"8:1"`. */
  readonly device: string;
  /** What this mount allows. */
  readonly flags: readonly MountFlag[];
  /** What the file system allows, here and at its other mounts. */
  readonly fileSystemFlags: readonly FileSystemFlag[];
  /** Options of the file system: `["size=64k", "mode=700"]`. */
  readonly options: readonly string[];
  /** Whether users and groups are mapped. */
  readonly idMapped: boolean;
  /** The group in which mounts below it are shared, `undefined` if they are not. */
  readonly peerGroup: number | undefined;
  /** The group whose mounts appear here too, `undefined` if none's do. */
  readonly master: number | undefined;
  /** Whether it cannot be bound elsewhere. */
  readonly unbindable: boolean;
}

/** Text, and its bytes if they are not UTF-8. */
export interface Decoded {
  readonly text: string;
  readonly bytes: Uint8Array | undefined;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** Decodes a name. */
export function decode(bytes: Uint8Array): Decoded {
  try {
    return { text: strict.decode(bytes), bytes: undefined };
  } catch {
    return { text: lenient.decode(bytes), bytes };
  }
}

/** Orders options of a file system's flags as `/proc/self/mountinfo` does. */
export const fileSystemFlags: readonly FileSystemFlag[] = [
  "ro",
  "rw",
  "sync",
  "dirsync",
  "lazytime",
];
