/**
 * What the commands take, as shells complete it: options from the table that the command parses with, what
 * they are for from its help, and words by asking its parser for what would be right.
 *
 * @module
 */
import type { ParseArgsOptionsConfig } from "node:util";

import { signalName } from "../index.ts";
import { SIG } from "../syscalls/index.ts";
import { OptionTable, TABLE } from "./args.ts";
import { type Command, UsageError } from "./command.ts";

/** What stands for a value. */
export interface Value {
  readonly kind: "words" | "path" | "directory" | "program" | "process" | "command" | "other";
  /** What it is called in the help. */
  readonly name: string;
  /** All there are, of `words`. */
  readonly words: readonly string[];
  /** Whether words add up, with commas between them. */
  readonly list: boolean;
}

/** An option. */
export interface Entry {
  readonly name: string;
  readonly short: string | undefined;
  /** In a few words. */
  readonly about: string;
  /** `undefined` if it takes none. */
  readonly value: Value | undefined;
}

/** A command. */
export interface CommandTable {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly Entry[];
  /** `undefined` if there is none. */
  readonly operand: Value | undefined;
}

/** What an option is written as. */
export const flagsOf = ({ name, short }: Entry): string[] => [
  ...(short === undefined ? [] : [`-${short}`]),
  `--${name}`,
];

/** What a command takes. */
export function tableOf(command: Command): CommandTable {
  const { name, summary, help } = command;
  const described = descriptions(help);
  const options = Object.entries(optionsOf(command)).map(([option, { type, short }]): Entry => {
    const { about = "", value = "" } = described.get(option) ?? {};
    return {
      name: option,
      short,
      about,
      value: type === "string" ? valueOf(command, value, `--${option}=?`) : undefined,
    };
  });
  const operand = /^Usage: butter \S+ \[OPTION…\](?: \[--\])? (.*)$/m.exec(help)?.[1];
  return {
    name,
    summary,
    options,
    operand: operand === undefined ? undefined : valueOf(command, operand, "?"),
  };
}

function optionsOf({ parse }: Command): ParseArgsOptionsConfig {
  try {
    parse([TABLE]);
  } catch (error) {
    if (error instanceof OptionTable) return error.options;
    throw error;
  }
  return {};
}

const OPTION_LINE = /^ {2}(?:-\w, | {4})--([\w-]+)(?: (\S+))?(?: +(\S.*))?$/;

/** What the help says of each option: its value's name, and the first clause. */
function descriptions(
  help: string,
): Map<string, { readonly value: string; readonly about: string }> {
  const found = new Map<string, { value: string; about: string }>();
  let last: { value: string; about: string } | undefined;
  for (const line of help.split("\n")) {
    const [, name, value = "", about = ""] = OPTION_LINE.exec(line) ?? [];
    if (name !== undefined) found.set(name, (last = { value, about }));
    else if (last !== undefined && /^ {9,}\S/.test(line))
      last.about = `${last.about} ${line.trim()}`.trim();
    else last = undefined;
  }
  for (const entry of found.values())
    entry.about = entry.about.replace(/^with [^:]*: /, "").replace(/[:;,.](?: .*)?$| \(.*$/, "");
  return found;
}

/** Kinds by what the help calls them: the first that is in it counts. */
const kinds: readonly (readonly [name: RegExp, kind: Value["kind"]])[] = [
  [/^CMD \[ARG/, "command"],
  [/\bCMD\b/, "program"],
  [/\bPID\b/, "process"],
  [/\bDIR\b(?!\])/, "directory"],
  [/\b(?:PATH|FILE|SOURCE)\b/, "path"],
];

function valueOf(command: Command, name: string, question: string): Value {
  const words = choicesOf(command, question);
  const list = name.endsWith(",…");
  if (words.length > 0) return { kind: "words", name, words, list };
  if (command.name === "signals" && question === "?")
    return { kind: "words", name, words: signalWords(), list };
  const kind = kinds.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
  return { kind, name, words, list };
}

/** What the parser says would be right. It may want an operand as well, but of that it may complain, too. */
function choicesOf({ parse }: Command, question: string): readonly string[] {
  const option = /^--[^=]+/.exec(question)?.[0];
  for (const args of [[question], [question, "1"]]) {
    try {
      parse(args);
    } catch (error) {
      if (!(error instanceof UsageError) || error.choices.length === 0) continue;
      if (option === undefined || error.message.startsWith(`Cannot take ${option}:`))
        return error.choices;
    }
  }
  return [];
}

/** All that `butter signals` can take by name, but the real-time ones in between. */
function signalWords(): string[] {
  const numbers = Object.values(SIG).filter((signo) => signo !== SIG.KILL && signo !== SIG.STOP);
  return [...new Set(numbers.map(signalName)), "SIGRTMIN", "SIGRTMAX"];
}
