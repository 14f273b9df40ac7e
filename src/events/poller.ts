/**
 * How everything here learns that a descriptor is ready: one epoll set a thread, whatever the
 * number of descriptors, and one doorbell that Bun's event loop hears.
 *
 * @module
 */
import { ERRNO, OSError, ValueError } from "../errors.ts";
import { type Pinned, pinned } from "../libc.ts";
import {
  EPOLL,
  epoll_create1,
  EPOLL_CTL,
  epoll_ctl,
  EPOLL_EVENT_SIZE,
  epoll_wait,
  read_epoll_event,
} from "../syscalls/epoll.ts";
import { close, F, fcntl } from "../syscalls/fd.ts";
import { Doorbell } from "./doorbell.ts";

/** Somebody who waits for a descriptor, once. */
export interface Wait {
  readonly fd: number;
  /** {@linkcode EPOLL} members. */
  readonly events: number;
  /** Whether waiting keeps the process alive. */
  held: boolean;
  /** Called once, with what is ready; the wait is over then. Must not throw. */
  ready(events: number): void;
  /**
   * Called instead of `ready` if nobody else waits, so that the set need not be asked who it is: looks whether something is
   * there, and waits anew if not. Must not throw.
   *
   * @returns Whether something was there.
   */
  look?(): boolean;
  /** Called once, if the poller breaks; the wait is over then. Must not throw. */
  fail(error: unknown): void;
}

/** How many ready descriptors one look at the set takes; those left over are there at the next. */
const MAX_EVENTS = 256;

const ALWAYS = EPOLL.ERR | EPOLL.HUP;

let current: Poller | undefined;

/** This thread's poller. It is closed with its last user, so that no descriptor is left behind. */
export class Poller {
  readonly #epfd: number;
  readonly #events: Pinned;
  readonly #bell: Doorbell;
  /** Whom to tell, by descriptor. A key without waits is in the set, but disabled. */
  readonly #waits = new Map<number, Wait[]>();
  /** The only one who waits, if that is known. */
  #lone: Wait | undefined;
  #users = 0;
  #waiting = 0;
  #held = 0;
  #broken: { readonly error: unknown } | undefined;

  /**
   * The poller, for one more user who will {@linkcode Poller.release} it.
   *
   * @param fd What will be waited for. If it were not open, the poller's own descriptors could take its number.
   * @throws {ValueError} `EBADF`: not open.
   */
  static acquire(fd: number): Poller {
    fcntl(fd, F.GETFD);
    current ??= new Poller();
    current.#users++;
    return current;
  }

  /** The poller, if there is one: others may wait for what a source that was never read gives back. */
  static get current(): Poller | undefined {
    return current;
  }

  private constructor() {
    this.#epfd = epoll_create1(EPOLL.CLOEXEC);
    try {
      this.#bell = new Doorbell(
        this.#epfd,
        () => this.#ring(),
        (error) => this.#break(error),
      );
    } catch (error) {
      close(this.#epfd);
      throw error;
    }
    this.#events = pinned(MAX_EVENTS * EPOLL_EVENT_SIZE);
  }

