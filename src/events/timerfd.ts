/**
 * Timers as events:
 * {@link https://man7.org/linux/man-pages/man2/timerfd_create.2.html | timerfd_create(2)}.
 *
 * @module
 */
import type { Pinned } from "../libc.ts";
import { fd_info } from "../syscalls/fd.ts";
import { TFD, timerfd_create } from "../syscalls/timerfd.ts";
import { prepareAdopted } from "./adopt.ts";
import { checkOptions, EventSource, type EventSourceOptions, sourceNames } from "./event-source.ts";
import type { Batch } from "./intake.ts";
import { checkNames, type OptionNames } from "./options.ts";
import { DISARMED, isCancelled, Keeper, type TimerfdState } from "./timerfd-keeper.ts";
import {
  clockOf,
  missedOf,
  NOTHING,
  optionNames,
  type Schedule,
  scheduleOf,
  settingNames,
  type TimerfdMissed,
  type TimerfdOptions,
  type TimerfdSetting,
} from "./timerfd-options.ts";
import {
  clockId,
  clockName,
  LEAST_INTERVAL,
  milliseconds,
  nanosecondsOf,
  type TimerfdClock,
} from "./timerfd-time.ts";

/** Options of {@linkcode Timerfd.adopt}. */
export type TimerfdAdoptOptions = EventSourceOptions & Pick<TimerfdOptions, "missed">;

const adoptNames: OptionNames<TimerfdAdoptOptions> = { ...sourceNames, missed: true };

/** A timer has expired, or its clock was set. Immutable. */
export interface TimerfdEvent {
  /** How many expiries fell due since the last event: more than 1 if nobody read in time. */
  readonly expirations: number;
  /** Whether the wall clock was set, which is told only with `cancelOnSet`. `expirations` can be 0 then. */
  readonly cancelled: boolean;
}

const TICK: TimerfdEvent = Object.freeze({ expirations: 1, cancelled: false });

/** Events of a burst that are made at once. What a 1 µs timer missed in a minute is only a number until then. */
const BURST = 1024;

/** Expiries within `latency` that are a storm. */
const STORM = 10n;

/** Hands what {@linkcode Timerfd.adopt} found out to the constructor. */
const ADOPTED = Symbol("adopted");

interface Adopted {
  readonly [ADOPTED]?: { readonly fd: number; readonly clock: TimerfdClock };
}

/**
 * A timer, once or again and again, with the kernel's precision: 1 ns is the unit, and a periodic one doesn't drift.
 *
 * Nothing piles up while nobody reads: the next event counts what fell due. A loop over a timer that fires
 * once doesn't end after it, because it can be set again.
 *
 * With `accuracy`, timers fire together: a thousand of them with 50 ms of it wake the process 20 times a second at
 * most. Without it the kernel adds nothing to a timer: its timer slack is not for these.
 *
 * The alarm clocks take `CAP_WAKE_ALARM` (`EPERM` without it), and a real-time clock in hardware to wake the machine with.
 * Where there is none, as in most virtual machines, they are accepted and fire as the clock without `-alarm` does:
 * nothing wakes then. Clocks by processor time and the coarse and raw ones are not for timers (`EINVAL`).
 *
 * What butter writes, and what it is here:
 *
 * | butter                                      | here                                                  |
 * | ------------------------------------------- | ----------------------------------------------------- |
 * | `Timer(CLOCK_BOOTTIME)`                     | `new Timerfd({ clock: "boottime" })`                  |
 * | `t.after(1)`, `t.offset(1)`; `t.update()`   | `t.set({ delay: 1000 })`                              |
 * | `t.every(1, 500)`, `t.repeat`, `t.repeats`  | `t.set({ interval: 1000.0005 })`                      |
 * | `t.after(1).and_repeats.every(5)`           | `t.set({ delay: 1000, interval: 5000 })`              |
 * | `t.occuring`, `t.and_repeats`               | nothing, as there                                     |
 * | `t.after(epoch)`; `t.update(absolute=True)` | `t.set({ at: epoch * 1000 })`                         |
 * | `t.disable()`; `t.update()`                 | `t.disarm()`                                          |
 * | `previous = t.update()`                     | `const previous = t.set({ … })`                       |
 * | `t.enabled`, `bool(t)`                      | `t.armed`                                             |
 * | `t.next_event`, `t.period`                  | `t.get().remaining`, `t.get().interval`               |
 * | `t.get_current()`, `repr(t)`                | `t.get()`, `Bun.inspect(t)`                           |
 * | `TimerVal(previous)`; `t.update()`          | `t.set({ delay: remaining, interval })`               |
 * | `t.read_event()`, `t.wait()`                | `(await t.readEvent()).expirations`                   |
 * | `t.every(0, 1)`, to read elapsed ns         | `t.set({ interval: 0.000001 })`, `t.readEventsSync()` |
 * | `CLOCK_MONOTONIC_COARSE`, for slack         | `{ accuracy: 50 }`                                    |
 * | `CLOCK_REALTIME_ALARM`, to wake             | `{ clock: "realtime-alarm" }`                         |
 *
 * @example
 * ```ts
 * import { Timerfd } from "bun-butter";
 *
 * using timer = Timerfd.every(10);
 * let ticks = 0;
 * for await (const { expirations } of timer) {
 *   ticks += expirations;
 *   if (ticks >= 3) break;
 * }
 * console.log(timer.get().interval); // 10
 * ```
 */
