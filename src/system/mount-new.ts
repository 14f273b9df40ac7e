/**
 * Mounting a file system: {@link https://man7.org/linux/man-pages/man2/fsopen.2.html | fsopen(2)} and what
 * follows it, or {@link https://man7.org/linux/man-pages/man2/mount.2.html | mount(2)} where the kernel is
 * too old for it.
 *
 * @module
 */
import { UnsupportedError } from "../errors.ts";
import { checkNames, type OptionNames } from "../events/options.ts";
import { cstring, newer, type PathLike, pathText } from "../libc.ts";
import { FSCONFIG } from "../syscalls/fsconfig.ts";
import { FSMOUNT, fsmount, FSOPEN, fsopen } from "../syscalls/fsopen.ts";
import { MOUNT_ATTR } from "../syscalls/mount-setattr.ts";
import { mount as mountCall } from "../syscalls/mount.ts";
import {
  attach,
  attachByPath,
  type CommonMountOptions,
  commonNames,
  type Placement,
  placementOf,
  prepare,
} from "./mount-attach.ts";
import {
  classicOptions,
  configure,
  explain,
  type FileSystemOptions,
  fitContext,
  type Setting,
  settingsOf,
} from "./mount-context.ts";
import { flagBits } from "./mount-flags.ts";
import type { Mount } from "./mount.ts";
import { ScopedFd } from "./scoped-fd.ts";

/** Options of {@linkcode mount}. */
export interface MountOptions extends CommonMountOptions {
  /** The file system: `"tmpfs"`, `"ext4"`, `"overlay"`, … */
  readonly type: string;
  /**
   * A device, or what else the file system is made of.
   *
   * @default "none"
   */
  readonly source?: PathLike;
  /**
   * Options of the file system: `{ size: "64m", mode: "700" }`.
   *
   * @default {}
   */
  readonly options?: FileSystemOptions;
}

const optionNames: OptionNames<MountOptions> = {
  ...commonNames,
  type: true,
  source: true,
  options: true,
};

/**
 * Mounts a file system. With the flag `ro`, the file system is read-only as well, as with `mount(8)`.
 *
 * @returns What unmounts it.
 * @throws {PermissionError} `EPERM`: it needs `CAP_SYS_ADMIN` over the mount namespace.
 * @throws {ValueError} `EINVAL` and others: with what the kernel says of it, from Linux 5.2 on.
 * @throws {OSError} `ENODEV`: this kernel has no such file system. `EROFS`, `ENXIO`, `ENOSPC`.
 * @throws {UnsupportedError} `userNamespace` before Linux 5.12.
 *
 * @example
 * ```ts CAP_SYS_ADMIN
 * import { mkdtempSync, rmdirSync } from "node:fs";
 *
 * import { mount } from "bun-butter";
 *
 * const dir = mkdtempSync("/tmp/butter-");
 * {
 *   using scratch = mount({
 *     type: "tmpfs",
 *     target: dir,
 *     flags: ["nosuid", "nodev", "noexec"],
 *     options: { size: "1m" },
 *   });
 *   console.log(scratch.info()?.options); // [ "size=1024k" ]
 * }
 * rmdirSync(dir);
 * ```
 */
export function mount(options: MountOptions): Mount {
  checkNames(options, optionNames);
  const { type, source = "none", flags = [] } = options;
  cstring(type, "type");
  cstring(source, "source");
  const bits = flagBits(flags);
  const settings: Setting[] = [
    ["source", source instanceof URL ? pathText(source) : source],
    ...(flags.includes("ro") ? [["ro", null] as const] : []),
    ...settingsOf(options.options === undefined ? {} : options.options),
  ];
  const placement = placementOf(options, bits);
  if (fitContext(settings)) {
    try {
      return mountByContext(type, settings, placement);
    } catch (error) {
      if (!(error instanceof UnsupportedError) || placement.userNamespace !== undefined)
        throw error;
    }
  }
  return mountByPath(type, source, settings.slice(1), placement);
}

function mountByContext(type: string, settings: readonly Setting[], placement: Placement): Mount {
  using context = new ScopedFd(fsopen(type, FSOPEN.CLOEXEC));
  const [[, source] = []] = settings;
  const paths = { source: pathText(source ?? ""), target: pathText(placement.target) };
  configure(context.fd, settings, FSCONFIG.CMD_CREATE, paths);
  using tree = new ScopedFd(
    explain(context.fd, paths, () => detached(context.fd, placement.bits.attr_set)),
  );
  prepare(tree.fd, { attr_clr: 0, attr_set: 0, ms: 0 }, placement, 0);
  return attach(tree.fd, placement, false);
}

/** `mount` has this flag since Linux 5.10. */
function detached(context: number, attr: number): number {
  try {
    return fsmount(context, FSMOUNT.CLOEXEC, attr);
  } catch (error) {
    const isNew = (attr & MOUNT_ATTR.NOSYMFOLLOW) !== 0;
    throw newer(error, isNew ? ["5.14", "nosymfollow"] : undefined);
  }
}

function mountByPath(
  type: string,
  source: PathLike,
  settings: readonly Setting[],
  placement: Placement,
): Mount {
  const { flags, data } = classicOptions(settings);
  if (placement.userNamespace !== undefined)
    throw new TypeError(
      "Cannot take userNamespace: with an option of more than 255 bytes it is not to be had",
    );
  return attachByPath(placement, false, (target) =>
    mountCall(source, target, type, placement.bits.ms | flags, data),
  );
}
