/**
 * One event of {@linkcode Fanotify}.
 *
 * @module
 */
import { ERRNO, errnoName, type OSError, ValueError } from "../errors.ts";
import { FAN_EPIDFD, FAN_NOPIDFD } from "../syscalls/fanotify-records.ts";
import { FAN, FAN_REPORTED } from "../syscalls/fanotify.ts";
import type { Decision, FanotifyErrno } from "./fanotify-decision.ts";
import type { Descriptors } from "./fanotify-descriptors.ts";
import { truePathOf } from "./fanotify-link.ts";
import type { FanotifyHandle, Place } from "./fanotify-paths.ts";
import { type FanotifyWord, wordsOf } from "./fanotify-words.ts";
import { join, type Name } from "./names.ts";

/** A part of a file, in bytes. */
export interface FanotifyRange {
  readonly offset: number;
  readonly count: number;
}

/** What an event may be without, and in what words it says why. */
export type FanotifyMissing = Readonly<Partial<Record<"fd" | "pidfd" | "path" | "pid", string>>>;

/** What is decoded of an event. */
export interface FanotifyRaw {
  /** The lower and the higher half. */
  mask: number;
  maskHigh: number;
  /** Of a process or a thread, 0 if that is not told. */
  pid: number;
  isTid: boolean;
  /** The directory, or the object itself if there is no name; of a rename where it went to. */
  place: Place | undefined;
  directory: Name | undefined;
  name: Name | undefined;
  /** Of a rename: where it was. */
  oldDirectory: Name | undefined;
  oldName: Name | undefined;
  /** What the kernel gave in place of descriptors: see {@linkcode Descriptors}. */
  fd: number;
  pidfd: number | undefined;
  descriptors: Descriptors | undefined;
  decision: Decision | undefined;
  error: number | undefined;
  errorCount: number | undefined;
  range: FanotifyRange | undefined;
  mountId: bigint | undefined;
}

/** A {@linkcode FanotifyEvent} as plain data. */
export interface FanotifyEventData {
  readonly events: readonly FanotifyWord[];
  readonly mask: number;
  readonly pid?: number | undefined;
  readonly tid?: number | undefined;
  readonly path?: string | undefined;
  readonly name?: string | undefined;
  readonly oldPath?: string | undefined;
  readonly newPath?: string | undefined;
  readonly isDir: boolean;
  readonly error?: string | undefined;
  readonly errorCount?: number | undefined;
  readonly range?: FanotifyRange | undefined;
  readonly mountId?: string | undefined;
}

const DIR = Number(FAN.ONDIR);
const OVERFLOW = Number(FAN_REPORTED.Q_OVERFLOW);

/**
 * What happened. It owns its descriptors: dispose of it (`for await (using event of …)`), or take them. The collector
 * closes what is forgotten, some time later.
 */
export class FanotifyEvent implements Disposable {
  readonly #raw: FanotifyRaw;
  #link: Name | undefined;

  constructor(raw: FanotifyRaw) {
    this.#raw = raw;
  }

