/**
 * Reading that waits for no reader: for accesses that wait for a decision.
 *
 * @module
 */
import { EPOLL } from "../syscalls/epoll.ts";
import { Poller, type Wait } from "./poller.ts";

/** Milliseconds before the next attempt after one that failed. */
const PAUSE = 100;

/**
 * Calls back whenever a descriptor is readable, until it is disposed. It does not keep the process alive, nor the
 * source that is called.
 */
export class Pump<Source extends object> implements Disposable {
  #running: { readonly poller: Poller; readonly wait: Wait } | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param read Takes what is there, and tells whether that worked. */
  begin(fd: number, source: Source, read: (source: Source) => boolean): void {
    const weak = new WeakRef(source);
    const wait: Wait = {
      fd,
      events: EPOLL.IN,
      held: false,
      ready: () => {
        const target = weak.deref();
        if (target === undefined) return this[Symbol.dispose]();
        if (read(target)) this.#arm();
        else this.#later();
      },
      fail: () => this[Symbol.dispose](),
    };
    this.#running = { poller: Poller.acquire(fd), wait };
    this.#arm();
  }

  [Symbol.dispose](): void {
    const running = this.#running;
    this.#running = undefined;
    clearTimeout(this.#timer);
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
    if (this.#running === undefined) return;
    this.#timer = setTimeout(() => this.#arm(), PAUSE);
    this.#timer.unref();
  }
}
