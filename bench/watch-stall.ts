/** How long the event loop stands still while a million files are read, beside one that has nothing to do. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { can } from "../test/support/capabilities.ts";
import { measure, script } from "./child.ts";
import type { Benchmark, Sample, Side, Target } from "./harness.ts";
import { compiled, directory, ownFileSystem, raise } from "./machine.ts";

const IDLE = "nothing to do, 3 s";
const INOTIFY = "inotify";
const FANOTIFY = "fanotify";

const DIRECTORIES = 20_021;
/** Of each directory. */
const FILES = 50;
/** Those of one large directory. */
const FLAT = 300_000;
/** Those of a directory that leaves. */
const LEAVING = 100_000;
/** Files that are made before a tree is read: the kernel keeps some more events. */
const QUEUED = 10_000;
/** Entries of the tree, the root not counted. */
const ENTRIES = DIRECTORIES * (FILES + 1) - 1;
/** Watches of other programs of this user. */
const SPARE = 20_000;

export function watchStall(): Benchmark {
  const limit = raise("fs.inotify.max_user_watches", DIRECTORIES + SPARE);
  // What others do on the same file system would be read as well.
  const parent = can("CAP_SYS_ADMIN") ? ownFileSystem() : directory();
  const [tree, flat] = [join(parent, "tree"), join(parent, "flat")];
  make(tree, `${FILES}`);
  make(flat, `${FLAT}`, "flat");
  const leaving = join(parent, "leaving");
  mkdirSync(leaving);
  make(join(leaving, "full"), `${LEAVING}`, "flat");
  const backends = [
    ...(limit >= DIRECTORIES ? [INOTIFY] : []),
    ...(can("CAP_SYS_ADMIN") ? [FANOTIFY] : []),
  ];
  return {
    title: `turns of the event loop while ${ENTRIES.toLocaleString("en")} entries are read, or one directory of ${FLAT.toLocaleString("en")}, or one of ${LEAVING.toLocaleString("en")} leaves, or ${QUEUED.toLocaleString("en")} files are made before that, or some thousand are renamed in a tree that is known`,
    sides: [
      { name: IDLE, run: () => measure<Sample>(...script("turns.ts", "3000")) },
      ...backends.flatMap((backend) => [
        side(backend, backend, tree),
        side(`${backend}, initial`, backend, tree, ENTRIES),
        side(`${backend}, one directory`, backend, flat),
        side(`${backend}, one directory, initial`, backend, flat, FLAT),
        departure(`${backend}, departure`, backend, leaving),
        {
          name: `${backend}, storm`,
          run: () => measure<Sample>(...script("watch.ts", "flood", backend, parent)),
        },
      ]),
      ...backends.flatMap((backend) =>
        backend === FANOTIFY
          ? [
              departure(`${backend}, departure before it is read`, backend, leaving, "unread"),
              queued(`${backend}, much happens before it is read`, backend, parent),
            ]
          : [],
      ),
    ],
    metrics: [
      { key: "p50", label: "p50 of all turns, ms" },
      { key: "p99", label: "p99 of all turns, ms" },
      { key: "max", label: "the longest turn, ms" },
      { key: "stalls", label: "turns of more than 10 ms" },
      { key: "ran", label: "the most that the thread ran in a turn, ms" },
      { key: "own", label: "turns in which it ran more than 10 ms" },
    ],
    targets: [
      ...backends.flatMap((backend) => [
        target(backend),
        target(`${backend}, initial`),
        target(`${backend}, one directory`),
        target(`${backend}, one directory, initial`),
        target(`${backend}, departure`),
        target(`${backend}, storm`),
      ]),
      target(`${FANOTIFY}, departure before it is read`),
      target(`${FANOTIFY}, much happens before it is read`),
    ],
    notes: [
      "A process that has watched two thousand files before: the first watch() of one takes 15 ms for its code, and the first slice of a storm some 30 ms",
      "A turn in which the thread did not run is the machine's",
      "inotify_add_watch itself takes some 15 ms for a directory of which the kernel has 300,000 names in memory",
      ...(limit < DIRECTORIES ? [`fs.inotify.max_user_watches is ${limit}: no inotify`] : []),
    ],
  };
}

function make(dir: string, ...args: readonly string[]): void {
  mkdirSync(dir);
  const { exitCode } = Bun.spawnSync([compiled("tree-maker"), dir, ...args]);
  if (exitCode !== 0) throw new Error(`Cannot make ${dir}`);
}

/** @param count How many events there are with `initial`. */
function side(name: string, backend: string, dir: string, count?: number): Side {
  const cmd = script(
    "watch.ts",
    "stall",
    backend,
    dir,
    ...(count === undefined ? [] : [`${count}`]),
  );
  return { name, run: () => measure<Sample>(...cmd) };
}

/** A directory leaves, and comes back. */
function departure(name: string, backend: string, dir: string, ...how: readonly string[]): Side {
  return {
    name,
    run: () => measure<Sample>(...script("watch.ts", "departure", backend, dir, ...how)),
  };
}

/** Files are made before the tree is read. */
function queued(name: string, backend: string, dir: string): Side {
  const cmd = script("watch.ts", "backlog", backend, dir, `${QUEUED}`);
  return { name, run: () => measure<Sample>(...cmd) };
}

const target = (name: string): Target => ({ side: name, metric: "own", atMost: 0, as: "value" });
