/**
 * What left for outside before it was read: it is read where it is now, so that all that left with it can be told.
 *
 * @module
 */
import { closeQuietly } from "../events/intake.ts";
import { type Pinned, pinned } from "../libc.ts";
import { getdents64_quietly, read_linux_dirents64 } from "../syscalls/dirent.ts";
import { O } from "../syscalls/fd.ts";
import { openat_quietly } from "../syscalls/open.ts";
import type { Past, Sequel } from "./backend.ts";
import type { Directories } from "./directories.ts";
import { kindOfType, lookIn } from "./look.ts";
import { keyOf, nameOf, type Paths } from "./paths.ts";
import { identity, KIND, type Kind, type NameBytes, type Node, NONE, type Tree } from "./tree.ts";
import { OPEN } from "./watches.ts";

/** Bytes of a directory's entries. */
const BUFFER_SIZE = 32 * 1024;

const DOT = 0x2e;

/** Adds what was below directories at the time of what is told now, and is not known. */
export class Departure implements Disposable {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #directories: Directories;
  readonly #past: Past;
  readonly #buffer: Pinned = pinned(BUFFER_SIZE);

  constructor(tree: Tree, paths: Paths, directories: Directories, past: Past) {
    this.#tree = tree;
    this.#paths = paths;
    this.#directories = directories;
    this.#past = past;
  }

  /** @param id What the directory is. */
  read(dir: Node, id: Uint8Array): void {
    // What came a moment ago is told by who reads it, or not at all.
    const isMade = this.#directories.meets(dir) === true;
    if (isMade || this.#paths.level(dir) > this.#directories.depth) return;
    const below = new Map<Node, Uint8Array>();
    const sequel = this.#past.sequel(id);
    for (const [key, { comes, isDirectory, id: child }] of sequel) {
      if (comes) continue;
      const kind = isDirectory ? KIND.DIRECTORY : KIND.FILE;
      const node = this.#add(dir, nameOf(Buffer.from(key, "latin1")), kind, 0);
      if (isDirectory && node !== NONE) below.set(node, child);
    }
    const path = this.#past.open(id);
    const fd = path === -1 ? -1 : openat_quietly(path, ".", OPEN);
    closeQuietly(path);
    try {
      if (fd !== -1) this.#entries(dir, fd, sequel, below);
    } finally {
      closeQuietly(fd);
    }
    for (const [node, child] of below) this.read(node, child);
  }

  [Symbol.dispose](): void {
    this.#buffer[Symbol.dispose]();
  }

  #entries(
    dir: Node,
    fd: number,
    sequel: ReadonlyMap<string, Sequel>,
    below: Map<Node, Uint8Array>,
  ): void {
    const buffer = this.#buffer;
    const { bytes } = buffer;
    for (;;) {
      const length = getdents64_quietly(fd, buffer);
      if (length <= 0) return;
      read_linux_dirents64(buffer, length, (low, high, type, start, size) => {
        if (bytes[start] === DOT && (size === 1 || (size === 2 && bytes[start + 1] === DOT)))
          return;
        const name = { bytes, start, end: start + size };
        if (sequel.has(keyOf(bytes, start, name.end))) return;
        const kind = kindOfType(type) ?? lookIn(fd, name)?.kind;
        if (kind === undefined) return;
        const node = this.#add(dir, name, kind, identity(low, high));
        const child =
          kind === KIND.DIRECTORY && node !== NONE
            ? openat_quietly(fd, bytes.slice(start, name.end), O.PATH | O.NOFOLLOW | O.CLOEXEC)
            : -1;
        const inside = child === -1 ? undefined : this.#past.idOfOpen(child);
        if (inside !== undefined) below.set(node, inside);
        closeQuietly(child);
      });
    }
  }

  #add(dir: Node, name: NameBytes, kind: Kind, ino: number): Node {
    if (this.#directories.isIgnored(dir, name, kind === KIND.DIRECTORY)) return NONE;
    const known = this.#tree.find(dir, name);
    return known === NONE ? this.#directories.make(dir, name, kind, ino) : known;
  }
}
