/** What users of other watchers report as broken, row by row: steps, and the events that must come of them. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import {
  changesSince,
  snapshot,
  watch,
  type Watcher,
  type WatchEvent,
  type WatchOptions,
} from "bun-butter";

import { can, emulated } from "../support/capabilities.ts";
import { bun, run, runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { poke } from "../support/poke.ts";
import {
  linesOf,
  type Place,
  type Row,
  testRows,
  within as withWatcher,
  write,
} from "../support/rows.ts";
import { canRefuse } from "../support/seccomp.ts";
import { memory, namesTmpfs, tempDir } from "../support/temp.ts";
import { canFanotify, line, listed, Model, treeOf, ways } from "../support/watch.ts";

const rows: readonly Row[] = [
  {
    row: "row 1: what is made in a directory that was made a moment ago",
    steps: ({ at }) => {
      mkdirSync(at("root/a/b/c"), { recursive: true });
      write(at("root/a/1"));
      write(at("root/a/b/2"));
      write(at("root/a/b/c/3"));
    },
    events: [
      "create root/a/",
      "create root/a/1",
      "create root/a/b/",
      "create root/a/b/2",
      "create root/a/b/c/",
      "create root/a/b/c/3",
    ],
    fanotify: [
      "create root/a/",
      "create root/a/1",
      "change root/a/1",
      "create root/a/b/",
      "create root/a/b/2",
      "change root/a/b/2",
      "create root/a/b/c/",
      "create root/a/b/c/3",
      "change root/a/b/c/3",
    ],
    anyOrder: true,
  },
  {
    row: "row 3: both halves of a rename are one event",
    before: ({ at }) => {
      mkdirSync(at("root/a"));
      write(at("root/file"));
    },
    steps: ({ at }) => {
      renameSync(at("root/file"), at("root/a/file"));
      renameSync(at("root/a"), at("root/b"));
    },
    events: ["rename root/file root/a/file", "rename root/a/ root/b/"],
  },
  {
    row: "row 3: moved out is deleted, from the bottom up",
    before: ({ at }) => {
      mkdirSync(at("root/a/b"), { recursive: true });
      write(at("root/a/b/file"));
    },
    steps: ({ at }) => renameSync(at("root/a"), at("out/a")),
    events: ["delete root/a/b/file", "delete root/a/b/", "delete root/a/"],
  },
  {
    row: "row 3: moved in is made, with all that is in it",
    before: ({ at }) => {
      mkdirSync(at("out/a/b"), { recursive: true });
      write(at("out/a/b/file"));
    },
    steps: ({ at }) => renameSync(at("out/a"), at("root/a")),
    events: ["create root/a/", "create root/a/b/", "create root/a/b/file"],
  },
  {
    row: "row 3: moved out and back in, by another name, is gone before it comes",
    before: ({ at }) => {
      mkdirSync(at("root/a/b"), { recursive: true });
      write(at("root/a/b/file"));
      write(at("root/one"));
    },
    steps: ({ at }) => {
      renameSync(at("root/one"), at("out/one"));
      renameSync(at("out/one"), at("root/other"));
      renameSync(at("root/a"), at("out/a"));
      renameSync(at("out/a"), at("root/c"));
    },
    events: [
      "delete root/one",
      "create root/other",
      "delete root/a/b/file",
      "delete root/a/b/",
      "delete root/a/",
      "create root/c/",
      "create root/c/b/",
      "create root/c/b/file",
    ],
  },
  {
    row: "row 3: what was in something that was moved out is gone before it comes back in",
    before: ({ at }) => {
      mkdirSync(at("root/a/b"), { recursive: true });
      write(at("root/a/b/file"));
    },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("out/a"));
      renameSync(at("out/a/b"), at("root/b"));
    },
    events: [
      "delete root/a/b/file",
      "delete root/a/b/",
      "delete root/a/",
      "create root/b/",
      "create root/b/file",
    ],
  },
  {
    row: "row 3: moved out and back in, into what was made meanwhile, is gone before it comes",
    before: ({ at }) => {
      mkdirSync(at("root/a/b"), { recursive: true });
      write(at("root/a/b/file"));
    },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("out/a"));
      mkdirSync(at("root/new"));
      renameSync(at("out/a"), at("root/new/a"));
    },
    events: [
      "create root/new/",
      "delete root/a/b/file",
      "delete root/a/b/",
      "delete root/a/",
      "create root/new/a/",
      "create root/new/a/b/",
      "create root/new/a/b/file",
    ],
    fanotify: [
      "delete root/a/b/file",
      "delete root/a/b/",
      "delete root/a/",
      "create root/new/",
      "create root/new/a/",
      "create root/new/a/b/",
      "create root/new/a/b/file",
    ],
  },
  {
    row: "row 3: two entries that change places are two renames",
    before: ({ at }) => {
      mkdirSync(at("root/a"));
      mkdirSync(at("root/b"));
      write(at("root/a/file"));
    },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/t"));
      renameSync(at("root/b"), at("root/a"));
      renameSync(at("root/t"), at("root/b"));
    },
    events: ["rename root/a/ root/t/", "rename root/b/ root/a/", "rename root/t/ root/b/"],
  },
  {
    row: "row 4: what is below a renamed directory has its new path at once, and what has a similar name keeps its own",
    before: ({ at }) => {
      mkdirSync(at("root/a/deep/er"), { recursive: true });
      mkdirSync(at("root/ab"));
    },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/z"));
      write(at("root/z/deep/er/file"));
      write(at("root/ab/file"));
    },
    events: [
      "rename root/a/ root/z/",
      "create root/z/deep/er/file",
      "change root/z/deep/er/file",
      "create root/ab/file",
      "change root/ab/file",
    ],
  },
  {
    row: "row 6: a file that is watched by itself is still watched after an editor's save",
    before: ({ at }) => write(at("root/file")),
    watch: ({ at }) => at("root/file"),
    steps: ({ at }) => {
      write(at("root/file.tmp"));
      renameSync(at("root/file.tmp"), at("root/file"));
      write(at("root/other"));
      appendFileSync(at("root/file"), "more");
    },
    events: ["change root/file", "change root/file"],
  },
  {
    row: "row 6: a file that is watched by itself is deleted, and made again",
    before: ({ at }) => write(at("root/file")),
    watch: ({ at }) => at("root/file"),
    steps: ({ at }) => {
      unlinkSync(at("root/file"));
      write(at("root/file"));
    },
    events: ["delete root/file", "create root/file", "change root/file"],
  },
  {
    row: "row 6: with atomic, a temporary file that is renamed over another is one change",
    before: ({ at }) => write(at("root/file")),
    options: { atomic: true },
    steps: ({ at }) => {
      write(at("root/.file.swp"));
      renameSync(at("root/.file.swp"), at("root/file"));
    },
    events: ["change root/file"],
  },
  {
    row: "row 6: with atomic, a file that is put aside, written anew and its backup deleted is one change",
    before: ({ at }) => write(at("root/file")),
    options: { atomic: true },
    steps: ({ at }) => {
      renameSync(at("root/file"), at("root/file~"));
      write(at("root/file"));
      unlinkSync(at("root/file~"));
    },
    events: ["change root/file"],
  },
  {
    row: "row 6: with atomic, a file that is deleted and made again is one change",
    before: ({ at }) => write(at("root/file")),
    options: { atomic: true },
    steps: ({ at }) => {
      unlinkSync(at("root/file"));
      write(at("root/file"));
    },
    events: ["change root/file"],
  },
  {
    row: "row 6: with atomic, names that are not UTF-8 are told apart",
    before: ({ at }) => {
      for (const name of ["\xfe", "\xff"])
        writeFileSync(Buffer.from(at(`root/${name}`), "latin1"), "");
    },
    options: { atomic: true },
    steps: ({ at }) => {
      for (const name of ["\xfe", "\xff"]) unlinkSync(Buffer.from(at(`root/${name}`), "latin1"));
    },
    events: ["delete root/\ufffd", "delete root/\ufffd"],
  },
  {
    row: "row 6: with atomic, a rename, a delete and a create by themselves are what they are",
    before: ({ at }) => {
      write(at("root/a"));
      write(at("root/b"));
    },
    options: { atomic: true },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/z"));
      unlinkSync(at("root/b"));
      write(at("root/c"));
    },
    events: ["delete root/b", "rename root/a root/z", "create root/c"],
    anyOrder: true,
  },
  {
    row: "row 7: a change is told when the writer closes the file",
    before: ({ at }) => write(at("root/file")),
    steps: ({ at }) => appendFileSync(at("root/file"), "more"),
    events: ["change root/file"],
  },
  {
    row: "row 8: with settle, many writes are one event, and what was made and deleted never was",
    options: { settle: 20 },
    steps: ({ at }) => {
      for (let round = 0; round < 20; round++) appendFileSync(at("root/file"), "more");
      write(at("root/gone"));
      unlinkSync(at("root/gone"));
    },
    events: ["create root/file"],
  },
  {
    row: "row 8: with settle, what is made and renamed is made where it is, also below a renamed directory",
    before: ({ at }) => mkdirSync(at("root/a")),
    options: { settle: 20 },
    steps: ({ at }) => {
      write(at("root/a/tmp"));
      renameSync(at("root/a/tmp"), at("root/a/file"));
      renameSync(at("root/a"), at("root/b"));
    },
    events: ["rename root/a/ root/b/", "create root/b/file"],
  },
  {
    row: "row 9: globs, by name and by path",
    options: { ignore: ["node_modules", "*.log", "docs/*.tmp"] },
    steps: ({ at }) => {
      mkdirSync(at("root/x/node_modules"), { recursive: true });
      mkdirSync(at("root/docs"));
      write(at("root/x/node_modules/file"));
      write(at("root/x/a.log"));
      write(at("root/docs/a.tmp"));
      write(at("root/x/a.tmp"));
    },
    events: ["create root/x/", "create root/docs/", "create root/x/a.tmp"],
    fanotify: ["create root/x/", "create root/docs/", "create root/x/a.tmp", "change root/x/a.tmp"],
    anyOrder: true,
  },
  {
    row: "row 9: a function, which gets the path below the root",
    options: { ignore: (path, isDirectory) => isDirectory && path === "a/b" },
    steps: ({ at }) => {
      mkdirSync(at("root/a/b"), { recursive: true });
      write(at("root/a/b/file"));
      write(at("root/b"));
    },
    events: ["create root/a/", "create root/b", "change root/b"],
  },
  {
    row: "row 9: gitignore files, at every level",
    options: { gitignore: true },
    before: ({ at }) => {
      mkdirSync(at("root/a"));
      write(at("root/.gitignore"), "*.log\n/build/\n");
      write(at("root/a/.gitignore"), "!keep.log\n");
    },
    steps: ({ at }) => {
      mkdirSync(at("root/build"));
      mkdirSync(at("root/.git"));
      write(at("root/build/file"));
      write(at("root/a/x.log"));
      write(at("root/a/keep.log"));
      mkdirSync(at("root/a/build"));
    },
    events: ["create root/a/keep.log", "change root/a/keep.log", "create root/a/build/"],
  },
  {
    row: "row 9: a rename to an ignored name is a delete, one from there a create",
    before: ({ at }) => {
      write(at("root/a"));
      write(at("root/b.log"));
    },
    options: { ignore: "*.log" },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/a.log"));
      renameSync(at("root/b.log"), at("root/b"));
    },
    events: ["delete root/a", "create root/b"],
  },
  {
    row: "row 10: a symbolic link is an entry, and what it leads to is not entered",
    before: ({ at }) => mkdirSync(at("out/dir")),
    steps: ({ at }) => {
      symlinkSync(at("out/dir"), at("root/link"));
      write(at("out/dir/file"));
    },
    events: ["create root/link@"],
  },
  {
    row: "row 10: with followSymlinks, what a link leads to is told by the link's path, as long as it is there",
    before: ({ at }) => {
      mkdirSync(at("out/dir"));
      symlinkSync(at("out/dir"), at("root/link"));
    },
    options: { followSymlinks: true },
    steps: ({ at }) => write(at("out/dir/file")),
    events: ["create root/link/file", "change root/link/file"],
  },
  {
    row: "row 10: with followSymlinks, a loop is not entered",
    before: ({ at }) => {
      mkdirSync(at("root/a/b"), { recursive: true });
      symlinkSync("../..", at("root/a/b/loop"));
    },
    options: { followSymlinks: true, initial: true },
    steps: () => {},
    events: ["create root/", "create root/a/", "create root/a/b/", "create root/a/b/loop@"],
  },
  {
    row: "row 10: with followSymlinks, a directory by two paths is told by both",
    before: ({ at }) => {
      mkdirSync(at("root/dir"));
      symlinkSync("dir", at("root/link"));
    },
    options: { followSymlinks: true },
    steps: ({ at }) => mkdirSync(at("root/dir/new")),
    events: ["create root/dir/new/", "create root/link/new/"],
    anyOrder: true,
  },
  {
    row: "row 10: with followSymlinks, a rename in a directory by two paths is one in both",
    before: ({ at }) => {
      mkdirSync(at("root/dir"));
      write(at("root/dir/a"));
      symlinkSync("dir", at("root/link"));
    },
    options: { followSymlinks: true },
    steps: ({ at }) => renameSync(at("root/dir/a"), at("root/dir/b")),
    events: ["rename root/dir/a root/dir/b", "rename root/link/a root/link/b"],
    anyOrder: true,
  },
  {
    row: "row 10: both names of a file with two are entries of their own",
    before: ({ at }) => write(at("root/a")),
    steps: ({ at }) => {
      linkSync(at("root/a"), at("root/b"));
      unlinkSync(at("root/a"));
    },
    events: ["create root/b", "delete root/a"],
  },
  {
    row: "row 11: a root that is deleted and made again",
    before: ({ at }) => write(at("root/file")),
    steps: ({ at }) => {
      rmSync(at("root"), { recursive: true });
      mkdirSync(at("root"));
      write(at("root/new"));
    },
    events: ["delete root/file", "delete root/", "create root/", "create root/new"],
    fanotify: [
      "delete root/file",
      "delete root/",
      "create root/",
      "create root/new",
      "change root/new",
    ],
  },
  {
    row: "row 11: a root that is replaced by a rename",
    before: ({ at }) => {
      write(at("root/old"));
      mkdirSync(at("out/root"));
      write(at("out/root/new"));
    },
    steps: ({ at }) => {
      renameSync(at("root"), at("out/old"));
      renameSync(at("out/root"), at("root"));
    },
    events: ["delete root/old", "delete root/", "create root/", "create root/new"],
  },
  {
    row: "row 11: a root that is not there yet, nor what is above it",
    watch: ({ at }) => at("x/y/z"),
    options: { mustExist: false },
    steps: ({ at }) => {
      mkdirSync(at("x/y/z"), { recursive: true });
      write(at("x/y/z/file"));
    },
    events: ["create x/y/z/", "create x/y/z/file"],
  },
  {
    row: "row 11: a root whose grandparent is moved away, and back",
    before: ({ at }) => {
      mkdirSync(at("x/y/z"), { recursive: true });
      write(at("x/y/z/file"));
    },
    watch: ({ at }) => at("x/y/z"),
    steps: ({ at }) => renameSync(at("x"), at("moved")),
    events: ["delete x/y/z/file", "delete x/y/z/"],
  },
  {
    row: "row 12: a directory that comes and goes many times keeps no old name",
    steps: ({ at }) => {
      for (let round = 0; round < 3; round++) {
        mkdirSync(at("root/a"));
        rmSync(at("root/a"), { recursive: true });
      }
      mkdirSync(at("root/b"));
      write(at("root/b/file"));
    },
    events: [
      "create root/a/",
      "delete root/a/",
      "create root/a/",
      "delete root/a/",
      "create root/a/",
      "delete root/a/",
      "create root/b/",
      "create root/b/file",
    ],
    fanotify: [
      "create root/a/",
      "delete root/a/",
      "create root/a/",
      "delete root/a/",
      "create root/a/",
      "create root/b/",
      "create root/b/file",
      "change root/b/file",
      "delete root/a/",
    ],
  },
  {
    row: "row 19: a rename over another file is one event with both paths",
    before: ({ at }) => {
      write(at("root/a"));
      write(at("root/b"));
    },
    steps: ({ at }) => renameSync(at("root/a"), at("root/b")),
    events: ["rename root/a root/b"],
  },
  {
    row: "row 20: kinds, and what changed them",
    steps: ({ at }) => {
      symlinkSync("nowhere", at("root/link"));
      mkdirSync(at("root/dir"));
      write(at("root/file"));
      chmodSync(at("root/file"), 0o600);
      rmSync(at("root/dir"), { recursive: true });
    },
    events: [
      "create root/link@",
      "create root/dir/",
      "create root/file",
      "change root/file",
      "attributes root/file",
      "delete root/dir/",
    ],
  },
  {
    row: "recursive: false tells of the root's own entries alone",
    before: ({ at }) => mkdirSync(at("root/a")),
    options: { recursive: false },
    steps: ({ at }) => {
      write(at("root/a/file"));
      mkdirSync(at("root/b"));
    },
    events: ["create root/b/"],
  },
  {
    row: "depth: 1 enters the directories of the root, and none of theirs",
    before: ({ at }) => mkdirSync(at("root/a/b"), { recursive: true }),
    options: { depth: 1 },
    steps: ({ at }) => {
      mkdirSync(at("root/a/c"));
      write(at("root/a/b/file"));
    },
    events: ["create root/a/c/"],
  },
  {
    row: "initial: true tells of what is there as made",
    before: ({ at }) => {
      mkdirSync(at("root/a"));
      write(at("root/a/file"));
    },
    options: { initial: true },
    steps: () => {},
    events: ["create root/", "create root/a/", "create root/a/file"],
  },
  {
    row: "modify: true tells of each write",
    before: ({ at }) => write(at("root/file")),
    options: { modify: true },
    steps: ({ at }) => appendFileSync(at("root/file"), "more"),
    events: ["change root/file", "change root/file"],
  },
  {
    row: "a directory that a file takes the name of",
    before: ({ at }) => mkdirSync(at("root/a")),
    steps: ({ at }) => {
      rmSync(at("root/a"), { recursive: true });
      write(at("root/a"));
    },
    events: ["delete root/a/", "create root/a", "change root/a"],
  },
  {
    row: "several roots, one within another",
    before: ({ at }) => mkdirSync(at("root/a")),
    watch: ({ at }) => [at("root/a"), at("root"), at("out")],
    steps: ({ at }) => {
      mkdirSync(at("root/a/new"));
      renameSync(at("root/a/new"), at("out/new"));
    },
    events: ["create root/a/new/", "rename root/a/new/ out/new/"],
  },
];

describe.each(ways)("$backend", ({ backend, base }) => {
  const within = <T>(
    row: Pick<Row, "before" | "watch" | "options">,
    use: (watcher: Watcher, place: Place) => T | Promise<T>,
  ): Promise<T> => withWatcher({ backend, base }, row, use);

  describe("steps and events", () => {
    testRows({ backend, base }, rows);
  });

  test("row 6: with atomic, what is deleted was of the kind that was told, whatever was there for a moment", async () => {
    const row = {
      before({ at }: Place): void {
        symlinkSync("nothing", at("root/linked"));
        write(at("root/written"));
      },
      options: { atomic: 100 },
    };
    await within(row, async (watcher, { at }) => {
      const names = ["linked", "written"].map((name) => at(`root/${name}`));
      const [linked = "", written = ""] = names;
      await watcher.indexed;
      for (const name of names) unlinkSync(name);
      write(linked);
      symlinkSync("nothing", written);
      for (const name of names) unlinkSync(name);
      const told = new Map<string, string>();
      for await (const { type, path, kind } of watcher) {
        if (!told.has(path)) told.set(path, `${type} ${kind}`);
        if (told.size === 2) break;
      }
      expect([told.get(linked), told.get(written)]).toEqual(["delete symlink", "delete file"]);
    });
  });

  const one = ({ at }: Place): string => at("root/one");
  const two = ({ at }: Place): string => at("root/two");
  const link = ({ at }: Place): string => at("out/link");

  test.each<[string, WatchOptions, ((place: Place) => void)[]]>([
    [
      "renamed, replaced and deleted",
      { atomic: 10_000 },
      [
        (place) => renameSync(one(place), two(place)),
        (place) => renameSync(link(place), two(place)),
        (place) => unlinkSync(two(place)),
      ],
    ],
    [
      "renamed and replaced at once, and deleted",
      { atomic: 10_000 },
      [
        (place) => {
          renameSync(one(place), two(place));
          renameSync(link(place), two(place));
        },
        (place) => unlinkSync(two(place)),
      ],
    ],
    [
      "replaced and deleted",
      { settle: 10_000 },
      [(place) => renameSync(link(place), one(place)), (place) => unlinkSync(one(place))],
    ],
  ])(
    "row 6: what is held back of a file that is %s names the kind that was told",
    async (_, options, steps) => {
      const before = (place: Place): void => {
        write(one(place));
        symlinkSync("nothing", link(place));
      };
      await within({ before, options }, async (watcher, place) => {
        await watcher.indexed;
        const told: WatchEvent[] = [];
        for (const step of steps) {
          step(place);
          told.push(...watcher.readEventsSync());
        }
        const lines = told.map((event) => line(event, place.at()));
        lines.push(...(await linesOf(watcher, place)));
        expect(lines).toEqual(["delete root/one"]);
      });
    },
  );

  /** What each script begins with: a directory of its own, and the lines of what a watcher tells. */
  const prelude = `
  import { appendFileSync, chmodSync, chownSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
  import { watch } from "bun-butter";
  import { tempDir } from "./test/support/temp.ts";

  using dir = tempDir("${base}");
  const root = dir.at("root");
  mkdirSync(root);
  const tell = async (watcher) => {
    await watcher.sync();
    for (const { type, from, path, kind, error } of watcher.readEventsSync())
      console.log([type, from, path, error?.code].filter((part) => part !== undefined).join(" ").replaceAll(dir.path + "/", ""));
  };
`;

  /** Runs a script, in namespaces of its own if there are flags for `unshare`, and gives the lines that it printed. */
  async function script(code: string, ...unshare: string[]): Promise<readonly string[]> {
    const namespace = unshare.length === 0 ? [] : ["unshare", ...unshare];
    const { stdout, stderr, exitCode } = await run([
      ...namespace,
      bun,
      "--eval",
      `${prelude}\n${code}`,
    ]);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    return stdout.trimEnd().split("\n");
  }

  const canMount = can("CAP_SYS_ADMIN") && !emulated;
  const hasUserLimit = existsSync("/proc/sys/user/max_inotify_watches") && canMount;

  describe.skipIf(backend !== "inotify")("row 5: limits of inotify", () => {
    test.skipIf(!hasUserLimit)(
      "row 5: at the limit of watches the error names the setting, the rest goes on, and add() goes on when it is raised (needs CAP_SYS_ADMIN, /proc/sys/user)",
      async () => {
        const lines = await script(
          `
        for (const name of ["a", "b", "c", "d", "e", "f"]) mkdirSync(root + "/" + name);
        const limit = (count) => writeFileSync("/proc/sys/user/max_inotify_watches", String(count));
        limit(7);
        using watcher = watch(root, { backend: "${backend}" });
        await watcher.ready;
        const [error, ...others] = watcher.readEventsSync();
        console.log(error.type, error.error.code, others.length);
        console.log(/raise user.max_inotify_watches \\(\\d+ now\\)/.test(error.error.message));
        const { failed, directories, limit: most, headroom } = watcher.watched;
        console.log(failed > 0, directories, most, headroom);
        writeFileSync(root + "/file", "");
        await tell(watcher);
        limit(100);
        watcher.add(root);
        await watcher.sync();
        console.log(watcher.watched.failed, watcher.readEventsSync().length);
        for (const name of ["a", "b", "c", "d", "e", "f"]) mkdirSync(root + "/" + name + "/new");
        await tell(watcher);
        `,
          "--user",
          "--map-root-user",
        );
        expect(lines).toEqual([
          "error ENOSPC 0",
          "true",
          "true 7 7 0",
          "create root/file",
          "change root/file",
          "0 0",
          ...["a", "b", "c", "d", "e", "f"].map((name) => `create root/${name}/new`),
        ]);
      },
    );

    test.skipIf(!hasUserLimit)(
      "row 5: what is above a path meets the limit as well, and is watched when it is raised (needs CAP_SYS_ADMIN, /proc/sys/user)",
      async () => {
        const lines = await script(
          `
        const limit = (count) => writeFileSync("/proc/sys/user/max_inotify_watches", String(count));
        limit(0);
        using watcher = watch(root, { backend: "${backend}" });
        const [{ path, error }, ...others] = watcher.readEventsSync();
        console.log(path, error.path, error.code, others.length, watcher.watched.failed);
        limit(100);
        await tell(watcher);
        console.log(watcher.watched.failed);
        rmSync(root, { recursive: true });
        mkdirSync(root);
        mkdirSync(root + "/new");
        await tell(watcher);
        `,
          "--user",
          "--map-root-user",
        );
        expect(lines).toEqual([
          "/ / ENOSPC 0 1",
          "0",
          "delete root",
          "create root",
          "create root/new",
        ]);
      },
    );

    test.skipIf(!hasUserLimit)(
      "row 5: at the limit of instances watch() throws and names the setting (needs CAP_SYS_ADMIN, /proc/sys/user)",
      async () => {
        const lines = await script(
          `
        writeFileSync("/proc/sys/user/max_inotify_instances", "0");
        try { watch(root, { backend: "${backend}" }); } catch ({ code, message }) { console.log(code, message.includes("raise user.max_inotify_instances (0 now)")); }
        `,
          "--user",
          "--map-root-user",
        );
        expect(lines).toEqual(["EMFILE true"]);
      },
    );
  });

  test("row 8: with settle, a file that is never left alone is told at last", async () => {
    await within({ options: { settle: { quiet: 30, max: 60 } } }, async (watcher, { root }) => {
      const noise = setInterval(() => appendFileSync(join(root, "busy"), "more"), 2);
      try {
        const { type, path } = await watcher.readEvent();
        expect([type, path]).toEqual(["create", join(root, "busy")]);
      } finally {
        clearInterval(noise);
      }
    });
  });

  test("row 8: batch gathers what comes within its time", async () => {
    await within({ options: { batch: 500, latency: 0 } }, async (watcher, { root }) => {
      const batches = watcher.batches();
      const first = batches.next();
      for (const name of ["a", "b", "c"]) {
        mkdirSync(join(root, name));
        await new Promise((resolve) => setImmediate(resolve));
      }
      const { value } = await first;
      expect((value as WatchEvent[]).map((event) => event.path)).toEqual(
        ["a", "b", "c"].map((name) => join(root, name)),
      );
      await batches.return?.();
    });
  });

  test("row 9: an ignored directory is never opened or watched", async () => {
    const seen: string[] = [];
    const ignore = (path: string, isDirectory: boolean): boolean => {
      seen.push(path);
      return isDirectory && path.endsWith("node_modules");
    };
    const before = ({ at }: Place): void => {
      mkdirSync(at("root/node_modules/deep/er"), { recursive: true });
      mkdirSync(at("root/src"));
    };
    await within({ before, options: { ignore } }, (watcher) => {
      expect(seen.filter((path) => path.includes("deep"))).toEqual([]);
      expect(watcher.watched.entries).toBe(2);
    });
  });

  test("row 9: what a changed gitignore file says counts from then on", async () => {
    const before = ({ at }: Place): void => {
      write(at("root/.gitignore"), "*.log");
      write(at("root/a.log"));
      write(at("root/b.tmp"));
    };
    await within({ before, options: { gitignore: true } }, async (watcher, place) => {
      write(place.at("root/.gitignore"), "*.tmp");
      expect(await linesOf(watcher, place)).toContain("create root/a.log");
      write(place.at("root/b.tmp"));
      write(place.at("root/a.log"));
      expect(await linesOf(watcher, place)).toEqual(["change root/a.log"]);
    });
  });

  test("row 9: a function that throws hides nothing, and its error is heard", async () => {
    const { stdout, stderr } = await runScript(`
    import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
    import { watch } from "bun-butter";
    process.on("uncaughtException", ({ message }) => console.log(message));
    const dir = mkdtempSync("${base}/butter-");
    using watcher = watch(dir, { backend: "${backend}", ignore: (path) => { throw new Error("mistake with " + path); } });
    writeFileSync(dir + "/file", "");
    console.log(watcher.readEventsSync().map(({ type }) => type).join());
    rmSync(dir, { recursive: true });
  `);
    expect(stdout + stderr).toStartWith("create,change\nmistake with file\n");
  });

  test("row 10: with followSymlinks, what too many links lead to is an error that says what to do, and the rest is watched", async () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const before = ({ at }: Place): void => {
      for (const name of names) mkdirSync(at("root", name));
      // Each with links to all others: 326 ways to each that meet nothing twice.
      for (const name of names)
        for (const other of names)
          if (other !== name) symlinkSync(`../${other}`, at("root", name, other));
    };
    await within({ before, options: { followSymlinks: true } }, async (watcher, { root, at }) => {
      const found = watcher.readEventsSync();
      const errors = found.filter((event) => event.type === "error");
      expect(errors.map(({ error }) => error.code)).toEqual(["ELOOP"]);
      expect(errors[0]?.error.message).toMatch(
        /256 paths .*: leave some out with ignore, or set depth$/,
      );
      write(at("out/file"));
      renameSync(at("out/file"), at("root/a/file"));
      await watcher.sync();
      const after = watcher.readEventsSync();
      // Others may make fanotify overflow while so many paths are entered: what is found then may have been changed.
      const isLost = [...found, ...after].some(({ type }) => type === "overflow");
      const events = isLost ? after.filter(({ type }) => type === "create") : after;
      expect(new Set(events.map(({ type }) => type))).toEqual(new Set(["create"]));
      // By way of links, and its own, which is watched whenever it is met.
      expect(events.length).toBeLessThanOrEqual(256 + 1);
      expect(new Set(events.map(({ path }) => path)).size).toBe(events.length);
      expect(events.map(({ path }) => path)).toContain(join(root, "a/file"));
    });
  }, 30_000);

  test("what is replaced twice at once is told as changed, though it has its first inode again", async () => {
    const before = ({ at }: Place): void => {
      write(at("root/file"));
      linkSync(at("root/file"), at("out/same"));
    };
    await within({ before, options: { initial: true } }, async (watcher, { root, at }) => {
      // What was read is told, and nothing is left to read, twice.
      for (let times = 0; times < 2; times++) await watcher.sync();
      watcher.readEventsSync();
      write(at("out/other"));
      renameSync(at("out/other"), at("root/file"));
      write(at("out/same"));
      renameSync(at("out/same"), at("root/file"));
      await watcher.sync();
      const told = watcher.readEventsSync().map(({ type, path }) => `${type} ${path}`);
      expect([...new Set(told)]).toEqual([`change ${join(root, "file")}`]);
    });
  });

  test("row 10: with followSymlinks, what a link led to is left when it goes, and what comes in its place is followed", async () => {
    const row = {
      before: ({ at }: Place) => {
        mkdirSync(at("out/dir/sub"), { recursive: true });
        symlinkSync(at("out/dir"), at("root/link"));
      },
      options: { followSymlinks: true },
    };
    await within(row, async (watcher, place) => {
      const { at } = place;
      const told = async (): Promise<readonly string[]> =>
        (await linesOf(watcher, place)).toSorted();
      renameSync(at("out/dir"), at("out/moved"));
      mkdirSync(at("out/dir/new"), { recursive: true });
      expect(await told()).toEqual(["create root/link/new/", "delete root/link/sub/"]);
      mkdirSync(at("out/moved/unseen"));
      mkdirSync(at("out/dir/seen"));
      expect(await told()).toEqual(["create root/link/seen/"]);
      renameSync(at("out/dir"), at("out/gone"));
      expect(await told()).toEqual(["delete root/link/new/", "delete root/link/seen/"]);
      mkdirSync(at("out/gone/unseen"));
      mkdirSync(at("out/dir/last"), { recursive: true });
      expect(await told()).toEqual([]);
      watcher.add(place.root);
      expect(await told()).toContain("create root/link/last/");
      mkdirSync(at("out/dir/more"));
      expect(await told()).toEqual(["create root/link/more/"]);
    });
  });

  test("row 11: a root that is not there is an error, and leaves nothing open", async () => {
    using dir = tempDir(base);
    const before = descriptorCount();
    for (let round = 0; round < 30; round++) {
      expect(() => watch(dir.at("none"), { backend })).toThrow(
        expect.objectContaining({ code: "ENOENT", path: dir.at("none") }),
      );
    }
    expect(await descriptorsBackTo(before)).toBeLessThan(before + 30);
  });

  test("row 11: a grandparent that is moved back brings the root back", async () => {
    const row = {
      before: ({ at }: Place): void => void mkdirSync(at("x/y/z"), { recursive: true }),
      watch: ({ at }: Place): string => at("x/y/z"),
    };
    await within(row, async (watcher, place) => {
      renameSync(place.at("x"), place.at("moved"));
      expect(await linesOf(watcher, place)).toEqual(["delete x/y/z/"]);
      renameSync(place.at("moved"), place.at("x"));
      write(place.at("x/y/z/file"));
      expect(await linesOf(watcher, place)).toEqual(["create x/y/z/", "create x/y/z/file"]);
    });
  });

  test("row 12: late events of what was moved out are nobody's", async () => {
    const before = ({ at }: Place): void => void mkdirSync(at("root/a/b"), { recursive: true });
    await within({ before }, async (watcher, place) => {
      renameSync(place.at("root/a"), place.at("out/a"));
      expect(await linesOf(watcher, place)).toEqual(["delete root/a/b/", "delete root/a/"]);
      write(place.at("out/a/file"));
      write(place.at("out/a/b/file"));
      mkdirSync(place.at("root/a"));
      expect(await linesOf(watcher, place)).toEqual(["create root/a/"]);
      const { directories } = watcher.watched;
      rmSync(place.at("out/a"), { recursive: true });
      expect(await linesOf(watcher, place)).toEqual([]);
      expect(watcher.watched.directories).toBe(directories);
    });
  });

  describe("row 13: permissions", () => {
    test.skipIf(!can("CAP_SYS_ADMIN") || emulated || backend !== "inotify")(
      "row 13: a directory that may not be read is an error, the rest goes on, and it is watched when it may (needs root; whoever has fanotify may read all)",
      async () => {
        const lines = await script(`
        for (const path of [root, root + "/open", root + "/shut"]) { mkdirSync(path, { recursive: true }); chownSync(path, 65534, 65534); }
        chmodSync(dir.path, 0o755);
        chmodSync(root + "/shut", 0);
        process.setegid(65534);
        process.seteuid(65534);
        using watcher = watch(root, { backend: "${backend}" });
        await watcher.ready;
        await tell(watcher);
        console.log(watcher.watched.failed);
        mkdirSync(root + "/open/new");
        await tell(watcher);
        chmodSync(root + "/shut", 0o700);
        await tell(watcher);
        console.log(watcher.watched.failed);
        mkdirSync(root + "/shut/new");
        await tell(watcher);
        process.seteuid(0);
        process.setegid(0);
      `);
        expect(lines).toEqual([
          "error root/shut EACCES",
          "1",
          "create root/open/new",
          "attributes root/shut",
          "0",
          "create root/shut/new",
        ]);
      },
    );
  });

  test.skipIf(!can("CAP_SYS_ADMIN") || emulated || backend !== "inotify")(
    "row 13: below a directory that may not be searched nothing is there, for that reason, and it is told when it may (needs root; whoever has fanotify may search all)",
    async () => {
      const lines = await script(`
        const deep = root + "/shut/a/b";
        mkdirSync(deep, { recursive: true });
        writeFileSync(root + "/file", "");
        for (const path of [dir.path, root, root + "/shut", root + "/shut/a", deep]) chownSync(path, 65534, 65534);
        chmodSync(root + "/shut", 0);
        process.setegid(65534);
        process.seteuid(65534);
        for (const path of [deep, root + "/none", root + "/file/x"]) {
          try { watch(path, { backend: "${backend}" }); } catch ({ name, code }) { console.log(name, code); }
        }
        using watcher = watch(deep, { backend: "${backend}", mustExist: false });
        await tell(watcher);
        // Not even to be read: nothing of it can be watched but its name.
        for (const mode of [0o400, 0o100, 0, 0o700]) chmodSync(root + "/shut", mode);
        await tell(watcher);
        mkdirSync(deep + "/new");
        await tell(watcher);
        process.seteuid(0);
        process.setegid(0);
      `);
      expect(lines).toEqual([
        "PermissionError EACCES",
        "ValueError ENOENT",
        "ValueError ENOTDIR",
        "error root/shut/a/b EACCES",
        "create root/shut/a/b",
        "create root/shut/a/b/new",
      ]);
    },
  );

  test.skipIf(!can("CAP_SYS_ADMIN") || emulated || backend !== "inotify")(
    "row 13: what is out of reach is watched when what it is in may be searched, however far above (needs root; whoever has fanotify may search all)",
    async () => {
      const lines = await script(`
        process.umask(0);
        const far = root + "/far/off";
        mkdirSync(root + "/shut/in", { recursive: true });
        mkdirSync(far, { recursive: true });
        for (const path of [dir.path, root, root + "/shut", root + "/shut/in", root + "/far", far]) chownSync(path, 65534, 65534);
        chmodSync(root + "/shut", 0o400);
        process.setegid(65534);
        process.seteuid(65534);
        using watcher = watch(root, { backend: "${backend}" });
        await watcher.ready;
        await tell(watcher);
        chmodSync(root + "/shut", 0o700);
        await tell(watcher);
        writeFileSync(root + "/shut/in/file", "");
        await tell(watcher);
        for (const above of [root + "/far", root]) {
          process.seteuid(0);
          chmodSync(above, 0o600);
          mkdirSync(far + "/new", { mode: 0o777 });
          process.seteuid(65534);
          await tell(watcher);
          chmodSync(above, 0o400);
          await tell(watcher);
          chmodSync(above, 0o700);
          await tell(watcher);
          console.log(watcher.watched.failed);
          writeFileSync(far + "/new/file", "");
          rmSync(far + "/new", { recursive: true });
          await tell(watcher);
        }
        process.seteuid(0);
        process.setegid(0);
      `);
      const made = "create root/far/off/new";
      const error = "error root/far/off/new EACCES";
      const rest = ["create", "change", "delete"].map((type) => `${type} root/far/off/new/file`);
      const last = ["0", ...rest, "delete root/far/off/new"];
      const shut = (path: string): string[] => {
        const changed = `attributes ${path}`;
        return [changed, made, error, changed, changed, ...last];
      };
      expect(lines).toEqual([
        "error root/shut/in EACCES",
        "attributes root/shut",
        "create root/shut/in/file",
        "change root/shut/in/file",
        ...shut("root/far"),
        ...shut("root"),
      ]);
    },
  );

  test("row 14: names that are not UTF-8 keep their bytes", async () => {
    await within({}, async (watcher, { root }) => {
      const bytes = (...name: readonly number[]): Uint8Array<ArrayBuffer> =>
        new Uint8Array([...Buffer.from(`${root}/`), ...name]);
      const dir = bytes(0xff, 0xfe);
      const file = bytes(0xff, 0xfe, 0x2f, 0x66, 0xc3);
      const moved = bytes(0x67, 0xe9);
      mkdirSync(Buffer.from(dir));
      await watcher.sync();
      writeFileSync(Buffer.from(file), "");
      renameSync(Buffer.from(file), Buffer.from(moved));
      await watcher.sync();
      const [made, , , rename] = watcher.readEventsSync();
      expect(made).toMatchObject({ type: "create", path: `${root}/\uFFFD\uFFFD`, pathBytes: dir });
      expect(rename).toEqual({
        type: "rename",
        from: `${root}/\uFFFD\uFFFD/f\uFFFD`,
        fromBytes: file,
        path: `${root}/g\uFFFD`,
        pathBytes: moved,
        kind: "file",
        ...(backend === "fanotify" && { pid: process.pid }),
      });
    });
  });

  test("row 15: what the kernel does not tell of, such as writes through mmap, add() finds", async () => {
    await within({ before: ({ at }) => write(at("root/file")) }, async (watcher, place) => {
      poke(place.at("root/file"), "X");
      expect(await linesOf(watcher, place)).toEqual([]);
      watcher.add(place.root);
      expect(await linesOf(watcher, place)).toEqual(["change root/file"]);
    });
  });

  describe("row 16: lifecycle", () => {
    test("row 16: ready is there at once for a small tree, and close() during a scan ends it", async () => {
      using dir = tempDir(base);
      await watch(dir.path, { backend })[Symbol.asyncDispose]();
      for (let at = 0; at < 1000; at++)
        mkdirSync(dir.at(`d${at % 40}`, `e${at}`), { recursive: true });
      const before = descriptorCount();
      const watcher = watch(dir.path, { backend });
      const indexed = watcher.indexed.then(
        () => "indexed",
        ({ code }: { code: string }) => code,
      );
      expect(watcher.watched.entries).toBeLessThan(1000);
      watcher.close();
      expect(await indexed).toBe("EBADF");
      await expect(watcher.sync()).rejects.toMatchObject({ code: "EBADF" });
      expect(() => watcher.add(dir.path)).toThrow("it is closed");
      expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
    });

    test("row 16: persistent: false lets the process end, after a scan that is under way", async () => {
      const lines = await script(`
      for (let at = 0; at < 500; at++) mkdirSync(root + "/d" + at);
      const watcher = watch(root, { backend: "${backend}", persistent: false, initial: true });
      watcher.readEvent().then(() => {});
      mkdirSync(root + "/x");
      process.on("exit", () => console.log("end", watcher.hasRef()));
    `);
      expect(lines).toEqual(["end false"]);
    });

    test("row 16: what is held back does not hold the process, and comes to a pending read", async () => {
      const lines = await script(`
        const watcher = watch(root, { backend: "${backend}", settle: 3_600_000 });
        await watcher.ready;
        writeFileSync(root + "/d", "");
        console.log(watcher.readEventsSync().length);
        const other = watch(root, { backend: "${backend}", settle: 1 });
        await other.ready;
        writeFileSync(root + "/e", "");
        console.log((await other.readEvent()).type);
      `);
      expect(lines).toEqual(["0", "create"]);
    });

    test("row 16: persistent: false does not keep a module from waiting for ready", async () => {
      const lines = await script(`
        for (let at = 0; at < 1000; at++) mkdirSync(root + "/d" + at);
        const watcher = watch(root, { backend: "${backend}", persistent: false });
        await watcher.ready;
        console.log(watcher.watched.entries, watcher.hasRef());
      `);
      expect(lines).toEqual(["1001 false"]);
    }, 30_000);
  });

  test("row 18: changesSince() tells what happened while nobody watched", async () => {
    using dir = tempDir(base);
    const root = dir.at("root");
    const at = (...names: string[]): string => join(root, ...names);
    mkdirSync(at("kept/deep"), { recursive: true });
    for (const name of ["gone", "written", "renamed", "kept/deep/same", "mode", "kind"])
      write(at(name));
    linkSync(at("gone"), at("gone too"));
    const before = await snapshot(root);
    const kept = JSON.parse(JSON.stringify(before)) as typeof before;
    expect(kept).toEqual(before);
    expect(await changesSince(kept)).toEqual([]);
    unlinkSync(at("gone"));
    unlinkSync(at("gone too"));
    write(at("written"), "other text");
    renameSync(at("kept"), at("moved"));
    renameSync(at("renamed"), at("moved/deep/renamed"));
    write(at("moved/deep/new"));
    unlinkSync(at("moved/deep/same"));
    chmodSync(at("mode"), 0o600);
    unlinkSync(at("kind"));
    mkdirSync(at("kind"));
    write(at("kind/inside"));
    const events = await changesSince(kept);
    expect(events.map((event) => line(event, root)).toSorted()).toEqual(
      [
        "attributes mode",
        "change written",
        "create kind/",
        "create kind/inside",
        "create moved/deep/new",
        "delete gone",
        "delete gone too",
        "delete kind",
        "delete moved/deep/same",
        "rename kept/ moved/",
        "rename renamed moved/deep/renamed",
      ].toSorted(),
    );
    rmSync(root, { recursive: true });
    const all = await changesSince(kept);
    expect(new Set(all.map(({ type }) => type))).toEqual(new Set(["delete"]));
    expect(all.at(-1)?.path).toBe(root);
  });

  test("row 20: stats come with events if they are asked for", async () => {
    await within({ options: { stat: true } }, async (watcher, { root }) => {
      write(join(root, "file"), "12345");
      await watcher.sync();
      const [event] = watcher.readEventsSync();
      expect(event?.stats).toMatchObject({ size: 5n, nlink: 1 });
      expect(Math.abs((event?.stats?.mtimeMs ?? 0) - Date.now())).toBeLessThan(60_000);
    });
  });

  test("row 21: watched tells what is watched, and how near the limit is", async () => {
    const before = ({ at }: Place): void => {
      mkdirSync(at("root/a/b"), { recursive: true });
      write(at("root/file"));
    };
    await within({ before }, (watcher, { root }) => {
      const { limit, headroom, directories, ...watched } = watcher.watched;
      expect(watched).toMatchObject({ paths: [root], backend, entries: 4, failed: 0 });
      const setting = readFileSync("/proc/sys/fs/inotify/max_user_watches", "utf8");
      expect(limit).toBe(backend === "inotify" ? Number(setting) : Infinity);
      expect(headroom).toBe(limit - (backend === "inotify" ? directories : 0));
    });
  });

  test("paths longer than the kernel takes are watched as well", async () => {
    await within({}, async (watcher, { root }) => {
      const name = "n".repeat(200);
      const make = `import os
os.chdir(${JSON.stringify(root)})
for _ in range(30):
    os.mkdir("${name}"); os.chdir("${name}")
open("file", "w").close()`;
      const { exitCode } = await run(["python3", "-c", make]);
      expect(exitCode).toBe(0);
      await watcher.sync();
      const paths = watcher.readEventsSync().map(({ path }) => path);
      const deepest = [root, ...Array.from({ length: 30 }, () => name)].join("/");
      expect(paths).toContain(`${deepest}/file`);
      await run(["rm", "-r", join(root, name)]);
      await watcher.sync();
      expect(watcher.readEventsSync().filter(({ type }) => type === "delete")).toHaveLength(31);
    });
  });

  test("what is at paths longer than the kernel takes is told before it is known", async () => {
    using dir = tempDir(base);
    const deep = Array.from({ length: 30 }, () => "n".repeat(200));
    const python = (each: string, last: string): void => {
      const code = `import os
os.chdir(${JSON.stringify(dir.path)})
for name in ${JSON.stringify(deep)}:
    ${each}; os.chdir(name)
${last}`;
      expect(Bun.spawnSync(["python3", "-c", code]).exitCode).toBe(0);
    };
    python("os.mkdir(name)", 'os.mkdir("old"); os.mkdir("other")');
    await using watcher = watch(dir.path, { backend });
    if (backend === "inotify") await watcher.ready;
    python("pass", 'os.mkdir("old/made"); os.rename("old", "new"); os.mkdir("new/later")');
    await watcher.sync();
    const events = watcher.readEventsSync().filter(({ type }) => type !== "overflow");
    const deepest = [dir.path, ...deep].join("/");
    expect(events.map(({ type, path }) => [type, path])).toEqual([
      ["create", `${deepest}/old/made`],
      ["rename", `${deepest}/new`],
      ["create", `${deepest}/new/later`],
    ]);
    await run(["rm", "-r", dir.at(deep[0] ?? "")]);
  }, 30_000);

  test("a root whose path is longer than the kernel takes is watched as well", async () => {
    using dir = tempDir(base);
    const deep = Array.from({ length: 30 }, () => "n".repeat(200));
    const python = (last: string): Promise<unknown> => {
      const code = `import os
os.chdir(${JSON.stringify(dir.path)})
for name in ${JSON.stringify(deep)}:
    os.makedirs(name, exist_ok=True); os.chdir(name)
${last}`;
      return run(["python3", "-c", code]);
    };
    await python("");
    await using watcher = watch([dir.path, ...deep].join("/"), { backend });
    await python('os.mkdir("made")');
    await watcher.sync();
    // While the other program starts, others may make fanotify overflow.
    const events = watcher.readEventsSync().filter(({ type }) => type !== "overflow");
    expect(events.map(({ type, path }) => [type, path])).toEqual([
      ["create", [dir.path, ...deep, "made"].join("/")],
    ]);
    await run(["rm", "-r", dir.at(deep[0] ?? "")]);
  }, 30_000);

  describe("mounts", () => {
    // Where a tmpfs has no fsid, inotify alone can watch it.
    const mayMark = backend === "inotify" || namesTmpfs;

    test.skipIf(!canMount || !mayMark)(
      "what takes a name again in what is mounted in the tree is told (needs CAP_SYS_ADMIN)",
      async () => {
        const lines = await script(
          `
        mkdirSync(root + "/mnt");
        const { exitCode } = Bun.spawnSync(["mount", "-t", "tmpfs", "none", root + "/mnt"]);
        if (exitCode) throw new Error("mount");
        using watcher = watch(root, { backend: "${backend}" });
        await watcher.ready;
        const at = (name) => root + "/mnt/" + name;
        mkdirSync(at("a"));
        writeFileSync(at("a/file"), "");
        renameSync(at("a/file"), at("file"));
        linkSync(at("file"), at("a/file"));
        writeFileSync(at("b"), "");
        renameSync(at("b"), at("c"));
        linkSync(at("c"), at("b"));
        await tell(watcher);
        watcher.close();
        Bun.spawnSync(["umount", root + "/mnt"]);
        `,
          "--mount",
        );
        const made = lines.filter((text) => text.startsWith("create"));
        expect(made.filter((text) => text.endsWith("/mnt/b"))).toHaveLength(2);
        expect(made.filter((text) => text.endsWith("/mnt/a/file")).length).toBeGreaterThan(0);
        expect(lines).toContain("rename root/mnt/b root/mnt/c");
      },
    );

    test.skipIf(!canMount || !mayMark)(
      "what is mounted in the tree is watched, and its unmount deletes what was in it (needs CAP_SYS_ADMIN)",
      async () => {
        const lines = await script(
          `
        const sh = (...cmd) => { const { exitCode, stderr } = Bun.spawnSync(cmd); if (exitCode) throw new Error(stderr.toString()); };
        mkdirSync(root + "/mnt/below", { recursive: true });
        sh("mount", "-t", "tmpfs", "none", root + "/mnt");
        writeFileSync(root + "/mnt/inside", "");
        using watcher = watch(root, { backend: "${backend}" });
        await watcher.ready;
        mkdirSync(root + "/mnt/new");
        await tell(watcher);
        console.log("unmount");
        sh("umount", root + "/mnt");
        await tell(watcher);
        mkdirSync(root + "/mnt/below/new");
        await tell(watcher);
        console.log("mount");
        sh("mount", "-t", "tmpfs", "none", root + "/mnt");
        watcher.add(root);
        await tell(watcher);
        writeFileSync(root + "/mnt/again", "");
        await tell(watcher);
        sh("umount", root + "/mnt");
        `,
          "--mount",
        );
        expect(lines).toEqual([
          "create root/mnt/new",
          "unmount",
          // That nobody tells fanotify: add() finds it.
          ...(backend === "fanotify"
            ? ["mount", "delete root/mnt/new", "delete root/mnt/inside"]
            : [
                "create root/mnt/below",
                "delete root/mnt/new",
                "delete root/mnt/inside",
                "create root/mnt/below/new",
                "mount",
                "delete root/mnt/below/new",
                "delete root/mnt/below",
              ]),
          "create root/mnt/again",
          "change root/mnt/again",
        ]);
      },
    );

    test.skipIf(!canMount)(
      "a directory by two paths, through a bind mount, is told by both (needs CAP_SYS_ADMIN)",
      async () => {
        const lines = await script(
          `
        mkdirSync(root + "/a");
        mkdirSync(root + "/b");
        if (Bun.spawnSync(["mount", "--bind", root + "/a", root + "/b"]).exitCode) throw new Error("Cannot mount");
        using watcher = watch(root, { backend: "${backend}" });
        await watcher.ready;
        mkdirSync(root + "/a/new");
        await tell(watcher);
        Bun.spawnSync(["umount", root + "/b"]);
        `,
          "--mount",
        );
        expect(lines.toSorted()).toEqual(["create root/a/new", "create root/b/new"]);
      },
    );
  });
});

