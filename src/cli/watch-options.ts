/**
 * The command line of `butter watch`.
 *
 * @module
 */
import type { WatchBackend, WatchEvent } from "../index.ts";
import { count, duration, ENDING, ending, oneOf, parse, paths, PRINTING, words } from "./args.ts";
import { UsageError } from "./command.ts";
import { FORMAT_HELP } from "./format.ts";

/** What `butter watch` was asked for. */
export interface WatchCommand {
  readonly paths: readonly (string | Uint8Array)[];
  /** Types of events that are printed. */
  readonly events: ReadonlySet<WatchEvent["type"]>;
  readonly ignore: readonly string[];
  readonly gitignore: boolean;
  /** Levels of directories below each path. */
  readonly depth: number;
  readonly followSymlinks: boolean;
  readonly initial: boolean;
  readonly modify: boolean;
  readonly atomic: boolean;
  /** Milliseconds for which a file must be left alone before it is told. */
  readonly settle: number | undefined;
  /** Milliseconds between two comparisons with the disk, or 0. */
  readonly poll: number;
  /** Milliseconds for which it looks again and again after an event, before it sleeps. By default it does where sleep loses something. */
  readonly busyPoll: number | undefined;
  readonly stats: boolean;
  readonly backend: WatchBackend;
  /** The file of a snapshot, whose differences come first. */
  readonly since: string | undefined;
  /** Where a snapshot is written at the end. */
  readonly snapshot: string | undefined;
  /** Whether it ends when everything up to now is told. */
  readonly now: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly exec: string | undefined;
  readonly restart: boolean;
  /** How many events end it. */
  readonly count: number;
  /** Milliseconds without an event that end it. */
  readonly timeout: number;
}

const backends = ["auto", "inotify", "fanotify"] as const;

/** What can be asked for. */
const eventWords = ["create", "change", "delete", "rename", "attributes"] as const;

