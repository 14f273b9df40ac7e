/** Which descriptors this process has, for tests that must leave none behind. */
import { readdirSync, readlinkSync } from "node:fs";

import { emulated } from "./capabilities.ts";

/** What is open, by descriptor, without the one that the look itself needs. */
export function openDescriptors(): ReadonlyMap<number, string> {
  const open = new Map<number, string>();
  for (const name of readdirSync("/proc/self/fd")) {
    try {
      open.set(Number(name), readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // The look itself.
    }
  }
  return open;
}

/** How many descriptors are open. */
export function descriptorCount(): number {
  return openDescriptors().size;
}

/** Under emulation a thread takes the place of the kernel's poll, and Bun opens some of its own for it, when it likes. */
const OWN = emulated ? 6 : 0;

/**
 * Resolves when as many descriptors are open as before, with that number, or with how many there are
 * if they stay. Bun closes those of its own streams in another thread, soon after.
 */
export async function descriptorsBackTo(count: number): Promise<number> {
  const giveUp = performance.now() + 2000;
  while (descriptorCount() > count + OWN && performance.now() < giveUp) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const open = descriptorCount();
  return open > count + OWN ? open : Math.min(open, count);
}
