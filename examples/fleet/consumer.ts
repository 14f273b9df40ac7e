/**
 * Handles the events of all machines, each at least once, until Ctrl-C: `bun examples/fleet/consumer.ts GROUP NAME`
 *
 * REDIS_URL is the server. Each group gets all events, each consumer of a group a part of them. One that is started again by its
 * NAME goes on with what it had begun; what one had begun that does not come back, another one takes over after
 * FLEET_IDLE milliseconds.
 *
 * It prints a line of JSON for each event. "again" is that it may have been handled before. A machine's numbers have no
 * holes: "missing" is how many the stream had to drop before somebody read them, if one consumer alone is at work. Order
 * is kept for one alone as well.
 */
import { Group } from "./group.ts";
import { Redis, untilStopped } from "./redis.ts";

const [name, consumer] = process.argv.slice(2);
if (name === undefined || consumer === undefined) {
  console.error("usage: consumer.ts GROUP NAME");
  process.exit(2);
}

const signal = untilStopped();
using redis = new Redis(signal);

/** The last number of each machine that the group has handled. */
const lasts = `fleet:group:${name}`;

async function consume(group: Group): Promise<void> {
  const handled = new Map<string, number>();
  const known = await redis.ask((client) => client.hgetall(lasts));
  for (const [machine, seq] of Object.entries(known ?? {})) handled.set(machine, Number(seq));
  for (;;) {
    const entries = await group.next();
    if (entries.length === 0) continue;
    let lines = "";
    for (const { machine, seq, event, again } of entries) {
      const last = handled.get(machine) ?? 0;
      const missing = Math.max(0, seq - last - 1);
      handled.set(machine, Math.max(last, seq));
      const marks = { ...(again && { again }), ...(missing > 0 && { missing }) };
      lines += `${JSON.stringify({ machine, seq, ...marks, event: JSON.parse(event) })}\n`;
    }
    // Handling is printing here. It is over before Redis hears of it.
    await Bun.write(Bun.stdout, lines);
    await redis.ask((client) => client.hset(lasts, Object.fromEntries(handled)));
    await group.done(entries);
  }
}

await consume(new Group(redis, name, consumer, Number(process.env["FLEET_IDLE"] ?? 60_000))).catch(
  (error: unknown) => {
    if (!signal.aborted) throw error;
  },
);
