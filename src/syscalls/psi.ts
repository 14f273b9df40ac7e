/**
 * Pressure stall information: how long tasks waited for a resource, and triggers on it. It is files in
 * /proc/pressure and in each cgroup, opened with `openat`, and has a chapter of the kernel's own manual:
 * {@link https://docs.kernel.org/accounting/psi.html | psi}.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, UnsupportedError, ValueError } from "../errors.ts";
import { bind, type FdLike, fileno, since, size, size_t, ssize_t } from "../libc.ts";

const off = [
  UnsupportedError,
  "this kernel keeps no pressure stall information: it was started with psi=0",
] as const;

const { ENOSYS, EPERM } = since("4.20");

/** What each errno of these calls becomes. */
export const psi_errors = {
  pread: {
    ENOSYS,
    EPERM,
    EBADF: ValueError,
    EFAULT: InternalError,
    EINTR: OSError,
    EINVAL: ValueError,
    EIO: OSError,
    EISDIR: ValueError,
    ENODEV: [ValueError, "the cgroup was removed"],
    EOPNOTSUPP: off,
    ESPIPE: ValueError,
  },
  write: {
    ENOSYS,
    EPERM,
    EBADF: ValueError,
    EBUSY: [ValueError, "the descriptor has a trigger already"],
    EFAULT: InternalError,
    EINTR: OSError,
    EINVAL: [
      ValueError,
      "the window is 10 s at most, and the stall no longer than the window; without CAP_SYS_RESOURCE the window is a multiple of 2 s; before Linux 6.7 it is 500 ms at least",
    ],
    ENODEV: [ValueError, "the cgroup was removed"],
    ENOMEM: MemoryError,
    EOPNOTSUPP: off,
  },
} as const;

const { c, check } = bind(
  {
    pread: {
      args: [
        "i32" /* int fd */,
        "ptr" /* void *buf */,
        size_t /* count */,
        ssize_t /* off_t offset */,
      ],
      returns: ssize_t,
    },
    write: {
      args: ["i32" /* int fd */, "ptr" /* const void *buf */, size_t /* count */],
      returns: ssize_t,
    },
  },
  psi_errors,
);

/** Whose waiting counts: that of at least one task, or that of all tasks at once. */
export type PsiKind = "some" | "full";

/** One line of a pressure file. */
export interface PsiLine {
  /** Percent of the last 10 s. */
  readonly avg10: number;
  /** Percent of the last 60 s. */
  readonly avg60: number;
  /** Percent of the last 300 s. */
  readonly avg300: number;
  /** Microseconds since the start of the system, or of the cgroup. */
  readonly total: bigint;
}

/** Longer than any pressure file: two lines. */
const PSI_SIZE = 256;

/**
 * `pread(fd, buf, count, 0)` of a pressure file: what it says now, from its beginning.
 *
 * @returns Its lines. Before Linux 5.13 there is no `full` one for the processor.
 * @throws {ValueError} `ENODEV`: the cgroup was removed. `EBADF`, `EINVAL`.
 * @throws {UnsupportedError} `EOPNOTSUPP`: started with psi=0.
 */
export function psi_read(fd: FdLike): { readonly [kind in PsiKind]?: PsiLine } {
  const buf = new Uint8Array(PSI_SIZE);
  const count = Number(check("pread", c.pread(fileno(fd), buf, PSI_SIZE, 0)));
  return read_psi(new TextDecoder().decode(buf.subarray(0, count)));
}

/**
 * `write(fd, "some 150000 1000000", count)` to a pressure file: from now on `poll` reports `POLL.PRI` once when
 * tasks have waited for `stall` within `window`, at most once a window. A descriptor takes one trigger,
 * for as long as it is open.
 *
 * @param fd Open to read and write.
 * @param stall Microseconds.
 * @param window Microseconds.
 * @throws {ValueError} `EINVAL`: a window or stall that is not allowed. `EBUSY`: it has a trigger. `EBADF`, `ENODEV`.
 * @throws {UnsupportedError} `EOPNOTSUPP`: started with psi=0.
 */
export function psi_write(fd: FdLike, kind: PsiKind, stall: number, window: number): void {
  const text = `${kind} ${size(stall, "stall")} ${size(window, "window")}\0`;
  const buf = new TextEncoder().encode(text);
  check("write", c.write(fileno(fd), buf, buf.byteLength));
}

/** Reads the text of a pressure file. */
export function read_psi(text: string): { readonly [kind in PsiKind]?: PsiLine } {
  const lines = text.matchAll(
    /^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/gm,
  );
  return Object.fromEntries(
    [...lines].map(([, kind, avg10, avg60, avg300, total]) => [
      kind,
      {
        avg10: Number(avg10),
        avg60: Number(avg60),
        avg300: Number(avg300),
        total: BigInt(total ?? 0),
      },
    ]),
  );
}
