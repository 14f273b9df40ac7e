/** Other processes: scripts in a Bun of their own. */

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
  /** Milliseconds after which it is killed. */
  readonly timeout?: number;
}

/** What runs scripts: this Bun, or the wrapper that an emulated one needs. */
export const bun: string = process.env["BUTTER_TEST_BUN"] ?? process.execPath;

/** Runs TypeScript in another Bun process, to its end. Modules are imported from the package by its own name. */
export async function runScript(code: string, options: ChildOptions = {}): Promise<ChildResult> {
  return await run([bun, "--eval", code, ...(options.args ?? [])], options);
}

/** Runs a program to its end. */
export async function run(
  cmd: readonly string[],
  options: ChildOptions = {},
): Promise<ChildResult> {
  const child = Bun.spawn([...cmd], {
    cwd: options.cwd ?? new URL("../..", import.meta.url).pathname,
    env: { ...process.env, ...options.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeout ?? 30_000,
    // Some of them take SIGTERM.
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { stdout, stderr, exitCode: child.exitCode, signalCode: child.signalCode };
}
