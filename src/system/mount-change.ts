/**
 * Changing what is mounted:
 * {@link https://man7.org/linux/man-pages/man2/mount_setattr.2.html | mount_setattr(2)} and
 * {@link https://man7.org/linux/man-pages/man2/fspick.2.html | fspick(2)}, or
 * {@link https://man7.org/linux/man-pages/man2/mount.2.html | mount(2)} where the kernel is too old for them.
 *
 * @module
 */
import { UnsupportedError } from "../errors.ts";
import { checkNames, type OptionNames } from "../events/options.ts";
import { cstring, type PathLike, pathText } from "../libc.ts";
import { FSCONFIG } from "../syscalls/fsconfig.ts";
import { FSPICK, fspick } from "../syscalls/fsopen.ts";
import { mount_setattr } from "../syscalls/mount-setattr.ts";
import { mount as mountCall, MS } from "../syscalls/mount.ts";
import { AT } from "../syscalls/open.ts";
import {
  classicOptions,
  configure,
  type FileSystemOptions,
  fitContext,
  type Setting,
  settingsOf,
} from "./mount-context.ts";
import type { MountEntry } from "./mount-entry.ts";
import {
  type FlagBits,
  flagBits,
  type MountFlag,
  type MountPropagation,
  propagationBit,
} from "./mount-flags.ts";
import { holdTop, mountinfoId } from "./mount-place.ts";
import { mounts } from "./mounts.ts";
import { ScopedFd } from "./scoped-fd.ts";

/** What {@linkcode remount} changes. */
export interface RemountOptions {
  /**
   * What this mount allows from now on. Flags not named stay as they are.
   *
   * @default []
   */
  readonly flags?: readonly MountFlag[];
  /**
   * Options of the file system, for all its mounts. `{ ro: true }` makes the file system read-only.
   *
   * @default {}
   */
  readonly options?: FileSystemOptions;
  /**
   * Gives `flags` to every mount below it as well, or to none. Linux 5.12.
   *
   * @default false
   */
  readonly recursive?: boolean;
}

const optionNames: OptionNames<RemountOptions> = { flags: true, options: true, recursive: true };

/**
 * Changes what is topmost at `target`: the file system's options first, then the mount's flags.
 *
 * @throws {ValueError} `EINVAL`: no mount point, or an option that cannot be changed, with what the kernel
 * says of it. `EBUSY`: files are open for writing.
 * @throws {PermissionError} `EPERM`: it needs `CAP_SYS_ADMIN`, or the flag is locked.
 * @throws {UnsupportedError} `recursive` before Linux 5.12.
 */
export function remount(target: PathLike, change: RemountOptions): void {
  checkNames(change, optionNames);
  const { flags = [], recursive = false } = change;
  cstring(target, "target");
  const settings = settingsOf(change.options === undefined ? {} : change.options);
  const bits = flagBits(flags);
  if (settings.length > 0) changeFileSystem(target, settings);
  if (flags.length > 0) changeMount(target, bits, recursive);
}

function changeFileSystem(target: PathLike, settings: readonly Setting[]): void {
  if (fitContext(settings)) {
    try {
      using context = new ScopedFd(fspick(AT.FDCWD, target, FSPICK.CLOEXEC));
      const paths = { source: undefined, target: pathText(target) };
      configure(context.fd, settings, FSCONFIG.CMD_RECONFIGURE, paths);
      return;
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
    }
  }
  const { flags = [], fileSystemFlags = [] } = topmost(target) ?? {};
  const present = fileSystemFlags.map((flag): Setting => [flag, null]);
  const { flags: all, data } = classicOptions([...present, ...settings]);
  mountCall(null, target, null, MS.REMOUNT | all, data);
  // It has set the mount's flags to the file system's.
  mountCall(null, target, null, MS.REMOUNT | MS.BIND | flagBits(flags).ms, null);
}

function changeMount(target: PathLike, bits: FlagBits, recursive: boolean): void {
  const { attr_set, attr_clr } = bits;
  try {
    const attr = { attr_set, attr_clr, propagation: 0, userns_fd: 0 };
    mount_setattr(AT.FDCWD, target, recursive ? AT.RECURSIVE : 0, attr);
  } catch (error) {
    if (!(error instanceof UnsupportedError) || recursive) throw error;
    // It sets all flags, so those that stay are given as well.
    const stay = (topmost(target)?.flags ?? []).filter(
      (flag) => (flagBits([flag]).attr_clr & attr_clr) === 0,
    );
    mountCall(null, target, null, MS.REMOUNT | MS.BIND | flagBits(stay).ms | bits.ms, null);
  }
}

function topmost(target: PathLike): MountEntry | undefined {
  using held = holdTop(target);
  const id = mountinfoId(held.fd);
  return mounts().find((entry) => entry.mountinfoId === id);
}

/**
 * Changes how what is topmost at `target` shares with others what is mounted below it.
 *
 * @throws {ValueError} `EINVAL`: no mount point.
 * @throws {PermissionError} `EPERM`: it needs `CAP_SYS_ADMIN` over the mount namespace.
 */
export function setPropagation(
  target: PathLike,
  propagation: MountPropagation,
  options: {
    /**
     * For every mount below it as well.
     *
     * @default false
     */
    readonly recursive?: boolean;
  } = {},
): void {
  checkNames(options, { recursive: true });
  const { recursive = false } = options;
  mountCall(null, target, null, propagationBit(propagation) | (recursive ? MS.REC : 0), null);
}
