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
/** The highest bit of each byte of four. */
const NOT_ASCII = 0x80808080 | 0;
const NONE: Name = { text: "", bytes: undefined };
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A table of names; a new one takes the place of an old one with the same hash, but only when it comes for the second
 * time: most names of a storm of new files never do.
 */
export class NameCache {
  readonly #entries: (Entry | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
  /** The hash of the name that was seen last, by slot. */
  readonly #seen = new Int32Array(SLOTS);
  #buffer: Pinned | undefined;
  #latin1: Buffer = Buffer.alloc(0);

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
    let bits = 0;
    for (let at = 0; at < count; at++) {
      const word = words[first + at] ?? 0;
      bits |= word;
      hash = Math.imul(hash ^ word, 0x9e3779b1);
    }
    const slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    const entry = this.#entries[slot];
    if (entry !== undefined && entry.words.length === count) {
      let at = 0;
      while (at < count && entry.words[at] === words[first + at]) at++;
      if (at === count) return entry;
    }
    const name = this.#decode(buffer, offset, length, (bits & NOT_ASCII) === 0);
    if (this.#seen[slot] === hash) {
      const copy = words.slice(first, first + count);
      this.#entries[slot] = { text: name.text, bytes: name.bytes, words: copy };
    } else this.#seen[slot] = hash;
    return name;
  }

  #decode(buffer: Pinned, offset: number, length: number, ascii: boolean): Name {
    const { bytes } = buffer;
    const last = offset + length;
    let end = offset;
    while (end < last && bytes[end] !== 0) end++;
    if (!ascii) return nameOf(bytes.subarray(offset, end));
    if (this.#buffer !== buffer) {
      this.#buffer = buffer;
      this.#latin1 = Buffer.from(bytes.buffer);
    }
    return { text: this.#latin1.toString("latin1", offset, end), bytes: undefined };
  }
}

/** A name, or a path, that is not in a buffer of the kernel's. */
export function nameOf(bytes: Uint8Array): Name {
  try {
    return { text: strict.decode(bytes), bytes: undefined };
  } catch {
    return { text: lenient.decode(bytes), bytes: bytes.slice() };
  }
}

/** A name below a path. */
export function join(directory: Name, name: Name): Name {
  if (name.text === "") return directory;
  const text = directory.text === "/" ? `/${name.text}` : `${directory.text}/${name.text}`;
  if (directory.bytes === undefined && name.bytes === undefined) return { text, bytes: undefined };
  const [first, last] = [directory, name].map((part) => part.bytes ?? Buffer.from(part.text));
  const slash = directory.text === "/" ? "" : "/";
  return {
    text,
    bytes: Buffer.concat(
      [first ?? [], Buffer.from(slash), last ?? []].map((part) => new Uint8Array(part)),
    ),
  };
}
