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

const SEPARATOR = Buffer.of(SLASH);
const NOTHING = Buffer.alloc(0);

/** Links on the way to a path, as many as the kernel follows. */
const MOST_LINKS = 40;

/** A path as it was given, and absolute and without links as far as it is there. */
export function resolvePath(path: PathLike): Anchor {
  const given = cstring(path, "path");
  const bytes = typeof given === "string" ? Buffer.from(given) : Buffer.from(given.slice(0, -1));
  if (bytes.length === 0) throw new TypeError("Cannot take path: it is empty");
  const shown = trimmed(bytes);
  const absolute =
    shown[0] === SLASH ? shown : Buffer.concat([Buffer.from(`${process.cwd()}/`), shown]);
  return { shown, real: realOf(absolute) };
}

/**
 * An absolute path without links, but for those that lead nowhere. Not what is there now is asked for its path, as `realpath` does:
 * that may be renamed between the two, and its other path be returned, which nobody has asked for.
 */
function realOf(path: Uint8Array): Uint8Array {
  const rest = partsOf(path).toReversed();
  let real = NOTHING;
  let links = 0;
  for (let part = rest.pop(); part !== undefined; part = rest.pop()) {
    const isDots = part.every((byte) => byte === DOT);
    if (part.length === 0 || (isDots && part.length === 1)) continue;
    if (isDots && part.length === 2) {
      real = real.subarray(0, Math.max(real.lastIndexOf(SLASH), 0));
      continue;
    }
    const next = Buffer.concat([real, SEPARATOR, part]);
    const target = links < MOST_LINKS ? targetOf(next) : undefined;
    if (target === undefined) real = next;
    else {
      links++;
      if (target[0] === SLASH) real = NOTHING;
      rest.push(...partsOf(target).toReversed());
    }
  }
  return real.length === 0 ? SEPARATOR : real;
}

/** Where a link leads, if it is one, and leads anywhere. Only a program that has links pays for node:fs. */
function targetOf(path: Buffer): Uint8Array | undefined {
  if (look(path)?.kind !== KIND.SYMLINK || look(path, true) === undefined) return undefined;
  try {
    return builtin("node:fs").readlinkSync(path, "buffer");
  } catch {
    return undefined;
  }
}

function partsOf(path: Uint8Array): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0, end = 0; end < path.length; start = end + 1) {
    end = path.indexOf(SLASH, start);
    if (end === -1) end = path.length;
    parts.push(Buffer.from(path.subarray(start, end)));
  }
  return parts;
}

/** Without slashes at its end. */
function trimmed(path: Buffer): Buffer {
  let end = path.length;
  while (end > 1 && path[end - 1] === SLASH) end--;
  return path.subarray(0, end);
}
