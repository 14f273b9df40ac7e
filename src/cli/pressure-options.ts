/**
 * The command line of `butter pressure`.
 *
 * @module
 */
import type { PressureResource } from "../index.ts";
import { duration, ENDING, ending, oneOf, parse, PRINTING } from "./args.ts";
import { UsageError } from "./command.ts";
import type { SessionOptions } from "./session.ts";

/** What `butter pressure` was asked for. */
export interface PressureOptions extends SessionOptions {
  readonly resources: readonly PressureResource[];
  readonly full: boolean;
  /** Milliseconds. */
  readonly stall: number;
  /** Milliseconds. */
  readonly window: number;
  readonly cgroup: string | undefined;
  /** Whether only the averages are asked for. */
  readonly now: boolean;
}

export const PRESSURE_HELP = `Usage: butter pressure [OPTION…] [cpu|memory|io…]

Prints how much tasks wait for the processor, for memory and for I/O: the averages now, and then
a line whenever they wait for longer than is acceptable, until it is interrupted.

Options:
  -s, --stall TIME   how long tasks wait within a window, for a line (default: 200ms)
  -w, --window TIME  the window, 10 s at most, and without CAP_SYS_RESOURCE a multiple of 2 s;
                     there is at most one line in each (default: 2s)
  -f, --full         count only when all tasks wait at once, and not already when one does
  -g, --cgroup DIR   of a cgroup (version 2) such as /sys/fs/cgroup/system.slice, and not of
                     the whole system
      --now          end after the averages
  -n, --count N      end after N stalls
      --once         end after one stall
  -t, --timeout S    end when no stall came for S seconds (fractions allowed)
  -j, --json         print JSON lines
  -q, --quiet        no remarks on standard error, only errors
  -h, --help         print this

TIME is a number and its unit: us, ms or s (default: s). Fractions are allowed.

Output:
  On a terminal, a line is the local time, NOW or STALL, SOME or FULL, the resource, and how much
  tasks waited for it: percent of the last 10, 60 and 300 s, and seconds since the start of the
  system or the cgroup. SOME is when at least one task waited, FULL when all did at once.
  Elsewhere it is TIME<tab>STALL,SOME<tab>RESOURCE<tab>AVG10<tab>AVG60<tab>AVG300<tab>TOTAL, the
  time in UTC as ISO 8601 has it, and TOTAL in milliseconds.
  With --json it is one JSON object: time, event, resource, kind, avg10, avg60, avg300, total.

Exit codes:
  0  a stall came that --count or --once waited for, it was interrupted, or nobody reads its
     output any more
  1  an error, or the cgroup was removed
  2  --timeout passed

Examples:
  butter pressure
  butter pressure memory --stall 100ms --once && ./shed-load
  butter pressure --now --json io | jq .avg10
`;

const RESOURCES: readonly PressureResource[] = ["cpu", "memory", "io"];

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function pressureOptions(args: readonly string[]): PressureOptions | undefined {
  const { values, positionals } = parse(args, {
    stall: { type: "string", short: "s" },
    window: { type: "string", short: "w" },
    full: { type: "boolean", short: "f" },
    cgroup: { type: "string", short: "g" },
    now: { type: "boolean" },
    ...ENDING,
    ...PRINTING,
  });
  if (values.help === true) return undefined;
  const { stall, window, full = false, cgroup, now = false } = values;
  if (cgroup === "") throw new UsageError("Cannot take --cgroup: its directory is empty");
  if (now && (values.once === true || values.count !== undefined || values.timeout !== undefined)) {
    throw new UsageError(
      "Cannot take --now together with --once, --count or --timeout: it waits for nothing",
    );
  }
  const named = positionals.map((text) => oneOf(text, "resource", RESOURCES));
  return {
    resources: named.length === 0 ? RESOURCES : [...new Set(named)],
    full,
    stall: stall === undefined ? 200 : duration(stall, "stall", LEAST),
    window: window === undefined ? 2000 : duration(window, "window", LEAST),
    cgroup,
    now,
    json: values.json === true,
    quiet: values.quiet === true,
    ...ending(values),
  };
}

/** A nanosecond, in milliseconds. `Pressure` says what it takes more than that. */
const LEAST = 1e-6;
