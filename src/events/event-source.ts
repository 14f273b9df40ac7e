/**
 * What every source of events has in common: one descriptor, one queue, and the ways to read it.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { builtin, described, type Pinned } from "../libc.ts";
import { read_nonblock } from "../syscalls/fd.ts";
import { deadline, LONGEST_DELAY, type WaitOptions } from "./deadline.ts";
import {
  type Batch,
  closeQuietly,
  Intake,
  LONGEST_RECORD,
  readBuffer,
  type Waiter,
} from "./intake.ts";
import { checkNames, checkSignal, type OptionNames } from "./options.ts";

/** Options of every source. */
export interface EventSourceOptions {
  /**
   * Milliseconds between reads while events come in bursts, so that a storm costs a few large reads and
   * not a wake-up for each event. A lone event is delivered at once in any case. 0 turns it off.
   *
   * @default 1
   */
  readonly latency?: number;
  /**
   * Milliseconds for which a pending read looks in each turn of the event loop before it sleeps until the kernel wakes it, as
   * `SO_BUSY_POLL` lets a socket do: what comes meanwhile is read in the next turn, bursts too, whatever `latency` is. The event loop turns without a
   * pause for so long, which takes one processor; everything else in it goes on. `Infinity` never sleeps.
   *
   * @default 0: sleeps at once
   */
  readonly busyPoll?: number;
  /** Closes the source when it aborts. Pending reads reject with its reason. */
  readonly signal?: AbortSignal;
}

/** What they are called. */
export const sourceNames: OptionNames<EventSourceOptions> = {
  latency: true,
  busyPoll: true,
  signal: true,
};

/**
 * A descriptor that events come out of, in order, each to one reader.
 *
 * Read it with a loop (`for await (const event of source)`), one event at a time
 * ({@linkcode readEvent}, {@linkcode wait}), many at a time ({@linkcode readEvents},
 * {@linkcode batches}), without waiting ({@linkcode readEventsSync}) or as a web stream
 * ({@linkcode stream}). Only one reader at a time: a second one fails with `EBUSY`. What nobody
 * reads stays in the kernel's queue.
 *
 * It owns its descriptor. {@linkcode close} gives it back, and so do `using`, an aborted
 * `signal` and, some time after the last reference to the source is gone, the garbage
 * collector. `Worker.terminate()` runs no code, so what is open in that Worker stays open: let a Worker end
 * by itself.
 */
export abstract class EventSource<E> implements AsyncIterable<E>, Disposable, AsyncDisposable {
  readonly #intake: Intake<E>;
  /** Ends what a signal has to do with it. */
  #ignoreSignal: (() => void) | undefined;
  /** Why it was closed, if a signal closed it. */
  #aborted: { readonly error: unknown } | undefined;
  /** The way of reading that is in use. */
  #reader: string | undefined;
  /** Of the stream, while that is how it is read. */
  #controller: ReadableStreamDefaultController<E> | undefined;

  /**
   * @param fd Owned from here on, non-blocking.
   * @param events What to wait for: EPOLL members, `IN` by default; 0 if the source brings its events by {@linkcode push}.
   * @param companion What is to be given back together with the descriptor. It must not refer to the source.
   */
  protected constructor(
    fd: number,
    options: EventSourceOptions,
    events?: number,
    companion?: Disposable,
  ) {
    this.#intake = new Intake(this, fd, (whole) => this.receive(whole), events, options, companion);
    if (options.signal !== undefined) this.#heed(options.signal);
  }

  /** Decodes what one read returned. The buffer is used again afterwards: copy what stays. */
  protected abstract decode(buffer: Pinned, length: number): E[];

