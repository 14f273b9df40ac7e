/**
 * Where temporary trees are, and that none stays: not when its process exits, and not long when that is killed.
 *
 * @module
 */
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { statfs } from "../syscalls/statfs.ts";

const TMPFS_MAGIC = 0x01021994n;
const ST_RDONLY = 1n;
const ST_NOEXEC = 8n;

/** A tree's directory is called so, then by whose it is: pid namespace and process. */
const PREFIX = "butter-tree-";

/** How often a removal that a program disturbs is tried again. */
const TRIES = 100;

/** Those of this thread that are there. */
const standing = new Set<string>();
/** Where trees of killed processes were looked for. */
const swept = new Set<string>();
let place: string | undefined;

/** A tmpfs in which programs can be run, or where temporary files are. */
function placeOf(): string {
  return (place ??= [tmpdir(), "/dev/shm"].find(isFit) ?? tmpdir());
}

function isFit(path: string): boolean {
  try {
    const { f_type, f_flags } = statfs(path);
    if (f_type !== TMPFS_MAGIC || (f_flags & (ST_RDONLY | ST_NOEXEC)) !== 0n) return false;
    rmSync(mkdtempSync(join(path, PREFIX)), { recursive: true });
    return true;
  } catch {
    return false;
  }
}

/** Makes a directory that is removed at the end of the process if not before. */
export function makeDirectory(parent: string = placeOf()): string {
  const real = realpathSync(parent);
  if (swept.size === 0) process.on("exit", removeAll);
  if (!swept.has(real)) sweep(real);
  swept.add(real);
  const path = mkdtempSync(join(real, `${PREFIX}${pidNamespace()}-${process.pid}-`));
  standing.add(path);
  return path;
}

function removeAll(): void {
  for (const path of standing) {
    try {
      removeDirectory(path);
    } catch {
      // Nobody hears it any more. The others still go.
    }
  }
}

/** Removes a directory of {@linkcode makeDirectory}, with what is in it. Nothing if it is gone. */
export function removeDirectory(path: string): void {
  remove(path);
  standing.delete(path);
}

function remove(path: string): void {
  for (let tries = 1; ; tries++) {
    try {
      return rmSync(path, { recursive: true, force: true });
    } catch (error) {
      const code = codeOf(error);
      // A program still writes there, or took itself the right to.
      if (tries === TRIES || !["ENOTEMPTY", "EEXIST", "EACCES", "EPERM"].includes(code))
        throw error;
      if (code === "EACCES" || code === "EPERM") open(path);
    }
  }
}

/** Gives the owner every right in directories. */
function open(path: string): void {
  try {
    chmodSync(path, 0o700);
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isDirectory()) open(join(path, entry.name));
  } catch {
    // It is not ours, or gone; the removal says so.
  }
}

/** Which pid namespace this process's number is from. */
function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
  } catch {
    return "0";
  }
}

/** Removes trees of processes of ours that were killed. Best effort: nobody asked for these. */
function sweep(parent: string): void {
  try {
    // Without a /proc that knows this process by its number, nothing is known about the others.
    if (readlinkSync("/proc/self") !== `${process.pid}`) return;
    const start = `${PREFIX}${pidNamespace()}-`;
    for (const name of readdirSync(parent)) {
      const [pid] = name.startsWith(start) ? name.slice(start.length).split("-") : [];
      if (pid === undefined || !/^\d+$/.test(pid) || isThere(`/proc/${pid}`)) continue;
      const path = join(parent, name);
      const stat = lstatSync(path);
      if (stat.isDirectory() && stat.uid === process.geteuid?.()) remove(path);
    }
  } catch {
    // Another process removes the same, or it can't be removed.
  }
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    return codeOf(error) !== "ENOENT";
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
