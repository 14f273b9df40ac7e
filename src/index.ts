/**
 * Linux's file descriptor features for Bun: typed sources of events, straight from the kernel.
 *
 * @module bun-butter
 */
export {
  ERRNO,
  errnoName,
  InternalError,
  MemoryError,
  OSError,
  PermissionError,
  RetryError,
  UnknownError,
  UnsupportedError,
  ValueError,
  type ErrnoName,
  type ErrorMap,
  type ErrorMaps,
  type ErrorRule,
  type OSErrorClass,
  type OSErrorDetails,
} from "./errors.ts";
export type { WaitOptions } from "./events/deadline.ts";
export { EventSource, type EventSourceOptions } from "./events/event-source.ts";
export { Eventfd, type EventfdEvent, type EventfdOptions } from "./events/eventfd.ts";
export type { FanotifyErrno } from "./events/fanotify-decision.ts";
export {
  FanotifyEvent,
  type FanotifyEventData,
  type FanotifyMissing,
  type FanotifyRange,
} from "./events/fanotify-event.ts";
export type { FanotifyMarkOptions, FanotifyScope } from "./events/fanotify-mark.ts";
export type { FanotifyOptions } from "./events/fanotify-options.ts";
export type { FanotifyHandle } from "./events/fanotify-paths.ts";
export type { FanotifyAsked, FanotifyEvents, FanotifyWord } from "./events/fanotify-words.ts";
export { Fanotify } from "./events/fanotify.ts";
export {
  InotifyEvent,
  type InotifyEventData,
  type InotifyFlag,
  type InotifyWatch,
} from "./events/inotify-event.ts";
export { Inotify, type InotifyOptions } from "./events/inotify.ts";
export type { PidfdEvent } from "./events/pidfd-exit.ts";
export { Pidfd, type PidfdOptions } from "./events/pidfd.ts";
export { poll, type PollEvent, type PollResult } from "./events/poll.ts";
export {
  Pressure,
  type PressureAverages,
  type PressureEvent,
  type PressureOptions,
  type PressureReading,
  type PressureResource,
  type PressureScope,
} from "./events/pressure.ts";
export { type SignalName, signalName, signalNumber } from "./events/signal-names.ts";
export { type SignalCode, SignalfdEvent, type SignalfdEventData } from "./events/signalfd-event.ts";
export { Signalfd, type SignalfdOptions, type SignalLike } from "./events/signalfd.ts";
export type { TimerfdState } from "./events/timerfd-keeper.ts";
export type { TimerfdMissed, TimerfdOptions, TimerfdSetting } from "./events/timerfd-options.ts";
export type { TimerfdClock } from "./events/timerfd-time.ts";
export { Timerfd, type TimerfdAdoptOptions, type TimerfdEvent } from "./events/timerfd.ts";
export type { FdLike, PathLike } from "./libc.ts";
export type { CommonMountOptions } from "./system/mount-attach.ts";
export { bindMount, type BindMountOptions } from "./system/mount-bind.ts";
export { remount, type RemountOptions, setPropagation } from "./system/mount-change.ts";
export type { FileSystemOption, FileSystemOptions } from "./system/mount-context.ts";
export type { FileSystemFlag, MountEntry } from "./system/mount-entry.ts";
export type { MountFlag, MountPropagation } from "./system/mount-flags.ts";
export { mount, type MountOptions } from "./system/mount-new.ts";
export type { Mount, UnmountOptions } from "./system/mount.ts";
export { mounts } from "./system/mounts.ts";
export { overlay, type OverlayOptions, tmpfs, type TmpfsOptions } from "./system/overlay.ts";
export type { NamespaceKind } from "./system/namespace-kinds.ts";
export { Namespace } from "./system/namespace.ts";
export type { SpawnMount, SpawnNamespace, SpawnNamespaceOptions } from "./system/spawn-options.ts";
export { spawn, type Spawned, type SpawnOptions } from "./system/spawn.ts";
export { unmasked } from "./system/unmasked.ts";
export { FAN, FAN_REPORTED } from "./syscalls/fanotify.ts";
export { IN, IN_REPORTED } from "./syscalls/inotify.ts";
export type { PidfdInfo } from "./syscalls/pidfd.ts";
export type { PsiKind } from "./syscalls/psi.ts";
export type { MemfdHugePages, MemfdOptions, MemfdSeal } from "./system/memfd-options.ts";
export { Memfd, type MemfdMapOptions } from "./system/memfd.ts";
export { pages } from "./system/pages.ts";
export { Pipe, pipe, PipeEnd, type PipeOptions, PipeReader, PipeWriter } from "./system/pipe.ts";
export type { PumpWay } from "./system/pump-way.ts";
export { pump, type PumpOptions } from "./system/pump.ts";
export { tee, type TeeOptions } from "./system/tee.ts";
export type {
  WatchChangeEvent,
  WatchErrorEvent,
  WatchEvent,
  WatchKind,
  WatchOverflowEvent,
  WatchRenameEvent,
  WatchStats,
} from "./watch/event.ts";
export type { IgnoreRule } from "./watch/ignore.ts";
export type { WatchBackend, WatchOptions, WatchSettle } from "./watch/options.ts";
export {
  changesSince,
  snapshot,
  type Snapshot,
  type SnapshotOptions,
  type SnapshotStat,
  type SnapshotTree,
} from "./watch/snapshot.ts";
export { watch } from "./watch/watch.ts";
export type { Watched } from "./watch/watched.ts";
export { Watcher } from "./watch/watcher.ts";
