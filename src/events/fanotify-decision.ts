/**
 * Accesses that wait for a decision, and the answers to them.
 *
 * @module
 */
import { ERRNO, type ErrnoName, OSError, ValueError } from "../errors.ts";
import { FAN_DENY_ERRNO, FAN_RESPONSE } from "../syscalls/fanotify-response.ts";
import { fanotify_write } from "../syscalls/fanotify.ts";
import { fd_name } from "../syscalls/fd.ts";
import type { Waiting } from "./fanotify-waiting.ts";

/** What an access that is denied may fail with. */
export type FanotifyErrno = "EPERM" | "EIO" | "EBUSY" | "ETXTBSY" | "EAGAIN" | "ENOSPC" | "EDQUOT";

const errnos: readonly ErrnoName[] = [
  "EPERM",
  "EIO",
  "EBUSY",
  "ETXTBSY",
  "EAGAIN",
  "ENOSPC",
  "EDQUOT",
] satisfies readonly FanotifyErrno[];

/** Who decided. */
type By = "caller" | "timeout" | "end";

const taken: Readonly<Record<By, string>> = {
  caller: "it was decided already",
  timeout: "nobody decided within decideTimeout, so it was allowed",
  end: "the event or its source was given up, so it was allowed",
};

/** One access that waits. */
export class Decision {
  readonly #all: Decisions;
  /** The descriptor in the event, by which the kernel knows it. It must not be closed before. */
  readonly fd: number;
  /** When it is allowed by itself, as `performance.now()` has it. */
  readonly due: number;
  #made: { readonly verdict: "allow" | "deny"; readonly by: By } | undefined;

  constructor(all: Decisions, fd: number, due: number) {
    this.#all = all;
    this.fd = fd;
    this.due = due;
  }

  /** What was decided. */
  get verdict(): "allow" | "deny" | undefined {
    return this.#made?.verdict;
  }

  /**
   * Decides.
   *
   * @throws {ValueError} `EALREADY`: decided before. `EINVAL`: not with this error, of this group.
   */
  decide(verdict: "allow" | "deny", errno: FanotifyErrno = "EPERM"): void {
    if (this.#made !== undefined) {
      throw new ValueError(ERRNO.EALREADY[0], { syscall: verdict, hint: taken[this.#made.by] });
    }
    const response = verdict === "allow" ? FAN_RESPONSE.ALLOW : this.#denial(errno);
    if (!this.#all.claim(this)) {
      this.#made = { verdict: "allow", by: "timeout" };
      return this.decide(verdict, errno);
    }
    this.#all.answer(this, response);
    this.#made = { verdict, by: "caller" };
    this.#all.made();
  }

  /** Allows it, unless it was decided. */
  giveUp(by: "timeout" | "end"): void {
    if (this.#made !== undefined) return;
    const isMine = this.#all.claim(this);
    this.#made = { verdict: "allow", by: isMine ? by : "timeout" };
    try {
      if (isMine) this.#all.answer(this, FAN_RESPONSE.ALLOW);
    } catch {
      // The group is gone, and the kernel has allowed it.
    }
  }

  #denial(errno: FanotifyErrno): number {
    if (!errnos.includes(errno)) {
      throw new TypeError(`Cannot take errno: expected ${errnos.join(", ")}, got ${String(errno)}`);
    }
    if (errno === "EPERM") return FAN_RESPONSE.DENY;
    if (this.#all.withErrno) return FAN_DENY_ERRNO(errno);
    throw new ValueError(ERRNO.EINVAL[0], {
      syscall: "deny",
      path: errno,
      hint: 'errors other than EPERM need decide: "pre-access", which Linux 6.14 has',
    });
  }
}

/** The decisions of one group that are not made. */
export class Decisions implements Disposable {
  readonly #pending = new Set<Decision>();
  #fd = -1;
  #waiting: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Milliseconds after which an access is allowed. */
  readonly timeout: number;
  /** Whether a denial may carry an error. */
  readonly withErrno: boolean;
  /** Called when the caller has decided on all that waited. */
  onIdle: (() => void) | undefined;

  constructor(timeout: number, withErrno: boolean) {
    this.timeout = timeout;
    this.withErrno = withErrno;
  }

  /** @param fd The group. It is borrowed. @param waiting What its warden knows of it. */
  begin(fd: number, waiting: Waiting): void {
    this.#fd = fd;
    this.#waiting = waiting;
  }

  /** One more access waits from now on. */
  add(fd: number): Decision {
    const decision = new Decision(this, fd, performance.now() + this.timeout);
    this.#pending.add(decision);
    if (this.#waiting?.add(fd) === true) decision.giveUp("timeout");
    else this.#timer ??= this.#after(this.timeout);
    return decision;
  }

  /** The caller has decided. */
  made(): void {
    if (this.#pending.size === 0) this.onIdle?.();
  }

  /** Takes the right to answer. @returns `false` if the warden has answered in the meantime. */
  claim(decision: Decision): boolean {
    if (this.#waiting?.claim(decision.fd) !== false) return true;
    this.#pending.delete(decision);
    return false;
  }

  /** Tells the kernel. */
  answer(decision: Decision, response: number): void {
    const { fd } = decision;
    try {
      if (this.#fd !== -1) fanotify_write(this.#fd, { fd, response });
    } catch (error) {
      // Who waited was killed.
      if (!(error instanceof OSError && error.code === "ENOENT")) throw error;
    }
    this.#pending.delete(decision);
  }

  /** Allows what waits. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // If it was closed behind our back, its number is another file's by now, and nothing waits.
    if (this.#pending.size > 0 && fd_name(this.#fd)?.includes("fanotify") !== true) this.#fd = -1;
    for (const decision of this.#pending) decision.giveUp("end");
    this.#pending.clear();
    this.#fd = -1;
  }

  #after(delay: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#expire(), delay);
    timer.unref();
    return timer;
  }

  /** Allows what is due. The oldest comes first. */
  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const decision of this.#pending) {
      if (decision.due > now) {
        this.#timer = this.#after(decision.due - now);
        return;
      }
      decision.giveUp("timeout");
    }
  }
}
