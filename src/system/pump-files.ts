/**
 * What is most likely asked for, one file to a new one, without asking first what the two descriptors are: the kernel finds that out in
 * less time, and a small file is copied in less than it takes to ask.
 *
 * @module
 */
import type { FdLike } from "../libc.ts";
import { copy_file_range_or_not } from "../syscalls/copy.ts";
import { is_at_start } from "../syscalls/lseek.ts";
import { FIRST_PIECE, Pace } from "./pump-pace.ts";
import type { PumpWay } from "./pump-way.ts";

/** What was moved so far, and whether that is all. */
export interface Begun {
  readonly moved: number;
  readonly over: boolean;
}

const NOTHING: Begun = { moved: 0, over: false };

/**
 * Copies until the end or for some milliseconds, whatever is sooner; nothing if they are not two files, or if that is not so clear.
 *
 * @param length At most so many bytes.
 */
export function copyFiles(
  from: FdLike,
  to: FdLike,
  length: number,
  onProgress: ((moved: number, way: PumpWay) => void) | undefined,
  signal: AbortSignal | undefined,
): Begun {
  // What is written from its start gets no longer by its own bytes: one file is as good as two.
  if (!is_at_start(to)) return NOTHING;
  let moved = copy_file_range_or_not(from, to, least(FIRST_PIECE, length));
  // Files of /proc say that they are at their end, at once.
  if (moved <= 0) return NOTHING;
  onProgress?.(moved, "copy_file_range");
  let pace = moved === FIRST_PIECE ? new Pace() : undefined;
  while (moved < length) {
    signal?.throwIfAborted();
    const step = copy_file_range_or_not(
      from,
      to,
      least(pace === undefined ? FIRST_PIECE : pace.piece, length - moved),
    );
    if (step === 0) break;
    if (step < 0) return { moved, over: false };
    moved += step;
    onProgress?.(moved, "copy_file_range");
    if (pace === undefined) pace = new Pace();
    else pace.moved(step);
    if (pace.isOver) return { moved, over: false };
  }
  return { moved, over: true };
}

/** As `Math.min`, which makes a double of an integer beside `Infinity`: the way of one into a `size_t` takes as long as a call. */
function least(a: number, b: number): number {
  return a < b ? a : b;
}
