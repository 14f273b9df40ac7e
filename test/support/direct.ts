/** Calls that not every libc has a function for. */
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
