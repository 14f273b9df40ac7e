/** The `butter` command as a process: started, waited for, and ended with its test. */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { slowness } from "./capabilities.ts";
import { bun } from "./child.ts";

const main = new URL("../../src/cli/main.ts", import.meta.url).pathname;

/** The command that runs it from source. */
export const butter: readonly string[] = [bun, main];

/** An environment without what could colour the output. */
export const plainEnv: Readonly<Record<string, string | undefined>> = {
  ...process.env,
  FORCE_COLOR: undefined,
  NO_COLOR: undefined,
};

/** Text that a process prints, as far as it has come. */
class Printed {
  text = "";
  #told: (() => void) | undefined;

  constructor(stream: ReadableStream<Uint8Array>) {
    void this.#read(stream);
  }

  /** Resolves as soon as it is so, and rejects if the stream ends before. */
  async until(holds: (text: string) => boolean): Promise<string> {
    while (!holds(this.text)) {
      if (this.#ended) throw new Error(`The output ended with ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
    }
    return this.text;
  }

  /** Resolves with everything when the stream has ended. */
  async all(): Promise<string> {
    return await this.until(() => this.#ended);
  }

  #ended = false;

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.text += decoder.decode(chunk, { stream: true });
      this.#told?.();
    }
    this.#ended = true;
    this.#told?.();
  }
}

export interface ButterOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What runs the command, if not Bun itself. */
  readonly through?: readonly string[];
  /** What runs instead of the source. */
  readonly program?: readonly string[];
}

/** A `butter` that runs. */
export class Butter implements AsyncDisposable {
  readonly stdout: Printed;
  readonly stderr: Printed;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;

  private constructor(args: readonly string[], options: ButterOptions) {
    this.#child = Bun.spawn([...(options.through ?? []), ...(options.program ?? butter), ...args], {
      cwd: options.cwd,
      env: { ...plainEnv, ...options.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 60_000 * slowness,
      killSignal: "SIGKILL",
    });
    this.stdout = new Printed(this.#child.stdout);
    this.stderr = new Printed(this.#child.stderr);
  }

  /** Starts it, for what ends by itself. */
  static start(args: readonly string[], options: ButterOptions): Butter {
    return new Butter(args, options);
  }

  /** Starts `butter watch` and waits until it watches. */
  static async watch(args: readonly string[], options: ButterOptions): Promise<Butter> {
    const started = new Butter(["watch", ...args], options);
    await started.stderr.until((text) => text.includes("Watching "));
    return started;
  }

  get pid(): number {
    return this.#child.pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves with its exit code, or the signal that ended it. */
  async end(): Promise<number | NodeJS.Signals> {
    await this.#child.exited;
    await Promise.all([this.stdout.all(), this.stderr.all()]);
    return this.#child.signalCode ?? this.#child.exitCode ?? -1;
  }

  /**
   * Waits for the events of everything up to now, and returns the lines without their times. Events come in
   * order, so one more is made that nothing else makes, and waited for.
   */
  async rows(cwd: string): Promise<string[]> {
    const mark = `mark-${crypto.randomUUID()}`;
    symlinkSync("nowhere", join(cwd, mark));
    const text = await this.stdout.until((printed) => printed.includes(`${mark}\tsymlink\n`));
    return rowsOf(text).filter((row) => !row.includes("mark-"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

/** Lines of the tab-separated format without their times, and with spaces. */
export function rowsOf(text: string): string[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => line.split("\t").slice(1).join(" "));
}

/** Makes files with their content; a path that ends in `/` is a directory. */
export function plant(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    if (path.endsWith("/")) mkdirSync(join(dir, path), { recursive: true });
    else writeFileSync(join(dir, path), content);
  }
}
