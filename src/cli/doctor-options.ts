/**
 * The command line of `butter doctor`.
 *
 * @module
 */
import { parse } from "./args.ts";
import { UsageError } from "./command.ts";

/** What `butter doctor` was asked for. */
export interface DoctorOptions {
  readonly json: boolean;
}

export const DOCTOR_HELP = `Usage: butter doctor [OPTION…]

Tells what this system lets bun-butter do: the kernel and what of it is there, tried out with calls
that change nothing; the capabilities of this process; and the system's limits, with how much
of each is used, and what to do about it.

Options:
  -j, --json  print one JSON object
  -h, --help  print this

Features:
  ok        it works here
  old       this kernel is older than it
  needs     this process lacks a capability for it
  refused   the kernel has it, but a sandbox, a container or a security module refuses it
  missing   this kernel was made or started without it, or the file system of / lacks it
  limit     a limit is reached
  unknown   it can't be tried out here

Limits:
  What is used is counted in /proc. Limits of a user are about the processes of this one, as far
  as they can be seen from here; a descriptor that processes share counts for each of them.
  A pipe counts as 16 pages, whatever its size. With --json, limit is null if there is none; limit
  and used are missing if nobody tells.

Exit codes:
  0  all is well: what most of butter is made of works, and no limit is nearly reached
  1  an error
  3  something should be seen to: it is marked with "!"

Examples:
  butter doctor
  butter doctor --json | jq '.features[] | select(.state != "ok")'
`;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function doctorOptions(args: readonly string[]): DoctorOptions | undefined {
  const { values, positionals } = parse(args, {
    json: { type: "boolean", short: "j" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help === true) return undefined;
  const [stray] = positionals;
  if (stray !== undefined)
    throw new UsageError(`Cannot take ${JSON.stringify(stray)}: there is only one system`);
  return { json: values.json === true };
}
