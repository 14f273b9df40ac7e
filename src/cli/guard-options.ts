/**
 * The command line of `butter guard`.
 *
 * @module
 */
import { ENDING, ending, parse, paths, PRINTING } from "./args.ts";
import { UsageError } from "./command.ts";
import type { SessionOptions } from "./session.ts";

/** What `butter guard` was asked for. */
export interface GuardOptions extends SessionOptions {
  readonly path: string | Uint8Array;
  readonly globs: readonly string[];
  /** Names or paths of programs that may open what the globs match. */
  readonly allowed: readonly string[];
}

export const GUARD_HELP = `Usage: butter guard [OPTION…] DIR --deny GLOB

Refuses to open files in DIR and below it, and prints who tried, until it is interrupted.
An open that GLOB matches fails with EPERM, whoever it is, root too; what this command itself
opens is never refused.

It needs CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH.

Options:
  -d, --deny GLOB       what nobody may open (more than one --deny adds up): a name such as
                        "*.key", at any depth, or with a slash a path from DIR on, such as
                        "secret/**"
  -a, --allow-only CMD  a program that may open it nevertheless (more than one --allow-only adds
                        up): its path, or the name that it has, which a process may change
  -n, --count N         end after N refused opens
      --once            end after one refused open
  -t, --timeout S       end when no open was refused for S seconds (fractions allowed)
  -j, --json            print JSON lines
  -q, --quiet           no remarks on standard error, only errors
  -h, --help            print this

What it does not do:
  It is about opening files, also to execute them: not about listing, renaming or deleting them,
  truncate(2), or what is open already. A file that is renamed is judged by its new name, and one
  that has another name (a hard link) outside of DIR can be opened there. What is mounted below
  DIR is left out. A directory that is made or moved into DIR is guarded a moment later; one that
  is moved out stays guarded until the end.
  Every open of a file in DIR waits for this command's answer, for a fraction of a millisecond.
  When in doubt that is yes: an open that is not answered within 5 s is allowed and printed as
  LATE, and when this command ends, by whatever it is, everything is allowed again. Only while it
  is stopped (SIGSTOP) do opens wait until it goes on; it does not let Ctrl-Z stop it.

Output:
  On a terminal, a line is the local time, the process as NAME(PID), DENY, and the path.
  Elsewhere it is TIME<tab>NAME<tab>PID<tab>DENY<tab>PATH, the time in UTC as ISO 8601 has it.
  Names and paths are escaped as butter watch --help says.
  With --json it is one JSON object: time, pid, command, verdict ("deny", or "allow" if it was
  LATE), path; pathBytes and commandBytes, arrays of numbers, if they are not UTF-8.
  While nobody reads the lines, no open waits for that: those past 1,000 are not printed, and
  a remark says how many.

Exit codes:
  0  an open was refused that --count or --once waited for, it was interrupted, or nobody reads
     its output any more
  1  an error
  2  --timeout passed

Examples:
  butter guard . --deny '.env*' --allow-only node
  butter guard ~/.ssh --deny 'id_*' --allow-only /usr/bin/ssh --allow-only /usr/bin/ssh-add
`;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function guardOptions(args: readonly string[]): GuardOptions | undefined {
  const { values, tokens } = parse(args, {
    deny: { type: "string", short: "d", multiple: true },
    "allow-only": { type: "string", short: "a", multiple: true },
    ...ENDING,
    ...PRINTING,
  });
  if (values.help === true) return undefined;
  const { deny = [], "allow-only": allowed = [] } = values;
  const [path, ...more] = paths(
    args,
    tokens.filter((token) => token.kind === "positional"),
  );
  if (path === undefined) throw new UsageError("Cannot guard nothing: name a directory");
  if (more.length > 0) throw new UsageError("Cannot guard more than one DIR");
  if (deny.length === 0)
    throw new UsageError("Cannot guard without a rule: --deny says what nobody may open");
  if (deny.includes("")) throw new UsageError("Cannot take --deny: the glob is empty");
  if (allowed.includes("")) throw new UsageError("Cannot take --allow-only: the program is empty");
  return {
    path,
    globs: deny,
    allowed,
    json: values.json === true,
    quiet: values.quiet === true,
    ...ending(values),
  };
}
