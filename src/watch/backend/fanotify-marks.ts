/**
 * What a fanotify group marks: file systems, and single directories above what is watched in them. And how its directories
 * are named: by the file system's id and their handle in it.
 *
 * @module
 */
import { ERRNO, OSError, UnsupportedError } from "../../errors.ts";
import { closeQuietly } from "../../events/intake.ts";
import { pathText, pinned } from "../../libc.ts";
import { FAN, FAN_INIT, FAN_MARK, fanotify_init, fanotify_mark } from "../../syscalls/fanotify.ts";
import { O } from "../../syscalls/fd.ts";
import {
  AT_HANDLE,
  FILE_HANDLE_SIZE,
  MAX_HANDLE_SZ,
  name_to_handle_at_into,
  open_by_handle_at,
} from "../../syscalls/handle.ts";
import { AT, openat } from "../../syscalls/open.ts";
import { read_statx, STATX, statx, STATX_SIZE } from "../../syscalls/stat.ts";
import { fstatfs_fsid } from "../../syscalls/statfs.ts";
import { withPath } from "../disk/errors.ts";
import { handlesLast } from "../disk/file-systems.ts";
import { type Look, lookAt } from "../disk/look.ts";
import { isMountedBelow } from "../disk/mounted.ts";
import { openAbsolute } from "../tree/paths.ts";
import type { Interest } from "./backend.ts";

const REPORT =
  FAN_INIT.REPORT_FID | FAN_INIT.REPORT_DIR_FID | FAN_INIT.REPORT_NAME | FAN_INIT.REPORT_TARGET_FID;

const GROUP = FAN_INIT.CLASS_NOTIF | FAN_INIT.CLOEXEC | FAN_INIT.NONBLOCK | REPORT;

const OPEN = O.RDONLY | O.CLOEXEC | O.NONBLOCK;

const NAMES = FAN.CREATE | FAN.DELETE | FAN.RENAME | FAN.ATTRIB | FAN.ONDIR;

const ABOVE = NAMES | FAN.DELETE_SELF | FAN.MOVE_SELF;

type Fsid = readonly [number, number];

const SLASH = 0x2f;

/** Bytes of an fsid. */
const FSID_SIZE = 8;

/** One group, and its marks. Who made it closes it. */
export class FanotifyMarks {
  readonly fd: number;
  /** What is asked for of a whole file system. */
  readonly #mask: bigint;
  /** The mounts by which file systems were marked, by the fsid of those. */
  readonly #marked = new Map<string, number>();
  /** The fsid of each mount, since somebody looked last whether something else is mounted. */
  readonly #mounts = new Map<number, Fsid>();
  readonly #key = new Uint8Array(FSID_SIZE + FILE_HANDLE_SIZE + MAX_HANDLE_SZ);
  /** The two parts of it. */
  readonly #fsid = new Int32Array(this.#key.buffer, 0, 2);
  readonly #handle = this.#key.subarray(FSID_SIZE);
  /** The number of the mount that goes with it. */
  readonly #mount = new Int32Array(2);
  /** Whether what was asked for last is the first of a file system that will be watched. */
  isFirst = false;
  /** What name_to_handle_at can do here. */
  #flags: number = AT_HANDLE.FID | AT.EMPTY_PATH;

  /** What was marked at the start, with the fsid of each. */
  readonly #begun = new Map<Uint8Array, string>();
  /** Whether all of those are opened by handle, and none is in a file system that was reached through another mount before. */
  #canOpen = true;

  /**
   * @param modify Whether each write is of interest, and not only that a writer closed a file.
   * @throws {PermissionError} `EPERM`: it needs CAP_SYS_ADMIN.
   * @throws {ValueError} `EINVAL`: it needs Linux 5.17.
   * @throws {OSError} `EMFILE`: at fs.fanotify.max_user_groups or the descriptor limit. `ENFILE`.
   */
  constructor(modify: boolean) {
    this.fd = fanotify_init(GROUP, O.RDONLY | O.CLOEXEC);
    this.#mask = NAMES | FAN.CLOSE_WRITE | (modify ? FAN.MODIFY : 0n);
  }

