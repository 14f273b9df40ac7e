/**
 * Standard output: which format it gets, and writing rows to it without losing any.
 *
 * @module
 */
import { isatty } from "node:tty";

import { poll } from "../index.ts";
import { type Formatter, formatter, type Row } from "./format.ts";
import { Terminal } from "./terminal.ts";

const STDOUT = 1;

/** Where a subcommand writes its rows. */
export class Output implements Disposable {
  readonly #format: Formatter;
  readonly #terminal: Terminal | undefined;
  readonly #gone = new AbortController();
  readonly #done = new AbortController();

  /** @param json JSON lines, whatever standard output is. */
  constructor(json: boolean) {
    const terminal = isatty(STDOUT);
    this.#format = formatter(json ? "json" : terminal ? "terminal" : "tab", coloured(terminal));
    if (terminal) this.#terminal = Terminal.open(STDOUT);
    // The callback of a write tells the same; without a listener the process would end with a stack trace.
    process.stdout.on("error", () => undefined);
    void this.#watchReader();
  }

  /** Aborted when nobody reads any more, even while there is nothing to write. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /**
   * Writes rows, in one piece. Resolves when the kernel has taken them all, so that a slow reader
   * slows us down and does not fill our memory.
   *
   * @throws If they can't be written, unless it is because nobody reads any more.
   */
  write(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    const text = this.#format(new Date(), rows);
    if (this.#terminal !== undefined) {
      return this.#terminal.write(text).catch((error: unknown) => {
        if (!this.#done.signal.aborted) throw new OutputError(error as Error);
      });
    }
    return print(text).then((read) => {
      if (!read) this.#gone.abort();
    });
  }

  [Symbol.dispose](): void {
    this.#done.abort();
    this.#terminal?.[Symbol.dispose]();
  }

  /** A pipe that has lost its reader is in error, and tells so unasked; a pipe never has `pri`, which is asked for. */
  async #watchReader(): Promise<void> {
    try {
      const ready = await poll(STDOUT, "pri", { signal: this.#done.signal });
      if (ready.has("err") || ready.has("hup")) this.#gone.abort();
    } catch {
      // A file, which always has a reader, or we are done.
    }
  }
}

/**
 * Writes to standard output. Resolves when the kernel has all of it, and with `false` if nobody reads it.
 *
 * @throws {OutputError}
 */
export function print(text: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (!error) return resolve(true);
      if ("code" in error && error.code === "EPIPE") return resolve(false);
      reject(new OutputError(error));
    });
  });
}

/** Standard output can't be written, for another reason than that nobody reads it. */
export class OutputError extends Error {
  static {
    this.prototype.name = "OutputError";
  }

  constructor(cause: Error) {
    super(`Cannot write to standard output: ${cause.message}`, { cause });
  }
}

/** FORCE_COLOR wins over NO_COLOR, as in Node. */
function coloured(terminal: boolean): boolean {
  const { FORCE_COLOR, NO_COLOR, TERM } = process.env;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  return terminal && (NO_COLOR === undefined || NO_COLOR === "") && TERM !== "dumb";
}
