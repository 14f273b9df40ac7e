/**
 * What is no source of events: files in memory, bytes from one descriptor to another, mounts, namespaces and children in them.
 *
 * @module bun-butter/system
 */
export * from "../errors.ts";
export type { FdLike, PathLike } from "../libc.ts";
export type { MemfdHugePages, MemfdOptions, MemfdSeal } from "./memfd-options.ts";
export { Memfd, type MemfdMapOptions } from "./memfd.ts";
export type { CommonMountOptions } from "./mount-attach.ts";
export { bindMount, type BindMountOptions } from "./mount-bind.ts";
export { remount, type RemountOptions, setPropagation } from "./mount-change.ts";
export type { FileSystemOption, FileSystemOptions } from "./mount-context.ts";
export type { FileSystemFlag, MountEntry } from "./mount-entry.ts";
export type { MountFlag, MountPropagation } from "./mount-flags.ts";
export { mount, type MountOptions } from "./mount-new.ts";
export type { Mount, UnmountOptions } from "./mount.ts";
export { mounts } from "./mounts.ts";
export type { NamespaceKind } from "./namespace-kinds.ts";
export { Namespace } from "./namespace.ts";
export { overlay, type OverlayOptions, tmpfs, type TmpfsOptions } from "./overlay.ts";
export { pages } from "./pages.ts";
export { Pipe, pipe, PipeEnd, type PipeOptions, PipeReader, PipeWriter } from "./pipe.ts";
export type { PumpWay } from "./pump-way.ts";
export { pump, type PumpOptions } from "./pump.ts";
export type { SpawnMount, SpawnNamespace, SpawnNamespaceOptions } from "./spawn-options.ts";
export { spawn, type Spawned, type SpawnOptions } from "./spawn.ts";
export { tee, type TeeOptions } from "./tee.ts";
export { unmasked } from "./unmasked.ts";
