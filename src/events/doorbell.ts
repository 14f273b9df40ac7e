/**
 * Tells Bun's event loop that an epoll set has something ready.
 *
 * The bell is an eventfd that Bun polls as a stream. The kernel rings it itself: an asynchronous poll
 * of the set (`IOCB_CMD_POLL`) adds 1 to the eventfd when it completes. Where the kernel
 * refuses that, a thread that waits for the set rings instead. A stream of the set itself is no way,
 * because an epoll descriptor can't be read. And the set is no detour for a descriptor that is alone in it: inotify wakes
 * who waits without saying for what, so that a poll of it completes in a thread of the kernel's, and one of the
 * set before the call that woke it returns.
 *
 * @module
 */
import type { Readable } from "node:stream";

import { builtin, type Pinned, pinned } from "../libc.ts";
import {
  type AioContext,
  io_cancel,
  IO_EVENT_SIZE,
  io_getevents,
  io_setup,
  io_submit,
  IOCB_SIZE,
  write_iocb_poll,
} from "../syscalls/aio.ts";
import { EPOLL } from "../syscalls/epoll.ts";
import { EFD, eventfd } from "../syscalls/eventfd.ts";
import { close } from "../syscalls/fd.ts";
import { ThreadRinger } from "./doorbell-thread.ts";

/** Adds 1 to an eventfd once when a descriptor is ready, after each {@linkcode Ringer.arm}. */
export interface Ringer extends Disposable {
  arm(): void;
}

/** `Readable` has the first two in Bun, and they count, like a socket's. */
interface Bell {
  ref(): void;
  unref(): void;
  push(chunk: Uint8Array | null): boolean;
}

/** Polls after which their completions are taken, all at once: of one that nobody takes the context has room for eight. */
const MOST_COMPLETED = 4;

/** Bytes of what one ring after another is read into, until it is full. */
const CHUNK = 64 * 1024;

/**
 * Contexts without a poll under way. Giving one back takes the kernel some 50 ms (it waits for all
 * processors), with this thread blocked, so they are kept for the next bell: one for each that this
 * thread ever had at once. The poller has one, and each source that can't be in its set has one.
 */
const contexts: AioContext[] = [];

/** The kernel as the one who rings. */
class AioRinger implements Ringer {
  readonly #context: AioContext;
  readonly #iocb: Pinned = pinned(8 + IOCB_SIZE);
  /** More than there are at most: a full ring would refuse the next poll. */
  readonly #completed: Pinned = pinned(2 * MOST_COMPLETED * IO_EVENT_SIZE);
  /** How many polls may have completed. Who had the context before has left some. */
  #count = MOST_COMPLETED;

  constructor(fd: number, events: number, bell: number) {
    write_iocb_poll(this.#iocb, fd, events, bell);
    this.#context = contexts.pop() ?? io_setup(2 * MOST_COMPLETED);
  }

  arm(): void {
    if (this.#count >= MOST_COMPLETED) {
      io_getevents(this.#context, this.#completed);
      this.#count = 0;
    }
    io_submit(this.#context, this.#iocb);
    this.#count++;
  }

  [Symbol.dispose](): void {
    try {
      io_cancel(this.#context, this.#iocb, this.#completed);
    } catch {
      // Under way or complete: either way it is over, and its completion is taken at the next use.
    }
    contexts.push(this.#context);
    this.#iocb[Symbol.dispose]();
    this.#completed[Symbol.dispose]();
  }
}

/** A bell for one epoll set, in one thread. */
export class Doorbell implements Disposable {
  readonly #bell: number;
  readonly #ringer: Ringer;
  readonly #stream: Readable & Bell;
  readonly #onRing: () => void;
  #armed = false;
  #closed = false;
  /** While the stream is asked whether somebody has rung. */
  #asking = false;
  /** While what is known by now is on its way to who waits for it. */
  #ringing = false;
  /** Whether the stream keeps the process alive, and whether it should. */
  #isHeld = false;
  #held = false;

  /**
   * @param epfd The set, borrowed.
   * @param onRing Called in a turn of the event loop of its own when the set is ready.
   * @param onError Called if the bell breaks; it never rings again.
   */
  constructor(epfd: number, onRing: () => void, onError: (error: unknown) => void) {
    this.#bell = eventfd(0, EFD.NONBLOCK | EFD.CLOEXEC);
    try {
      this.#ringer = ringer(epfd, EPOLL.IN, this.#bell);
    } catch (error) {
      close(this.#bell);
      throw error;
    }
    this.#onRing = onRing;
    const { Readable: NodeReadable } = builtin("node:stream");
    const stream = NodeReadable.fromWeb(Bun.file(this.#bell).stream() as never) as Readable & Bell;
    this.#stream = stream;
    // The stream's two ends without its queue and its events, which take as long as the way through the kernel.
    stream.push = (chunk) => {
      if (chunk === null || this.#closed) return false;
      // A set that is always ready would leave no turn to anybody else.
      if (this.#asking) setImmediate(() => this.#rung());
      else this.#rung();
      return true;
    };
    stream.on("error", (error) => {
      if (!this.#closed) onError(error);
    });
    this.#ask();
    // The count that unref() takes away must be there first.
    this.#stream.ref();
    this.#stream.unref();
  }

  /** Lets it ring once more. Rings at once if the set is ready. */
  arm(): void {
    if (this.#armed) return;
    this.#ringer.arm();
    this.#armed = true;
  }

  /** Whether waiting for it keeps the process alive. */
  hold(held: boolean): void {
    this.#held = held;
    // Who is told waits again at once, mostly.
    if (!this.#ringing) this.#settle();
  }

  #settle(): void {
    if (this.#held === this.#isHeld) return;
    this.#isHeld = this.#held;
    if (this.#held) this.#stream.ref();
    else this.#stream.unref();
  }

  #rung(): void {
    if (this.#closed) return;
    this.#armed = false;
    this.#ringing = true;
    this.#onRing();
    // The stream is at work with this ring until then.
    queueMicrotask(this.#askAgain);
  }

  readonly #askAgain = (): void => {
    this.#ringing = false;
    if (this.#closed) return;
    this.#settle();
    this.#ask();
  };

  #ask(): void {
    if (this.#closed) return;
    this.#asking = true;
    this.#stream._read(CHUNK);
    this.#asking = false;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ringer[Symbol.dispose]();
    this.#stream.destroy();
    close(this.#bell);
  }
}

/**
 * The best way there is here to ring a bell.
 *
 * @param fd What is waited for, borrowed.
 * @param events {@linkcode EPOLL} members.
 * @param bell The eventfd, borrowed.
 */
export function ringer(fd: number, events: number, bell: number): Ringer {
  try {
    return new AioRinger(fd, events, bell);
  } catch {
    // No AIO in this kernel or sandbox, or fs.aio-max-nr is used up.
    return new ThreadRinger(fd, events, bell);
  }
}
