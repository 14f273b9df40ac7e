/** Calls that the library has not: not every libc has a function for some of them. */
import { dlopen } from "bun:ffi";

import { libcPath } from "../../src/libc.ts";

const isX64 = process.arch === "x64";
const [RENAMEAT2, TGKILL] = isX64 ? [316, 234] : [276, 131];

const { syscall: rename } = dlopen(libcPath(), {
  syscall: { args: ["i64", "i64", "buffer", "i64", "buffer", "i64"], returns: "i64" },
}).symbols;

const { syscall: kill } = dlopen(libcPath(), {
  syscall: { args: ["i64", "i64", "i64", "i64"], returns: "i64" },
}).symbols;

const { flock: lock } = dlopen(libcPath(), {
  flock: { args: ["i32", "i32"], returns: "i32" },
}).symbols;

/** Shared, and exclusive. */
export const LOCK = { SH: 1, EX: 2 } as const;

/** Locks an open file, and waits for that. It returns 0, or -1. */
export function flock(fd: number, operation: number): number {
  return lock(fd, operation);
}

/** Sends a signal to one thread. It returns 0, or -1. */
export function tgkill(pid: number, tid: number, signo: number): number {
  return Number(kill(TGKILL, pid, tid, signo));
}

/** Renames by paths that end in NUL. It returns 0, or -1. */
export function renameat2(
  olddirfd: number,
  oldpath: Uint8Array,
  newdirfd: number,
  newpath: Uint8Array,
  flags: number,
): number {
  return Number(rename(RENAMEAT2, olddirfd, oldpath, newdirfd, newpath, flags));
}
