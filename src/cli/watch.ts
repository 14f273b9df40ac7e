/**
 * `butter watch`: prints what happens to files and directories.
 *
 * @module
 */
import { Inotify, type InotifyEvent } from "../index.ts";
import { command } from "./command.ts";
import { type Change, Runner } from "./exec.ts";
import { escape, type Row } from "./format.ts";
import { overflowHint } from "./overflow.ts";
import { Session } from "./session.ts";
import { WATCH_HELP, type WatchOptions, watchOptions } from "./watch-options.ts";
import { Roots } from "./watch-row.ts";

export const watch = command({
  name: "watch",
  summary: "print what happens to files and directories, or run a command",
  help: WATCH_HELP,
  parse: watchOptions,
  async run(options) {
    await using run = new Watch(options);
    return await run.run();
  },
});

class Watch implements AsyncDisposable {
  readonly #inotify = new Inotify();
  readonly #roots = new Roots();
  readonly #session: Session;
  readonly #runner: Runner | undefined;

  constructor(options: WatchOptions) {
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
    for (const path of options.paths) {
      if (this.#roots.add(this.#inotify, path, options.mask)) continue;
      session.remark(`"${escape(path)}" is watched already, and not twice`);
    }
    if (options.exec !== undefined) {
      const { exec, restart } = options;
      const report = (text: string): void => session.remark(text);
      this.#runner = new Runner({ command: exec, restart, report });
    }
  }

  async run(): Promise<number> {
    const session = this.#session;
    session.note(`Watching ${this.#roots}`);
    await session.follow(this.#inotify, (batch) => this.#take(batch));
    await session.flush();
    this.#inotify.close();
    // When it ended by itself, what it started goes on to its end.
    if (session.end === "interrupt" || session.end === "unread") await this.#runner?.stop();
    else await this.#runner?.finish();
    return await session.finish();
  }

  /** Also when it fails: nothing is left running. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#inotify.close();
    await this.#runner?.stop();
    this.#session[Symbol.dispose]();
  }

  async #take(batch: readonly InotifyEvent[]): Promise<void> {
    const session = this.#session;
    const rows: Row[] = [];
    const changes: Change[] = [];
    for (const event of batch) {
      const row = this.#roots.row(event);
      rows.push(row);
      const [word = ""] = row.words;
      session.tally(1, word);
      if (event.isIgnored || event.isUnmount) continue;
      if (this.#runner !== undefined)
        changes.push({ path: escape(row.subject), lost: event.isOverflow });
      if (session.count()) break;
    }
    this.#runner?.changed(changes);
    await session.write(rows);
    if (batch.some(({ isOverflow }) => isOverflow))
      session.remark(overflowHint("inotify", "watch", "--event"));
    if (this.#inotify.watches.size === 0) session.stop("over");
  }
}
