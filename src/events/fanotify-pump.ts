/**
 * Reading that waits for no reader: for accesses that wait for a decision.
 *
 * @module
 */
import { EPOLL } from "../syscalls/epoll.ts";
import { Poller, type Wait } from "./poller.ts";

/**
 * Milliseconds for which it goes on looking after something was there, turn by turn of the event loop: who waits for an answer often
 * asks again right after it, and a look costs less than going to sleep and being woken.
 */
const LINGER = 0.1;

/** Milliseconds before the next attempt after one that failed. */
const PAUSE = 100;

/**
 * Calls back whenever a descriptor is readable, until it is disposed. It does not keep the process alive, nor the
 * source that is called.
 */
export class Pump<Source extends object> implements Disposable {
  #running: { readonly poller: Poller; readonly wait: Wait } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Immediate | undefined;

  /** @param read Takes what is there, and tells how many events that were; -1 if it did not work. */
  begin(fd: number, source: Source, read: (source: Source) => number): void {
    const weak = new WeakRef(source);
    let until = 0;
    const look = (): void => {
      this.#soon = undefined;
      const target = weak.deref();
      if (target === undefined) return this[Symbol.dispose]();
      const events = read(target);
      if (this.#running === undefined) return;
      if (events < 0) return this.#later();
      const now = performance.now();
      if (events > 0) until = now + LINGER;
      if (now >= until) return this.#arm();
      this.#soon = setImmediate(look);
      this.#soon.unref();
    };
    const wait: Wait = {
      fd,
      events: EPOLL.IN,
      held: false,
      ready: look,
      fail: () => this[Symbol.dispose](),
    };
    this.#running = { poller: Poller.acquire(fd), wait };
    this.#arm();
  }

  [Symbol.dispose](): void {
    const running = this.#running;
    this.#running = undefined;
    clearTimeout(this.#timer);
    clearImmediate(this.#soon);
    running?.poller.remove(running.wait);
    running?.poller.release();
  }

  #arm(): void {
    this.#timer = undefined;
    try {
      this.#running?.poller.add(this.#running.wait);
    } catch {
      // Closed behind our back: who reads is told.
      this[Symbol.dispose]();
    }
  }

  #later(): void {
    this.#timer = setTimeout(() => this.#arm(), PAUSE);
    this.#timer.unref();
  }
}
