/**
 * Signals as events:
 * {@link https://man7.org/linux/man-pages/man2/signalfd.2.html | signalfd(2)}.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { builtin, described, type Pinned, pinned } from "../libc.ts";
import { EPOLL } from "../syscalls/epoll.ts";
import { F, fcntl, O, pipe2, read_nonblock } from "../syscalls/fd.ts";
import { read_siginfo } from "../syscalls/kill.ts";
import { SIGINFO_SIZE } from "../syscalls/pidfd.ts";
import { sigaddset, sigemptyset } from "../syscalls/signal.ts";
import { checkOptions, EventSource, type EventSourceOptions } from "./event-source.ts";
import { type Batch, closeQuietly } from "./intake.ts";
import {
  giveBack,
  passOnLost,
  reasonToRefuse,
  reinstall,
  resend,
  take,
  takeable,
  takeLost,
  type Taker,
} from "./signal-handler.ts";
import { type SignalName, signalName, signalNumber } from "./signal-names.ts";
import { eventOf, overflowOf, type SignalfdEvent } from "./signalfd-event.ts";

/** Options of {@linkcode Signalfd}. */
export interface SignalfdOptions extends EventSourceOptions {}

/** A signal's name, or its number. */
export type SignalLike = SignalName | number;

/**
 * Takes signals from the process: they end nothing and call nothing, but are events, with who sent them.
 *
 * Its descriptor is a pipe, and not what signalfd(2) makes. That reads signals which are blocked in every thread, and Bun's event loop
 * waits with none blocked, whatever its thread has: a signal that nobody reads would interrupt it again and again. So a handler
 * takes the signal, in whatever thread it comes, and writes all that the kernel knows of it to the pipe.
 *
 * - It can't be done for `SIGKILL`, `SIGSTOP`, `SIGPWR`, `SIGSEGV`, `SIGILL`, `SIGTRAP`, `SIGBUS`, `SIGFPE`, `SIGABRT`, `SIGSYS` and libc's own: the
 *   error says why.
 * - `process.on("SIGTERM", …)` is not called while the signal is taken, whether it was there before or not, and is afterwards. What was sent
 *   before is still heard. For as long as there are listeners, one that does nothing is there too, so that Bun neither installs nor
 *   removes its handler; `process.removeAllListeners("SIGTERM")` removes that one as well, and then a signal may come without its sender,
 *   with `pid` 0, or end the process at that very moment.
 * - Whatever else replaces the handler has the signal from then on: native code, and a listener after `process.removeAllListeners()`
 *   without a name. In a Worker also the main thread's first listener; but a Worker takes its signals back when one of them comes, or it looks.
 * - Two in one thread may take the same signal: the last one gets it, and the first one again when that is closed. Two threads may not, the second
 *   one fails with `EBUSY`.
 * - When the last one that takes a signal is closed, or disables it, the process does about it what it did before. What was not read
 *   by then is sent again, and by default ends the process: {@linkcode truncate} drops it.
 * - `Worker.terminate()` runs no code: once the Worker's thread has ended, its signals do what they did before, and what it has not read is lost.
 * - No thread's signal mask is changed, so that children start as they always do.
 * - Signals that come at the same time may change places. Equal standard signals are one, if none of them met a thread yet. 2,048
 *   signals fit in the pipe, 512 where fs.pipe-max-size forbids more, and 64 once this user's pipes have used up fs.pipe-user-pages-soft; those
 *   that do not are told as one event with the code `"OVERFLOW"`.
 *
 * @example
 * ```ts
 * import { Signalfd } from "bun-butter";
 *
 * await using server = Bun.serve({ port: 0, fetch: () => new Response("hello") });
 * using signals = new Signalfd(["SIGTERM", "SIGINT", "SIGHUP"]);
 * process.kill(process.pid, "SIGHUP");
 * process.kill(process.pid, "SIGTERM");
 * for await (const { signal, pid } of signals) {
 *   console.log(`${signal} from process ${pid}`);
 *   if (signal !== "SIGHUP") break;
 * }
 * ```
 */
