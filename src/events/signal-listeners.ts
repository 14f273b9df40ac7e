/**
 * `process.on("SIGTERM", …)` beside a signal that is taken.
 *
 * Bun installs a handler of its own for the first listener of a signal; with the last one it makes the signal do what it does by
 * default, and then puts a handler that is not its own back, but in such a way that it is called without the signal's `siginfo_t`. In
 * between a signal ends the process. So a listener of ours, which does nothing, is there as long as others may come and go: neither
 * first nor last. Without any, Bun has nothing to do with the signal, and there is none of ours either.
 *
 * @module
 */
import { SIG } from "../syscalls/signal.ts";
import { signalName } from "./signal-names.ts";

const idle = (): void => {};

/** By name the signals that the main thread takes, and what to do when Bun has installed its handler. */
const watched = new Map<string | symbol, () => void>();

/** Called before a listener is there. */
function onNewListener(event: string | symbol): void {
  const installed = watched.get(event);
  if (installed === undefined || isHeld(event)) return;
  // Not to be called for the listener that this adds.
  watched.delete(event);
  process.on(event as "SIGTERM", idle);
  watched.set(event, installed);
  installed();
}

function isHeld(event: string | symbol): boolean {
  return process.listeners(event as "SIGTERM").includes(idle);
}

/**
 * Watches for listeners, before a signal is taken. A Worker's are never called, and need nothing.
 *
 * @param installed Called when Bun has installed its handler.
 */
export function watch(signo: number, installed: () => void): void {
  if (!Bun.isMainThread || signo > SIG.SYS) return;
  const name = signalName(signo);
  if (!process.listeners("newListener").includes(onNewListener))
    process.on("newListener", onNewListener);
  if (process.listenerCount(name) > 0) process.on(name, idle);
  watched.set(name, installed);
}

/** Whether there were listeners, and the last one is gone: Bun would have the signal do what it does by default. */
export function isDeserted(signo: number): boolean {
  const name = signalName(signo);
  return (
    watched.has(name) &&
    isHeld(name) &&
    process.listeners(name as "SIGTERM").every((other) => other === idle)
  );
}

/** Watches no more, after a signal was given back. */
export function unwatch(signo: number): void {
  const name = signalName(signo);
  if (!watched.delete(name)) return;
  // Somebody may have copied it.
  while (isHeld(name)) process.off(name, idle);
  if (watched.size === 0) process.off("newListener", onNewListener);
}
