/**
 * What a subcommand is, and what ends one with a message.
 *
 * @module
 */

/** A subcommand of `butter`. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly help: string;
  /**
   * Parses its command line, and runs nothing.
   *
   * @throws {UsageError} The command line is wrong.
   */
  parse(args: readonly string[]): unknown;
  /**
   * Runs it.
   *
   * @param args What follows its name.
   * @returns The exit code.
   * @throws {UsageError} The command line is wrong.
   */
  run(args: readonly string[]): Promise<number>;
}

/** What a {@linkcode Command} is made of. */
export interface CommandParts<Options> extends Pick<Command, "name" | "summary" | "help"> {
  /** Parses the command line. `undefined` is that the help was asked for. */
  readonly parse: (args: readonly string[]) => Options | undefined;
  readonly run: (options: Options) => Promise<number>;
}

/** A subcommand that prints its help when it is asked to. */
export function command<Options>(parts: CommandParts<Options>): Command {
  const { name, summary, help, parse, run } = parts;
  return {
    name,
    summary,
    help,
    parse,
    async run(args) {
      const options = parse(args);
      if (options !== undefined) return await run(options);
      process.stdout.write(help);
      return EXIT.OK;
    },
  };
}

/** Exit codes, as inotifywait has them. */
export const EXIT = {
  /** What was asked for happened, or the user ended it. */
  OK: 0,
  /** A wrong command line, a call that failed, or nothing left to wait for. */
  ERROR: 1,
  /** Nothing happened in time. */
  TIMEOUT: 2,
  /** All was looked at, and something of it should be seen to. */
  ATTENTION: 3,
} as const;

/** A command line that makes no sense, and what to write instead. */
export class UsageError extends Error {
  static {
    this.prototype.name = "UsageError";
  }

  /** What would have been right, if that can be listed. */
  readonly choices: readonly string[];

  constructor(message: string, choices: readonly string[] = []) {
    super(message);
    this.choices = choices;
  }
}

/** A file that the command line names can't be used. */
export class FileError extends Error {
  static {
    this.prototype.name = "FileError";
  }
}

/**
 * Opens what the command line asks for. What its options can't say of each other, the constructor does.
 *
 * @param names What the command line calls the constructor's options of which it may say that.
 * @throws {UsageError}
 */
export function openFor<T>(open: () => T, names: Readonly<Record<string, string>> = {}): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    throw new UsageError(
      error.message.replace(/(?<=^Cannot take )\w+/, (name) => names[name] ?? name),
    );
  }
}

/** Prints a line to standard error. It is text for people: rows never go there. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Begins a new line where the terminal has just shown `^C`, and the cursor is behind it. */
export function afterEcho(): void {
  if (process.stderr.isTTY) note("");
}
