/**
 * Which signals this thread takes from the process, by a handler, and what was there before.
 *
 * Bun has many threads, and the kernel gives a signal to any of them that does not block it. A thread can block signals
 * only for itself; and where Bun's event loop waits, it has none blocked, whatever its thread has (`epoll_pwait2` with an empty
 * set). So a signal that waits in the kernel to be read, as signalfd(2) has it, kills or interrupts, and again and again while nobody
 * reads: 90 % of a processor. The handler therefore takes it in whatever thread it comes, and writes its `siginfo_t`, all that the kernel
 * knows of it, to a pipe. No thread's mask is changed, and children inherit none.
 *
 * What a process does about a signal is one for all threads, and native code, Bun's listeners and other threads change it as they like: they
 * may put a handler back that they had saved, at any time. So one that finds that nobody takes its signal, or that who did is
 * gone, makes the process do what it did before, and sends the signal again: whatever is left over somewhere removes itself.
 * Threads that take signals and give them back do so one after the other.
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
  SA,
  SIG,
  SIG_HANDLER,
  SIG_HOW,
  type Sigaction,
  sigaction,
  sigaddset,
  sigemptyset,
  sigismember,
  SIGRTMAX,
  SIGRTMIN,
} from "../syscalls/signal.ts";
import { GIVEN_BACK } from "./signal-handler-code.ts";
import { isDeserted, unwatch, watch } from "./signal-listeners.ts";
import { exclusively } from "./signal-lock.ts";
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

/** Who takes signals. */
export interface Taker {
  /** Where they are written to. */
  readonly pipe: number;
  /** For each signal how often there was no room for it. */
  readonly lost: Map<number, number>;
}

/** For each signal that this thread takes who wants it. The last one gets it. */
const takers = new Map<number, readonly Taker[]>();

/** This thread's copy of the handler. */
let own: Page | undefined;

/** Of these the signals that this thread had blocked before. */
const blocked = new Set<number>();

const DEFAULT: Sigaction = { sa_handler: SIG_HANDLER.DFL, sa_mask: sigemptyset(), sa_flags: 0 };

/**
 * Takes signals: from now on they are written to a pipe.
 *
 * @throws {ValueError} `EBUSY`: another thread takes one. None is taken then.
 * @throws {PermissionError} `EACCES`: this system lets no memory become executable.
 */
export function take(signals: readonly number[], taker: Taker): void {
  if (signals.length === 0) return;
  exclusively(() => {
    const page = (own ??= Page.create());
    for (const signo of signals) refuseIfBusy(page, signo);
    const done: number[] = [];
    try {
      for (const signo of signals) {
        const others = takers.get(signo) ?? [];
        takers.set(signo, [...others, taker]);
        done.push(signo);
        if (others.length === 0) install(page, signo, taker.pipe);
        else page.direct(signo, taker.pipe);
        page.settle();
        collect(page, signo, others.at(-1));
      }
    } catch (error) {
      giveBack(done, taker);
      throw error;
    }
  });
}

/**
 * Gives signals back: to who wanted them before, or to the process as it was. Nothing is written to this one's pipe
 * afterwards.
 */
export function giveBack(signals: readonly number[], taker: Taker): void {
  const page = own;
  if (page === undefined || signals.length === 0) return;
  exclusively(() => {
    for (const signo of signals) {
      const others = takers.get(signo) ?? [];
      const left = others.filter((other) => other !== taker);
      const next = left.at(-1);
      if (next === undefined) {
        takers.delete(signo);
        uninstall(page, signo);
      } else {
        takers.set(signo, left);
        page.direct(signo, next.pipe);
      }
      page.settle();
      collect(page, signo, others.at(-1));
    }
  });
}

/** Sends a signal again that was written to a pipe: to the one that wants it now, or to the process. */
export function resend(info: Pinned): void {
  const si_signo = read_siginfo(info, 0)?.si_signo ?? 0;
  const taker = takers.get(si_signo)?.at(-1);
  try {
    if (taker === undefined) rt_sigqueueinfo(process.pid, si_signo, info);
    else write(taker.pipe, info, SIGINFO_SIZE);
  } catch (error) {
    if (!(error instanceof OSError)) throw error;
    // Only the main thread may say that it was kill(2) or the kernel, or too many are queued. So without what it says.
    kill(process.pid, si_signo);
  }
}

