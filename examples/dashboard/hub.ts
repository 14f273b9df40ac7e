/**
 * One log for everybody: a ring of the latest events, already text, and for each client only how far it has come. So a
 * slow client costs no memory, holds up nobody, and misses its own oldest events alone.
 */
import { HubClient } from "./hub-client.ts";
import type { Happening, Hello } from "./wire.ts";

/** Text, and the id of what follows it. */
interface Chunk {
  readonly text: string;
  readonly to: number;
}

/** How messages become bytes. */
export interface Format {
  /** An event with its id, or a message that has none. */
  readonly one: (json: string, id?: string) => string;
  /** Many of them, each made by `one`, as one chunk. */
  readonly all: (ones: readonly string[]) => string;
}

/** Bounds of the log. */
export interface HubLimits {
  /** Events. */
  readonly events: number;
  /** Characters of their text. */
  readonly size: number;
}

/** Characters after which a chunk is full. */
const CHUNK = 64 * 1024;

/** Milliseconds between chunks while many events come. A lone event leaves at once. */
const GATHER = 20;

export class Hub {
  /** Says in ids and in `hello` which server it is. */
  readonly epoch: string = crypto.randomUUID().slice(0, 8);
  readonly #limits: HubLimits;
  readonly #log: string[] = [];
  #size = 0;
  /** Ids: of the oldest event, and of the next one. */
  #first = 1;
  #next = 1;
  #dropped = 0;
  #flushed = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #clients = new Set<HubClient>();
  /** Chunks of this moment: clients that are as far as each other get the same one. */
  readonly #chunks = new Map<Format, Map<number, Chunk>>();

  constructor(limits: HubLimits) {
    this.#limits = limits;
  }

  /** What the dashboard shows about itself. */
  get state(): { events: number; kept: number; clients: number; behind: number; dropped: number } {
    let slowest = this.#next;
    for (const { at } of this.#clients) slowest = Math.min(slowest, at);
    return {
      events: this.#next - 1,
      kept: this.#next - this.#first,
      clients: this.#clients.size,
      behind: this.#next - slowest,
      dropped: this.#dropped,
    };
  }

  get first(): number {
    return this.#first;
  }

  get next(): number {
    return this.#next;
  }

  /** Tells everybody. */
  publish(event: Happening): void {
    const { events, size } = this.#limits;
    const text = JSON.stringify({ id: this.#next, ...event });
    this.#size += text.length;
    // First, because the newest one takes the place of the oldest.
    while (this.#next - this.#first >= events || (this.#size > size && this.#first < this.#next))
      this.#forget();
    this.#log[this.#next % events] = text;
    this.#next++;
    this.#timer ??= setTimeout(
      () => this.#flush(),
      Math.max(0, this.#flushed + GATHER - performance.now()),
    );
  }

  /** Adds a client, which gets what is kept, or what follows the event that it has seen last: `"EPOCH.ID"`. */
  join(hello: (resumed: boolean) => Hello, last: string | undefined): HubClient {
    const [epoch, id = ""] = last?.split(".") ?? [];
    const seen = epoch === this.epoch && /^\d+$/.test(id) ? Number(id) : NaN;
    const resumed = seen < this.#next;
    const client = new HubClient(this, resumed ? seen + 1 : this.#first, hello(resumed));
    this.#clients.add(client);
    return client;
  }

  leave(client: HubClient): void {
    this.#clients.delete(client);
  }

  /** Sends everybody the end. */
  end(reason: string): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#chunks.clear();
    for (const client of this.#clients) client.end({ type: "end", reason });
  }

  /** Counts events that a client missed. */
  drop(count: number): void {
    this.#dropped += count;
  }

  /** Events from one on, as one chunk. */
  chunk(from: number, format: Format): Chunk {
    const chunks = this.#chunks.getOrInsertComputed(format, () => new Map());
    return chunks.getOrInsertComputed(from, () => this.#chunk(from, format));
  }

  #chunk(from: number, { one, all }: Format): Chunk {
    const ones: string[] = [];
    let at = from;
    for (let size = 0; at < this.#next && size < CHUNK; at++) {
      const text = one(this.#log[at % this.#limits.events] ?? "", `${this.epoch}.${at}`);
      size += text.length;
      ones.push(text);
    }
    return { text: all(ones), to: at };
  }

  #forget(): void {
    const at = this.#first % this.#limits.events;
    this.#size -= this.#log[at]?.length ?? 0;
    this.#log[at] = "";
    this.#first++;
  }

  #flush(): void {
    this.#timer = undefined;
    this.#flushed = performance.now();
    this.#chunks.clear();
    for (const client of this.#clients) client.wake();
    this.#chunks.clear();
  }
}
