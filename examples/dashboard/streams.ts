import type { HubClient } from "./hub-client.ts";
/** The two ways out of the hub, which ask it for more only when the client has room. */
import type { Format, Hub } from "./hub.ts";
import type { Hello } from "./wire.ts";

/** Milliseconds after which a browser comes back. */
const RETRY = 500;

const serverSent: Format = {
  one: (json, id) => (id === undefined ? `data: ${json}\n\n` : `id: ${id}\ndata: ${json}\n\n`),
  all: (ones) => ones.join(""),
};

const messages: Format = {
  one: (json) => json,
  all: (ones) => `[${ones.join(",")}]`,
};

/** Server-sent events. The stream is asked for a chunk when the last one has left for the network. */
export function eventStream(hub: Hub, hello: Greeting, last: string | undefined): Response {
  const client = hub.join(hello, last);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(encoder.encode(`retry: ${RETRY}\n\n`)),
      async pull(controller) {
        let text = client.take(serverSent);
        while (text === undefined && !client.over) {
          await new Promise<void>((resolve) => client.whenWoken(resolve));
          text = client.take(serverSent);
        }
        if (text !== undefined) controller.enqueue(encoder.encode(text));
        if (!client.over) return;
        client[Symbol.dispose]();
        controller.close();
      },
      cancel: () => client[Symbol.dispose](),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

/** What the first message says, once it is known whether the client goes on where it was. */
export type Greeting = (resumed: boolean) => Hello;

/** What a WebSocket carries along. */
export interface SocketData {
  readonly last: string | undefined;
  client?: HubClient;
}

/** WebSockets. Nothing is sent while something is still on its way. */
export function webSocket(hub: Hub, hello: Greeting): Bun.WebSocketHandler<SocketData> {
  return {
    data: {} as SocketData,
    // Clients have nothing to say.
    maxPayloadLength: 1024,
    message: () => {},
    open(socket) {
      socket.data.client = hub.join(hello, socket.data.last);
      send(socket);
    },
    drain: send,
    close: ({ data }) => data.client?.[Symbol.dispose](),
  };
}

function send(socket: Bun.ServerWebSocket<SocketData>): void {
  const { client } = socket.data;
  if (client === undefined) return;
  for (;;) {
    const text = client.take(messages);
    if (text === undefined)
      return client.over
        ? socket.close(1001, "the server ends")
        : client.whenWoken(() => send(socket));
    // It is not sent at once, and drain() comes later.
    if (socket.sendText(text) === -1) return;
  }
}
