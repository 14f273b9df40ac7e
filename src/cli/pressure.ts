/**
 * `butter pressure`: prints when tasks wait for the processor, memory, or I/O.
 *
 * @module
 */
import {
  Pressure,
  type PressureAverages,
  type PressureEvent,
  type PressureResource,
  type PsiKind,
} from "../index.ts";
import { command, openFor } from "./command.ts";
import type { Row } from "./format.ts";
import { PRESSURE_HELP, type PressureOptions, pressureOptions } from "./pressure-options.ts";
import { Session } from "./session.ts";

export const pressure = command({
  name: "pressure",
  summary: "print when tasks wait for the processor, memory, or I/O",
  help: PRESSURE_HELP,
  parse: pressureOptions,
  run,
});

async function run(options: PressureOptions): Promise<number> {
  const { resources, full, stall, window, cgroup, now } = options;
  const scope = cgroup === undefined ? {} : { cgroup };
  const open = (resource: PressureResource): Pressure =>
    openFor(() => new Pressure(resource, { full, stall, window, ...scope }), {
      stall: "--stall",
      window: "--window",
    });
  const sources = now ? [] : resources.map(open);
  using session = new Session({ name: "pressure", nouns: ["stall", "stalls"] }, options);
  await session.write(
    resources.flatMap((resource) => {
      const { some, full: all } = Pressure.read(resource, scope);
      const row = rowOf("NOW", resource, "some", some);
      return all === undefined ? [row] : [row, rowOf("NOW", resource, "full", all)];
    }),
  );
  const print = async (events: readonly PressureEvent[]): Promise<void> => {
    const rows: Row[] = [];
    for (const event of events) {
      rows.push(rowOf("STALL", event.resource, event.kind, event));
      session.tally(1, event.resource);
      if (session.count()) break;
    }
    await session.write(rows);
  };
  await Promise.all(sources.map((source) => session.follow(source, print)));
  if (!now && session.end === undefined) session.stop("over");
  return await session.finish();
}

function rowOf(
  event: "NOW" | "STALL",
  resource: PressureResource,
  kind: PsiKind,
  { avg10, avg60, avg300, total }: PressureAverages,
): Row {
  const percent = { avg10, avg60, avg300 };
  const shown = Object.entries(percent).map(
    ([name, average]) => `${name} ${average.toFixed(2).padStart(5)} %`,
  );
  return {
    words: [event, kind.toUpperCase()],
    subject: `${resource.padEnd(6)}  ${shown.join("  ")}  total ${(total / 1000).toFixed(1)} s`,
    columns: [resource, ...Object.values(percent).map(String), `${total}`],
    colour: event === "NOW" ? "grey" : kind === "full" ? "red" : "yellow",
    data: { event, resource, kind, ...percent, total },
  };
}
