/**
 * The descriptors that an event owns, and the net below those who forget them.
 *
 * @module
 */
import { closeQuietly } from "./intake.ts";

/** How many more may be open before the collector is asked for those that nobody refers to. */
const SLACK = 512;

let open = 0;
let limit = SLACK;

/** What is over before the descriptor may be closed. */
interface Pending {
  giveUp(by: "end"): void;
}

/** A descriptor of the object and one of the process, -1 each if there is none. */
export class Descriptors implements Disposable {
  #fd: number;
  #pidfd = -1;
  /** An access that waits by the descriptor: it would be answered as another that got its number. */
  pending: Pending | undefined;

  constructor(fd: number) {
    this.#fd = fd;
    open += count(fd, -1);
  }

  /** Owns a descriptor of the process as well. */
  addPidfd(pidfd: number): void {
    this.#pidfd = pidfd;
    open += count(-1, pidfd);
  }

  get fd(): number {
    return this.#fd;
  }

  get pidfd(): number {
    return this.#pidfd;
  }

  /** Gives the descriptor of the object to the caller. */
  takeFd(): number {
    const fd = this.#fd;
    open -= count(fd, -1);
    this.#fd = -1;
    return fd;
  }

  /** Gives the descriptor of the process to the caller. */
  takePidfd(): number {
    const pidfd = this.#pidfd;
    open -= count(-1, pidfd);
    this.#pidfd = -1;
    return pidfd;
  }

  [Symbol.dispose](): void {
    forgotten.unregister(this);
    this.pending?.giveUp("end");
    closeQuietly(this.takeFd());
    closeQuietly(this.takePidfd());
  }
}

/** Closes what an event that nobody can reach any more has left open. */
const forgotten = new FinalizationRegistry<Descriptors>((descriptors) => {
  descriptors[Symbol.dispose]();
});

/** Closes them when their owner is gone. It must not be reachable from them. */
export function own(owner: object, descriptors: Descriptors): void {
  forgotten.register(owner, descriptors, descriptors);
}

/**
 * Asks the collector for events that nobody refers to, if many are open. It knows nothing of descriptors, and
 * would let them reach the limit of the process before there is a reason to run.
 */
export function relieve(): void {
  if (open < limit) {
    limit = Math.max(SLACK, Math.min(limit, open + SLACK));
    return;
  }
  limit = open + SLACK;
  Bun.gc(true);
}

function count(fd: number, pidfd: number): number {
  return (fd === -1 ? 0 : 1) + (pidfd === -1 ? 0 : 1);
}
