/**
 * Where a file is that somebody opened, as this process sees it.
 *
 * @module
 */
import { readlinkSync } from "node:fs";

import { AT, close, name_to_handle_at, O, open_by_handle_at, openat } from "../syscalls/index.ts";

/** A path, with its exact bytes if it is not UTF-8. */
export interface HomePath {
  readonly path: string;
  readonly pathBytes?: Uint8Array;
}

/**
 * Finds files by their handles. Through a mount of another process, which needs no privilege for that, a file has a path
 * that means nothing here, and any name: but its handle is the same.
 */
export class HomePaths implements Disposable {
  readonly #mount: number;

  /** @param directory On the file system that the files are on. */
  constructor(directory: Uint8Array) {
    this.#mount = openat(AT.FDCWD, directory, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  }

  /** `undefined` if it has none here, or its file system has no handles. */
  of(fd: number): HomePath | undefined {
    let here = -1;
    try {
      const { handle } = name_to_handle_at(fd, "", AT.EMPTY_PATH);
      // To have only its path is no open that waits for a decision.
      here = open_by_handle_at(this.#mount, handle, O.PATH | O.CLOEXEC);
      const pathBytes = readlinkSync(`/proc/self/fd/${here}`, "buffer");
      const path = pathBytes.toString();
      return Buffer.from(path).equals(pathBytes) ? { path } : { path, pathBytes };
    } catch {
      return undefined;
    } finally {
      if (here !== -1) close(here);
    }
  }

  [Symbol.dispose](): void {
    close(this.#mount);
  }
}
