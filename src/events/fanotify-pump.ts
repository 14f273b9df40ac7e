/**
 * Reading that waits for no reader: for accesses that wait for a decision.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { EPOLL } from "../syscalls/epoll.ts";
import { Courtesy } from "./courtesy.ts";
import { Poller, type Wait } from "./poller.ts";

/**
 * Milliseconds for which it goes on looking after something was there, turn by turn of the event loop: who waits for an answer often
 * asks again right after it, and a look costs less than going to sleep and being woken.
 */
const LINGER = 0.1;

/** How often it looks between two turns of the event loop, which has others to serve. */
const MOST_LOOKS = 32;

/** Milliseconds before the next attempt after one that failed. */
const PAUSE = 100;

/**
 * Calls back whenever a descriptor is readable, until it is disposed. It does not keep the process alive, nor the
 * source that is called.
 */
export class Pump<Source extends object> implements Disposable {
  #wait: Wait | undefined;
  #poller: Poller | undefined;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;
  #lookNow: (() => void) | undefined;
  /** How many more there may be before the next turn. */
  #looks = 0;

  /** @param read Takes what is there, and tells how many events that were; -1 if it did not work. */
  begin(fd: number, source: Source, read: (source: Source) => number): void {
    const weak = new WeakRef(source);
    const courtesy = new Courtesy();
    let until = 0;
    const look = (): void => {
      this.#soon = undefined;
      this.#looks = MOST_LOOKS;
      const target = weak.deref();
      if (target === undefined) return this[Symbol.dispose]();
      const events = read(target);
      if (this.#wait === undefined) return;
      if (events < 0) return this.#later();
      const now = performance.now();
      if (events > 0) until = now + LINGER;
      if (now >= until) return this.#arm();
      // Who was answered may wait for this processor, and would ask again.
      if (events === 0) courtesy.yield();
      this.#soon = setImmediate(look);
      this.#soon.unref();
    };
    this.#lookNow = () => {
      const target = weak.deref();
      if (target !== undefined && read(target) > 0) until = performance.now() + LINGER;
    };
    this.#poller = Poller.acquire(fd);
    this.#wait = {
      fd,
      events: EPOLL.IN,
      held: false,
      ready: look,
      // It is broken; the next wait gets a new one.
      fail: () => this.#later(),
    };
    this.#arm();
  }

  /**
   * Looks once more in this turn of the event loop: who was answered may have been given this processor at once, and asked
   * again.
   */
  again(): void {
    if (this.#wait === undefined || this.#looks === 0) return;
    this.#looks--;
    this.#lookNow?.();
  }

  [Symbol.dispose](): void {
    const wait = this.#wait;
    this.#wait = undefined;
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    if (wait !== undefined) this.#poller?.remove(wait);
    this.#poller?.release();
    this.#poller = undefined;
  }

  #arm(): void {
    this.#timer = undefined;
    if (this.#wait === undefined) return;
    try {
      this.#poller ??= Poller.acquire(this.#wait.fd);
      this.#poller.add(this.#wait);
    } catch (error) {
      // Closed behind our back there is nothing to wait for; who reads is told.
      if (error instanceof OSError && error.code === "EBADF") this[Symbol.dispose]();
      else this.#later();
    }
  }

  /** Tries again after a pause, with a new poller. */
  #later(): void {
    this.#poller?.release();
    this.#poller = undefined;
    if (this.#wait === undefined) return;
    this.#timer = setTimeout(() => this.#arm(), PAUSE);
    this.#timer.unref();
  }
}
