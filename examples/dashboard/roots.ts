/** The trees that are watched, and what may be said of what is in them. Nothing outside of them has a path here. */
import { fstatSync, realpathSync, statSync } from "node:fs";

import { close, O, openat } from "bun-butter/syscalls";

/** Where something is. */
export interface Place {
  /** Its root's index. */
  readonly root: number;
  /** Below the root. */
  readonly path: string;
}

/** What is said of a file. */
export interface Details {
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** Bytes. */
  readonly size: number;
  /** Permissions, as in C. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

export class Roots {
  /** Absolute, and without symbolic links, as the kernel names what is in them. */
  readonly paths: readonly string[];
  /** The innermost first. */
  readonly #byLength: readonly (readonly [path: string, index: number])[];

  /** @throws {Error} One is no directory. */
  constructor(dirs: readonly string[]) {
    this.paths = [...new Set(dirs.map(realDirectory))];
    this.#byLength = [...this.paths.entries()]
      .map(([index, path]) => [path, index] as const)
      .toSorted(([a], [b]) => b.length - a.length);
  }

  /** Where an absolute path is, if it is in one of the trees. */
  place(path: string | undefined): Place | undefined {
    if (path === undefined) return undefined;
    for (const [root, index] of this.#byLength) {
      if (path === root) return { root: index, path: "" };
      const top = root === "/" ? root : `${root}/`;
      if (path.startsWith(top)) return { root: index, path: path.slice(top.length) };
    }
    return undefined;
  }

  /**
   * Looks at what is there now. The way goes from the root through directories alone: `..` and links lead nowhere, also
   * if somebody puts one there meanwhile.
   *
   * @returns `undefined` if there is no such thing in the tree.
   */
  look({ root, path }: Place): Details | undefined {
    const top = this.paths[root];
    const names = path === "" ? [] : path.split("/");
    if (top === undefined || path.includes("\0")) return undefined;
    if (names.some((name) => name === "" || name === "." || name === "..")) return undefined;
    let fd = -1;
    try {
      fd = openat(-100, top, O.PATH | O.DIRECTORY | O.CLOEXEC);
      for (const [index, name] of names.entries()) {
        const isLast = index === names.length - 1;
        const next = openat(fd, name, O.PATH | O.NOFOLLOW | O.CLOEXEC | (isLast ? 0 : O.DIRECTORY));
        close(fd);
        fd = next;
      }
      return detailsOf(fd);
    } catch {
      return undefined;
    } finally {
      if (fd !== -1) close(fd);
    }
  }
}

function realDirectory(dir: string): string {
  const problem = (why: string): Error => new Error(`cannot watch ${JSON.stringify(dir)}: ${why}`);
  let isDirectory: boolean;
  try {
    isDirectory = statSync(dir).isDirectory();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw problem("there is no such directory");
    if (code === "EACCES") throw problem("this user may not look there");
    throw problem(code ?? String(error));
  }
  if (!isDirectory) throw problem("it is not a directory");
  return realpathSync(dir);
}

function detailsOf(fd: number): Details {
  const stat = fstatSync(fd);
  const kind = stat.isFile()
    ? "file"
    : stat.isDirectory()
      ? "directory"
      : stat.isSymbolicLink()
        ? "symlink"
        : "other";
  const { size, uid, gid, nlink: links, mtimeMs: modified } = stat;
  return { kind, size, mode: stat.mode & 0o7777, uid, gid, links, modified };
}
