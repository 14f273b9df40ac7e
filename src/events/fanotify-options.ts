/**
 * Options of {@linkcode Fanotify}, and what excludes what among them.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { described } from "../libc.ts";
import { LONGEST_DELAY } from "./deadline.ts";
import { type EventSourceOptions, sourceNames } from "./event-source.ts";
import type { OptionNames } from "./options.ts";

/** Options of {@linkcode Fanotify}. */
export interface FanotifyOptions extends EventSourceOptions {
  /**
   * How events say what they are about: `"name"` by the path of the directory and the entry's name (Linux 5.9), `"fid"`
   * by the path of the object (Linux 5.1), `"fd"` by an open descriptor of it, which needs CAP_SYS_ADMIN.
   *
   * @default "name", or "fd" if accesses are decided on.
   */
  readonly report?: "fd" | "fid" | "name";
  /**
   * Whether accesses may wait for a decision: `"access"` when a file has its content, `"pre-access"` before (for what
   * fetches it then, Linux 6.14). It needs CAP_SYS_ADMIN and `report: "fd"`.
   *
   * @default false
   */
  readonly decide?: false | "access" | "pre-access";
  /**
   * Milliseconds after which an access that nobody decided on is allowed.
   *
   * @default 5000
   */
  readonly decideTimeout?: number;
  /**
   * Whether events of this process itself are told. Accesses of its own that would wait are allowed at once in
   * any case, and never told.
   *
   * @default false
   */
  readonly own?: boolean;
  /**
   * Whether events have a pidfd of who caused them. Needs CAP_SYS_ADMIN, Linux 5.15.
   *
   * @default false
   */
  readonly pidfd?: boolean;
  /**
   * Whether events name the thread, and not the process. Needs CAP_SYS_ADMIN, Linux 4.20.
   *
   * @default false
   */
  readonly tid?: boolean;
  /**
   * Whether the events are those of mounts, and no others. Linux 6.15.
   *
   * @default false
   */
  readonly mounts?: boolean;
  /**
   * Whether an event without descriptor or pidfd says why there is none. Without, reading fails with that error, and the
   * event is lost. Needs CAP_SYS_ADMIN, Linux 6.13.
   *
   * @default Whether the kernel can, and there is a descriptor or pidfd.
   */
  readonly errors?: boolean;
  /**
   * Whether the kernel's queue has no limit, in place of fs.fanotify.max_queued_events. Needs CAP_SYS_ADMIN.
   *
   * @default false
   */
  readonly unlimitedQueue?: boolean;
  /**
   * Whether there is no limit of marks, in place of fs.fanotify.max_user_marks. Needs CAP_SYS_ADMIN.
   *
   * @default false
   */
  readonly unlimitedMarks?: boolean;
  /**
   * How descriptors of events are open: `O` members. `CLOEXEC` and `NONBLOCK` are added.
   *
   * @default O.RDONLY
   */
  readonly eventFlags?: number;
}

/** Those that are not the group's. */
export const adoptNames: OptionNames<
  Pick<FanotifyOptions, "busyPoll" | "decideTimeout" | "latency" | "own" | "signal">
> = {
  ...sourceNames,
  decideTimeout: true,
  own: true,
};

export const optionNames: OptionNames<FanotifyOptions> = {
  ...adoptNames,
  report: true,
  decide: true,
  pidfd: true,
  tid: true,
  mounts: true,
  errors: true,
  unlimitedQueue: true,
  unlimitedMarks: true,
  eventFlags: true,
};

/** The default of `decideTimeout`. */
const DECIDE_TIMEOUT = 5000;

/** What a group reports. */
export type FanotifyReport = "fd" | "fid" | "name" | "mounts";

/** What a group with these options is to report. */
export function reportOf(options: FanotifyOptions): FanotifyReport {
  const { decide = false, mounts = false } = options;
  return mounts ? "mounts" : (options.report ?? (decide === false ? "name" : "fd"));
}

/** A refusal in the shape of the kernel's own. */
export function refuse(what: string, hint: string): ValueError {
  return new ValueError(ERRNO.EINVAL[0], { syscall: "Fanotify", path: what, hint });
}

/**
 * Checks options before a group is made.
 *
 * @throws {TypeError} No such choice. @throws {RangeError} No such time.
 * @throws {ValueError} `EINVAL`: options that exclude each other.
 */
export function checkFanotify(options: FanotifyOptions): void {
  const { report, decide = false, pidfd, tid, mounts, errors, eventFlags } = options;
  choice("report", report, ["fd", "fid", "name", undefined]);
  choice("decide", decide, [false, "access", "pre-access"]);
  for (const name of [
    "own",
    "pidfd",
    "tid",
    "mounts",
    "errors",
    "unlimitedQueue",
    "unlimitedMarks",
  ] as const)
    choice(name, options[name], [true, false, undefined]);
  decideTimeoutOf(options);
  if (decide !== false && report !== undefined && report !== "fd") {
    throw refuse(
      `decide, report: "${report}"`,
      'a decision is about an open file, which only report: "fd" has',
    );
  }
  if (pidfd === true && tid === true)
    throw refuse("pidfd, tid", "a pidfd is of a process, and tid names threads");
  if (mounts === true && (report !== undefined || decide !== false || errors === true))
    throw refuse("mounts", "events of mounts have no report, decide or errors");
  if (eventFlags !== undefined && reportOf(options) !== "fd")
    throw refuse("eventFlags", 'only report: "fd" has descriptors of events');
}

/** Checks a choice, which is a type of TypeScript alone. */
export function choice(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  const expected = allowed.filter((one) => one !== undefined).map((one) => JSON.stringify(one));
  throw new TypeError(
    `Cannot take ${name}: expected ${expected.join(" or ")}, got ${described(value)}`,
  );
}

/** Milliseconds. */
export function decideTimeoutOf(options: FanotifyOptions): number {
  const { decideTimeout = DECIDE_TIMEOUT } = options;
  if (typeof decideTimeout !== "number") {
    throw new TypeError(
      `Cannot take decideTimeout: expected milliseconds, got ${described(decideTimeout)}`,
    );
  }
  if (!(decideTimeout >= 0 && decideTimeout <= LONGEST_DELAY)) {
    throw new RangeError(
      `Cannot take decideTimeout: ${decideTimeout} is not between 0 and ${LONGEST_DELAY} ms`,
    );
  }
  return decideTimeout;
}
