/**
 * What it is that bytes are moved from, or to.
 *
 * @module
 */
import type { Stats } from "node:fs";

import { ERRNO, ValueError } from "../errors.ts";
import { builtin, type FdLike, fileno } from "../libc.ts";
import { F, fcntl, O } from "../syscalls/fd.ts";

/** What a descriptor is, as far as it matters to who moves bytes. */
export type Kind = "file" | "device" | "pipe" | "other";

/** What is asked of a descriptor before bytes are moved. */
export interface End {
  readonly kind: Kind;
  /** Bytes, of a file. Those of /proc say that they have none. */
  readonly size: number;
  /** The same for all descriptors of one file, pipe or socket; seldom that of another. */
  readonly id: string;
}

/** `O_ACCMODE` */
export const ACCESS = O.WRONLY | O.RDWR;

/**
 * Asks what a descriptor is, and whether it is open for what is wanted: it would be found out only after the first bytes were
 * taken from the other end.
 *
 * @throws {ValueError} `EBADF`: not open, or not for that.
 */
export function endOf(fd: FdLike, use: "read" | "write"): End {
  const number = fileno(fd);
  const stats = statsOf(number);
  const other = use === "read" ? O.WRONLY : O.RDONLY;
  if ((fcntl(number, F.GETFL) & ACCESS) === other) {
    throw new ValueError(ERRNO.EBADF[0], {
      syscall: use,
      path: `${number}`,
      hint: `the descriptor is not open to ${use}`,
    });
  }
  return { kind: kindOf(stats), size: stats.size, id: idOf(stats) };
}

/** What {@linkcode End} has as `id`. */
export function idOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

/** Whether two descriptors are of one file or one pipe: what is moved from there to there never ends. */
export function isEndless(from: FdLike, source: End, to: FdLike, target: End): boolean {
  if (source.id !== target.id || (source.kind !== "file" && source.kind !== "pipe")) return false;
  // A number can't tell the inodes that some file systems have, beyond 2 to the 53rd.
  const [one, two] = [from, to].map((fd) =>
    builtin("node:fs").fstatSync(fileno(fd), { bigint: true }),
  );
  return one?.ino === two?.ino;
}

function kindOf(stats: Stats): Kind {
  if (stats.isFile()) return "file";
  if (stats.isBlockDevice()) return "device";
  return stats.isFIFO() ? "pipe" : "other";
}

/** What the file system tells of a descriptor. */
export function statsOf(fd: number): Stats {
  try {
    return builtin("node:fs").fstatSync(fd);
  } catch (error) {
    // Ours, and not Node's, is the error of one that is not open.
    fcntl(fd, F.GETFL);
    throw error;
  }
}
