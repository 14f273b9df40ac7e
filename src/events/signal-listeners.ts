/**
 * `process.on("SIGTERM", …)` beside a signal that is taken.
 *
 * Bun installs a handler of its own for the first listener of a signal and removes it with the last one. A listener of
 * ours, held for as long as the signal is taken, is neither, so that listeners may come and go meanwhile. They are
 * not called then. Watching for them instead is no way: Bun tells of new ones only, and puts a handler that is not its own
 * back in such a way that it is called without the signal's `siginfo_t`.
 *
 * @module
 */
import { kill } from "../syscalls/kill.ts";
import { SIG, SIG_HANDLER, type Sigaction, sigaction, sigemptyset } from "../syscalls/signal.ts";
import { signalName } from "./signal-names.ts";

interface Held {
  readonly listener: () => void;
  /** What Bun does about the signal when somebody listens. */
  readonly action: Sigaction;
  /** Whether somebody did. */
  readonly listened: boolean;
}

const held = new Map<number, Held>();

const DEFAULT: Sigaction = { sa_handler: SIG_HANDLER.DFL, sa_mask: sigemptyset(), sa_flags: 0 };

/** Listens, before the handler is installed. A Worker's listeners are never called, and need nothing. */
export function hold(signo: number): void {
  if (!Bun.isMainThread || signo > SIG.SYS) return;
  const name = signalName(signo);
  const listened = process.listenerCount(name) > 0;
  // Called for what came after this and before the handler was there: sent once more, it is not lost.
  const listener = (): void => kill(process.pid, signo);
  process.on(name, listener);
  held.set(signo, { listener, action: sigaction(signo, null), listened });
}

/**
 * Listens no more, before the handler is removed.
 *
 * @param before What the process did about the signal before it was taken.
 * @returns What it has to do now.
 */
export function release(signo: number, before: Sigaction): Sigaction {
  const was = held.get(signo);
  if (was === undefined) return before;
  held.delete(signo);
  const name = signalName(signo);
  process.off(name, was.listener);
  if (process.listenerCount(name) > 0) return was.action;
  return was.listened ? DEFAULT : before;
}
