#!/usr/bin/env bun
/**
 * The `butter` command: finds the subcommand, and prints what went wrong in one line.
 *
 * @module
 */
import manifest from "../../package.json" with { type: "json" };
import { nearest } from "../events/nearest.ts";
import { OSError } from "../index.ts";
import { type Command, EXIT, FileError, note, UsageError } from "./command.ts";
import { commands } from "./commands.ts";
import { OutputError } from "./output.ts";

const HELP = `Usage: butter COMMAND [OPTION…]

${manifest.description}.

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join("\n")}

Options:
  -h, --help     print this, or with a command what it takes
  -V, --version  print the version
`;

/** What a user who knows nothing yet sees. */
const FIRST_PAGE = `${HELP}
Start with:
  butter watch .            what changes here, until you press Ctrl-C
  butter timer --every 1s   a line each second
  butter pressure           how busy this machine is
  butter doctor             what this system lets butter do
  butter watch --help       all that a command takes, with examples

Completion of commands and options: butter completion --help`;

async function main(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  switch (first) {
    case undefined:
      note(FIRST_PAGE);
      return EXIT.ERROR;
    case "-h":
    case "--help":
    case "help":
      process.stdout.write(rest[0] === undefined ? HELP : find(rest[0]).help);
      return EXIT.OK;
    case "-V":
    case "--version":
      process.stdout.write(`${manifest.version}\n`);
      return EXIT.OK;
    default:
      return await run(find(first), rest);
  }
}

function find(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const known = commands.map((candidate) => candidate.name);
  const meant = nearest(name, known);
  const hint =
    meant === undefined ? `the commands are ${known.join(", ")}` : `did you mean ${meant}?`;
  throw new UsageError(
    name.startsWith("-")
      ? `Cannot take ${name}: there is no such option, and options of a command follow its name`
      : `Cannot run ${JSON.stringify(name)}: ${hint}`,
  );
}

async function run({ name, run: start }: Command, args: readonly string[]): Promise<number> {
  try {
    return await start(args);
  } catch (error) {
    return failed(`butter ${name}`, error);
  }
}

/** A stack trace is for defects of ours, and with `BUTTER_DEBUG=1` for everything. */
function failed(who: string, error: unknown): number {
  const expected = [UsageError, FileError, OutputError, OSError].some(
    (Class) => error instanceof Class,
  );
  if (!expected || process.env["BUTTER_DEBUG"] === "1") note(Bun.inspect(error));
  else note(`${who}: ${(error as Error).message}`);
  if (error instanceof UsageError) note(`Try "${who} --help"`);
  return EXIT.ERROR;
}

process.exit(await main(process.argv.slice(2)).catch((error: unknown) => failed("butter", error)));
