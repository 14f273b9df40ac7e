/** Changes that the kernel tells nobody of. */
import { instant } from "./clock.ts";

/** Of a mapping that is collected the kernel tells that its writer has closed the file. */
const kept: Uint8Array[] = [];

/** Writes to a file through a mapping, which stays: when the clock of file systems, which goes in steps, is past what was done before. */
export function poke(path: string, text: string = "TEXT"): void {
  const past = Date.now() + 1;
  while (instant("REALTIME_COARSE") < past);
  const mapping = Bun.mmap(path);
  mapping.set(Buffer.from(text));
  kept.push(mapping);
}
