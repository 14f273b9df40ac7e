/**
 * What happens in directories, below mounts and in whole file systems, by whom, and decisions on it:
 * {@link https://man7.org/linux/man-pages/man7/fanotify.7.html | fanotify(7)}.
 *
 * @module
 */
import { ERRNO, InternalError, OSError } from "../errors.ts";
import { type FdLike, fileno, type PathLike, type Pinned, pinned } from "../libc.ts";
import { FAN_MARK, fanotify_mark } from "../syscalls/fanotify.ts";
import { fd_info, read_nonblock } from "../syscalls/fd.ts";
import { AT } from "../syscalls/open.ts";
import { prepareAdopted } from "./adopt.ts";
import { checkOptions, EventSource } from "./event-source.ts";
import { Decisions } from "./fanotify-decision.ts";
import { Decoder, overflow } from "./fanotify-decoder.ts";
import type { FanotifyEvent } from "./fanotify-event.ts";
import { Gate } from "./fanotify-gate.ts";
import { type FanotifyGroup, groupOf, openGroup } from "./fanotify-group.ts";
import {
  addedFlagsOf,
  checkMark,
  explainMark,
  type FanotifyMarkOptions,
  type FanotifyScope,
  flagsOf,
  markNames,
  withHow,
} from "./fanotify-mark.ts";
import {
  adoptNames,
  checkFanotify,
  decideTimeoutOf,
  type FanotifyOptions,
  optionNames,
} from "./fanotify-options.ts";
import { Places } from "./fanotify-paths.ts";
import { type FanotifyEvents, maskOf, SEES_RENAMES } from "./fanotify-words.ts";
import { type Batch, readBuffer } from "./intake.ts";
import { checkNames } from "./options.ts";

/** Bytes of one read of events with descriptors: each event opens one, and few are better than a limit that is met. */
const FEW = 4096;

/** No event is longer: two names, two handles, and some records. */
const LONGEST_EVENT = 1024;

/** Events of a group that decides which nobody took: each has a descriptor, and more are dropped. */
const MOST = 2048;

/** Looks in a row, for something else has to be done as well. */
const MOST_LOOKS = 16;

let few: Pinned | undefined;

/** Hands the descriptor of {@linkcode Fanotify.adopt} to the constructor. */
const ADOPTED = Symbol("adopted");

/**
 * Watches files, directories, mounts and whole file systems, and decides on accesses.
 *
 * Without a privilege (Linux 5.13) it watches files and directories, one by one as {@linkcode Inotify} does, with
 * `report: "name"` or `"fid"`. It is not told then who did something but this process itself, and paths are those
 * of marked directories and their entries. CAP_SYS_ADMIN adds marks of mounts and file systems, who did it, descriptors, and
 * decisions; CAP_DAC_READ_SEARCH the paths of everything else.
 *
 * Events of one object that nobody has read are merged by the kernel: they are sets. At fs.fanotify.max_queued_events
 * an event with `isOverflow` tells that some were lost.
 *
 * An access that waits for a decision is read at once, whoever reads the source: it is allowed if nobody decides
 * within `decideTimeout`, if its event is disposed or forgotten, if the loop that took it is left, if the source is closed, and if its
 * Worker ends, by `terminate()` as well. While this thread is busy another one sees to that, up to 0.4 s later. Only a process that is
 * stopped (`SIGSTOP`) lets others wait. Of events that nobody takes 2,048 are kept: past that `isOverflow` tells that some
 * were dropped, and accesses among them were allowed.
 *
 * This process's own accesses are never told and always allowed: at once if they don't block this thread (`node:fs/promises`,
 * `Bun.file`), and some 10 ms later if they do (`readFileSync`). So are those of a child that this thread starts, until it
 * executes its program. The event's `fd` can be read without any.
 *
 * @example
 * ```ts
 * import { Fanotify } from "bun-butter";
 * import { mkdtempSync } from "node:fs";
 *
 * const dir = mkdtempSync("/tmp/butter-");
 * using fanotify = new Fanotify();
 * fanotify.mark(dir, ["create", "rename"]);
 * Bun.spawn(["touch", `${dir}/note.txt`]);
 * for await (const event of fanotify) {
 *   console.log([...event.events], event.name); // [ "create" ] note.txt
 *   break;
 * }
 * ```
 * @example Deciding who may open a file:
 * ```ts CAP_SYS_ADMIN
 * import { Fanotify } from "bun-butter";
 * import { mkdtempSync, writeFileSync } from "node:fs";
 *
 * const dir = mkdtempSync("/tmp/butter-");
 * writeFileSync(`${dir}/secret`, "");
 * using guard = new Fanotify({ decide: "access" });
 * guard.mark(dir, "open-perm", { children: true });
 * const child = Bun.spawn(["cat", `${dir}/secret`], { stderr: "ignore" });
 * for await (using event of guard) {
 *   event.deny();
 *   break;
 * }
 * console.log(await child.exited); // 1
 * ```
 */