export class Signalfd extends EventSource<SignalfdEvent> {
  readonly #hold: Hold;

  /**
   * Takes signals.
   *
   * @param signals Names such as `"SIGTERM"` and `"SIGRTMIN+3"`, or numbers; one or many.
   * @throws {TypeError} There is no signal of that name.
   * @throws {RangeError} There is no signal of that number.
   * @throws {ValueError} `EINVAL`: one can't be taken, and the message says why. `EBUSY`: another thread takes it.
   * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
   * @throws {PermissionError} `EACCES`, `EPERM`: this system lets no memory become executable.
   */
  constructor(signals: SignalLike | Iterable<SignalLike> = [], options: SignalfdOptions = {}) {
    checkOptions(options);
    const hold = new Hold(numbersOf(signals));
    super(hold.reader, options, EPOLL.IN, hold);
    this.#hold = hold;
  }

  /** The signals that it takes, by name. */
  get signals(): readonly SignalName[] {
    return this.#hold.signals.map((signo) => signalName(signo) as SignalName);
  }

  /** Whether it takes a signal. */
  has(signal: SignalLike): boolean {
    return this.#hold.signals.includes(signalNumber(signal));
  }

  /**
   * Takes more signals: one or many. All or none.
   *
   * @throws What the constructor throws. {@linkcode ValueError} `EBADF`: closed.
   */
  enable(signals: SignalLike | Iterable<SignalLike>): void {
    this.fileno();
    this.#hold.enable(numbersOf(signals));
  }

  /**
   * Gives signals back: one or many. Those that came before are still told.
   *
   * @throws {TypeError} There is no signal of that name.
   * @throws {RangeError} There is no signal of that number.
   * @throws {ValueError} `EBADF`: closed.
   */
  disable(signals: SignalLike | Iterable<SignalLike>): void {
    this.fileno();
    this.#hold.disable(listOf(signals).map(numberOf));
  }

  /** Takes every signal that can be taken. Throws as {@linkcode enable} does. */
  enableAll(): void {
    this.enable(takeable());
  }

