/**
 * A server that reads its greeting again at SIGHUP, and answers what it was asked before it ends at SIGTERM or
 * Ctrl-C: `bun examples/signals.ts FILE`
 *
 * FILE holds the greeting. Try it: `curl -d Bun localhost:PORT`, `kill -HUP PID`, `kill PID`
 */
import { readFileSync } from "node:fs";

import { Signalfd } from "bun-butter";

const [file = ""] = process.argv.slice(2);

const greet = () => readFileSync(file, "utf8").trim();
let greeting = greet();

async function* answer(request: Request): AsyncGenerator<string> {
  yield `${greeting}, `;
  yield `${await request.text()}!\n`;
}

using signals = new Signalfd(["SIGHUP", "SIGTERM", "SIGINT"]);
const server = Bun.serve({
  port: 0,
  fetch: (request) => new Response(answer(request)),
});
console.log(`process ${process.pid} answers at ${server.url}`);

for await (const { signal, pid } of signals) {
  console.log(`${signal} from process ${pid}`);
  if (signal !== "SIGHUP") break;
  greeting = greet();
  console.log(`the greeting is ${greeting}`);
}
// Takes no further request, and no further signal either: a second Ctrl-C would be one that nobody reads.
await server.stop();
signals.truncate();
console.log("everything is answered");
