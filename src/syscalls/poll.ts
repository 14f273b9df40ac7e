/**
 * Readiness of a few descriptors, without a set:
 * {@link https://man7.org/linux/man-pages/man2/poll.2.html | poll(2)}.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, ValueError } from "../errors.ts";
import { bind, type FdLike, fileno, int, since, size_t } from "../libc.ts";

/** What each errno of these calls becomes. */
export const poll_errors = {
  poll: {
    ...since("2.2"),
    EFAULT: InternalError,
    EINTR: OSError,
    EINVAL: ValueError,
    ENOMEM: MemoryError,
  },
} as const;

const { c, check, wouldBlock } = bind(
  {
    poll: {
      args: ["ptr" /* struct pollfd *fds */, size_t /* nfds_t nfds */, "i32" /* int timeout */],
      returns: "i32",
    },
  },
  poll_errors,
);

/** What can be asked of a descriptor. */
export const POLL = {
  /** Readable. */
  IN: 0x1,
  /** Exceptional: urgent data, a pressure stall. */
  PRI: 0x2,
  /** Writable. */
  OUT: 0x4,
  /** The peer stopped writing. */
  RDHUP: 0x2000,
} as const;

/** What is reported although it can't be asked for. */
export const POLL_REPORTED = {
  /** Failed. */
  ERR: 0x8,
  /** Hung up. */
  HUP: 0x10,
  /** Not open. */
  NVAL: 0x20,
} as const;

/** `struct pollfd` */
export interface Pollfd {
  readonly fd: FdLike;
  /** {@linkcode POLL} members. */
  readonly events: number;
}

const POLLFD_SIZE = 8;

/**
 * `poll(fds, nfds, timeout)`: what is ready.
 *
 * @param timeout Milliseconds, 0 to look only. Anything else blocks the thread; -1 without end.
 * @returns For each descriptor its {@linkcode POLL} and {@linkcode POLL_REPORTED} bits, 0 if it is not ready.
 * @throws {OSError} `EINTR`: a signal came first.
 * @throws {ValueError} `EINVAL`: more descriptors than the process may have.
 */
export function poll(fds: readonly Pollfd[], timeout: number): number[] {
  const view = write_pollfds(fds);
  const bytes = new Uint8Array(view.buffer);
  check("poll", c.poll(fds.length === 0 ? null : bytes, fds.length, int(timeout, "timeout")));
  return fds.map((_, index) => view.getUint16(index * POLLFD_SIZE + 6, true));
}

/**
 * `poll(&pollfd, 1, 0)`: looks at one descriptor. A signal that is about to come interrupts even a look that
 * does not wait, which is no error here: it looks again.
 *
 * @param events {@linkcode POLL} members.
 * @returns Its {@linkcode POLL} and {@linkcode POLL_REPORTED} bits, 0 if it is not ready.
 * @throws What {@linkcode poll} throws, but for `EINTR`.
 */
export function poll_nonblock(fd: FdLike, events: number): number {
  const view = write_pollfds([{ fd, events }]);
  const bytes = new Uint8Array(view.buffer);
  let result: number;
  do result = c.poll(bytes, 1, 0);
  while (result === -1 && wouldBlock());
  check("poll", result);
  return view.getUint16(6, true);
}

/** Writes an array of `struct pollfd`. */
function write_pollfds(fds: readonly Pollfd[]): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(fds.length * POLLFD_SIZE));
  for (const [index, { fd, events }] of fds.entries()) {
    view.setInt32(index * POLLFD_SIZE, fileno(fd), true);
    if (int(events, "events") >>> 16 !== 0)
      throw new RangeError(`Cannot take events: ${events} is not a short's bits`);
    view.setUint16(index * POLLFD_SIZE + 4, events, true);
  }
  return view;
}
