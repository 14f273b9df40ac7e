/**
 * One stream of bytes to many descriptors:
 * {@link https://man7.org/linux/man-pages/man2/tee.2.html | tee(2)}.
 *
 * @module
 */
import { ERRNO, ValueError } from "../errors.ts";
import { checkNames, checkSignal, type OptionNames } from "../events/options.ts";
import { described, type FdLike, pinned } from "../libc.ts";
import { read } from "../syscalls/fd.ts";
import { SPLICE_F, splice_nonblock, tee_nonblock } from "../syscalls/splice.ts";
import { Readiness } from "./again.ts";
import { type Pipe, pipe } from "./pipe.ts";
import { endOf, isEndless } from "./pump-end.ts";
import { pump } from "./pump.ts";

/** Options of {@linkcode tee}. */
export interface TeeOptions {
  /** Called after each piece, with the bytes that every target has so far. */
  readonly onProgress?: (moved: number) => void;
  /** Ends it when it aborts. */
  readonly signal?: AbortSignal;
}

const optionNames: OptionNames<TeeOptions> = { onProgress: true, signal: true };

/** Bytes that the pipes in between hold, if they may. */
const PIECE = 2 ** 18;

/**
 * Moves bytes from one descriptor to several others, each of which gets all of them, until the end of the first. The kernel
 * duplicates references to pages, and copies none of them for that.
 *
 * All are borrowed, as by {@linkcode pump}. The slowest target sets the pace. If one fails, all end: up to 256 KiB of
 * what was taken have reached only some of them then.
 *
 * @returns How many bytes each target got.
 * @throws {TypeError} There is no target.
 * @throws {ValueError} `EINVAL`: the source is one of the targets.
 * @throws What {@linkcode pump} throws for one of the targets, or what `signal` was aborted with.
 *
 * @example
 * ```ts
 * import { pipe, tee } from "bun-butter";
 * import { read, write } from "bun-butter/syscalls";
 *
 * using from = pipe();
 * using one = pipe();
 * using two = pipe();
 * write(from.writer, new TextEncoder().encode("both"));
 * from.writer.close();
 * console.log(await tee(from.reader, [one.writer, two.writer])); // 4
 * console.log(one.reader.queued, two.reader.queued); // 4 4
 * ```
 */
export async function tee(
  from: FdLike,
  to: readonly FdLike[],
  options: TeeOptions = {},
): Promise<number> {
  checkNames(options, optionNames);
  const { onProgress, signal } = options;
  checkSignal(signal);
  if (!Array.isArray(to) || to.length === 0)
    throw new TypeError("Cannot take to: expected an array of at least one descriptor");
  if (onProgress !== undefined && typeof onProgress !== "function")
    throw new TypeError(
      `Cannot take onProgress: expected a function, got ${described(onProgress)}`,
    );
  signal?.throwIfAborted();
  const source = endOf(from, "read");
  for (const target of to) {
    if (!isEndless(from, source, target, endOf(target, "write"))) continue;
    throw new ValueError(ERRNO.EINVAL[0], {
      syscall: "tee",
      hint: "the source is one of the targets too, so that it never ends",
    });
  }
  if (source.kind === "pipe") return await spread(from, to, options);
  using middle = roomy();
  const [over, either] = alsoBy(signal);
  const feed = pump(from, middle.writer, { signal: either }).finally(() => middle.writer.close());
  // It may fail long before it is awaited.
  feed.catch(() => undefined);
  try {
    const moved = await spread(middle.reader, to, options);
    // It has ended: with its source, or because that failed.
    await feed;
    return moved;
  } catch (error) {
    over.abort();
    await feed.catch(() => undefined);
    throw error;
  }
}

/** From a pipe to all. */
async function spread(
  from: FdLike,
  to: readonly FdLike[],
  { onProgress, signal }: TeeOptions,
): Promise<number> {
  using readiness = new Readiness();
  using stack = new DisposableStack();
  const branches = to.map((target) => stack.use(new Branch(target)));
  const [failed, either] = alsoBy(signal);
  let moved = 0;
  for (;;) {
    signal?.throwIfAborted();
    const piece = share(from, branches);
    if (piece === 0) return moved;
    if (piece === undefined) {
      await readiness.of(from, "in", signal);
      continue;
    }
    await deliver(branches, piece, failed, either);
    moved += piece;
    onProgress?.(moved);
  }
}

/**
 * Gives each branch a reference to what is in the pipe, and takes it out of there.
 *
 * @returns How many bytes all have; 0 at the end, `undefined` if nothing is there.
 */
function share(from: FdLike, branches: readonly Branch[]): number | undefined {
  let piece = PIECE;
  for (const [index, { writer }] of branches.entries()) {
    const last = index === branches.length - 1;
    piece = last
      ? splice_nonblock(from, writer, piece, SPLICE_F.MOVE)
      : tee_nonblock(from, writer, piece);
    if (piece === 0) return 0;
    if (piece > 0) continue;
    // Interrupted, if it is not the first: what the others have comes again.
    for (const branch of branches.slice(0, index)) branch.discard();
    return undefined;
  }
  return piece;
}

/** Lets every branch have its piece; the first that fails ends the others. */
async function deliver(
  branches: readonly Branch[],
  piece: number,
  failed: AbortController,
  signal: AbortSignal,
): Promise<void> {
  await Promise.allSettled(
    branches.map(async (branch) => {
      try {
        await branch.deliver(piece, signal);
      } catch (error) {
        failed.abort(error);
      }
    }),
  );
  failed.signal.throwIfAborted();
}

/** A controller of our own, and the signal of both it and the user's. */
function alsoBy(signal: AbortSignal | undefined): [AbortController, AbortSignal] {
  const own = new AbortController();
  return [own, signal === undefined ? own.signal : AbortSignal.any([own.signal, signal])];
}

/** One target, with the pipe that its copy waits in. */
class Branch implements Disposable {
  readonly #to: FdLike;
  readonly #pipe: Pipe = roomy();

  constructor(to: FdLike) {
    this.#to = to;
  }

  /** Where its copy of the next piece goes. It is empty between two pieces. */
  get writer(): FdLike {
    return this.#pipe.writer;
  }

  async deliver(piece: number, signal: AbortSignal): Promise<void> {
    for (let left = piece; left > 0;)
      left -= await pump(this.#pipe.reader, this.#to, { length: left, signal });
    this.discard();
  }

  /** Drops what is in excess of a piece, because another branch had less room. */
  discard(): void {
    const { queued } = this.#pipe;
    if (queued === 0) return;
    using rest = pinned(queued);
    read(this.#pipe.reader, rest);
  }

  [Symbol.dispose](): void {
    this.#pipe.close();
  }
}

function roomy(): Pipe {
  const made = pipe();
  try {
    made.capacity = PIECE;
  } catch {
    // Not so much for this user: smaller pieces.
  }
  return made;
}
