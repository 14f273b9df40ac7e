/**
 * The mounts through which handles are opened.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { builtin } from "../libc.ts";
import { O } from "../syscalls/fd.ts";
import { open_by_handle_at } from "../syscalls/handle.ts";
import { AT, openat } from "../syscalls/open.ts";
import { fstatfs_fsid } from "../syscalls/statfs.ts";
import { linkOf } from "./fanotify-link.ts";
import type { FanotifyHandle } from "./fanotify-paths.ts";
import { closeQuietly } from "./intake.ts";
import type { Name } from "./names.ts";

/** A line of /proc/self/mountinfo. */
interface Mount {
  readonly id: bigint;
  readonly device: string;
  /** What of the file system is mounted. */
  readonly root: string;
  readonly point: Uint8Array;
}

/** Where something was found. */
export interface Found {
  readonly path: Name;
  readonly mount: bigint;
}

/**
 * The mounts of the file systems that a group has marks in. None is kept open, for that would keep it from being
 * unmounted.
 */
export class FanotifyMounts {
  /** By the two numbers of the file system. */
  readonly #known = new Map<string, bigint>();
  /** Open until the look at the kernel's queue ends. */
  readonly #open = new Map<bigint, number>();
  #lines: readonly Mount[] | undefined;
  /** Whether this process may open by handle, as far as it is known. */
  #mayOpen = true;

  add(fsid: readonly [number, number], mount: bigint): void {
    this.#known.set(fsid.join(), mount);
  }

  /** The mount through which a file system is marked. */
  of(fsid: readonly [number, number]): bigint | undefined {
    return this.#known.get(fsid.join());
  }

  /**
   * Where something is: `"gone"` if it was deleted, or a sentence that says why that is unknown.
   *
   * @param isAt Whether a path leads there. It doesn't if something is mounted over it, or if the mount shows only a
   * part of the file system.
   */
  pathOf(
    place: FanotifyHandle,
    isAt: (path: Name, mount: bigint) => boolean,
  ): Found | "gone" | string {
    const known = this.of(place.fsid);
    if (known === undefined) return "nothing is marked in its file system";
    if (!this.#mayOpen) return denied;
    let reason = "no mount shows it";
    for (const mount of this.#candidates(known)) {
      const path = this.#through(mount, place);
      if (typeof path === "string") {
        if (path === "gone" || path === denied) return path;
        reason = path;
      } else if (isAt(path, mount.id)) return { path, mount: mount.id };
    }
    return reason;
  }

  closeAll(): void {
    for (const fd of this.#open.values()) closeQuietly(fd);
    this.#open.clear();
    this.#lines = undefined;
  }

  #through(mount: Mount, place: FanotifyHandle): Name | string {
    let fd = -1;
    try {
      fd = open_by_handle_at(this.#fdOf(mount, place), place.handle, O.PATH | O.CLOEXEC);
      return linkOf(fd) ?? "paths take /proc";
    } catch (error) {
      if (!(error instanceof OSError)) throw error;
      if (error.code === "ESTALE") return "gone";
      if (error.code !== "EPERM") return error.message;
      this.#mayOpen = false;
      return denied;
    } finally {
      closeQuietly(fd);
    }
  }

  #fdOf(mount: Mount, { fsid }: FanotifyHandle): number {
    let fd = this.#open.get(mount.id);
    if (fd !== undefined) return fd;
    const { CLOEXEC, DIRECTORY, NONBLOCK, RDONLY } = O;
    fd = openat(AT.FDCWD, mount.point, RDONLY | DIRECTORY | NONBLOCK | CLOEXEC);
    this.#open.set(mount.id, fd);
    const [first, second] = fstatfs_fsid(fd);
    if (first === fsid[0] && second === fsid[1]) return fd;
    // Something else is mounted over it, with handles of its own.
    this.#open.set(mount.id, -1);
    closeQuietly(fd);
    return -1;
  }

  /** The mount that is known, then those of the same device, the whole ones first. */
  #candidates(known: bigint): readonly Mount[] {
    this.#lines ??= mounts();
    const first = this.#lines.find(({ id }) => id === known);
    const others = this.#lines.filter((one) => one !== first && one.device === first?.device);
    const whole = (mount: Mount): number => (mount.root === "/" ? 0 : 1);
    const sorted = others.toSorted((one, other) => whole(one) - whole(other));
    return first === undefined ? [] : [first, ...sorted];
  }
}

const denied = "opening by handle needs CAP_DAC_READ_SEARCH, and it is nowhere that is marked";

/** What is mounted, in this process's view. */
function mounts(): readonly Mount[] {
  let text: string;
  try {
    text = builtin("node:fs").readFileSync("/proc/self/mountinfo", "latin1");
  } catch {
    return [];
  }
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [id = "", , device = "", root = "", point = ""] = line.split(" ");
      return { id: BigInt(id), device, root, point: unescaped(point) };
    });
}

/** Spaces and the like are octal there. */
function unescaped(text: string): Uint8Array {
  const plain = text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(plain, "latin1");
}
