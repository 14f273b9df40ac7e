/**
 * Waits for processes, whoever their parent is, and tells how each of them ends: `bun examples/pidfd.ts PID…`
 *
 * How it ended the kernel does not tell everybody of everyone: see the class.
 */
import { Pidfd } from "bun-butter";

const pids = process.argv.slice(2).map(Number);
if (pids.length === 0 || !pids.every((pid) => Number.isInteger(pid) && pid > 0)) {
  console.error("usage: pidfd.ts PID…");
  process.exit(2);
}

using stack = new DisposableStack();
const processes = pids.map((pid) => stack.use(new Pidfd(pid)));
for (const { pid } of processes) console.log(`waiting for ${pid}`);

await Promise.all(
  processes.map(async (pidfd) => {
    const { exitCode, signal } = await pidfd.exited;
    if (signal !== undefined) console.log(`${pidfd.pid} was killed by ${signal}`);
    else if (exitCode !== undefined) console.log(`${pidfd.pid} exited with ${exitCode}`);
    else console.log(`${pidfd.pid} ended`);
  }),
);
