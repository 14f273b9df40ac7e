/**
 * Mounts that are made without a place, prepared, and then put where they belong, so that nobody sees them
 * half done: {@link https://man7.org/linux/man-pages/man2/move_mount.2.html | move_mount(2)}.
 *
 * @module
 */
import { ERRNO, OSError } from "../errors.ts";
import type { OptionNames } from "../events/options.ts";
import { builtin, cstring, type FdLike, fileno, type PathLike, pathText } from "../libc.ts";
import { MOUNT_ATTR, mount_setattr } from "../syscalls/mount-setattr.ts";
import { MNT, mount as mountCall, MS, umount2 } from "../syscalls/mount.ts";
import { MOVE_MOUNT, move_mount } from "../syscalls/open-tree.ts";
import { AT } from "../syscalls/open.ts";
import type { FlagBits, MountFlag, MountPropagation } from "./mount-flags.ts";
import { propagationBit } from "./mount-flags.ts";
import { holdTop, treeOf, walkable } from "./mount-place.ts";
import { Mount } from "./mount.ts";
import type { ScopedFd } from "./scoped-fd.ts";

/** Options of everything that is mounted. */
export interface CommonMountOptions {
  /** Where: a directory, or for a file that is bound a file. */
  readonly target: PathLike;
  /**
   * What the mount allows: `["ro", "nosuid", "nodev", "noexec"]`.
   *
   * @default []
   */
  readonly flags?: readonly MountFlag[];
  /** How it shares with others what is mounted below it. By default as its place does. */
  readonly propagation?: MountPropagation;
  /** A user namespace, borrowed, as whose users and groups those of the files are shown. Linux 5.12. */
  readonly userNamespace?: FdLike;
}

/** What they are called. */
export const commonNames: OptionNames<CommonMountOptions> = {
  target: true,
  flags: true,
  propagation: true,
  userNamespace: true,
};

/** What is checked of {@linkcode CommonMountOptions}. */
export interface Placement {
  readonly target: PathLike;
  readonly bits: FlagBits;
  readonly propagation: number | undefined;
  readonly userNamespace: FdLike | undefined;
}

/** Sets attributes of a tree without a place. */
export function prepare(
  tree: number,
  { attr_clr, attr_set }: FlagBits,
  placement: Placement,
  below: number,
): void {
  const { userNamespace } = placement;
  const mapped = userNamespace === undefined ? 0 : MOUNT_ATTR.IDMAP;
  if ((attr_clr | attr_set | mapped) === 0) return;
  mount_setattr(tree, "", AT.EMPTY_PATH | below, {
    attr_clr,
    attr_set: attr_set | mapped,
    propagation: 0,
    userns_fd: userNamespace ?? 0,
  });
}

/** Puts a tree where it belongs. */
export function attach(tree: number, placement: Placement, recursive: boolean): Mount {
  const { target } = placement;
  move_mount(tree, "", AT.FDCWD, target, MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_SYMLINKS);
  return settle(tree, placement, recursive);
}

/** What is left to do with a mount that has its place; if that fails, it is gone again. */
function settle(tree: number, { target, propagation }: Placement, recursive: boolean): Mount {
  // Exactly this mount, whatever else comes to be at its target meanwhile.
  const self = `/proc/self/fd/${tree}`;
  try {
    if (propagation !== undefined)
      mountCall(null, self, null, propagation | (recursive ? MS.REC : 0), null);
    const ids = treeOf(tree);
    return new Mount(pathText(target), recursive ? ids : ids.slice(0, 1));
  } catch (error) {
    umount2(self, MNT.DETACH);
    throw error;
  }
}

/** The same by path, for kernels without those calls. */
export function attachByPath(
  placement: Placement,
  recursive: boolean,
  call: (target: Uint8Array) => void,
): Mount {
  const target = walkable(placement.target);
  call(target);
  using tree = held(target);
  return settle(tree.fd, placement, recursive);
}

/** Holds what was just mounted, or unmounts it. */
function held(target: Uint8Array): ScopedFd {
  try {
    return holdTop(target);
  } catch (error) {
    umount2(target, MNT.DETACH);
    throw error;
  }
}

/**
 * Checks what is common to all.
 *
 * @throws {OSError} `ENOENT`: there is no `/proc`, without which a mount is not known again.
 */
export function placementOf(options: CommonMountOptions, bits: FlagBits): Placement {
  const { target, propagation, userNamespace } = options;
  cstring(target, "target");
  if (userNamespace !== undefined) fileno(userNamespace);
  if (!builtin("node:fs").existsSync("/proc/self/fdinfo"))
    throw new OSError(ERRNO.ENOENT[0], {
      syscall: "open",
      path: "/proc/self/fdinfo",
      hint: "mount /proc first: it tells one mount from another",
    });
  return {
    target,
    bits,
    propagation: propagation === undefined ? undefined : propagationBit(propagation),
    userNamespace,
  };
}
