/**
 * The command line of `butter timer`.
 *
 * @module
 */
import type { TimerfdClock, TimerfdMissed, TimerfdOptions } from "../index.ts";
import { count, duration, LONGEST, oneOf, parse, PRINTING } from "./args.ts";
import { UsageError } from "./command.ts";

/** What `butter timer` was asked for. */
export interface TimerOptions {
  readonly timer: TimerfdOptions;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly exec: string | undefined;
  /** How many ticks end it. */
  readonly count: number;
}

export const TIMER_HELP = `Usage: butter timer [OPTION…]

Prints a line whenever a timer of the kernel expires, until it is interrupted.

Options:
  -e, --every TIME     expire every TIME
  -a, --after TIME     expire after TIME, the first time
  -A, --at WHEN        expire at WHEN, the first time: a date such as 2030-01-31T12:00 or
                       2030-01-31T12:00Z, or 12:00 or 12:00:30 of today or tomorrow
  -n, --count N        end after N ticks (default: 1 without --every)
  -c, --clock CLOCK    what it follows: monotonic, realtime, boottime, realtime-alarm or
                       boottime-alarm; the alarms wake a suspended machine, and take
                       CAP_WAKE_ALARM (default: monotonic, or realtime with --at or --on-set)
      --accuracy TIME  let it expire up to TIME late, together with other timers
      --missed HOW     what becomes of ticks while CMD runs or nobody reads the output:
                       skip (one line that counts them), burst (a line for each), or
                       delay (as skip, and the next one a whole interval later)
  -s, --on-set         also tell when the wall clock is set; alone, nothing but that
  -x, --exec CMD       run CMD with /bin/sh after each line
  -j, --json           print JSON lines
  -q, --quiet          no remarks on standard error, only errors
  -h, --help           print this

TIME is a number and its unit: ns, us, ms, s, m, h or d (default: s). Fractions are allowed.

Commands (--exec):
  There is never more than one CMD: the next line comes when it is over, and counts what has
  expired meanwhile. An interrupt ends it with SIGTERM for its process group, and with SIGKILL
  after 2 s. CMD's input is empty, and its output goes to standard error, so that rows stay rows.
  BUTTER_EXPIRATIONS  how often the timer has expired since the last line
  BUTTER_CANCELLED    1 if the wall clock was set, else empty

Output:
  On a terminal, a line is the local time, TICK or CLOCK_SET, and how often the timer has
  expired since the last line. Elsewhere it is TIME<tab>TICK<tab>COUNT, or CLOCK_SET for TICK,
  the time in UTC as ISO 8601 has it. With --json it is one JSON object: time, expirations,
  cancelled (whether the wall clock was set).

Exit codes:
  0  all of --count came, it was interrupted, or nobody reads its output any more
  1  an error

Examples:
  butter timer --every 500ms --count 10
  butter timer --at 06:30 --every 1d --exec ./backup
  butter timer --on-set --exec 'logger "the clock was set"'
`;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function timerOptions(args: readonly string[]): TimerOptions | undefined {
  const { values, positionals } = parse(args, {
    every: { type: "string", short: "e" },
    after: { type: "string", short: "a" },
    at: { type: "string", short: "A" },
    count: { type: "string", short: "n" },
    clock: { type: "string", short: "c" },
    accuracy: { type: "string" },
    missed: { type: "string" },
    "on-set": { type: "boolean", short: "s" },
    exec: { type: "string", short: "x" },
    ...PRINTING,
  });
  if (values.help === true) return undefined;
  const [stray] = positionals;
  if (stray !== undefined) {
    throw new UsageError(
      `Cannot take ${JSON.stringify(stray)}: times are named by --every, --after and --at`,
    );
  }
  const { every, after, at, exec, "on-set": onSet = false } = values;
  const clock = values.clock === undefined ? undefined : oneOf(values.clock, "--clock", CLOCKS);
  const missed = values.missed === undefined ? "skip" : oneOf(values.missed, "--missed", MISSED);
  if (after !== undefined && at !== undefined)
    throw new UsageError("Cannot take --after and --at together: both are the first expiry");
  const once = every === undefined && (after !== undefined || at !== undefined);
  if (every === undefined && !once && !onSet)
    throw new UsageError("Cannot wait for nothing: name --every, --after, --at or --on-set");
  if (exec?.trim() === "") throw new UsageError("Cannot take --exec: the command is empty");
  return {
    timer: {
      delay: after === undefined ? undefined : duration(after, "after", 0),
      interval: every === undefined ? undefined : duration(every, "every", LEAST),
      at: at === undefined ? undefined : date(at),
      accuracy: values.accuracy === undefined ? 0 : duration(values.accuracy, "accuracy", 0),
      cancelOnSet: onSet,
      ...(clock !== undefined && { clock }),
      missed,
    },
    json: values.json === true,
    quiet: values.quiet === true,
    exec,
    count: values.count === undefined ? (once ? 1 : Infinity) : count(values.count, "count"),
  };
}

const CLOCKS: readonly TimerfdClock[] = [
  "monotonic",
  "realtime",
  "boottime",
  "realtime-alarm",
  "boottime-alarm",
];

const MISSED: readonly TimerfdMissed[] = ["skip", "burst", "delay"];

/** A nanosecond, in milliseconds. */
const LEAST = 1e-6;

/** A date, or the next time that a clock on the wall shows this. */
function date(text: string): Date {
  const time = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text);
  const when = time === null ? new Date(text) : nextTime(time.slice(1).map(Number));
  if (when.getTime() >= 0 && when.getTime() <= LONGEST) return when;
  throw new UsageError(
    `Cannot take --at: ${JSON.stringify(text)} is not a date such as 2030-01-31T12:00, or a time such as 12:00`,
  );
}

function nextTime([hours = 0, minutes = 0, seconds]: readonly number[]): Date {
  const when = new Date();
  when.setHours(hours, minutes, seconds || 0, 0);
  if (when.getTime() <= Date.now()) when.setDate(when.getDate() + 1);
  return when;
}
