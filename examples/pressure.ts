/**
 * Tells when tasks wait for a processor, for memory or for I/O: `bun examples/pressure.ts [cpu|memory|io] [STALL]`
 *
 * STALL is how many milliseconds of waiting in two seconds are too many, 200 without it.
 */
import { Pressure, type PressureResource } from "bun-butter";

const [resource = "cpu", stall = "200"] = process.argv.slice(2);
if (!["cpu", "memory", "io"].includes(resource) || !(Number(stall) > 0 && Number(stall) <= 2000)) {
  console.error("usage: pressure.ts [cpu|memory|io] [STALL]");
  process.exit(2);
}

const { some } = Pressure.read(resource as PressureResource);
console.log(`${resource}: some task waited ${some.avg10} % of the last 10 s`);

using pressure = new Pressure(resource as PressureResource, { stall: Number(stall) });
process.on("SIGINT", () => pressure.close());

let before = some.total;
for await (const { avg10, total } of pressure) {
  const waited = Math.round(total - before);
  before = total;
  // A server would take less work now, or drop what it has cached.
  console.log(new Date().toISOString(), `waited ${waited} ms since, ${avg10} % of the last 10 s`);
}
