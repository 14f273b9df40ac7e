/**
 * `butter watch`: prints what happens to files and directories.
 *
 * @module
 */
import { readFileSync } from "node:fs";

import { Inotify, type InotifyEvent } from "../index.ts";
import { ioctl_fionread } from "../syscalls/index.ts";
import { type Command, EXIT, note } from "./command.ts";
import { type Change, Runner } from "./exec.ts";
import { escape, type Row } from "./format.ts";
import { type Interrupt, onInterrupt } from "./interrupt.ts";
import { Output } from "./output.ts";
import { WATCH_HELP, type WatchOptions, watchOptions } from "./watch-options.ts";
import { Roots } from "./watch-row.ts";

export const watch: Command = {
  name: "watch",
  summary: "print what happens to files and directories, or run a command",
  help: WATCH_HELP,
  async run(args) {
    const options = watchOptions(args);
    if (options === undefined) {
      process.stdout.write(WATCH_HELP);
      return EXIT.OK;
    }
    await using session = new Session(options);
    return await session.run();
  },
};

/** Why it ended. Those that are not by itself don't wait for what still goes on. */
type End =
  | { readonly by: "count" | "timeout" | "unwatched" | "unread" }
  | { readonly by: "interrupt"; readonly signal: Interrupt };

/** The longest delay that a timer takes, in milliseconds. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** How long an interrupted watch waits for a reader to take what was written last, in milliseconds. */
const WRITE_GRACE = 1000;

class Session implements AsyncDisposable {
  readonly #options: WatchOptions;
  readonly #inotify = new Inotify();
  readonly #roots = new Roots();
  readonly #output: Output;
  readonly #runner: Runner | undefined;
  /** How many events of each kind were printed. */
  readonly #tally = new Map<string, number>();
  readonly #started = performance.now();
  #counted = 0;
  #end: End | undefined;
  /** Settles when the rows of the last batch are written. */
  #written: Promise<void> = Promise.resolve();
  /** Ends the wait of the loop. */
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    for (const path of options.paths) {
      if (this.#roots.add(this.#inotify, path, options.mask)) continue;
      this.#remark(`"${escape(path)}" is watched already, and not twice`);
    }
    this.#output = new Output(options.json);
    if (options.exec !== undefined) {
      const { exec: command, restart } = options;
      const report = (text: string): void => this.#remark(text);
      this.#runner = new Runner({ command, restart, report });
    }
  }

  async run(): Promise<number> {
    using _ = onInterrupt(
      (signal) => this.#stop({ by: "interrupt", signal }),
      () => this.#runner?.kill(),
    );
    this.#output.gone.addEventListener("abort", () => this.#stop({ by: "unread" }));
    if (!this.#options.quiet) note(`Watching ${this.#roots}`);
    const batches = this.#inotify.batches();
    while (this.#end === undefined) {
      this.#arm();
      const next = await this.#unlessEnded(batches.next());
      clearTimeout(this.#timer);
      if (next?.done === false) await this.#take(next.value);
    }
    await batches.return?.();
    // What happened before the signal is printed as well.
    if (this.#end.by === "interrupt") {
      const before = this.#written;
      await this.#take(this.#inotify.readEventsSync());
      await Promise.race([Promise.all([before, this.#written]), Bun.sleep(WRITE_GRACE)]);
    }
    this.#inotify.close();
    return await this.#finish(this.#end);
  }

  /** Also when it fails: nothing is left running. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#inotify.close();
    this.#output[Symbol.dispose]();
    await this.#runner?.stop();
  }

  async #take(batch: readonly InotifyEvent[]): Promise<void> {
    const rows: Row[] = [];
    const changes: Change[] = [];
    for (const event of batch) {
      const row = this.#roots.row(event);
      rows.push(row);
      const [word = ""] = row.words;
      this.#tally.set(word, (this.#tally.get(word) ?? 0) + 1);
      if (event.isIgnored || event.isUnmount) continue;
      if (this.#runner !== undefined)
        changes.push({ path: escape(row.subject), lost: event.isOverflow });
      if (++this.#counted === this.#options.count) {
        this.#stop({ by: "count" });
        break;
      }
    }
    this.#runner?.changed(changes);
    this.#written = this.#output.write(rows);
    if (this.#end === undefined) await this.#unlessEnded(this.#written);
    if (batch.some(({ isOverflow }) => isOverflow)) this.#remark(overflowHint());
    if (this.#inotify.watches.size === 0) this.#stop({ by: "unwatched" });
    if (this.#end !== undefined && this.#end.by !== "interrupt") await this.#written;
  }

  /** Waits for the time-out, but not while rows are written: a slow reader is not a lack of events. */
  #arm(): void {
    const { timeout } = this.#options;
    if (timeout > LONGEST_DELAY || this.#end !== undefined) return;
    this.#timer = setTimeout(() => {
      // A process that was stopped for a while finds its timers due before its events.
      if (ioctl_fionread(this.#inotify) > 0) this.#arm();
      else this.#stop({ by: "timeout" });
    }, timeout);
  }

  /** Waits for a promise, but not after the end. A race with a promise of the end would grow with each round. */
  #unlessEnded<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#wake = () => resolve(undefined);
      promise.then(resolve, reject);
    });
  }

  /** Ends the loop. The first reason is the one that counts. */
  #stop(end: End): void {
    this.#end ??= end;
    this.#wake?.();
    // While the last command is waited for, an interrupt still ends that.
    if (end.by === "interrupt") void this.#runner?.stop();
  }

  async #finish(end: End): Promise<number> {
    switch (end.by) {
      case "timeout":
        await this.#runner?.finish();
        return EXIT.TIMEOUT;
      case "unwatched":
        await this.#runner?.finish();
        note("butter watch: Cannot go on: nothing is left of what was watched");
        return EXIT.ERROR;
      case "interrupt":
        await this.#runner?.stop();
        if (!this.#options.quiet) note(`${afterEcho(end.signal)}${this.#summary()}`);
        return EXIT.OK;
      case "unread":
        await this.#runner?.stop();
        return EXIT.OK;
      case "count":
        await this.#runner?.finish();
        return EXIT.OK;
    }
  }

  /** `3 events in 12.3 s: 2 CREATE, 1 DELETE` */
  #summary(): string {
    const kinds = [...this.#tally].toSorted(([, a], [, b]) => b - a);
    const total = kinds.reduce((sum, [, count]) => sum + count, 0);
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    const listed = kinds.map(([word, count]) => `${count} ${word}`).join(", ");
    return `${total} ${total === 1 ? "event" : "events"} in ${seconds} s${listed && `: ${listed}`}`;
  }

  #remark(text: string): void {
    if (!this.#options.quiet) note(`butter watch: ${text}`);
  }
}

/** The terminal has just shown `^C`, and the cursor is behind it. */
function afterEcho(signal: Interrupt): string {
  return signal === "SIGINT" && process.stderr.isTTY ? "\n" : "";
}

function overflowHint(): string {
  const name = "fs.inotify.max_queued_events";
  const limit = readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8").trim();
  return `events were lost: raise ${name} (${limit} now), or watch fewer kinds with --event`;
}
