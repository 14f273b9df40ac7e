/**
 * Completion for zsh.
 *
 * @module
 */
import { type CommandTable, type Entry, type Value } from "./completion-table.ts";

/** The script. */
export function zsh(commands: readonly CommandTable[]): string {
  const described = commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  const cases = commands.map(({ name, options, operand }) => {
    const specs = [
      ...options.map(specOf),
      ...(operand === undefined ? [] : [operandSpec(operand)]),
    ];
    return `    ${name})\n      _arguments -s -S \\\n${specs.map((spec) => `        ${spec}`).join(" \\\n")}\n      ;;`;
  });
  return `#compdef butter
# Completion of butter's command lines for zsh, printed by "butter completion zsh".

# "_pids" has only those of this terminal.
_butter_processes() {
  compadd "$@" - /proc/<->(:t)
}

_butter() {
  # Not "commands": completion looks up programs in that.
  local -a subcommands
  subcommands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe -t commands command subcommands
    _arguments '(- *)'{-h,--help}'[print the help]' '(- *)'{-V,--version}'[print the version]'
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
    help) (( CURRENT == 2 )) && _describe -t commands command subcommands ;;
${cases.join("\n")}
  esac
}

if [[ $funcstack[1] == _butter ]]; then _butter "$@"
else compdef _butter butter
fi
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Its brackets, colons and backslashes mean something. */
function escaped(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, "\\$&");
}

function specOf({ name, short, about, value }: Entry): string {
  const end = quoted(`[${escaped(about)}]${value === undefined ? "" : argument(value)}`);
  const long = value === undefined ? `--${name}` : `--${name}=`;
  if (short === undefined) return `'*'${long}${end}`;
  return `'*'{-${short}${value === undefined ? "" : "+"},${long}}${end}`;
}

function operandSpec(value: Value): string {
  return value.kind === "command"
    ? "'(-)1:command: _command_names -e' '*::arguments: _normal'"
    : quoted(`*${argument(value)}`);
}

function argument({ kind, name, words, list }: Value): string {
  return `:${escaped(name)}:${action(kind, words, list)}`;
}

function action(kind: Value["kind"], words: readonly string[], list: boolean): string {
  switch (kind) {
    case "words":
      return list ? `_sequence compadd - ${words.join(" ")}` : `(${words.join(" ")})`;
    case "path":
      return "_files";
    case "directory":
      return "_files -/";
    case "program":
    case "command":
      return "_command_names -e";
    case "process":
      return "_butter_processes";
    case "other":
      return " ";
  }
}