export class Fanotify extends EventSource<FanotifyEvent> {
  readonly #group: FanotifyGroup;
  readonly #places = new Places();
  readonly #decoder: Decoder;
  readonly #gate: Gate<Fanotify>;
  /** What was ever asked for, by kind of mark. */
  readonly #asked = new Map<number, bigint>();
  /** Of what kinds there may be marks. */
  readonly #scopes = new Set<FanotifyScope>();
  #malformed = false;
  /** Whether events were dropped because nobody takes them, and that is told. */
  #overflows = false;

  /**
   * Makes a group without marks.
   *
   * @throws {PermissionError} `EPERM`: an option needs CAP_SYS_ADMIN, or the kernel is older than 5.13.
   * @throws {ValueError} `EINVAL`: options that exclude each other.
   * @throws {UnsupportedError} `EINVAL`: the kernel lacks an option.
   * @throws {OSError} `EMFILE`: at fs.fanotify.max_user_groups or the descriptor limit. `ENFILE`.
   */
  constructor(options: FanotifyOptions = {}) {
    checkOptions(options, optionNames);
    checkFanotify(options);
    const adopted = (options as Adopted)[ADOPTED];
    const [fd, group] = adopted ?? openGroup(options);
    const decisions = new Decisions(decideTimeoutOf(options), group.decide === "pre-access");
    const gate = new Gate<Fanotify>(decisions);
    super(fd, options, group.decide === false ? undefined : 0, gate);
    this.#group = group;
    this.#gate = gate;
    const { own = false } = options;
    const { report, tid } = group;
    const decoder = new Decoder(this.#places, decisions, { own, tid, fds: report === "fd" });
    this.#decoder = decoder;
    if (group.decide === false) return;
    try {
      gate.begin(fd, tid, this, {
        own: (source) => source.#take(() => source.receive()),
        left: (source) => source.#take(() => source.#receiveLeft()),
        drop: (buffer, length) => {
          for (const event of decoder.decode(buffer, length)[0]) event[Symbol.dispose]();
        },
      });
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Takes over a fanotify descriptor that was made elsewhere, makes it non-blocking and close-on-exec, and owns it from
   * then on. What it reports is read off /proc; paths are known only in file systems that are marked through the new object.
   *
   * @throws {ValueError} `EBADF`: not open. `EINVAL`: not a fanotify descriptor; it stays the caller's.
   */
  static adopt(
    fd: number,
    options: Pick<
      FanotifyOptions,
      "busyPoll" | "decideTimeout" | "latency" | "own" | "signal"
    > = {},
  ): Fanotify {
    checkOptions(options, adoptNames);
    decideTimeoutOf(options);
    prepareAdopted(fd, /^anon_inode:\[?fanotify\]?$/, "fanotify");
    const flags = Number.parseInt(fd_info(fd, "fanotify flags") ?? "", 16) || 0;
    return new Fanotify({ ...options, [ADOPTED]: [fd, groupOf(flags)] } as FanotifyOptions);
  }

  /**
   * Marks something: adds to what is reported of it.
   *
   * @param path A path, or something open in its place.
   * @param events What to report: `"create"`, `["open", "close-write"]`, or a mask of `FAN` members.
   * @throws {PermissionError} `EPERM`: the scope needs CAP_SYS_ADMIN. `EACCES`: not readable.
   * @throws {OSError} `ENOSPC`: at fs.fanotify.max_user_marks.
   * @throws {ValueError} `EINVAL`: this group does not report that, or options exclude each other. `ENOENT`, `ENOTDIR`, `EISDIR`,
   * `EEXIST`, `ELOOP`, `ENAMETOOLONG`; `EBADF`: closed.
   * @throws {UnsupportedError} `EOPNOTSUPP`, `ENODEV`, `EXDEV`: not in this file system. `EINVAL`: not with this kernel.
   */
  mark(path: PathLike | FdLike, events: FanotifyEvents, options: FanotifyMarkOptions = {}): void {
    checkNames(options, markNames);
    const mask = withHow(maskOf(events), options);
    const flags = addedFlagsOf(options);
    checkMark(this.#group, mask, options);
    const [dirfd, pathname] = targetOf(path);
    try {
      fanotify_mark(this.fileno(), flags, mask, dirfd, pathname);
    } catch (error) {
      throw explainMark(error, mask, options);
    }
    const kind = flagsOf(options);
    this.#scopes.add(options.scope ?? "inode");
    this.#asked.set(kind, (this.#asked.get(kind) ?? 0n) | mask);
    const { report } = this.#group;
    // Without names nobody knows where a directory went: its path is looked up again.
    this.#decoder.seesRenames ||= report === "name" && (mask & SEES_RENAMES) !== 0n;
    if (report === "name" || report === "fid")
      this.#places.mark(pathname, dirfd, options.follow ?? true);
  }

  /**
   * Takes from what is reported of something. Events that were queued before still arrive.
   *
   * @param events What to take; everything by default, which ends the mark.
   * @param options `scope`, `ignore` and `follow` as the mark has them.
   * @returns Whether there was such a mark.
   * @throws {ValueError} `EINVAL`: no events. `EBADF`: closed.
   */
  unmark(
    path: PathLike | FdLike,
    events?: FanotifyEvents,
    options: Pick<FanotifyMarkOptions, "scope" | "ignore" | "follow"> = {},
  ): boolean {
    // Those of the mark may be given as they are.
    checkNames(options, markNames);
    const flags = flagsOf(options);
    const fd = this.fileno();
    const mask = events === undefined ? this.#asked.get(flags) : maskOf(events);
    if (mask === undefined) return false;
    const [dirfd, pathname] = targetOf(path);
    try {
      fanotify_mark(fd, flags | FAN_MARK.REMOVE, mask, dirfd, pathname);
      return true;
    } catch (error) {
      if (error instanceof OSError && error.code === "ENOENT") return false;
      throw error;
    }
  }

  /**
   * Takes all marks of a kind, or of every kind.
   *
   * @throws {ValueError} `EBADF`: closed.
   */
  flush(scope?: FanotifyScope): void {
    const fd = this.fileno();
    const scopes: readonly FanotifyScope[] = scope === undefined ? [...this.#scopes] : [scope];
    for (const one of scopes)
      fanotify_mark(
        fd,
        FAN_MARK.FLUSH | flagsOf({ scope: one }),
        0n,
        AT.FDCWD,
        one === "mntns" ? "/proc/self/ns/mnt" : "/",
      );
  }

  get [Symbol.toStringTag](): string {
    return "Fanotify";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    const { report, decide } = this.#group;
    return { report, decide };
  }

  protected override receive(): Batch<FanotifyEvent> {
    if (this.#malformed) throw malformed();
    this.#gate.look();
    const left = this.#receiveLeft();
    if (left.more !== false) return left;
    const { report, pidfd } = this.#group;
    const buffer = report === "fd" || pidfd ? (few ??= pinned(FEW)) : readBuffer();
    const length = read_nonblock(this.fd, buffer);
    if (length <= 0) return { events: [], more: false };
    return {
      events: this.decode(buffer, length),
      more: length > buffer.byteLength - LONGEST_EVENT,
    };
  }
  protected decode(buffer: Pinned, length: number): FanotifyEvent[] {
    const [events, visited] = this.#decoder.decode(buffer, length);
    this.#malformed = visited < length;
    return events;
  }

  protected override unread(events: readonly FanotifyEvent[]): void {
    this.discard(events);
  }

  protected override discard(events: readonly FanotifyEvent[]): void {
    for (const event of events) event[Symbol.dispose]();
  }

  protected override left(events: readonly FanotifyEvent[]): void {
    // Its path is looked up while it can be: who left the loop with the event may ask for it.
    for (const event of events) void event.path;
    this.discard(events);
  }

  /** What was read by another thread while this one was busy. */
  #receiveLeft(): Batch<FanotifyEvent> {
    if (this.#group.decide === false) return { events: [], more: false };
    const buffer = (few ??= pinned(FEW));
    const length = this.#gate.readLeft(buffer);
    if (length <= 0) return { events: [], more: false };
    return { events: this.decode(buffer, length), more: true };
  }

  /** Takes whatever is there, because somebody waits for it. @returns How many events, -1 if it did not work. */
  #take(look: () => Batch<FanotifyEvent>): number {
    try {
      let events = 0;
      for (let looks = 0, more: Batch<unknown>["more"] = true; more !== false; looks++) {
        if (looks === MOST_LOOKS) break;
        const batch = look();
        this.#put(batch.events);
        events += batch.events.length;
        ({ more } = batch);
      }
      return events;
    } catch {
      // Who reads meets the error as well.
      return -1;
    }
  }

  /** Puts in what was read whether or not somebody reads, as far as there is room. */
  #put(events: readonly FanotifyEvent[]): void {
    if (events.length === 0) return;
    if (this.queued < MOST) {
      this.#overflows = false;
      return this.push(events);
    }
    this.discard(events);
    if (!this.#overflows) this.push([overflow()]);
    this.#overflows = true;
  }
}

interface Adopted {
  readonly [ADOPTED]?: readonly [fd: number, group: FanotifyGroup];
}

/** A path begins where the process is; what is open needs none. */
function targetOf(path: PathLike | FdLike): [dirfd: FdLike, pathname: PathLike | null] {
  const isPath = typeof path === "string" || path instanceof Uint8Array || path instanceof URL;
  return isPath ? [AT.FDCWD, path] : [fileno(path), null];
}

function malformed(): InternalError {
  return new InternalError(ERRNO.EPROTO[0], {
    syscall: "read",
    path: "Fanotify",
    hint: "the kernel's events are of another version than this library knows",
  });
}
