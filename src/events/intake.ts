/**
 * A source's inner half: its descriptor, the queue of what was decoded, and when to read again.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { type Pinned, pinned } from "../libc.ts";
import { EPOLL } from "../syscalls/epoll.ts";
import { close, F, fcntl } from "../syscalls/fd.ts";
import { Poller, type Wait } from "./poller.ts";
import { leave, stay, stays } from "./staying.ts";

/** What one look at a descriptor brought. */
export interface Batch<E> {
  readonly events: E[];
  /** Whether there is more than one look could take; `"later"` if it is too much for taking all of it at once. */
  readonly more: boolean | "later";
  /**
   * Whether so much follows that the next look waits for more of it.
   *
   * @default Whether there is more than one event.
   */
  readonly burst?: boolean;
  /**
   * Until then who waits looks in each turn of the event loop, as `performance.now()` has it.
   *
   * @default What `busyPoll` says.
   */
  readonly awakeUntil?: number | undefined;
  /** Whether these were the last: nothing will ever follow. */
  readonly over?: boolean;
  /** Called when they are on their way to who waits: does what can come after that. */
  readonly after?: (() => void) | undefined;
}

/** When it is looked: see `EventSourceOptions`. */
export interface Timing {
  readonly latency?: number;
  readonly busyPoll?: number;
}

/** Who waits for the queue to fill. One of the three is called, once. */
export interface Waiter {
  ready(): void;
  fail(error: unknown): void;
  /** The source was closed, or is over. `reason` is there if it was aborted. */
  closed(reason: { readonly error: unknown } | undefined): void;
}

/** The part of a source that outlives it, for the collector's sake. */
interface Handle {
  fd: number;
  poller: Poller | undefined;
  companion: Disposable | undefined;
}

/** The descriptors that this thread's sources own. It keeps no source alive. */
const owned = new Map<number, Handle>();

/** Whether a source of this thread owns a descriptor: another owner would close it a second time. */
export function isOwned(fd: number): boolean {
  return owned.has(fd);
}

/** How often a queue is looked into at once: a semaphore gives one token a look, and may have 2^64. */
const MOST_LOOKS = 65_536;

/** Bytes of one read. The kernel's own loop is no faster with more. */
const BUFFER_SIZE = 64 * 1024;

/** More than any record that the kernel writes, as a name may be as long as a path: with less room left than this, more may be there. */
export const LONGEST_RECORD = 8192;

let shared: Pinned | undefined;

/** One buffer serves every source of a thread: a read is decoded before the next one starts. */
export function readBuffer(): Pinned {
  return (shared ??= pinned(BUFFER_SIZE));
}

/** Lends it to who asks functions of others while a read is decoded: what they read goes elsewhere. */
export function lendBuffer<T>(use: (buffer: Pinned) => T): T {
  const buffer = readBuffer();
  shared = undefined;
  try {
    return use(buffer);
  } finally {
    (shared as Pinned | undefined)?.[Symbol.dispose]();
    shared = buffer;
  }
}

/** Closes what a source that nobody can reach any more has left open. */
const dropped = new FinalizationRegistry<Handle>((handle) => {
  const { fd } = handle;
  try {
    lose(handle);
  } finally {
    closeQuietly(fd);
  }
});

/** Closes a descriptor that may have been closed behind our back: then it is gone, which is what is wanted. */
export function closeQuietly(fd: number): void {
  if (fd === -1) return;
  try {
    close(fd);
  } catch {
    // Gone.
  }
}

/** Gives up a descriptor without closing it. */
function lose(handle: Handle): void {
  const { fd, poller, companion } = handle;
  handle.fd = -1;
  handle.poller = undefined;
  handle.companion = undefined;
  if (owned.get(fd) === handle) owned.delete(fd);
  try {
    companion?.[Symbol.dispose]();
  } finally {
    (poller ?? Poller.current)?.forget(fd);
    poller?.release();
  }
}