  /** What happened. The kernel merges what happens to one object: a set, whose order is not known. */
  get events(): ReadonlySet<FanotifyWord> {
    return wordsOf(this.#raw.mask);
  }

  /** The same as `FAN` and `FAN_REPORTED` bits, those of newer kernels as well. */
  get mask(): bigint {
    return (BigInt(this.#raw.maskHigh) << 32n) | BigInt(this.#raw.mask);
  }

  /** Which process did it. `undefined` if that is not told, or `tid` is. */
  get pid(): number | undefined {
    const { pid, isTid } = this.#raw;
    return isTid || pid === 0 ? undefined : pid;
  }

  /** Which thread did it, with the option `tid`. */
  get tid(): number | undefined {
    const { pid, isTid } = this.#raw;
    return isTid && pid !== 0 ? pid : undefined;
  }

  /**
   * The object's descriptor with `report: "fd"`, owned by the event; `undefined` if there is none, or not any more.
   * Reading from it makes no events, so that who decides on an access may look at the content.
   */
  get fd(): number | undefined {
    return notNegative(this.#raw.descriptors?.fd);
  }

  /** A pidfd of who did it, with the option `pidfd`, owned by the event; `undefined` if there is none, or not any more. */
  get pidfd(): number | undefined {
    return notNegative(this.#raw.descriptors?.pidfd);
  }

  /** Why `fd`, `pidfd`, `pid` or `path` is not there, each in a few words. What the event has, or was not asked for, is not in it. */
  get missing(): FanotifyMissing {
    const { fd, pidfd, pid, place, descriptors, mountId } = this.#raw;
    const missing: Partial<Record<"fd" | "pidfd" | "path" | "pid", string>> = {};
    if (this.isOverflow) return missing;
    if (fd < -1) missing.fd = errnoName(-fd);
    else if (fd >= 0 && descriptors?.fd === -1) missing.fd = "it was closed or taken";
    if (pidfd !== undefined) {
      if (pidfd < 0) missing.pidfd = noPidfd(pidfd);
      else if (descriptors?.pidfd === -1) missing.pidfd = "it was closed or taken";
    }
    if (pid === 0 && mountId === undefined)
      missing.pid = "it is told to CAP_SYS_ADMIN, of the same pid namespace";
    if (mountId === undefined && this.path === undefined)
      missing.path =
        place?.reason ?? missing.fd ?? (fd < 0 ? "the event has none" : "no path leads there");
    return missing;
  }

  /**
   * Where it happened: the object's path, as far as it is known; of a rename the new one. With `report: "fd"` it is read
   * off the descriptor while that is open, and `undefined` if no path of this process leads there. Bytes that are not UTF-8 are U+FFFD.
   */
  get path(): string | undefined {
    return this.#path()?.text;
  }

  /** A copy of the exact bytes of a path that is not UTF-8, else `undefined`. */
  get pathBytes(): Uint8Array | undefined {
    return this.#path()?.bytes?.slice();
  }

  /** The entry's name in `directory`, with `report: "name"`; `""` if the event is about the directory itself. */
  get name(): string | undefined {
    return (this.#raw.name ?? this.#raw.oldName)?.text;
  }

  /** A copy of the exact bytes of a name that is not UTF-8, else `undefined`. */
  get nameBytes(): Uint8Array | undefined {
    return (this.#raw.name ?? this.#raw.oldName)?.bytes?.slice();
  }

  /** The path of the directory that `name` is in, with `report: "name"`. */
  get directory(): string | undefined {
    const { name, directory, oldName, oldDirectory } = this.#raw;
    if (name !== undefined) return directory?.text;
    return oldName === undefined ? undefined : oldDirectory?.text;
  }

  /** Of a rename: where it was. `undefined` if that is not marked, or not known. */
  get oldPath(): string | undefined {
    return this.#oldPath()?.text;
  }

  /** A copy of the exact bytes of an old path that is not UTF-8, else `undefined`. */
  get oldPathBytes(): Uint8Array | undefined {
    return this.#oldPath()?.bytes?.slice();
  }

  /** Of a rename: where it is. `undefined` if that is not marked, or not known. */
  get newPath(): string | undefined {
    const { mask, directory, name } = this.#raw;
    if ((mask & Number(FAN.RENAME)) === 0) return undefined;
    return directory && name && join(directory, name).text;
  }

  /** What stays the same when it is renamed: of the directory if there is a `name`, else of the object. */
  get handle(): FanotifyHandle | undefined {
    const { place } = this.#raw;
    return place && { fsid: place.fsid, handle: place.handle };
  }

  /** Of `"fs-error"`: the first error, such as `"EUCLEAN"`. */
  get error(): string | undefined {
    const { error } = this.#raw;
    return error === undefined ? undefined : errnoName(Math.abs(error));
  }

  /** Of `"fs-error"`: how many errors there were since the last event of that file system. */
  get errorCount(): number | undefined {
    return this.#raw.errorCount;
  }

  /** Of `"pre-access"`: which part of the file, in bytes. */
  get range(): FanotifyRange | undefined {
    return this.#raw.range;
  }

  /** Of events of mounts: the number that is never used again, which `statmount` takes. */
  get mountId(): bigint | undefined {
    return this.#raw.mountId;
  }

  /** It is about a directory. The kernel says so only with `dirs: true`, and not with `report: "fd"`. */
  get isDir(): boolean {
    return (this.#raw.mask & DIR) !== 0;
  }

  /** The kernel's queue was full, and events were lost. */
  get isOverflow(): boolean {
    return (this.#raw.mask & OVERFLOW) !== 0;
  }

  /** Whether an access waits for {@linkcode allow} or {@linkcode deny}. */
  get waits(): boolean {
    const { decision } = this.#raw;
    return decision !== undefined && decision.verdict === undefined;
  }

  /** What was decided on the access, by whomever: an access that nobody decides on is allowed. */
  get verdict(): "allow" | "deny" | undefined {
    return this.#raw.decision?.verdict;
  }

  /**
   * Lets the access go on.
   *
   * @throws {ValueError} `EALREADY`: decided before. `EINVAL`: it waits for no decision.
   */
  allow(): void {
    this.#decision("allow").decide("allow");
  }

  /**
   * Lets the access fail.
   *
   * @param errno What with. Others than `"EPERM"` need `decide: "pre-access"`, Linux 6.14.
   * @throws {ValueError} `EALREADY`: decided before. `EINVAL`: it waits for no decision, or not with this error.
   */
  deny(errno: FanotifyErrno = "EPERM"): void {
    this.#decision("deny").decide("deny", errno);
  }

  /**
   * Gives the object's descriptor to the caller, who closes it.
   *
   * @throws {ValueError} `EBUSY`: the access waits for a decision. `EBADF`: there is none.
   */
  takeFd(): number {
    if (this.waits) {
      throw new ValueError(ERRNO.EBUSY[0], {
        syscall: "takeFd()",
        path: "FanotifyEvent",
        hint: "the access is decided on by this descriptor: allow() or deny() first",
      });
    }
    if (this.fd === undefined) throw this.#without("takeFd()", "fd");
    this.#path();
    return this.#raw.descriptors?.takeFd() ?? -1;
  }

  /**
   * Gives the pidfd to the caller, who closes it: `Pidfd.adopt(event.takePidfd())`.
   *
   * @throws {ValueError} `EBADF`: there is none.
   */
  takePidfd(): number {
    if (this.pidfd === undefined) throw this.#without("takePidfd()", "pidfd");
    return this.#raw.descriptors?.takePidfd() ?? -1;
  }

  /** Closes its descriptors, and allows an access that nobody decided on. Once more is nothing. */
  [Symbol.dispose](): void {
    this.#raw.descriptors?.[Symbol.dispose]();
  }

  /** Plain data, for JSON and for other threads. What is not there is `undefined`. */
  toJSON(): FanotifyEventData {
    const { pid, tid, path, name, oldPath, newPath, isDir, error, errorCount, range } = this;
    return {
      events: [...this.events],
      mask: Number(this.mask),
      pid,
      tid,
      path,
      name,
      oldPath,
      newPath,
      isDir,
      error,
      errorCount,
      range,
      mountId: this.mountId?.toString(),
    };
  }

  get [Symbol.toStringTag](): string {
    return "FanotifyEvent";
  }

  /** `FanotifyEvent { events: [ "create" ], path: "/dir/file", pid: 4711, … }` */
  [Bun.inspect.custom](
    _depth: number,
    options: Bun.BunInspectOptions,
    inspect: (value: unknown, options?: Bun.BunInspectOptions) => string,
  ): string {
    const { fd, pidfd, missing, verdict } = this;
    const data = { ...this.toJSON(), fd, pidfd, verdict };
    const told = Object.entries(data).filter(([, value]) => value !== undefined);
    const lacks = Object.keys(missing).length === 0 ? {} : { missing };
    return `FanotifyEvent ${inspect({ ...Object.fromEntries(told), ...lacks }, options)}`;
  }

  #path(): Name | undefined {
    const { directory, name, fd } = this.#raw;
    if (directory !== undefined) return name === undefined ? directory : join(directory, name);
    const oldPath = name === undefined ? this.#oldPath() : undefined;
    if (oldPath !== undefined) return oldPath;
    if (fd < 0 || this.#link !== undefined) return this.#link;
    const { fd: open } = this;
    return open === undefined ? undefined : (this.#link = truePathOf(open));
  }

  #oldPath(): Name | undefined {
    const { oldDirectory, oldName } = this.#raw;
    return oldDirectory && oldName && join(oldDirectory, oldName);
  }

  #decision(by: string): Decision {
    const { decision } = this.#raw;
    if (decision !== undefined) return decision;
    const hint =
      this.#raw.fd < -1
        ? "the kernel denied it, because it could not open the file"
        : "it waits for no decision";
    throw new ValueError(ERRNO.EINVAL[0], { syscall: by, path: "FanotifyEvent", hint });
  }

  #without(by: string, what: "fd" | "pidfd"): OSError {
    const hint = this.missing[what] ?? "it was not asked for";
    return new ValueError(ERRNO.EBADF[0], { syscall: by, path: "FanotifyEvent", hint });
  }
}

function notNegative(fd: number | undefined): number | undefined {
  return fd === undefined || fd < 0 ? undefined : fd;
}

function noPidfd(pidfd: number): string {
  const code = pidfd < FAN_EPIDFD ? errnoName(-pidfd) : undefined;
  if (pidfd === FAN_NOPIDFD || code === "ESRCH") return "the process has ended";
  return code ?? "the kernel could not make one";
}
