/**
 * Trees of files: what happens in them, and what happened while nobody watched.
 *
 * @module bun-butter/watch
 */
export * from "../errors.ts";
export type { WaitOptions } from "../events/deadline.ts";
export { EventSource, type EventSourceOptions } from "../events/event-source.ts";
export type { PathLike } from "../libc.ts";
export type {
  WatchChangeEvent,
  WatchErrorEvent,
  WatchEvent,
  WatchKind,
  WatchOverflowEvent,
  WatchRenameEvent,
  WatchStats,
} from "./event.ts";
export type { IgnoreRule } from "./ignore/ignore.ts";
export type { WatchBackend, WatchOptions, WatchSettle } from "./options.ts";
export {
  changesSince,
  snapshot,
  type Snapshot,
  type SnapshotOptions,
  type SnapshotStat,
  type SnapshotTree,
} from "./snapshot/snapshot.ts";
export { watch } from "./watch.ts";
export type { Watched } from "./watched.ts";
export { Watcher } from "./watcher.ts";
