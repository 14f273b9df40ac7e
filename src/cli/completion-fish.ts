/**
 * Completion for fish.
 *
 * @module
 */
import type { CommandTable, Entry, Value } from "./completion-table.ts";

/** The script. */
export function fish(commands: readonly CommandTable[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const lines = commands.flatMap(({ name, summary, options, operand }) => {
    const condition = `complete -c butter -n '__butter_is ${name}'`;
    return [
      `complete -c butter -n __butter_is -a ${name} -d ${quoted(summary)}`,
      ...options.map((option) => `${condition}${optionArguments(option)}`),
      ...(operand === undefined ? [] : [`${condition}${valueArguments(operand)}`]),
    ];
  });
  return `# Completion of butter's command lines for fish, printed by "butter completion fish".

# Whether the command is this one, or without one still to be named.
function __butter_is
    set -l words (commandline -opc)
    test "$words[2]" = "$argv"
end

# What stands before the last comma stays.
function __butter_list
    set -l before (commandline -ct | string replace -r '^(--[^=]*=|-\\w)' '' | string match -r '^.*,')
    test -n "$before"; or set before ''
    printf '%s\\n' $before$argv
end

complete -c butter -f
complete -c butter -n __butter_is -s h -l help -d 'print the help'
complete -c butter -n __butter_is -s V -l version -d 'print the version'
complete -c butter -n __butter_is -a help -d 'print what a command takes'
complete -c butter -n '__butter_is help' -a '${names}'
${lines.join("\n")}
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}

function optionArguments({ name, short, about, value }: Entry): string {
  const signs = `${short === undefined ? "" : ` -s ${short}`} -l ${name}`;
  const description = about === "" ? "" : ` -d ${quoted(about)}`;
  const takes = value === undefined ? "" : ` -r${valueArguments(value)}`;
  return `${signs}${description}${takes}`;
}

function valueArguments({ kind, words, list }: Value): string {
  switch (kind) {
    case "words":
      return ` -f -a ${quoted(list ? `(__butter_list ${words.join(" ")})` : words.join(" "))}`;
    case "path":
      return " -F";
    case "directory":
      return " -f -a '(__fish_complete_directories)'";
    case "program":
      return " -f -a '(__fish_complete_command)'";
    case "command":
      return " -f -a '(__fish_complete_subcommand --fcs-skip=2)'";
    case "process":
      return " -f -a '(__fish_complete_pids)'";
    case "other":
      return " -f";
  }
}
