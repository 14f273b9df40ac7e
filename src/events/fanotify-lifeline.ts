/**
 * What closes a group when its thread ends without having run any code of ours.
 *
 * @module
 */
import { type Address, Pinned, variable } from "../libc.ts";
import { EFD, eventfd } from "../syscalls/eventfd.ts";
import { closeQuietly } from "./intake.ts";

/**
 * A Worker that ends, by `terminate()` as well, runs no code, but its memory is given back, by the C function that was named for
 * each block. That of this one is `dup2(instead, group)`: the group's number is another file's then, the kernel closes the
 * group, and allows what waits. The memory itself is nowhere, and nobody looks at it.
 */
export class Lifeline implements Disposable {
  readonly #instead: number;
  readonly #line: Pinned;

  /** @param group Borrowed until it is disposed. */
  constructor(group: number) {
    this.#instead = eventfd(0, EFD.CLOEXEC);
    try {
      this.#line = new Pinned(1, {
        address: this.#instead as Address,
        context: group as Address,
        free: variable("dup2"),
      });
    } catch (error) {
      closeQuietly(this.#instead);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    // In this order: dup2 of what is not open does nothing.
    closeQuietly(this.#instead);
    this.#line[Symbol.dispose]();
  }
}
