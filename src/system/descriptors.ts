/**
 * Descriptors that are closed when what needs them is over, whatever happens.
 *
 * @module
 */
import { close } from "../syscalls/fd.ts";

/** `using fds = new Descriptors(); const fd = fds.own(openat(…));` */
export class Descriptors implements Disposable {
  readonly #open = new Set<number>();

  /** Owns a descriptor from here on. */
  own(fd: number): number {
    this.#open.add(fd);
    return fd;
  }

  /** Owns it no longer: it is for the caller to close. */
  give(fd: number): number {
    this.#open.delete(fd);
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) close(fd);
    this.#open.clear();
  }
}
