/**
 * `bun bench/dashboard-load.ts [SECONDS] [CLIENTS] [RATE]`: examples/dashboard under load: 200 clients, half of them by
 * WebSocket, and 5,000 events a second for 60 s, made by another process. Four more clients read nothing. It fails if one
 * of the 200 lost an event.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { Child, script } from "./child.ts";
import { median, quantile } from "./harness.ts";
import { directory, machine } from "./machine.ts";
import type { Clients } from "./sides/dashboard-clients.ts";

const [seconds = 60, clients = 200, rate = 5000] = process.argv.slice(2).map(Number);

/** Clients that read nothing. */
const SLOW = 4;

const PROCESSES = 2;

const example = join(import.meta.dir, "../examples/dashboard/server.ts");

/** Milliseconds of processor time of a process, and bytes in memory. */
function usage(pid: number): { readonly cpu: number; readonly rss: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  const [user, system, pages] = [fields[11], fields[12], fields[21]].map(Number);
  return { cpu: ((user ?? 0) + (system ?? 0)) * 10, rss: (pages ?? 0) * 4096 };
}

const cpuOf = (processes: readonly Child[]): number =>
  processes.reduce((sum, { pid }) => sum + usage(pid).cpu, 0);

const dir = join(directory(), "w");
mkdirSync(dir);
console.log(Object.values(machine()).join(", "));
await using server = new Child(process.execPath, example, "--port", "0", "--no-touches", dir);
const url = /http:\S+/.exec(await server.line())?.[0] ?? "";
// One process could not read as much as the server sends.
const each = [`${clients / PROCESSES}`, `${SLOW / PROCESSES}`];
const readers = Array.from(
  { length: PROCESSES },
  () => new Child(...script("dashboard-clients.ts", url, ...each)),
);
for (const reader of readers) await reader.ready();
await using writer = new Child(...script("dashboard-writer.ts", dir, `${rate}`, `${seconds}`));
await writer.ready();

const before = usage(server.pid);
const readersBefore = cpuOf(readers);
const rss: number[] = [];
const timer = setInterval(() => rss.push(usage(server.pid).rss / 2 ** 20), 1000);
writer.go();
const { made, late } = await writer.result<{ made: number; late: number }>();
clearInterval(timer);
const after = usage(server.pid);
const readersAfter = cpuOf(readers);
for (const reader of readers) reader.go();
const results = await Promise.all(readers.map((reader) => reader.result<Clients>()));
const [received, slow, delays] = [
  results.flatMap((result) => result.received),
  results.flatMap((result) => result.slow),
  results.flatMap((result) => result.delays),
];
const lost = results.reduce((sum, result) => sum + result.lost, 0);

const third = Math.floor(rss.length / 3);
const [middle, last] = [rss.slice(third, 2 * third), rss.slice(2 * third)].map(median);
const share = (cpu: number): string => `${(cpu / seconds / 10).toFixed(0)} % of a processor`;
const total = received.reduce((sum, count) => sum + count, 0);
console.log(`${clients} clients and ${SLOW} that read nothing, ${made} changes in ${seconds} s`);
console.log(`  the writer was ${late.toFixed(0)} ms late at most`);
console.log(`  delivered ${(total / seconds / 1e6).toFixed(2)} million events a second`);
console.log(
  `  lost by the ${clients}: ${lost}; told to the others that they lost: ${slow.join(", ")}`,
);
const waits = [0.5, 0.99, 1].map((part) => `${quantile(delays, part).toFixed(0)} ms`);
console.log(
  `  from the kernel's event to the client's code: p50 ${waits[0]}, p99 ${waits[1]}, max ${waits[2]}`,
);
console.log(
  `  server: ${share(after.cpu - before.cpu)}, clients: ${share(readersAfter - readersBefore)}`,
);
console.log(
  `  memory of the server, MiB: ${(before.rss / 2 ** 20).toFixed(0)} before, ${Math.max(...rss).toFixed(0)} at most, ${middle?.toFixed(0)} in the middle third, ${last?.toFixed(0)} in the last`,
);
process.exitCode = lost === 0 && received.every((count) => count >= made) ? 0 : 1;
