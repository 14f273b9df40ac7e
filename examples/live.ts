/**
 * A server that streams what happens in a directory, as server-sent events and as WebSocket messages, until Ctrl-C:
 * `bun examples/live.ts DIR`
 *
 * Try it: `curl -N localhost:PORT`, or in a browser `new EventSource(url)` and `new WebSocket(url)`. A client that reads
 * slowly holds up nobody, and fills no memory: its events wait in the kernel, and if they become too many there, it gets
 * an "overflow" event, and then the differences. Only of what happens before the directory was read all is kept, 16 MiB at most.
 */
import { watch, type Watcher, type WatchEvent } from "bun-butter";

const [dir = ""] = process.argv.slice(2);
if (dir === "") {
  console.error("usage: live.ts DIR");
  process.exit(2);
}

// That it is not there is told now, and not to each client.
watch(dir).close();

interface Client {
  watcher?: Watcher;
  /** Called when what was sent has left for the network. */
  drained?: () => void;
}

const ready = { type: "ready" } as const;

const serverSent = (event: WatchEvent | typeof ready): string =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** The stream asks for an event when the client has room for it; it is closed when the client leaves. */
function eventStream(): Response {
  const text = new TransformStream<WatchEvent, string>({
    start: (controller) => controller.enqueue(serverSent(ready)),
    transform: (event, controller) => controller.enqueue(serverSent(event)),
  });
  const body = watch(dir).stream().pipeThrough(text).pipeThrough(new TextEncoderStream());
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
  });
}

async function sendAll(socket: Bun.ServerWebSocket<Client>, watcher: Watcher): Promise<void> {
  for await (const event of watcher) {
    // -1 is that it could not be sent at once.
    if (socket.send(JSON.stringify(event)) !== -1) continue;
    await new Promise<void>((resolve) => {
      socket.data.drained = resolve;
    });
  }
}

const server = Bun.serve({
  port: 0,
  fetch(request, self) {
    if (self.upgrade(request, { data: {} })) return undefined;
    // There may be no event for hours.
    self.timeout(request, 0);
    return eventStream();
  },
  websocket: {
    data: {} as Client,
    open(socket) {
      const watcher = watch(dir);
      socket.data.watcher = watcher;
      socket.send(JSON.stringify(ready));
      void sendAll(socket, watcher);
    },
    drain: ({ data }) => data.drained?.(),
    close({ data }) {
      data.watcher?.close();
      data.drained?.();
    },
  },
});
process.on("SIGINT", () => process.exit());
console.log("Watching", dir, "at", `${server.url}`);
