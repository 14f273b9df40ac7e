/**
 * `butter completion`: prints a script that completes command lines.
 *
 * @module
 */
import { type Command, command, EXIT } from "./command.ts";
import { bash } from "./completion-bash.ts";
import { fish } from "./completion-fish.ts";
import { COMPLETION_HELP, completionOptions, type Shell } from "./completion-options.ts";
import { type CommandTable, tableOf } from "./completion-table.ts";
import { zsh } from "./completion-zsh.ts";
import { print } from "./output.ts";

const scripts: Readonly<Record<Shell, (commands: readonly CommandTable[]) => string>> = {
  bash,
  zsh,
  fish,
};

/** @param commands All of them, itself included. */
export function completion(commands: () => readonly Command[]): Command {
  return command({
    name: "completion",
    summary: "print a script that completes command lines in bash, zsh or fish",
    help: COMPLETION_HELP,
    parse: completionOptions,
    async run(shell) {
      await print(scripts[shell](commands().map(tableOf)));
      return EXIT.OK;
    },
  });
}
