/**
 * What a fanotify group marks: file systems, and single directories above what is watched in them. And how its directories
 * are named: by the file system's id and their handle in it.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { linkOf } from "../events/fanotify-link.ts";
import { closeQuietly } from "../events/intake.ts";
import { FAN, FAN_MARK, fanotify_mark } from "../syscalls/fanotify.ts";
import { O } from "../syscalls/fd.ts";
import {
  AT_HANDLE,
  type FileHandle,
  name_to_handle_at,
  type NamedHandle,
  open_by_handle_at,
  write_file_handle,
} from "../syscalls/handle.ts";
import { AT, openat } from "../syscalls/open.ts";
import { fstatfs } from "../syscalls/statfs.ts";
import type { Interest } from "./backend.ts";
import { reach } from "./paths.ts";

/** What is asked for of names. */
export const NAMES = FAN.CREATE | FAN.DELETE | FAN.RENAME | FAN.ATTRIB | FAN.ONDIR;

const ABOVE = NAMES | FAN.DELETE_SELF | FAN.MOVE_SELF;

type Fsid = readonly [number, number];

/** The marks of one group. */
export class FanotifyMarks {
  readonly #fd: number;
  /** What is asked for of a whole file system. */
  readonly #mask: bigint;
  /** File systems that are marked, by their fsid. */
  readonly #marked = new Set<string>();
  /** The fsid of each mount, since somebody looked last whether something else is mounted. */
  readonly #mounts = new Map<bigint, Fsid>();
  /** A path in each of them, to open what is in it by handle. */
  readonly #paths = new Map<string, Uint8Array>();
  /** What name_to_handle_at can do here. */
  #flags: number = AT_HANDLE.FID | AT.EMPTY_PATH;

  constructor(fd: number, mask: bigint) {
    this.#fd = fd;
    this.#mask = mask;
  }

  /** Marks the file system of a path. */
  begin(path: Uint8Array): void {
    const fd = openPath(path);
    try {
      this.#nameOf(fd);
      const fsid = fstatfs(fd).f_fsid;
      this.#mark(fd, fsid, "tree");
      this.#paths.set(fsid.join(), path);
    } finally {
      closeQuietly(fd);
    }
  }

  /** Marks what an open directory needs. @returns What events call it: its fsid and its handle, as the kernel writes them. */
  add(dirfd: number, interest: Interest): Uint8Array {
    const { handle, mount_id } = this.#nameOf(dirfd);
    // What is above a root is looked at when the root is looked for: something else may be mounted there.
    if (interest !== "tree") this.#mounts.clear();
    let fsid = this.#mounts.get(mount_id);
    if (fsid === undefined) {
      fsid = fstatfs(dirfd).f_fsid;
      this.#mark(dirfd, fsid, interest);
      if (interest === "tree") this.#mounts.set(mount_id, fsid);
    }
    const struct = write_file_handle(handle);
    const key = new Uint8Array(8 + struct.length);
    key.set(new Uint8Array(new Int32Array(fsid).buffer));
    key.set(struct, 8);
    return key;
  }

  /** The path of a directory by what events call it, or `undefined`. */
  find(fsid: Fsid, handle: FileHandle): Uint8Array | undefined {
    const path = this.#paths.get(fsid.join());
    if (path === undefined) return undefined;
    let root = -1;
    let fd = -1;
    try {
      root = openPath(path);
      fd = open_by_handle_at(root, handle, O.PATH | O.CLOEXEC);
      const name = linkOf(fd);
      return name && (name.bytes ?? Buffer.from(name.text));
    } catch (error) {
      // Deleted, or out of reach.
      if (error instanceof OSError) return undefined;
      throw error;
    } finally {
      closeQuietly(fd);
      closeQuietly(root);
    }
  }

  /** Marks a file system, or what is above roots and in another one than they are. */
  #mark(dirfd: number, fsid: Fsid, interest: Interest): void {
    const key = fsid.join();
    if (interest === "tree") {
      fanotify_mark(this.#fd, FAN_MARK.ADD | FAN_MARK.FILESYSTEM, this.#mask, dirfd);
      this.#marked.add(key);
    } else if (!this.#marked.has(key)) {
      fanotify_mark(this.#fd, FAN_MARK.ADD | FAN_MARK.INODE, ABOVE, dirfd);
    }
  }

  #nameOf(dirfd: number): NamedHandle {
    try {
      return name_to_handle_at(dirfd, "", this.#flags);
    } catch (error) {
      const isOld = error instanceof OSError && error.code === "EINVAL";
      // Before Linux 6.5.
      if (!isOld || (this.#flags & AT_HANDLE.FID) === 0) throw error;
      this.#flags = AT.EMPTY_PATH;
      return this.#nameOf(dirfd);
    }
  }
}

function openPath(path: Uint8Array): number {
  const flags = O.RDONLY | O.CLOEXEC | O.NONBLOCK;
  return reach(path, (dirfd, rest) => openat(dirfd, rest, flags));
}
