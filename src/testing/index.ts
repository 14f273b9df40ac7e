/**
 * For test files that assert what a program does to a directory: trees of files, records of what happens in them, matchers,
 * signals and timers. Everything is real, nothing is faked.
 *
 * @module bun-butter/testing
 */
export type { EmittedEvent, EmittedPath, EmittedType } from "./emitted.ts";
export { type ButterMatchers, matchers } from "./matchers.ts";
export { record, Recorder, type NextOptions, type RecordOptions } from "./recorder.ts";
export { signals, type SignalWaitOptions } from "./signals.ts";
export { tempTree, TempTree, type TempTreeOptions } from "./temp-tree.ts";
export { timers } from "./timers.ts";
export { link, TreeLink, type TreeContent, type TreeEntry } from "./tree-content.ts";
export type { TreeExpected } from "./tree-difference.ts";
