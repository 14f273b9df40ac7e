/**
 * `butter guard`: refuses to open files, and prints who tried.
 *
 * @module
 */
import type { FanotifyEvent } from "../index.ts";
import { O } from "../syscalls/index.ts";
import { command } from "./command.ts";
import type { Row } from "./format.ts";
import { GuardMarks } from "./guard-marks.ts";
import { GUARD_HELP, type GuardOptions, guardOptions } from "./guard-options.ts";
import { HomePaths } from "./guard-path.ts";
import { Rules } from "./guard-rules.ts";
import { checkCapabilities } from "./privileges.ts";
import { type Doer, doerData, leadOf, processName } from "./process-name.ts";
import { realPath } from "./real-path.ts";
import { Session } from "./session.ts";

export const guard = command({
  name: "guard",
  summary: "refuse to open files, and print who tried",
  help: GUARD_HELP,
  parse: guardOptions,
  run,
});

/** Rows that may wait for a reader. */
const MOST_ROWS = 1000;

async function run(options: GuardOptions): Promise<number> {
  const directory = realPath(options.path, O.DIRECTORY);
  checkCapabilities("guard", [
    ["CAP_SYS_ADMIN", "to decide for others"],
    ["CAP_DAC_READ_SEARCH", "to find what is below the directory"],
  ]);
  using homes = new HomePaths(directory);
  const rules = new Rules(directory, homes, options);
  using session = new Session({ name: "guard", nouns: ["open", "opens"] }, options);
  const log = new Log(session);
  using _running = unstoppable(log);
  using marks = new GuardMarks(directory, (text) => log.remark(text), options.quiet);
  const { size } = marks;
  session.note(`Guarding ${size} ${size === 1 ? "directory" : "directories"}`);
  const opens = session.follow(marks.opens, (events) => {
    const rows: Row[] = [];
    for (const event of events) {
      using deciding = event;
      const row = decide(deciding, rules);
      if (row === undefined) continue;
      rows.push(row);
      session.tally(1, row.words[0]);
      if (session.count()) break;
    }
    log.write(rows);
  });
  const arrivals = session.follow(marks.arrivals, (events) => marks.take(events));
  await Promise.race([Promise.all([opens, arrivals]), log.failed]);
  // From here on nobody waits, whoever reads the rows.
  marks[Symbol.dispose]();
  log.finish();
  return await session.finish();
}

/** Refuses an open, if a rule says so, and tells what was done. */
function decide(event: FanotifyEvent, rules: Rules): Row | undefined {
  const where = rules.concern(event);
  if (where === undefined) return undefined;
  const { pid } = event;
  const doer: Doer = { pid, name: pid === undefined ? undefined : processName(pid) };
  if (rules.except(doer)) return undefined;
  const late = !event.waits;
  if (!late) event.deny();
  const { path, pathBytes } = where;
  return {
    lead: leadOf(doer),
    words: [late ? "LATE" : "DENY"],
    subject: pathBytes ?? path,
    colour: late ? "magenta" : "red",
    data: {
      ...doerData(doer),
      verdict: late ? "allow" : "deny",
      path,
      ...(pathBytes && { pathBytes: [...pathBytes] }),
    },
  };
}

/** Writes without waiting for who reads it: processes wait for the next decision. */
class Log {
  readonly #session: Session;
  /** Standard error may be a terminal that is stopped, too: they are for the end. */
  readonly #remarks = new Set<string>();
  readonly #failure = Promise.withResolvers<never>();
  #waiting = 0;
  #lost = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Rejects if rows can't be written. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  write(rows: readonly Row[]): void {
    if (rows.length === 0) return;
    if (this.#waiting + rows.length > MOST_ROWS) {
      this.#lost += rows.length;
      return;
    }
    this.#waiting += rows.length;
    this.#session.write(rows).then(() => {
      this.#waiting -= rows.length;
    }, this.#failure.reject);
  }

  remark(text: string): void {
    this.#remarks.add(text);
  }

  finish(): void {
    for (const text of this.#remarks) this.#session.remark(text);
    if (this.#lost === 0) return;
    this.#session.remark(`${this.#lost} refused opens are not printed: nobody read`);
  }
}

/** Keeps Ctrl-Z from stopping it. */
function unstoppable(log: Log): Disposable {
  const handle = (): void =>
    log.remark("it was not stopped, for whoever opens a file would have waited");
  process.on("SIGTSTP", handle);
  return {
    [Symbol.dispose]() {
      process.off("SIGTSTP", handle);
    },
  };
}
