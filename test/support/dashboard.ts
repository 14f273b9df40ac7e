/** The example with a page, as a process, and clients that read as fast as they can. */
import type { Message } from "../../examples/dashboard/wire.ts";
import { Butter, type ButterOptions } from "./butter.ts";
import { bun } from "./child.ts";

export const example = new URL("../../examples/dashboard/server.ts", import.meta.url).pathname;

/** A server that runs. */
export interface Served extends AsyncDisposable {
  readonly process: Butter;
  readonly url: URL;
}

/** Starts it, and waits until it listens. */
export async function serve(
  args: readonly string[],
  options: Omit<ButterOptions, "program">,
): Promise<Served> {
  const server = Butter.start(args, { ...options, program: [bun, example] });
  const text = await server.stdout.until((printed) => printed.endsWith("\n"));
  return {
    process: server,
    url: new URL(/http:\S+/.exec(text)?.[0] ?? ""),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** What a client was told. */
export class Told {
  readonly messages: Message[] = [];
  #more = Promise.withResolvers<undefined>();
  #ended = false;

  /** Everything was told. */
  get ended(): boolean {
    return this.#ended;
  }

  add(messages: readonly Message[]): void {
    this.messages.push(...messages);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** The first message that is so, as soon as it is there. */
  async first<M extends Message>(holds: (message: Message) => message is M): Promise<M>;
  async first(holds: (message: Message) => boolean): Promise<Message>;
  async first(holds: (message: Message) => boolean): Promise<Message> {
    for (let at = 0; ; at++) {
      while (at === this.messages.length) {
        if (this.#ended) throw new Error(`It ended with ${JSON.stringify(this.messages.at(-1))}`);
        await this.#more.promise;
      }
      const message = this.messages[at];
      if (message !== undefined && holds(message)) return message;
    }
  }

  /** Resolves when there will be no more. */
  async over(): Promise<void> {
    while (!this.#ended) await this.#more.promise;
  }

  #wake(): void {
    this.#more.resolve(undefined);
    this.#more = Promise.withResolvers();
  }
}

/** Messages of server-sent events. */
export class ServerSent {
  #text = "";

  /** What is complete with this. */
  take(text: string): Message[] {
    const events = (this.#text + text).split("\n\n");
    this.#text = events.pop() ?? "";
    return events.flatMap((event) => {
      const data = /^data: (.*)$/m.exec(event)?.[1];
      return data === undefined ? [] : [JSON.parse(data) as Message];
    });
  }
}

/** A client of server-sent events. */
export async function listen(
  url: URL,
  headers: Readonly<Record<string, string>> = {},
): Promise<Told> {
  const response = await fetch(new URL("/events", url), { headers });
  if (!response.ok || response.body === null) throw new Error(`It answered ${response.status}`);
  const told = new Told();
  const { body } = response;
  void (async () => {
    const events = new ServerSent();
    const decoder = new TextDecoder();
    try {
      for await (const chunk of body)
        told.add(events.take(decoder.decode(chunk, { stream: true })));
    } catch {
      // The server was killed.
    }
    told.end();
  })();
  return told;
}

/** Connects by WebSocket, and goes on after an event: `"EPOCH.ID"`. */
export function connect(
  url: URL,
  last?: string,
): { readonly told: Told; readonly closed: Promise<CloseEvent>; readonly socket: WebSocket } {
  const told = new Told();
  const address = new URL(last === undefined ? "/socket" : `/socket?last=${last}`, url);
  address.protocol = "ws:";
  const socket = new WebSocket(address);
  const { promise: closed, resolve } = Promise.withResolvers<CloseEvent>();
  socket.addEventListener("message", ({ data }) => told.add(JSON.parse(String(data)) as Message[]));
  socket.addEventListener("close", (event) => {
    told.end();
    resolve(event);
  });
  return { told, closed, socket };
}

/** A connection that reads only when it is told to. */
export interface Paused {
  /** Reads from now on, until this is among what came. */
  resume(until: string): Promise<Buffer>;
  end(): void;
}

/** Sends a request, and stops reading as soon as the answer begins. */
export async function paused(url: URL, path: string, headers: readonly string[]): Promise<Paused> {
  const chunks: Buffer[] = [];
  let came = Promise.withResolvers<undefined>();
  const socket = await Bun.connect({
    hostname: url.hostname,
    port: Number(url.port),
    socket: {
      data(_socket, chunk) {
        chunks.push(Buffer.from(chunk));
        came.resolve(undefined);
      },
      close: () => came.reject(new Error("It was closed")),
    },
  });
  socket.write([`GET ${path} HTTP/1.1`, `Host: ${url.host}`, ...headers, "", ""].join("\r\n"));
  await came.promise;
  socket.pause();
  return {
    async resume(until) {
      socket.resume();
      for (;;) {
        const tail = Buffer.concat(chunks.slice(-2));
        if (tail.includes(until)) return Buffer.concat(chunks);
        came = Promise.withResolvers();
        await came.promise;
      }
    },
    end: () => socket.end(),
  };
}

/** What a client of server-sent events was told, out of the bytes of its connection. */
export function serverSentIn(bytes: Buffer): Message[] {
  const body = bytes.subarray(bytes.indexOf("\r\n\r\n") + 4);
  const parts: Buffer[] = [];
  // Chunks with their lengths before them; the last one may not be complete.
  for (let at = 0; at < body.length;) {
    const end = body.indexOf("\r\n", at);
    const length = Number.parseInt(body.toString("latin1", at, end), 16);
    parts.push(body.subarray(end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
  return new ServerSent().take(Buffer.concat(parts).toString());
}

/** What a client of a WebSocket was told, out of the bytes of its connection. */
export function framesIn(bytes: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = bytes.indexOf("\r\n\r\n") + 4; at + 2 <= bytes.length;) {
    const short = bytes.readUInt8(at + 1);
    const start = at + (short === 127 ? 10 : short === 126 ? 4 : 2);
    const length =
      short === 127
        ? Number(bytes.readBigUInt64BE(at + 2))
        : short === 126
          ? bytes.readUInt16BE(at + 2)
          : short;
    const isText = bytes.readUInt8(at) === 0x81;
    at = start + length;
    if (isText && at <= bytes.length)
      messages.push(...(JSON.parse(bytes.toString("utf8", start, at)) as Message[]));
  }
  return messages;
}
