/** With fanotify `ready` does not wait until a tree is read, and nothing that happens meanwhile is lost: as if all of it were known. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";

import { tmpfs, watch, type WatchEvent } from "bun-butter";

import { exchange } from "../support/exchange.ts";
import { memory, type TempDir, tempDir } from "../support/temp.ts";
import {
  canFanotify,
  canFanotifyTmpfs,
  line,
  listed,
  seeded,
  treeOf,
  undisturbed,
} from "../support/watch.ts";

/** Directories at the top, and in each of them. */
const TOPS = 24;
const MANY = 60;

/** Where something is done: some of it is read already, and most is not. */
const places = [0, 7, 13, TOPS - 1].flatMap((at) => [`d${at}`, `d${at}/a/b/c`]);

/** A tree that takes some slices to read, with the same in all places; and something beside it for each of them. */
function make(dir: TempDir): void {
  const at = (...names: readonly string[]): string => dir.at(...names);
  for (let top = 0; top < TOPS; top++)
    for (let below = 0; below < MANY; below++)
      mkdirSync(at("root", `d${top}`, `x${below}`), { recursive: true });
  for (const place of places) {
    mkdirSync(at("root", place, "g/k"), { recursive: true });
    for (const file of ["e", "f", "g/h", "g/k/l"]) writeFileSync(at("root", place, file), "");
    mkdirSync(at("out", place, "o/q"), { recursive: true });
    for (const file of ["p", "o/p", "o/q/r"]) writeFileSync(at("out", place, file), "");
  }
}

interface Row {
  readonly row: string;
  /** `out` is not watched. */
  readonly steps: (at: (...names: string[]) => string, out: (...names: string[]) => string) => void;
  /** What must come of it in each place. */
  readonly events: readonly string[];
}

