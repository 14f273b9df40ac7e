/** Changes that the kernel tells nobody of. */

/** Of a mapping that is collected the kernel tells that its writer has closed the file. */
const kept: Uint8Array[] = [];

/** Writes to a file through a mapping, which stays. */
export function poke(path: string, text: string = "TEXT"): void {
  const mapping = Bun.mmap(path);
  mapping.set(Buffer.from(text));
  kept.push(mapping);
}