  /**
   * Marks what a directory needs at the start.
   *
   * @param path Without links.
   * @param interest `"tree"` for what will be watched: its file system is marked.
   * @returns What events call it.
   * @throws {UnsupportedError} `EOPNOTSUPP`, `ENODEV`, `EXDEV`: not with this file system.
   * @throws {OSError} It can't be opened, as what is no directory can't, or marked.
   */
  begin(path: Uint8Array, interest: Interest): Uint8Array {
    return this.#begin(path, openAbsolute(path, OPEN | O.DIRECTORY | O.NOFOLLOW), interest);
  }

  /** The same for the nearest that is there of what will be watched and what is above it, whatever it is. */
  beginNear(path: Uint8Array): void {
    this.#begin(path, openAbsolute(path, OPEN), "tree");
  }

  #begin(path: Uint8Array, fd: number, interest: Interest): Uint8Array {
    try {
      const length = this.add(fd, interest);
      const id = this.#key.slice(0, length);
      if (interest !== "tree") return id;
      const fsid = this.#fsid.join();
      this.#begun.set(path, fsid);
      this.#canOpen &&= this.#marked.get(fsid) === this.#mount[0] && this.#opens(fd);
      return id;
    } catch (error) {
      throw withPath(error, pathText(path));
    } finally {
      closeQuietly(fd);
    }
  }

  /**
   * Whether each directory below what was marked at the start is found by its handle: it is, if nothing else is mounted there and each
   * file system was reached through one mount.
   */
  get isWhole(): boolean {
    return this.#canOpen && !isMountedBelow(this.#begun.keys());
  }

  /**
   * Marks what an open directory needs. What events call it is the beginning of {@linkcode FanotifyMarks.key} then.
   *
   * @returns How many bytes that is.
   */
  add(dirfd: number, interest: Interest): number {
    this.isFirst = false;
    const length = this.#write(dirfd);
    const mount = this.#mount[0] ?? 0;
    // What is above a root is looked at when the root is looked for: something else may be mounted there.
    if (interest !== "tree") this.#mounts.clear();
    let fsid = this.#mounts.get(mount);
    if (fsid === undefined) {
      fsid = fstatfs_fsid(dirfd);
      this.#mark(dirfd, fsid.join(), mount, interest);
      if (interest === "tree") this.#mounts.set(mount, fsid);
    }
    this.#fsid.set(fsid);
    return FSID_SIZE + length;
  }

  /** What events call the directory that was asked for last: its fsid and its handle, as the kernel writes them. */
  get key(): Uint8Array {
    return this.#key;
  }

  /** Opens what events call so, as a path. -1 if it was deleted, `undefined` if it is out of reach. */
  open(key: Uint8Array): number | undefined {
    const root = this.#mountOf(fsidOf(key).join());
    if (root === -1) return undefined;
    let fd = -1;
    let isThere = false;
    try {
      this.#key.set(key);
      fd = open_by_handle_at(root, this.#handle, O.PATH | O.CLOEXEC);
      // Somebody has it open, if it was deleted.
      isThere = isLinked(fd);
      return isThere ? fd : -1;
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
      return error.code === "ESTALE" ? -1 : undefined;
    } finally {
      if (!isThere) closeQuietly(fd);
      closeQuietly(root);
    }
  }

  /** Whether what is at a path is what events call so. */
  leadsTo(path: string | Uint8Array, key: Uint8Array): boolean {
    const flags = this.#flags & AT_HANDLE.FID;
    try {
      const length = name_to_handle_at_into(AT.FDCWD, path, flags, this.#handle, this.#mount);
      return Buffer.compare(this.#handle.subarray(0, length), key.subarray(FSID_SIZE)) === 0;
    } catch (error) {
      if (error instanceof OSError) return false;
      throw error;
    }
  }

  /** Looks at what events call so. `undefined` if it was deleted, or is out of reach. */
  look(key: Uint8Array): Look | undefined {
    const fd = this.open(key) ?? -1;
    if (fd === -1) return undefined;
    try {
      return lookAt(fd);
    } finally {
      closeQuietly(fd);
    }
  }

  /** Opens a directory of a file system that was marked at the start. -1 if none is there any more. */
  #mountOf(wanted: string): number {
    for (const [path, fsid] of this.#begun) {
      // Who was there may have been moved away, but hardly what is above it.
      for (let end = fsid === wanted ? path.length : 0; end > 0;) {
        const fd = openQuietly(path.subarray(0, end));
        if (isOf(fd, wanted)) return fd;
        closeQuietly(fd);
        end = end === 1 ? 0 : Math.max(path.lastIndexOf(SLASH, end - 1), 1);
      }
    }
    return -1;
  }

  /** What events call the directory that an open one is in. */
  above(fd: number): Uint8Array {
    const above = openat(fd, "..", O.PATH | O.DIRECTORY | O.CLOEXEC);
    try {
      return this.idOf(above);
    } finally {
      closeQuietly(above);
    }
  }

  /** What events call an open directory. */
  idOf(fd: number): Uint8Array {
    const length = this.#write(fd);
    this.#fsid.set(fstatfs_fsid(fd));
    return this.key.slice(0, FSID_SIZE + length);
  }

  /** Marks a file system, or what is above roots and in another one than they are. */
  #mark(dirfd: number, fsid: string, mount: number, interest: Interest): void {
    if (interest === "tree") {
      if (!this.#marked.has(fsid) && !handlesLast(dirfd)) throw notLasting();
      fanotify_mark(this.fd, FAN_MARK.ADD | FAN_MARK.FILESYSTEM, this.#mask, dirfd);
      this.isFirst = !this.#marked.has(fsid);
      if (this.isFirst) this.#marked.set(fsid, mount);
    } else if (!this.#marked.has(fsid)) {
      fanotify_mark(this.fd, FAN_MARK.ADD | FAN_MARK.INODE, ABOVE, dirfd);
    }
  }

  /** @returns How many bytes the handle of an open directory has, with its head. */
  #write(dirfd: number): number {
    try {
      return name_to_handle_at_into(dirfd, "", this.#flags, this.#handle, this.#mount);
    } catch (error) {
      return this.#writeOld(dirfd, error);
    }
  }

  /** Before Linux 6.5. */
  #writeOld(dirfd: number, error: unknown): number {
    const isOld = error instanceof OSError && error.code === "EINVAL";
    if (!isOld || (this.#flags & AT_HANDLE.FID) === 0) throw error;
    this.#flags = AT.EMPTY_PATH;
    return this.#write(dirfd);
  }

  /** Whether this file system and this process open by handle what was asked for last, which is open. */
  #opens(fd: number): boolean {
    try {
      closeQuietly(open_by_handle_at(fd, this.#handle, O.PATH | O.CLOEXEC));
      return true;
    } catch (error) {
      if (error instanceof OSError) return false;
      throw error;
    }
  }
}

function notLasting(): UnsupportedError {
  const hint = "the file handles of FAT do not last";
  return new UnsupportedError(ERRNO.EOPNOTSUPP[0], { syscall: "fanotify_mark", hint });
}

function fsidOf(key: Uint8Array): Fsid {
  const view = new DataView(key.buffer, key.byteOffset);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/** What events call a directory, without zeros behind it. */
export function exact(key: Uint8Array): Uint8Array {
  const view = new DataView(key.buffer, key.byteOffset);
  return key.subarray(0, FSID_SIZE + FILE_HANDLE_SIZE + view.getUint32(FSID_SIZE, true));
}

function openQuietly(path: Uint8Array): number {
  try {
    return openAbsolute(path, OPEN);
  } catch (error) {
    if (error instanceof OSError) return -1;
    throw error;
  }
}

/** Whether an open file is in the file system of that fsid. */
function isOf(fd: number, fsid: string): boolean {
  if (fd === -1) return false;
  try {
    return fstatfs_fsid(fd).join() === fsid;
  } catch (error) {
    if (error instanceof OSError) return false;
    throw error;
  }
}

/** Whether an open directory has a name. */
function isLinked(fd: number): boolean {
  using stat = pinned(STATX_SIZE);
  statx(fd, "", AT.EMPTY_PATH | AT.NO_AUTOMOUNT, STATX.NLINK, stat);
  return read_statx(stat).stx_nlink > 0;
}