const rows: readonly Row[] = [
  {
    row: "a file is made",
    steps: (at) => writeFileSync(at("new"), "text"),
    events: ["create new", "change new"],
  },
  {
    row: "a directory is made, with a file",
    steps: (at) => {
      mkdirSync(at("new"));
      writeFileSync(at("new/file"), "text");
    },
    events: ["create new/", "create new/file", "change new/file"],
  },
  { row: "a file is deleted", steps: (at) => unlinkSync(at("f")), events: ["delete f"] },
  {
    row: "a directory is deleted with all that is in it",
    steps: (at) => rmSync(at("g"), { recursive: true }),
    events: ["delete g/h", "delete g/k/l", "delete g/k/", "delete g/"],
  },
  {
    row: "a file is renamed",
    steps: (at) => renameSync(at("f"), at("new")),
    events: ["rename f new"],
  },
  {
    row: "a file is renamed over another one",
    steps: (at) => renameSync(at("e"), at("f")),
    events: ["rename e f"],
  },
  {
    row: "a file is renamed twice",
    steps: (at) => {
      renameSync(at("f"), at("g/new"));
      renameSync(at("g/new"), at("new"));
    },
    events: ["rename f g/new", "rename g/new new"],
  },
  {
    row: "a directory is renamed, and something happens in it before and after that",
    steps: (at) => {
      writeFileSync(at("g/k/one"), "");
      appendFileSync(at("g/h"), "more");
      renameSync(at("g"), at("new"));
      writeFileSync(at("new/k/two"), "");
      unlinkSync(at("new/k/l"));
    },
    events: [
      "create g/k/one",
      "change g/k/one",
      "change g/h",
      "rename g/ new/",
      "create new/k/two",
      "change new/k/two",
      "delete new/k/l",
    ],
  },
  {
    row: "a directory is renamed twice and deleted",
    steps: (at) => {
      renameSync(at("g"), at("new"));
      renameSync(at("new"), at("newer"));
      rmSync(at("newer"), { recursive: true });
    },
    events: [
      "rename g/ new/",
      "rename new/ newer/",
      "delete newer/h",
      "delete newer/k/l",
      "delete newer/k/",
      "delete newer/",
    ],
  },
  {
    row: "a directory is renamed into a new one",
    steps: (at) => {
      mkdirSync(at("new"));
      renameSync(at("g"), at("new/g"));
      unlinkSync(at("new/g/k/l"));
    },
    events: ["create new/", "rename g/ new/g/", "delete new/g/k/l"],
  },
  {
    row: "a file is written to",
    steps: (at) => appendFileSync(at("f"), "more"),
    events: ["change f"],
  },
  {
    row: "a file is written to and deleted",
    steps: (at) => {
      appendFileSync(at("f"), "more");
      unlinkSync(at("f"));
    },
    events: ["change f", "delete f"],
  },
  {
    row: "a file is written to and renamed",
    steps: (at) => {
      appendFileSync(at("f"), "more");
      renameSync(at("f"), at("new"));
    },
    events: ["change f", "rename f new"],
  },
  {
    row: "attributes of a file and of a directory",
    steps: (at) => {
      chmodSync(at("f"), 0o600);
      chmodSync(at("g"), 0o700);
    },
    events: ["attributes f", "attributes g/"],
  },
  {
    row: "a file leaves",
    steps: (at, out) => renameSync(at("f"), out("f")),
    events: ["delete f"],
  },
  {
    row: "a directory leaves, and changes outside",
    steps: (at, out) => {
      renameSync(at("g"), out("g"));
      writeFileSync(out("g/new"), "");
    },
    events: ["delete g/h", "delete g/k/l", "delete g/k/", "delete g/"],
  },
  { row: "a file comes", steps: (at, out) => renameSync(out("p"), at("p")), events: ["create p"] },
  {
    row: "a directory comes",
    steps: (at, out) => renameSync(out("o"), at("o")),
    events: ["create o/", "create o/p", "create o/q/", "create o/q/r"],
  },
  {
    row: "a file's name is taken by a directory, and a directory's by a file",
    steps: (at) => {
      unlinkSync(at("f"));
      mkdirSync(at("f"));
      rmSync(at("g"), { recursive: true });
      writeFileSync(at("g"), "text");
    },
    events: [
      "delete f",
      "create f/",
      "delete g/h",
      "delete g/k/l",
      "delete g/k/",
      "delete g/",
      "create g",
      "change g",
    ],
  },
  {
    row: "a directory's name is taken by another one",
    steps: (at) => {
      renameSync(at("g"), at("new"));
      mkdirSync(at("g"));
      writeFileSync(at("g/h"), "text");
      unlinkSync(at("new/h"));
    },
    events: ["rename g/ new/", "create g/", "create g/h", "change g/h", "delete new/h"],
  },
  {
    row: "files change places",
    steps: (at) => exchange(at("e"), at("f")),
    events: ["rename e f", "create e"],
  },
  {
    row: "a file and a directory change places",
    steps: (at) => exchange(at("f"), at("g")),
    events: [
      "delete g/h",
      "delete g/k/l",
      "delete g/k/",
      "rename f g",
      "create f/",
      "create f/h",
      "create f/k/",
      "create f/k/l",
    ],
  },
  {
    row: "a directory and one outside change places",
    steps: (at, out) => exchange(at("g"), out("o")),
    events: [
      "delete g/h",
      "delete g/k/l",
      "delete g/k/",
      "delete g/",
      "create g/",
      "create g/p",
      "create g/q/",
      "create g/q/r",
    ],
  },
  {
    row: "a file takes the place of another one, and leaves it at once",
    steps: (at, out) => {
      renameSync(out("p"), at("f"));
      renameSync(at("f"), at("new"));
    },
    events: ["change f", "rename f new"],
  },
];

/** When it is done and read: turns of the event loop, in each of which more of the tree is read. */
const ways = [
  { way: "at once", before: 0, after: 0 },
  { way: "while the tree is read", before: 2, after: 1 },
  { way: "and told when more of the tree is read", before: 0, after: 3 },
  { way: "and told when all of the tree is read", before: 1, after: 1000 },
  { way: "when all of the tree is known", before: 1000, after: 0 },
] as const;

async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await turn();
}

