/**
 * A server that answers what it was asked before it ends, at SIGTERM or Ctrl-C: `bun examples/shutdown.ts [PORT]`
 *
 * Try it: `curl -d Bun localhost:PORT`, and `kill PID` while an answer is on its way.
 */
import { Signalfd } from "bun-butter";

const port = Number(process.argv[2] ?? 0);
if (!(Number.isInteger(port) && port >= 0 && port < 65_536)) {
  console.error("usage: shutdown.ts [PORT]");
  process.exit(2);
}

async function* answer(request: Request): AsyncGenerator<string> {
  yield "hello, ";
  yield `${await request.text()}!\n`;
}

// Before the server, so that there is no moment at which a signal ends it as usual.
using signals = new Signalfd(["SIGTERM", "SIGINT"]);
const server = Bun.serve({ port, fetch: (request) => new Response(answer(request)) });
console.log(`process ${process.pid} answers at ${server.url}`);

const { signal, pid } = await signals.readEvent();
console.log(`${signal} from process ${pid}: ${server.pendingRequests} requests are open`);
// Takes no further request, and no further signal either: a second Ctrl-C would be one that nobody reads.
await server.stop();
signals.truncate();
console.log("everything is answered");
