/**
 * Names of files as the kernel reports them, decoded once: the same few names come again and
 * again, and a look at a table is cheaper than a new string.
 *
 * @module
 */
import type { Pinned } from "../libc.ts";

/** A decoded name. */
export interface Name {
  /** As text; bytes that are not UTF-8 became U+FFFD. */
  readonly text: string;
  /** The exact bytes, only if they are not UTF-8. */
  readonly bytes: Uint8Array | undefined;
}

interface Entry extends Name {
  /** The padded bytes as the kernel wrote them, in units of four. */
  readonly words: Int32Array;
}

const SLOTS = 2048;
const NONE: Name = { text: "", bytes: undefined };
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** A table of names; a new one takes the place of an old one with the same hash. */
export class NameCache {
  readonly #entries: (Entry | undefined)[] = Array.from({ length: SLOTS }, () => undefined);

  /**
   * The name at `offset`, NUL-padded to `length` bytes; both are multiples of four.
   * The caller has made sure that they are inside the buffer.
   */
  get(buffer: Pinned, offset: number, length: number): Name {
    if (length === 0) return NONE;
    const { words } = buffer;
    const first = offset >>> 2;
    const count = length >>> 2;
    let hash = length;
    for (let at = 0; at < count; at++)
      hash = Math.imul(hash ^ (words[first + at] ?? 0), 0x9e3779b1);
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const entry = this.#entries[slot];
    if (entry !== undefined && entry.words.length === count) {
      let at = 0;
      while (at < count && entry.words[at] === words[first + at]) at++;
      if (at === count) return entry;
    }
    const made = decode(buffer.bytes.slice(offset, offset + length));
    this.#entries[slot] = made;
    return made;
  }
}

function decode(padded: Uint8Array<ArrayBuffer>): Entry {
  const words = new Int32Array(padded.buffer, 0, padded.byteLength >>> 2);
  const nul = padded.indexOf(0);
  const bytes = nul === -1 ? padded : padded.subarray(0, nul);
  try {
    return { text: strict.decode(bytes), bytes: undefined, words };
  } catch {
    return { text: lenient.decode(bytes), bytes: bytes.slice(), words };
  }
}
