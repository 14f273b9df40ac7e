/**
 * What a fanotify group marks: file systems, and single directories above what is watched in them. And how its directories
 * are named: by the file system's id and their handle in it.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { closeQuietly } from "../events/intake.ts";
import { pathText, type Pinned, pinned, PinnedString } from "../libc.ts";
import { FAN, FAN_INIT, FAN_MARK, fanotify_init, fanotify_mark } from "../syscalls/fanotify.ts";
import { O } from "../syscalls/fd.ts";
import {
  AT_HANDLE,
  FILE_HANDLE_SIZE,
  type FileHandle,
  MAX_HANDLE_SZ,
  name_to_handle_at,
  name_to_handle_at_pinned,
  type NamedHandle,
  open_by_handle_at,
  write_file_handle,
} from "../syscalls/handle.ts";
import { AT, openat } from "../syscalls/open.ts";
import { read_statx, STATX, statx, STATX_SIZE } from "../syscalls/stat.ts";
import { fstatfs } from "../syscalls/statfs.ts";
import type { Interest } from "./backend.ts";
import { brief } from "./brief.ts";
import { withPath } from "./error-path.ts";
import { isMountedBelow } from "./mounted.ts";
import { reach } from "./paths.ts";

const NAMES = FAN.CREATE | FAN.DELETE | FAN.RENAME | FAN.ATTRIB | FAN.ONDIR;

const ABOVE = NAMES | FAN.DELETE_SELF | FAN.MOVE_SELF;

type Fsid = readonly [number, number];

const SLASH = 0x2f;

/** Bytes of an fsid. */
const FSID_SIZE = 8;

/** Where the number of a mount is, behind an fsid and the longest handle. */
const MOUNT = FSID_SIZE + FILE_HANDLE_SIZE + MAX_HANDLE_SZ;

/** One group, and its marks. Who made it closes it. */
export class FanotifyMarks {
  readonly fd: number;
  /** What is asked for of a whole file system. */
  readonly #mask: bigint;
  /** File systems that are marked, by their fsid. */
  readonly #marked = new Set<string>();
  /** The fsid of each mount, since somebody looked last whether something else is mounted. */
  readonly #mounts = new Map<number, Fsid>();
  /** With the number of the mount behind it. */
  readonly #key: Pinned = pinned(MOUNT + 8);
  readonly #empty = new PinnedString(pinned(1));
  /** What name_to_handle_at can do here. */
  #flags: number = AT_HANDLE.FID | AT.EMPTY_PATH;

  /** What was marked at the start. */
  readonly #begun: { readonly fsid: string; readonly mount: number; readonly path: Uint8Array }[] =
    [];
  #canOpen = true;

