/**
 * The command line of `butter watch`.
 *
 * @module
 */
import { IN } from "../index.ts";
import { ENDING, ending, parse, paths, PRINTING, words } from "./args.ts";
import { UsageError } from "./command.ts";
import { FORMAT_HELP } from "./format.ts";

/** What `butter watch` was asked for. */
export interface WatchOptions {
  readonly paths: readonly (string | Uint8Array)[];
  /** {@linkcode IN} members. */
  readonly mask: number;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly exec: string | undefined;
  readonly restart: boolean;
  /** How many events end it. */
  readonly count: number;
  /** Milliseconds without an event that end it. */
  readonly timeout: number;
}

const events = {
  access: IN.ACCESS,
  modify: IN.MODIFY,
  attrib: IN.ATTRIB,
  close_write: IN.CLOSE_WRITE,
  close_nowrite: IN.CLOSE_NOWRITE,
  close: IN.CLOSE,
  open: IN.OPEN,
  moved_from: IN.MOVED_FROM,
  moved_to: IN.MOVED_TO,
  move: IN.MOVE,
  create: IN.CREATE,
  delete: IN.DELETE,
  delete_self: IN.DELETE_SELF,
  move_self: IN.MOVE_SELF,
  all: IN.ALL_EVENTS,
} as const;

type EventWord = keyof typeof events;

const eventWords = Object.keys(events) as EventWord[];

/** What changes something. Opening and reading is left out: whoever looks at a directory makes dozens of those. */
const CHANGES = IN.ALL_EVENTS & ~(IN.ACCESS | IN.OPEN | IN.CLOSE_NOWRITE);

export const WATCH_HELP = `Usage: butter watch [OPTION…] PATH…

Prints what happens to files and directories, until it is interrupted.
A directory stands for itself and its direct entries, not for what is below them.

Options:
  -e, --event WORD,…   only these events (more than one --event adds up):
                       access modify attrib close_write close_nowrite close open
                       moved_from moved_to move create delete delete_self move_self all
                       (default: all but access, open and close_nowrite)
  -n, --count N        end after N events
      --once           end after one event
  -t, --timeout S      end when no event came for S seconds (fractions allowed)
  -x, --exec CMD       run CMD with /bin/sh after each burst of events
  -r, --restart        with --exec: end a CMD that still runs, and start it again
  -j, --json           print JSON lines
  -q, --quiet          no remarks on standard error, only errors
  -h, --help           print this

Events:
  UNMOUNT, OVERFLOW and IGNORED are printed although nobody can ask for them. IGNORED says
  that a path is watched no longer, and it is over when that is true of all of them. OVERFLOW
  says that events came faster than they were read and some are lost.
  IGNORED and UNMOUNT do not count for --count, --once and --exec.

Commands (--exec):
  A burst is over when no event came for 50 ms, or after 1 s. There is never more than one CMD:
  events that come while it runs lead to one more run afterwards, or with --restart to SIGTERM
  for its process group, SIGKILL after 2 s, and a new run. When the watch ends by itself, the
  last CMD is waited for; when it is interrupted, CMD is ended in the same way.
  CMD's input is empty, and its output goes to standard error, so that rows stay rows.
  A CMD that writes into what is watched runs for ever.
  BUTTER_PATHS      what changed, one path a line, escaped as below
  BUTTER_EVENTS     how many events it was
  BUTTER_TRUNCATED  1 if not all that changed is in BUTTER_PATHS, else empty

${FORMAT_HELP}
  JSON fields: time, flags, path, name (empty if it is about PATH itself), directory, wd, mask,
  cookie (the same in both halves of a rename, else 0); pathBytes and nameBytes, arrays of
  numbers, if they are not UTF-8.

Exit codes:
  0  an event came that --count or --once waited for, it was interrupted, or nobody reads
     its output any more
  1  an error, or nothing is left that is watched
  2  --timeout passed

Examples:
  butter watch . --event close_write,moved_to
  butter watch src --exec 'make test'
  butter watch --once --timeout 10 --event create /run/app && echo it is up
`;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function watchOptions(args: readonly string[]): WatchOptions | undefined {
  const { values, tokens } = parse(args, {
    event: { type: "string", short: "e", multiple: true },
    ...ENDING,
    exec: { type: "string", short: "x" },
    restart: { type: "boolean", short: "r" },
    ...PRINTING,
  });
  if (values.help === true) return undefined;
  const { exec, restart = false } = values;
  if (restart && exec === undefined)
    throw new UsageError("Cannot take --restart: there is no --exec whose command it would end");
  if (exec?.trim() === "") throw new UsageError("Cannot take --exec: the command is empty");
  const watched = paths(
    args,
    tokens.filter((token) => token.kind === "positional"),
  );
  if (watched.length === 0)
    throw new UsageError("Cannot watch nothing: name at least one directory or file");
  return {
    paths: watched,
    mask: values.event === undefined ? CHANGES : maskOf(values.event),
    json: values.json === true,
    quiet: values.quiet === true,
    exec,
    restart,
    ...ending(values),
  };
}

function maskOf(texts: readonly string[]): number {
  let mask = 0;
  for (const word of words(texts, "event", eventWords)) mask |= events[word];
  return mask;
}