describe("row 17: fanotify", () => {
  test.skipIf(!canFanotify)(
    "row 17: one mark, whatever number of directories, tells who it was (needs CAP_SYS_ADMIN, Linux 5.17)",
    async () => {
      using dir = tempDir();
      for (let at = 0; at < 50; at++) mkdirSync(dir.at(`root/${at}`), { recursive: true });
      await using watcher = watch(dir.at("root"), { backend: "fanotify" });
      await watcher.ready;
      const info = readFileSync(`/proc/self/fdinfo/${watcher.fd}`, "utf8");
      expect(info.match(/^fanotify sdev/gm)).toHaveLength(1);
      // What is above it, if that is in other file systems.
      expect(info.match(/^fanotify ino/gm)?.length ?? 0).toBeLessThan(10);
      mkdirSync(dir.at("root/7/own"));
      const child = Bun.spawn(["mv", dir.at("root/7/own"), dir.at("root/8/theirs")]);
      expect(await child.exited).toBe(0);
      writeFileSync(dir.at("elsewhere"), "");
      await watcher.sync();
      expect(watcher.readEventsSync()).toEqual([
        { type: "create", path: dir.at("root/7/own"), kind: "directory", pid: process.pid },
        {
          type: "rename",
          from: dir.at("root/7/own"),
          path: dir.at("root/8/theirs"),
          kind: "directory",
          pid: child.pid,
        },
      ]);
      const { backend, limit, headroom, reason } = watcher.watched;
      expect({ backend, limit, headroom, reason }).toEqual({
        backend: "fanotify",
        limit: Infinity,
        headroom: Infinity,
        reason: undefined,
      });
    },
  );

  test.skipIf(!canFanotify).each([["settle"], ["atomic"]])(
    "row 17: with %s as well (needs CAP_SYS_ADMIN, Linux 5.17)",
    async (option) => {
      using dir = tempDir();
      writeFileSync(dir.at("renamed"), "");
      await using watcher = watch(dir.path, { backend: "fanotify", [option]: 1 });
      writeFileSync(dir.at("made"), "");
      renameSync(dir.at("renamed"), dir.at("moved"));
      await watcher.sync();
      const told = watcher.readEventsSync().map(({ type, pid }) => `${type} ${pid}`);
      expect(told.toSorted()).toEqual([`create ${process.pid}`, `rename ${process.pid}`]);
    },
  );

  test.skipIf(!canFanotify)(
    "row 17: what happens in directories that are not read yet is told (needs CAP_SYS_ADMIN, Linux 5.17)",
    async () => {
      using dir = tempDir(memory);
      const root = dir.at("root");
      const deep = Array.from({ length: 3000 }, (_, at) => join(root, `d${at % 60}`, `e${at}`));
      for (const path of deep) mkdirSync(path, { recursive: true });
      const some = deep.filter((_, at) => at % 100 === 0);
      for (const path of some) for (const name of ["kept", "gone"]) write(join(path, name));
      await using watcher = watch(root, { backend: "fanotify" });
      expect(watcher.watched.entries).toBeLessThan(3000);
      for (const path of some) {
        mkdirSync(join(path, "new"));
        write(join(path, "new/file"));
        unlinkSync(join(path, "gone"));
        renameSync(join(path, "kept"), join(path, "renamed"));
      }
      await watcher.sync();
      const lines = watcher.readEventsSync().map((event) => line(event, root));
      const expected = some.flatMap((path) => {
        const at = path.slice(root.length + 1);
        return [
          `create ${at}/new/`,
          `create ${at}/new/file`,
          `change ${at}/new/file`,
          `delete ${at}/gone`,
          `rename ${at}/kept ${at}/renamed`,
        ];
      });
      expect(lines.toSorted()).toEqual(expected.toSorted());
      const { entries } = watcher.watched;
      expect(entries).toBe(1 + 60 + 3000 + some.length * 3);
      rmSync(join(root, "d0"), { recursive: true });
      await watcher.sync();
      expect(watcher.watched.entries).toBe(treeOf(root).size);
    },
  );

  test.skipIf(!canFanotify)(
    "row 17: what is made and deleted at once is told, by whatever names (needs CAP_SYS_ADMIN, Linux 5.17)",
    async () => {
      using dir = tempDir();
      await using watcher = watch(dir.path, { backend: "fanotify" });
      mkdirSync(dir.at("a/b/c"), { recursive: true });
      writeFileSync(dir.at("a/b/c/file"), "");
      renameSync(dir.at("a/b"), dir.at("z"));
      writeFileSync(dir.at("z/c/last"), "");
      rmSync(dir.at("a"), { recursive: true });
      rmSync(dir.at("z"), { recursive: true });
      await watcher.sync();
      const lines = watcher.readEventsSync().map((event) => line(event, dir.path));
      expect(lines.filter((text) => /^(?:create|rename)/.test(text))).toEqual([
        "create a/",
        "create a/b/",
        "create a/b/c/",
        "create a/b/c/file",
        "rename a/b/ z/",
        "create z/c/last",
      ]);
      expect(lines.filter((text) => text.startsWith("delete"))).toHaveLength(5);
    },
  );

  test.skipIf(!canFanotify)(
    "row 17: a name that changes back and forth is what it is in the end (needs CAP_SYS_ADMIN, Linux 5.17)",
    async () => {
      using dir = tempDir();
      const [x, y] = [dir.at("x"), dir.at("y")];
      for (const make of [mkdirSync, write]) {
        make(x);
        await using watcher = watch(dir.path, { backend: "fanotify", initial: true });
        const model = new Model();
        for (const [from, to] of [
          [x, y],
          [y, x],
          [x, y],
        ] as const)
          renameSync(from, to);
        await watcher.sync();
        model.apply(watcher.readEventsSync());
        expect([[...model.entries.keys()], model.wrong]).toEqual([[dir.path, y], []]);
        if (make === mkdirSync) write(join(y, "file"));
        else linkSync(y, x);
        await watcher.sync();
        model.apply(watcher.readEventsSync());
        expect(listed(model.entries)).toEqual(listed(treeOf(dir.path)));
        rmSync(y, { recursive: true });
        rmSync(x, { force: true });
      }
    },
  );

  test.skipIf(!canFanotify || !canRefuse())(
    "row 17: auto takes inotify where fanotify can't be, and says why (needs CAP_SYS_ADMIN, seccomp)",
    async () => {
      const lines = await Promise.all(
        (["EOPNOTSUPP", "ENODEV", "EXDEV", "EINVAL"] as const).map(async (errno) => {
          const { stdout, stderr } = await runScript(`
            import { watch } from "bun-butter";
            import { refuse } from "./test/support/seccomp.ts";
            refuse("fanotify_mark", "${errno}");
            {
              using watcher = watch("/tmp", { depth: 0 });
              const { backend, reason } = watcher.watched;
              console.log(backend, reason);
            }
            try { watch("/tmp", { backend: "fanotify" }); } catch ({ code, path }) { console.log(code, path); }
          `);
          return stdout + stderr;
        }),
      );
      expect(lines).toEqual([
        "inotify the file system has no file handles, or none that last\nEOPNOTSUPP /tmp\n",
        "inotify the file system has no fsid, as most that FUSE serves, and tmpfs before Linux 5.13\nENODEV /tmp\n",
        expect.stringMatching(/^inotify .* subvolume of btrfs\nEXDEV \/tmp\n$/),
        "inotify fanotify with names and handles needs Linux 5.17\nEINVAL /tmp\n",
      ]);
    },
  );

  test.skipIf(!can("CAP_SYS_ADMIN") || emulated || Bun.which("setpriv") === null)(
    "row 17: auto takes inotify without the privilege, and backend: fanotify is an error (needs root, setpriv)",
    async () => {
      const code = `
        import { watch } from "bun-butter";
        using watcher = watch("/tmp", { depth: 0 });
        console.log(watcher.watched.backend, watcher.watched.reason);
        try { watch("/tmp", { backend: "fanotify" }); } catch ({ name, code }) { console.log(name, code); }
      `;
      const nobody = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
      const { stdout, stderr } = await run([...nobody, bun, "--eval", code]);
      expect(stdout + stderr).toBe("inotify fanotify needs CAP_SYS_ADMIN\nPermissionError EPERM\n");
    },
  );
});
