/**
 * Readiness of many descriptors:
 * {@link https://man7.org/linux/man-pages/man7/epoll.7.html | epoll(7)}.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, ValueError } from "../errors.ts";
import type { Pinned } from "../libc.ts";
import {
  bind,
  EPOLL_EVENT,
  type FdLike,
  fileno,
  int,
  room,
  since,
  size,
  sysctl,
  uint,
} from "../libc.ts";

/** What each errno of these calls becomes. */
export const epoll_errors = {
  epoll_create1: {
    ...since("2.6.27"),
    EINVAL: ValueError,
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENFILE: OSError,
    ENOMEM: MemoryError,
  },
  epoll_ctl: {
    ENOSYS: since("2.6").ENOSYS,
    EBADF: ValueError,
    EEXIST: ValueError,
    EINVAL: ValueError,
    ELOOP: ValueError,
    ENOENT: ValueError,
    ENOMEM: MemoryError,
    ENOSPC: [
      OSError,
      () => `raise fs.epoll.max_user_watches (${sysctl("fs.epoll.max_user_watches")} now)`,
    ],
    EPERM: [
      ValueError,
      "the descriptor is always ready, as files and directories are: do not wait for it",
    ],
  },
  epoll_wait: {
    ...since("2.6"),
    EBADF: ValueError,
    EFAULT: InternalError,
    EINTR: OSError,
    EINVAL: ValueError,
  },
} as const;

const { c, check } = bind(
  {
    epoll_create1: { args: ["i32" /* int flags */], returns: "i32" },
    epoll_ctl: {
      args: [
        "i32" /* int epfd */,
        "i32" /* int op */,
        "i32" /* int fd */,
        "ptr" /* struct epoll_event *event */,
      ],
      returns: "i32",
    },
    epoll_wait: {
      args: [
        "i32" /* int epfd */,
        "ptr" /* struct epoll_event *events */,
        "i32" /* int maxevents */,
        "i32" /* int timeout */,
      ],
      returns: "i32",
    },
  },
  epoll_errors,
);

/** What can be asked of and reported by epoll, and its two input-only bits. */
export const EPOLL = {
  /** Close-on-exec, for {@linkcode epoll_create1}. */
  CLOEXEC: 0o2000000,
  /** Readable. */
  IN: 0x1,
  /** Exceptional: urgent data, a pressure stall. */
  PRI: 0x2,
  /** Writable. */
  OUT: 0x4,
  /** Failed. Always reported. */
  ERR: 0x8,
  /** Hung up. Always reported. */
  HUP: 0x10,
  /** The peer stopped writing. */
  RDHUP: 0x2000,
  /** Input only: report once, then disable. */
  ONESHOT: 0x40000000,
  /** Input only: report changes of readiness, not readiness. */
  ET: 0x80000000,
} as const;

/** Operations of {@linkcode epoll_ctl}. */
export const EPOLL_CTL = { ADD: 1, DEL: 2, MOD: 3 } as const;
export type EpollCtl = (typeof EPOLL_CTL)[keyof typeof EPOLL_CTL];

/** `struct epoll_event`, with a descriptor's number as its data. */
export interface EpollEvent {
  readonly events: number;
  readonly fd: number;
}

/** `sizeof(struct epoll_event)`. */
export const EPOLL_EVENT_SIZE = EPOLL_EVENT.size;

/**
 * `epoll_create1(flags)`: makes an empty set.
 *
 * @param flags `EPOLL.CLOEXEC` or 0.
 * @returns A descriptor for the caller to close.
 * @throws {ValueError} `EINVAL`: unknown flag.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 */
export function epoll_create1(flags: number): number {
  return check("epoll_create1", c.epoll_create1(int(flags, "flags")));
}

/**
 * `epoll_ctl(epfd, op, fd, event)`: adds, changes or removes a descriptor of a set.
 *
 * @param events {@linkcode EPOLL} members. Not used by `EPOLL_CTL.DEL`.
 * @throws {ValueError} `EBADF`, `EEXIST`, `ENOENT`, `EINVAL`, `ELOOP`; `EPERM`: the file can't be polled.
 * @throws {OSError} `ENOSPC`: at fs.epoll.max_user_watches.
 */
export function epoll_ctl(epfd: FdLike, op: EpollCtl, fd: FdLike, events: number): void {
  const number = fileno(fd);
  const event = new DataView(new ArrayBuffer(EPOLL_EVENT.size));
  event.setUint32(0, uint(events, "events"), true);
  event.setInt32(EPOLL_EVENT.data, number, true);
  check(
    "epoll_ctl",
    c.epoll_ctl(fileno(epfd), int(op, "op"), number, new Uint8Array(event.buffer)),
  );
}

/**
 * `epoll_wait(epfd, events, maxevents, timeout)`: what is ready, at most as many as `events` has room for.
 *
 * @param events Room for `n * EPOLL_EVENT_SIZE` bytes, read with {@linkcode read_epoll_event}.
 * @param timeout Milliseconds, 0 to look only. Anything else blocks the thread; -1 without end.
 * @returns How many are ready.
 * @throws {OSError} `EINTR`: a signal came first.
 * @throws {ValueError} `EBADF`, `EINVAL`: not an epoll set.
 */
export function epoll_wait(epfd: FdLike, events: Pinned, timeout: number): number {
  const address = room(events, "events");
  const maxevents = Math.floor(events.byteLength / EPOLL_EVENT.size);
  return check(
    "epoll_wait",
    c.epoll_wait(fileno(epfd), address, maxevents, int(timeout, "timeout")),
  );
}

/** Reads the `struct epoll_event` at `index` of what {@linkcode epoll_wait} filled. */
export function read_epoll_event(events: Pinned, index: number): EpollEvent {
  const offset = size(index, "index") * EPOLL_EVENT.size;
  room(events, "events", offset + EPOLL_EVENT.size);
  const { view } = events;
  return {
    events: view.getUint32(offset, true),
    fd: view.getInt32(offset + EPOLL_EVENT.data, true),
  };
}
