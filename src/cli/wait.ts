/**
 * `butter wait`: waits until processes end.
 *
 * @module
 */
import { OSError, Pidfd, type PidfdEvent, type SignalName, signalNumber } from "../index.ts";
import { command, EXIT } from "./command.ts";
import type { Row } from "./format.ts";
import { processName, processText } from "./process-name.ts";
import { Session } from "./session.ts";
import { WAIT_HELP, type WaitOptions, waitOptions } from "./wait-options.ts";

export const wait = command({
  name: "wait",
  summary: "wait until processes end, and print how",
  help: WAIT_HELP,
  parse: waitOptions,
  run,
});

/** A process, and what it was called in the beginning. */
interface Waited {
  readonly pid: number;
  /** `undefined` if it is gone. */
  readonly pidfd: Pidfd | undefined;
  readonly name: Uint8Array | undefined;
}

async function run(options: WaitOptions): Promise<number> {
  const all = options.pids.map((pid) => take(pid, options.exited));
  using session = new Session(
    { name: "wait", nouns: ["process", "processes"], deadline: true },
    options,
  );
  session.note(`Waiting for ${all.length} ${all.length === 1 ? "process" : "processes"}`);
  let code: number = EXIT.OK;
  const ended = async (waited: Waited, exit?: PidfdEvent): Promise<void> => {
    // Another one was the last.
    if (session.end === "count") return;
    const row = rowOf(waited, exit);
    if (code === 0) code = codeOf(exit);
    session.tally(1, row.words[0]);
    session.count();
    await session.write([row]);
  };
  await Promise.all(
    all.map(async (waited) => {
      if (waited.pidfd === undefined) return await ended(waited);
      await session.follow(waited.pidfd, async (exits) => {
        for (const exit of exits) await ended(waited, exit);
      });
    }),
  );
  const how = await session.finish();
  if (session.end === "count") return code;
  return how === EXIT.OK ? EXIT.ERROR : how;
}

function take(pid: number, exited: boolean): Waited {
  try {
    const pidfd = new Pidfd(pid);
    return { pid, pidfd, name: processName(pid) };
  } catch (error) {
    if (!exited || !(error instanceof OSError && error.code === "ESRCH")) throw error;
    return { pid, pidfd: undefined, name: undefined };
  }
}

/** As shells have it. */
function codeOf(exit: PidfdEvent | undefined): number {
  if (exit?.signal !== undefined) return 128 + signalNumber(exit.signal as SignalName);
  return exit?.exitCode ?? EXIT.OK;
}

function rowOf({ pid, pidfd, name }: Waited, { exitCode, signal }: Partial<PidfdEvent> = {}): Row {
  const killed = signal !== undefined;
  const told = killed || exitCode !== undefined;
  const word = pidfd === undefined ? "GONE" : killed ? "KILLED" : told ? "EXITED" : "ENDED";
  const how = `${signal ?? exitCode ?? ""}`;
  return {
    words: [word],
    subject: Buffer.concat([processText(pid, name), Buffer.from(told ? ` ${how}` : "")]),
    columns: [`${pid}`, how, name ?? ""],
    colour: killed ? "red" : exitCode === 0 ? "green" : told ? "yellow" : "magenta",
    data: { pid, exitCode, signal, ...(name && { command: new TextDecoder().decode(name) }) },
  };
}
