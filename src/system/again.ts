/**
 * Descriptors that are not ready, and what it takes that nobody waits for them in the kernel.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { poll } from "../events/poll.ts";
import { Poller } from "../events/poller.ts";
import { type FdLike, fileno } from "../libc.ts";

/** Whether a call only came too early. */
export function isAgain(error: unknown): boolean {
  return error instanceof OSError && (error.code === "EAGAIN" || error.code === "EINTR");
}

/** Lets the event loop turn once. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits for descriptors, again and again, with one poller for all of it. */
export class Readiness implements Disposable {
  #poller: Poller | undefined;

  /** Waits for a descriptor; one that can't be waited for is given a turn of the event loop. */
  async of(fd: FdLike, event: "in" | "out", signal: AbortSignal | undefined): Promise<void> {
    try {
      this.#poller ??= Poller.acquire(fileno(fd));
      await poll(fd, event, signal === undefined ? {} : { signal });
    } catch (error) {
      if (!(error instanceof OSError && error.code === "EPERM")) throw error;
      await turn();
    }
  }

  [Symbol.dispose](): void {
    this.#poller?.release();
    this.#poller = undefined;
  }
}
