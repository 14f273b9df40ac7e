/**
 * What is mounted below paths.
 *
 * @module
 */
import { closeQuietly, readBuffer } from "../events/intake.ts";
import { O, read_nonblock } from "../syscalls/fd.ts";
import { AT, openat_quietly } from "../syscalls/open.ts";
import { keyOf } from "./paths.ts";

const OCTAL = /\\([0-7]{3})/g;

/** Whether anything is. It may be, as long as nobody can tell. */
export function isMountedBelow(paths: readonly Uint8Array[]): boolean {
  const tops = paths.map((path) => (path.length === 1 ? "/" : `${keyOf(path)}/`));
  const fd = openat_quietly(AT.FDCWD, "/proc/self/mountinfo", O.RDONLY | O.CLOEXEC);
  if (fd === -1) return true;
  let text = "";
  try {
    const buffer = readBuffer();
    for (;;) {
      const length = read_nonblock(fd, buffer);
      if (length <= 0) break;
      text += keyOf(buffer.bytes, 0, length);
    }
  } finally {
    closeQuietly(fd);
  }
  return text.split("\n").some((line) => {
    const point = (line.split(" ", 5)[4] ?? "").replace(OCTAL, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 8)),
    );
    return point !== "/" && tops.some((top) => point.startsWith(top));
  });
}
