/** Runs a server, and runs it anew whenever its sources change, until Ctrl-C: `bun examples/restart.ts DIR COMMAND…` */
import { watch } from "bun-butter";

const [dir, ...command] = process.argv.slice(2);
if (dir === undefined || command.length === 0) {
  console.error("usage: restart.ts DIR COMMAND…");
  process.exit(2);
}

const start = () => Bun.spawn(command, { stdio: ["ignore", "inherit", "inherit"] });

// A save is several events, and a checkout many: 50 ms of them are one restart.
using watcher = watch(dir, { ignore: "node_modules", gitignore: true, batch: 50 });
process.on("SIGINT", () => watcher.close());
await watcher.ready;
let server = start();

for await (const events of watcher.batches()) {
  for (const event of events) if (event.type === "error") console.error(event.error.message);
  const changed = events.filter(({ type }) => type !== "error" && type !== "attributes");
  if (changed.length === 0) continue;
  console.log("Restarting:", changed.map(({ path }) => path).join(" "));
  server.kill();
  // Its port is free when it is gone.
  await server.exited;
  server = start();
}

server.kill();
await server.exited;
