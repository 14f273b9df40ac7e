/**
 * Descriptors that live as long as a block.
 *
 * @module
 */
import { closeQuietly } from "../events/intake.ts";

/** `using tree = new ScopedFd(open_tree(…))` */
export class ScopedFd implements Disposable {
  /** The descriptor. */
  readonly fd: number;

  /** @param fd Closed at the end of the block. */
  constructor(fd: number) {
    this.fd = fd;
  }

  [Symbol.dispose](): void {
    closeQuietly(this.fd);
  }
}
