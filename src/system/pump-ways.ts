/**
 * The ways that bytes can take from one descriptor to another, each one step at a time and without waiting.
 *
 * @module
 */
import type { FdLike } from "../libc.ts";
import { copy_file_range, sendfile } from "../syscalls/copy.ts";
import { SPLICE_F, splice_nonblock } from "../syscalls/splice.ts";
import type { End, Kind } from "./pump-end.ts";
import { Loop, Relay } from "./pump-loop.ts";
import { type PumpWay, unless, type Waits, type Way } from "./pump-way.ts";
import { Unblocked } from "./unblocked.ts";

/** The ways to try, the cheapest first. The last one always works. */
export function waysFor({ from: source, to: target }: Ends): readonly PumpWay[] {
  const [from, to] = [source.kind, target.kind];
  if (from === "file" && to === "file") {
    // Those of /proc say that they have no bytes, and are copied as if it were so.
    if (source.size === 0) return ["read"];
    // What is sent is read before it is written, which is not so clear in one file.
    if (source.id === target.id) return ["copy_file_range", "read"];
    return ["copy_file_range", "sendfile", "read"];
  }
  if (from === "pipe" || to === "pipe") return ["splice", "read"];
  return from === "file" || from === "device" ? ["sendfile", "read"] : ["relay", "read"];
}

/** Opens a way. */
export function openWay(
  name: PumpWay,
  from: FdLike,
  to: FdLike,
  { from: source, to: target }: Ends,
): Way {
  const ends = [
    [from, source.kind],
    [to, target.kind],
  ] as const;
  switch (name) {
    case "copy_file_range":
      return new Direct(name, undefined, "both", (limit) => {
        return copy_file_range(from, null, to, null, limit, 0).bytes;
      });
    case "sendfile":
      return new Direct(name, patient(ends[1]), "to", (limit) => {
        return sendfile(to, from, null, limit).bytes;
      });
    case "splice":
      // Of a pipe, the flag says it for this call alone.
      return new Direct(
        name,
        patient(...ends.filter(([, kind]) => kind !== "pipe")),
        "both",
        (limit) => {
          return splice_nonblock(from, to, limit, SPLICE_F.MOVE);
        },
      );
    case "relay":
      return new Relay(from, to, patient(...ends));
    case "read":
      return new Loop(from, to, patient(...ends));
  }
}

/** What both ends are. */
export interface Ends {
  readonly from: End;
  readonly to: End;
}

/** Makes those that could block non-blocking. Files do not wait, whatever they are told. */
function patient(...ends: readonly (readonly [fd: FdLike, kind: Kind])[]): Disposable | undefined {
  if (ends.every(([, kind]) => kind === "file" || kind === "device")) return undefined;
  using stack = new DisposableStack();
  for (const [fd, kind] of ends)
    if (kind === "pipe" || kind === "other") stack.use(new Unblocked(fd));
  return stack.move();
}

/** One call that moves bytes from end to end; -1, as `EAGAIN`, says that one is not ready. */
class Direct implements Way {
  readonly name: PumpWay;
  readonly pending = 0;
  readonly #held: Disposable | undefined;
  readonly #waits: Waits;
  readonly #move: (limit: number) => number;

  constructor(
    name: PumpWay,
    held: Disposable | undefined,
    waits: Waits,
    move: (limit: number) => number,
  ) {
    this.name = name;
    this.#held = held;
    this.#waits = waits;
    this.#move = move;
  }

  step(limit: number): number | Waits {
    const moved = unless(this.#waits, () => this.#move(limit));
    return moved === -1 ? this.#waits : moved;
  }

  [Symbol.dispose](): void {
    this.#held?.[Symbol.dispose]();
  }
}
