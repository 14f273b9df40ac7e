import { heapStats } from "bun:jsc";
/** What this process has, for those that count it. */
import { readdirSync } from "node:fs";

/** KiB that are resident when nothing more can be collected. */
export async function resident(): Promise<number> {
  let least = Infinity;
  for (let times = 0; times < 5; times++) {
    Bun.gc(true);
    // What is finalized is freed in a later turn.
    await Bun.sleep(20);
    least = Math.min(least, process.memoryUsage.rss() / 1024);
  }
  return least;
}

/** KiB of the JavaScript heap. */
export function heap(): number {
  return heapStats().heapSize / 1024;
}

/** Descriptors that are open, without the one that the look itself needs. */
export function descriptors(): number {
  return readdirSync("/proc/self/fd").length - 1;
}
