/**
 * The two file systems that are made of nothing but memory and directories.
 *
 * @module
 */
import { checkNames, type OptionNames } from "../events/options.ts";
import { cstring, type PathLike, pathText, uint } from "../libc.ts";
import { type CommonMountOptions, commonNames } from "./mount-attach.ts";
import type { FileSystemOptions } from "./mount-context.ts";
import { mount } from "./mount-new.ts";
import { holdTop } from "./mount-place.ts";
import type { Mount } from "./mount.ts";

/** Options of {@linkcode tmpfs}. */
export interface TmpfsOptions extends CommonMountOptions {
  /**
   * The most that it holds: bytes, or text such as `"64m"` or `"10%"` of the memory.
   *
   * @default "50%"
   */
  readonly size?: number | string;
  /**
   * Permissions of its root: `0o700`.
   *
   * @default 0o1777
   */
  readonly mode?: number;
  /**
   * Further options: `uid`, `gid`, `nr_inodes`, `huge`, …
   *
   * @default {}
   */
  readonly options?: FileSystemOptions;
}

const tmpfsNames: OptionNames<TmpfsOptions> = {
  ...commonNames,
  size: true,
  mode: true,
  options: true,
};

/**
 * Mounts an empty file system in memory.
 *
 * @returns What unmounts it; its files are gone then.
 * @throws As `mount()`.
 */
export function tmpfs(options: TmpfsOptions): Mount {
  checkNames(options, tmpfsNames);
  const { size, mode, ...others } = options;
  return mount({
    ...others,
    type: "tmpfs",
    source: "tmpfs",
    options: {
      ...options.options,
      size,
      mode: mode === undefined ? undefined : uint(mode, "mode").toString(8),
    },
  });
}

/** Options of {@linkcode overlay}. */
export interface OverlayOptions extends CommonMountOptions {
  /** Directories that are only read, the topmost first. */
  readonly lower: readonly PathLike[];
  /** The directory that changes are written to. Without it, nothing can be changed. */
  readonly upper?: PathLike;
  /** An empty directory on the file system of `upper`, for overlayfs itself. */
  readonly work?: PathLike;
  /**
   * Further options: `metacopy`, `volatile`, …
   *
   * @default {}
   */
  readonly options?: FileSystemOptions;
}

const overlayNames: OptionNames<OverlayOptions> = {
  ...commonNames,
  lower: true,
  upper: true,
  work: true,
  options: true,
};

/**
 * Mounts directories one over another:
 * {@link https://docs.kernel.org/filesystems/overlayfs.html | overlayfs}.
 *
 * @returns What unmounts it; `upper` keeps the changes.
 * @throws {TypeError} No `lower`, or one of `upper` and `work` without the other.
 * @throws As `mount()`.
 */
export function overlay(options: OverlayOptions): Mount {
  checkNames(options, overlayNames);
  const { lower, upper, work, ...others } = options;
  if (!Array.isArray(lower) || lower.length === 0)
    throw new TypeError("Cannot take lower: an overlay needs one directory at least");
  if ((upper === undefined) !== (work === undefined))
    throw new TypeError("Cannot take upper: an overlay needs upper and work, or none of both");
  using names = new Names();
  return mount({
    ...others,
    type: "overlay",
    source: "overlay",
    options: {
      ...options.options,
      lowerdir: lower.map((path) => names.of(path)).join(":"),
      upperdir: upper === undefined ? undefined : names.of(upper),
      workdir: work === undefined ? undefined : names.of(work),
    },
  });
}

/** Names without what overlayfs, `fsconfig` or `mount` give a meaning of their own. */
class Names implements Disposable {
  readonly #held = new DisposableStack();

  /** The path itself, or if it has such a character, that of a descriptor of it. */
  of(path: PathLike): string {
    cstring(path, "path");
    const text = pathText(path);
    if (/^[\w./@%+~-]+$/.test(text)) return text;
    return `/proc/self/fd/${this.#held.use(holdTop(path)).fd}`;
  }

  [Symbol.dispose](): void {
    this.#held.dispose();
  }
}
