/** What happens while a watcher is at work: between any two of its looks at the disk, and not only between two of its reads. */
import { FanotifyBackend } from "../../src/watch/backend/fanotify.ts";
import { InotifyBackend } from "../../src/watch/backend/inotify.ts";
import { Reading } from "../../src/watch/directories/reading.ts";
import { type Scan, Scanner } from "../../src/watch/directories/scanner.ts";
import { Engine } from "../../src/watch/engine/engine.ts";
import { Roots } from "../../src/watch/engine/roots.ts";
import { Paths } from "../../src/watch/tree/paths.ts";

type Method = (this: unknown, ...args: never[]) => unknown;

/** Paths are made to be looked at, directories are watched, and read; the rest is between reads. */
const steps: readonly (readonly [prototype: object, methods: readonly string[]])[] = [
  [Paths.prototype, ["real", "place", "call"]],
  [Reading.prototype, ["open", "found", "end"]],
  [Engine.prototype, ["handed", "emptied"]],
  [InotifyBackend.prototype, ["watch", "follow", "decode", "emptied"]],
  [FanotifyBackend.prototype, ["watch", "follow", "decode", "emptied"]],
];

function before(prototype: object, name: string, act: Method): () => void {
  const methods = prototype as Record<string, Method>;
  const method = methods[name];
  if (method === undefined) throw new Error(`Cannot act before ${name}: there is no such method`);
  methods[name] = function (this: unknown, ...args: never[]) {
    act.apply(this, args);
    return method.apply(this, args);
  };
  return () => {
    methods[name] = method;
  };
}

function undone(undo: readonly (() => void)[]): Disposable {
  return {
    [Symbol.dispose]() {
      for (const one of undo) one();
    },
  };
}

/** Calls `act` before each step of every watcher, until it is disposed. */
export function between(act: () => void): Disposable {
  return undone(
    steps.flatMap(([prototype, names]) => names.map((name) => before(prototype, name, act))),
  );
}

/** Calls `act` before a path is watched, when all is read that happened before. */
export function beforeAdding(act: () => void): Disposable {
  return undone([before(Roots.prototype, "add", act)]);
}

/** Calls `act` whenever something was read, and before any of it is handed out. */
export function beforeHandingOut(act: () => void): Disposable {
  return undone(
    [InotifyBackend.prototype, FanotifyBackend.prototype].map((each) =>
      before(each, "decode", act),
    ),
  );
}

/** Calls `act` before each directory is opened to be read, with the reason. */
export function beforeOpening(act: (mode: Scan["mode"]) => void): Disposable {
  return undone([before(Reading.prototype, "open", ((scan: Scan) => act(scan.mode)) as Method)]);
}

/** Calls `act` before the next directory is opened to be read for that reason, and `later` when it was read. */
export function aroundReading(mode: Scan["mode"], act: () => void, later: () => void): Disposable {
  let wanted: Scan | undefined;
  const open = (scan: Scan): void => {
    if (wanted !== undefined || scan.mode !== mode) return;
    wanted = scan;
    act();
  };
  const end = (scan: Scan): void => {
    if (scan === wanted) later();
  };
  return undone([
    before(Reading.prototype, "open", open as Method),
    before(Reading.prototype, "end", end as Method),
  ]);
}

/** Calls `act` when all directories of a watcher were read for the first time, and before anything else is done. */
export function afterReading(act: () => void): Disposable {
  const { prototype } = Scanner;
  const { run } = prototype;
  let isOver = false;
  prototype.run = function (limit, least) {
    run.call(this, limit, least);
    if (isOver || !this.idle) return;
    isOver = true;
    act();
  };
  return {
    [Symbol.dispose]() {
      prototype.run = run;
    },
  };
}
