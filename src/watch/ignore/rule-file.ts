/**
 * Files with rules, as anybody may have put them into a tree: a pipe, a device or a file without end can be there as well.
 *
 * @module
 */
import { ERRNO, OSError } from "../../errors.ts";
import { closeQuietly } from "../../events/intake.ts";
import { type PathLike, pinned } from "../../libc.ts";
import { O, read } from "../../syscalls/fd.ts";
import { AT, openat } from "../../syscalls/open.ts";
import { read_statx, S, STATX, statx, STATX_SIZE } from "../../syscalls/stat.ts";
import { Gitignore } from "./gitignore.ts";

/** Bytes of a file whose rules count: each of them may be compared with every name. */
const LONGEST = 1024 * 1024;

const CHUNK_SIZE = 32 * 1024;

/** What says that there is no such file. */
const NONE: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

/**
 * Reads rules.
 *
 * @param dirfd Where the path begins.
 * @returns `undefined` if no file is there.
 * @throws {PermissionError} `EACCES`: it may not be read.
 * @throws {OSError} `EFBIG`: it is longer than a megabyte. `EMFILE`, `ENFILE`: at a descriptor limit. `EIO`, and others of open(2) and read(2).
 */
export function readRules(dirfd: number, path: Uint8Array): Gitignore | undefined {
  let fd = -1;
  try {
    // To open a pipe or a device does something, whoever waits at its other end: a file is opened, and may be another one by then.
    // Git does not follow links either: they could make it read what is outside of the tree.
    if (!isFile(dirfd, path, AT.SYMLINK_NOFOLLOW)) return undefined;
    fd = openat(dirfd, path, O.RDONLY | O.NONBLOCK | O.CLOEXEC | O.NOFOLLOW);
    if (!isFile(fd, "", AT.EMPTY_PATH)) return undefined;
    return new Gitignore(contentOf(fd));
  } catch (error) {
    if (error instanceof OSError && NONE.has(error.code)) return undefined;
    throw error;
  } finally {
    closeQuietly(fd);
  }
}

function isFile(dirfd: number, path: PathLike, flags: number): boolean {
  using stat = pinned(STATX_SIZE);
  statx(dirfd, path, flags | AT.NO_AUTOMOUNT, STATX.TYPE, stat);
  return (read_statx(stat).stx_mode & S.IFMT) === S.IFREG;
}

function contentOf(fd: number): Uint8Array {
  using chunk = pinned(CHUNK_SIZE);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const count = read(fd, chunk);
    if (count === 0) return Buffer.concat(chunks, length);
    length += count;
    if (length > LONGEST) {
      const hint = "its rules do not count, because it is longer than a megabyte";
      throw new OSError(ERRNO.EFBIG[0], { syscall: "read", hint });
    }
    chunks.push(chunk.bytes.slice(0, count));
  }
}
