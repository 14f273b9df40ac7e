/**
 * What all subcommands that print events have in common: rows are written as they come, until something ends it.
 *
 * @module
 */
import { type EventSource, OSError } from "../index.ts";
import { POLL, poll } from "../syscalls/index.ts";
import { afterEcho, EXIT, note } from "./command.ts";
import type { Row } from "./format.ts";
import { onInterrupt } from "./interrupt.ts";
import { Output } from "./output.ts";

/** Why it ended. `over` is that no source has anything left to tell, `told` that no more was asked for. */
export type End = "count" | "interrupt" | "over" | "timeout" | "told" | "unread";

/** What ends a session, and how it looks. The options of every command line are such. */
export interface SessionOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /**
   * How many events end it.
   *
   * @default Infinity
   */
  readonly count?: number;
  /**
   * Milliseconds that end it without an event that is {@linkcode Session.tally | tallied}.
   *
   * @default Infinity
   */
  readonly timeout?: number;
}

/** What differs between subcommands. */
export interface SessionKind {
  /** The subcommand's name. */
  readonly name: string;
  /** What a summary counts: `["event", "events"]`. */
  readonly nouns: readonly [one: string, many: string];
  /** Whether the time-out is one from the beginning on, whatever comes. */
  readonly deadline?: boolean;
  /** Called at the first interrupt, also when the session has ended and something is still waited for. */
  readonly first?: () => void;
  /** Tidies up what can't wait, before a second interrupt ends the process. */
  readonly last?: () => void;
}

/** The longest delay that a timer takes, in milliseconds. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** How long after an interrupt a reader may take for what was written last, in milliseconds. */
const WRITE_GRACE = 1000;

/** One run of a subcommand. */
export class Session implements Disposable {
  readonly #kind: SessionKind;
  readonly #options: Required<SessionOptions>;
  readonly #output: Output;
  readonly #interrupts: Disposable;
  readonly #started = performance.now();
  /** How many events of each kind are in the summary. */
  readonly #tally = new Map<string, number>();
  /** What is followed. */
  readonly #sources = new Set<EventSource<unknown>>();
  /** Each ends a wait. */
  readonly #waits = new Set<() => void>();
  #total = 0;
  #counted = 0;
  #end: End | undefined;
  /** Settles when the last rows are written, and all before them. */
  #written: Promise<void> = Promise.resolve();
  /** Settles when what was written last is not waited for any longer. */
  #grace: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Since when there is nothing to tell, as `performance.now()` has it. */
  #quietSince: number | undefined;

