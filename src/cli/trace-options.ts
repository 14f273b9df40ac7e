/**
 * The command line of `butter trace`.
 *
 * @module
 */
import type { FanotifyAsked } from "../index.ts";
import { count, ENDING, ending, parse, paths, PRINTING, words } from "./args.ts";
import { UsageError } from "./command.ts";
import type { SessionOptions } from "./session.ts";

/** What of the place is traced: what is below it, its mount, or its file system. */
export type TraceScope = "below" | "mount" | "filesystem";

/** What `butter trace` was asked for. */
export interface TraceOptions extends SessionOptions {
  readonly path: string | Uint8Array;
  readonly scope: TraceScope;
  /** `undefined` is all that the scope has. */
  readonly events: ReadonlySet<FanotifyAsked> | undefined;
  /** None is all. */
  readonly pids: ReadonlySet<number>;
  /** Names of processes as the kernel has them. None is all. */
  readonly names: ReadonlySet<string>;
}

/** What can be asked for, in the spelling of the command line. */
const EVENTS = [
  "open",
  "open_exec",
  "access",
  "modify",
  "attrib",
  "close_write",
  "close_nowrite",
  "close",
  "create",
  "delete",
  "rename",
  "moved_from",
  "moved_to",
  "move",
  "delete_self",
  "move_self",
] as const;

export const TRACE_HELP = `Usage: butter trace [OPTION…] [PATH]

Prints which process does what to which file, until it is interrupted.
Without --mount and --filesystem that is PATH and everything below it, also in file systems that
are mounted there when it starts. Without PATH it is everything: the same as butter trace /.
What is no place for files, such as /proc and /sys, is left out unless it is PATH itself.

It needs CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH. What it does itself is not printed.

Options:
  -m, --mount          the whole mount that PATH is on, but nothing that reaches the same files
                       through another mount; there is no create, delete, rename and attrib then
  -f, --filesystem     the whole file system that PATH is on, through all mounts
                       (with either, PATH is the working directory by default)
  -e, --events WORD,…  only these events (more than one --events adds up):
                       open open_exec access modify attrib close_write close_nowrite close
                       create delete rename moved_from moved_to move delete_self move_self
                       (default: all but the last five, which rename and delete include)
  -p, --pid PID        only what this process does (more than one --pid adds up)
  -c, --comm NAME      only what processes of this name do; the kernel has the first 15 bytes
                       of it (more than one --comm adds up, and to --pid as well)
  -n, --count N        end after N events
      --once           end after one event
  -t, --timeout S      end when no event came for S seconds (fractions allowed)
  -j, --json           print JSON lines
  -q, --quiet          no remarks on standard error, only errors
  -h, --help           print this

Output:
  On a terminal, a line is the local time, the process as NAME(PID), the events, and the path;
  directories end in "/", and a rename is OLD -> NEW.
  Elsewhere it is TIME<tab>NAME<tab>PID<tab>EVENT[,EVENT…]<tab>PATH, of a rename with <tab>NEWPATH
  behind it, the time in UTC as ISO 8601 has it.
  NAME is what the process is called when the event is read, or, if it is gone by then, what it was
  called when it was seen last; it is empty, on a terminal "?", if it was never seen. PID is 0 if
  it can't be seen from here.
  Events of one process and one file that come together are one line; their order is not known.
  A path is where the file was at the time, as far as that can be told. What is known by its name
  alone, because its directory is gone or in no mount that can be seen, is ?/NAME, and only
  printed if everything is. OVERFLOW says that events came faster than they were read, and some
  are lost.
  A line is always one line: names and paths are escaped as butter watch --help says.
  With --json it is one JSON object: time, pid, command, events, path, oldPath of a rename,
  name, directory; why there is no path as missing; pathBytes, oldPathBytes, nameBytes and
  commandBytes, arrays of numbers, if they are not UTF-8.

Exit codes:
  0  an event came that --count or --once waited for, it was interrupted, or nobody reads
     its output any more
  1  an error
  2  --timeout passed

Examples:
  butter trace
  butter trace /etc --events close_write,rename,delete
  butter trace --filesystem --comm postgres --json | jq .path
`;

/** The kernel keeps no more of a name, in bytes. */
const LONGEST_NAME = 15;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function traceOptions(args: readonly string[]): TraceOptions | undefined {
  const { values, tokens } = parse(args, {
    mount: { type: "boolean", short: "m" },
    filesystem: { type: "boolean", short: "f" },
    events: { type: "string", short: "e", multiple: true },
    pid: { type: "string", short: "p", multiple: true },
    comm: { type: "string", short: "c", multiple: true },
    ...ENDING,
    ...PRINTING,
  });
  if (values.help === true) return undefined;
  const { mount = false, filesystem = false, events, pid = [], comm = [] } = values;
  if (mount && filesystem)
    throw new UsageError("Cannot take --mount and --filesystem together: choose one");
  const [path, ...more] = paths(
    args,
    tokens.filter((token) => token.kind === "positional"),
  );
  if (more.length > 0) throw new UsageError("Cannot trace more than one PATH");
  const scope = mount ? "mount" : filesystem ? "filesystem" : "below";
  return {
    path: path ?? (scope === "below" ? "/" : "."),
    scope,
    events: events && new Set(words(events, "events", EVENTS).map(asked)),
    pids: new Set(pid.map((text) => count(text, "pid"))),
    names: new Set(comm.map(nameOf)),
    json: values.json === true,
    quiet: values.quiet === true,
    ...ending(values),
  };
}

function asked(word: (typeof EVENTS)[number]): FanotifyAsked {
  return word.replaceAll("_", "-") as FanotifyAsked;
}

function nameOf(text: string): string {
  if (text === "") throw new UsageError("Cannot take --comm: the name is empty");
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, LONGEST_NAME));
}
