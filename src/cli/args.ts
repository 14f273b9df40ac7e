/**
 * The command line: options, numbers, words, and paths that need not be UTF-8.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

import { nearest } from "../events/nearest.ts";
import { UsageError } from "./command.ts";

/** The argument that asks for a command's option table. No command line has it: it holds a NUL. */
export const TABLE = "-\0";

/** Thrown instead of parsing {@linkcode TABLE}: what a command takes. */
export class OptionTable extends Error {
  readonly options: ParseArgsOptionsConfig;

  constructor(options: ParseArgsOptionsConfig) {
    super("the option table");
    this.options = options;
  }
}

/**
 * Parses options and positional arguments.
 *
 * @throws {UsageError} An unknown option, or one whose value is missing or too much.
 */
export function parse<const Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
) {
  if (args[0] === TABLE) throw new OptionTable(options);
  try {
    return parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
      tokens: true,
    });
  } catch (error) {
    throw usageError(error, Object.keys(options));
  }
}

/** Options of every subcommand that prints rows. */
export const PRINTING = {
  json: { type: "boolean", short: "j" },
  quiet: { type: "boolean", short: "q" },
  help: { type: "boolean", short: "h" },
} as const;

/** Options of those that print until enough events came. */
export const ENDING = {
  count: { type: "string", short: "n" },
  once: { type: "boolean" },
  timeout: { type: "string", short: "t" },
} as const;

/** What {@linkcode ENDING} says: a number of events, and milliseconds. */
export function ending(values: {
  readonly count?: string | undefined;
  readonly once?: boolean | undefined;
  readonly timeout?: string | undefined;
}): { readonly count: number; readonly timeout: number } {
  const { once = false, timeout } = values;
  if (once && values.count !== undefined)
    throw new UsageError("Cannot take --once and --count together: --once is --count 1");
  return {
    count: once ? 1 : values.count === undefined ? Infinity : count(values.count, "count"),
    timeout: timeout === undefined ? Infinity : seconds(timeout, "timeout"),
  };
}

/** A whole number, of at least 1 if nothing else is said. */
export function count(text: string, option: string, least: number = 1): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(
    `Cannot take --${option}: ${JSON.stringify(text)} is not a whole number of at least ${least}`,
  );
}

/** Seconds, fractions allowed, as milliseconds. */
export function seconds(text: string, option: string): number {
  const value = Number(text);
  if (/^(\d+\.?\d*|\.\d+)$/.test(text) && Number.isFinite(value)) return value * 1000;
  throw new UsageError(
    `Cannot take --${option}: ${JSON.stringify(text)} is not a number of seconds of at least 0`,
  );
}

const units = { ns: 1e-6, us: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3 } as const;

/** What the kernel counts: 292 years, in milliseconds. */
export const LONGEST = 9_223_372_036_854;

/** A number and its unit, seconds without one, as milliseconds. */
export function duration(text: string, option: string, least: number): number {
  const [, number = "", unit = "s"] = /^(\d+\.?\d*|\.\d+)(ns|us|ms|s|m|h|d)?$/.exec(text) ?? [];
  const value = number === "" ? NaN : Number(number) * units[unit as keyof typeof units];
  if (value >= least && value <= LONGEST) return value;
  const range = least === 0 ? "of at most 292 years" : "from 1ns to 292 years";
  throw new UsageError(
    `Cannot take --${option}: ${JSON.stringify(text)} is not a time such as 500ms or 1.5h, ${range}`,
  );
}

/** One word of a list. */
export function oneOf<Word extends string>(
  text: string,
  what: string,
  known: readonly Word[],
): Word {
  const found = known.find((candidate) => candidate === text);
  if (found !== undefined) return found;
  throw new UsageError(
    `Cannot take ${what}: ${JSON.stringify(text)} is none of ${known.join(", ")}`,
    known,
  );
}

/** Words separated by commas, in the spelling of their list: any case, `-` or `_`. */
export function words<Word extends string>(
  texts: readonly string[],
  option: string,
  known: readonly Word[],
): Word[] {
  return texts
    .flatMap((text) => text.split(","))
    .map((text) => {
      const plain = text.trim().toLowerCase().replaceAll("-", "_");
      const word = known.find((candidate) => candidate === plain);
      if (word !== undefined) return word;
      throw new UsageError(
        `Cannot take --${option}: ${JSON.stringify(text)} is none of ${known.join(", ")}`,
        known,
      );
    });
}

/** A positional argument, and where it stands. */
export interface Positional {
  readonly index: number;
  readonly value: string;
}

/**
 * Paths as they were given. Bun has replaced the bytes that are not UTF-8; the kernel still has them.
 *
 * @param args All arguments that the process was given last.
 */
export function paths(
  args: readonly string[],
  positionals: readonly Positional[],
): (string | Uint8Array)[] {
  return positionals.map(({ index, value }) => {
    if (!value.includes("\uFFFD")) return value;
    const exact = commandLine().at(index - args.length);
    return exact !== undefined && new TextDecoder().decode(exact) === value ? exact : value;
  });
}

/** `/proc/self/cmdline`: each argument with a NUL behind it. */
function commandLine(): Uint8Array[] {
  const bytes = readFileSync("/proc/self/cmdline");
  const found: Uint8Array[] = [];
  for (let start = 0, nul = 0; (nul = bytes.indexOf(0, start)) !== -1; start = nul + 1)
    found.push(new Uint8Array(bytes.subarray(start, nul)));
  return found;
}

/** What `parseArgs` complains about, in our words. */
function usageError(error: unknown, known: readonly string[]): unknown {
  if (!(error instanceof TypeError)) return error;
  const code = "code" in error ? error.code : undefined;
  // It says '-n, --count <value>' or '--count'.
  const option = /'(?:-\w, )?(-[^' ]*)/.exec(error.message)?.[1] ?? "the options";
  // Letters in one word, and then "=": no option is called that.
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION" && option === "-")
    return new UsageError('Cannot take "=" behind letters: a value follows its letter, as in -n5');
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const meant = option.startsWith("--") ? nearest(option.slice(2), known) : undefined;
    const hint =
      meant === undefined
        ? ' (what begins with "-" and is none goes behind "--")'
        : `, did you mean --${meant}?`;
    return new UsageError(`Cannot take ${option}: there is no such option${hint}`);
  }
  if (code !== "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") return error;
  if (error.message.includes("does not take"))
    return new UsageError(`Cannot take ${option}: it takes no value`);
  const dash = error.message.includes("ambiguous");
  return new UsageError(
    `Cannot take ${option}: ${dash ? `a value that begins with "-" needs "=": ${option}=VALUE` : "its value is missing"}`,
  );
}