export const WATCH_HELP = `Usage: butter watch [OPTION…] PATH…

Prints what happens to files and directories, and to everything below them, until it is
interrupted. A path that vanishes is watched again when it is back.

Options:
  -e, --event WORD,…   only these events (more than one --event adds up):
                       create change delete rename attributes (default: all)
  -i, --ignore GLOB    leave out what is called so, with all that is below it: "*.log",
                       "node_modules"; with a slash it is a path below PATH: "docs/*.tmp",
                       "/dist"
  -g, --gitignore      leave out what .gitignore files say, and .git
  -d, --depth N        enter N levels of directories: 0 is PATH's own entries
  -L, --follow-symlinks
                       enter what symbolic links lead to as well
      --initial        tell of what is there at the start as made
      --modify         tell of each write, and not only when the writer closes the file
      --atomic         tell of an editor's save by way of another file as one change
      --settle TIME    tell of a file when it has been left alone for so long: 200ms, 1.5s,
                       or 2, which is seconds; or after ten times that, however busy it is
      --poll TIME      every so often compare all with the disk: for network and shared file
                       systems, of which the kernel does not tell all: 2s
      --busy-poll TIME look for so long after an event without sleeping, which takes a processor:
                       1s; or 0; with inotify less is deleted before its directory is watched
                       (default: for 20ms after a directory was made, within bounds)
      --since FILE     first tell what is different from the snapshot in FILE
      --snapshot FILE  at the end, write a snapshot to FILE
      --now            end when that has been told or written, and do not wait for events
  -n, --count N        end after N events
      --once           end after one event
  -t, --timeout S      end when no event came for S seconds (fractions allowed)
  -x, --exec CMD       run CMD with /bin/sh after each burst of events
  -r, --restart        with --exec: end a CMD that still runs, and start it again
      --backend WORD   what tells of changes: auto inotify fanotify (default: auto, which is
                       fanotify where that is allowed)
  -s, --stats          add size, permissions and time of change
  -j, --json           print JSON lines
  -q, --quiet          no remarks on standard error, only errors
  -h, --help           print this

Events:
  create      made, or moved here from outside
  change      a writer closed it, or another file took its place
  delete      deleted, or moved away; what was in a directory comes before it
  rename      has another name, with everything below it
  attributes  permissions, owner or times
  error       something can't be watched, the rest is; standard error has the reason
  overflow    more came at once than the kernel keeps; what is different follows
  The last two are always printed, and do not count for --count, --once and --exec.

Commands (--exec):
  A burst is over when no event came for 50 ms, or after 1 s. There is never more than one CMD:
  events that come while it runs lead to one more run afterwards, or with --restart to SIGTERM
  for its process group, SIGKILL after 2 s, and a new run. With --initial the first run is at
  the start. When the watch ends by itself, the last CMD is waited for; when it is interrupted,
  CMD is ended in the same way.
  CMD's input is empty, and its output goes to standard error, so that rows stay rows.
  A CMD that writes into what is watched runs for ever, unless --ignore leaves that out.
  BUTTER_PATHS      what changed, one path a line, escaped as below; a rename is two
  BUTTER_EVENTS     how many events it was
  BUTTER_TRUNCATED  1 if not all that changed is in BUTTER_PATHS, else empty

Snapshots (--since, --snapshot):
  A snapshot has names, inodes, sizes and times, no contents. Take it and compare with it by the
  same PATHs and the same --ignore, --gitignore and --depth. FILE may lie in what is watched:
  it is left out. With both options nothing is missed from one run to the next; what happens
  just when one ends may be told twice. None is written when nobody reads the output any more.

${FORMAT_HELP}
  Behind PATH are <tab>KIND (file, directory, symlink or other), and of a rename <tab>FROM. With
  --stats it is <tab>FROM<tab>SIZE<tab>MODE<tab>MTIME: bytes, octal, and ISO 8601.
  JSON fields: time, type, path, kind; from (of a rename); pid (of fanotify); stats (--stats);
  error (code, errno, syscall, path and message of an error); pathBytes and fromBytes, arrays
  of numbers, if they are not UTF-8.

Exit codes:
  0  an event came that --count or --once waited for, it was interrupted, --now, or nobody
     reads its output any more
  1  an error, or nothing can be watched
  2  --timeout passed

Examples:
  butter watch . --gitignore
  butter watch src --initial --restart --exec 'bun server.ts'
  butter watch --once --timeout 10 --event create /run/app && echo it is up
  butter watch src --now --snapshot state.json
  butter watch src --now --since state.json
`;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function watchOptions(args: readonly string[]): WatchCommand | undefined {
  const { values, tokens } = parse(args, {
    event: { type: "string", short: "e", multiple: true },
    ignore: { type: "string", short: "i", multiple: true },
    gitignore: { type: "boolean", short: "g" },
    depth: { type: "string", short: "d" },
    "follow-symlinks": { type: "boolean", short: "L" },
    initial: { type: "boolean" },
    modify: { type: "boolean" },
    atomic: { type: "boolean" },
    settle: { type: "string" },
    poll: { type: "string" },
    "busy-poll": { type: "string" },
    since: { type: "string" },
    snapshot: { type: "string" },
    now: { type: "boolean" },
    ...ENDING,
    exec: { type: "string", short: "x" },
    restart: { type: "boolean", short: "r" },
    backend: { type: "string" },
    stats: { type: "boolean", short: "s" },
    ...PRINTING,
  });
  if (values.help === true) return undefined;
  const {
    event = eventWords,
    ignore = [],
    backend = "auto",
    "busy-poll": busyPoll,
    depth,
    exec,
    poll,
    settle,
    since,
    snapshot,
  } = values;
  const positionals = tokens.filter((token) => token.kind === "positional");
  const asked: WatchCommand = {
    paths: paths(args, positionals),
    events: new Set(words(event, "event", eventWords)),
    ignore,
    gitignore: values.gitignore === true,
    depth: depth === undefined ? Infinity : count(depth, "depth", 0),
    followSymlinks: values["follow-symlinks"] === true,
    initial: values.initial === true,
    modify: values.modify === true,
    atomic: values.atomic === true,
    settle: settle === undefined ? undefined : duration(settle, "settle", 0),
    poll: poll === undefined ? 0 : duration(poll, "poll", 0),
    busyPoll: busyPoll === undefined ? undefined : duration(busyPoll, "busy-poll", 0),
    stats: values.stats === true,
    backend: oneOf(backend, "--backend", backends),
    since,
    snapshot,
    now: values.now === true,
    json: values.json === true,
    quiet: values.quiet === true,
    exec,
    restart: values.restart === true,
    ...ending(values),
  };
  const wrong = contradiction(asked);
  if (wrong !== undefined) throw new UsageError(wrong);
  return asked;
}

/** Why a command line makes no sense as a whole. */
function contradiction(asked: WatchCommand): string | undefined {
  const { exec, since, snapshot } = asked;
  if (asked.paths.length === 0) return "Cannot watch nothing: name at least one directory or file";
  if (asked.paths.some((path) => path.length === 0)) return "Cannot watch a path that is empty";
  if (asked.ignore.includes("")) return "Cannot take --ignore: the glob is empty";
  if (since === "" || snapshot === "")
    return `Cannot take --${since === "" ? "since" : "snapshot"}: the file's name is empty`;
  if (exec?.trim() === "") return "Cannot take --exec: the command is empty";
  if (asked.restart && exec === undefined)
    return "Cannot take --restart: there is no --exec whose command it would end";
  if (asked.initial && since !== undefined)
    return "Cannot take --initial and --since together: one tells of everything, the other of what is different";
  if (snapshot !== undefined && asked.count !== Infinity)
    return "Cannot take --snapshot with --count or --once: what comes after the last event would count as told";
  if (asked.now && !asked.initial && since === undefined && snapshot === undefined)
    return "Cannot take --now: without --initial, --since or --snapshot there is nothing to tell";
  return undefined;
}
