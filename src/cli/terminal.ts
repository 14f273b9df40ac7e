/**
 * Writing to a terminal that may be stopped (Ctrl-S), or whose window nobody reads.
 *
 * @module
 */
import { constants } from "node:fs";

import { OSError, poll } from "../index.ts";
import { AT, close, O, openat, write } from "../syscalls/index.ts";

/**
 * A terminal, open once more: `process.stdout` blocks the whole process while it is stopped, and a flag on its
 * descriptor would be one for every other process that has it.
 */
export class Terminal implements Disposable {
  readonly #fd: number;
  readonly #done = new AbortController();
  /** Settles when everything up to now is written. */
  #written: Promise<void> = Promise.resolve();

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** The terminal that a descriptor is; `undefined` if it can't be opened, as after `su`. */
  static open(fd: number): Terminal | undefined {
    const { CLOEXEC, NONBLOCK, WRONLY } = O;
    try {
      return new Terminal(
        openat(AT.FDCWD, `/proc/self/fd/${fd}`, WRONLY | NONBLOCK | constants.O_NOCTTY | CLOEXEC),
      );
    } catch {
      return undefined;
    }
  }

  /** Writes behind what was written before. Resolves when the kernel has all of it. */
  write(text: string): Promise<void> {
    this.#written = this.#written.then(() => this.#all(Buffer.from(text)));
    return this.#written;
  }

  [Symbol.dispose](): void {
    if (this.#done.signal.aborted) return;
    this.#done.abort();
    close(this.#fd);
  }

  async #all(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !this.#done.signal.aborted;) {
      try {
        at += write(this.#fd, bytes.subarray(at));
      } catch (error) {
        if (!(error instanceof OSError) || (error.code !== "EAGAIN" && error.code !== "EINTR"))
          throw error;
        await poll(this.#fd, "out", { signal: this.#done.signal });
      }
    }
  }
}