/** How often each signal came to one while there was no room for it, since this was asked last. */
export function takeLost(signals: readonly number[], taker: Taker): ReadonlyMap<number, number> {
  for (const signo of signals)
    if (own !== undefined && takers.get(signo)?.at(-1) === taker) collect(own, signo, taker);
  const lost = new Map(taker.lost);
  taker.lost.clear();
  return lost;
}

/** Lets the ones that take its signals now tell what one has not told. */
export function passOnLost({ lost }: Taker): void {
  for (const [signo, times] of lost) addLost(takers.get(signo)?.at(-1), signo, times);
  lost.clear();
}

/** Writes down what was lost while a signal was one's own. */
function collect(page: Page, signo: number, taker: Taker | undefined): void {
  addLost(taker, signo, page.takeLost(signo));
}

function addLost(taker: Taker | undefined, signo: number, times: number): void {
  if (times > 0) taker?.lost.set(signo, (taker.lost.get(signo) ?? 0) + times);
}

/**
 * Installs the handler again where somebody has replaced it, and remembers what they put there as what the process does
 * about the signal otherwise.
 */
export function reinstall(): void {
  const page = own;
  if (page === undefined) return;
  for (const signo of takers.keys()) {
    if (isInstalled(page, sigaction(signo, null))) continue;
    exclusively(() => {
      if (rival(page, signo) !== undefined) return;
      page.save(signo, instead(signo, sigaction(signo, null)));
      sigaction(signo, page.action);
    });
  }
}

/** Whether it is called with all that the kernel knows of the signal, and uninterrupted. */
function isInstalled(page: Page, { sa_handler, sa_mask, sa_flags }: Sigaction): boolean {
  const { action } = page;
  return (
    sa_handler === action.sa_handler && sa_mask === action.sa_mask && sa_flags === action.sa_flags
  );
}

/** What the process does about a signal if it is not taken. */
function instead(signo: number, now: Sigaction): Sigaction {
  const found = Page.at(now);
  if (found === undefined) return now;
  // Bun puts it back without, after what it does when its last listener is gone.
  return (now.sa_flags & SA.SIGINFO) === 0 ? DEFAULT : found.saved(signo);
}

function install(page: Page, signo: number, pipe: number): void {
  watch(signo, reinstall);
  page.save(signo, instead(signo, sigaction(signo, null)));
  page.takeLost(signo);
  page.direct(signo, pipe);
  do {
    const replaced = sigaction(signo, page.action);
    page.save(signo, instead(signo, replaced));
    // A copy that nobody owned may just be putting back what it had saved.
    Page.at(replaced)?.settle();
  } while (!isInstalled(page, sigaction(signo, null)));
  if (!sigismember(pthread_sigmask(SIG_HOW.BLOCK, null), signo)) return;
  // It is so in every thread, and nobody would ever get it.
  blocked.add(signo);
  pthread_sigmask(SIG_HOW.UNBLOCK, sigaddset(sigemptyset(), signo));
}

function uninstall(page: Page, signo: number): void {
  if (blocked.delete(signo)) pthread_sigmask(SIG_HOW.BLOCK, sigaddset(sigemptyset(), signo));
  const now = sigaction(signo, null);
  const deserted = isDeserted(signo);
  // What somebody else has put there since is theirs.
  if (page.is(now)) put(page, signo, deserted ? DEFAULT : instead(signo, now));
  page.direct(signo, GIVEN_BACK);
  const left = sigaction(signo, null);
  unwatch(signo);
  // With the last listener Bun takes away even what is not its own, and does not put it back as it was.
  if (deserted) sigaction(signo, left);
}

/** Replaces the handler by what was there before. */
function put(page: Page, signo: number, action: Sigaction): void {
  page.save(signo, action);
  const replaced = sigaction(signo, action);
  if (isInstalled(page, replaced)) return;
  // Bun changed it in the main thread meanwhile, or was about to put the handler back.
  const changed = page.is(replaced) ? DEFAULT : replaced;
  page.save(signo, changed);
  sigaction(signo, changed);
}

function refuseIfBusy(page: Page, signo: number): void {
  const other = rival(page, signo);
  if (other === undefined) return;
  throw new ValueError(ERRNO.EBUSY[0], {
    syscall: "Signalfd",
    path: signalName(signo),
    hint: `thread ${other.owner} of this process takes it, and a signal goes to one thread: take it there and post it`,
  });
}

/** What another thread takes a signal with. */
function rival(page: Page, signo: number): Page | undefined {
  const now = sigaction(signo, null);
  const other = page.is(now) ? undefined : Page.at(now);
  return other?.takes(signo) === true ? other : undefined;
}