  /** Ends one use. */
  release(): void {
    if (--this.#users > 0) return;
    if (current === this) current = undefined;
    this.#bell[Symbol.dispose]();
    close(this.#epfd);
    this.#events[Symbol.dispose]();
  }

  /**
   * Waits for a descriptor, in addition to those who already do.
   *
   * @throws {ValueError} `EPERM`: always ready, can't be waited for. `EBADF`: not open.
   */
  add(wait: Wait): void {
    if (this.#broken !== undefined) throw this.#broken.error;
    const { fd } = wait;
    const waits = this.#waits.get(fd);
    this.#bell.arm();
    this.#register(fd, union(waits) | wait.events, waits !== undefined);
    if (waits === undefined) this.#waits.set(fd, [wait]);
    else waits.push(wait);
    this.#lone = this.#waiting++ === 0 ? wait : undefined;
    if (wait.held) this.#hold(1);
  }

  /** Ends a wait, if it is not over, and takes its descriptor out of the set, unless others wait for it. */
  remove(wait: Wait): void {
    const waits = this.#waits.get(wait.fd);
    if (waits === undefined) return;
    const at = waits.indexOf(wait);
    if (at !== -1) {
      waits.splice(at, 1);
      this.#over(wait);
    }
    if (waits.length === 0) this.forget(wait.fd);
    else if (at !== -1) this.#register(wait.fd, union(waits), true);
  }

  /** Changes whether a wait keeps the process alive. */
  hold(wait: Wait, held: boolean): void {
    if (wait.held === held) return;
    wait.held = held;
    if (this.#waits.get(wait.fd)?.includes(wait) === true) this.#hold(held ? 1 : -1);
  }

  /** Takes a descriptor out of the set, before it is closed. Who still waits for it is told that. */
  forget(fd: number): void {
    const waits = this.#waits.get(fd);
    if (waits === undefined) return;
    this.#waits.delete(fd);
    try {
      epoll_ctl(this.#epfd, EPOLL_CTL.DEL, fd, 0);
    } catch {
      // It was closed behind our back, and took itself out.
    }
    for (const wait of waits) {
      this.#over(wait);
      wait.fail(
        new ValueError(ERRNO.EBADF[0], { syscall: "poll", path: `${fd}`, hint: "it was closed" }),
      );
    }
  }

  #ring(): void {
    const lone = this.#lone;
    if (lone?.look !== undefined) {
      this.#waits.get(lone.fd)?.pop();
      this.#over(lone);
      if (lone.look()) return;
      // It may be somebody who does not wait any more; the set forgets about that one when it is asked.
    }
    let ready: number;
    try {
      ready = epoll_wait(this.#epfd, this.#events, 0);
    } catch (error) {
      this.#break(error);
      return;
    }
    const told: [Wait, number][] = [];
    for (let index = 0; index < ready; index++) {
      const { fd, events } = read_epoll_event(this.#events, index);
      this.#take(fd, events, told);
    }
    try {
      if (this.#waiting > 0) this.#bell.arm();
    } catch (error) {
      this.#break(error);
    }
    for (const [wait, events] of told) wait.ready(events);
  }

  /** Moves those who wait for what is ready from the set to `told`. */
  #take(fd: number, events: number, told: [Wait, number][]): void {
    const waits = this.#waits.get(fd);
    if (waits === undefined) return;
    const left = waits.filter((wait) => {
      const seen = events & (wait.events | ALWAYS);
      if (seen === 0) return true;
      told.push([wait, seen]);
      this.#over(wait);
      return false;
    });
    this.#waits.set(fd, left);
    if (left.length === 0) return;
    try {
      this.#register(fd, union(left), true);
    } catch (error) {
      this.#waits.set(fd, []);
      for (const wait of left) {
        this.#over(wait);
        wait.fail(error);
      }
    }
  }

  /** Adds a descriptor to the set, or arms it again there. */
  #register(fd: number, events: number, known: boolean): void {
    const mask = events | EPOLL.ONESHOT;
    try {
      epoll_ctl(this.#epfd, known ? EPOLL_CTL.MOD : EPOLL_CTL.ADD, fd, mask);
    } catch (error) {
      // Closed behind our back, its number can be another file's: that one is not in the set yet.
      // And the other way round, a duplicate of a closed one can still be.
      const code = error instanceof OSError ? error.code : undefined;
      if (code === "ENOENT" && known) epoll_ctl(this.#epfd, EPOLL_CTL.ADD, fd, mask);
      else if (code === "EEXIST" && !known) epoll_ctl(this.#epfd, EPOLL_CTL.MOD, fd, mask);
      else throw error;
    }
  }

  #over(wait: Wait): void {
    this.#waiting--;
    this.#lone = undefined;
    if (wait.held) this.#hold(-1);
  }

  #hold(change: 1 | -1): void {
    this.#held += change;
    this.#bell.hold(this.#held > 0);
  }

  /** Tells everybody that nobody will be told any more. The next user gets a new poller. */
  #break(error: unknown): void {
    this.#broken = { error };
    if (current === this) current = undefined;
    const waits = [...this.#waits.values()].flat();
    this.#waits.clear();
    for (const wait of waits) {
      this.#over(wait);
      wait.fail(error);
    }
  }
}

function union(waits: readonly Wait[] | undefined): number {
  let events = 0;
  for (const wait of waits ?? []) events |= wait.events;
  return events;
}
