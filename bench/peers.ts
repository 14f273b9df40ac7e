/** Peers that a machine may lack. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Side } from "./harness.ts";
import { scratch } from "./machine.ts";

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

let modules: string | undefined;

/** A directory with other packages, for the time of this run; `""` if they can't be installed. */
export function packages(...names: readonly string[]): string {
  if (modules !== undefined) return modules;
  const dir = scratch();
  writeFileSync(join(dir, "package.json"), "{}");
  const { exitCode } = Bun.spawnSync([process.execPath, "add", "--exact", ...names], { cwd: dir });
  return (modules = exitCode === 0 ? dir : "");
}
