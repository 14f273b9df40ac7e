/**
 * The kernel's own asynchronous I/O, as far as polling:
 * {@link https://man7.org/linux/man-pages/man2/io_submit.2.html | io_submit(2)}. libc has
 * no functions for it.
 *
 * @module
 */
import { InternalError, MemoryError, OSError, ValueError } from "../errors.ts";
import {
  bind,
  type FdLike,
  fileno,
  numbered,
  Pinned,
  room,
  since,
  ssize_t,
  SYS,
  sysctl,
  uint,
} from "../libc.ts";

/** What each errno of these calls becomes. */
export const aio_errors = {
  io_setup: {
    ...since("2.6"),
    EAGAIN: [
      OSError,
      () => `raise fs.aio-max-nr (${sysctl("fs.aio-max-nr")} now, ${sysctl("fs.aio-nr")} used)`,
    ],
    EFAULT: InternalError,
    EINVAL: ValueError,
    ENOMEM: MemoryError,
  },
  io_destroy: { ...since("2.6"), EFAULT: InternalError, EINVAL: ValueError },
  io_submit: {
    ...since("2.6"),
    EAGAIN: OSError,
    EBADF: ValueError,
    EFAULT: InternalError,
    EINVAL: [ValueError, "polling needs Linux 4.18"],
  },
  io_cancel: {
    ...since("2.6"),
    EAGAIN: OSError,
    EFAULT: InternalError,
    EINPROGRESS: [OSError, "it is being cancelled, and its completion follows"],
    EINVAL: [ValueError, "no such operation is under way"],
  },
  io_getevents: { ...since("2.6"), EFAULT: InternalError, EINTR: OSError, EINVAL: ValueError },
} as const;

const { c, check } = bind(
  {
    syscall: numbered(ssize_t, ssize_t, ssize_t, ssize_t, ssize_t /* long, up to five */),
  },
  aio_errors,
);

/** Operations of an `iocb`. */
export const IOCB_CMD = {
  /** Completes once when a descriptor is ready. Linux 4.18. */
  POLL: 5,
} as const;

const IOCB_FLAG_RESFD = 1;

/** `sizeof(struct iocb)`. */
export const IOCB_SIZE = 64;

/** `sizeof(struct io_event)`. */
export const IO_EVENT_SIZE = 32;

/** `aio_context_t`: an address in this process that the kernel gave. */
export type AioContext = bigint;

/**
 * `io_setup(nr_events, ctx_idp)`: makes a context.
 *
 * @param nr_events How many operations may be under way at once.
 * @returns The context, for the caller to {@linkcode io_destroy}.
 * @throws {OSError} `EAGAIN`: at fs.aio-max-nr.
 * @throws {ValueError} `EINVAL`: 0 operations, or too many.
 */
export function io_setup(nr_events: number): AioContext {
  using ctx_idp = new Pinned(8);
  check(
    "io_setup",
    c.syscall(SYS.io_setup, uint(nr_events, "nr_events"), ctx_idp.address, 0, 0, 0),
  );
  return ctx_idp.view.getBigUint64(0, true);
}

/**
 * `io_destroy(ctx_id)`: cancels what is under way and gives the context back.
 *
 * @throws {ValueError} `EINVAL`: no such context.
 */
export function io_destroy(ctx_id: AioContext): void {
  check("io_destroy", c.syscall(SYS.io_destroy, ctx_id, 0, 0, 0, 0));
}

/**
 * `io_submit(ctx_id, 1, iocbpp)`: starts one operation. The kernel reads the block
 * during the call alone.
 *
 * @param iocbpp 8 bytes for the pointer to the block, then the block itself: see {@linkcode write_iocb_poll}.
 * @throws {OSError} `EAGAIN`: as many as the context takes are under way.
 * @throws {ValueError} `EBADF`, `EINVAL`: not a descriptor, or not one to poll.
 */
export function io_submit(ctx_id: AioContext, iocbpp: Pinned): void {
  const address = room(iocbpp, "iocbpp", 8 + IOCB_SIZE);
  iocbpp.view.setBigUint64(0, BigInt(address + 8), true);
  check("io_submit", c.syscall(SYS.io_submit, ctx_id, 1, address, 0, 0));
}

/**
 * `io_cancel(ctx_id, iocb, result)`: ends an operation before it completes.
 *
 * @param iocbpp What it was submitted with.
 * @param result Room for `IO_EVENT_SIZE` bytes; since Linux 5.1 nothing is written there.
 * @throws {OSError} `EINPROGRESS`: done, and its completion follows, which is how current kernels say yes.
 * @throws {ValueError} `EINVAL`: no such operation is under way.
 */
export function io_cancel(ctx_id: AioContext, iocbpp: Pinned, result: Pinned): void {
  const iocb = room(iocbpp, "iocbpp", 8 + IOCB_SIZE) + 8;
  const address = room(result, "result", IO_EVENT_SIZE);
  check("io_cancel", c.syscall(SYS.io_cancel, ctx_id, iocb, address, 0, 0));
}

/**
 * `io_getevents(ctx_id, 0, nr, events, NULL)`: takes what has completed, without waiting.
 *
 * @param events Room for `n * IO_EVENT_SIZE` bytes.
 * @returns How many completions were taken.
 * @throws {ValueError} `EINVAL`: no such context.
 * @throws {OSError} `EINTR`: a signal came first.
 */
export function io_getevents(ctx_id: AioContext, events: Pinned): number {
  const address = room(events, "events");
  const nr = Math.floor(events.byteLength / IO_EVENT_SIZE);
  return Number(check("io_getevents", c.syscall(SYS.io_getevents, ctx_id, 0, nr, address, 0)));
}

/**
 * Writes a `struct iocb` that completes once when `fd` has one of `events`, and
 * adds 1 to the counter `resfd` then.
 *
 * @param iocbpp 8 bytes, then room for the block.
 * @param events `poll(2)` events: the low {@linkcode EPOLL} bits.
 */
export function write_iocb_poll(iocbpp: Pinned, fd: FdLike, events: number, resfd: FdLike): void {
  room(iocbpp, "iocbpp", 8 + IOCB_SIZE);
  const iocb = new DataView(iocbpp.view.buffer, 8, IOCB_SIZE);
  iocb.setUint16(16, IOCB_CMD.POLL, true);
  iocb.setUint32(20, fileno(fd), true);
  iocb.setBigUint64(24, BigInt(uint(events, "events")), true);
  iocb.setUint32(56, IOCB_FLAG_RESFD, true);
  iocb.setUint32(60, fileno(resfd), true);
}
