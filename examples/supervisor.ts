/**
 * Keeps a program running: `bun examples/supervisor.ts COMMAND…`
 *
 * When it fails it is started again, after 0.1 s, and after twice as long each time until it has run for 10 s. When it exits
 * with 0, that was all. SIGTERM and Ctrl-C end it politely, and after 5 s by force.
 */
import { Pidfd, Signalfd, Timerfd } from "bun-butter";

const [FIRST, LONGEST, STEADY, GRACE] = [100, 30_000, 10_000, 5000];

const command = process.argv.slice(2);
if (command.length === 0) {
  console.error("usage: supervisor.ts COMMAND…");
  process.exit(2);
}

using signals = new Signalfd(["SIGTERM", "SIGINT"]);
const stop = signals.readEvent();

for (let delay = FIRST; ; delay = Math.min(2 * delay, LONGEST)) {
  const start = performance.now();
  const child = Bun.spawn(command, { stdio: ["ignore", "inherit", "inherit"] });
  // Whatever happens, no other process gets a signal that was meant for this one.
  using pidfd = new Pidfd(child.pid);
  console.log("started", child.pid);

  if ("signal" in (await Promise.race([stop, pidfd.exited.then(() => ({}))]))) {
    pidfd.kill("SIGTERM");
    await pidfd.wait({ timeout: GRACE }).catch(() => pidfd.kill("SIGKILL"));
    await child.exited;
    break;
  }
  const code = await child.exited;
  if (code === 0) break;
  if (performance.now() - start > STEADY) delay = FIRST;
  console.log(`${child.pid} failed (${child.signalCode ?? code}), again in ${delay} ms`);
  using pause = Timerfd.after(delay);
  if ("signal" in (await Promise.race([stop, pause.readEvent()]))) break;
}
console.log("stopped");
