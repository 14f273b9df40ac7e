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

/** A path as the user calls it. */
export interface GivenPath extends Anchor {
  /** Absolute, its bytes as text: `real` is where that leads at the moment. */
  readonly given: string;
  /** The directories of links on the way. */
  readonly linked: readonly Uint8Array[];
}

/** Where a name of a directory leads: what the link says that it is, or `undefined` if it is none. */
type Lead = (dir: string, name: string, isLast: boolean) => string | undefined;

/** A path as it was given, and absolute and without links. */
export function resolvePath(path: PathLike): GivenPath {
  const text = cstring(path, "path");
  const bytes = Buffer.from(typeof text === "string" ? text : text.slice(0, -1));
  if (bytes.length === 0) throw new TypeError("Cannot take path: it is empty");
  // Without slashes at its end.
  let end = bytes.length;
  while (end > 1 && bytes[end - 1] === SLASH) end--;
  const shown = bytes.subarray(0, end);
  const name = keyOf(shown);
  const absolute = shown[0] === SLASH ? name : `${keyOf(Buffer.from(process.cwd()))}/${name}`;
  const given = `/${namesIn(absolute).join("/")}`;
  const linked = new Set<string>();
  const real = realOf(given, linked);
  const latin1 = (one: string): Buffer => Buffer.from(one, "latin1");
  return { shown, real: latin1(real), given, linked: [...linked].map(latin1) };
}

/**
 * Follows a path as the kernel does. Not what is there now is asked for its path, as `realpath` does: that may be renamed between the
 * two, and its other path be returned, which nobody has asked for.
 *
 * @param path Absolute, its bytes as text.
 * @returns The same without links: of one that leads nowhere where something is to be, of one too many the link.
 */
export function follow(path: string, lead: Lead): string {
  let rest = namesIn(path).toReversed();
  let real = "";
  let links = 0;
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === "..") {
      real = real.slice(0, Math.max(real.lastIndexOf("/"), 0));
      continue;
    }
    const target = lead(real === "" ? "/" : real, name, rest.length === 0);
    if (target === undefined || links++ === MOST_LINKS) {
      real += `/${name}`;
      continue;
    }
    if (target.startsWith("/")) real = "";
    rest = rest.concat(namesIn(target).toReversed());
  }
  return real === "" ? "/" : real;
}

/** The path of a name in a directory. */
export function pathIn(dir: string, name: string): string {
  return dir === "/" ? `/${name}` : `${dir}/${name}`;
}

/**
 * Where an absolute path leads now, its bytes as text.
 *
 * @param linked Takes the directories of links on the way.
 */
export function realOf(path: string, linked?: Set<string>): string {
  return follow(path, (dir, name) => {
    const target = targetOf(Buffer.from(pathIn(dir, name), "latin1"));
    if (target !== undefined) linked?.add(dir);
    return target;
  });
}

/** What a link says, its bytes as text, if it is one. Most of what is on the way is a directory. */
function targetOf(path: Buffer): string | undefined {
  const fd = openat_quietly(AT.FDCWD, path, DIRECTORY);
  if (fd === -1) return look(path)?.kind === KIND.SYMLINK ? readLink(path) : undefined;
  close(fd);
  return undefined;
}

/** The same of one that is there still. Only a program that has links pays for node:fs. */
export function readLink(path: Buffer): string | undefined {
  try {
    return keyOf(builtin("node:fs").readlinkSync(path, "buffer"));
  } catch {
    return undefined;
  }
}

/** The names that a path is made of. */
function namesIn(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
