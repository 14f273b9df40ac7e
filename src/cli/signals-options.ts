/**
 * The command line of `butter signals`.
 *
 * @module
 */
import type { SignalLike } from "../index.ts";
import { ENDING, ending, parse, PRINTING } from "./args.ts";
import type { SessionOptions } from "./session.ts";

/** What `butter signals` was asked for. */
export interface SignalsOptions extends SessionOptions {
  /** None is all that are sensible. */
  readonly signals: readonly SignalLike[];
}

export const SIGNALS_HELP = `Usage: butter signals [OPTION…] [NAME…]

Takes signals that are sent to it, and prints who sent each, until it is interrupted.
NAME is a signal such as TERM, SIGHUP or RTMIN+3, or its number. Without one it takes all that
a process can take, but leaves SIGPIPE and those of job control, SIGTSTP, SIGTTIN and SIGTTOU,
as they are.

SIGINT, SIGTERM and SIGHUP end it: without a NAME, the first one is printed and ends it. One that
a NAME asks for is printed and does not end it; the others still do, and so do --count and
--timeout. One that it was started to ignore, as nohup and "&" in a script do, does not end it
either.

Options:
  -n, --count N    end after N signals
      --once       end after one signal
  -t, --timeout S  end when no signal came for S seconds (fractions allowed)
  -j, --json       print JSON lines
  -q, --quiet      no remarks on standard error, only errors
  -h, --help       print this

Output:
  On a terminal, a line is the local time, the signal, how it was sent, and by whom.
  Elsewhere it is TIME<tab>SIGNAL,CODE<tab>PID<tab>UID<tab>COMMAND<tab>VALUE, the time in UTC as
  ISO 8601 has it.
  CODE is USER for kill(2), QUEUE for sigqueue(3), TKILL for one that was meant for a thread,
  KERNEL for the terminal's Ctrl-C and the like; of SIGCHLD it is what the child did. It is
  OVERFLOW if signals came faster than they were read: VALUE is then how many are lost.
  PID is 0 if no process sent it that can be seen from here. COMMAND is what the sender is called
  when the line is printed, and empty if it is gone by then, as kill(1) often is. VALUE is what
  was sent with the signal, else empty.
  With --json it is one JSON object: time, signal, signo, code, codeNumber, pid, uid, command,
  value, and of some signals status, userTime, systemTime, fd, band, timerId, overrun, lost.

Exit codes:
  0  a signal came that --count or --once waited for, it was interrupted, or nobody reads its
     output any more
  1  an error
  2  --timeout passed

Examples:
  butter signals
  butter signals --json HUP USR1 | jq .pid
  butter signals --once --timeout 60 SIGUSR1 && echo somebody called
`;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function signalsOptions(args: readonly string[]): SignalsOptions | undefined {
  const { values, positionals } = parse(args, { ...ENDING, ...PRINTING });
  if (values.help === true) return undefined;
  return {
    signals: positionals.map(signalOf),
    json: values.json === true,
    quiet: values.quiet === true,
    ...ending(values),
  };
}

/** As shells have it: in any case, with or without SIG. What is none, `Signalfd` refuses. */
function signalOf(text: string): SignalLike {
  if (/^\d+$/.test(text)) return Number(text);
  return `SIG${text.toUpperCase().replace(/^SIG/, "")}` as SignalLike;
}