  /**
   * Looks once, without waiting.
   *
   * @param _whole Whether who asks wants all that can be had at once, and not only what one turn of the event loop has time for.
   */
  protected receive(_whole?: boolean): Batch<E> {
    const buffer = readBuffer();
    const length = read_nonblock(this.#intake.fd, buffer);
    if (length <= 0) return { events: [], more: false };
    return {
      events: this.decode(buffer, length),
      more: length > buffer.byteLength - LONGEST_RECORD,
    };
  }

  /** Called before the source is closed, with what was decoded and nobody took, and what a signal closes it with. */
  protected unread(_events: readonly E[], _reason?: { readonly error: unknown }): void {}

  /** Called with events that nobody will look at: those that {@linkcode truncate} drops. */
  protected discard(_events: readonly E[]): void {}

  /** Called with what a loop took last when it is left by `break`, `return` or an error. */
  protected left(_events: readonly E[]): void {}

  /** Puts events into the queue that came otherwise than through {@linkcode receive}. */
  protected push(events: readonly E[]): void {
    this.#intake.add(events);
  }

  /** What an inspection shows beside `fd` and `queued`. */
  protected details(): Readonly<Record<string, unknown>> {
    return {};
  }

  /** The descriptor, owned by the source; -1 once closed. */
  get fd(): number {
    return this.#intake.fd;
  }

  /**
   * The descriptor, for calls that take an object with `fileno()`.
   *
   * @throws {ValueError} `EBADF`: the source is closed.
   */
  fileno(): number {
    this.#assertOpen("fileno()");
    return this.#intake.fd;
  }

  /** Whether {@linkcode close} was called, or the signal aborted. */
  get closed(): boolean {
    return this.#intake.fd === -1;
  }

  /** How many events are decoded and not yet taken. The kernel's queue may hold more. */
  get queued(): number {
    return this.#intake.queued;
  }

  /** Whether something reads it now: a loop, a stream, or a pending read. */
  get locked(): boolean {
    return this.#reader !== undefined;
  }

  /**
   * Waits for the next event.
   *
   * @throws {DOMException} `TimeoutError`: nothing came in time.
   * @throws {ValueError} `EBADF`: the source is closed, or was while waiting. `EBUSY`: something else reads it.
   * `ENODATA`: its last event was read.
   * @throws What `signal` was aborted with.
   */
  wait(options: WaitOptions = {}): Promise<E> {
    return this.#readOnce("wait()", options, () => this.#intake.shift());
  }

  /** Waits for the next event: {@linkcode wait} without options. */
  readEvent(): Promise<E> {
    return this.#readOnce("readEvent()", {}, () => this.#intake.shift());
  }

  /** Waits for at least one event, and takes all that are there. Rejects as {@linkcode wait} does. */
  readEvents(options: WaitOptions = {}): Promise<E[]> {
    return this.#readOnce("readEvents()", options, () =>
      this.#intake.takeAll().concat(this.#intake.drain(false)),
    );
  }

  /**
   * Takes all events that are there now; `[]` if there are none.
   *
   * @throws {ValueError} `EBADF`: the source is closed. `EBUSY`: something else reads it.
   */
  readEventsSync(): E[] {
    this.#assertOpen("readEventsSync()");
    this.#assertFree("readEventsSync()");
    return this.#intake.drain(true);
  }

  /**
   * Drops all events that are there now, those in the kernel's queue as well.
   *
   * @returns How many.
   * @throws {ValueError} `EBADF`: the source is closed.
   */
  truncate(): number {
    this.#assertOpen("truncate()");
    const events = this.#intake.drain(true);
    this.discard(events);
    return events.length;
  }

