/** Scripts in a mount namespace of their own: what they mount is gone with them. */
import { accessSync, constants } from "node:fs";

import { can, emulated } from "./capabilities.ts";
import { bun, type ChildResult, run } from "./child.ts";

/** Whether a process may mount here. */
export const canMount: boolean = !emulated && can("CAP_SYS_ADMIN") && Bun.which("unshare") !== null;

/** Whether a file can be mounted as ext4 here. */
export const canLoop: boolean = canMount && Bun.which("mkfs.ext4") !== null && hasLoop();

function hasLoop(): boolean {
  try {
    accessSync("/dev/loop-control", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs TypeScript in another Bun process, with a mount namespace of its own. */
export async function runMounted(code: string): Promise<ChildResult> {
  const unshare = ["unshare", "--mount", "--propagation", "private"];
  return await run([...unshare, bun, "--eval", code]);
}
