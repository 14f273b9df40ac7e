/**
 * `dashboard-clients.ts URL CLIENTS SLOW`: clients of examples/dashboard that look at the id of each event, and some that
 * read nothing until the others are done.
 */

/** What they have seen. */
export interface Clients {
  /** Events of each client. */
  readonly received: readonly number[];
  /** Events that were missing, of all of them. */
  readonly lost: number;
  /** Events that each slow one was told to have missed. */
  readonly slow: readonly number[];
  /** Milliseconds from the server's reading of an event to a client's, of the first in each chunk. */
  readonly delays: readonly number[];
}

const [address = "", count = "200", slow = "4"] = process.argv.slice(2);
const url = new URL(address);

const UPGRADE = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** How an event begins, by either transport. */
const EVENT = Buffer.from('{"id":');
const TIME = '"time":';
const DROPPED = Buffer.from('"type":"dropped","dropped":');
const LAST = Buffer.from('"path":"last"');

/** Bytes at the end of a chunk in which the last event is looked for. */
const TAIL = 4096;

/** Delays that are kept: one in so many. */
const EVERY = 16;

class Client {
  readonly isFast: boolean;
  received = 0;
  lost = 0;
  dropped = 0;
  /** What may be the beginning of an event. */
  #rest = Buffer.alloc(0);
  #next = 1;
  readonly done = Promise.withResolvers<undefined>();
  readonly begun = Promise.withResolvers<undefined>();

  constructor(isFast: boolean) {
    this.isFast = isFast;
  }

  take(chunk: Buffer): void {
    this.begun.resolve(undefined);
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    let first = true;
    for (;;) {
      const found = bytes.indexOf(EVENT, at);
      // An id has ten digits at most.
      if (found === -1) break;
      if (found + 32 > bytes.length) {
        at = found;
        break;
      }
      let id = 0;
      let digit = found + EVENT.length;
      for (; ; digit++) {
        const value = (bytes[digit] ?? 0) - 48;
        if (value < 0 || value > 9) break;
        id = id * 10 + value;
      }
      this.#see(id);
      if (first && this.isFast) delay(bytes, digit);
      first = false;
      at = digit;
    }
    const told = this.isFast ? -1 : bytes.indexOf(DROPPED);
    if (told !== -1) {
      const number = told + DROPPED.length;
      this.dropped += Number.parseInt(bytes.toString("latin1", number, number + 10), 10);
      at = Math.max(at, number);
    }
    if (bytes.subarray(-TAIL).includes(LAST)) this.done.resolve(undefined);
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  #see(id: number): void {
    this.lost += Math.max(0, id - this.#next);
    this.#next = id + 1;
    this.received++;
  }
}

const delays: number[] = [];
let chunks = 0;

function delay(bytes: Buffer, from: number): void {
  if (chunks++ % EVERY !== 0) return;
  const at = bytes.indexOf(TIME, from, "latin1") + TIME.length;
  if (at + 13 <= bytes.length)
    delays.push(Date.now() - Number(bytes.toString("latin1", at, at + 13)));
}

async function connect(index: number): Promise<[client: Client, socket: Bun.Socket]> {
  const client = new Client(index < Number(count));
  const socket = await Bun.connect({
    hostname: url.hostname,
    port: Number(url.port),
    socket: { data: (_socket, chunk) => client.take(chunk) },
  });
  const [path, headers] = index % 2 === 0 ? ["/events", []] : ["/socket", UPGRADE];
  socket.write([`GET ${path} HTTP/1.1`, `Host: ${url.host}`, ...headers, "", ""].join("\r\n"));
  await client.begun.promise;
  return [client, socket];
}

const indexes = Array.from({ length: Number(count) + Number(slow) }, (_, index) => index);
const all = await Promise.all(indexes.map(connect));
const fast = all.slice(0, Number(count)).map(([client]) => client);
const idle = all.slice(Number(count));
for (const [, socket] of idle) socket.pause();
console.log("ready");
// What was told until now happened before anybody listened.
delays.length = 0;
for await (const _ of Bun.stdin.stream()) break;
await Promise.all(fast.map(({ done }) => done.promise));
for (const [, socket] of idle) socket.resume();
await Promise.all(idle.map(([{ done }]) => done.promise));
const result: Clients = {
  received: fast.map(({ received }) => received),
  lost: fast.reduce((sum, { lost }) => sum + lost, 0),
  slow: idle.map(([{ dropped }]) => dropped),
  delays,
};
console.log(JSON.stringify(result));
process.exit();
