/**
 * A mount namespace made ready for a child: its root, and what is mounted in it. All of it happens in a thread that has just
 * got the namespace for itself, and is gone with the last process in it.
 *
 * @module
 */
import { ERRNO, OSError, UnsupportedError, ValueError } from "../errors.ts";
import { builtin } from "../libc.ts";
import { fchdir } from "../syscalls/chdir.ts";
import { close, O } from "../syscalls/fd.ts";
import { FSCONFIG, fsconfig } from "../syscalls/fsconfig.ts";
import { FSMOUNT, fsmount, FSOPEN, fsopen } from "../syscalls/fsopen.ts";
import { mount_setattr } from "../syscalls/mount-setattr.ts";
import { MNT, mount, MS, pivot_root, umount2 } from "../syscalls/mount.ts";
import { MOVE_MOUNT, move_mount, OPEN_TREE, open_tree } from "../syscalls/open-tree.ts";
import { AT, openat } from "../syscalls/open.ts";
import { configure, type Setting, settingsOf } from "./mount-context.ts";
import { flagBits } from "./mount-flags.ts";
import { ScopedFd } from "./scoped-fd.ts";
import type { SpawnMount } from "./spawn-options.ts";

/**
 * Mounts everything in the mount namespace that this thread has for itself, and changes its root.
 *
 * @param pid The pid namespace that a `"proc"` shows, if it is not that of this process.
 */
export function mountAll(mounts: readonly SpawnMount[], pid: number | undefined): void {
  using fds = new DisposableStack();
  isolate();
  // All before the root changes: sources are what this process sees.
  const trees = mounts.map((one) => ({ one, tree: detached(one, pid, fds) }));
  for (const { one, tree } of trees) {
    if (one.target === "/") enterRoot(tree, one);
    else place(tree, one);
  }
  const [first] = mounts;
  // Only now, because places for the others had to be made in it.
  if (first?.target === "/" && first.type !== undefined) restrict(AT.FDCWD, "/", 0, first);
}

/** Nothing of what follows is to appear outside. */
function isolate(): void {
  try {
    mount(null, "/", null, MS.REC | MS.PRIVATE, null);
  } catch (error) {
    if (!(error instanceof ValueError && error.code === "EINVAL")) throw error;
    const hint =
      "this process is in a chroot that is no mount: bind that directory onto itself before";
    throw new ValueError(ERRNO.EINVAL[0], { syscall: "mount", path: "/", hint });
  }
}

/** What is to be mounted, nowhere yet. */
function detached(one: SpawnMount, pid: number | undefined, fds: DisposableStack): number {
  const own = (fd: number): number => fds.use(new ScopedFd(fd)).fd;
  const { target, type, source } = one;
  if (type === undefined) {
    const flags = OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | AT.RECURSIVE;
    const tree = own(open_tree(AT.FDCWD, source ?? "", flags));
    restrict(tree, "", AT.EMPTY_PATH | AT.RECURSIVE, one);
    return tree;
  }
  using context = new ScopedFd(fsopen(type, FSOPEN.CLOEXEC));
  if (type === "proc" && pid !== undefined) showPid(context.fd, pid);
  const settings: Setting[] = [["source", source ?? "none"], ...settingsOf(one.options ?? {})];
  configure(context.fd, settings, FSCONFIG.CMD_CREATE, { source, target });
  const { attr_set } = flagBits(target === "/" ? [] : (one.flags ?? []));
  return own(fsmount(context.fd, FSMOUNT.CLOEXEC, attr_set));
}

function showPid(context: number, pid: number): void {
  try {
    fsconfig(context, FSCONFIG.SET_FD, "pidns", null, pid);
  } catch (error) {
    throw error instanceof ValueError ? noProc() : error;
  }
}

/** What says that this kernel can't. */
export function noProc(): UnsupportedError {
  return new UnsupportedError(ERRNO.EINVAL[0], {
    syscall: "spawn",
    path: "proc",
    hint: "mounting the /proc of another pid namespace needs Linux 6.18: let the child mount it before",
  });
}

function restrict(dirfd: number, path: string, flags: number, one: SpawnMount): void {
  const { attr_set, attr_clr } = flagBits(one.flags ?? []);
  if (attr_clr === 0) return;
  mount_setattr(dirfd, path, flags, { attr_set, attr_clr, propagation: 0, userns_fd: 0 });
}

/**
 * Makes a mount the root, and forgets the old one. It is put on top of the old root for that, so that no directory has
 * to be found for it.
 */
function enterRoot(tree: number, { source = "/" }: SpawnMount): void {
  if (!isDirectory(tree)) {
    const hint = "a root is a directory";
    throw new ValueError(ERRNO.ENOTDIR[0], { syscall: "pivot_root", path: source, hint });
  }
  move_mount(tree, "", AT.FDCWD, "/", MOVE_MOUNT.F_EMPTY_PATH);
  fchdir(tree);
  pivot_root(".", ".");
  // The old root lies on the new one now.
  umount2(".", MNT.DETACH);
  fchdir(tree);
}

function place(tree: number, { target }: SpawnMount): void {
  prepareTarget(target, isDirectory(tree));
  move_mount(tree, "", AT.FDCWD, target, MOVE_MOUNT.F_EMPTY_PATH | MOVE_MOUNT.T_SYMLINKS);
}

/** Paths begin at the new root by now, so that no symbolic link leads out. */
function prepareTarget(target: string, directory: boolean): void {
  const { mkdirSync, statSync } = builtin("node:fs");
  const there = statSync(target, { throwIfNoEntry: false });
  if (there !== undefined) {
    if (there.isDirectory() === directory) return;
    const hint = directory
      ? "it is a file, and a directory is mounted on directories"
      : "it is a directory, and a file is mounted on files";
    const errno = directory ? ERRNO.ENOTDIR : ERRNO.EISDIR;
    throw new ValueError(errno[0], { syscall: "mount", path: target, hint });
  }
  const path = directory ? target : target.slice(0, target.lastIndexOf("/") + 1);
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    const { errno = 0 } = error as NodeJS.ErrnoException;
    const hint = "there is no such directory to mount on, and none can be made";
    throw new OSError(Math.abs(errno), { syscall: "mkdir", path, hint });
  }
  if (directory) return;
  close(openat(AT.FDCWD, target, O.WRONLY | O.CREAT | O.CLOEXEC | O.NOFOLLOW, 0o644));
}

function isDirectory(fd: number): boolean {
  return builtin("node:fs").fstatSync(fd).isDirectory();
}