  /**
   * @param modify Whether each write is of interest, and not only that a writer closed a file.
   * @throws {PermissionError} `EPERM`: it needs CAP_SYS_ADMIN.
   * @throws {ValueError} `EINVAL`: it needs Linux 5.17.
   * @throws {OSError} `EMFILE`: at fs.fanotify.max_user_groups or the descriptor limit. `ENFILE`.
   */
  constructor(modify: boolean) {
    const { CLASS_NOTIF, CLOEXEC, NONBLOCK } = FAN_INIT;
    const { REPORT_FID, REPORT_DIR_FID, REPORT_NAME, REPORT_TARGET_FID } = FAN_INIT;
    const how = CLASS_NOTIF | CLOEXEC | NONBLOCK;
    this.fd = fanotify_init(
      how | REPORT_FID | REPORT_DIR_FID | REPORT_NAME | REPORT_TARGET_FID,
      O.RDONLY | O.CLOEXEC,
    );
    this.#mask = NAMES | FAN.CLOSE_WRITE | (modify ? FAN.MODIFY : 0n);
    brief(this.add, this.#write, this.#writeOnce, name_to_handle_at_pinned);
  }

  /**
   * Marks what a path needs at the start.
   *
   * @param interest `"tree"` for what will be watched, or the nearest that is there of what is above it: its file system is marked.
   * @returns What events call it.
   * @throws {UnsupportedError} `EOPNOTSUPP`, `ENODEV`, `EXDEV`: not with this file system.
   * @throws {OSError} It can't be opened, or marked.
   */
  begin(path: Uint8Array, interest: Interest): Uint8Array {
    const fd = openPath(path);
    try {
      const length = this.add(fd, interest);
      const id = this.key.slice(0, length);
      if (interest !== "tree") return id;
      const { words } = this.#key;
      this.#begun.push({ fsid: `${words[0]},${words[1]}`, mount: words[MOUNT >>> 2] ?? 0, path });
      this.#canOpen &&= opens(fd, id);
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
    const mounts = new Map<string, number>();
    for (const { fsid, mount } of this.#begun)
      if ((mounts.get(fsid) ?? mount) === mount) mounts.set(fsid, mount);
      else return false;
    return this.#canOpen && !isMountedBelow(this.#begun.map(({ path }) => path));
  }

  /**
   * Marks what an open directory needs. What events call it is the beginning of {@linkcode FanotifyMarks.key} then.
   *
   * @returns How many bytes that is.
   */
  add(dirfd: number, interest: Interest): number {
    const length = this.#write(dirfd);
    const { words } = this.#key;
    const mount = words[MOUNT >>> 2] ?? 0;
    // What is above a root is looked at when the root is looked for: something else may be mounted there.
    if (interest !== "tree") this.#mounts.clear();
    let fsid = this.#mounts.get(mount);
    if (fsid === undefined) {
      fsid = fstatfs(dirfd).f_fsid;
      this.#mark(dirfd, fsid, interest);
      if (interest === "tree") this.#mounts.set(mount, fsid);
    }
    words[0] = fsid[0];
    words[1] = fsid[1];
    return FSID_SIZE + length;
  }

  /** What events call the directory that was asked for last: its fsid and its handle, as the kernel writes them. */
  get key(): Uint8Array {
    return this.#key.bytes;
  }

  /** Opens a directory by what events call it, as a path. -1 if it was deleted, `undefined` if it is out of reach. */
  open(key: Uint8Array): number | undefined {
    const root = this.#mountOf(fsidOf(key).join());
    if (root === -1) return undefined;
    let fd = -1;
    let isThere = false;
    try {
      fd = open_by_handle_at(root, handleOf(key), O.PATH | O.CLOEXEC);
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

  /** Opens a directory of a file system that was marked at the start. -1 if none is there any more. */
  #mountOf(wanted: string): number {
    for (const { fsid, path } of this.#begun) {
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
    return keyOf(fstatfs(fd).f_fsid, this.#nameOf(fd).handle);
  }

  /** Marks a file system, or what is above roots and in another one than they are. */
  #mark(dirfd: number, fsid: Fsid, interest: Interest): void {
    const key = fsid.join();
    if (interest === "tree") {
      fanotify_mark(this.fd, FAN_MARK.ADD | FAN_MARK.FILESYSTEM, this.#mask, dirfd);
      this.#marked.add(key);
    } else if (!this.#marked.has(key)) {
      fanotify_mark(this.fd, FAN_MARK.ADD | FAN_MARK.INODE, ABOVE, dirfd);
    }
  }

  /** @returns How many bytes the handle of an open directory has, with its head. */
  #write(dirfd: number): number {
    try {
      return this.#writeOnce(dirfd);
    } catch {
      // Finds out what this kernel can do, or why not.
      this.#nameOf(dirfd);
      return this.#writeOnce(dirfd);
    }
  }

  #writeOnce(dirfd: number): number {
    return name_to_handle_at_pinned(dirfd, this.#empty, this.#flags, this.#key, FSID_SIZE);
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

function keyOf(fsid: Fsid, handle: FileHandle): Uint8Array {
  const struct = write_file_handle(handle);
  const key = new Uint8Array(FSID_SIZE + struct.length);
  key.set(new Uint8Array(new Int32Array(fsid).buffer));
  key.set(struct, FSID_SIZE);
  return key;
}

function fsidOf(key: Uint8Array): Fsid {
  const view = new DataView(key.buffer, key.byteOffset);
  return [view.getInt32(0, true), view.getInt32(4, true)];
}

/** What events call a directory, without zeros behind it. */
export function exact(key: Uint8Array): Uint8Array {
  const { f_handle } = handleOf(key);
  return key.subarray(0, FSID_SIZE + FILE_HANDLE_SIZE + f_handle.length);
}

/** Of a key that may have zeros behind it. */
function handleOf(key: Uint8Array): FileHandle {
  const view = new DataView(key.buffer, key.byteOffset + FSID_SIZE);
  const from = FSID_SIZE + FILE_HANDLE_SIZE;
  return {
    handle_type: view.getInt32(4, true),
    f_handle: key.slice(from, from + view.getUint32(0, true)),
  };
}

function openQuietly(path: Uint8Array): number {
  try {
    return openPath(path);
  } catch (error) {
    if (error instanceof OSError) return -1;
    throw error;
  }
}

/** Whether an open file is in the file system of that fsid. */
function isOf(fd: number, fsid: string): boolean {
  if (fd === -1) return false;
  try {
    return fstatfs(fd).f_fsid.join() === fsid;
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

/** Whether this file system and this process open by handle. */
function opens(fd: number, key: Uint8Array): boolean {
  try {
    closeQuietly(open_by_handle_at(fd, handleOf(key), O.PATH | O.CLOEXEC));
    return true;
  } catch (error) {
    if (error instanceof OSError) return false;
    throw error;
  }
}

function openPath(path: Uint8Array): number {
  const flags = O.RDONLY | O.CLOEXEC | O.NONBLOCK;
  return reach(path, (dirfd, rest) => openat(dirfd, rest, flags));
}
