/**
 * A counter as events:
 * {@link https://man7.org/linux/man-pages/man2/eventfd.2.html | eventfd(2)}.
 *
 * @module
 */
import { type Pinned, uint64 } from "../libc.ts";
import { EFD, eventfd, eventfd_write } from "../syscalls/eventfd.ts";
import { fd_info } from "../syscalls/fd.ts";
import { prepareAdopted } from "./adopt.ts";
import { checkOptions, EventSource, type EventSourceOptions, sourceNames } from "./event-source.ts";
import type { Batch } from "./intake.ts";
import { checkBoolean, type OptionNames } from "./options.ts";

/** Options of {@linkcode Eventfd}. */
export interface EventfdOptions extends EventSourceOptions {
  /**
   * Where the counter starts, 0 to 2^32 - 1.
   *
   * @default 0
   */
  readonly initial?: number | bigint;
  /**
   * Makes it a semaphore: each event takes 1 of the counter, and not all of it.
   *
   * @default false
   */
  readonly semaphore?: boolean;
}

const optionNames: OptionNames<EventfdOptions> = {
  ...sourceNames,
  initial: true,
  semaphore: true,
};

/** What was taken of an {@linkcode Eventfd}. */
export interface EventfdEvent {
  /** All that was added since the last event; always 1 of a semaphore. */
  readonly value: bigint;
}

/** The most that the counter holds. */
const MOST = 2n ** 64n - 2n;

/** Hands what {@linkcode Eventfd.adopt} found out to the constructor. */
const ADOPTED = Symbol("adopted");

interface Adopted {
  readonly [ADOPTED]?: { readonly fd: number; readonly semaphore: boolean };
}

/**
 * A counter that wakes whoever reads it: another part of the program, a Worker, another process.
 *
 * What is added while nobody reads adds up to one event. A semaphore makes an event of each 1 instead, and takes it only
 * when it is read, 65,536 at once at most, so several readers in several Workers or processes share them out.
 *
 * Each object owns its descriptor. To use one counter from several Workers, give each a duplicate to
 * own: post `dup(eventfd)` (from `bun-butter/syscalls`) and let the Worker {@linkcode Eventfd.adopt} that number. A child
 * process gets it as one of its `stdio`: `Bun.spawn(cmd, { stdio: ["inherit", "inherit", "inherit", eventfd.fd] })`
 * makes it the child's descriptor 3, and the child adopts 3.
 *
 * Between Workers of one process `postMessage` wakes several times faster (`bun run bench wake`). This is for what that is not: a count
 * that merges what nobody has read, tokens that are shared out, other processes, and what is written in other languages.
 *
 * @example
 * ```ts
 * import { Eventfd } from "bun-butter";
 *
 * using eventfd = new Eventfd();
 * eventfd.add();
 * eventfd.add(41);
 * console.log(await eventfd.readEvent()); // { value: 42n }
 * ```
 */
export class Eventfd extends EventSource<EventfdEvent> {
  /** Whether each event takes 1, and not all. Before Linux 6.5 that can't be told of an adopted one, and is `false`. */
  readonly semaphore: boolean;

  /**
   * Makes a counter.
   *
   * @throws {RangeError} `initial` is not from 0 to 2^32 - 1.
   * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
   */
  constructor(options: EventfdOptions = {}) {
    checkOptions(options, optionNames);
    const { initial = 0, semaphore = false } = options;
    checkBoolean(semaphore, "semaphore");
    const adopted = (options as Adopted)[ADOPTED];
    const flags = EFD.NONBLOCK | EFD.CLOEXEC | (semaphore ? EFD.SEMAPHORE : 0);
    super(adopted?.fd ?? eventfd(initialValue(initial), flags), options);
    this.semaphore = adopted?.semaphore ?? semaphore;
  }

  /**
   * Takes over an eventfd that was made elsewhere, makes it non-blocking and close-on-exec, and owns it from then
   * on. What was added before is still there.
   *
   * @throws {ValueError} `EBADF`: not open. `EINVAL`: not an eventfd; it stays the caller's. `EBUSY`: a source owns it.
   */
  static adopt(fd: number, options: EventSourceOptions = {}): Eventfd {
    checkOptions(options);
    prepareAdopted(fd, /^anon_inode:\[?eventfd\]?$/, "eventfd");
    const semaphore = fd_info(fd, "eventfd-semaphore") === "1";
    return new Eventfd({ ...options, [ADOPTED]: { fd, semaphore } } as EventfdOptions);
  }

  /**
   * Adds to the counter, and so wakes who waits for it. It never waits: where that would take the counter
   * past 2^64 - 2, it adds nothing and throws; `await poll(eventfd, "out")` waits until there is room for 1.
   *
   * @param n 0 to 2^64 - 2; 0 wakes nobody.
   * @throws {RangeError} `n` is out of range.
   * @throws {OSError} `EAGAIN`: the counter is full.
   * @throws {ValueError} `EBADF`: closed.
   */
  add(n: number | bigint = 1): void {
    const fd = this.fileno();
    const value = uint64(n, "n");
    if (value > MOST) throw new RangeError(`Cannot take n: ${value} is more than ${MOST}`);
    eventfd_write(fd, value);
  }

  get [Symbol.toStringTag](): string {
    return "Eventfd";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    return { semaphore: this.semaphore };
  }

  protected override receive(): Batch<EventfdEvent> {
    const { events } = super.receive();
    // Of a semaphore a look takes one token: there may be another, and it stays until it is asked for.
    return { events, more: this.semaphore && events.length > 0 };
  }

  protected decode(buffer: Pinned): EventfdEvent[] {
    return [{ value: buffer.view.getBigUint64(0, true) }];
  }
}

function initialValue(initial: number | bigint): number {
  const value = uint64(initial, "initial");
  if (value < 2n ** 32n) return Number(value);
  throw new RangeError(`Cannot take initial: ${value} is more than ${2 ** 32 - 1}`);
}
