/**
 * The ways that bytes can take from one descriptor to another, each one step at a time and without waiting.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { type FdLike, type Pinned, pinned } from "../libc.ts";
import { copy_file_range, sendfile } from "../syscalls/copy.ts";
import { read, write } from "../syscalls/fd.ts";
import { splice, SPLICE_F } from "../syscalls/splice.ts";
import { isAgain, type Kind, Unblocked } from "./again.ts";
import { type Pipe, pipe } from "./pipe.ts";

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

/** The ways to try, the cheapest first. The last one always works. */
export function waysFor(from: Kind, to: Kind): readonly PumpWay[] {
  if (from === "file" && to === "file") return ["copy_file_range", "sendfile", "read"];
  if (from === "pipe" || to === "pipe") return ["splice", "read"];
  return from === "file" || from === "device" ? ["sendfile", "read"] : ["relay", "read"];
}

/** Opens a way. */
export function openWay(name: PumpWay, from: FdLike, to: FdLike, kinds: Kinds): Way {
  switch (name) {
    case "copy_file_range":
      return new Direct(name, patient(), "both", (limit) => {
        return copy_file_range(from, null, to, null, limit, 0).bytes;
      });
    case "sendfile":
      return new Direct(name, patient([to, kinds.to]), "to", (limit) => {
        return sendfile(to, from, null, limit).bytes;
      });
    case "splice":
      // Of a pipe, the flag says it for this call alone.
      return new Direct(
        name,
        patient(
          ...(
            [
              [from, kinds.from],
              [to, kinds.to],
            ] as const
          ).filter(([, kind]) => kind !== "pipe"),
        ),
        "both",
        (limit) => splice(from, null, to, null, limit, FLAGS).bytes,
      );
    case "relay":
      return new Relay(from, to, patient([from, kinds.from], [to, kinds.to]));
    case "read":
      return new Loop(from, to, patient([from, kinds.from], [to, kinds.to]));
  }
}

/** What both ends are. */
export interface Kinds {
  readonly from: Kind;
  readonly to: Kind;
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

const FLAGS = SPLICE_F.MOVE | SPLICE_F.NONBLOCK;

/** Bytes that a pipe of our own holds, if it may. */
const RELAY_SIZE = 2 ** 20;

/** Bytes of one read. Larger ones leave the processor's cache. */
const LOOP_SIZE = 2 ** 17;

/** Makes those that could block non-blocking. Files do not wait, whatever they are told. */
function patient(...ends: readonly (readonly [fd: FdLike, kind: Kind])[]): Disposable {
  using stack = new DisposableStack();
  for (const [fd, kind] of ends)
    if (kind === "pipe" || kind === "other") stack.use(new Unblocked(fd));
  return stack.move();
}

/** One call that moves bytes from end to end. */
class Direct implements Way {
  readonly name: PumpWay;
  readonly pending = 0;
  readonly #held: Disposable;
  readonly #waits: Waits;
  readonly #move: (limit: number) => number;

  constructor(name: PumpWay, held: Disposable, waits: Waits, move: (limit: number) => number) {
    this.name = name;
    this.#held = held;
    this.#waits = waits;
    this.#move = move;
  }

  step(limit: number): number | Waits {
    return unless(this.#waits, () => this.#move(limit));
  }

  [Symbol.dispose](): void {
    this.#held[Symbol.dispose]();
  }
}

/** Into a pipe of our own, and out of it: neither end is a pipe. */
class Relay implements Way {
  readonly name = "relay";
  readonly #from: FdLike;
  readonly #to: FdLike;
  readonly #held: Disposable;
  readonly #pipe: Pipe;
  #pending = 0;
  /** Takes the place of the second splice for a target that can't be spliced to. */
  #loop: Loop | undefined;

  constructor(from: FdLike, to: FdLike, held: Disposable) {
    this.#from = from;
    this.#to = to;
    this.#held = held;
    try {
      this.#pipe = pipe();
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
    try {
      this.#pipe.capacity = RELAY_SIZE;
    } catch {
      // Not so much for this user: slower, no more.
    }
  }

  get pending(): number {
    return this.#pending;
  }

  step(limit: number): number | Waits {
    if (this.#pending === 0) {
      const filled = unless("from", () => {
        return splice(this.#from, null, this.#pipe.writer, null, limit, FLAGS).bytes;
      });
      if (typeof filled === "string" || filled === 0) return filled;
      this.#pending = filled;
    }
    const moved = unless("to", () => this.#drain());
    if (typeof moved === "number") this.#pending -= moved;
    return moved;
  }

  #drain(): number | Waits {
    if (this.#loop === undefined) {
      try {
        return splice(this.#pipe.reader, null, this.#to, null, this.#pending, FLAGS).bytes;
      } catch (error) {
        if (!isWrongWay(error)) throw error;
        this.#loop = new Loop(this.#pipe.reader, this.#to, patient());
      }
    }
    return this.#loop.step(this.#pending);
  }

  [Symbol.dispose](): void {
    this.#loop?.[Symbol.dispose]();
    this.#pipe.close();
    this.#held[Symbol.dispose]();
  }
}

/** Through this process, which any two descriptors allow. */
class Loop implements Way {
  readonly name = "read";
  readonly #from: FdLike;
  readonly #to: FdLike;
  readonly #held: Disposable;
  readonly #buffer: Pinned = pinned(LOOP_SIZE);
  #start = 0;
  #end = 0;

  constructor(from: FdLike, to: FdLike, held: Disposable) {
    this.#from = from;
    this.#to = to;
    this.#held = held;
  }

  get pending(): number {
    return this.#end - this.#start;
  }

  step(limit: number): number | Waits {
    if (this.pending === 0) {
      const count = Math.min(limit, LOOP_SIZE);
      const filled = unless("from", () => read(this.#from, this.#buffer, count));
      if (typeof filled === "string" || filled === 0) return filled;
      this.#start = 0;
      this.#end = filled;
    }
    const moved = unless("to", () => {
      return write(this.#to, this.#buffer.bytes.subarray(this.#start, this.#end));
    });
    if (typeof moved === "number") this.#start += moved;
    return moved;
  }

  [Symbol.dispose](): void {
    this.#buffer[Symbol.dispose]();
    this.#held[Symbol.dispose]();
  }
}

function unless<Moved>(waits: Waits, move: () => Moved): Moved | Waits {
  try {
    return move();
  } catch (error) {
    if (isAgain(error)) return waits;
    throw error;
  }
}
