/**
 * The loop of {@linkcode pump} for any two descriptors: one step after another, and a wait where it takes one.
 *
 * @module
 */
import type { FdLike } from "../libc.ts";
import { POLL, poll as look } from "../syscalls/poll.ts";
import { Readiness, turn } from "./again.ts";
import { Pace } from "./pump-pace.ts";
import { isWrongWay, type PumpWay, type Waits, type Way } from "./pump-way.ts";
import { type Ends, openWay } from "./pump-ways.ts";
import { Yielding } from "./pump-yield.ts";

/** What is moved, and how. */
export interface Order {
  readonly from: FdLike;
  readonly to: FdLike;
  readonly ends: Ends;
  /** The ways to try, at least one. */
  readonly ways: readonly PumpWay[];
  /** Bytes that are to have been moved in the end. */
  readonly length: number;
  /** Bytes that were moved before. */
  readonly moved: number;
  readonly onProgress: ((moved: number, way: PumpWay) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** @returns How many bytes were moved, those before included. */
export async function moveInSteps(order: Order): Promise<number> {
  const { from, to, ends, length, onProgress, signal } = order;
  const [first, ...others] = order.ways;
  let { moved } = order;
  if (first === undefined) return moved;
  using readiness = new Readiness();
  const pace = new Pace();
  const yielding = new Yielding();
  let way = openWay(first, from, to, ends);
  try {
    while (moved < length) {
      // What was taken already is delivered, if that takes no wait.
      if (way.pending === 0) signal?.throwIfAborted();
      const step = attempt(way, Math.min(pace.piece, length - moved), others.length > 0);
      if (typeof step === "string") {
        if (yielding.try()) continue;
        await wait(readiness, step, from, to, signal);
        yielding.waited();
        pace.turned();
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
      yielding.moved(step);
      pace.moved(step);
      if (pace.isOver) await pace.turn();
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
