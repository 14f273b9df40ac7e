/**
 * The command line of `butter completion`.
 *
 * @module
 */
import { oneOf, parse } from "./args.ts";
import { UsageError } from "./command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export type Shell = (typeof SHELLS)[number];

export const COMPLETION_HELP = `Usage: butter completion [OPTION…] SHELL

Prints a script that lets a shell complete butter's commands, their options, and the values of
those. SHELL is bash, zsh or fish.

Options:
  -h, --help  print this

For this session:
  source <(butter completion bash)
  source <(butter completion zsh)     after compinit
  butter completion fish | source

For all sessions:
  butter completion bash >~/.local/share/bash-completion/completions/butter
  butter completion zsh >_butter      in a directory of $fpath
  butter completion fish >~/.config/fish/completions/butter.fish
The script is about this version: make it again after an update.

Exit codes:
  0  the script was printed
  1  an error
`;

/**
 * Parses the command line.
 *
 * @returns `undefined` if the help was asked for.
 * @throws {UsageError}
 */
export function completionOptions(args: readonly string[]): Shell | undefined {
  const { values, positionals } = parse(args, { help: { type: "boolean", short: "h" } });
  if (values.help === true) return undefined;
  const [shell, ...more] = positionals;
  if (shell === undefined)
    throw new UsageError(`Cannot complete for no shell: name one of ${SHELLS.join(", ")}`, SHELLS);
  if (more.length > 0) throw new UsageError("Cannot complete for more than one shell");
  return oneOf(shell, "the shell", SHELLS);
}
