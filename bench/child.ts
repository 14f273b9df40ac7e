/** A measured process, and what it says: `ready`, then a line of JSON. */
import { atExit } from "./machine.ts";

/** Longer than any side takes. */
const PATIENCE = 180_000;

export class Child implements AsyncDisposable {
  readonly #process: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder();
  readonly #cmd: readonly string[];
  #text = "";

  constructor(...cmd: readonly string[]) {
    this.#cmd = cmd;
    const child = Bun.spawn([...cmd], {
      cwd: import.meta.dir,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      timeout: PATIENCE,
    });
    this.#process = child;
    this.#chunks = child.stdout[Symbol.asyncIterator]();
    living.add(child);
    void child.exited.then(() => living.delete(child));
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The next line of its output. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end !== -1) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const { done, value } = await this.#chunks.next();
      if (done === true) {
        await this.#process.exited;
        const { exitCode, signalCode } = this.#process;
        throw new Error(
          `Cannot measure ${this.#cmd.join(" ")}: it ended (${signalCode ?? exitCode}) without a result`,
        );
      }
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** Waits until it watches. */
  async ready(): Promise<void> {
    const line = await this.line();
    if (line !== "ready") throw new Error(`Cannot measure ${this.#cmd.join(" ")}: it said ${line}`);
  }

  /** Lets it go on. */
  go(): void {
    this.#process.stdin.write("go\n");
    void this.#process.stdin.flush();
  }

  /** Its next line, as JSON. */
  async result<T>(): Promise<T> {
    return JSON.parse(await this.line()) as T;
  }

  /** Waits for its end. */
  async ended(): Promise<void> {
    const exitCode = await this.#process.exited;
    if (exitCode !== 0) {
      throw new Error(
        `Cannot measure ${this.#cmd.join(" ")}: it ended (${this.#process.signalCode ?? exitCode})`,
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.exited;
  }
}

const living = new Set<Bun.Subprocess>();
atExit(() => {
  for (const child of living) child.kill("SIGKILL");
});

/** Runs a process to its end and takes the one line of JSON that it prints. */
export async function measure<T>(...cmd: readonly string[]): Promise<T> {
  await using child = new Child(...cmd);
  const result = await child.result<T>();
  await child.ended();
  return result;
}

/** A script of `sides/` as a command: run by this Bun, by Node or by Python. */
export function script(name: string, ...args: readonly string[]): string[] {
  return [process.execPath, `${import.meta.dir}/sides/${name}`, ...args];
}