/** Does something to the whole tree, and gives what is left by the events, and what is there. */
async function leftBy(
  before: number,
  after: number,
  steps: (place: { readonly at: (...names: readonly string[]) => string }) => void,
): Promise<{
  readonly root: string;
  readonly left: readonly string[];
  readonly tree: readonly string[];
}> {
  const { wrong, ...found } = await undisturbed(async (model) => {
    using dir = tempDir(memory);
    const root = dir.at("root");
    make(dir);
    treeOf(root, model.entries);
    await using watcher = watch(root, { backend: "fanotify" });
    await watcher.ready;
    await turns(before);
    steps({ at: (...names) => dir.at(...names) });
    await turns(after);
    await watcher.sync();
    model.apply(watcher.readEventsSync());
    return { root, left: listed(model.entries), tree: listed(treeOf(root)), wrong: model.wrong };
  });
  expect(wrong).toEqual([]);
  return found;
}

describe.skipIf(!canFanotify)("before a tree is read (needs CAP_SYS_ADMIN, Linux 5.17)", () => {
  describe.each(ways)("$way", ({ before, after }) => {
    test.each(rows)("$row", async ({ steps, events }) => {
      const row = await undisturbed(async (model) => {
        using dir = tempDir(memory);
        make(dir);
        treeOf(dir.at("root"), model.entries);
        await using watcher = watch(dir.at("root"), { backend: "fanotify" });
        await watcher.ready;
        await turns(before);
        for (const place of places)
          steps(
            (...names) => dir.at("root", place, ...names),
            (...names) => dir.at("out", place, ...names),
          );
        await turns(after);
        await watcher.sync();
        const told = watcher.readEventsSync();
        model.apply(told);
        await watcher.indexed;
        const { entries } = watcher.watched;
        return { told, base: dir.at("root"), entries, size: treeOf(dir.at("root")).size };
      });
      for (const place of places) {
        const path = join(row.base, place);
        const lines = row.told
          .filter(
            (event) => event.path.startsWith(`${path}/`) && !event.path.startsWith(`${path}/a/`),
          )
          .map((event) => line(event, path));
        expect(lines.toSorted()).toEqual(events.toSorted());
      }
      expect(row.told).toHaveLength(events.length * places.length);
      expect(row.entries).toBe(row.size);
    });

    test("all of it is deleted", async () => {
      const { root, left } = await leftBy(before, after, ({ at }) => {
        for (const name of readdirSync(at("root"))) rmSync(at("root", name), { recursive: true });
      });
      expect(left).toEqual([`${root} directory`]);
    });

    test("another root takes its place, and all that is in it is told of", async () => {
      const { left, tree } = await leftBy(before, after, ({ at }) => {
        renameSync(at("root"), at("gone"));
        renameSync(at("out/d0"), at("root"));
      });
      expect(left).toEqual(tree);
    });
  });

  test("ready is there before the index, and the index counts all of it", async () => {
    using dir = tempDir(memory);
    make(dir);
    await using watcher = watch(dir.at("root"), { backend: "fanotify" });
    await watcher.ready;
    const { size } = treeOf(dir.at("root"));
    expect(watcher.watched.entries).toBeLessThan(size);
    await watcher.indexed;
    expect(watcher.watched.entries).toBe(size);
    expect(watcher.readEventsSync()).toEqual([]);
  });

  test.skipIf(!canFanotifyTmpfs).each([{}, { ignore: ["nothing"] }])(
    "what is mounted before the tree is read is told as made, and watched, with %p (needs CAP_SYS_ADMIN)",
    async (options) => {
      using dir = tempDir(memory);
      for (const name of ["mnt", "a"]) mkdirSync(dir.at("root", name), { recursive: true });
      const watcher = watch(dir.at("root"), { backend: "fanotify", ...options });
      using _ = tmpfs({ target: dir.at("root/mnt") });
      await using __ = watcher;
      mkdirSync(dir.at("root/mnt/deep"));
      writeFileSync(dir.at("root/mnt/deep/file"), "");
      renameSync(dir.at("root/a"), dir.at("root/b"));
      const told = async (): Promise<readonly string[]> => {
        await watcher.sync();
        return watcher.readEventsSync().map((event) => line(event, dir.path));
      };
      const made = ["create root/mnt/deep/", "create root/mnt/deep/file"];
      const first = await told();
      expect(first.toSorted()).toEqual([...made, "rename root/a/ root/b/"]);
      expect(first.filter((text) => text.startsWith("create"))).toEqual(made);
      writeFileSync(dir.at("root/mnt/deep/new"), "");
      expect(await told()).toEqual(["create root/mnt/deep/new", "change root/mnt/deep/new"]);
      watcher.add(dir.at("root"));
      expect(await told()).toEqual([]);
    },
  );

  test("what is deleted when the tree was read is of the kind that was read, though something before that is not told yet", async () => {
    using dir = tempDir(memory);
    mkdirSync(dir.at("root"));
    symlinkSync("nothing", dir.at("root/link"));
    await using watcher = watch(dir.at("root"), { backend: "fanotify" });
    writeFileSync(dir.at("beside"), "");
    await watcher.indexed;
    unlinkSync(dir.at("root/link"));
    await watcher.sync();
    const lines = watcher.readEventsSync().map((event) => line(event, dir.path));
    expect(lines).toEqual(["delete root/link@"]);
  });

  test.each([{ initial: true }, { gitignore: true }, { followSymlinks: true }, { poll: 1e6 }])(
    "ready waits for the index with %p",
    async (options) => {
      using dir = tempDir(memory);
      make(dir);
      await using watcher = watch(dir.at("root"), { backend: "fanotify", ...options });
      expect(watcher.watched.entries).toBeLessThan(treeOf(dir.at("root")).size);
      await watcher.ready;
      expect(watcher.watched.entries).toBe(treeOf(dir.at("root")).size);
    },
  );

  test.each(Array.from({ length: 12 }, (_, seed) => seed))(
    "replaying the events of random steps makes the tree, seed %p",
    async (seed) => {
      const outcome = await undisturbed(async (replayed) => {
        using dir = tempDir(memory);
        make(dir);
        const root = dir.at("root");
        treeOf(root, replayed.entries);
        await using watcher = watch(root, { backend: "fanotify" });
        await watcher.ready;
        const told: WatchEvent[] = [];
        await play(dir, seed, () => told.push(...watcher.readEventsSync()));
        await watcher.sync();
        told.push(...watcher.readEventsSync());
        replayed.apply(told);
        await watcher.indexed;
        const { entries } = watcher.watched;
        return {
          wrong: replayed.wrong,
          model: listed(replayed.entries),
          tree: listed(treeOf(root)),
          entries,
        };
      });
      expect(outcome.wrong).toEqual([]);
      expect(outcome.model).toEqual(outcome.tree);
      expect(outcome.entries).toBe(outcome.tree.length);
    },
  );
});