  /** Gives every signal back. Throws as {@linkcode disable} does. */
  disableAll(): void {
    this.disable(this.#hold.signals);
  }

  get [Symbol.toStringTag](): string {
    return "Signalfd";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    return { signals: this.signals };
  }

  protected override unread(events: readonly SignalfdEvent[]): void {
    this.#hold.unread = events.flatMap(({ siginfo }) => siginfo ?? []);
    const untold = this.#hold.lost;
    for (const { signo, lost = 0 } of events)
      if (lost > 0) untold.set(signo, (untold.get(signo) ?? 0) + lost);
  }

  protected override receive(): Batch<SignalfdEvent> {
    const batch = super.receive();
    // A Worker sees nothing of the main thread's listeners. In the main thread it shows when Bun has put the handler back.
    if (!Bun.isMainThread || batch.events.some(isAnonymous)) reinstall();
    for (const [signo, times] of takeLost(this.#hold.signals, this.#hold))
      batch.events.push(overflowOf(signo, times));
    return batch;
  }

  protected decode(buffer: Pinned, length: number): SignalfdEvent[] {
    const events: SignalfdEvent[] = [];
    for (let at = 0; ; at += SIGINFO_SIZE) {
      const info = read_siginfo(buffer, at, length);
      if (info === undefined) return events;
      events.push(eventOf(info, buffer.bytes.slice(at, at + SIGINFO_SIZE)));
    }
  }
}

/** Whether it came without a `siginfo_t`, or from outside of this pid namespace. */
function isAnonymous({ code, pid }: SignalfdEvent): boolean {
  return code === "USER" && pid === 0;
}

/**
 * Bytes of a pipe: 2,048 signals. A user's pipes together may have 64 MiB by default, and beyond that each new one, of whatever program, has
 * room for 64 signals only.
 */
const PIPE_SIZE = 256 * 1024;

/** The holds of a Worker, to be disposed when it ends. */
let holds: Set<Hold> | undefined;

/** The signals that one source takes, and its pipe. It is given back before the end that is read is closed. */
class Hold implements Disposable, Taker {
  /** The end that is read, whose owner is the source. */
  readonly reader: number;
  readonly pipe: number;
  readonly lost = new Map<number, number>();
  /** The number that the kernel gave to the pipe. */
  readonly #inode: number | undefined;
  #signals: readonly number[] = [];
  #disposed = false;
  /** A `siginfo_t` each: signals that were read and not told. */
  unread: readonly Uint8Array[] = [];

  /** Takes signals. All or none. */
  constructor(signals: readonly number[]) {
    [this.reader, this.pipe] = pipe2(O.CLOEXEC | O.NONBLOCK);
    this.#inode = inodeOf(this.reader);
    try {
      fcntl(this.pipe, F.SETPIPE_SZ, PIPE_SIZE);
    } catch {
      // As it is: this user's pipes are large enough together, or fs.pipe-max-size is less.
    }
    try {
      this.enable(signals);
    } catch (error) {
      this[Symbol.dispose]();
      closeQuietly(this.reader);
      throw error;
    }
    if (!Bun.isMainThread) this.#endWithWorker();
  }

  get signals(): readonly number[] {
    return this.#signals;
  }

  enable(signals: readonly number[]): void {
    const added = [...new Set(signals)].filter((signo) => !this.#signals.includes(signo));
    take(added, this);
    this.#signals = [...this.#signals, ...added].toSorted((one, other) => one - other);
  }

  disable(signals: readonly number[]): void {
    const removed = this.#signals.filter((signo) => signals.includes(signo));
    this.#signals = this.#signals.filter((signo) => !removed.includes(signo));
    giveBack(removed, this);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    holds?.delete(this);
    this.disable(this.#signals);
    passOnLost(this);
    closeQuietly(this.pipe);
    using info = pinned(SIGINFO_SIZE);
    for (const siginfo of this.unread) {
      info.bytes.set(siginfo);
      resend(info);
    }
    // If it was closed behind our back, the number is another file's by now.
    if (inodeOf(this.reader) !== this.#inode || this.#inode === undefined) return;
    while (read_nonblock(this.reader, info) === SIGINFO_SIZE) resend(info);
  }

  #endWithWorker(): void {
    if (holds === undefined) {
      holds = new Set();
      process.once("exit", () => holds?.forEach((hold) => hold[Symbol.dispose]()));
    }
    holds.add(this);
  }
}

function inodeOf(fd: number): number | undefined {
  try {
    return builtin("node:fs").fstatSync(fd).ino;
  } catch {
    return undefined;
  }
}

function listOf(signals: SignalLike | Iterable<SignalLike>): readonly SignalLike[] {
  if (typeof signals === "string" || typeof signals === "number") return [signals];
  if (typeof signals === "object" && Symbol.iterator in (signals ?? {})) return [...signals];
  throw new TypeError(
    `Cannot take signals: expected a name, a number or several of them, got ${described(signals)}`,
  );
}

/** The number of a signal that there is. */
function numberOf(signal: SignalLike): number {
  const signo = signalNumber(signal);
  // Throws unless it is a number, and one of a signal.
  sigaddset(sigemptyset(), signo);
  return signo;
}

/** The numbers of signals that can be taken. */
function numbersOf(signals: SignalLike | Iterable<SignalLike>): readonly number[] {
  return listOf(signals).map((signal) => {
    const signo = numberOf(signal);
    const reason = reasonToRefuse(signo);
    if (reason === undefined) return signo;
    throw new ValueError(ERRNO.EINVAL[0], {
      syscall: "Signalfd",
      path: signalName(signo),
      hint: reason,
    });
  });
}