  constructor(kind: SessionKind, options: SessionOptions) {
    this.#kind = kind;
    this.#options = { count: Infinity, timeout: Infinity, ...options };
    this.#interrupts = onInterrupt(
      (signal) => {
        if (signal === "SIGINT" && !options.quiet) afterEcho();
        this.stop("interrupt");
        kind.first?.();
      },
      () => kind.last?.(),
    );
    this.#output = new Output(options.json);
    this.#output.gone.addEventListener("abort", () => this.stop("unread"));
  }

  /** Why it ended, once it has. */
  get end(): End | undefined {
    return this.#end;
  }

  /** Ends it. The first reason is the one that counts. */
  stop(end: End): void {
    this.#end ??= end;
    clearTimeout(this.#timer);
    for (const wake of this.#waits) wake();
  }

  /**
   * Calls a function with what a source tells, until the session ends or the source is over. After an interrupt,
   * and when no more is asked for or to come, it is called once more, with what happened before.
   */
  async follow<E>(
    source: EventSource<E>,
    take: (batch: readonly E[]) => void | Promise<void>,
  ): Promise<void> {
    this.#sources.add(source);
    const batches = source.batches();
    let came: readonly E[] = [];
    while (this.#end === undefined) {
      this.#arm();
      const next = batches.next().then(({ value, done }) => {
        if (done !== true) came = value;
        return done === true;
      });
      const over = await this.unlessEnded(next);
      if (over !== false || this.#end !== undefined) break;
      // Not while rows are written: a slow reader is not a lack of events.
      if (this.#kind.deadline !== true) clearTimeout(this.#timer);
      const batch = came;
      came = [];
      const told = this.#total;
      await take(batch);
      this.#heard(this.#total !== told);
    }
    await batches.return?.();
    this.#sources.delete(source);
    // What came in the same turn as the end was read, and not taken.
    const isWanted = this.#end === "interrupt" || this.#end === "told" || this.#end === "over";
    if (isWanted) await take([...came, ...source.readEventsSync()]);
  }

  /** Adds events to the summary. */
  tally(events: number, word?: string): void {
    this.#total += events;
    if (word !== undefined) this.#tally.set(word, (this.#tally.get(word) ?? 0) + events);
  }

  /**
   * Counts events for `--count`, the last of which ends the session.
   *
   * @returns Whether this was the last.
   */
  count(events = 1): boolean {
    this.#counted += events;
    if (this.#counted < this.#options.count) return false;
    this.stop("count");
    return true;
  }

  /** Writes rows. Resolves when they are written, or when the session has ended. */
  async write(rows: readonly Row[]): Promise<void> {
    if (rows.length > 0) this.#written = this.#output.write(rows);
    await this.unlessEnded(this.#written);
  }

  /** Waits for a promise, but not after the end. A race with a promise of the end would grow with each round. */
  unlessEnded<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const wake = (): void => resolve(undefined);
      this.#waits.add(wake);
      const settled = (): boolean => this.#waits.delete(wake);
      promise.finally(settled).then(resolve, reject);
      if (this.#end !== undefined) wake();
    });
  }

  /** Waits for what was written, after an interrupt not for long. */
  async flush(): Promise<void> {
    if (this.#end === "interrupt") this.#grace ??= Bun.sleep(WRITE_GRACE);
    await Promise.race([this.#written, ...(this.#grace === undefined ? [] : [this.#grace])]);
  }

  /** Waits for what was written, says how it ended, and returns the exit code of that. */
  async finish(): Promise<number> {
    await this.flush();
    switch (this.#end) {
      case "timeout":
        return EXIT.TIMEOUT;
      case "over":
        note(`butter ${this.#kind.name}: Cannot go on: nothing is left of what was watched`);
        return EXIT.ERROR;
      case "interrupt":
        this.note(this.#summary());
        return EXIT.OK;
      default:
        return EXIT.OK;
    }
  }

  /** Tells people something, unless they want none of it. */
  note(text: string): void {
    if (!this.#options.quiet) note(text);
  }

  /** Tells people of something that is not as it should be. */
  remark(text: string): void {
    this.note(`butter ${this.#kind.name}: ${text}`);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#interrupts[Symbol.dispose]();
    this.#output[Symbol.dispose]();
  }

  #arm(): void {
    const { timeout } = this.#options;
    if (timeout > LONGEST_DELAY || this.#end !== undefined) return;
    if (this.#kind.deadline === true && this.#timer !== undefined) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    this.#quietSince ??= now;
    const expire = (): void => {
      // A process that was stopped for a while finds its timers due before its events.
      if (this.#ready()) this.#timer = setTimeout(expire, 1);
      else this.stop("timeout");
    };
    this.#timer = setTimeout(expire, Math.max(0, this.#quietSince + timeout - now));
  }

  /** A batch was taken. One that had nothing to tell is no event: a filter may let nothing through for ever. */
  #heard(told: boolean): void {
    const now = performance.now();
    if (told) this.#quietSince = now;
    else if (
      this.#kind.deadline !== true &&
      now - (this.#quietSince ?? now) >= this.#options.timeout
    )
      this.stop("timeout");
  }

  /** Whether a source has something to tell. */
  #ready(): boolean {
    return [...this.#sources].some((source) => source.queued > 0 || readable(source));
  }

  /** `3 events in 12.3 s: 2 CREATE, 1 DELETE` */
  #summary(): string {
    const [one, many] = this.#kind.nouns;
    const kinds = [...this.#tally].toSorted(([, a], [, b]) => b - a);
    const noun = this.#total === 1 ? one : many;
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1);
    const listed = kinds.map(([word, count]) => `${count} ${word}`).join(", ");
    return `${this.#total} ${noun} in ${seconds} s${listed && `: ${listed}`}`;
  }
}

function readable(source: EventSource<unknown>): boolean {
  try {
    return poll([{ fd: source, events: POLL.IN }], 0)[0] !== 0;
  } catch (error) {
    // Even without waiting: a signal came first.
    if (error instanceof OSError && error.code === "EINTR") return true;
    throw error;
  }
}
