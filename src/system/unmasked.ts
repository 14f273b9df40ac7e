/**
 * The signal mask that this process was started with, for children.
 *
 * @module
 */
import { builtin } from "../libc.ts";
import { gettid } from "../syscalls/getpid.ts";
import {
  pthread_sigmask,
  SIG_HOW,
  sigemptyset,
  sigfillset,
  type Sigset,
} from "../syscalls/signal.ts";

let original: Sigset | undefined;

/**
 * Calls a function while this thread blocks those signals only that the process was started with, so that a process
 * which it starts begins like that: with `SIGTERM` blocked, a child can't be asked to end.
 *
 * A `Signalfd` blocks nothing, and needs this only for a process that was itself started with signals blocked which it takes. It is for
 * programs that block signals themselves, with `pthread_sigmask`.
 *
 * @param fn What starts the process, synchronously: `Bun.spawn`, `Bun.spawnSync`, `spawn` and others of
 * `node:child_process`. What it does after an `await` is no longer covered.
 * @returns What it returns.
 *
 * @example
 * ```ts
 * import { unmasked } from "bun-butter";
 * import { spawn } from "node:child_process";
 *
 * const child = unmasked(() => spawn("sleep", ["1000"]));
 * child.on("exit", (code, signal) => console.log(signal)); // SIGTERM
 * child.kill();
 * ```
 */
export function unmasked<T>(fn: () => T): T {
  const mask = pthread_sigmask(SIG_HOW.SETMASK, (original ??= originalMask()));
  try {
    return fn();
  } finally {
    pthread_sigmask(SIG_HOW.SETMASK, mask);
  }
}

/**
 * What every other thread has blocked: each inherited what the process was started with, and nobody unblocks that
 * for them.
 */
function originalMask(): Sigset {
  const { readdirSync, readFileSync } = builtin("node:fs");
  const self = `${gettid()}`;
  let common: Sigset | undefined;
  for (const tid of readdirSync("/proc/self/task")) {
    if (tid === self) continue;
    try {
      const status = readFileSync(`/proc/self/task/${tid}/status`, "latin1");
      const blocked = /^SigBlk:\t([0-9a-f]+)$/m.exec(status)?.[1];
      if (blocked !== undefined) common = (common ?? sigfillset()) & BigInt(`0x${blocked}`);
    } catch {
      // It has just ended.
    }
  }
  return common ?? sigemptyset();
}
