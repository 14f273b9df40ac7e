/** Rows of tables: steps in a watched directory, and the events that must come of them. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { watch, type Watcher, type WatchOptions } from "bun-butter";

import { tempDir } from "./temp.ts";
import { line, type Way } from "./watch.ts";

/** Paths in a directory of the row's own: `root` is watched, `out` is not. */
export interface Place {
  readonly root: string;
  readonly out: string;
  at(...names: string[]): string;
}

export interface Row {
  readonly row: string;
  readonly before?: (place: Place) => void;
  /** What is watched, by default the root. */
  readonly watch?: (place: Place) => string | string[];
  readonly options?: WatchOptions;
  readonly steps: (place: Place) => void;
  /** `type path`, `rename from path`: relative to the directory of the row, directories with a slash. */
  readonly events: readonly string[];
  /** The same of the fanotify backend, which tells changes that inotify is too late for. */
  readonly fanotify?: readonly string[];
  /** Whether the order of events is not defined: that of names in a directory. */
  readonly anyOrder?: boolean;
}

export function write(path: string, text: string = "text"): void {
  writeFileSync(path, text);
}

/** Runs with a watcher of the row. */
export async function within<T>(
  { backend, base }: Way,
  row: Pick<Row, "before" | "watch" | "options">,
  use: (watcher: Watcher, place: Place) => T | Promise<T>,
): Promise<T> {
  using dir = tempDir(base);
  const at = (...names: string[]): string => join(dir.path, ...names);
  const place = { root: at("root"), out: at("out"), at };
  mkdirSync(place.root);
  mkdirSync(place.out);
  row.before?.(place);
  await using watcher = watch(row.watch?.(place) ?? place.root, { backend, ...row.options });
  await watcher.ready;
  return await use(watcher, place);
}

/** What was told up to now, as rows have it. */
export async function linesOf(watcher: Watcher, { at }: Place): Promise<string[]> {
  await watcher.sync();
  return watcher.readEventsSync().map((event) => line(event, at()));
}

/** Tests each row with one backend. */
export function testRows(way: Way, rows: readonly Row[]): void {
  test.each(rows)("$row", async (row) => {
    await within(way, row, async (watcher, place) => {
      row.steps(place);
      const lines = await linesOf(watcher, place);
      const events = (way.backend === "fanotify" ? row.fanotify : undefined) ?? row.events;
      const [actual, expected] =
        row.anyOrder === true ? [lines.toSorted(), events.toSorted()] : [lines, events];
      expect(actual).toEqual([...expected]);
    });
  });
}
