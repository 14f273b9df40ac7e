/**
 * Bytes from one descriptor to another, by the cheapest way that the kernel has for the two:
 * {@link https://man7.org/linux/man-pages/man2/copy_file_range.2.html | copy_file_range(2)},
 * {@link https://man7.org/linux/man-pages/man2/sendfile.2.html | sendfile(2)},
 * {@link https://man7.org/linux/man-pages/man2/splice.2.html | splice(2)}.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { type FdLike, size } from "../libc.ts";
import { POLL, poll as look } from "../syscalls/poll.ts";
import { Readiness, turn } from "./again.ts";
import { endOf, isEndless } from "./pump-end.ts";
import { isWrongWay, type PumpWay, type Waits, type Way } from "./pump-way.ts";
import { type Ends, openWay, waysFor } from "./pump-ways.ts";

/** Options of {@linkcode pump}. */
export interface PumpOptions {
  /**
   * At most so many bytes.
   *
   * @default Infinity
   */
  readonly length?: number;
  /** Called after each piece, with the bytes delivered so far and the way that they took. */
  readonly onProgress?: (moved: number, way: PumpWay) => void;
  /** Ends it between two pieces when it aborts. */
  readonly signal?: AbortSignal;
}

/** The first piece, in bytes: under a millisecond of the slowest way. */
const PIECE = 2 ** 20;

/** The largest, where one of half of it took no time, as on a file system that shares blocks instead of copying them. */
const LARGEST_PIECE = 2 ** 26;

/** Milliseconds for which the event loop may wait. */
const PATIENCE = 4;

/**
 * Moves bytes from one descriptor to another, until the end of the first: two files by `copy_file_range` unless the first is small, a file to a
 * socket by `sendfile`, from or to a pipe by `splice`, other two by `splice` through a pipe of its own, and by
 * reading and writing what allows nothing else. It begins at the positions of files, and moves them.
 *
 * Both are borrowed: they must stay open, are not closed, and are nobody else's meanwhile. It never blocks the event loop for
 * longer than one piece takes: files are moved in pieces, others are waited for. A socket, a terminal or another blocking descriptor
 * is made non-blocking until it is over, for whoever shares it; one that several calls move bytes from or to, until all of them are.
 *
 * If it fails or is aborted, `onProgress` has told how much was delivered. What was taken from a socket or terminal and is on its way then is
 * lost: at most 1 MiB, and nothing if a file or a pipe is spliced, copied or sent. Holes of files are copied as
 * zeroes, unless the file system shares blocks.
 *
 * @returns How many bytes were moved.
 * @throws {ValueError} `EBADF`: not open, or not open for that. `EISDIR`: a directory. `EINVAL`: the same file or pipe twice,
 * without a `length`.
 * @throws {OSError} `EPIPE`: nobody reads. `ENOSPC`, `EIO`, and others.
 * @throws What `signal` was aborted with.
 *
 * @example
 * ```ts
 * import { closeSync, openSync } from "node:fs";
 *
 * import { pump } from "bun-butter";
 *
 * const from = openSync("/proc/self/exe", "r");
 * const to = openSync("/dev/null", "w");
 * console.log((await pump(from, to, { length: 1_000_000 })) === 1_000_000); // true
 * closeSync(from);
 * closeSync(to);
 * ```
 */
export async function pump(from: FdLike, to: FdLike, options: PumpOptions = {}): Promise<number> {
  const { length = Infinity, onProgress, signal } = options;
  if (length !== Infinity) size(length, "length");
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw new TypeError("Cannot take onProgress: expected a function");
  signal?.throwIfAborted();
  const ends: Ends = { from: endOf(from, "read"), to: endOf(to, "write") };
  if (length === Infinity && isEndless(from, ends.from, to, ends.to)) {
    throw new ValueError(ERRNO.EINVAL[0], {
      syscall: "pump",
      hint: "both are the same file or pipe, which gets longer all the time: give a length",
    });
  }
  const [first, ...others] = waysFor(ends);
  if (first === undefined || length === 0) return 0;
  using readiness = new Readiness();
  let way: Way = openWay(first, from, to, ends);
  let moved = 0;
  let piece = PIECE;
  let turned = performance.now();
  try {
    while (moved < length) {
      // What was taken already is delivered, if that takes no wait.
      if (way.pending === 0) signal?.throwIfAborted();
      const began = performance.now();
      const step = attempt(way, Math.min(piece, length - moved), others.length > 0);
      if (typeof step === "string") {
        await wait(readiness, step, from, to, signal);
        turned = performance.now();
        continue;
      }
      if (step === undefined) {
        const next = others.shift();
        if (next === undefined) break;
        way[Symbol.dispose]();
        way = openWay(next, from, to, ends);
        continue;
      }
      if (step === 0) break;
      moved += step;
      onProgress?.(moved, way.name);
      const now = performance.now();
      if (now - began < PATIENCE / 16 && step === piece) piece = Math.min(piece * 2, LARGEST_PIECE);
      else if (now - began > PATIENCE) piece = Math.max(piece / 2, PIECE);
      if (now - turned > PATIENCE) {
        await turn();
        turned = performance.now();
      }
    }
    return moved;
  } finally {
    way[Symbol.dispose]();
  }
}

/** One step, or `undefined` if another way is to be tried. */
function attempt(way: Way, limit: number, others: boolean): number | Waits | undefined {
  try {
    return way.step(limit);
  } catch (error) {
    if (others && way.pending === 0 && isWrongWay(error)) return undefined;
    throw error;
  }
}

async function wait(
  readiness: Readiness,
  waits: Waits,
  from: FdLike,
  to: FdLike,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (waits === "both") {
    const [reads = 0, writes = 0] = look(
      [
        { fd: from, events: POLL.IN },
        { fd: to, events: POLL.OUT },
      ],
      0,
    );
    // Interrupted, if both are ready.
    if (reads !== 0 && writes !== 0) return await turn();
    return await wait(readiness, reads === 0 ? "from" : "to", from, to, signal);
  }
  if (waits === "from") await readiness.of(from, "in", signal);
  else await readiness.of(to, "out", signal);
}
