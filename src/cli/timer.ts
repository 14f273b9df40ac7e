/**
 * `butter timer`: prints when a timer expires, or runs a command then.
 *
 * @module
 */
import { Timerfd, type TimerfdEvent } from "../index.ts";
import { type Command, EXIT, note, UsageError } from "./command.ts";
import { endGroup } from "./exec.ts";
import type { Row } from "./format.ts";
import { type Interrupt, onInterrupt } from "./interrupt.ts";
import { Output } from "./output.ts";
import { TIMER_HELP, type TimerOptions, timerOptions } from "./timer-options.ts";

export const timer: Command = {
  name: "timer",
  summary: "print when a timer expires or the clock is set, or run a command",
  help: TIMER_HELP,
  async run(args) {
    const options = timerOptions(args);
    if (options === undefined) {
      process.stdout.write(TIMER_HELP);
      return EXIT.OK;
    }
    await using session = new Session(options);
    return await session.run();
  },
};

/** How long an interrupted command may take to end, in milliseconds. */
const GRACE = 2000;

class Session implements AsyncDisposable {
  readonly #options: TimerOptions;
  readonly #timer: Timerfd;
  readonly #output: Output;
  readonly #ended = Promise.withResolvers<void>();
  readonly #started = performance.now();
  #child: Bun.Subprocess<"ignore", number, number> | undefined;
  #ticks = 0;
  #interrupt: Interrupt | undefined;

  constructor(options: TimerOptions) {
    this.#options = options;
    this.#timer = open(options);
    this.#output = new Output(options.json);
  }

  async run(): Promise<number> {
    using _ = onInterrupt(
      (signal) => {
        this.#interrupt = signal;
        this.#stop();
      },
      () => this.#kill(),
    );
    this.#output.gone.addEventListener("abort", () => this.#stop());
    for await (const event of this.#timer) {
      this.#ticks += event.expirations;
      // A reader that takes nothing must not keep it from ending.
      await Promise.race([this.#output.write([row(event)]), this.#ended.promise]);
      if (this.#timer.closed) break;
      if (this.#options.exec !== undefined) await this.#run(this.#options.exec, event);
      if (this.#ticks >= this.#options.count) break;
    }
    if (this.#interrupt !== undefined && !this.#options.quiet) note(this.#summary());
    return EXIT.OK;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer.close();
    this.#output[Symbol.dispose]();
    if (this.#child !== undefined) await endGroup(this.#child, GRACE);
  }

  #stop(): void {
    this.#timer.close();
    this.#ended.resolve();
  }

  #kill(): void {
    if (this.#child !== undefined) process.kill(-this.#child.pid, "SIGKILL");
  }

  /** Runs the command to its end, or until we are to end. */
  async #run(command: string, { expirations, cancelled }: TimerfdEvent): Promise<void> {
    const child = Bun.spawn(["/bin/sh", "-c", command], {
      // A group of its own, so that all of it can be signalled.
      detached: true,
      // What it prints must not end up between the rows that another program reads.
      stdio: ["ignore", 2, 2],
      env: {
        ...process.env,
        BUTTER_EXPIRATIONS: `${expirations}`,
        BUTTER_CANCELLED: cancelled ? "1" : "",
      },
    });
    this.#child = child;
    await Promise.race([child.exited, this.#ended.promise]);
    if (this.#timer.closed) return;
    this.#child = undefined;
    if (this.#options.quiet || child.exitCode === 0) return;
    const { exitCode, signalCode } = child;
    const how = signalCode === null ? `exited with ${exitCode}` : `was ended by ${signalCode}`;
    note(`butter timer: the command ${how}`);
  }

  /** `12 ticks in 6.0 s` */
  #summary(): string {
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    // The terminal has just shown `^C`, and the cursor is behind it.
    const newline = this.#interrupt === "SIGINT" && process.stderr.isTTY ? "\n" : "";
    return `${newline}${this.#ticks} ${this.#ticks === 1 ? "tick" : "ticks"} in ${seconds} s`;
  }
}

/** What the options can't say of each other, the timer does. */
function open({ timer: options }: TimerOptions): Timerfd {
  try {
    return new Timerfd(options);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new UsageError(error.message);
    throw error;
  }
}

function row({ expirations, cancelled }: TimerfdEvent): Row {
  return {
    words: [cancelled ? "CLOCK_SET" : "TICK"],
    subject: `${expirations}`,
    colour: cancelled ? "yellow" : expirations > 1 ? "magenta" : "green",
    data: { expirations, cancelled },
  };
}
