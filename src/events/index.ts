/**
 * The sources of events, one class each, without trees of files.
 *
 * @module bun-butter/events
 */
export * from "../errors.ts";
export type { FdLike, PathLike } from "../libc.ts";
export { FAN, FAN_REPORTED } from "../syscalls/fanotify.ts";
export { IN, IN_REPORTED } from "../syscalls/inotify.ts";
export type { PidfdInfo } from "../syscalls/pidfd.ts";
export type { PsiKind } from "../syscalls/psi.ts";
export type { WaitOptions } from "./deadline.ts";
export { EventSource, type EventSourceOptions } from "./event-source.ts";
export { Eventfd, type EventfdEvent, type EventfdOptions } from "./eventfd.ts";
export type { FanotifyErrno } from "./fanotify-decision.ts";
export {
  FanotifyEvent,
  type FanotifyEventData,
  type FanotifyMissing,
  type FanotifyRange,
} from "./fanotify-event.ts";
export type { FanotifyMarkOptions, FanotifyScope } from "./fanotify-mark.ts";
export type { FanotifyOptions } from "./fanotify-options.ts";
export type { FanotifyHandle } from "./fanotify-paths.ts";
export type { FanotifyAsked, FanotifyEvents, FanotifyWord } from "./fanotify-words.ts";
export { Fanotify } from "./fanotify.ts";
export {
  InotifyEvent,
  type InotifyEventData,
  type InotifyFlag,
  type InotifyWatch,
} from "./inotify-event.ts";
export { Inotify, type InotifyOptions } from "./inotify.ts";
export type { PidfdEvent } from "./pidfd-exit.ts";
export { Pidfd, type PidfdOptions } from "./pidfd.ts";
export { poll, type PollEvent, type PollResult } from "./poll.ts";
export {
  Pressure,
  type PressureAverages,
  type PressureEvent,
  type PressureOptions,
  type PressureReading,
  type PressureResource,
  type PressureScope,
} from "./pressure.ts";
export { type SignalName, signalName, signalNumber } from "./signal-names.ts";
export { type SignalCode, SignalfdEvent, type SignalfdEventData } from "./signalfd-event.ts";
export { Signalfd, type SignalfdOptions, type SignalLike } from "./signalfd.ts";
export type { TimerfdState } from "./timerfd-keeper.ts";
export type { TimerfdMissed, TimerfdOptions, TimerfdSetting } from "./timerfd-options.ts";
export type { TimerfdClock } from "./timerfd-time.ts";
export { Timerfd, type TimerfdAdoptOptions, type TimerfdEvent } from "./timerfd.ts";
