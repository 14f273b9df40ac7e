/**
 * Which of many names are in a directory: all that is in a small one is read in the time in which three names are looked at.
 *
 * @module
 */
import { type Pinned, pinned } from "../../libc.ts";
import {
  getdents64_quietly,
  linux_dirent64_rows,
  read_linux_dirents64_rows,
} from "../../syscalls/dirent.ts";
import type { NameSet } from "../tree/name-set.ts";
import { ROW } from "../tree/node.ts";
import { isExact } from "./file-systems.ts";

/** Fewer names are looked at one by one. */
const LEAST = 8;

/** Bytes of a directory's entries: some two hundred. */
const BUFFER_SIZE = 8192;

let buffer: Pinned | undefined;
let rows: Int32Array | undefined;

/**
 * Looks which names are in a directory.
 *
 * @param fd Of the directory, of which nothing was read.
 * @returns 1 for each name that may be there, by its place; `undefined` if a look at each of them is better, or tells more.
 */
export function listed(fd: number, names: NameSet): Uint8Array | undefined {
  // A name that is not among those that another file system lists may be there all the same.
  if (names.size < LEAST || !isExact(fd)) return undefined;
  buffer ??= pinned(BUFFER_SIZE);
  rows ??= linux_dirent64_rows(BUFFER_SIZE);
  const length = getdents64_quietly(fd, buffer);
  const found = new Uint8Array(names.size);
  const count = length > 0 ? read_linux_dirents64_rows(buffer, length, rows) : 0;
  for (let row = 0; row < count * ROW.LENGTH; row += ROW.LENGTH) {
    const start = rows[row + ROW.NAME] ?? 0;
    const end = start + (rows[row + ROW.BYTES] ?? 0);
    const index = names.indexOf({ bytes: buffer.bytes, start, end });
    if (index !== -1) found[index] = 1;
  }
  // More than the buffer took, or it can't be read.
  return length > 0 && getdents64_quietly(fd, buffer) === 0 ? found : undefined;
}
