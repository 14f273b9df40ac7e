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
   * Runs it.
   *
   * @param args What follows its name.
   * @returns The exit code.
   * @throws {UsageError} The command line is wrong.
   */
  run(args: readonly string[]): Promise<number>;
}

/** Exit codes, as inotifywait has them. */
export const EXIT = {
  /** What was asked for happened, or the user ended it. */
  OK: 0,
  /** A wrong command line, a call that failed, or nothing left to wait for. */
  ERROR: 1,
  /** Nothing happened in time. */
  TIMEOUT: 2,
} as const;

/** A command line that makes no sense, and what to write instead. */
export class UsageError extends Error {
  static {
    this.prototype.name = "UsageError";
  }
}

/** Prints a line to standard error. It is text for people: rows never go there. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