export class Timerfd extends EventSource<TimerfdEvent> {
  readonly clock: TimerfdClock;
  readonly missed: TimerfdMissed;
  /** In nanoseconds. */
  readonly #latency: bigint;
  readonly #keeper: Keeper;
  /** What is left of a burst. */
  #owed = 0;
  /**
   * Makes a timer, disarmed if it is told nothing of `delay`, `at` and `interval`.
   *
   * @throws {TypeError} `delay` and `at` together; `at` or `cancelOnSet` with a clock that is no wall clock; wrong types.
   * @throws {RangeError} A time that is none, such as a negative one.
   * @throws {PermissionError} `EPERM`: an alarm clock without CAP_WAKE_ALARM.
   * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
   */
  constructor(options: TimerfdOptions = {}) {
    checkOptions(options, optionNames);
    const adopted = (options as Adopted)[ADOPTED];
    const clock = adopted?.clock ?? clockOf(options);
    const schedule = scheduleOf(options, clock, NOTHING);
    const missed = missedOf(options);
    super(adopted?.fd ?? timerfd_create(clockId(clock), TFD.NONBLOCK | TFD.CLOEXEC), options);
    this.clock = clock;
    this.#keeper = new Keeper(clock);
    this.missed = missed;
    this.#latency = nanosecondsOf(options.latency ?? 1, "latency");
    if (adopted !== undefined) return;
    try {
      this.#start(schedule);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Fires every `interval` milliseconds, the first time after one, unless `delay` or `at` says otherwise. */
  static every(interval: number, options: Omit<TimerfdOptions, "interval"> = {}): Timerfd {
    checkNames(options, optionNames);
    nanosecondsOf(interval, "interval", LEAST_INTERVAL);
    return new Timerfd({ ...options, interval });
  }

  /** Fires after `delay` milliseconds, and again if there is an `interval`. */
  static after(delay: number, options: Omit<TimerfdOptions, "delay" | "at"> = {}): Timerfd {
    checkNames(options, optionNames);
    nanosecondsOf(delay, "delay");
    return new Timerfd({ ...options, delay });
  }

  /** Fires at a time of the wall clock, a date or milliseconds since 1970, and again if there is an `interval`. */
  static at(at: Date | number, options: Omit<TimerfdOptions, "delay" | "at"> = {}): Timerfd {
    checkNames(options, optionNames);
    nanosecondsOf(at instanceof Date ? at.getTime() : at, "at");
    return new Timerfd({ ...options, at });
  }

  /**
   * Takes over a timerfd that was made elsewhere, makes it non-blocking and close-on-exec, and owns it from then
   * on. It stays set as it is.
   *
   * @throws {ValueError} `EBADF`: not open. `EINVAL`: not a timerfd; it stays the caller's. `EBUSY`: a source owns it.
   */
  static adopt(fd: number, options: TimerfdAdoptOptions = {}): Timerfd {
    checkOptions(options, adoptNames);
    missedOf(options);
    prepareAdopted(fd, /^anon_inode:\[?timerfd\]?$/, "timerfd");
    const clock = clockName(Number(fd_info(fd, "clockid"))) ?? "monotonic";
    const { latency, busyPoll, signal, missed } = options;
    return new Timerfd({
      latency,
      busyPoll,
      signal,
      missed,
      [ADOPTED]: { fd, clock },
    } as TimerfdOptions);
  }

  /**
   * Sets it anew, for whoever waits for it as well. What fell due before and was not read is dropped.
   *
   * @returns What it was set to before.
   * @throws {TypeError} `delay` and `at` together; `at` or `cancelOnSet` with a clock that is no wall clock; wrong types.
   * @throws {RangeError} A time that is none, such as a negative one.
   * @throws {ValueError} `EBADF`: closed.
   */
  set(setting: TimerfdSetting): TimerfdState {
    checkNames(setting, settingNames);
    const schedule = scheduleOf(setting, this.clock, this.#keeper.schedule);
    const previous = this.get();
    this.#start(schedule);
    return previous;
  }

  /**
   * Stops it, until it is set again. What fell due before and was not read is dropped.
   *
   * @returns What it was set to before.
   * @throws {ValueError} `EBADF`: closed.
   */
  disarm(): TimerfdState {
    const previous = this.get();
    this.#drop();
    this.#keeper.stop(this.fileno());
    return previous;
  }

  /**
   * When it expires next, and its interval.
   *
   * @throws {ValueError} `EBADF`: closed.
   */
  get(): TimerfdState {
    return this.#keeper.state(this.fileno());
  }

  /** Whether another expiry follows. One that has expired for the only time is disarmed, although that may be unread. */
  get armed(): boolean {
    return !this.closed && this.get().remaining !== undefined;
  }

  override truncate(): number {
    const dropped = super.truncate() + this.#owed;
    this.#owed = 0;
    return dropped;
  }

  get [Symbol.toStringTag](): string {
    return "Timerfd";
  }

  protected override details(): Readonly<Record<string, unknown>> {
    const { clock, missed } = this;
    const { accuracy, cancelOnSet } = this.#keeper.schedule;
    return { clock, ...this.#shown(), accuracy: milliseconds(accuracy), cancelOnSet, missed };
  }

  protected override receive(): Batch<TimerfdEvent> {
    if (this.#owed > 0) return this.#burst();
    const seen = this.#read();
    if (seen === undefined) return { events: [], more: false };
    const { expirations, cancelled } = this.#keeper.pass(this.fd, seen, this.missed === "delay");
    if (expirations === 0 && !cancelled) return { events: [], more: false };
    if (this.missed !== "burst" || expirations <= 1) {
      const events = [Object.freeze({ expirations, cancelled })];
      return { events, more: false, burst: expirations > 1 && this.#storms };
    }
    this.#owed = expirations;
    if (!cancelled) return this.#burst();
    return { events: [Object.freeze({ expirations: 0, cancelled })], more: true };
  }

  protected decode(buffer: Pinned): TimerfdEvent[] {
    return [{ expirations: Number(buffer.view.getBigUint64(0, true)), cancelled: false }];
  }

  #start(schedule: Schedule): void {
    this.#drop();
    this.#keeper.start(this.fileno(), schedule);
  }

  /** Forgets what fell due. */
  #drop(): void {
    if (this.queued > 0 || this.#owed > 0) this.truncate();
  }

  #read(): TimerfdEvent | undefined {
    try {
      return super.receive().events[0];
    } catch (error) {
      if (isCancelled(error)) return { expirations: 0, cancelled: true };
      throw error;
    }
  }

  #burst(): Batch<TimerfdEvent> {
    const count = Math.min(this.#owed, BURST);
    this.#owed -= count;
    const events = Array.from({ length: count }, () => TICK);
    return { events, more: this.#owed > 0 ? "later" : false, burst: this.#storms };
  }

  /** Whether reading it once more right away is not worth it. */
  get #storms(): boolean {
    const { interval } = this.#keeper.schedule;
    return interval > 0n && interval * STORM <= this.#latency;
  }

  /** What it is set to, for an inspection, which must not fail. */
  #shown(): TimerfdState {
    try {
      return this.get();
    } catch {
      return DISARMED;
    }
  }
}
