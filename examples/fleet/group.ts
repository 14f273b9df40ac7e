/** Entries of the stream for one consumer of a group. */
import { type Redis, STREAM } from "./redis.ts";

export interface Entry {
  readonly id: string;
  readonly machine: string;
  readonly seq: number;
  /** As JSON. */
  readonly event: string;
  /** Whether it was read before, by a consumer that may have handled it. */
  readonly again: boolean;
}

/** What Redis has of an entry: names and values in turn, and nothing if it was dropped because the stream was full. */
type Reply = readonly [id: string, fields: readonly string[] | null];

/** How many are read at once. */
const MANY = "100";

export class Group {
  readonly #redis: Redis;
  readonly #name: string;
  readonly #consumer: string;
  readonly #idle: number;
  /** Whether there may be entries that this consumer has read and not acknowledged: not those in hand, there are none. */
  #hasBegun = true;
  #claimsAt = 0;

  /** @param idle Milliseconds without a sign of life after which another consumer's entries are taken over. */
  constructor(redis: Redis, name: string, consumer: string, idle: number) {
    this.#redis = redis;
    this.#name = name;
    this.#consumer = consumer;
    this.#idle = idle;
  }

  /** What is next: what was begun, then what another one began and left, then what is new. `[]` now and then. */
  async next(): Promise<readonly Entry[]> {
    return await this.#redis.ask(async () => {
      try {
        return (await this.#begun()) ?? (await this.#left()) ?? (await this.#fresh());
      } catch (error) {
        // An answer that did not arrive may have had entries.
        this.#hasBegun = true;
        if (!`${error}`.includes("NOGROUP")) throw error;
        await this.#create();
        return [];
      }
    });
  }

  /** They are handled, and do not come again. */
  async done(entries: readonly Entry[]): Promise<void> {
    if (entries.length > 0) await this.#acknowledge(entries.map(({ id }) => id));
  }

  async #begun(): Promise<readonly Entry[] | undefined> {
    if (!this.#hasBegun) return undefined;
    const replies = await this.#read("0");
    this.#hasBegun = replies.length > 0;
    const dropped = replies.filter(([, fields]) => fields === null).map(([id]) => id);
    if (dropped.length > 0) await this.#acknowledge(dropped);
    return this.#hasBegun ? entriesOf(replies, true) : undefined;
  }

  async #left(): Promise<readonly Entry[] | undefined> {
    if (performance.now() < this.#claimsAt) return undefined;
    const about = [STREAM, this.#name, this.#consumer, `${this.#idle}`, "0", "COUNT", MANY];
    const [, replies] = (await this.#redis.client.send("XAUTOCLAIM", about)) as [string, Reply[]];
    if (replies.length > 0) return entriesOf(replies, true);
    this.#claimsAt = performance.now() + this.#idle;
    return undefined;
  }

  async #fresh(): Promise<readonly Entry[]> {
    // It waits so long at most: others may die meanwhile.
    const wait = Math.min(Math.max(this.#idle, 1), 1000);
    return entriesOf(await this.#read(">", "BLOCK", `${wait}`), false);
  }

  async #read(from: string, ...options: readonly string[]): Promise<readonly Reply[]> {
    const who = ["GROUP", this.#name, this.#consumer, "COUNT", MANY, ...options];
    const read = await this.#redis.client.send("XREADGROUP", [...who, "STREAMS", STREAM, from]);
    return (read as Record<string, Reply[]> | null)?.[STREAM] ?? [];
  }

  async #acknowledge(ids: readonly string[]): Promise<void> {
    await this.#redis.ask((client) => client.send("XACK", [STREAM, this.#name, ...ids]));
  }

  /** From the stream's start on. That there is one already is no error. */
  async #create(): Promise<void> {
    const about = ["CREATE", STREAM, this.#name, "0", "MKSTREAM"];
    await this.#redis.client.send("XGROUP", about).catch((error: Error) => {
      if (!error.message.includes("BUSYGROUP")) throw error;
    });
  }
}

function entriesOf(replies: readonly Reply[], again: boolean): readonly Entry[] {
  return replies.flatMap(([id, fields]) => {
    if (fields === null) return [];
    const [, machine = "", , seq = "", , event = ""] = fields;
    return [{ id, machine, seq: Number(seq), event, again }];
  });
}
