/**
 * Whether a thread of this process is still there. A Worker that was terminated is not, and has run no code at its end.
 *
 * @module
 */
import { builtin } from "../libc.ts";
import { gettid } from "../syscalls/getpid.ts";

/**
 * When a thread was started, in ticks since the machine was, which tells it from a later one with the same number; 0 if it is
 * gone, or /proc is not there.
 */
export function started(tid: number): number {
  try {
    const stat = builtin("node:fs").readFileSync(`/proc/self/task/${tid}/stat`, "latin1");
    // The name may hold blanks and parentheses. Field 3 is behind it, this one is 22.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]) | 0;
  } catch {
    return 0;
  }
}

/** Whether a thread has ended, as far as /proc tells. */
export function hasEnded(tid: number, since?: number): boolean {
  const now = started(tid);
  if (now !== 0) return since !== undefined && since !== 0 && now !== since;
  // Without /proc, or with another pid namespace's, this thread is not there either.
  return started(gettid()) !== 0;
}
