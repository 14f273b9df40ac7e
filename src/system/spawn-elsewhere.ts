/**
 * The turn in which this thread leaves its namespaces, starts a child, and returns.
 *
 * @module
 */
import { OSError, ValueError } from "../errors.ts";
import { O } from "../syscalls/fd.ts";
import { getpid, gettid } from "../syscalls/getpid.ts";
import { call_in_pid_namespace, CLONE, new_pid_namespace, unshare } from "../syscalls/namespace.ts";
import { AF, IFF, ioctl_siocsifflags, SOCK, socket } from "../syscalls/netdevice.ts";
import { AT, openat } from "../syscalls/open.ts";
import { PIDFD, pidfd_open } from "../syscalls/pidfd.ts";
import { sethostname } from "../syscalls/uts.ts";
import { enter, Home } from "./namespace-home.ts";
import { kernelNames } from "./namespace-kinds.ts";
import { ScopedFd } from "./scoped-fd.ts";
import { mountAll, noProc } from "./spawn-mounts.ts";
import type { SpawnPlan } from "./spawn-options.ts";

type Subprocess = Bun.Subprocess<Bun.Spawn.Writable, Bun.Spawn.Readable, Bun.Spawn.Readable>;
type Options = Bun.Spawn.SpawnOptions<
  Bun.Spawn.Writable,
  Bun.Spawn.Readable,
  Bun.Spawn.Readable
> & { cmd: string[] };

/** Starts a child as planned. This thread is where it was afterwards, or there is an `InternalError`. */
export function spawnElsewhere(options: Options, plan: SpawnPlan): Subprocess {
  using fds = new DisposableStack();
  const own = (fd: number): number => fds.use(new ScopedFd(fd)).fd;
  using home = new Home(plan.kinds);
  // Where Bun can't hold its children by a pidfd, it starts a thread for them, and not everywhere that can be done.
  own(pidfd_open(getpid(), 0));
  const rooted = plan.mounts[0]?.target === "/" || plan.joined.some(({ kind }) => kind === "mount");
  const prepared = rooted ? forRoot(options, () => own(openNothing())) : options;
  let child: Subprocess | undefined;
  try {
    try {
      const pid = pidNamespace(plan, home, own);
      leave(plan);
      if ((plan.flags & CLONE.NEWNS) !== 0) mountAll(plan.mounts, pid === -1 ? undefined : pid);
      child = start(prepared, pid, home);
    } finally {
      home.return();
    }
  } catch (error) {
    child?.kill("SIGKILL");
    throw error;
  }
  return rooted ? withoutNothing(child, options) : child;
}

/** The pid namespace for the child; -1 for one that is made with it, `undefined` for this process's own. */
function pidNamespace(
  { pid, mounts }: SpawnPlan,
  home: Home,
  own: (fd: number) => number,
): number | undefined {
  if (pid !== "new") return pid?.fileno();
  if (!mounts.some(({ type }) => type === "proc")) return -1;
  try {
    const self = own(pidfd_open(gettid(), PIDFD.THREAD));
    return own(new_pid_namespace(self, home.pid));
  } catch (error) {
    if (!(error instanceof ValueError) || error.syscall === "unshare") throw error;
    throw noProc();
  }
}

/** Moves this thread, but for what its children's pid namespace is. */
function leave({ flags, joined, hostname, loopback }: SpawnPlan): void {
  if (flags !== 0) unshare(flags);
  if ((flags & CLONE.NEWNET) !== 0 && loopback !== false) bringUpLoopback(loopback === true);
  for (const namespace of joined) enter(namespace, kernelNames(namespace.kind).flag);
  if (hostname !== undefined) sethostname(hostname);
}

/** The kernel gives it its addresses then. */
function bringUpLoopback(needed: boolean): void {
  try {
    using any = new ScopedFd(socket(AF.INET, SOCK.DGRAM | SOCK.CLOEXEC, 0));
    ioctl_siocsifflags(any.fd, "lo", IFF.UP);
  } catch (error) {
    // Without the capability, or without IPv4, it is what it was.
    if (needed || !(error instanceof OSError)) throw error;
  }
}

/** Bun's own function: nothing may be around it. */
const native = Bun.spawn as (options: Options) => Subprocess;

function start(options: Options, pid: number | undefined, home: Home): Subprocess {
  return pid === undefined
    ? native(options)
    : call_in_pid_namespace(pid, home.pid, native, options);
}

/** What a child that reads or writes nothing opens itself otherwise, where it may not be. */
function openNothing(): number {
  return openat(AT.FDCWD, "/dev/null", O.RDWR | O.CLOEXEC);
}

/** Options that mean the same where there may be no `/dev/null` and no such working directory. */
function forRoot(options: Options, open: () => number): Options {
  const { cwd = "/" } = options;
  const rooted = { ...options, cwd: cwd.startsWith("/") ? cwd : `/${cwd}` };
  if (options.terminal !== undefined) return rooted;
  let nothing: number | undefined;
  const replaced = <T>(one: T, at: number): T | number =>
    isNothing(one, at) ? (nothing ??= open()) : one;
  const { stdio, stdin, stdout, stderr } = options;
  if (stdio !== undefined) return { ...rooted, stdio: stdio.map(replaced) } as Options;
  return {
    ...rooted,
    stdin: replaced(stdin, 0),
    stdout: replaced(stdout, 1),
    stderr: replaced(stderr, 2),
  } as Options;
}

/** Standard input is nothing by default. */
function isNothing(stdio: unknown, index: number): boolean {
  return stdio === "ignore" || stdio === null || (stdio === undefined && index === 0);
}

/** Bun shows the descriptor that a stream was given, which is closed by now. */
function withoutNothing(child: Subprocess, options: Options): Subprocess {
  const { stdio = [options.stdin, options.stdout, options.stderr] } = options;
  for (const [index, name] of (["stdin", "stdout", "stderr"] as const).entries()) {
    if (options.terminal === undefined && isNothing(stdio[index], index))
      Object.defineProperty(child, name, { value: undefined });
  }
  return child;
}
