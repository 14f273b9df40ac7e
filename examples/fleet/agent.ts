/**
 * Appends what happens in a directory of this machine to a Redis stream, until Ctrl-C:
 * `bun examples/fleet/agent.ts DIR STATE`
 *
 * REDIS_URL is the server, FLEET_MACHINE this machine's name if it is not the host's. STATE is a file outside of DIR,
 * and STATE.log another one.
 *
 * While the server is away, or slow, events wait in the kernel's queue, which is bounded: if they become too many, an
 * "overflow" event is told, and then the differences. An agent that was killed sends what it had not sent, and then what
 * is different from what it told; of what was new in those days, a change may be told twice.
 */
import { hostname } from "node:os";
import { relative, resolve } from "node:path";

import { changesSince, OSError, type Snapshot, snapshot, watch, type WatchEvent } from "bun-butter";

import { Journal } from "./journal.ts";
import { Outbox } from "./outbox.ts";
import { Redis, untilStopped } from "./redis.ts";
import { Told } from "./told.ts";

/** How many events the journal has at most, about. To empty it is to look at all files. */
const MANY = 10_000;

const [dir, state] = process.argv.slice(2);
if (dir === undefined || state === undefined || !relative(resolve(dir), state).startsWith("..")) {
  console.error("usage: agent.ts DIR STATE, where STATE is outside of DIR");
  process.exit(2);
}

const signal = untilStopped();
using redis = new Redis(signal);

async function look(path: string): Promise<Snapshot["tree"]> {
  try {
    return (await snapshot(path, { signal })).tree;
  } catch (error) {
    if (error instanceof OSError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function publish(path: string, journal: Journal): Promise<void> {
  const outbox = await Outbox.open(redis, process.env["FLEET_MACHINE"] ?? hostname());
  const told = (): Told => {
    const { checkpoint, letters } = journal.read();
    const tree = new Told(path, checkpoint.tree);
    for (const { event } of letters) tree.apply(event);
    return tree;
  };
  const { checkpoint, letters } = journal.read();
  let seq = Math.max(checkpoint.seq, letters.at(-1)?.seq ?? 0, outbox.last);
  await outbox.append(letters.filter((letter) => letter.seq > outbox.last));

  // Written down first: who is killed in between knows what may have been told.
  const tell = async (events: readonly WatchEvent[]): Promise<void> => {
    const numbered = events.map((event, at) => ({ seq: seq + 1 + at, event }));
    journal.append(numbered);
    await outbox.append(numbered);
    seq += events.length;
  };

  // Watched first, and compared then, so that nothing happens between.
  using watcher = watch(path, { mustExist: false });
  await watcher.ready;
  const before: Snapshot = { version: 1, path, tree: told().tree(undefined) };
  await tell(await changesSince(before, { signal }));
  console.log(`Watching ${path}, number ${seq}`);

  for (let saved = -Infinity; ;) {
    if (seq >= saved + MANY) {
      const seen = await look(path);
      // What it shows is in the queue, if it is not told.
      await watcher.sync();
      await tell(watcher.readEventsSync());
      journal.replace({ seq, tree: told().tree(seen) });
      saved = seq;
    }
    await tell(await watcher.readEvents({ signal }));
  }
}

await publish(dir, new Journal(state)).catch((error: unknown) => {
  if (!signal.aborted) throw error;
});
