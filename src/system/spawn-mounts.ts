/**
 * A mount namespace made ready for a child: its root, and what is mounted in it. All of it happens in a thread that has just
 * got the namespace for itself, and is gone with the last process in it.
 *
 * @module
 */
import { ERRNO, OSError, UnsupportedError } from "../errors.ts";
import { builtin } from "../libc.ts";
import { fchdir } from "../syscalls/chdir.ts";
import { close, O } from "../syscalls/fd.ts";
import { FSCONFIG, fsconfig } from "../syscalls/fsconfig.ts";
import { FSMOUNT, fsmount, FSOPEN, fsopen } from "../syscalls/fsopen.ts";
import { MOUNT_ATTR, mount_setattr } from "../syscalls/mount-setattr.ts";
import { MNT, mount, MS, pivot_root, umount2 } from "../syscalls/mount.ts";
import { MOVE_MOUNT, move_mount, OPEN_TREE, open_tree } from "../syscalls/open-tree.ts";
import { AT, openat } from "../syscalls/open.ts";
import { Descriptors } from "./descriptors.ts";
import type { SpawnMount } from "./spawn-options.ts";

/**
 * Mounts everything in the mount namespace that this thread has for itself, and changes its root.
 *
 * @param pid The pid namespace that a `"proc"` shows, if it is not that of this process.
 */
export function mountAll(mounts: readonly SpawnMount[], pid: number | undefined): void {
  using fds = new Descriptors();
  // Nothing of what follows is to appear outside.
  mount(null, "/", null, MS.REC | MS.PRIVATE, null);
  // All before the root changes: sources are what this process sees.
  const trees = mounts.map((one) => ({ one, tree: fds.own(detached(one, pid)) }));
  for (const { one, tree } of trees) {
    if (one.target === "/") enterRoot(tree);
    else place(tree, one);
  }
  const [first] = mounts;
  // Only now, because places for the others had to be made in it.
  if (first?.target === "/" && first.type !== undefined) restrict(AT.FDCWD, "/", 0, first);
}

/** What is to be mounted, nowhere yet. */
function detached(one: SpawnMount, pid: number | undefined): number {
  using fds = new Descriptors();
  if (one.type === undefined) {
    const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.RECURSIVE;
    const tree = fds.own(open_tree(AT.FDCWD, one.source ?? "", flags));
    restrict(tree, "", AT.EMPTY_PATH | AT.RECURSIVE, one);
    return fds.give(tree);
  }
  const context = fds.own(fsopen(one.type, FSOPEN.CLOEXEC));
  if (one.source !== undefined) fsconfig(context, FSCONFIG.SET_STRING, "source", one.source, 0);
  for (const option of (one.options ?? "").split(",").filter((text) => text !== ""))
    configure(context, option);
  if (one.type === "proc" && pid !== undefined) showPid(context, pid);
  fsconfig(context, FSCONFIG.CMD_CREATE, null, null, 0);
  return fsmount(context, FSMOUNT.CLOEXEC, one.target === "/" ? 0 : attributesOf(one));
}

function configure(context: number, option: string): void {
  const equals = option.indexOf("=");
  if (equals === -1) fsconfig(context, FSCONFIG.SET_FLAG, option, null, 0);
  else {
    const [key, value] = [option.slice(0, equals), option.slice(equals + 1)];
    fsconfig(context, FSCONFIG.SET_STRING, key, value, 0);
  }
}

function showPid(context: number, pid: number): void {
  try {
    fsconfig(context, FSCONFIG.SET_FD, "pidns", null, pid);
  } catch (error) {
    if (!(error instanceof OSError) || error.code !== "EINVAL") throw error;
    throw new UnsupportedError(ERRNO.EINVAL[0], {
      syscall: "fsconfig",
      path: "pidns",
      hint: "mounting /proc of another pid namespace needs Linux 6.18; let the child mount it before",
    });
  }
}

function attributesOf(one: SpawnMount): number {
  return (
    (one.readonly === true ? MOUNT_ATTR.RDONLY : 0) |
    (one.nosuid === true ? MOUNT_ATTR.NOSUID : 0) |
    (one.nodev === true ? MOUNT_ATTR.NODEV : 0) |
    (one.noexec === true ? MOUNT_ATTR.NOEXEC : 0)
  );
}

function restrict(dirfd: number, path: string, flags: number, one: SpawnMount): void {
  const attr_set = attributesOf(one);
  if (attr_set === 0) return;
  mount_setattr(dirfd, path, flags, { attr_set, attr_clr: 0, propagation: 0, userns_fd: 0 });
}

/**
 * Makes a mount the root, and forgets the old one. It is put on top of the old root for that, so that no directory has
 * to be found for it.
 */
function enterRoot(tree: number): void {
  move_mount(tree, "", AT.FDCWD, "/", MOVE_MOUNT.F_EMPTY_PATH);
  fchdir(tree);
  pivot_root(".", ".");
  // The old root lies on the new one now.
  umount2(".", MNT.DETACH);
  fchdir(tree);
}

function place(tree: number, { target }: SpawnMount): void {
  prepareTarget(target, builtin("node:fs").fstatSync(tree).isDirectory());
  move_mount(tree, "", AT.FDCWD, target, MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_SYMLINKS);
}

/** Paths begin at the new root by now, so that no symbolic link leads out. */
function prepareTarget(target: string, directory: boolean): void {
  const { existsSync, mkdirSync } = builtin("node:fs");
  if (existsSync(target)) return;
  mkdirSync(directory ? target : target.slice(0, target.lastIndexOf("/") + 1), { recursive: true });
  if (!directory)
    close(openat(AT.FDCWD, target, O.WRONLY | O.CREAT | O.CLOEXEC | O.NOFOLLOW, 0o644));
}