/** Does things in random places, each with a name of its own, and lets more of the tree be read now and then. */
async function play(dir: TempDir, seed: number, read: () => void): Promise<void> {
  const at = (...names: readonly string[]): string => dir.at(...names);
  const random = seeded(seed);
  const some = <T>(list: readonly T[]): T | undefined => list[random(list.length)];
  let made = 0;
  const directory = (): string => {
    let path = at("root");
    for (let level = random(7); level > 0; level--)
      path = join(path, some(inside(path, true)) ?? "");
    return path;
  };
  const entry = (isDirectory: boolean): string | undefined => {
    const path = directory();
    const name = path === at("root") ? undefined : some(inside(path, isDirectory));
    return name && join(path, name);
  };
  const fresh = (): string => join(directory(), `n${made++}`);
  const steps: readonly ((path: string | undefined) => void)[] = [
    () => writeFileSync(fresh(), "text"),
    () => mkdirSync(fresh()),
    (path) => path && rmSync(path, { recursive: true }),
    (path) => path && renameSync(path, fresh()),
    (path) => path && renameSync(path, fresh()),
    (path) => path && chmodSync(path, 0o700),
    (path) => path && renameSync(path, at("out", `n${made++}`)),
    () => renameSync(at("out", some(places) ?? "", "o"), fresh()),
  ];
  for (let step = 10 + random(60); step > 0; step--) {
    try {
      some(steps)?.(entry(random(3) > 0));
    } catch (error) {
      // It is not there any more, or within itself.
      if (!["ENOENT", "EINVAL"].includes((error as { code: string }).code)) throw error;
    }
    const pause = random(6);
    if (pause === 0) await turns(1);
    if (pause === 1) read();
  }
}

function inside(path: string, isDirectory: boolean): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((one) => one.isDirectory() === isDirectory)
    .map(({ name }) => name);
}
