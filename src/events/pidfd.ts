/**
 * The end of a process as an event, and a hold on it meanwhile:
 * {@link https://man7.org/linux/man-pages/man2/pidfd_open.2.html | pidfd_open(2)}.
 *
 * @module
 */
import { ERRNO, OSError, ValueError } from "../errors.ts";
import { int } from "../libc.ts";
import { EPOLL } from "../syscalls/epoll.ts";
import { F, fcntl, fd_info } from "../syscalls/fd.ts";
import {
  ioctl_pidfd_get_info,
  PIDFD,
  pidfd_getfd,
  PIDFD_INFO,
  pidfd_open,
  pidfd_send_signal,
  type PidfdInfo,
} from "../syscalls/pidfd.ts";
import { POLL, poll_nonblock, POLL_REPORTED } from "../syscalls/poll.ts";
import { prepareAdopted } from "./adopt.ts";
import { checkOptions, EventSource, type EventSourceOptions } from "./event-source.ts";
import type { Batch } from "./intake.ts";
import { exitOf, type PidfdEvent } from "./pidfd-exit.ts";
import { Poller, type Wait } from "./poller.ts";
import { type SignalName, signalNumber } from "./signal-names.ts";

/** Options of {@linkcode Pidfd}. */
export interface PidfdOptions extends EventSourceOptions {}

/** Hands the descriptor of {@linkcode Pidfd.adopt} to the constructor. */
const ADOPTED = Symbol("adopted");

/**
 * A process: it tells when it ends, child of this one or not, and what is done to it is done to no other process that
 * got its number meanwhile.
 *
 * Its one event is the end, and reading is over then: a loop ends by itself. {@linkcode exited} is the
 * same as a promise, for any number of waiters and beside a reader.
 *
 * How it ended the kernel tells of children that nobody has waited for yet; of others if this process may trace
 * them (`CAP_SYS_PTRACE`, or the same user) or, once their parent has waited for them, since Linux 6.15. Else `exitCode` and
 * `signal` are both `undefined`. Bun waits for its own children at once: before Linux 6.15 ask `Bun.spawn`'s `exited` for those.
 *
 * @example
 * ```ts linux-6.15
 * import { Pidfd } from "bun-butter";
 *
 * const child = Bun.spawn(["sleep", "1000"]);
 * using pidfd = new Pidfd(child.pid);
 * pidfd.kill("SIGTERM");
 * console.log(await pidfd.exited); // { exitCode: undefined, signal: "SIGTERM" }
 * ```
 */
export class Pidfd extends EventSource<PidfdEvent> {
  /** Its number, while it lives; -1 if it was gone when it was adopted. */
  readonly pid: number;
  readonly #signal: AbortSignal | undefined;
  readonly #vigil: Vigil;
  #exit: PidfdEvent | undefined;
  #exited: Promise<PidfdEvent> | undefined;
  #told = false;

  /**
   * Takes hold of a process.
   *
   * @throws {RangeError} `pid` is not at least 1.
   * @throws {ValueError} `ESRCH`: there is no such process. `ENOENT`, `EINVAL`: it is a thread of one.
   * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
   */
  constructor(pid: number, options: PidfdOptions = {}) {
    checkOptions(options);
    const adopted = (options as { readonly [ADOPTED]?: number })[ADOPTED];
    const vigil = new Vigil();
    super(adopted ?? pidfd_open(positive(pid), PIDFD.NONBLOCK), options, EPOLL.IN, vigil);
    this.pid = pid;
    this.#signal = options.signal;
    this.#vigil = vigil;
  }

  /**
   * Takes over a pidfd that was made elsewhere, makes it non-blocking and close-on-exec, and owns it from
   * then on.
   *
   * @throws {ValueError} `EBADF`: not open. `EINVAL`: not a pidfd; it stays the caller's. `EBUSY`: a source owns it.
   */
  static adopt(fd: number, options: PidfdOptions = {}): Pidfd {
    checkOptions(options);
    prepareAdopted(fd, /^(anon_inode:\[?pidfd\]?|pidfd:\[\d+\])$/, "pidfd");
    const pid = Number(fd_info(fd, "Pid") ?? -1);
    return new Pidfd(pid, { ...options, [ADOPTED]: fd } as PidfdOptions);
  }

