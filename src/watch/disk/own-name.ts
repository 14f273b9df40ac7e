/**
 * What an open directory is called by the one that it is in.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import { pinned } from "../../libc.ts";
import { DT, getdents64, read_linux_dirents64 } from "../../syscalls/dirent.ts";
import { O } from "../../syscalls/fd.ts";
import { openat } from "../../syscalls/open.ts";
import { identity } from "../tree/node.ts";
import { isDot } from "../tree/paths.ts";
import { lookAt } from "./look.ts";

const BUFFER_SIZE = 32_768;

const ABOVE = O.RDONLY | O.DIRECTORY | O.CLOEXEC | O.NONBLOCK;

/**
 * Looks for its name among all that are there, as `getcwd` does where the kernel does not say a path, because that is longer than it
 * writes down.
 *
 * @returns `undefined` if it is not there, or something else is mounted.
 * @throws {OSError} What it is in can't be read.
 */
export function ownName(fd: number): Uint8Array | undefined {
  const ino = lookAt(fd)?.ino;
  using buffer = pinned(BUFFER_SIZE);
  const above = openat(fd, "..", ABOVE);
  const { bytes } = buffer;
  try {
    for (;;) {
      const length = getdents64(above, buffer);
      if (length === 0) return undefined;
      let found: Uint8Array | undefined;
      read_linux_dirents64(buffer, length, (low, high, type, start, len) => {
        if (type !== DT.DIR && type !== DT.UNKNOWN) return;
        if (identity(low, high) === ino && !isDot(bytes, start, len))
          found = bytes.slice(start, start + len);
      });
      if (found !== undefined) return found;
    }
  } finally {
    closeQuietly(above);
  }
}
