/**
 * `butter signals`: prints who sends which signal.
 *
 * @module
 */
import { Signalfd, type SignalfdEvent } from "../index.ts";
import { afterEcho, command, openFor } from "./command.ts";
import type { Colour, Row } from "./format.ts";
import { ignored, INTERRUPTS } from "./interrupt.ts";
import { processName, processText } from "./process-name.ts";
import { Session } from "./session.ts";
import { SIGNALS_HELP, type SignalsOptions, signalsOptions } from "./signals-options.ts";

export const signals = command({
  name: "signals",
  summary: "print who sends which signal",
  help: SIGNALS_HELP,
  parse: signalsOptions,
  run,
});

/** What a terminal and a pipe need to work as usual. */
const LEFT = ["SIGPIPE", "SIGTSTP", "SIGTTIN", "SIGTTOU"] as const;

/** What a terminal shows as `^C` and the like when it sends it. */
const ECHOED: ReadonlySet<string> = new Set(["SIGINT", "SIGQUIT"]);

/** Room for the most usual codes. */
const CODE_WIDTH = 6;

async function run(options: SignalsOptions): Promise<number> {
  const ends = INTERRUPTS.filter((signal) => !ignored(signal));
  // Never closed: from then on, a signal would end the process as it does by default.
  const taken = openFor(() => new Signalfd(options.signals));
  // What is to be printed and ends it is read even while nobody reads the output.
  using interrupts = new Signalfd();
  using session = new Session({ name: "signals", nouns: ["signal", "signals"] }, options);
  if (options.signals.length === 0) {
    taken.enableAll();
    interrupts.enable(ends);
    taken.disable([...LEFT, ...ends]);
  }
  const { length } = [...taken.signals, ...interrupts.signals];
  // `SIGHUP, SIGINT, or SIGTERM`
  const list = new Intl.ListFormat("en", { type: "disjunction" });
  const end = list.format(ends.filter((signal) => !taken.has(signal))) || "SIGKILL";
  const what = length === 1 ? "signal" : "signals";
  session.note(`Process ${process.pid} takes ${length} ${what}; ${end} ends it`);

  const print = async (events: readonly SignalfdEvent[]): Promise<void> => {
    const rows: Row[] = [];
    for (const event of events) {
      if (event.code === "KERNEL" && ECHOED.has(event.signal)) afterEcho();
      rows.push(row(event));
      session.tally(1, event.signal);
      if (session.count()) break;
    }
    await session.write(rows);
  };
  const last: SignalfdEvent[] = [];
  await Promise.all([
    session.follow(taken, print),
    session.follow(interrupts, (events) => {
      last.push(...events);
      if (last.length > 0) session.stop("interrupt");
    }),
  ]);
  await print(last);
  // From here on an interrupt is nothing to be printed.
  interrupts.close();
  return await session.finish();
}

function row(event: SignalfdEvent): Row {
  const { signal, code, pid, uid, value, lost } = event;
  const name = pid === 0 ? undefined : processName(pid);
  const who = pid === 0 ? [] : [" pid ", processText(pid, name), ` uid ${uid}`];
  const what = lost !== undefined ? ` ${lost} lost` : value !== undefined ? ` value ${value}` : "";
  const subject = [code.padEnd(CODE_WIDTH), ...who, what].map((part) => Buffer.from(part));
  return {
    words: [signal, code],
    brief: [signal],
    subject: Buffer.concat(subject),
    columns: [`${pid}`, `${uid}`, name ?? "", `${lost ?? value ?? ""}`],
    colour: colourOf(event),
    get data() {
      return { ...event.toJSON(), ...(name && { command: new TextDecoder().decode(name) }) };
    },
  };
}

function colourOf({ signal, code }: SignalfdEvent): Colour {
  if (code === "OVERFLOW") return "magenta";
  if ((INTERRUPTS as readonly string[]).includes(signal)) return "red";
  return code === "QUEUE" ? "cyan" : "green";
}
