/**
 * What a timer can be told.
 *
 * @module
 */
import { type EventSourceOptions, sourceNames } from "./event-source.ts";
import { checkBoolean, type OptionNames } from "./options.ts";
import {
  clockNames,
  LEAST_INTERVAL,
  nanosecondsOf,
  oneOf,
  type TimerfdClock,
} from "./timerfd-time.ts";

/** When a timer fires. Without `delay`, `at` and `interval` it is disarmed. */
export interface TimerfdSetting {
  /**
   * Milliseconds from now to the first expiry; 0 expires at once.
   *
   * @default `interval`
   */
  readonly delay?: number | undefined;
  /** Milliseconds between expiries, at least 0.000001. Without it there is one only. */
  readonly interval?: number | undefined;
  /**
   * The first expiry as a time of the wall clock, in milliseconds since 1970 if it is a number. It takes a timer of
   * `"realtime"` or `"realtime-alarm"`. One in the past expires at once, and with an `interval` counts all
   * that it has missed since.
   */
  readonly at?: Date | number | undefined;
  /**
   * Milliseconds that an expiry may come late, so that it can come together with others: on a grid that
   * all timers of a clock share. It never comes early, and a late one makes no later one late.
   *
   * @default What it was before; 0 at first.
   */
  readonly accuracy?: number | undefined;
  /**
   * Makes an event of it, with `cancelled`, when the wall clock is set. A timer that is not armed
   * tells that as well. It takes a timer of `"realtime"` or `"realtime-alarm"`.
   *
   * @default What it was before; false at first.
   */
  readonly cancelOnSet?: boolean | undefined;
}

const missedWords = ["skip", "burst", "delay"] as const;

/** What becomes of expiries that nobody has read in time. */
export type TimerfdMissed = (typeof missedWords)[number];

/** Options of {@linkcode Timerfd}. */
export interface TimerfdOptions extends EventSourceOptions, TimerfdSetting {
  /**
   * What it follows: `"monotonic"` (never jumps, stops while the machine is suspended), `"boottime"` (goes on
   * meanwhile, and fires on resume), `"realtime"` (the wall clock, jumps when that is set), or
   * `"boottime-alarm"` and `"realtime-alarm"`, which wake a suspended machine.
   *
   * @default "monotonic", or "realtime" with `at` or `cancelOnSet`
   */
  readonly clock?: TimerfdClock;
  /**
   * What becomes of expiries that fell due while nobody read, in tokio's words. None is lost:
   *
   * - `"skip"`: one event that counts them, and the next one when it would have been anyway.
   * - `"burst"`: one event for each, without a pause between them.
   * - `"delay"`: one event that counts them, and the next one a whole interval after it was read. Less than
   *   5 ms late is in time.
   *
   * @default "skip"
   */
  readonly missed?: TimerfdMissed;
  /**
   * Milliseconds between reads of a timer that expires ten times in them or more often, once it was not read in
   * time: a 1 µs timer then costs a thousand wake-ups a second and not all of a processor. 0 turns it off.
   *
   * @default 1
   */
  readonly latency?: number;
}

/** What a setting is called. */
export const settingNames: OptionNames<TimerfdSetting> = {
  delay: true,
  interval: true,
  at: true,
  accuracy: true,
  cancelOnSet: true,
};

/** What options are called. */
export const optionNames: OptionNames<TimerfdOptions> = {
  ...sourceNames,
  ...settingNames,
  clock: true,
  missed: true,
};

/** A setting in nanoseconds. */
export interface Schedule {
  /** From now to the first expiry. */
  readonly delay: bigint | undefined;
  /** The first expiry as a time of the clock. */
  readonly at: bigint | undefined;
  /** 0 if there is one expiry only. */
  readonly interval: bigint;
  readonly accuracy: bigint;
  readonly cancelOnSet: boolean;
}

/** Without a setting: disarmed, and exact. */
export const NOTHING: Schedule = {
  delay: undefined,
  at: undefined,
  interval: 0n,
  accuracy: 0n,
  cancelOnSet: false,
};

/**
 * Checks a setting.
 *
 * @param before What it takes over where it says nothing.
 * @throws {TypeError} Of the wrong type, or two that don't go together.
 * @throws {RangeError} No time.
 */
export function scheduleOf(
  setting: TimerfdSetting,
  clock: TimerfdClock,
  before: Pick<Schedule, "accuracy" | "cancelOnSet">,
): Schedule {
  const { delay, interval, at, accuracy, cancelOnSet = before.cancelOnSet } = setting;
  if (delay !== undefined && at !== undefined)
    throw new TypeError("Cannot take delay and at together: both are the first expiry");
  checkBoolean(cancelOnSet, "cancelOnSet");
  const settable = clock === "realtime" || clock === "realtime-alarm";
  if (at !== undefined && !settable) {
    throw new TypeError(
      `Cannot take at: clock "${clock}" has no dates, use "realtime" or "realtime-alarm", or delay`,
    );
  }
  if (cancelOnSet && !settable) {
    throw new TypeError(
      `Cannot take cancelOnSet: clock "${clock}" is never set, use "realtime" or "realtime-alarm"`,
    );
  }
  const every = interval === undefined ? 0n : nanosecondsOf(interval, "interval", LEAST_INTERVAL);
  const first = delay === undefined && at === undefined ? interval : delay;
  return {
    delay: first === undefined ? undefined : nanosecondsOf(first, "delay"),
    at: at === undefined ? undefined : nanosecondsOf(at instanceof Date ? at.getTime() : at, "at"),
    interval: every,
    accuracy: accuracy === undefined ? before.accuracy : nanosecondsOf(accuracy, "accuracy"),
    cancelOnSet,
  };
}

/** The clock that options ask for. */
export function clockOf(options: TimerfdOptions): TimerfdClock {
  const { clock } = options;
  if (clock !== undefined) return oneOf(clock, "clock", clockNames);
  return options.at !== undefined || options.cancelOnSet === true ? "realtime" : "monotonic";
}

/** Checks what becomes of missed expiries. */
export function missedOf({ missed = "skip" }: Pick<TimerfdOptions, "missed">): TimerfdMissed {
  return oneOf(missed, "missed", missedWords);
}
