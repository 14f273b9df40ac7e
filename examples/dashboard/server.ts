/**
 * A page that shows live what happens in directories: changes, who touches which file, signals, pressure, how late timers
 * are, descriptors and queues: `bun examples/dashboard/server.ts DIR…`
 *
 * README.md has the rest.
 */
import { Signalfd } from "bun-butter";

import { dashboard } from "./dashboard.ts";
import { optionsOf, USAGE, UsageError } from "./options.ts";
import { Names } from "./sources/names.ts";
import { ENDING, SHOWN, signalOf } from "./sources/signals.ts";

try {
  process.exitCode = await main();
} catch (error) {
  const problem = error instanceof Error ? error.message : String(error);
  if (error instanceof UsageError) {
    console.error("usage: server.ts [OPTION]… [DIR]…, and --help tells the options");
    console.error(problem);
    process.exit(2);
  }
  console.error(`dashboard: ${problem}`);
  process.exit(1);
}

async function main(): Promise<number> {
  const options = optionsOf(process.argv.slice(2), process.env);
  if (options === undefined) {
    console.log(USAGE);
    return 0;
  }
  // Before anything that would have to be ended.
  using signals = new Signalfd([...ENDING, ...SHOWN]);
  await using running = await dashboard(options);
  const { url, roots, blind, token } = running;
  console.log(
    `Watching ${roots.paths.join(", ")} at ${url}${token === undefined ? "" : `#token=${token}`}`,
  );
  if (blind !== undefined && options.touches)
    console.error(`dashboard: who touches which file is not shown: ${blind}`);
  const names = new Names();
  for await (const event of signals) {
    running.publish(signalOf(event, names));
    if (!ENDING.includes(event.signal as (typeof ENDING)[number])) continue;
    await running.end(event.signal);
    // A second Ctrl-C would be one that nobody reads.
    signals.truncate();
    break;
  }
  return 0;
}
