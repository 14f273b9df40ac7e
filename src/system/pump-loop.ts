/**
 * The ways of bytes that take two steps: in here, and out of here.
 *
 * @module
 */
import { type FdLike, type Pinned, pinned } from "../libc.ts";
import { read, write } from "../syscalls/fd.ts";
import { SPLICE_F, splice_nonblock } from "../syscalls/splice.ts";
import { type Pipe, pipe } from "./pipe.ts";
import { isWrongWay, unless, type Waits, type Way } from "./pump-way.ts";

/** Bytes that a pipe of our own holds, if it may. */
const RELAY_SIZE = 2 ** 20;

/** Bytes of one read. Larger ones leave the processor's cache. */
const LOOP_SIZE = 2 ** 17;

/**
 * The buffer of a loop that is over, for the next one of this thread: to make one takes longer than to move a small file. Who has it has it
 * alone, and writes nothing of it but what was read meanwhile.
 */
let spare: Pinned | undefined;

function takeBuffer(): Pinned {
  const taken = spare ?? pinned(LOOP_SIZE);
  spare = undefined;
  return taken;
}

function giveBuffer(buffer: Pinned): void {
  if (spare === undefined) spare = buffer;
  else buffer[Symbol.dispose]();
}

/** Into a pipe of our own, and out of it: neither end is a pipe. */
export class Relay implements Way {
  readonly name = "relay";
  readonly #from: FdLike;
  readonly #to: FdLike;
  readonly #held: Disposable | undefined;
  readonly #pipe: Pipe;
  #pending = 0;
  /** Takes the place of the second splice for a target that can't be spliced to. */
  #loop: Loop | undefined;

  constructor(from: FdLike, to: FdLike, held: Disposable | undefined) {
    this.#from = from;
    this.#to = to;
    this.#held = held;
    try {
      this.#pipe = pipe();
    } catch (error) {
      held?.[Symbol.dispose]();
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
      const filled = splice_nonblock(this.#from, this.#pipe.writer, limit, SPLICE_F.MOVE);
      if (filled === -1) return "from";
      if (filled === 0) return 0;
      this.#pending = filled;
    }
    const moved = this.#drain();
    if (moved === -1 || typeof moved === "string") return "to";
    this.#pending -= moved;
    return moved;
  }

  #drain(): number | Waits {
    if (this.#loop === undefined) {
      try {
        return splice_nonblock(this.#pipe.reader, this.#to, this.#pending, SPLICE_F.MOVE);
      } catch (error) {
        if (!isWrongWay(error)) throw error;
        this.#loop = new Loop(this.#pipe.reader, this.#to, undefined);
      }
    }
    return this.#loop.step(this.#pending);
  }

  [Symbol.dispose](): void {
    this.#loop?.[Symbol.dispose]();
    this.#pipe.close();
    this.#held?.[Symbol.dispose]();
  }
}

/** Through this process, which any two descriptors allow. */
export class Loop implements Way {
  readonly name = "read";
  readonly #from: FdLike;
  readonly #to: FdLike;
  readonly #held: Disposable | undefined;
  #buffer: Pinned | undefined;
  #start = 0;
  #end = 0;

  constructor(from: FdLike, to: FdLike, held: Disposable | undefined) {
    this.#from = from;
    this.#to = to;
    this.#held = held;
    try {
      this.#buffer = takeBuffer();
    } catch (error) {
      held?.[Symbol.dispose]();
      throw error;
    }
  }

  get pending(): number {
    return this.#end - this.#start;
  }

  step(limit: number): number | Waits {
    const buffer = this.#buffer;
    if (buffer === undefined) return 0;
    if (this.pending === 0) {
      const count = Math.min(limit, buffer.byteLength);
      const filled = unless("from", () => read(this.#from, buffer, count));
      if (typeof filled === "string" || filled === 0) return filled;
      this.#start = 0;
      this.#end = filled;
    }
    const moved = unless("to", () => {
      return write(this.#to, buffer.bytes.subarray(this.#start, this.#end));
    });
    if (typeof moved === "number") this.#start += moved;
    return moved;
  }

  [Symbol.dispose](): void {
    const buffer = this.#buffer;
    this.#buffer = undefined;
    if (buffer !== undefined) giveBuffer(buffer);
    this.#held?.[Symbol.dispose]();
  }
}