  /** One event after another. Leaving the loop frees the source for another reader, and does not close it. */
  [Symbol.asyncIterator](): AsyncIterableIterator<E> {
    return this.#iterate(
      "for await",
      () => this.#intake.shift(),
      (event) => [event],
    );
  }

  /** All events that are there, again and again: the cheapest way to take a storm. Never empty. */
  batches(): AsyncIterableIterator<E[]> {
    return this.#iterate(
      "batches()",
      () => this.#intake.takeAll(),
      (events) => events,
    );
  }

  /**
   * The events as a web stream, which takes no event before it is asked for one. Cancelling it closes
   * the source.
   *
   * @throws {ValueError} `EBADF`: the source is closed. `EBUSY`: something else reads it.
   */
  stream(): ReadableStream<E> {
    this.#acquire("stream()");
    return new ReadableStream<E>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: (controller) =>
          new Promise<void>((resolve) => {
            this.#next({
              ready: () => {
                controller.enqueue(this.#intake.shift());
                resolve();
              },
              fail: (error) => {
                this.#controller = undefined;
                this.#release();
                controller.error(error);
                resolve();
              },
              closed: () => {
                if (!this.closed) {
                  this.#controller = undefined;
                  this.#release();
                  controller.close();
                }
                resolve();
              },
            });
          }),
        cancel: () => {
          this.#controller = undefined;
          this.close();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Lets a pending read keep the process alive, as it does by default. */
  ref(): this {
    this.#intake.hold(true);
    return this;
  }

  /** Lets the process end although a read is pending. Events still arrive. */
  unref(): this {
    this.#intake.hold(false);
    return this;
  }

  /** Whether a pending read keeps the process alive. */
  hasRef(): boolean {
    return this.#intake.held;
  }

  /**
   * Closes the descriptor and drops what was not read: loops end, streams close, pending reads reject.
   * Closing twice is nothing. Some descriptors take the kernel milliseconds to close, inotify's with watches
   * for one: `await using` lets another thread wait for that.
   */
  close(): void {
    this.shut();
  }

  /** Does what {@linkcode close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Does what {@linkcode close} does, but the event loop goes on meanwhile. */
  [Symbol.asyncDispose](): Promise<void> {
    const fd = this.#give();
    if (fd === -1) return Promise.resolve();
    // Whatever it answers, the descriptor is gone then.
    return new Promise((resolve) => builtin("node:fs").close(fd, () => resolve()));
  }

  /** `Inotify { fd: 5, queued: 0, … }` */
  [Bun.inspect.custom](
    _depth: number,
    options: Bun.BunInspectOptions,
    inspect: (value: unknown, options?: Bun.BunInspectOptions) => string,
  ): string {
    if (this.closed) return `${this[Symbol.toStringTag]} { closed }`;
    const shown = { fd: this.fd, queued: this.queued, ...this.details() };
    return `${this[Symbol.toStringTag]} ${inspect(shown, options)}`;
  }

  /** The class, whatever a minifier made of its name. */
  abstract get [Symbol.toStringTag](): string;

  /** Closes, and tells pending reads why. */
  protected shut(reason?: { readonly error: unknown }): void {
    closeQuietly(this.#give(reason));
  }

  #heed(signal: AbortSignal): void {
    // Weak, so that a signal that lives as long as the process doesn't keep every source alive.
    const weak = new WeakRef(this);
    const onAbort = (): void => weak.deref()?.shut({ error: signal.reason });
    signal.addEventListener("abort", onAbort, { once: true });
    this.#ignoreSignal = () => signal.removeEventListener("abort", onAbort);
  }

  /** Ends everything but the descriptor, which is the caller's then. */
  #give(reason?: { readonly error: unknown }): number {
    this.#ignoreSignal?.();
    if (this.closed) return -1;
    this.#aborted = reason;
    this.unread(this.#intake.takeAll(), reason);
    const fd = this.#intake.release(reason);
    this.#release();
    if (reason === undefined) this.#controller?.close();
    else this.#controller?.error(reason.error);
    this.#controller = undefined;
    return fd;
  }

  #assertOpen(by: string): void {
    if (this.closed) throw this.#closedError(by);
  }

  #closedError(by: string): ValueError {
    return new ValueError(ERRNO.EBADF[0], {
      syscall: by,
      path: this[Symbol.toStringTag],
      hint: "it is closed",
    });
  }

  #endError(by: string): ValueError {
    if (this.closed) return this.#closedError(by);
    return new ValueError(ERRNO.ENODATA[0], {
      syscall: by,
      path: this[Symbol.toStringTag],
      hint: "it is over, and no event follows",
    });
  }

  #assertFree(by: string): void {
    if (this.#reader === undefined) return;
    throw new ValueError(ERRNO.EBUSY[0], {
      syscall: by,
      path: this[Symbol.toStringTag],
      hint: `${this.#reader} reads it already, and each event goes to one reader`,
    });
  }

  #acquire(by: string): void {
    this.#assertOpen(by);
    this.#assertFree(by);
    this.#reader = by;
  }

  #release(): void {
    this.#reader = undefined;
  }

  /** Calls the waiter when there is an event: now, or later. */
  #next(waiter: Waiter): void {
    if (this.closed) return waiter.closed(this.#aborted);
    if (this.#intake.queued > 0) return waiter.ready();
    if (this.#intake.over) return waiter.closed(undefined);
    try {
      this.#intake.wait(waiter);
    } catch (error) {
      this.#intake.cancel();
      waiter.fail(error);
    }
  }

  #readOnce<T>(by: string, options: WaitOptions, take: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#assertOpen(by);
      this.#assertFree(by);
      const end = (settle: () => void): void => {
        limit[Symbol.dispose]();
        this.#release();
        settle();
      };
      const limit = deadline(
        options,
        `${by} on ${this[Symbol.toStringTag]}`,
        this.hasRef(),
        (reason) => {
          this.#intake.cancel();
          end(() => reject(reason));
        },
        (error) => {
          this.#intake.cancel();
          // The event loop may have been busy for longer than the time-out while events came.
          end(() => this.#attempt(take, resolve, reject, error));
        },
      );
      this.#reader = by;
      this.#next({
        ready: () => end(() => resolve(take())),
        fail: (error) => end(() => reject(error)),
        closed: (reason) =>
          end(() => reject(reason === undefined ? this.#endError(by) : reason.error)),
      });
    });
  }

  /** Looks once more before giving up. */
  #attempt<T>(
    take: () => T,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
    otherwise: unknown,
  ): void {
    try {
      if (this.#intake.fill()) resolve(take());
      else reject(otherwise);
    } catch (error) {
      reject(error);
    }
  }

  #iterate<T>(
    by: string,
    takeNext: () => T,
    eventsOf: (taken: T) => readonly E[],
  ): AsyncIterableIterator<T> {
    let state: "new" | "open" | "waiting" | "done" = "new";
    let last: { readonly value: T; readonly done: false } | undefined;
    const take = () => (last = { value: takeNext(), done: false });
    /** Of the last `next()`; once it has settled they do nothing. */
    let settle: (result: IteratorResult<T>) => void = () => {};
    let refuse: (error: unknown) => void = () => {};
    const finish = (): void => {
      if (state === "waiting") this.#intake.cancel();
      if (state !== "new" && state !== "done") this.#release();
      state = "done";
    };
    const over = { value: undefined, done: true } as const;
    // One for all: there is one at a time, and what is made anew for each event is in nobody's cache.
    const waiter: Waiter = {
      ready: () => {
        state = "open";
        settle(take());
      },
      fail: (error) => {
        state = "open";
        finish();
        refuse(error);
      },
      closed: (reason) => {
        finish();
        if (reason === undefined) settle(over);
        else refuse(reason.error);
      },
    };
    const wait = (
      resolve: (result: IteratorResult<T>) => void,
      reject: (error: unknown) => void,
    ): void => {
      if (state === "done") return resolve(over);
      if (state === "waiting") this.#assertFree("next()");
      else if (state === "new" && !this.closed) this.#acquire(by);
      state = "waiting";
      settle = resolve;
      refuse = reject;
      this.#next(waiter);
    };
    return {
      next: () => {
        if (state === "open" && this.#intake.queued > 0) return Promise.resolve(take());
        return new Promise(wait);
      },
      return: () => {
        finish();
        this.left(last === undefined ? [] : eventsOf(last.value));
        last = undefined;
        settle(over);
        return Promise.resolve(over);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
}

/** Checks options before anything is opened with them: all of their names, and what every source has. */
export function checkOptions(
  options: EventSourceOptions,
  known: OptionNames<EventSourceOptions> = sourceNames,
  elsewhere?: Readonly<Record<string, string>>,
): void {
  checkNames(options, known, undefined, elsewhere);
  const { latency, busyPoll, signal } = options;
  if (signal !== undefined) checkSignal(signal);
  if (latency !== undefined) checkTime("latency", latency, LONGEST_DELAY);
  if (busyPoll !== undefined) checkTime("busyPoll", busyPoll, Infinity);
  signal?.throwIfAborted();
}

function checkTime(name: string, value: number, most: number): void {
  if (typeof value !== "number")
    throw new TypeError(`Cannot take ${name}: expected milliseconds, got ${described(value)}`);
  if (value >= 0 && value <= most) return;
  throw new RangeError(`Cannot take ${name}: ${value} is not between 0 and ${most} ms`);
}
