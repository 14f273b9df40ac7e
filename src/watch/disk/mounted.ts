/**
 * What is mounted below paths.
 *
 * @module
 */
import { closeQuietly } from "../../events/intake.ts";
import { O, read } from "../../syscalls/fd.ts";
import { AT, openat_quietly } from "../../syscalls/open.ts";
import { keyOf } from "../tree/paths.ts";
import { MADE_UP } from "./file-systems.ts";

/** Bytes of one read: the kernel gives no more. */
const CHUNK = 4096;

/** What is written as its octal number. */
const ESCAPED = /[ \t\n\\]/g;

/** What those numbers are in a path. */
const OCTAL = /\\([0-7]{3})/g;

/** Something that is mounted. */
export interface Mounted {
  readonly path: Uint8Array;
  /** What the kernel calls its file system. */
  readonly type: string;
}

/** Whether anything is. It may be, as long as nobody can tell; and what is mounted of such a path elsewhere counts as well. */
export function isMountedBelow(paths: Iterable<Uint8Array>): boolean {
  const text = table();
  if (text === undefined) return true;
  for (const path of paths) {
    // Not even a second one may be there.
    if (path.length === 1) return text.indexOf("\n") !== text.length - 1;
    if (text.includes(` ${keyOf(path).replace(ESCAPED, octal)}/`)) return true;
  }
  return false;
}

/** What is mounted below a path, but for file systems that the kernel makes up. */
export function mountedBelow(path: Uint8Array): Mounted[] {
  const prefix = path.length === 1 ? "/" : `${keyOf(path)}/`;
  const found: Mounted[] = [];
  for (const line of table()?.split("\n") ?? []) {
    const [fields = "", rest = ""] = line.split(" - ");
    const type = rest.split(" ")[0] ?? "";
    const target = (fields.split(" ")[4] ?? "").replace(OCTAL, unescaped);
    if (target.startsWith(prefix) && target !== prefix && !MADE_UP.has(type))
      found.push({ path: Buffer.from(target, "latin1"), type });
  }
  return found;
}

/** The kernel's list of mounts, its bytes as text, if it can be read. */
function table(): string | undefined {
  const fd = openat_quietly(AT.FDCWD, "/proc/self/mountinfo", O.RDONLY | O.CLOEXEC);
  if (fd === -1) return undefined;
  let text = "";
  try {
    const bytes = new Uint8Array(CHUNK);
    for (;;) {
      const length = read(fd, bytes);
      if (length === 0) return text;
      text += keyOf(bytes, 0, length);
    }
  } finally {
    closeQuietly(fd);
  }
}

function octal(character: string): string {
  return `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
}

function unescaped(_: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 8));
}
