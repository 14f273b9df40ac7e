/**
 * Options of {@linkcode Fanotify}, what excludes what among them, and which kernel has them.
 *
 * @module
 */
import { ERRNO, OSError, UnsupportedError, ValueError } from "../errors.ts";
import { builtin, uint } from "../libc.ts";
import { FAN, FAN_INIT, FAN_MARK, fanotify_init } from "../syscalls/fanotify.ts";
import { O } from "../syscalls/fd.ts";
import { LONGEST_DELAY } from "./deadline.ts";
import type { EventSourceOptions } from "./event-source.ts";
import { BY_HANDLE, DECIDED, HOW, listOf, MOUNTS, SINCE } from "./fanotify-words.ts";

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
   * Whether the events are those of mounts, and no others. Linux 6.14.
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

/** What a mark is of: a file or directory, everything below a mount point, a whole file system, or the mounts of a namespace. */
export type FanotifyScope = "inode" | "mount" | "filesystem" | "mntns";

/** Options of {@linkcode Fanotify.mark}. */
export interface FanotifyMarkOptions {
  /**
   * All but `"inode"` need CAP_SYS_ADMIN. `"filesystem"` needs Linux 4.20, `"mntns"` 6.14.
   *
   * @default "inode"
   */
  readonly scope?: FanotifyScope;
  /**
   * Whether events of the entries of a marked directory are told, and not only of the directory itself.
   *
   * @default false
   */
  readonly children?: boolean;
  /**
   * Whether events of directories are told, and not only of files.
   *
   * @default false
   */
  readonly dirs?: boolean;
  /**
   * Whether these events are not told, whatever other marks ask for. Linux 6.0.
   *
   * @default false
   */
  readonly ignore?: boolean;
  /**
   * Whether what is ignored stays so when the file is modified. Only files can do without.
   *
   * @default Whether `ignore` is set.
   */
  readonly surviveModify?: boolean;
  /**
   * Whether the mark goes when the kernel drops the inode from memory. Linux 5.19.
   *
   * @default false
   */
  readonly evictable?: boolean;
  /**
   * Whether a symbolic link leads to what it points to.
   *
   * @default true
   */
  readonly follow?: boolean;
}

/** What a group reports: its flags, as it was made or found. */
export interface FanotifyGroup {
  readonly report: "fd" | "fid" | "name" | "mounts";
  readonly decide: false | "access" | "pre-access";
  /** Whether events have a pidfd. */
  readonly pidfd: boolean;
  /** Whether events name threads. */
  readonly tid: boolean;
}

/** The default of `decideTimeout`. */
const DECIDE_TIMEOUT = 5000;

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
  [REPORT_MNT, "6.14", "mounts"],
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

type Newer = readonly [kernel: string, what: string] | undefined;

/** An `EINVAL` of a kernel that lacks what it was asked for says so. */
function newer(error: unknown, needs: Newer): unknown {
  if (!(error instanceof OSError) || error.code !== "EINVAL" || needs === undefined) return error;
  const [kernel, what] = needs;
  if (isSince(kernel)) return error;
  return new UnsupportedError(ERRNO.EINVAL[0], {
    syscall: error.syscall,
    path: error.path,
    hint: `${what} needs Linux ${kernel} (this is ${builtin("node:os").release()})`,
  });
}

/** Says of a mark that failed which event the kernel lacks, if it does. */
export function explainMark(error: unknown, mask: bigint, options: FanotifyMarkOptions): unknown {
  const asked = SINCE.find(([bits, kernel]) => (bits & mask) !== 0n && !isSince(kernel));
  if (asked !== undefined) return newer(error, [asked[1], listOf(mask & asked[0])]);
  if (options.ignore === true) return newer(error, ["6.0", "ignore"]);
  return newer(error, options.evictable === true ? ["5.19", "evictable"] : undefined);
}

function isSince(kernel: string): boolean {
  const [major = 0, minor = 0] = builtin("node:os").release().split(".").map(Number);
  const [needsMajor = 0, needsMinor = 0] = kernel.split(".").map(Number);
  return major > needsMajor || (major === needsMajor && minor >= needsMinor);
}

function reportOf(options: FanotifyOptions): FanotifyGroup["report"] {
  const { decide = false, mounts = false } = options;
  return mounts ? "mounts" : (options.report ?? (decide === false ? "name" : "fd"));
}

