/**
 * A file server that keeps in memory what it was asked for, and drops half of that whenever memory is short:
 * `bun examples/cache.ts DIR [STALL]`
 *
 * It is short when tasks wait for it for STALL milliseconds in two seconds, 100 without it.
 */
import { join } from "node:path";

import { Pressure } from "bun-butter";

const [dir, stall = "100"] = process.argv.slice(2);
if (dir === undefined || !(Number(stall) > 0 && Number(stall) <= 2000)) {
  console.error("usage: cache.ts DIR [STALL]");
  process.exit(2);
}

/** By path. What was used last comes last. */
const cache = new Map<string, Uint8Array<ArrayBuffer>>();

async function answer({ url }: Request): Promise<Response> {
  const { pathname } = new URL(url);
  const cached = cache.get(pathname);
  const bytes = cached ?? (await Bun.file(join(`${dir}`, pathname)).bytes());
  cache.delete(pathname);
  cache.set(pathname, bytes);
  return new Response(bytes, { headers: { "x-cache": cached ? "hit" : "miss" } });
}

using pressure = new Pressure("memory", { stall: Number(stall) });
process.once("SIGINT", () => pressure.close());
const missing = () => new Response("not found\n", { status: 404 });
await using server = Bun.serve({ port: 0, fetch: answer, error: missing });
console.log("Serving", dir, "at", `${server.url}`);

for await (const { avg10 } of pressure) {
  const count = Math.ceil(cache.size / 2);
  for (const path of [...cache.keys()].slice(0, count)) cache.delete(path);
  // What is dropped is of use to others when it is given back.
  Bun.gc(true);
  console.log(`dropped ${count} files, ${cache.size} stay: tasks waited ${avg10} % of 10 s`);
}
