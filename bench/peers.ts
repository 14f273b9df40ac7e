/** Peers that a machine may lack. */
import type { Side } from "./harness.ts";

/** A peer, or why it is missing. */
export interface Peer {
  readonly sides: readonly Side[];
  readonly notes: readonly string[];
}

function peer(program: string, side: (program: string) => Side): Peer {
  const path = Bun.which(program);
  return path === null
    ? { sides: [], notes: [`${program} is not on PATH: skipped`] }
    : { sides: [side(path)], notes: [] };
}

export function nodeSide(side: (program: string) => Side): Peer {
  return peer("node", side);
}

export function pythonSide(side: (program: string) => Side): Peer {
  return peer("python3", side);
}
