/** The way of one machine's events into the stream: each of them once, however often it is asked for. */
import { type Letter, textOf } from "./journal.ts";
import { type Redis, STREAM } from "./redis.ts";

/** How many events the stream keeps, about: those of a reader that is further behind are gone. */
const KEPT = 1_000_000;

/** How many go at once. */
const MANY = 1000;

/**
 * All of them or none. An agent whose name a newer one has taken may append no more: two that count by themselves
 * would use numbers twice.
 */
const APPEND = `
  local machine, run, first, kept = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
  local last = tonumber(redis.call("HGET", KEYS[2], "seq") or "0")
  local owner = redis.call("HGET", KEYS[2], "run")
  if owner and owner ~= run then return redis.error_reply("TAKEN by another agent") end
  if last >= first then return last end
  for at = 5, #ARGV do
    last = first + at - 5
    redis.call("XADD", KEYS[1], "MAXLEN", "~", kept, "*",
      "machine", machine, "seq", string.format("%.0f", last), "event", ARGV[at])
  end
  redis.call("HSET", KEYS[2], "run", run, "seq", string.format("%.0f", last))
  return last`;

export class Outbox {
  readonly #redis: Redis;
  readonly #machine: string;
  readonly #run: string;
  /** The machine's last number that is in the stream, when this was opened. */
  readonly last: number;

  private constructor(redis: Redis, machine: string, run: number, last: number) {
    this.#redis = redis;
    this.#machine = machine;
    this.#run = `${run}`;
    this.last = last;
  }

  /** Takes the machine's name. */
  static async open(redis: Redis, machine: string): Promise<Outbox> {
    const key = keyOf(machine);
    const run = await redis.ask((client) => client.hincrby(key, "run", 1));
    const last = await redis.ask((client) => client.hget(key, "seq"));
    return new Outbox(redis, machine, run, Number(last ?? 0));
  }

  /** Resolves when all of them are in the stream, however long the server is away. */
  async append(letters: readonly Letter[]): Promise<void> {
    const keys = ["2", STREAM, keyOf(this.#machine)];
    for (let at = 0; at < letters.length; at += MANY) {
      const some = letters.slice(at, at + MANY);
      const about = [this.#machine, this.#run, `${some[0]?.seq}`, `${KEPT}`];
      const events = some.map(({ event }) => textOf(event));
      await this.#redis.ask((client) =>
        client.send("EVAL", [APPEND, ...keys, ...about, ...events]),
      );
    }
  }
}

const keyOf = (machine: string): string => `fleet:machine:${machine}`;
