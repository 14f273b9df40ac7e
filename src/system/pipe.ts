/**
 * Pipes with an owner: {@link https://man7.org/linux/man-pages/man7/pipe.7.html | pipe(7)}.
 *
 * @module
 */
import { checkNames, checkSignal, type OptionNames } from "../events/options.ts";
import { poll } from "../events/poll.ts";
import { int, type Pinned } from "../libc.ts";
import { F, fcntl, ioctl_fionread, O, pipe2 } from "../syscalls/fd.ts";
import { SPLICE_F, vmsplice } from "../syscalls/splice.ts";
import { isAgain } from "./again.ts";
import { OwnedFd } from "./owned-fd.ts";
import { takePages } from "./pages.ts";

/** Options of {@linkcode pipe}. */
export interface PipeOptions {
  /**
   * Bytes that it holds, rounded up to a power of two of pages.
   *
   * @default 65536
   */
  readonly capacity?: number;
}

const optionNames: OptionNames<PipeOptions> = { capacity: true };

/** One end of a pipe. */
export abstract class PipeEnd extends OwnedFd {
  /** How many bytes the pipe holds at most. */
  get capacity(): number {
    return fcntl(this.fileno(), F.GETPIPE_SZ);
  }

  /**
   * Rounded up to a power of two of pages.
   *
   * @throws {RangeError} Not an integer of at least 1.
   * @throws {PermissionError} `EPERM`: more than fs.pipe-max-size, without `CAP_SYS_RESOURCE`; or the user's pipes have too many pages.
   * @throws {OSError} `EBUSY`: it holds more than that now.
   */
  set capacity(bytes: number) {
    if (int(bytes, "capacity") < 1)
      throw new RangeError(`Cannot take capacity: ${bytes} is not at least 1`);
    fcntl(this.fileno(), F.SETPIPE_SZ, bytes);
  }

  /** How many bytes wait in the pipe. */
  get queued(): number {
    return ioctl_fionread(this.fileno());
  }

  /** Whether reads and writes of this end wait. A new pipe's don't; a program that gets this end expects that they do. */
  get blocking(): boolean {
    return (fcntl(this.fileno(), F.GETFL) & O.NONBLOCK) === 0;
  }

  /** For everybody who has this end: it is the open file's, not the descriptor's. */
  set blocking(blocking: boolean) {
    const flags = fcntl(this.fileno(), F.GETFL);
    fcntl(this.fileno(), F.SETFL, blocking ? flags & ~O.NONBLOCK : flags | O.NONBLOCK);
  }

  protected override details(): Readonly<Record<string, unknown>> {
    return { capacity: this.capacity, queued: this.queued };
  }
}

/** The end to read. */
export class PipeReader extends PipeEnd {
  get [Symbol.toStringTag](): string {
    return "PipeReader";
  }
}

/** The end to write. */
export class PipeWriter extends PipeEnd {
  /**
   * Puts memory itself into the pipe, without a copy: whoever reads, here or elsewhere, reads these pages. They are the pipe's from
   * then on: the block's views are empty when this is over, also if it failed.
   *
   * @param block Memory that {@linkcode pages} made.
   * @param options `signal` ends the wait for room; what is in the pipe by then stays there.
   * @throws {TypeError} It is no such memory, or was given already.
   * @throws {OSError} `EPIPE`: nobody reads.
   * @throws {ValueError} `EBADF`: closed.
   * @throws What `signal` was aborted with.
   *
   * @example
   * ```ts
   * import { pages, pipe } from "bun-butter";
   *
   * using p = pipe();
   * const block = pages(4096);
   * block.bytes.fill(7);
   * await p.writer.give(block);
   * console.log(p.reader.queued, block.byteLength); // 4096 0
   * ```
   */
  async give(block: Pinned, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkNames(options, { signal: true });
    checkSignal(options.signal);
    takePages(block);
    // Unmapped pages are left as they are until the last reader is done, and nobody can write to them any more.
    using taken = block;
    for (let offset = 0; offset < taken.byteLength;) {
      options.signal?.throwIfAborted();
      try {
        offset += vmsplice(this.fileno(), [{ iov_base: taken, offset }], SPLICE_F.NONBLOCK);
      } catch (error) {
        if (!isAgain(error)) throw error;
        await poll(this, "out", options);
      }
    }
  }

  get [Symbol.toStringTag](): string {
    return "PipeWriter";
  }
}

/** A pipe: both its ends. */
export class Pipe implements Disposable {
  /** The end to read. */
  readonly reader: PipeReader;
  /** The end to write. */
  readonly writer: PipeWriter;

  /** Owned from here on. */
  constructor(reader: number, writer: number) {
    this.reader = new PipeReader(reader);
    this.writer = new PipeWriter(writer);
  }

  /** How many bytes it holds at most, as either end tells and sets it. */
  get capacity(): number {
    return this.#open.capacity;
  }

  /** As {@linkcode PipeEnd.capacity} of either end. */
  set capacity(bytes: number) {
    this.#open.capacity = bytes;
  }

  /** How many bytes wait in it. */
  get queued(): number {
    return this.#open.queued;
  }

  /** Closes both ends. Once more is nothing. */
  close(): void {
    this.reader.close();
    this.writer.close();
  }

  /** `using` closes both ends. */
  [Symbol.dispose](): void {
    this.close();
  }

  get #open(): PipeEnd {
    return this.reader.closed ? this.writer : this.reader;
  }
}

/**
 * Makes a pipe. Its ends are non-blocking, closed by execve, and close themselves when nobody can reach them.
 *
 * A child process gets one as one of its `stdio`: `Bun.spawn(cmd, { stdin: p.reader.fd })`, after
 * `p.reader.blocking = true`, and this process closes its own then.
 *
 * @throws {RangeError} `capacity` is not an integer of at least 1.
 * @throws {PermissionError} `EPERM`: `capacity` is more than fs.pipe-max-size, without `CAP_SYS_RESOURCE`.
 * @throws {OSError} `EMFILE`, `ENFILE`: at a descriptor limit.
 *
 * @example
 * ```ts
 * import { pipe } from "bun-butter";
 *
 * using p = pipe({ capacity: 2 ** 20 });
 * await Bun.write(Bun.file(p.writer.fd), "hello");
 * console.log(p.queued, p.capacity); // 5 1048576
 * ```
 */
export function pipe(options: PipeOptions = {}): Pipe {
  checkNames(options, optionNames);
  const [reader, writer] = pipe2(O.CLOEXEC | O.NONBLOCK);
  const made = new Pipe(reader, writer);
  try {
    if (options.capacity !== undefined) made.capacity = options.capacity;
    return made;
  } catch (error) {
    made.close();
    throw error;
  }
}
