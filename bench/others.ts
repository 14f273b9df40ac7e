/** How quiet the machine is: what other programs do meanwhile. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

/** Where utime, stime, cutime and cstime begin behind the name: proc_pid_stat(5). */
const UTIME = 12;

/** Ticks of processor time since the start: of everybody, and of this process with the children that it has waited for. */
function ticks(): { readonly all: number; readonly own: number } {
  const [, user, nice, system, , , irq, softirq, steal] = numbers("/proc/stat", /^cpu .*/);
  // What is before the fields may have spaces in it.
  const own = numbers("/proc/self/stat", /\).*/).slice(UTIME, UTIME + 4);
  return {
    all: sum([user, nice, system, irq, softirq, steal]),
    own: sum(own),
  };
}

function numbers(file: string, part: RegExp): readonly number[] {
  const [text = ""] = part.exec(readFileSync(file, "utf8")) ?? [];
  return text.split(/\s+/).map(Number);
}

function sum(parts: readonly (number | undefined)[]): number {
  return parts.reduce<number>((before, part) => before + (part ?? 0), 0);
}

/** Begins to count. What it returns says how many percent of all processors others have used since. */
export function countOthers(): () => number {
  const before = ticks();
  const began = performance.now();
  return () => {
    const { all, own } = ticks();
    const used = all - before.all - (own - before.own);
    const there = ((performance.now() - began) / 10) * availableParallelism();
    return Math.max(0, Math.round((100 * used) / there));
  };
}