/** The descriptor and the queue of one source. */
export class Intake<E> {
  readonly #handle: Handle;
  readonly #receive: (whole: boolean) => Batch<E>;
  readonly #latency: number;
  readonly #busyPoll: number;
  /** {@linkcode EPOLL} members. */
  readonly #events: number;
  /** What the poller gets, again and again: nobody has waited as long as there is none. */
  #wait: Wait | undefined;
  #queue: E[] = [];
  #next = 0;
  #held = true;
  #waiter: Waiter | undefined;
  #armed = false;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  /** Set by a look that left something behind. */
  #more: boolean | "later" = false;
  /** Set by the last look of all. */
  #over = false;
  /** What the last look has left to do. */
  #after: (() => void) | undefined;
  /** When the next look is due after one that found a burst, as `performance.now()` has it. */
  #due = 0;
  /** Until then who waits looks in each turn of the event loop. */
  #awakeUntil = 0;

  /**
   * @param owner The source. When it is collected, the descriptor is closed.
   * @param fd Owned from here on.
   * @param receive Looks once, without waiting. `whole`: who asks wants all that can be had at once.
   * @param events What the poller waits for: {@linkcode EPOLL} members. 0 if events come by {@linkcode Intake.add} alone.
   * @param companion Disposed with the descriptor, in whatever way that goes. It must not refer to the owner.
   */
  constructor(
    owner: object,
    fd: number,
    receive: (whole: boolean) => Batch<E>,
    events: number = EPOLL.IN,
    { latency = 1, busyPoll = 0 }: Timing = {},
    companion?: Disposable,
  ) {
    // The kernel gives out no number that is in use: that source's descriptor was closed behind its back.
    const stale = owned.get(fd);
    if (stale !== undefined) lose(stale);
    this.#handle = { fd, poller: undefined, companion };
    owned.set(fd, this.#handle);
    this.#receive = receive;
    this.#latency = latency;
    this.#busyPoll = busyPoll;
    this.#events = events;
    dropped.register(owner, this.#handle, this);
  }

  /** -1 once closed. */
  get fd(): number {
    return this.#handle.fd;
  }

  get queued(): number {
    return this.#queue.length - this.#next;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Whether the last event of all was decoded. */
  get over(): boolean {
    return this.#over;
  }

  /** Takes the oldest event of a queue that is not empty. */
  shift(): E {
    const event = this.#queue[this.#next] as E;
    if (++this.#next === this.#queue.length) this.#reset();
    return event;
  }

  /** Takes the whole queue. */
  takeAll(): E[] {
    const events = this.#next === 0 ? this.#queue : this.#queue.slice(this.#next);
    this.#reset();
    return events;
  }

  /** Puts events in that came otherwise than by a look, and tells who waits. */
  add(events: readonly E[]): void {
    if (events.length === 0 || this.fd === -1) return;
    // Not `push(...events)`: a walk of a large tree has more than a call takes arguments.
    for (const event of events) this.#queue.push(event);
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    this.cancel();
    waiter.ready();
  }

  /**
   * Looks until nothing more is there, {@linkcode MOST_LOOKS} times at most, and takes everything.
   *
   * @param whole Whether who asks can't ask again in a later turn of the event loop.
   */
  drain(whole: boolean): E[] {
    const batches: E[][] = [this.takeAll()];
    do {
      try {
        this.#look(whole);
      } catch (error) {
        // What was there before is not lost; the next read meets the error again.
        if (batches.some((batch) => batch.length > 0)) break;
        throw error;
      }
      batches.push(this.takeAll());
      this.#finish();
    } while (this.#more === true && batches.length <= MOST_LOOKS);
    return batches.flat();
  }

  /** Looks, for who does not look again, and tells whether the queue is not empty. */
  fill(): boolean {
    for (let looks = 0; this.queued === 0 && looks < MOST_LOOKS; looks++) {
      this.#look(true);
      this.#finish();
      if (this.#more !== true) break;
    }
    return this.queued > 0;
  }

  /**
   * Waits for the queue to fill. Even if something is there at once, the waiter is called in a later
   * turn of the event loop, so that a source that is never empty doesn't starve it.
   */
  wait(waiter: Waiter): void {
    this.#waiter = waiter;
    if (this.#more !== false) return this.#turnSoon();
    if (this.#busyPoll > 0) this.#awakeUntil = performance.now() + this.#busyPoll;
    if (this.#isAwake()) return this.#turnSoon();
    const delay = this.#due === 0 ? 0 : this.#due - performance.now();
    if (delay <= 0) return this.#arm();
    this.#timer = setTimeout(() => this.#turn(), delay);
    if (!this.#held) this.#timer.unref();
  }

  /** Ends the wait, without calling the waiter. */
  cancel(): void {
    this.#waiter = undefined;
    if (this.#armed && this.#wait !== undefined) this.#handle.poller?.remove(this.#wait);
    this.#armed = false;
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    leave(this);
    this.#timer = this.#soon = undefined;
  }

  /** Whether waiting keeps the process alive. */
  hold(held: boolean): void {
    this.#held = held;
    if (this.#wait !== undefined) {
      if (this.#armed) this.#handle.poller?.hold(this.#wait, held);
      else this.#wait.held = held;
    }
    const change = held ? "ref" : "unref";
    this.#timer?.[change]();
    this.#soon?.[change]();
    if (stays(this)) stay(this, held);
  }

  /**
   * Drops the queue and gives up the descriptor. Once more is nothing.
   *
   * @returns The descriptor, for the caller to close, or -1.
   */
  release(reason?: { readonly error: unknown }): number {
    const { fd } = this;
    if (fd === -1) return fd;
    const waiter = this.#waiter;
    this.cancel();
    this.#reset();
    dropped.unregister(this);
    try {
      lose(this.#handle);
    } catch (error) {
      closeQuietly(fd);
      throw error;
    } finally {
      waiter?.closed(reason);
    }
    return fd;
  }

  #reset(): void {
    this.#queue = [];
    this.#next = 0;
  }

  #look(whole: boolean = false): void {
    let batch: Batch<E>;
    try {
      batch = this.#receive(whole);
    } catch (error) {
      this.#examine(error);
      throw error;
    }
    this.#more = batch.more;
    this.#over = batch.over === true;
    this.#after = batch.after;
    // A lone event is worth a wake-up of its own, a burst is not over yet.
    const burst = (batch.burst ?? batch.events.length > 1) && this.#latency > 0;
    this.#due = burst ? performance.now() + this.#latency : 0;
    this.#awakeUntil = batch.awakeUntil ?? this.#awakeUntil;
    this.#queue = batch.events;
    this.#next = 0;
  }

  #finish(): void {
    const after = this.#after;
    this.#after = undefined;
    after?.();
  }

  #arm(): void {
    try {
      if (this.#events === 0) return this.#stay();
      this.#wait ??= this.#makeWait();
      this.#handle.poller ??= Poller.acquire(this.fd);
      this.#handle.poller.add(this.#wait);
    } catch (error) {
      this.#examine(error);
      throw error;
    }
    this.#armed = true;
  }

  #makeWait(): Wait {
    return {
      fd: this.fd,
      events: this.#events,
      held: this.#held,
      ready: () => {
        this.#armed = false;
        this.#turn();
      },
      look: () => {
        this.#armed = false;
        return this.#turn();
      },
      fail: (error) => {
        this.#armed = false;
        // It is broken; the next wait gets a new one.
        this.#handle.poller?.release();
        this.#handle.poller = undefined;
        this.#fail(error);
      },
    };
  }

  #isAwake(): boolean {
    return this.#awakeUntil > 0 && performance.now() < this.#awakeUntil;
  }

  #turnSoon(): void {
    this.#soon = setImmediate(() => this.#turn());
    if (!this.#held) this.#soon.unref();
  }

  /** Waits for what others put in. */
  #stay(): void {
    fcntl(this.fd, F.GETFD);
    stay(this, this.#held);
  }

  /**
   * A turn of the event loop in which something may be there.
   *
   * @returns Whether there was.
   */
  #turn(): boolean {
    this.#timer = this.#soon = undefined;
    // Told by `add` in the same turn.
    if (this.#waiter === undefined) return true;
    try {
      if (this.queued === 0) this.#look();
      // Nothing, if a burst is over or another reader of the same open file was faster.
      if (this.queued === 0 && !this.#over) {
        if (this.#isAwake()) this.#turnSoon();
        else this.#arm();
        this.#finish();
        return false;
      }
    } catch (error) {
      this.#fail(error);
      return true;
    }
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (this.queued > 0) waiter?.ready();
    else waiter?.closed(undefined);
    this.#finish();
    return true;
  }

  #fail(error: unknown): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.fail(error);
  }

  /**
   * A descriptor that is not open any more was closed behind our back: its number may be another file's
   * by now, so it is forgotten and never closed.
   */
  #examine(error: unknown): void {
    if (error instanceof OSError && error.code === "EBADF") lose(this.#handle);
  }
}
