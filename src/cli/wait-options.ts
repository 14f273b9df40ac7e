/**
 * The command line of `butter wait`.
 *
 * @module
 */
import { parse, PRINTING, seconds } from "./args.ts";
import { UsageError } from "./command.ts";
import type { SessionOptions } from "./session.ts";

/** What `butter wait` was asked for. */
export interface WaitOptions extends SessionOptions {
  readonly pids: readonly number[];
  /** Whether one that is gone already counts as one that ended. */
  readonly exited: boolean;
}

export const WAIT_HELP = `Usage: butter wait [OPTION…] PID…

Waits until processes end, children or not, and prints how each of them ended.

Options:
  -a, --any        end as soon as one has ended
      --all        end when all have ended (default)
  -e, --exited     take a PID that is no process, or none any more, as one that has ended
  -t, --timeout S  end after S seconds, whatever has ended by then (fractions allowed)
  -j, --json       print JSON lines
  -q, --quiet      no remarks on standard error, only errors
  -h, --help       print this

How a process ended the kernel tells of others than children too: to those who may trace it (its
user, or CAP_SYS_PTRACE), and since Linux 6.15 to everybody once its parent has waited for it.

Output:
  On a terminal, a line is the local time, EXITED, KILLED, or ENDED if it is not told how, the
  process, and its exit code or signal. GONE is what --exited lets pass.
  Elsewhere it is TIME<tab>EXITED<tab>PID<tab>CODE<tab>COMMAND, the time in UTC as ISO 8601 has it.
  CODE is the exit code or the signal's name, or empty; COMMAND is what the process was called
  when the wait began.
  With --json it is one JSON object: time, pid, exitCode or signal, command.

Exit codes:
  N  that of the process: what it exited with, or 128 and the number of the signal that killed
     it; of several the first that is not 0, and with --any that of the first one to end
  0  all ended with 0, or it is not told how
  1  an error, it was interrupted, or nobody reads its output any more
  2  --timeout passed
  1 and 2 can be the process's own as well: then there is a line for it.

Examples:
  butter wait $(pidof make) && echo built
  butter wait --any --timeout 60 1234 5678
`;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function waitOptions(args: readonly string[]): WaitOptions | undefined {
  const { values, positionals } = parse(args, {
    any: { type: "boolean", short: "a" },
    all: { type: "boolean" },
    exited: { type: "boolean", short: "e" },
    timeout: { type: "string", short: "t" },
    ...PRINTING,
  });
  if (values.help === true) return undefined;
  const { any = false, all = false, exited = false, timeout } = values;
  if (any && all) throw new UsageError("Cannot take --any and --all together");
  if (positionals.length === 0)
    throw new UsageError("Cannot wait for nothing: name at least one process by its number");
  const pids = [...new Set(positionals.map(pidOf))];
  return {
    pids,
    exited,
    json: values.json === true,
    quiet: values.quiet === true,
    count: any ? 1 : pids.length,
    timeout: timeout === undefined ? Infinity : seconds(timeout, "timeout"),
  };
}

/** What a `pid_t` can be. */
const MOST = 2 ** 31 - 1;

function pidOf(text: string): number {
  const pid = Number(text);
  if (/^\d+$/.test(text) && pid > 0 && pid <= MOST) return pid;
  throw new UsageError(
    `Cannot wait for ${JSON.stringify(text)}: a process has a number, from 1 to ${MOST}`,
  );
}
