/**
 * Mounting what is there already at a second place:
 * {@link https://man7.org/linux/man-pages/man2/open_tree.2.html | open_tree(2)}, or
 * {@link https://man7.org/linux/man-pages/man2/mount.2.html | mount(2)} where the kernel is too old for it.
 *
 * @module
 */
import { UnsupportedError } from "../errors.ts";
import { checkNames, type OptionNames } from "../events/options.ts";
import { cstring, type PathLike } from "../libc.ts";
import { MNT, mount as mountCall, MS, umount2 } from "../syscalls/mount.ts";
import { OPEN_TREE, open_tree } from "../syscalls/open-tree.ts";
import { AT } from "../syscalls/open.ts";
import {
  attach,
  attachByPath,
  type CommonMountOptions,
  commonNames,
  type Placement,
  placementOf,
  prepare,
} from "./mount-attach.ts";
import { remount } from "./mount-change.ts";
import { flagBits } from "./mount-flags.ts";
import type { Mount } from "./mount.ts";
import { ScopedFd } from "./scoped-fd.ts";

/** Options of {@linkcode bindMount}. */
export interface BindMountOptions extends CommonMountOptions {
  /** What: a directory or a file. */
  readonly source: PathLike;
  /**
   * With everything that is mounted below it, which flags, propagation and mapping then hold for as well.
   *
   * @default false
   */
  readonly recursive?: boolean;
}

const optionNames: OptionNames<BindMountOptions> = {
  ...commonNames,
  source: true,
  recursive: true,
};

/**
 * Mounts a directory or a file that is there already at a second place. Flags not named are those of the
 * mount that it is from.
 *
 * @returns What unmounts it.
 * @throws {PermissionError} `EPERM`: it needs `CAP_SYS_ADMIN` over the mount namespace.
 * @throws {ValueError} `EINVAL`: the source is unbindable, or its file system takes no `userNamespace`.
 * `ENOENT`, `ENOTDIR`, `ELOOP`, `ENAMETOOLONG`.
 * @throws {UnsupportedError} `userNamespace` before Linux 5.12, or `recursive` with `flags`.
 *
 * @example
 * ```ts CAP_SYS_ADMIN
 * import { mkdtempSync, rmdirSync } from "node:fs";
 *
 * import { bindMount } from "bun-butter";
 *
 * const dir = mkdtempSync("/tmp/butter-");
 * {
 *   using etc = bindMount({ source: "/etc", target: dir, flags: ["ro"] });
 *   console.log(etc.info()?.flags[0]); // ro
 * }
 * rmdirSync(dir);
 * ```
 */
export function bindMount(options: BindMountOptions): Mount {
  checkNames(options, optionNames);
  const { source, recursive = false, flags = [] } = options;
  cstring(source, "source");
  const placement = placementOf(options, flagBits(flags));
  try {
    return bindByTree(source, recursive, placement);
  } catch (error) {
    const only5_12 = placement.userNamespace !== undefined || (recursive && flags.length > 0);
    if (!(error instanceof UnsupportedError) || only5_12) throw error;
  }
  const how = MS.BIND | (recursive ? MS.REC : 0);
  return attachByPath(placement, recursive, (target) => {
    mountCall(source, target, null, how, null);
    try {
      if (flags.length > 0) remount(target, { flags });
    } catch (error) {
      umount2(target, MNT.DETACH);
      throw error;
    }
  });
}

function bindByTree(source: PathLike, recursive: boolean, placement: Placement): Mount {
  const below = recursive ? AT.RECURSIVE : 0;
  using tree = new ScopedFd(
    open_tree(AT.FDCWD, source, OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC | below),
  );
  prepare(tree.fd, placement.bits, placement, below);
  return attach(tree.fd, placement, recursive);
}