function refuse(what: string, hint: string): ValueError {
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
function choice(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  const expected = allowed.filter((one) => one !== undefined).map((one) => JSON.stringify(one));
  throw new TypeError(
    `Cannot take ${name}: expected ${expected.join(" or ")}, got ${JSON.stringify(value) ?? typeof value}`,
  );
}

/** Milliseconds. */
export function decideTimeoutOf(options: FanotifyOptions): number {
  const { decideTimeout = DECIDE_TIMEOUT } = options;
  if (typeof decideTimeout !== "number") {
    throw new TypeError(
      `Cannot take decideTimeout: expected milliseconds, got ${typeof decideTimeout}`,
    );
  }
  if (!(decideTimeout >= 0 && decideTimeout <= LONGEST_DELAY)) {
    throw new RangeError(
      `Cannot take decideTimeout: ${decideTimeout} is not between 0 and ${LONGEST_DELAY} ms`,
    );
  }
  return decideTimeout;
}

/** Kinds of marks. */
const SCOPES: Readonly<Record<FanotifyScope, number>> = {
  inode: FAN_MARK.INODE,
  mount: FAN_MARK.MOUNT,
  filesystem: FAN_MARK.FILESYSTEM,
  mntns: FAN_MARK.MNTNS,
};

/**
 * The flags of a mark, which may be for adding and for removing.
 *
 * @throws {TypeError} No such choice.
 */
export function flagsOf(options: FanotifyMarkOptions): number {
  const { scope = "inode", ignore = false, follow = true } = options;
  choice("scope", scope, Object.keys(SCOPES));
  for (const name of [
    "children",
    "dirs",
    "ignore",
    "surviveModify",
    "evictable",
    "follow",
  ] as const)
    choice(name, options[name], [true, false, undefined]);
  let flags = SCOPES[scope];
  if (ignore) flags |= FAN_MARK.IGNORE;
  if (!follow) flags |= FAN_MARK.DONT_FOLLOW;
  return flags;
}

/** The flags that only adding a mark has. */
export function addedFlagsOf(options: FanotifyMarkOptions): number {
  const { ignore = false, evictable = false, surviveModify = ignore } = options;
  let flags = flagsOf(options) | FAN_MARK.ADD;
  if (surviveModify) flags |= FAN_MARK.IGNORED_SURV_MODIFY;
  if (evictable) flags |= FAN_MARK.EVICTABLE;
  return flags;
}

/** What a mask is with `children` and `dirs`. */
export function withHow(mask: bigint, { children, dirs }: FanotifyMarkOptions): bigint {
  return mask | (children === true ? FAN.EVENT_ON_CHILD : 0n) | (dirs === true ? FAN.ONDIR : 0n);
}

/** Why a group can't have such a mark; `undefined` if it can. */
function reasonAgainst(
  { report, decide }: FanotifyGroup,
  mask: bigint,
  options: FanotifyMarkOptions,
): string | undefined {
  const { scope = "inode", ignore = false, evictable = false, surviveModify } = options;
  const has = (bits: bigint): boolean => (mask & bits) !== 0n;
  if ((mask & ~HOW) === 0n) return "no event is asked for";
  if (has(MOUNTS) !== (report === "mounts"))
    return "events of mounts are told with mounts: true, and no others are then";
  if ((scope === "mntns") !== (report === "mounts"))
    return 'events of mounts need scope: "mntns", and other events another one';
  if (has(DECIDED) && decide === false)
    return 'events that wait for a decision need decide: "access" or "pre-access"';
  if (has(FAN.PRE_ACCESS) && decide !== "pre-access") return 'it needs decide: "pre-access"';
  if (has(BY_HANDLE) && report === "fd")
    return `${listOf(mask & BY_HANDLE)} needs report: "fid" or "name"`;
  if (has(FAN.RENAME) && report !== "name") return 'rename needs report: "name"';
  if (has(FAN.FS_ERROR) && scope !== "filesystem") return 'fs-error needs scope: "filesystem"';
  if (has(BY_HANDLE) && scope === "mount")
    return `${listOf(mask & BY_HANDLE)} is not told of mounts, only of inodes and file systems`;
  if (evictable && scope !== "inode") return 'evictable needs scope: "inode"';
  if (ignore && surviveModify === false && scope !== "inode")
    return "what is ignored of more than a file stays so: surviveModify can't be false";
  if (surviveModify === true && !ignore) return "surviveModify needs ignore";
  return undefined;
}

/**
 * Checks a mark before it is made.
 *
 * @throws {ValueError} `EINVAL`: not in this group, or options that exclude each other.
 */
export function checkMark(group: FanotifyGroup, mask: bigint, options: FanotifyMarkOptions): void {
  const reason = reasonAgainst(group, mask, options);
  if (reason !== undefined) throw refuse(listOf(mask) || "mark()", reason);
}
