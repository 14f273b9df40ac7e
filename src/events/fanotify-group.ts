/**
 * Groups of fanotify, and which kernel has what.
 *
 * @module
 */
import { isSince, type Newer, newer, uint } from "../libc.ts";
import { FAN_INIT, fanotify_init } from "../syscalls/fanotify.ts";
import { O } from "../syscalls/fd.ts";
import { type FanotifyOptions, type FanotifyReport, reportOf } from "./fanotify-options.ts";

/** What a group reports: its flags, as it was made or found. */
export interface FanotifyGroup {
  readonly report: FanotifyReport;
  readonly decide: false | "access" | "pre-access";
  /** Whether events have a pidfd. */
  readonly pidfd: boolean;
  /** Whether events name threads. */
  readonly tid: boolean;
}

const { CLASS_CONTENT, CLASS_PRE_CONTENT } = FAN_INIT;
const { REPORT_FD_ERROR, REPORT_FID, REPORT_MNT, REPORT_NAME, REPORT_PIDFD } = FAN_INIT;

const reports = {
  fd: 0,
  fid: REPORT_FID,
  name: FAN_INIT.REPORT_DIR_FID | REPORT_NAME,
  mounts: REPORT_MNT,
} as const;

const decisions = { access: CLASS_CONTENT, "pre-access": CLASS_PRE_CONTENT } as const;

/** Which kernel brought a flag, the newest first. */
const flagsSince: readonly (readonly [flag: number, kernel: string, option: string])[] = [
  [REPORT_MNT, "6.15", "mounts"],
  [REPORT_FD_ERROR, "6.13", "errors"],
  [REPORT_PIDFD, "5.15", "pidfd"],
];

/** What a group with these flags reports. */
export function groupOf(flags: number): FanotifyGroup {
  const kinds = ["mounts", "name", "fid"] as const;
  return {
    report: kinds.find((kind) => (flags & reports[kind]) !== 0) ?? "fd",
    decide:
      (flags & CLASS_PRE_CONTENT) !== 0 ? "pre-access" : (flags & CLASS_CONTENT) !== 0 && "access",
    pidfd: (flags & REPORT_PIDFD) !== 0,
    tid: (flags & FAN_INIT.REPORT_TID) !== 0,
  };
}

/** Makes a group. */
export function openGroup(options: FanotifyOptions): [fd: number, group: FanotifyGroup] {
  const { decide = false, pidfd = false, errors } = options;
  const kind = reportOf(options);
  let flags = FAN_INIT.CLOEXEC | FAN_INIT.NONBLOCK | reports[kind];
  // The handle of the entry itself: a directory that is made is known by it at once, and may be gone soon.
  if (kind === "name" && isSince("5.17")) flags |= REPORT_FID | FAN_INIT.REPORT_TARGET_FID;
  if (decide !== false) flags |= decisions[decide];
  if (pidfd) flags |= REPORT_PIDFD;
  if (options.tid === true) flags |= FAN_INIT.REPORT_TID;
  if (options.unlimitedQueue === true) flags |= FAN_INIT.UNLIMITED_QUEUE;
  if (options.unlimitedMarks === true) flags |= FAN_INIT.UNLIMITED_MARKS;
  const eventFlags = uint(options.eventFlags ?? O.RDONLY, "eventFlags") | O.CLOEXEC | O.NONBLOCK;
  const tells = errors ?? ((kind === "fd" || pidfd) && kind !== "mounts" && isSince("6.13"));
  if (tells) flags |= REPORT_FD_ERROR;
  try {
    return [fanotify_init(flags, eventFlags), groupOf(flags)];
  } catch (error) {
    throw newer(error, flagsSince.find(([flag]) => (flags & flag) !== 0)?.slice(1) as Newer);
  }
}
