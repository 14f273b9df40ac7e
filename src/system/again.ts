/**
 * Descriptors that are not ready, and what it takes that nobody waits for them in the kernel.
 *
 * @module
 */
import type { Stats } from "node:fs";

import { OSError } from "../errors.ts";
import { poll } from "../events/poll.ts";
import { Poller } from "../events/poller.ts";
import { builtin, type FdLike, fileno } from "../libc.ts";
import { F, fcntl, O } from "../syscalls/fd.ts";

/** Whether a call only came too early. */
export function isAgain(error: unknown): boolean {
  return error instanceof OSError && (error.code === "EAGAIN" || error.code === "EINTR");
}

/** What a descriptor is, as far as it matters to who moves bytes. */
export type Kind = "file" | "device" | "pipe" | "other";

/** What is asked of a descriptor before bytes are moved. */
export interface End {
  readonly kind: Kind;
  /** Bytes, of a file. Those of /proc say that they have none. */
  readonly size: number;
}

/**
 * Asks what a descriptor is.
 *
 * @throws {ValueError} `EBADF`: not open.
 */
export function endOf(fd: FdLike): End {
  const stats = statsOf(fileno(fd));
  return { kind: kindOf(stats), size: stats.size };
}

function kindOf(stats: Stats): Kind {
  if (stats.isFile()) return "file";
  if (stats.isBlockDevice()) return "device";
  return stats.isFIFO() ? "pipe" : "other";
}

function statsOf(fd: number): Stats {
  try {
    return builtin("node:fs").fstatSync(fd);
  } catch (error) {
    // Ours, and not Node's, is the error of one that is not open.
    fcntl(fd, F.GETFL);
    throw error;
  }
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

/** How many want a descriptor not to block, of those that did before. */
const unblocked = new Map<number, number>();

/**
 * Makes a descriptor non-blocking for a while, whoever else has the same open file: there is no other way to write to a socket or
 * a terminal without the risk of waiting in the kernel.
 */
export class Unblocked implements Disposable {
  readonly #fd: FdLike;
  #number: number;

  constructor(fd: FdLike) {
    this.#fd = fd;
    const number = fileno(fd);
    const users = unblocked.get(number) ?? 0;
    const flags = fcntl(number, F.GETFL);
    const mine = users > 0 || (flags & O.NONBLOCK) === 0;
    if (mine) {
      fcntl(number, F.SETFL, flags | O.NONBLOCK);
      unblocked.set(number, users + 1);
    }
    this.#number = mine ? number : -1;
  }

  [Symbol.dispose](): void {
    const number = this.#number;
    if (number === -1) return;
    this.#number = -1;
    const users = (unblocked.get(number) ?? 1) - 1;
    if (users > 0) return void unblocked.set(number, users);
    unblocked.delete(number);
    try {
      // Closed meanwhile, the number may be another file's.
      if (fileno(this.#fd) === number) fcntl(number, F.SETFL, fcntl(number, F.GETFL) & ~O.NONBLOCK);
    } catch {
      // Closed.
    }
  }
}
