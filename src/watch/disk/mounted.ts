/**
 * What is mounted below paths.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import { O, read } from "../../syscalls/fd.ts";
import { AT, openat_quietly } from "../../syscalls/open.ts";
import { keyOf } from "../tree/paths.ts";

/** Bytes of one read: the kernel gives no more. */
const CHUNK = 4096;

/** What is written as its octal number. */
const ESCAPED = /[ \t\n\\]/g;

/** Whether anything is. It may be, as long as nobody can tell; and what is mounted of such a path elsewhere counts as well. */
export function isMountedBelow(paths: Iterable<Uint8Array>): boolean {
  const fd = openat_quietly(AT.FDCWD, "/proc/self/mountinfo", O.RDONLY | O.CLOEXEC);
  if (fd === -1) return true;
  let text = "";
  try {
    const bytes = new Uint8Array(CHUNK);
    for (;;) {
      const length = read(fd, bytes);
      if (length === 0) break;
      text += keyOf(bytes, 0, length);
    }
  } finally {
    closeQuietly(fd);
  }
  for (const path of paths) {
    // Not even a second one may be there.
    if (path.length === 1) return text.indexOf("\n") !== text.length - 1;
    if (text.includes(` ${keyOf(path).replace(ESCAPED, octal)}/`)) return true;
  }
  return false;
}

function octal(character: string): string {
  return `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
}
