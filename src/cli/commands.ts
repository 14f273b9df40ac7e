/**
 * All subcommands, in the order in which they are listed.
 *
 * @module
 */
import type { Command } from "./command.ts";
import { completion } from "./completion.ts";
import { doctor } from "./doctor.ts";
import { guard } from "./guard.ts";
import { pressure } from "./pressure.ts";
import { run } from "./run.ts";
import { signals } from "./signals.ts";
import { timer } from "./timer.ts";
import { trace } from "./trace.ts";
import { wait } from "./wait.ts";
import { watch } from "./watch.ts";

export const commands: readonly Command[] = [
  watch,
  trace,
  guard,
  timer,
  signals,
  wait,
  pressure,
  run,
  doctor,
  completion(() => commands),
];
