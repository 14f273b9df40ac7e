/**
 * When a watcher stays awake for what is likely to follow in a moment, instead of letting the kernel wake it.
 *
 * @module
 */
import type { Processors } from "./processors.ts";

/** Milliseconds after a directory was made: what is made in it next is gone before who sleeps could watch it, perhaps. */
const AFTER_DIRECTORY = 20;

/** Milliseconds between lone events that follow one another, and for which it is awake after the second of them. */
const NEAR = 2;

/** Milliseconds between those that are nearer, and a storm: it is better to wait for more of it. */
const STORM = 0.2;

/** Milliseconds that it may be awake for nothing: at first, and at most. */
const MOST = 10_000;

/** How many of them come back in each millisecond. */
const SHARE = 0.05;

/** Milliseconds of being awake after which it is asked whether others had the processor meanwhile. */
const ASKED = 40;

/** The part of that for which others may have had it. */
const OTHERS = 0.5;

/** Milliseconds without being awake when it was more: who waits for others is not there before them. */
const PAUSE = 100;

/** Milliseconds after which what others did says nothing of what they do. */
const STALE = 1000;

/** What a look at the kernel's queue brought. */
export interface Found {
  readonly isAnything: boolean;
  /** Whether a directory was among it that nothing was told of before it was watched. */
  readonly isDirectory: boolean;
  /** Whether it was so much that it is better to wait for more. */
  readonly isBurst: boolean;
}

/** Being awake, as long as it may cost. All times are as `performance.now()` has them. */
export class Awake {
  readonly #processors: Processors;
  /** Milliseconds that are left, and when they were counted. */
  #left = MOST;
  #counted = -Infinity;
  #until = -Infinity;
  /** When there was something last. */
  #last = -Infinity;
  /** When it was asked last how long this thread had waited for a processor, what that was, and how long it was awake since. */
  #asked = -Infinity;
  #waited = 0;
  #awake = 0;
  #pausedUntil = -Infinity;

  constructor(processors: Processors) {
    this.#processors = processors;
  }

  /** @returns Until when to look in each turn of the event loop. That can be over. */
  after({ isAnything, isDirectory, isBurst }: Found, now: number): number {
    const isAwake = this.#until > this.#counted;
    this.#left = Math.min(MOST, this.#left + (now - this.#counted) * SHARE);
    if (isAwake) {
      const time = Math.min(now, this.#until) - this.#counted;
      this.#awake += time;
      // What brought something was not for nothing.
      if (!isAnything) this.#left -= time;
    }
    this.#counted = now;
    if (this.#awake >= ASKED) {
      const most = this.#awake * OTHERS;
      if (this.#ask(now) > most) this.#pausedUntil = now + PAUSE;
    }
    if (isAnything) {
      const pause = now - this.#last;
      const isNear = !isBurst && pause >= STORM && pause < NEAR;
      this.#last = now;
      if (isDirectory || isNear) this.#stay(now, isDirectory ? AFTER_DIRECTORY : NEAR);
    }
    if (this.#left <= 0 || now < this.#pausedUntil) this.#until = -Infinity;
    return this.#until;
  }

  #stay(now: number, time: number): void {
    if (now < this.#pausedUntil || !this.#processors.isOneSpare) return;
    if (this.#until <= now && now - this.#asked >= STALE) this.#ask(now);
    this.#until = Math.max(this.#until, now + time);
  }

  /** @returns Milliseconds for which this thread has waited for a processor since that was asked last. */
  #ask(now: number): number {
    const waited = this.#processors.waited();
    const time = waited - this.#waited;
    this.#asked = now;
    this.#waited = waited;
    this.#awake = 0;
    return time;
  }
}
