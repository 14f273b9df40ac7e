/**
 * `butter watch`: prints what happens to files and directories, and to what is below them.
 *
 * @module
 */
import type { Snapshot, Watched, Watcher, WatchEvent } from "../index.ts";
import { command } from "./command.ts";
import { type Change, Runner } from "./exec.ts";
import { escape, type Row } from "./format.ts";
import { queueLimit } from "./overflow.ts";
import { Busy } from "./progress.ts";
import { Session } from "./session.ts";
import { openWatcher } from "./watch-open.ts";
import { WATCH_HELP, type WatchCommand, watchOptions } from "./watch-options.ts";
import { pathsOf, watchRow } from "./watch-row.ts";
import { isAbout, SnapshotFile, withStats } from "./watch-snapshot.ts";

export const watch = command({
  name: "watch",
  summary: "print what happens in directories, or run a command",
  help: WATCH_HELP,
  parse: watchOptions,
  async run(options) {
    await using run = new Watch(options);
    return await run.run();
  },
});

/** How long what happened before the end is waited for, in milliseconds, while ever more happens. */
const SYNC_GRACE = 1000;

/** How many rows of differences are made at once. */
const ROWS = 1000;

class Watch implements AsyncDisposable {
  readonly #options: WatchCommand;
  readonly #watcher: Watcher;
  readonly #session: Session;
  readonly #runner: Runner | undefined;
  /** What the start is compared with, and where from. */
  readonly #since:
    { readonly file: SnapshotFile; readonly before: readonly Snapshot[] } | undefined;
  readonly #snapshot: SnapshotFile | undefined;
  /** Until there are rows, or everything is watched. */
  #busy: Busy | undefined;

  constructor(options: WatchCommand) {
    const { paths, ignore, gitignore, depth, since, snapshot, quiet } = options;
    this.#options = options;
    const fileOf = (file: string): SnapshotFile =>
      new SnapshotFile(file, paths, { ignore, gitignore, depth }, quiet);
    if (snapshot !== undefined) this.#snapshot = fileOf(snapshot);
    this.#snapshot?.checkPlace();
    if (since !== undefined) {
      const file = fileOf(since);
      this.#since = { file, before: file.read() };
    }
    this.#watcher = openWatcher(options);
    const session = new Session(
      {
        name: "watch",
        nouns: ["event", "events"],
        first: () => void this.#runner?.stop(),
        last: () => this.#runner?.kill(),
      },
      options,
    );
    this.#session = session;
    if (options.exec !== undefined) {
      const { exec, restart } = options;
      const report = (text: string): void => session.remark(text);
      this.#runner = new Runner({ command: exec, restart, report });
    }
  }

  async run(): Promise<number> {
    const session = this.#session;
    const { watched } = this.#watcher;
    if (!this.#options.quiet) this.#busy = new Busy(`Reading ${namesOf(watched)}`);
    this.#watcher.indexed.then(
      () => this.#begun(),
      () => undefined,
    );
    const isTold = (await session.unlessEnded(this.#tellSince())) === true;
    if (isTold) {
      if (this.#options.now) void this.#sync().then(() => session.stop("told"));
      await session.follow(this.#watcher, (batch) => this.#take(batch));
    }
    // What was not printed must not count as told.
    const taken = isTold && session.end !== "unread" ? await this.#snapshot?.take() : undefined;
    if (session.end !== "count" && session.end !== "unread") await this.#tellRest();
    this.#watcher.close();
    await session.flush();
    if (taken !== undefined) this.#snapshot?.write(taken);
    // When it ended by itself, what it started goes on to its end.
    if (session.end === "interrupt" || session.end === "unread") await this.#runner?.stop();
    else await this.#runner?.finish();
    return await session.finish();
  }

  /** Also when it fails: nothing is left running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#busy?.[Symbol.dispose]();
    this.#watcher.close();
    await this.#runner?.stop();
    this.#session[Symbol.dispose]();
  }

  /** Everything was read, or tried. */
  #begun(): void {
    this.#busy?.[Symbol.dispose]();
    const { watched } = this.#watcher;
    const { entries, failed } = watched;
    this.#session.note(
      `Watching ${namesOf(watched)}: ${entries} ${entries === 1 ? "entry" : "entries"}`,
    );
    if (watched.unheard.length > 0 && this.#options.poll === 0)
      this.#session.remark(
        `of ${watched.unheard.join(" and ")} the kernel does not tell all that happens: --poll finds the rest`,
      );
    if (failed > 0 && failed === entries) this.#session.stop("over");
  }

  /** Tells what is different from the snapshot, if there is one. */
  async #tellSince(): Promise<boolean> {
    if (this.#since === undefined) return true;
    const { file, before } = this.#since;
    await this.#watcher.ready;
    // What happened up to here is different from the snapshot as well: only what has no difference is told.
    await this.#take(this.#watcher.readEventsSync().filter((event) => !isChange(event)));
    for (const each of before) {
      const events = await file.changes(each);
      if (this.#session.end !== undefined) return false;
      const described = (some: readonly WatchEvent[]): readonly WatchEvent[] =>
        this.#options.stats ? some.map(withStats) : some;
      // Not all at once: each row is larger than what it tells.
      for (let at = 0; at < events.length; at += ROWS)
        await this.#take(described(events.slice(at, at + ROWS)));
    }
    return true;
  }

  /** Tells what happened up to now. */
  async #tellRest(): Promise<void> {
    await Promise.race([this.#sync(), Bun.sleep(SYNC_GRACE)]);
    await this.#take(this.#watcher.readEventsSync());
  }

  /** Resolves when everything up to now is in the queue, or the watcher is closed. */
  async #sync(): Promise<void> {
    await this.#watcher.sync().catch(() => undefined);
  }

  async #take(batch: readonly WatchEvent[]): Promise<void> {
    const session = this.#session;
    const { events, since, snapshot, stats } = this.#options;
    const rows: Row[] = [];
    const changes: Change[] = [];
    for (const event of batch) {
      const { type } = event;
      if (isChange(event) && !events.has(type)) continue;
      if ((since ?? snapshot) !== undefined && isAbout(event, [since, snapshot])) continue;
      rows.push(watchRow(event, stats));
      session.tally(1, type);
      if (!isChange(event)) continue;
      if (this.#runner !== undefined)
        changes.push(pathsOf(event).flatMap((path) => (path === undefined ? [] : escape(path))));
      if (session.count()) break;
    }
    this.#runner?.changed(changes);
    if (rows.length > 0) this.#busy?.[Symbol.dispose]();
    await session.write(rows);
    for (const event of batch) this.#explain(event);
  }

  /** Says why something is not as it should be. */
  #explain(event: WatchEvent): void {
    if (event.type === "error") this.#session.remark(event.error.message);
    if (event.type !== "overflow") return;
    const limit = queueLimit(this.#watcher.watched.backend);
    this.#session.remark(`more came at once than ${limit} allows: what is different follows`);
  }
}

/** What it watches, as a user reads it. */
function namesOf({ paths }: Watched): string {
  return paths.length > 3 ? `${paths.length} paths` : paths.map(escape).join(", ");
}

/** Whether it is about the files, and not about the watching. */
function isChange({ type }: WatchEvent): boolean {
  return type !== "error" && type !== "overflow";
}
