/**
 * The paths of entries, put together from the names above them when they are needed, and files reached by them however
 * long they are.
 *
 * @module
 */
import { type Pinned, pinned, PinnedString } from "../../libc.ts";
import { close, O } from "../../syscalls/fd.ts";
import { AT, openat } from "../../syscalls/open.ts";
import { FLAG, type NameBytes, type Node, NONE } from "./node.ts";
import type { Tree } from "./tree.ts";

/** A path. */
export interface PathName {
  /** As text; bytes that are not UTF-8 became U+FFFD. */
  readonly text: string;
  /** The exact bytes, only if they are not UTF-8. */
  readonly bytes: Uint8Array | undefined;
}

/** Where the path of an entry begins, if not with that of its parent. */
export interface Anchor {
  /** What the user calls it. */
  readonly shown: Uint8Array;
  /** What the kernel finds it by. */
  readonly real: Uint8Array;
}

/** The longest path that the kernel takes, without its NUL. */
const PATH_MAX = 4095;

const SLASH = 0x2f;
const DOT = 0x2e;
const encoder = new TextEncoder();
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes as a name. */
export function nameOf(bytes: Uint8Array): NameBytes {
  return { bytes, start: 0, end: bytes.length };
}

/** The same name in memory of its own. */
export function copyOf({ bytes, start, end }: NameBytes): NameBytes {
  return nameOf(bytes.slice(start, end));
}

/** Whether a name stands for the directory that it is in, or the one above. */
export function isDot(bytes: Uint8Array, start: number, length: number): boolean {
  return bytes[start] === DOT && (length === 1 || (length === 2 && bytes[start + 1] === DOT));
}

