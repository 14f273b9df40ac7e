/**
 * Bytes from one descriptor to another, by the cheapest way that the kernel has for the two:
 * {@link https://man7.org/linux/man-pages/man2/copy_file_range.2.html | copy_file_range(2)},
 * {@link https://man7.org/linux/man-pages/man2/sendfile.2.html | sendfile(2)},
 * {@link https://man7.org/linux/man-pages/man2/splice.2.html | splice(2)}.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { checkNames, checkSignal, type OptionNames } from "../events/options.ts";
import { described, type FdLike, size } from "../libc.ts";
import { turn } from "./again.ts";
import { endOf, isEndless } from "./pump-end.ts";
import { copyFiles } from "./pump-files.ts";
import { moveInSteps } from "./pump-steps.ts";
import type { PumpWay } from "./pump-way.ts";
import { type Ends, waysFor } from "./pump-ways.ts";

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

const optionNames: OptionNames<PumpOptions> = { length: true, onProgress: true, signal: true };

/**
 * Moves bytes from one descriptor to another, until the end of the first: two files by `copy_file_range`, a file to a
 * socket by `sendfile`, from or to a pipe by `splice`, other two by `splice` through a pipe of its own, and by
 * reading and writing what allows nothing else. It begins at the positions of files, and moves them.
 *
 * Both are borrowed: they must stay open, are not closed, and are nobody else's meanwhile. It never blocks the event loop for
 * longer than one piece takes: files are moved in pieces, a small one at once in this call; others are waited for. While much comes through pipes and
 * sockets, it first leaves the processor to who shares it, for a moment, as `sched_yield` does. A socket, a terminal or another blocking descriptor
 * is made non-blocking until it is over, for whoever shares it; one that several calls move bytes from or to, until all of them are.
 *
 * If it fails or is aborted, `onProgress` has told how much was delivered. What was taken from a socket or terminal and is on its way then is
 * lost: at most 1 MiB, and nothing if a file or a pipe is spliced, copied or sent. Holes of files are copied as
 * zeroes, unless the file system shares blocks.
 *
 * @returns How many bytes were moved.
 * @throws {ValueError} `EBADF`: not open, or not open for that. `EISDIR`: a directory. `EINVAL`: the same file or pipe twice,
 * without a `length`, unless the end of a file is moved to its own start.
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
  checkNames(options, optionNames);
  const { length = Infinity, onProgress, signal } = options;
  checkSignal(signal);
  if (length !== Infinity) size(length, "length");
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw new TypeError(
      `Cannot take onProgress: expected a function, got ${described(onProgress)}`,
    );
  signal?.throwIfAborted();
  const { moved, over } = copyFiles(from, to, length, onProgress, signal);
  return over ? moved : await moveOn(from, to, length, moved, onProgress, signal);
}

/** Moves what is not moved yet. */
async function moveOn(
  from: FdLike,
  to: FdLike,
  length: number,
  moved: number,
  onProgress: ((moved: number, way: PumpWay) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (moved > 0) await turn();
  const ends: Ends = { from: endOf(from, "read"), to: endOf(to, "write") };
  if (moved === 0 && length === Infinity && isEndless(from, ends.from, to, ends.to)) {
    throw new ValueError(ERRNO.EINVAL[0], {
      syscall: "pump",
      hint: "both are the same file or pipe, which gets longer all the time: give a length",
    });
  }
  if (length === 0) return 0;
  const ways = waysFor(ends);
  return await moveInSteps({ from, to, ends, ways, length, moved, onProgress, signal });
}