  /**
   * Resolves when the process ends. It keeps this process alive unless {@linkcode unref} was called, takes no event from
   * a reader, and rejects if the pidfd is closed first: with the signal's reason, or a `ValueError` (`EBADF`).
   */
  get exited(): Promise<PidfdEvent> {
    return (this.#exited ??= this.#untilExit().catch((error: unknown) => {
      // What failed this time, at a limit of descriptors for one, may succeed the next.
      this.#exited = undefined;
      throw error;
    }));
  }

  /**
   * Sends a signal.
   *
   * @param signal A name such as `"SIGKILL"` or `"SIGRTMIN+1"`, or a number; 0 only asks.
   * @returns Whether the process was still there, be it as a zombie.
   * @throws {PermissionError} `EPERM`: it is another user's.
   * @throws {ValueError} `EINVAL`: no such number. `EBADF`: closed.
   * @throws {OSError} `EAGAIN`: its queue of real-time signals is full.
   */
  kill(signal: SignalName | number = "SIGTERM"): boolean {
    const fd = this.fileno();
    const signo = signalNumber(signal);
    try {
      pidfd_send_signal(fd, signo, 0);
      return true;
    } catch (error) {
      if (error instanceof OSError && error.code === "ESRCH") return false;
      throw error;
    }
  }

  /**
   * Duplicates a descriptor of the process: the same open file, here.
   *
   * @param fd Its number there.
   * @returns A descriptor for the caller to close, closed by execve.
   * @throws {PermissionError} `EPERM`: this process may not trace that one.
   * @throws {ValueError} `EBADF`: not open there, or the pidfd is closed. `ESRCH`: the process has ended.
   * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
   */
  getfd(fd: number): number {
    return pidfd_getfd(this.fileno(), fd, 0);
  }

  /**
   * Who it is: its parent, its users and groups, its cgroup. Linux 6.13.
   *
   * @throws {ValueError} `ESRCH`: its parent has waited for it; since Linux 6.15 its `exit_code` is told then, and no error.
   * @throws {UnsupportedError} `ENOTTY`, `EINVAL`: an older kernel.
   */
  info(): PidfdInfo {
    return ioctl_pidfd_get_info(this.fileno(), PIDFD_INFO.CGROUPID | PIDFD_INFO.EXIT);
  }

  override ref(): this {
    this.#vigil.hold(true);
    return super.ref();
  }

  override unref(): this {
    this.#vigil.hold(false);
    return super.unref();
  }

  get [Symbol.toStringTag](): string {
    return "Pidfd";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    return { pid: this.pid, ...this.#exit };
  }

  protected override receive(): Batch<PidfdEvent> {
    if (this.#told) return { events: [], more: false, over: true };
    if (!hasEnded(this.fd)) return { events: [], more: false };
    this.#told = true;
    return { events: this.decode(), more: false, over: true };
  }

  protected decode(): PidfdEvent[] {
    return [(this.#exit ??= exitOf(this.fd))];
  }

  #untilExit(): Promise<PidfdEvent> {
    if (this.#exit !== undefined) return Promise.resolve(this.#exit);
    return new Promise((resolve, reject) => {
      if (this.closed) throw closedError();
      this.#vigil.begin(this.fileno(), this.hasRef(), {
        ready: () => resolve((this.#exit ??= exitOf(this.fd))),
        fail: reject,
        closed: () => reject(this.#signal?.aborted === true ? this.#signal.reason : closedError()),
      });
    });
  }
}

/** Who waits for the end of a process. One of the three is called, once. */
interface Watcher {
  ready(): void;
  fail(error: unknown): void;
  closed(): void;
}

/** A wait for a process beside the queue of its source. */
class Vigil implements Disposable {
  /** They refer to the source, which therefore lives as long as the wait, and not longer because of it. */
  #watch: { readonly poller: Poller; readonly wait: Wait; readonly watcher: Watcher } | undefined;

  begin(fd: number, held: boolean, watcher: Watcher): void {
    const poller = Poller.acquire(fd);
    const wait: Wait = {
      fd,
      events: EPOLL.IN,
      held,
      ready: () => {
        this.#end();
        try {
          watcher.ready();
        } catch (error) {
          watcher.fail(error);
        }
      },
      fail: (error) => {
        this.#end();
        watcher.fail(error);
      },
    };
    this.#watch = { poller, wait, watcher };
    try {
      poller.add(wait);
    } catch (error) {
      wait.fail(error);
    }
  }

  hold(held: boolean): void {
    this.#watch?.poller.hold(this.#watch.wait, held);
  }

  [Symbol.dispose](): void {
    const watcher = this.#watch?.watcher;
    this.#end();
    watcher?.closed();
  }

  #end(): void {
    const watch = this.#watch;
    this.#watch = undefined;
    watch?.poller.remove(watch.wait);
    watch?.poller.release();
  }
}

function hasEnded(fd: number): boolean {
  const ready = poll_nonblock(fd, POLL.IN);
  // Throws EBADF: it was closed behind our back.
  if ((ready & POLL_REPORTED.NVAL) !== 0) fcntl(fd, F.GETFD);
  return ready !== 0;
}

function positive(pid: number): number {
  if (int(pid, "pid") > 0) return pid;
  throw new RangeError(`Cannot take pid: ${pid} is not at least 1`);
}

function closedError(): ValueError {
  return new ValueError(ERRNO.EBADF[0], { syscall: "exited", path: "Pidfd", hint: "it is closed" });
}
