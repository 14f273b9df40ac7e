/**
 * How a process ended, from whoever tells: the kernel has three places for it, none of which has all.
 *
 * @module
 */
import { OSError } from "../errors.ts";
import { builtin } from "../libc.ts";
import { fd_info } from "../syscalls/fd.ts";
import { CLD, ioctl_pidfd_get_info, P, PIDFD_INFO, W, waitid } from "../syscalls/pidfd.ts";
import { signalName } from "./signal-names.ts";

/** How a process ended. Neither is there if the kernel does not tell it to this process. */
export interface PidfdEvent {
  /** What it exited with, 0 to 255. */
  readonly exitCode: number | undefined;
  /** What killed it: `"SIGTERM"`, `"SIGRTMIN+3"`. */
  readonly signal: string | undefined;
}

/**
 * How the process of a pidfd that is readable ended. It is left to be waited for by its parent, which
 * may be Bun in this process.
 *
 * Of a child `waitid` tells, until somebody waits for it. Of what was waited for `PIDFD_GET_INFO` tells, since
 * Linux 6.15. Of a process that is neither, /proc tells, to those who may trace it.
 */
export function exitOf(fd: number): PidfdEvent {
  return (
    ofChild(fd) ??
    ofWaitedFor(fd) ??
    ofZombie(fd) ??
    // Its parent may have waited for it just now.
    ofWaitedFor(fd) ?? { exitCode: undefined, signal: undefined }
  );
}

function ofChild(fd: number): PidfdEvent | undefined {
  const info = tolerant(() => waitid(P.PIDFD, fd, W.EXITED | W.NOHANG | W.NOWAIT));
  if (info === undefined) return undefined;
  const { si_code, si_status } = info;
  return si_code === CLD.EXITED ? exited(si_status) : killed(si_status);
}

function ofWaitedFor(fd: number): PidfdEvent | undefined {
  const info = tolerant(() => ioctl_pidfd_get_info(fd, PIDFD_INFO.EXIT));
  if (info === undefined || (info.mask & PIDFD_INFO.EXIT) === 0n) return undefined;
  return ofStatus(info.exit_code);
}

function ofZombie(fd: number): PidfdEvent | undefined {
  const pid = fd_info(fd, "Pid");
  if (!(Number(pid) > 0)) return undefined;
  const { readFileSync, readlinkSync } = builtin("node:fs");
  const stat = codeOr(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
  // The exit status is 0 there for those who may not trace it. This tells whether we may.
  const exe = codeOr(() => readlinkSync(`/proc/${pid}/exe`));
  // Until here the number was not another's: that would be -1 by now.
  if (fd_info(fd, "Pid") !== pid || exe === "EACCES") return undefined;
  // From the state on, which is the third field: the second is a name that may hold anything.
  const fields = stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
  const [state, status] = [fields[0], fields[49]];
  return state !== "Z" || status === undefined ? undefined : ofStatus(Number(status));
}

/** What `wait(2)` calls a status. */
function ofStatus(status: number): PidfdEvent {
  const signo = status & 0x7f;
  return signo === 0 ? exited((status >> 8) & 0xff) : killed(signo);
}

function exited(exitCode: number): PidfdEvent {
  return { exitCode, signal: undefined };
}

function killed(signo: number): PidfdEvent {
  return { exitCode: undefined, signal: signalName(signo) };
}

/** What the kernel has to tell; `undefined` if it refuses. */
function tolerant<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof OSError && error.code !== "EBADF") return undefined;
    throw error;
  }
}

/** What a look at /proc returns, or the code of its error. */
function codeOr(look: () => string): string {
  try {
    return look();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "";
  }
}
