/**
 * `butter run`: runs a command in namespaces of its own.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import {
  ERRNO,
  type ErrnoName,
  Signalfd,
  type SignalfdEvent,
  type SignalName,
  signalNumber,
  spawn,
  type SpawnMount,
  UnsupportedError,
} from "../index.ts";
import { command, EXIT, note, openFor, UsageError } from "./command.ts";
import { ignored, INTERRUPTS } from "./interrupt.ts";
import { RUN_HELP, type RunOptions, runOptions } from "./run-options.ts";

export const run = command({
  name: "run",
  summary: "run a command that has processes, mounts and a host name of its own",
  help: RUN_HELP,
  parse: runOptions,
  run: start,
});

/** What the shell says of a command that it can't run. */
const NOT_RUN = { ENOENT: 127, EACCES: 126, ENOEXEC: 126 } as const;

/** What is passed on. All of them end a process that does not handle them. */
const PASSED: readonly SignalName[] = [
  ...INTERRUPTS.filter((signal) => !ignored(signal)),
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
];

type Child = ReturnType<typeof spawnChild>;

async function start(options: RunOptions): Promise<number> {
  // Before the child is there, so that none is missed.
  using signals = new Signalfd(PASSED);
  let child: Child;
  try {
    child = openFor(() => spawnChild(options));
  } catch (error) {
    return notRun(error, options);
  }
  let stoodInFor: number | undefined;
  const passing = (async () => {
    for await (const event of signals) stoodInFor ??= pass(event, child, options);
  })();
  await child.exited;
  // One that came too late for the command must not end this process now that it is let go.
  signals.truncate();
  signals.close();
  await passing;
  const { exitCode, signalCode } = child;
  if (exitCode !== null) return exitCode;
  const killed = signalCode === "SIGKILL" ? stoodInFor : undefined;
  return 128 + (killed ?? signalNumber(signalCode as SignalName));
}

function spawnChild({ cmd, namespaces, hostname, root, cwd, mounts }: RunOptions) {
  return spawn([...cmd], {
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
    namespaces,
    mounts: [...mounts, ...procOf(namespaces, root, mounts)],
    ...(hostname !== undefined && { hostname }),
    ...(root !== undefined && { root }),
    ...(cwd !== undefined && { cwd }),
  });
}

function procOf(
  namespaces: RunOptions["namespaces"],
  root: string | undefined,
  mounts: readonly SpawnMount[],
): readonly SpawnMount[] {
  if (!namespaces.includes("pid") || !namespaces.includes("mount")) return [];
  const [first] = mounts;
  const there = first?.target === "/" ? first.source : (root ?? "/");
  // One that is in memory has no source, and gets the directory with the mount.
  if (there !== undefined && !existsSync(join(there, "proc"))) return [];
  return [{ type: "proc", target: "/proc", flags: ["nosuid", "nodev", "noexec"] }];
}

/**
 * Passes a signal on, unless the terminal has sent it to the child as well.
 *
 * @returns Its number, if SIGKILL stands in for it.
 */
function pass(event: SignalfdEvent, child: Child, { namespaces }: RunOptions): number | undefined {
  if (event.code !== "KERNEL") child.kill(event.signo);
  if (!namespaces.includes("pid") || handles(child.pid, event.signo)) return undefined;
  child.kill("SIGKILL");
  return event.signo;
}

/** Whether a process catches, ignores or blocks a signal. Else the kernel drops it, of one that is process 1. */
function handles(pid: number, signo: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    // It has just ended.
    return true;
  }
  return [...status.matchAll(/^Sig(?:Blk|Ign|Cgt):\s*([0-9a-f]+)$/gm)].some(
    ([, mask]) => (BigInt(`0x${mask}`) & (1n << BigInt(signo - 1))) !== 0n,
  );
}

/** The exit code of what did not start. */
function notRun(error: unknown, { cmd: [name = ""] }: RunOptions): number {
  if (error instanceof UnsupportedError && error.path === "proc")
    throw new UsageError(`${error.message}, or take --share pid`);
  const { syscall = "posix_spawn", code } = error as NodeJS.ErrnoException;
  if (!(error instanceof Error) || syscall !== "posix_spawn" || code === undefined) throw error;
  const [, why = "unknown error"] = Object.hasOwn(ERRNO, code) ? ERRNO[code as ErrnoName] : [];
  note(`butter run: Cannot run ${JSON.stringify(name)}: ${why} (${code})`);
  return Object.hasOwn(NOT_RUN, code) ? NOT_RUN[code as keyof typeof NOT_RUN] : EXIT.ERROR;
}
