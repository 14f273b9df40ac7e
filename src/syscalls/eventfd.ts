/**
 * Counters read and written through a descriptor:
 * {@link https://man7.org/linux/man-pages/man2/eventfd.2.html | eventfd(2)}.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, ValueError } from "../errors.ts";
import { bind, type FdLike, fileno, int, since, uint, uint64 } from "../libc.ts";

/** What each errno of these calls becomes. */
export const eventfd_errors = {
  eventfd: {
    ...since("2.6.27"),
    EINVAL: ValueError,
    EMFILE: [OSError, "this process is at its limit of open descriptors (ulimit -n)"],
    ENFILE: OSError,
    ENODEV: OSError,
    ENOMEM: MemoryError,
  },
  eventfd_read: {
    ...since("2.6.22"),
    EAGAIN: [OSError, "the counter is 0"],
    EBADF: ValueError,
    EFAULT: InternalError,
    EINTR: OSError,
    EINVAL: [ValueError, "the descriptor is not eventfd's"],
    EIO: OSError,
    EISDIR: ValueError,
  },
  eventfd_write: {
    ...since("2.6.22"),
    EAGAIN: [OSError, "the counter has no room for it, and holds at most 2^64 - 2"],
    EBADF: ValueError,
    EFAULT: InternalError,
    EINTR: OSError,
    EINVAL: [ValueError, "the value is 2^64 - 1, or the descriptor is not eventfd's"],
  },
} as const;

const { c, check } = bind(
  {
    eventfd: { args: ["u32" /* unsigned int initval */, "i32" /* int flags */], returns: "i32" },
    eventfd_read: { args: ["i32" /* int fd */, "ptr" /* eventfd_t *value */], returns: "i32" },
    eventfd_write: { args: ["i32" /* int fd */, "u64" /* eventfd_t value */], returns: "i32" },
  },
  eventfd_errors,
);

/** Flags of {@linkcode eventfd}. */
export const EFD = {
  /** Each read takes 1, and not all. */
  SEMAPHORE: 1,
  /** Read and write return at once. */
  NONBLOCK: 0o4000,
  /** Closed by execve. */
  CLOEXEC: 0o2000000,
} as const;

/**
 * `eventfd(initval, flags)`: makes a counter.
 *
 * @param initval Where it starts, 0 to 2^32 - 1.
 * @param flags {@linkcode EFD} members, or 0.
 * @returns A descriptor for the caller to close.
 * @throws {ValueError} `EINVAL`: unknown flag.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 */
export function eventfd(initval: number, flags: number): number {
  return check("eventfd", c.eventfd(uint(initval, "initval"), int(flags, "flags")));
}

/**
 * `eventfd_read(fd, value)`: takes the whole counter, or 1 of it if it is a semaphore.
 *
 * @returns What was taken, at least 1.
 * @throws {OSError} `EAGAIN`: the counter is 0 and the descriptor non-blocking. `EINTR`.
 * @throws {ValueError} `EBADF`, `EINVAL`: not a counter.
 */
export function eventfd_read(fd: FdLike): bigint {
  const value = new BigUint64Array(1);
  check("eventfd_read", c.eventfd_read(fileno(fd), value));
  return value[0] ?? 0n;
}

/**
 * `eventfd_write(fd, value)`: adds to the counter.
 *
 * @param value 0 to 2^64 - 2.
 * @throws {OSError} `EAGAIN`: the counter would exceed 2^64 - 2 and the descriptor is non-blocking. `EINTR`.
 * @throws {ValueError} `EINVAL`: 2^64 - 1. `EBADF`, `EINVAL`: not a counter.
 */
export function eventfd_write(fd: FdLike, value: number | bigint): void {
  check("eventfd_write", c.eventfd_write(fileno(fd), uint64(value, "value")));
}
