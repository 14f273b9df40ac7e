/**
 * A server that reads its configuration again at SIGHUP, while it serves: `bun examples/reload.ts FILE`
 *
 * FILE is JSON such as `{ "greeting": "hello" }`. If it is wrong, what it said before stays. Try it: `curl localhost:PORT`,
 * `kill -HUP PID`
 */
import { readFileSync } from "node:fs";

import { Signalfd } from "bun-butter";

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error("usage: reload.ts FILE");
  process.exit(2);
}

interface Config {
  readonly greeting: string;
}

function read(path: string): Config {
  const config = JSON.parse(readFileSync(path, "utf8")) as Partial<Config>;
  if (typeof config.greeting !== "string") throw new Error('there is no "greeting" in it');
  return { greeting: config.greeting };
}

let config = read(file);
using signals = new Signalfd(["SIGHUP", "SIGTERM", "SIGINT"]);
const server = Bun.serve({ port: 0, fetch: () => new Response(`${config.greeting}\n`) });
console.log(`process ${process.pid} answers at ${server.url}`);

for await (const { signal } of signals) {
  if (signal !== "SIGHUP") break;
  try {
    // All of it at once, so that no request sees one half of each.
    config = read(file);
    console.log("Reloaded", file);
  } catch (error) {
    console.error(`Cannot reload ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
await server.stop();
