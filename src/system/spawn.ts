/**
 * Children that see another system than this process does: their own processes, mounts, network, name.
 *
 * @module
 */
import { checkMistyped } from "../events/options.ts";
import { Pidfd } from "../events/pidfd.ts";
import { described } from "../libc.ts";
import { spawnElsewhere } from "./spawn-elsewhere.ts";
import { namespaceNames, type SpawnNamespaceOptions, spawnPlan } from "./spawn-options.ts";
import { unmasked } from "./unmasked.ts";

type Writable = Bun.Spawn.Writable;
type Readable = Bun.Spawn.Readable;

/** Options of {@linkcode spawn}: those of `Bun.spawn`, and what the child is to find around it. */
export type SpawnOptions<
  In extends Writable = Writable,
  Out extends Readable = Readable,
  Err extends Readable = Readable,
> = Bun.Spawn.SpawnOptions<In, Out, Err> & SpawnNamespaceOptions;

/** What {@linkcode spawn} returns: Bun's `Subprocess`, and a hold on the process. */
export type Spawned<
  In extends Writable = Writable,
  Out extends Readable = Readable,
  Err extends Readable = Readable,
> = Bun.Subprocess<In, Out, Err> & {
  /**
   * The process by a descriptor. It is opened when it is first asked for and is the caller's from then on, to close or to
   * leave to the garbage collector.
   *
   * @throws {ValueError} `ESRCH`: the child has ended before it was first asked for.
   */
  readonly pidfd: Pidfd;
};

type Options = SpawnOptions & { cmd: string[] };

/**
 * `Bun.spawn`, in namespaces of the child's own, and with the signal mask that this process was started with (see
 * {@linkcode unmasked}).
 *
 * This process stays where it is, whatever fails on the way. All is done in one synchronous turn, in which this thread leaves
 * its namespaces and returns; a way back that a sandbox would bar is found out before it leaves. If it can't return after all, an
 * `InternalError` says so.
 *
 * - In a new pid namespace the child is process 1: signals that it does not handle do nothing to it, but for `SIGKILL` and `SIGSTOP`
 *   from here, which `killSignal` therefore is by default; and when it ends, all others in there are killed.
 * - A new network namespace has nothing but a loopback device, which is brought up (see `loopback`).
 * - With another root, or in a mount namespace that it joins, the command is looked up there, `cwd` is `/` by default, and
 *   files for the child's standard streams are opened there.
 *
 * After a mount namespace was made, this thread has a working directory and umask of its own: what `process.chdir()` and
 * `process.umask()` change afterwards, Bun's other threads, which read files for promises, don't see.
 *
 * The engine may start a thread for its compiler in that turn. It does not get out of the namespaces, which therefore can last longer
 * than the child: until the compiler has had nothing to do for ten seconds. No code of yours runs in it.
 *
 * A child lives on when this process dies. `bun --no-orphans` kills it then, and with process 1 all of its pid namespace.
 *
 * @throws {TypeError} The options make no sense together: a `hostname` without a `"uts"` namespace, a `root` without `"mount"`, a
 * `loopback` without `"net"`; or
 * `stdin` is a stream, which would be read in the child's namespaces.
 * @throws {PermissionError} `EPERM`: without `CAP_SYS_ADMIN` (and `CAP_SYS_CHROOT` for a mount namespace, `CAP_NET_ADMIN` for
 * `loopback: true`).
 * @throws {ValueError} `ENOENT` and others: a mount's source is not there, a root that is none, a namespace that can't be joined.
 * @throws {UnsupportedError} A `"proc"` of another pid namespace, before Linux 6.18.
 * @throws {InternalError} `ENOTRECOVERABLE`: this thread is in the wrong namespaces. End the process.
 * @throws What `Bun.spawn` throws.
 *
 * @example
 * ```ts
 * import { spawn } from "bun-butter";
 *
 * const child = spawn(["sleep", "1000"]);
 * child.pidfd.kill("SIGTERM");
 * await child.exited;
 * console.log(child.signalCode); // SIGTERM
 * ```
 *
 * @example
 * ```ts CAP_SYS_ADMIN
 * import { spawn } from "bun-butter";
 *
 * const child = spawn(["sh", "-c", "echo $(hostname) $$"], {
 *   namespaces: ["uts", "pid", "net"],
 *   hostname: "box",
 * });
 * console.log(await child.stdout.text()); // box 1
 * ```
 */
export function spawn<
  const In extends Writable = "ignore",
  const Out extends Readable = "pipe",
  const Err extends Readable = "inherit",
>(cmd: string[], options?: SpawnOptions<In, Out, Err>): Spawned<In, Out, Err>;
/** Does so for options that have the command in them. */
export function spawn<
  const In extends Writable = "ignore",
  const Out extends Readable = "pipe",
  const Err extends Readable = "inherit",
>(options: SpawnOptions<In, Out, Err> & { cmd: string[] }): Spawned<In, Out, Err>;
export function spawn(first: string[] | Options, second: SpawnOptions = {}): Spawned {
  const given: Options = Array.isArray(first) ? { ...second, cmd: first } : first;
  if (typeof given !== "object" || given === null)
    throw new TypeError(
      `Cannot take cmd: expected an array of words, or options with a cmd, got ${described(given)}`,
    );
  const { namespaces, hostname, loopback, root, mounts, ...options } = given;
  checkMistyped(options, namespaceNames);
  const plan = spawnPlan({
    ...(namespaces !== undefined && { namespaces }),
    ...(hostname !== undefined && { hostname }),
    ...(loopback !== undefined && { loopback }),
    ...(root !== undefined && { root }),
    ...(mounts !== undefined && { mounts }),
  });
  const child = unmasked(() =>
    plan === undefined
      ? Bun.spawn({ ...options, cmd: options.cmd })
      : spawnElsewhere(
          // What it does not handle would do nothing to process 1.
          { ...(plan.pid === "new" && { killSignal: "SIGKILL" }), ...inert(options) },
          plan,
        ),
  );
  let pidfd: Pidfd | undefined;
  // Bun has not waited for it while it has no exit code, so that the number is still its own.
  return Object.defineProperty(child, "pidfd", {
    get: () => (pidfd ??= new Pidfd(child.pid)),
  }) as Spawned;
}

/** Options of which nothing runs when they are read: this thread is elsewhere then. */
function inert(options: Options): Options {
  const { cmd, env = process.env, stdin, stdio } = options;
  for (const input of [stdin, stdio?.[0]]) {
    if (input instanceof ReadableStream || input instanceof Response || input instanceof Request) {
      throw new TypeError(
        'Cannot take stdin: a stream would be read in the child\'s namespaces, so take "pipe" and write to it',
      );
    }
  }
  const variables = Object.entries(env).filter(([, value]) => value !== undefined);
  return {
    ...options,
    cmd: cmd.map((word) => `${word}`),
    env: Object.fromEntries(variables.map(([name, value]) => [name, `${value}`])),
    ...(stdio !== undefined && { stdio: [...stdio] as NonNullable<typeof stdio> }),
  };
}
