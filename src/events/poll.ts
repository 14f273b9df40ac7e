/**
 * Readiness of any descriptor, as a promise:
 * {@link https://man7.org/linux/man-pages/man2/poll.2.html | poll(2)}.
 *
 * @module
 */
import { type FdLike, fileno } from "../libc.ts";
import { POLL, poll_nonblock, POLL_REPORTED } from "../syscalls/poll.ts";
import { deadline, type WaitOptions } from "./deadline.ts";
import { Poller, type Wait } from "./poller.ts";

const asked = { in: POLL.IN, pri: POLL.PRI, out: POLL.OUT, rdhup: POLL.RDHUP } as const;
const reported = { ...asked, err: POLL_REPORTED.ERR, hup: POLL_REPORTED.HUP } as const;

/** What to wait for: readable, exceptional, writable, or that the peer stopped writing. */
export type PollEvent = keyof typeof asked;

/** What is ready; failures and hang-ups are reported without being asked for. */
export type PollResult = keyof typeof reported;

/**
 * Waits until a descriptor is ready, in Bun's own event loop: a pipe, a socket, a terminal, a pidfd, a
 * pressure file, another epoll set. It is borrowed: it must stay open until then.
 *
 * @param events One, or several of which any will do.
 * @returns What is ready, at least one.
 * @throws {ValueError} `EBADF`: not open. `EPERM`: a file or a directory, which is always ready.
 * @throws {DOMException} `TimeoutError`: not ready in time.
 * @throws What `signal` was aborted with.
 *
 * @example
 * ```ts
 * import { poll } from "bun-butter";
 * import { close, O, pipe2, write } from "bun-butter/syscalls";
 *
 * const [reader, writer] = pipe2(O.CLOEXEC);
 * write(writer, new Uint8Array([1]));
 * console.log(await poll(reader, "in")); // Set(1) { "in" }
 * close(reader);
 * close(writer);
 * ```
 */
export function poll(
  fd: FdLike,
  events: PollEvent | readonly PollEvent[],
  options: WaitOptions = {},
): Promise<ReadonlySet<PollResult>> {
  return new Promise((resolve, reject) => {
    const number = fileno(fd);
    const mask = maskOf(typeof events === "string" ? [events] : events);
    let poller: Poller | undefined;
    const end = (settle: () => void): void => {
      limit[Symbol.dispose]();
      poller?.remove(wait);
      poller?.release();
      settle();
    };
    const limit = deadline(
      options,
      `poll descriptor ${number}`,
      true,
      (reason) => end(() => reject(reason)),
      (error) =>
        end(() => {
          try {
            // The event loop may have been busy for longer than the time-out.
            const ready = poll_nonblock(number, mask) & ~POLL_REPORTED.NVAL;
            if (ready === 0) reject(error);
            else resolve(setOf(ready));
          } catch (failure) {
            reject(failure);
          }
        }),
    );
    const wait: Wait = {
      fd: number,
      events: mask,
      held: true,
      ready: (ready) => end(() => resolve(setOf(ready))),
      fail: (error) => end(() => reject(error)),
    };
    try {
      poller = Poller.acquire(number);
      poller.add(wait);
    } catch (error) {
      wait.fail(error);
    }
  });
}

function maskOf(events: readonly PollEvent[]): number {
  let mask = 0;
  for (const event of events) {
    if (!Object.hasOwn(asked, event)) {
      throw new TypeError(
        `Cannot take events: ${JSON.stringify(event)} is none of ${Object.keys(asked).join(", ")}`,
      );
    }
    mask |= asked[event];
  }
  if (mask === 0) throw new TypeError("Cannot take events: expected at least one");
  return mask;
}

function setOf(mask: number): ReadonlySet<PollResult> {
  const names = Object.keys(reported) as PollResult[];
  return new Set(names.filter((name) => (mask & reported[name]) !== 0));
}
