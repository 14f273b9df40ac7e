/** Descriptors that are closed when their test is over. */
import { close, O, pipe2 } from "bun-butter/syscalls";

/** `using fds = new Fds(); const fd = fds.add(eventfd(0, 0));` */
export class Fds implements Disposable {
  readonly #open = new Set<number>();

  /** Owns a descriptor from here on. */
  add(fd: number): number {
    this.#open.add(fd);
    return fd;
  }

  /** A pipe, close-on-exec and with these flags. */
  pipe(flags: number = O.NONBLOCK): [reader: number, writer: number] {
    const [reader, writer] = pipe2(flags | O.CLOEXEC);
    return [this.add(reader), this.add(writer)];
  }

  /** Closes one now. */
  close(fd: number): void {
    if (this.#open.delete(fd)) close(fd);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) this.close(fd);
  }
}
