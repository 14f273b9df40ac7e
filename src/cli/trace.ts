/**
 * `butter trace`: prints which process does what to which file.
 *
 * @module
 */
import { Fanotify } from "../index.ts";
import { command } from "./command.ts";
import { escape, type Row } from "./format.ts";
import { queueLimit } from "./overflow.ts";
import { checkCapabilities } from "./privileges.ts";
import { realPath } from "./real-path.ts";
import { Session } from "./session.ts";
import { TraceFilter } from "./trace-filter.ts";
import { TraceMarks } from "./trace-marks.ts";
import { TRACE_HELP, type TraceOptions, traceOptions } from "./trace-options.ts";
import { traceRow } from "./trace-row.ts";

export const trace = command({
  name: "trace",
  summary: "print which process does what to which file",
  help: TRACE_HELP,
  parse: traceOptions,
  run,
});

async function run(options: TraceOptions): Promise<number> {
  const path = realPath(options.path);
  checkCapabilities("trace", [
    ["CAP_SYS_ADMIN", "to see what others do"],
    ["CAP_DAC_READ_SEARCH", "to find the paths"],
  ]);
  // Each event is read at once: a process may end soon, and its name with it.
  using fanotify = new Fanotify({ latency: 0 });
  const marks = new TraceMarks(fanotify, path, options);
  using session = new Session({ name: "trace", nouns: ["event", "events"] }, options);
  session.note(`Tracing ${marks}`);
  for (const { path: name, error } of marks.unmarked)
    session.remark(`"${escape(name)}" is not traced: ${error.message}`);
  const filter = new TraceFilter(path, options);
  await session.follow(fanotify, async (batch) => {
    const rows: Row[] = [];
    for (const [event, doer] of filter.select(batch)) {
      const row = traceRow(event, doer);
      rows.push(row);
      session.tally(1, row.words[0]);
      if (event.isOverflow) continue;
      if (session.count()) break;
    }
    await session.write(rows);
    if (batch.some(({ isOverflow }) => isOverflow))
      session.remark(
        `events were lost: raise ${queueLimit("fanotify")}, or trace fewer kinds with --events`,
      );
  });
  fanotify.close();
  return await session.finish();
}
