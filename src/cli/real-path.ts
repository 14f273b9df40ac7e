/**
 * Where a path leads to.
 *
 * @module
 */
import { readlinkSync } from "node:fs";

import { AT, close, O, openat } from "../syscalls/index.ts";

/**
 * The path without symbolic links, from the root on, as exact bytes.
 *
 * @param flags `O` members beside `PATH`: `O.DIRECTORY`.
 * @throws {OSError} There is no such path.
 */
export function realPath(path: string | Uint8Array, flags = 0): Uint8Array {
  const fd = openat(AT.FDCWD, path, O.PATH | O.CLOEXEC | flags);
  try {
    return readlinkSync(`/proc/self/fd/${fd}`, "buffer");
  } finally {
    close(fd);
  }
}

/** A directory, and what is below it. */
export class Tree {
  readonly #text: string;
  /** Its exact bytes, if they are not UTF-8. */
  readonly #bytes: Uint8Array | undefined;

  /** @param path As {@linkcode realPath} has it. */
  constructor(path: Uint8Array) {
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(path);
    const isText = Buffer.from(text).equals(path);
    this.#text = text === "/" ? "" : text;
    this.#bytes = isText ? undefined : path;
  }

  /**
   * The path of something from the directory on, `""` for the directory itself; `undefined` if it is elsewhere.
   *
   * @param bytes The exact bytes, if they are not UTF-8.
   */
  relative(path: string | undefined, bytes?: Uint8Array): string | undefined {
    if (path === undefined || !this.#begins(path, bytes)) return undefined;
    if (path.length === this.#text.length) return "";
    return path[this.#text.length] === "/" ? path.slice(this.#text.length + 1) : undefined;
  }

  #begins(path: string, bytes: Uint8Array | undefined): boolean {
    if (this.#bytes === undefined) return path.startsWith(this.#text);
    return (
      bytes !== undefined &&
      Buffer.compare(bytes.subarray(0, this.#bytes.length), this.#bytes) === 0
    );
  }
}
