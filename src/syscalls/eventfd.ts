/**
 * Counters read and written through a descriptor:
 * {@link https://man7.org/linux/man-pages/man2/eventfd.2.html | eventfd(2)}.
 *
 * @module
 */
import { MemoryError, OSError, ValueError } from "../errors.ts";
import { bind, int, since, uint } from "../libc.ts";

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
} as const;

const { c, check } = bind(
  { eventfd: { args: ["u32" /* unsigned int initval */, "i32" /* int flags */], returns: "i32" } },
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
