/**
 * What the user calls a path, as the kernel finds it.
 *
 * @module
 */
import { builtin, cstring, type PathLike } from "../../libc.ts";
import { close, O } from "../../syscalls/fd.ts";
import { AT, openat_quietly } from "../../syscalls/open.ts";
import { KIND } from "../tree/node.ts";
import { type Anchor, keyOf } from "../tree/paths.ts";
import { look } from "./look.ts";

const SLASH = 0x2f;

/** Links on the way to a path, as many as the kernel follows. */
export const MOST_LINKS = 40;

/** A directory, and no link to one. */
const DIRECTORY = O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;

/** A path as it was given, and absolute and without links as far as it is there. */
export function resolvePath(path: PathLike): Anchor {
  const given = cstring(path, "path");
  const bytes = Buffer.from(typeof given === "string" ? given : given.slice(0, -1));
  if (bytes.length === 0) throw new TypeError("Cannot take path: it is empty");
  // Without slashes at its end.
  let end = bytes.length;
  while (end > 1 && bytes[end - 1] === SLASH) end--;
  const shown = bytes.subarray(0, end);
  const text = keyOf(shown);
  const absolute = shown[0] === SLASH ? text : `${keyOf(Buffer.from(process.cwd()))}/${text}`;
  return { shown, real: Buffer.from(realOf(absolute), "latin1") };
}

/**
 * An absolute path without links, but for those that lead nowhere, its bytes as text. Not what is there now is asked for its path, as
 * `realpath` does: that may be renamed between the two, and its other path be returned, which nobody has asked for.
 */
function realOf(path: string): string {
  let rest = path.split("/").toReversed();
  let real = "";
  let links = 0;
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      real = real.slice(0, Math.max(real.lastIndexOf("/"), 0));
      continue;
    }
    const next = `${real}/${part}`;
    const target = links < MOST_LINKS ? targetOf(Buffer.from(next, "latin1")) : undefined;
    if (target === undefined) {
      real = next;
      continue;
    }
    links++;
    if (target.startsWith("/")) real = "";
    rest = rest.concat(target.split("/").toReversed());
  }
  return real === "" ? "/" : real;
}

/** Where a link leads, if it is one, and leads anywhere. Most of what is on the way is a directory. */
function targetOf(path: Buffer): string | undefined {
  const fd = openat_quietly(AT.FDCWD, path, DIRECTORY);
  if (fd === -1) return linkAt(path);
  close(fd);
  return undefined;
}

/** The same of what is no directory. Only a program that has links pays for node:fs. */
function linkAt(path: Buffer): string | undefined {
  const isLink = look(path)?.kind === KIND.SYMLINK;
  return isLink && look(path, true) !== undefined ? readLink(path) : undefined;
}

/** What a link says, its bytes as text, if it is there still. */
export function readLink(path: Buffer): string | undefined {
  try {
    return keyOf(builtin("node:fs").readlinkSync(path, "buffer"));
  } catch {
    return undefined;
  }
}
