/**
 * Memory that a pipe takes over:
 * {@link https://man7.org/linux/man-pages/man2/vmsplice.2.html | vmsplice(2)}.
 *
 * @module
 */
import type { Pinned } from "../libc.ts";
import { MAP, mmap_pinned } from "../syscalls/mman.ts";

/**
 * Pages that belong to nothing else. What libc's allocator gives shares its pages, and gets them again: a pipe that
 * holds them would be read with somebody else's contents.
 */
const giveable = new WeakSet<Pinned>();

/**
 * Memory to fill and {@linkcode PipeWriter.give} away.
 *
 * @param byteLength At least 1; takes up whole pages.
 * @throws {RangeError} `byteLength` is not an integer of at least 1.
 * @throws {MemoryError} `ENOMEM`.
 */
export function pages(byteLength: number): Pinned {
  if (byteLength === 0) throw new RangeError("Cannot take byteLength: 0 is not at least 1");
  const block = mmap_pinned(byteLength, MAP.PRIVATE | MAP.ANONYMOUS, -1, 0);
  giveable.add(block);
  return block;
}

/** Throws for memory that a pipe can't take over, or was given once already. */
export function takePages(block: Pinned): void {
  if (giveable.delete(block)) return;
  throw new TypeError("Cannot take block: expected memory that pages() made, and once");
}
