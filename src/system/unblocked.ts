/**
 * Descriptors that do not block for a while.
 *
 * @module
 */
import { type FdLike, fileno } from "../libc.ts";
import { F, fcntl, O } from "../syscalls/fd.ts";
import { ACCESS, idOf, statsOf } from "./pump-end.ts";

/** How many want what is open not to block, and the descriptors by which it did. */
interface Holders {
  users: number;
  readonly blocking: Set<number>;
}

/**
 * By what is open. The descriptors of a terminal are usually duplicates that share one flag: whoever is done first must not let
 * the others wait in the kernel.
 */
const held = new Map<string, Holders>();

/** Duplicates have the same one; the ends of a pipe don't. */
function sharedBy(number: number, flags: number): string {
  return `${idOf(statsOf(number))}:${flags & ACCESS}`;
}

/**
 * Makes a descriptor non-blocking for a while, whoever else has the same open file: there is no other way to write to a socket or
 * a terminal without the risk of waiting in the kernel.
 */
export class Unblocked implements Disposable {
  #key: string | undefined;

  constructor(fd: FdLike) {
    const number = fileno(fd);
    const flags = fcntl(number, F.GETFL);
    const key = sharedBy(number, flags);
    const blocks = (flags & O.NONBLOCK) === 0;
    if (!blocks && !held.has(key)) return;
    const holders = held.get(key) ?? { users: 0, blocking: new Set() };
    if (blocks) {
      fcntl(number, F.SETFL, flags | O.NONBLOCK);
      holders.blocking.add(number);
    }
    holders.users++;
    held.set(key, holders);
    this.#key = key;
  }

  [Symbol.dispose](): void {
    const key = this.#key;
    this.#key = undefined;
    const holders = key === undefined ? undefined : held.get(key);
    if (key === undefined || holders === undefined || --holders.users > 0) return;
    held.delete(key);
    for (const number of holders.blocking) {
      try {
        const flags = fcntl(number, F.GETFL);
        // Closed meanwhile, the number may be another file's.
        if (sharedBy(number, flags) === key) fcntl(number, F.SETFL, flags & ~O.NONBLOCK);
      } catch {
        // Closed.
      }
    }
  }
}
