/**
 * What all ways of bytes from one descriptor to another have in common.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { isAgain } from "./again.ts";

/** How bytes are moved: by which call, or `"relay"`: spliced into a pipe, and out of it. */
export type PumpWay = "copy_file_range" | "sendfile" | "splice" | "relay" | "read";

/** Who has to become ready before the next step: one, or whichever is not. */
export type Waits = "from" | "to" | "both";

/** One way from one descriptor to another. */
export interface Way extends Disposable {
  readonly name: PumpWay;
  /** How many bytes were taken and not yet delivered. */
  readonly pending: number;
  /** Delivers at most so many bytes. 0: the end. */
  step(limit: number): number | Waits;
}

/** Errors that say that a way is not for these two, and not that it failed. */
const wrongWay: ReadonlySet<string> = new Set([
  "EBADF",
  "EINVAL",
  "ENOSYS",
  "EOPNOTSUPP",
  "EPERM",
  "ESPIPE",
  "ETXTBSY",
  "EXDEV",
]);

/** Whether another way may do what this one refused. */
export function isWrongWay(error: unknown): boolean {
  return error instanceof OSError && wrongWay.has(error.code);
}

/** Moves, or says who is waited for. */
export function unless<Moved>(waits: Waits, move: () => Moved): Moved | Waits {
  try {
    return move();
  } catch (error) {
    if (isAgain(error)) return waits;
    throw error;
  }
}
