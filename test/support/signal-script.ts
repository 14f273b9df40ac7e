/** Scripts about signals, in a Bun of their own: what a process does about one is the whole process's affair. */
import { expect } from "bun:test";

import { runScript } from "./child.ts";

/** What scripts begin with. */
export const prelude = `
  import { Signalfd, spawn, unmasked } from "bun-butter";
  import * as c from "bun-butter/syscalls";
  import { dlopen } from "bun:ffi";
  import { readdirSync, readFileSync } from "node:fs";
  import { libcPath } from "./src/libc.ts";
  import { tgkill } from "./test/support/direct.ts";

  const { SIG, SIG_HANDLER, SIG_HOW, SA, SI } = c;
  const self = process.pid;
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const print = (value) => console.log(JSON.stringify(value));

  /** What the kernel says of every thread's mask. */
  const masks = () => readdirSync("/proc/self/task").map((tid) => field("SigBlk", "self/task/" + tid)).toSorted();
  function field(name, process = "self") {
    return new RegExp("^" + name + ":\\\\s*(.*)$", "m").exec(readFileSync("/proc/" + process + "/status", "utf8"))[1];
  }
  /** What the process does about each signal. */
  const actions = () => Array.from({ length: 64 }, (_, at) => at + 1)
    .filter((signo) => signo !== 32 && signo !== 33)
    .map((signo) => { try { return Bun.inspect(c.sigaction(signo, null)); } catch { return "none"; } });
`;

/** Runs a script to its end, and returns what it printed, as data. */
export async function script(code: string): Promise<unknown> {
  const { stdout, stderr, exitCode, signalCode } = await runScript(prelude + code);
  expect({ stderr, exitCode, signalCode }).toEqual({ stderr: "", exitCode: 0, signalCode: null });
  return JSON.parse(stdout);
}

/** A Worker, whose program answers each message with one of its own. */
export const worker = `
  const start = async (body) => {
    const program = 'import { Signalfd } from "bun-butter"; import * as c from "bun-butter/syscalls";' +
      'const attempt = (act) => { try { return act(); } catch ({ code, message }) { return { code, message }; } };' + body;
    const file = ${JSON.stringify(`${import.meta.dir}/`)} + "worker-" + self + "-" + Math.random() + ".ts";
    await Bun.write(file, program);
    const worker = new Worker(file);
    const next = () => new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
    });
    const ready = await next();
    (await import("node:fs")).unlinkSync(file);
    return { worker, ready, ask: (message) => { const answer = next(); worker.postMessage(message); return answer; } };
  };
  const closed = (worker) => new Promise((resolve) => worker.addEventListener("close", resolve));
`;
