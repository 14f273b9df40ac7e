/**
 * Completion for bash 4.4 and newer, with or without its package of completions.
 *
 * @module
 */
import { type CommandTable, flagsOf, type Value } from "./completion-table.ts";

/** The script. */
export function bash(commands: readonly CommandTable[]): string {
  const names = commands.map(({ name }) => name).join(" ");
  const values = commands.flatMap(({ name, options }) =>
    options.flatMap((option) => {
      const { value } = option;
      if (value === undefined) return [];
      const patterns = flagsOf(option).map((flag) => `'${name} ${flag}'`);
      return [`    ${patterns.join(" | ")}) ${action(value)}; return ;;`];
    }),
  );
  const options = commands.map(
    ({ name, options: all }) =>
      `      ${name}) _butter_words '${all.flatMap(flagsOf).join(" ")}' ;;`,
  );
  const operands = commands.flatMap(({ name, operand }) =>
    operand === undefined ? [] : [`    ${name}) ${action(operand)} ;;`],
  );
  return `# Completion of butter's command lines for bash, printed by "butter completion bash".

_butter_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# What stands before the last comma stays.
_butter_list() {
  local before=
  [[ $cur == *,* ]] && before=\${cur%,*},
  mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "\${cur##*,}")
  compopt -o nospace 2>/dev/null
}

_butter_files() {
  mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
  compopt -o filenames 2>/dev/null
}

_butter_processes() {
  local all=(/proc/[0-9]*)
  _butter_words "\${all[*]##*/}"
}

# A command line of its own: where it begins is behind the options.
_butter_command() {
  local at
  for ((at = 2; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      --) ((at++)); break ;;
      =) ((at++)) ;;
      -*) case "$command \${COMP_WORDS[at]}" in
${commands
  .filter(({ operand }) => operand?.kind === "command")
  .map(
    ({ name, options: all }) =>
      `        ${all
        .filter(({ value }) => value !== undefined)
        .flatMap(flagsOf)
        .map((flag) => `'${name} ${flag}'`)
        .join(" | ")}) [[ \${COMP_WORDS[at + 1]} == = ]] || ((at++)) ;;`,
  )
  .join("\n")}
        esac ;;
      *) break ;;
    esac
  done
  if ((at >= COMP_CWORD)); then mapfile -t COMPREPLY < <(compgen -c -- "$cur")
  elif declare -F _command_offset >/dev/null; then _command_offset "$at"
  else _butter_files -f
  fi
}

_butter() {
  local cur=\${COMP_WORDS[COMP_CWORD]} option=\${COMP_WORDS[COMP_CWORD - 1]}
  local command=\${COMP_WORDS[1]} options=1 word
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then _butter_words '${names} help --help --version'; return; fi
  # "--option=value" is three words here.
  if [[ $cur == = ]]; then cur=
  elif [[ $option == = ]]; then option=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for word in "\${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
    case $word in
      --) options= ;;
    esac
  done
  if [[ $options ]]; then
    case "$command $option" in
${values.join("\n")}
    esac
    if [[ $cur == -* ]]; then
      case $command in
${options.join("\n")}
      esac
      return
    fi
  fi
  case $command in
    help) ((COMP_CWORD == 2)) && _butter_words '${names}' ;;
${operands.join("\n")}
  esac
}

complete -F _butter butter
`;
}

function action({ kind, words, list }: Value): string {
  switch (kind) {
    case "words":
      return `${list ? "_butter_list" : "_butter_words"} '${words.join(" ")}'`;
    case "path":
      return "_butter_files -f";
    case "directory":
      return "_butter_files -d";
    case "program":
      return "_butter_files -c";
    case "process":
      return "_butter_processes";
    case "command":
      return "_butter_command";
    case "other":
      return ":";
  }
}
