/**
 * Which signals this thread takes from the process, by a handler, and what was there before.
 *
 * Bun has many threads, and the kernel gives a signal to any of them that does not block it. A thread can block signals
 * only for itself; and where Bun's event loop waits, it has none blocked, whatever its thread has (`epoll_pwait2` with an empty
 * set). So a signal that waits in the kernel to be read, as signalfd(2) has it, kills or interrupts, and again and again while nobody
 * reads: 90 % of a processor. The handler therefore takes it in whatever thread it comes, and writes its `siginfo_t`, all that the kernel
 * knows of it, to a pipe. No thread's mask is changed, and children inherit none.
 *
 * @module
 */
import { ERRNO, OSError, ValueError } from "../errors.ts";
import type { Pinned } from "../libc.ts";
import { write } from "../syscalls/fd.ts";
import { kill, read_siginfo, rt_sigqueueinfo } from "../syscalls/kill.ts";
import { SIGINFO_SIZE } from "../syscalls/pidfd.ts";
import {
  pthread_sigmask,
  SIG,
  SIG_HOW,
  sigaction,
  sigaddset,
  sigemptyset,
  sigismember,
  SIGRTMAX,
  SIGRTMIN,
} from "../syscalls/signal.ts";
import { INSTEAD } from "./signal-handler-code.ts";
import * as listeners from "./signal-listeners.ts";
import { signalName } from "./signal-names.ts";
import { Page } from "./signal-page.ts";

const fault = "a thread that is at fault gets it, and Bun reports its own crashes with it";

/** Why a signal can't be taken. */
const refused: ReadonlyMap<number, string> = new Map<number, string>([
  [SIG.KILL, "the kernel lets no process take it"],
  [SIG.STOP, "the kernel lets no process take it"],
  [SIG.PWR, "Bun's JavaScript engine stops its threads with it"],
  [SIG.SEGV, fault],
  [SIG.ILL, fault],
  [SIG.TRAP, fault],
  [SIG.BUS, fault],
  [SIG.FPE, fault],
  [SIG.ABRT, fault],
  [SIG.SYS, fault],
]);

/** Why a signal can't be taken; `undefined` if it can. */
export function reasonToRefuse(signo: number): string | undefined {
  if (signo > SIG.SYS && signo < SIGRTMIN()) return "libc uses it between its threads";
  return refused.get(signo);
}

/** Every signal that can be taken. */
export function takeable(): number[] {
  const all = Array.from({ length: SIGRTMAX() }, (_, at) => at + 1);
  return all.filter((signo) => reasonToRefuse(signo) === undefined);
}

/** For each signal that this thread takes the pipes that want it, the one that gets it last. */
const pipes = new Map<number, number[]>();

/** This thread's copy of the handler. */
let own: Page | undefined;

/**
 * Takes signals: from now on they are written to a pipe.
 *
 * @throws {ValueError} `EBUSY`: another thread takes one. None is taken then.
 * @throws {PermissionError} `EACCES`: this system lets no memory become executable.
 */
export function take(signals: readonly number[], pipe: number): void {
  const done: number[] = [];
  try {
    for (const signo of signals) {
      const wanting = pipes.get(signo) ?? [];
      if (wanting.length === 0) install(signo, pipe);
      else own?.direct(signo, pipe);
      pipes.set(signo, [...wanting, pipe]);
      done.push(signo);
    }
  } catch (error) {
    giveBack(done, pipe);
    throw error;
  }
}

/**
 * Gives signals back: to the pipe that wanted them before, or to the process as it was. Nothing is written to this one
 * afterwards.
 */
export function giveBack(signals: readonly number[], pipe: number): void {
  for (const signo of signals) {
    const wanting = (pipes.get(signo) ?? []).filter((other) => other !== pipe);
    const next = wanting.at(-1);
    if (next === undefined) {
      pipes.delete(signo);
      uninstall(signo);
    } else {
      pipes.set(signo, wanting);
      own?.direct(signo, next);
    }
  }
  if (signals.length > 0) own?.settle();
}

/** Sends a signal again that was written to a pipe: to the one that wants it now, or to the process. */
export function resend(info: Pinned): void {
  const si_signo = read_siginfo(info, 0)?.si_signo ?? 0;
  const pipe = pipes.get(si_signo)?.at(-1);
  try {
    if (pipe === undefined) rt_sigqueueinfo(process.pid, si_signo, info);
    else write(pipe, info, SIGINFO_SIZE);
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    // Only the main thread may say that it was kill(2) or the kernel, or too many are queued. So without what it says.
    kill(process.pid, si_signo);
  }
}

/** How often each of these signals came while there was no room for it, since this was asked last. */
export function lost(signals: readonly number[]): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const signo of signals) {
    const times = own?.takeLost(signo) ?? 0;
    if (times > 0) found.set(signo, times);
  }
  return found;
}

/** Installs the handler again where somebody has replaced it, and remembers what they put there as what there was before. */
export function reinstall(): void {
  for (const signo of pipes.keys()) {
    const now = sigaction(signo, null);
    if (own === undefined || own.is(now.sa_handler)) continue;
    own.save(signo, { ...own.before(signo), action: now });
    sigaction(signo, own.action);
  }
}

function install(signo: number, pipe: number): void {
  const page = (own ??= Page.create());
  const now = sigaction(signo, null);
  const other = Page.at(now.sa_handler);
  if (other?.alive === true) throw busy(signo, other);
  const blocked = sigismember(pthread_sigmask(SIG_HOW.BLOCK, null), signo);
  // Without its owner, a Worker that was terminated, it still knows what there was before.
  const before = other?.before(signo) ?? { action: now, blocked };
  listeners.hold(signo);
  page.save(signo, before);
  page.takeLost(signo);
  page.direct(signo, pipe);
  const replaced = sigaction(signo, page.action);
  const faster = Page.at(replaced.sa_handler);
  if (faster?.alive === true && !page.is(replaced.sa_handler)) {
    // Another thread, by a moment.
    sigaction(signo, replaced);
    listeners.release(signo, replaced);
    page.direct(signo, INSTEAD.GIVEN_BACK);
    throw busy(signo, faster);
  }
  // It is so in every thread, and nobody would ever get it.
  if (blocked) pthread_sigmask(SIG_HOW.UNBLOCK, sigaddset(sigemptyset(), signo));
}

function uninstall(signo: number): void {
  if (own === undefined) return;
  const before = own.before(signo);
  if (before.blocked) pthread_sigmask(SIG_HOW.BLOCK, sigaddset(sigemptyset(), signo));
  const action = listeners.release(signo, before.action);
  const ours = own.is(sigaction(signo, null).sa_handler);
  if (ours) sigaction(signo, action);
  // What somebody else has put there since is theirs, and may end with a call of ours.
  own.direct(signo, ours ? INSTEAD.GIVEN_BACK : INSTEAD.BROKEN);
}

function busy(signo: number, { owner }: Page): ValueError {
  return new ValueError(ERRNO.EBUSY[0], {
    syscall: "Signalfd",
    path: signalName(signo),
    hint: `thread ${owner} of this process takes it, and a signal goes to one thread: take it there and post it`,
  });
}
