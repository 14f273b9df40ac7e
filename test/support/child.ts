/** Other processes: scripts in a Bun of their own. */
import { readdirSync, readFileSync } from "node:fs";

import { slowness } from "./capabilities.ts";

/** What a child printed, and how it ended. */
export interface ChildResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signalCode: string | number | null;
}

export interface ChildOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Milliseconds after which it is killed, and all that it has started. */
  readonly timeout?: number;
}

/** What runs scripts: this Bun, or the wrapper that an emulated one needs. */
export const bun: string = process.env["BUTTER_TEST_BUN"] ?? process.execPath;

/** Runs TypeScript in another Bun process, to its end. Modules are imported from the package by its own name. */
export async function runScript(code: string, options: ChildOptions = {}): Promise<ChildResult> {
  return await run([bun, "--eval", code, ...(options.args ?? [])], options);
}

/** How many runs there were. */
let runs = 0;

/** Milliseconds in which output ends when its writers were killed. */
const REST = 1000 * slowness;

/**
 * Runs a program to its end, and to that of its output.
 *
 * @throws {Error} It has ended in time, and what it started still had its output open, and was killed.
 */
export async function run(
  cmd: readonly string[],
  { cwd, env, timeout = 30_000 * slowness }: ChildOptions = {},
): Promise<ChildResult> {
  // What a child starts has it as well, whoever its parent is by then.
  const mark = { BUTTER_TEST_RUN: `${process.pid}-${++runs}` };
  const child = Bun.spawn([...cmd], {
    cwd: cwd ?? new URL("../..", import.meta.url).pathname,
    env: { ...process.env, ...env, ...mark },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const outputs = [child.stdout, child.stderr].map(outputOf);
  let left: readonly string[] = [];
  let timer = setTimeout(() => {
    const hasEnded = child.exitCode !== null || child.signalCode !== null;
    // Some of them take SIGTERM.
    child.kill("SIGKILL");
    const killed = killAll(Object.entries(mark).flat().join("="));
    if (hasEnded) left = killed.length > 0 ? killed : ["something unknown"];
    timer = setTimeout(() => outputs.forEach((output) => output.end()), REST);
  }, timeout);
  const [stdout = "", stderr = ""] = await Promise.all(outputs.map(({ text }) => text));
  await child.exited;
  clearTimeout(timer);
  if (left.length > 0) {
    throw new Error(
      `${cmd.join(" ")} has ended, but had its output kept open for ${timeout} ms by ${left.join(", ")}: ${stderr}`,
    );
  }
  return { stdout, stderr, exitCode: child.exitCode, signalCode: child.signalCode };
}

/** Kills all that has this in its environment. @returns Their command lines. */
function killAll(variable: string): readonly string[] {
  const killed = new Map<string, string>();
  // Another one may have been started meanwhile.
  for (let round = 0; round < 3; round++) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
        if (killed.has(pid) || !environment.includes(variable)) continue;
        const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
        process.kill(Number(pid), "SIGKILL");
        killed.set(pid, words.join(" ").trim());
      } catch {
        // It is gone, or somebody else's.
      }
    }
  }
  return [...killed.values()];
}

/** What is written to a pipe until every writer has closed it, or `end()` is called. */
function outputOf(stream: ReadableStream<Uint8Array>): {
  readonly text: Promise<string>;
  readonly end: () => unknown;
} {
  const reader = stream.getReader();
  const read = async (): Promise<string> => {
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      text += decoder.decode(value, { stream: true });
    }
  };
  return { text: read(), end: () => reader.cancel() };
}
