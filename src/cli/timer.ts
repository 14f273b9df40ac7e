/**
 * `butter timer`: prints when a timer expires, or runs a command then.
 *
 * @module
 */
import { Timerfd, type TimerfdEvent } from "../index.ts";
import { command, openFor } from "./command.ts";
import { endGroup } from "./exec.ts";
import type { Row } from "./format.ts";
import { Session } from "./session.ts";
import { TIMER_HELP, type TimerOptions, timerOptions } from "./timer-options.ts";

export const timer = command({
  name: "timer",
  summary: "print when a timer expires or the clock is set, or run a command",
  help: TIMER_HELP,
  parse: timerOptions,
  async run(options) {
    await using run = new Timer(options);
    return await run.run();
  },
});

/** How long an interrupted command may take to end, in milliseconds. */
const GRACE = 2000;

class Timer implements AsyncDisposable {
  readonly #options: TimerOptions;
  readonly #timer: Timerfd;
  readonly #session: Session;
  #child: Bun.Subprocess<"ignore", number, number> | undefined;

  constructor(options: TimerOptions) {
    this.#options = options;
    this.#timer = openFor(() => new Timerfd(options.timer), {
      at: "--at",
      cancelOnSet: "--on-set",
    });
    const last = (): void => this.#kill();
    this.#session = new Session({ name: "timer", nouns: ["tick", "ticks"], last }, options);
  }

  async run(): Promise<number> {
    const session = this.#session;
    await session.follow(this.#timer, async (batch) => {
      for (const event of batch) {
        session.tally(event.expirations);
        await session.write([row(event)]);
        if (session.end === undefined) await this.#run(event);
        if (session.count(event.expirations)) break;
      }
    });
    return await session.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer.close();
    if (this.#child !== undefined) await endGroup(this.#child, GRACE);
    this.#session[Symbol.dispose]();
  }

  #kill(): void {
    if (this.#child !== undefined) process.kill(-this.#child.pid, "SIGKILL");
  }

  /** Runs the command to its end, or until we are to end. */
  async #run({ expirations, cancelled }: TimerfdEvent): Promise<void> {
    if (this.#options.exec === undefined) return;
    const child = Bun.spawn(["/bin/sh", "-c", this.#options.exec], {
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
    await this.#session.unlessEnded(child.exited);
    if (this.#session.end !== undefined) return;
    this.#child = undefined;
    const { exitCode, signalCode } = child;
    if (exitCode === 0) return;
    const how = signalCode === null ? `exited with ${exitCode}` : `was ended by ${signalCode}`;
    this.#session.remark(`the command ${how}`);
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
