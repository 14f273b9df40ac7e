/**
 * What the user calls a path, as the kernel finds it.
 *
 * @module
 */
import { builtin, cstring, type PathLike } from "../libc.ts";
import { look } from "./look.ts";
import type { Anchor } from "./paths.ts";
import { KIND } from "./tree.ts";

const SLASH = 0x2f;
const DOT = 0x2e;

/** A path as it was given, and absolute and without links as far as it is there. */
export function resolvePath(path: PathLike): Anchor {
  const given = cstring(path, "path");
  const bytes = typeof given === "string" ? Buffer.from(given) : Buffer.from(given.slice(0, -1));
  if (bytes.length === 0) throw new TypeError("Cannot take path: it is empty");
  const shown = trimmed(bytes);
  const absolute =
    shown[0] === SLASH ? shown : Buffer.concat([Buffer.from(`${process.cwd()}/`), shown]);
  return { shown, real: isReal(absolute) ? absolute : realOf(absolute) };
}

/**
 * Whether an absolute path is without links, as most are. To load node:fs for those costs a program that starts as much as all
 * else that is done until it watches.
 */
function isReal(path: Buffer): boolean {
  for (let start = 0; start < path.length;) {
    const slash = path.indexOf(SLASH, start + 1);
    const end = slash === -1 ? path.length : slash;
    const isDot = path[start + 1] === DOT && (end === start + 2 || path[start + 2] === DOT);
    const isPart = end > start + 1 && !isDot;
    const kind = isPart ? look(path.subarray(0, end))?.kind : undefined;
    if (kind !== KIND.DIRECTORY && (end < path.length || kind !== KIND.FILE)) return false;
    start = end;
  }
  return path.length > 1;
}

function realOf(path: Buffer): Uint8Array {
  try {
    // Bytes in, bytes out.
    return Buffer.from(builtin("node:fs").realpathSync.native(path, "buffer"));
  } catch {
    const slash = path.lastIndexOf(SLASH);
    if (slash <= 0) return path;
    const name = path.subarray(slash + 1);
    const parent = Buffer.from(realOf(trimmed(path.subarray(0, slash))));
    const text = name.toString("latin1");
    if (text === "." || text === "") return parent;
    if (text === "..") return parent.subarray(0, Math.max(parent.lastIndexOf(SLASH), 1));
    return Buffer.concat([parent, Buffer.from(parent.length === 1 ? "" : "/"), name]);
  }
}

/** Without slashes at its end. */
function trimmed(path: Buffer): Buffer {
  let end = path.length;
  while (end > 1 && path[end - 1] === SLASH) end--;
  return path.subarray(0, end);
}