/** Bytes as text of one character each, for keys. */
export function keyOf(bytes: Uint8Array, start: number = 0, end: number = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

/** Text as a name. */
export function nameOfText(text: string): NameBytes {
  return nameOf(encoder.encode(text));
}

/** Bytes as text, and as what they are if that is not UTF-8. */
export function pathName(bytes: Uint8Array): PathName {
  const text = lenient.decode(bytes);
  if (!text.includes("\uFFFD")) return { text, bytes: undefined };
  try {
    strict.decode(bytes);
    return { text, bytes: undefined };
  } catch {
    return { text, bytes: bytes.slice() };
  }
}

/** What tells paths and names apart, as text: those that are not UTF-8 may be shown by the same one. */
export function keyOfPath({ text, bytes }: PathName): string {
  return bytes === undefined ? text : `\0${keyOf(bytes)}`;
}

/** The path of one call after another, in memory that is used again. */
class CallPath {
  // Its last byte stays the NUL.
  readonly #block: Pinned = pinned(PATH_MAX + 1);
  readonly bytes: Uint8Array = this.#block.bytes;
  readonly string: PinnedString = new PinnedString(this.#block);
}

/** Paths of one tree. */
export class Paths {
  readonly #tree: Tree;
  readonly #anchors = new Map<Node, Anchor>();
  readonly #above: Node[] = [];
  /** The directory of what was asked for last, as what its entries' paths begin with: a moment's events are of one, mostly. */
  #dir: Node = NONE;
  #dirPlaces = -1;
  #dirShown: string | undefined;
  #dirReal: string | undefined;
  /** What was asked for last, and its name. */
  #node: Node = NONE;
  #nodeRenewals = -1;
  #nodeName: string | undefined;
  #nodeShown: PathName | undefined;
  #call: CallPath | undefined;
  /** The directory whose path that begins with, and where it ends: many calls in a row are about what is in one directory. */
  #callDir: Node = NONE;
  #callPlaces = -1;
  #callEnd = 0;

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** Lets the path of an entry begin there. */
  anchor(node: Node, anchor: Anchor): void {
    this.#dirPlaces = this.#nodeRenewals = this.#callPlaces = -1;
    this.#anchors.set(node, anchor);
    this.#tree.set(node, FLAG.ANCHOR);
  }

  /** Lets the path of an entry follow from its parent's again. */
  release(node: Node): void {
    this.#dirPlaces = this.#nodeRenewals = this.#callPlaces = -1;
    this.#anchors.delete(node);
    this.#tree.clear(node, FLAG.ANCHOR);
  }

  /** As the user calls it: joined with the path that was given. */
  shown(node: Node): PathName {
    const name = this.#name(node);
    if (this.#nodeShown !== undefined) return this.#nodeShown;
    const isText = name !== undefined && this.#dirShown !== undefined;
    const shown = isText
      ? { text: this.#dirShown + name, bytes: undefined }
      : pathName(this.#join(node, "shown"));
    this.#nodeShown = shown;
    return shown;
  }

  /** As the kernel finds it: text, if it is short and UTF-8, which is the faster way. */
  place(node: Node): string | Uint8Array {
    const name = this.#name(node);
    if (name !== undefined && this.#dirReal !== undefined) {
      const path = this.#dirReal + name;
      // No character takes more bytes.
      if (path.length * 3 <= PATH_MAX) return path;
    }
    return this.#join(node, "real");
  }

  /** As the kernel finds it: absolute, joined with a name in it if there is one. The bytes are the caller's. */
  real(node: Node, name?: NameBytes): Uint8Array {
    return this.#join(node, "real", name);
  }

  /**
   * The same for one call, in memory that is used again: `undefined` if it is longer than the kernel takes, and
   * {@linkcode reach} walks it. Of `NONE` it is the name alone.
   */
  call(node: Node, name?: NameBytes): PinnedString | undefined {
    const { bytes, string } = (this.#call ??= new CallPath());
    if (name === undefined && this.#tree.has(node, FLAG.ANCHOR)) {
      this.#callPlaces = -1;
      const path = this.#join(node, "real");
      if (path.length > PATH_MAX) return undefined;
      bytes.set(path);
      bytes[path.length] = 0;
      return string;
    }
    const dir = name === undefined ? this.#tree.parent(node) : node;
    if (dir !== this.#callDir || this.#tree.places !== this.#callPlaces) this.#lead(dir, bytes);
    const length = name === undefined ? this.#tree.nameLength(node) : name.end - name.start;
    let end = this.#callEnd;
    if (end + length > PATH_MAX) return undefined;
    if (name === undefined) end += this.#tree.copyName(node, bytes, end);
    else
      for (let from = name.start; from < name.end; from++, end++)
        bytes[end] = name.bytes[from] ?? 0;
    bytes[end] = 0;
    return string;
  }

  /** Begins a path with that of a directory: mostly it is in the one before it, or that is in it. */
  #lead(dir: Node, bytes: Uint8Array): void {
    const tree = this.#tree;
    const before = this.#callDir;
    const isKept = tree.places === this.#callPlaces && this.#callEnd < PATH_MAX;
    this.#callDir = dir;
    this.#callPlaces = tree.places;
    if (isKept && this.#isStep(before, dir)) {
      this.#callEnd -= tree.nameLength(before) + 1;
      return;
    }
    const end = this.#callEnd + tree.nameLength(dir);
    if (isKept && end < PATH_MAX && this.#isStep(dir, before)) {
      tree.copyName(dir, bytes, this.#callEnd);
      bytes[end] = SLASH;
      this.#callEnd = end + 1;
      return;
    }
    const path = dir === NONE ? NOTHING : this.#join(dir, "real");
    this.#callEnd = path.length;
    if (path.length === 0 || path.length >= PATH_MAX) return;
    bytes.set(path);
    if (path.at(-1) !== SLASH) bytes[this.#callEnd++] = SLASH;
  }

  /** Whether the path of a directory is that of another one and its name. */
  #isStep(dir: Node, above: Node): boolean {
    const isIn = dir !== NONE && above !== NONE && this.#tree.parent(dir) === above;
    return isIn && !this.#tree.has(dir, FLAG.ANCHOR);
  }

  /** Its path below its root, joined with a name in it: `""` for the root. */
  relative(node: Node, name?: NameBytes): string {
    return pathName(this.#join(node, undefined, name)).text;
  }

  /** How many directories are between it and its root; 0 for the root. */
  level(node: Node): number {
    let level = 0;
    let at = node;
    while (at !== NONE && !this.#tree.has(at, FLAG.ANCHOR)) {
      at = this.#tree.parent(at);
      level++;
    }
    return level;
  }

  /** Keeps the path of a directory at hand. */
  #keep(dir: Node): void {
    const { places } = this.#tree;
    if (dir === this.#dir && places === this.#dirPlaces) return;
    this.#dir = dir;
    this.#dirPlaces = places;
    this.#dirShown = dir === NONE ? undefined : prefix(this.#join(dir, "shown"));
    this.#dirReal = dir === NONE ? undefined : prefix(this.#join(dir, "real"));
  }

  /** The name of an entry, if it is UTF-8 and its path follows from that of its directory, which is kept at hand. */
  #name(node: Node): string | undefined {
    const tree = this.#tree;
    if (
      node === this.#node &&
      tree.renewals === this.#nodeRenewals &&
      tree.parent(node) === this.#dir &&
      tree.places === this.#dirPlaces
    )
      return this.#nodeName;
    this.#node = node;
    this.#nodeShown = this.#nodeName = undefined;
    const dir = tree.parent(node);
    this.#keep(dir);
    this.#nodeRenewals = tree.renewals;
    if (dir === NONE || tree.has(node, FLAG.ANCHOR)) return undefined;
    const ascii = tree.text(node);
    if (ascii !== undefined) return (this.#nodeName = ascii);
    const name = lenient.decode(tree.name(node));
    this.#nodeName = name.includes("\uFFFD") ? undefined : name;
    return this.#nodeName;
  }

  #join(node: Node, from: keyof Anchor | undefined, name?: NameBytes): Uint8Array {
    const above = this.#above;
    above.length = 0;
    let length = name === undefined ? 0 : name.end - name.start + 1;
    let at = node;
    while (at !== NONE && !this.#tree.has(at, FLAG.ANCHOR)) {
      above.push(at);
      length += this.#tree.nameLength(at) + 1;
      at = this.#tree.parent(at);
    }
    const anchor = (from === undefined ? undefined : this.#anchors.get(at)?.[from]) ?? NOTHING;
    // No separator is needed before the first part, nor behind one that ends with one.
    const isOpen = anchor.length === 0 || anchor.at(-1) === SLASH;
    if (isOpen && length > 0) length--;
    const path = new Uint8Array(anchor.length + length);
    path.set(anchor);
    let end = anchor.length;
    const separate = (): void => {
      if (end > anchor.length || !isOpen) path[end++] = SLASH;
    };
    for (let index = above.length - 1; index >= 0; index--) {
      separate();
      end += this.#tree.copyName(above[index] ?? NONE, path, end);
    }
    if (name === undefined) return path;
    separate();
    for (let index = name.start; index < name.end; index++) path[end++] = name.bytes[index] ?? 0;
    return path;
  }
}

const NOTHING = new Uint8Array(0);

/** What the paths of a directory's entries begin with, if that is UTF-8. */
function prefix(dir: Uint8Array): string | undefined {
  const { text, bytes } = pathName(dir);
  if (bytes !== undefined) return undefined;
  return text === "" || text.endsWith("/") ? text : `${text}/`;
}

/**
 * Opens a path, however long it is.
 *
 * @param path Absolute.
 * @param flags `O` members.
 * @returns A descriptor for the caller to close.
 * @throws {OSError} What `openat` throws.
 */
export function openAbsolute(path: Uint8Array, flags: number): number {
  return path.length <= PATH_MAX
    ? openat(AT.FDCWD, path, flags)
    : reach(path, (dirfd, rest) => openat(dirfd, rest, flags));
}

/**
 * Calls `use` with a directory and a path from it that the kernel takes. A longer one is walked in parts.
 *
 * @param path Absolute.
 */
export function reach<T>(path: Uint8Array, use: (dirfd: number, path: Uint8Array) => T): T {
  if (path.length <= PATH_MAX) return use(AT.FDCWD, path);
  let dirfd: number = AT.FDCWD;
  let rest = path;
  try {
    while (rest.length > PATH_MAX) {
      const cut = rest.lastIndexOf(SLASH, PATH_MAX - 1);
      const next = openat(
        dirfd,
        rest.subarray(0, cut),
        O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC,
      );
      if (dirfd !== AT.FDCWD) close(dirfd);
      dirfd = next;
      rest = rest.subarray(cut + 1);
    }
    return use(dirfd, rest);
  } finally {
    if (dirfd !== AT.FDCWD) close(dirfd);
  }
}
