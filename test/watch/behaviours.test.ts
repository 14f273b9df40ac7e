/**
 * What the documentation and the tests of fsnotify and of chokidar say that a watcher does, and what ours does in its place:
 * each row names the case of theirs.
 */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";

import { watch } from "bun-butter";

import { linesOf, type Place, type Row, testRows, within, write } from "../support/rows.ts";
import { tempDir } from "../support/temp.ts";
import { ways } from "../support/watch.ts";

function fifo(path: string): void {
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
}

const fsnotify: readonly Row[] = [
  {
    row: "create-dir, create-empty-file, create-file-with-data: a file is created, and changed when its writer closes it",
    steps: ({ at }) => {
      mkdirSync(at("root/dir"));
      write(at("root/empty"), "");
      write(at("root/full"));
    },
    events: [
      "create root/dir/",
      "create root/empty",
      "change root/empty",
      "create root/full",
      "change root/full",
    ],
  },
  {
    row: "create-fifo: what is no file, directory or link is told as well",
    steps: ({ at }) => fifo(at("root/fifo")),
    events: ["create root/fifo"],
  },
  {
    row: "create-unresolvable-symlink, create-cyclic-symlink: a link is told, wherever it leads",
    options: { followSymlinks: true },
    steps: ({ at }) => {
      symlinkSync("nowhere", at("root/dangling"));
      symlinkSync("cyclic", at("root/cyclic"));
      symlinkSync(".", at("root/self"));
    },
    events: ["create root/dangling@", "create root/cyclic@", "create root/self@"],
  },
  {
    row: "recreate-symlink, remove-symlink: a link is deleted, and what it leads to is not",
    before: ({ at }) => {
      write(at("root/file"));
      symlinkSync("file", at("root/link"));
    },
    steps: ({ at }) => {
      unlinkSync(at("root/link"));
      symlinkSync("file", at("root/link"));
    },
    events: ["delete root/link@", "create root/link@"],
    // It was not met yet.
    fanotify: ["delete root/link", "create root/link@"],
  },
  {
    row: "rename-symlink: a link is renamed, and not what it leads to",
    before: ({ at }) => symlinkSync("nowhere", at("root/link")),
    steps: ({ at }) => renameSync(at("root/link"), at("root/moved")),
    events: ["rename root/link@ root/moved@"],
  },
  {
    row: "dir-only: without recursion what is in a directory of the directory is not told",
    options: { recursive: false },
    before: ({ at }) => mkdirSync(at("root/sub")),
    steps: ({ at }) => {
      write(at("root/sub/file"));
      rmSync(at("root/sub"), { recursive: true });
    },
    events: ["delete root/sub/"],
  },
  {
    row: "make-file-unreadable, unreadable-file: one that may not be read is watched all the same",
    before: ({ at }) => {
      write(at("root/file"));
      chmodSync(at("root/file"), 0);
    },
    steps: ({ at }) => {
      chmodSync(at("root/file"), 0o200);
      unlinkSync(at("root/file"));
    },
    events: ["attributes root/file", "delete root/file"],
  },
  {
    row: "multiple-creates: a name that comes again is created again",
    steps: ({ at }) => {
      for (let round = 0; round < 2; round++) {
        write(at("root/file"));
        unlinkSync(at("root/file"));
      }
    },
    events: [
      "create root/file",
      "change root/file",
      "delete root/file",
      "create root/file",
      "change root/file",
      "delete root/file",
    ],
  },
  {
    row: "rename-file, rename-file-overwrite, rename-overwrite: a rename has both names, also over another file",
    before: ({ at }) => {
      write(at("root/a"));
      write(at("root/b"));
    },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/c"));
      renameSync(at("root/c"), at("root/b"));
    },
    events: ["rename root/a root/c", "rename root/c root/b"],
  },
  {
    row: "rename-from-unwatched, rename-from-unwatched-overwrite: from outside it is created, or changes what was there",
    before: ({ at }) => {
      write(at("out/a"));
      write(at("out/b"));
      write(at("root/b"));
    },
    steps: ({ at }) => {
      renameSync(at("out/a"), at("root/a"));
      renameSync(at("out/b"), at("root/b"));
    },
    events: ["create root/a", "change root/b"],
  },
  {
    row: "rename-to-unwatched: to outside it is deleted",
    before: ({ at }) => write(at("root/a")),
    steps: ({ at }) => renameSync(at("root/a"), at("out/a")),
    events: ["delete root/a"],
  },
  {
    row: "rename-from-other-watch: between two watched paths it is a rename",
    before: ({ at }) => write(at("root/a")),
    watch: ({ at }) => [at("root"), at("out")],
    steps: ({ at }) => renameSync(at("root/a"), at("out/a")),
    events: ["rename root/a out/a"],
  },
  {
    row: "rename-watched-dir, rename-nested-watched-dir: what is in it is told by its new path",
    before: ({ at }) => mkdirSync(at("root/a/b"), { recursive: true }),
    watch: ({ at }) => [at("root"), at("root/a"), at("root/a/b")],
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/z"));
      write(at("root/z/b/file"));
    },
    events: ["rename root/a/ root/z/", "create root/z/b/file", "change root/z/b/file"],
  },
  {
    row: "remove-while-watching-parent: one delete, although it is watched twice",
    before: ({ at }) => mkdirSync(at("root/a")),
    watch: ({ at }) => [at("root"), at("root/a")],
    steps: ({ at }) => rmSync(at("root/a"), { recursive: true }),
    events: ["delete root/a/"],
  },
  {
    row: "watch-file-inside-watched-dir, watch-twice: one event, however often it is watched",
    before: ({ at }) => write(at("root/file")),
    watch: ({ at }) => [at("root"), at("root/file"), at("root"), at("root/file")],
    steps: ({ at }) => appendFileSync(at("root/file"), "more"),
    events: ["change root/file"],
  },
  {
    row: "truncate-file: a change when it is closed, and where nobody opens it if writes are told",
    options: { modify: true },
    before: ({ at }) => write(at("root/file")),
    steps: ({ at }) => truncateSync(at("root/file"), 1),
    events: ["change root/file"],
  },
  {
    row: "only-chmod, watch-file/chmod: permissions and times are attributes",
    before: ({ at }) => write(at("root/file")),
    steps: ({ at }) => {
      chmodSync(at("root/file"), 0o600);
      write(at("root/other"));
      utimesSync(at("root/file"), 1, 1);
    },
    events: [
      "attributes root/file",
      "create root/other",
      "change root/other",
      "attributes root/file",
    ],
    // One of the same kind that was not read yet is the same event.
    fanotify: ["attributes root/file", "create root/other", "change root/other"],
  },
  {
    row: "watch-file/chmod-after-write: each is what it is",
    before: ({ at }) => write(at("root/file")),
    watch: ({ at }) => at("root/file"),
    steps: ({ at }) => {
      appendFileSync(at("root/file"), "more");
      chmodSync(at("root/file"), 0o600);
    },
    events: ["change root/file", "attributes root/file"],
  },
  {
    row: "watch-file/overwrite-watched-file: by its name it is watched on",
    before: ({ at }) => {
      write(at("root/file"));
      write(at("root/other"));
    },
    watch: ({ at }) => at("root/file"),
    steps: ({ at }) => {
      renameSync(at("root/other"), at("root/file"));
      appendFileSync(at("root/file"), "more");
    },
    events: ["change root/file", "change root/file"],
  },
  {
    row: "watch-file/overwrite-watched-file-with-watched-file: a rename, and the name is watched on",
    before: ({ at }) => {
      write(at("root/a"));
      write(at("root/b"));
    },
    watch: ({ at }) => [at("root/a"), at("root/b")],
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/b"));
      appendFileSync(at("root/b"), "more");
      write(at("root/a"));
    },
    events: ["rename root/a root/b", "change root/b", "create root/a", "change root/a"],
  },
  {
    row: "watch-file/rename-watched-file, remove-watched-file, re-add-renamed-file: gone by its name, and back by it",
    before: ({ at }) => write(at("root/file")),
    watch: ({ at }) => at("root/file"),
    steps: ({ at }) => {
      renameSync(at("root/file"), at("root/moved"));
      appendFileSync(at("root/moved"), "more");
      renameSync(at("root/moved"), at("root/file"));
      unlinkSync(at("root/file"));
    },
    events: ["delete root/file", "create root/file", "delete root/file"],
  },
  {
    row: "watch-recurse/remove-dir, remove-recursive: from the bottom up, each once",
    before: ({ at }) => {
      mkdirSync(at("root/one/two/three"), { recursive: true });
      write(at("root/one/two/three/file"));
    },
    steps: ({ at }) => rmSync(at("root/one"), { recursive: true }),
    events: [
      "delete root/one/two/three/file",
      "delete root/one/two/three/",
      "delete root/one/two/",
      "delete root/one/",
    ],
  },
  {
    row: "watch-recurse/remove-prefix, rename-prefix: what has a similar name stays",
    before: ({ at }) => {
      mkdirSync(at("root/a"));
      mkdirSync(at("root/a-b"));
      mkdirSync(at("root/ab"));
    },
    steps: ({ at }) => {
      rmSync(at("root/a"), { recursive: true });
      renameSync(at("root/a-b"), at("root/z"));
      write(at("root/ab/file"));
      write(at("root/z/file"));
    },
    events: [
      "delete root/a/",
      "rename root/a-b/ root/z/",
      "create root/ab/file",
      "change root/ab/file",
      "create root/z/file",
      "change root/z/file",
    ],
  },
  {
    row: "watch-recurse/rename-to-different-dir: one rename, whatever is in it",
    before: ({ at }) => {
      mkdirSync(at("root/from/deep/er"), { recursive: true });
      mkdirSync(at("root/to"));
    },
    steps: ({ at }) => {
      renameSync(at("root/from/deep"), at("root/to/shallow"));
      mkdirSync(at("root/to/shallow/er/new"));
    },
    events: ["rename root/from/deep/ root/to/shallow/", "create root/to/shallow/er/new/"],
  },
  {
    row: "watch-symlink/to-dir, to-file, to-dir-relative, to-file-relative: a link that is watched itself is followed, and told by its path",
    before: ({ at }) => {
      mkdirSync(at("out/dir"));
      write(at("out/file"));
      symlinkSync(at("out/dir"), at("root/dir"));
      symlinkSync("../out/file", at("root/file"));
    },
    watch: ({ at }) => [at("root/dir"), at("root/file")],
    steps: ({ at }) => {
      mkdirSync(at("out/dir/new"));
      appendFileSync(at("out/file"), "more");
    },
    events: ["create root/dir/new/", "change root/file"],
    anyOrder: true,
  },
];

const chokidar: readonly Row[] = [
  {
    row: "add, addDir: what is there at the start, with initial",
    options: { initial: true },
    before: ({ at }) => {
      mkdirSync(at("root/.hidden"));
      write(at("root/.hidden/.dot"));
      write(at("root/with [brackets] and *"));
    },
    steps: () => {},
    events: [
      "create root/",
      "create root/.hidden/",
      "create root/.hidden/.dot",
      "create root/with [brackets] and *",
    ],
    anyOrder: true,
  },
  {
    row: "a path is no glob: brackets and stars are themselves",
    before: ({ at }) => {
      mkdirSync(at("root/[ab]*"));
      mkdirSync(at("root/a"));
    },
    watch: ({ at }) => at("root/[ab]*"),
    steps: ({ at }) => {
      mkdirSync(at("root/a/not"));
      mkdirSync(at("root/[ab]*/this"));
    },
    events: ["create root/[ab]*/this/"],
  },
  {
    row: "unlink, unlinkDir, add again: a file in a directory that is made again",
    before: ({ at }) => {
      mkdirSync(at("root/sub"));
      write(at("root/sub/file"));
    },
    steps: ({ at }) => {
      rmSync(at("root/sub"), { recursive: true });
      mkdirSync(at("root/sub"));
      mkdirSync(at("root/sub/file"));
    },
    events: [
      "delete root/sub/file",
      "delete root/sub/",
      "create root/sub/",
      "create root/sub/file/",
    ],
  },
  {
    row: "ignored: several rules, a path below the root and a function, and a root that they would match",
    options: { ignore: ["root", "*.log", (path) => path.startsWith("tmp/")] },
    before: ({ at }) => mkdirSync(at("root/tmp")),
    steps: ({ at }) => {
      mkdirSync(at("root/tmp/x"));
      mkdirSync(at("root/x.log"));
      mkdirSync(at("root/kept"));
    },
    events: ["create root/kept/"],
  },
  {
    row: "ignored: a file that is watched itself is not left out by its own name",
    options: { ignore: "*.log" },
    before: ({ at }) => write(at("root/a.log")),
    watch: ({ at }) => at("root/a.log"),
    steps: ({ at }) => appendFileSync(at("root/a.log"), "more"),
    events: ["change root/a.log"],
  },
  {
    row: "depth: 0 is the entries of the root, of those that come as well",
    options: { depth: 0, initial: true },
    before: ({ at }) => mkdirSync(at("root/a/b"), { recursive: true }),
    steps: ({ at }) => {
      mkdirSync(at("root/a/c"));
      mkdirSync(at("root/d/e"), { recursive: true });
    },
    events: ["create root/", "create root/a/", "create root/d/"],
  },
  {
    row: "atomic: a file that is deleted and back within its time was changed",
    options: { atomic: 1000 },
    before: ({ at }) => write(at("root/file")),
    steps: ({ at }) => {
      unlinkSync(at("root/file"));
      write(at("root/file"));
    },
    events: ["change root/file"],
  },
  {
    row: "awaitWriteFinish: a file that grows is told once, when it does not grow any more",
    options: { settle: 1000 },
    steps: ({ at }) => {
      write(at("root/file"), "");
      for (let part = 0; part < 5; part++) appendFileSync(at("root/file"), "part");
    },
    events: ["create root/file"],
  },
  {
    row: "awaitWriteFinish: a file that is deleted before it is finished never was",
    options: { settle: 1000 },
    steps: ({ at }) => {
      write(at("root/file"));
      unlinkSync(at("root/file"));
    },
    events: [],
  },
  {
    row: "followSymlinks: true by default there, here it is asked for",
    before: ({ at }) => {
      mkdirSync(at("out/dir"));
      symlinkSync(at("out/dir"), at("root/link"));
    },
    steps: ({ at }) => mkdirSync(at("out/dir/new")),
    events: [],
  },
  {
    row: "add() of a path that is not there is waited for, with mustExist: false",
    options: { mustExist: false },
    watch: ({ at }) => at("root/later"),
    steps: ({ at }) => write(at("root/later")),
    events: ["create root/later"],
    fanotify: ["create root/later", "change root/later"],
  },
  {
    row: "a directory in the place of a file, and back",
    before: ({ at }) => write(at("root/x")),
    steps: ({ at }) => {
      unlinkSync(at("root/x"));
      mkdirSync(at("root/x"));
      rmSync(at("root/x"), { recursive: true });
      symlinkSync("nowhere", at("root/x"));
    },
    events: ["delete root/x", "create root/x/", "delete root/x/", "create root/x@"],
  },
];

describe.each(ways)("$backend", (way) => {
  const { backend, base } = way;

  describe("fsnotify", () => {
    testRows(way, fsnotify);

    test("WatchList, ErrNonExistentWatch, ErrClosed: watched.paths, remove() is false, and EBADF", async () => {
      using dir = tempDir(base);
      for (const name of ["a", "b"]) mkdirSync(dir.at(name));
      await using watcher = watch(dir.at("a"), { backend });
      watcher.add(dir.at("b"));
      watcher.add(dir.at("b"));
      expect(watcher.watched.paths).toEqual([dir.at("a"), dir.at("b")]);
      expect([watcher.remove(dir.at("b")), watcher.remove(dir.at("b"))]).toEqual([true, false]);
      watcher.close();
      watcher.close();
      for (const late of [() => watcher.add(dir.at("b")), () => watcher.remove(dir.at("a"))])
        expect(late).toThrow(expect.objectContaining({ code: "EBADF" }));
    });

    test("FAQ: a file in a directory that is watched is told, by whatever name it is opened", async () => {
      const before = ({ at }: Place): void => {
        mkdirSync(at("root/a"));
        write(at("root/a/file"));
        symlinkSync(at("root/a"), at("out/way"));
      };
      await within(way, { before }, async (watcher, place) => {
        appendFileSync(place.at("out/way/file"), "more");
        expect(await linesOf(watcher, place)).toEqual(["change root/a/file"]);
      });
    });
  });

  describe("chokidar", () => {
    testRows(way, chokidar);

    test("ready comes once everything is watched, of an empty directory too, and nothing is told twice", async () => {
      await within(way, { options: { initial: true } }, async (watcher, place) => {
        await watcher.ready;
        expect(await linesOf(watcher, place)).toEqual(["create root/"]);
        await watcher.ready;
        expect(await linesOf(watcher, place)).toEqual([]);
      });
    });

    test("cwd: a path that is relative is told as relative, from wherever", async () => {
      using dir = tempDir(base);
      mkdirSync(dir.at("a/b"), { recursive: true });
      const before = process.cwd();
      process.chdir(dir.at("a"));
      try {
        await using watcher = watch(["b", ".."], { backend });
        process.chdir("/");
        await watcher.ready;
        mkdirSync(dir.at("a/b/new"));
        await watcher.sync();
        expect(watcher.readEventsSync().map(({ path }) => path)).toEqual(["../a/b/new"]);
      } finally {
        process.chdir(before);
      }
    });

    test("unwatch: what is no longer watched is not told, and what is watched again is told once", async () => {
      const row = {
        before: ({ at }: Place): void => {
          mkdirSync(at("root/a"));
          mkdirSync(at("root/b"));
        },
        watch: ({ at }: Place): string[] => [at("root/a"), at("root/b")],
      };
      await within(way, row, async (watcher, place) => {
        watcher.remove(place.at("root/a"));
        mkdirSync(place.at("root/a/unseen"));
        mkdirSync(place.at("root/b/seen"));
        expect(await linesOf(watcher, place)).toEqual(["create root/b/seen/"]);
        watcher.add(place.at("root/a"));
        mkdirSync(place.at("root/a/again"));
        expect(await linesOf(watcher, place)).toEqual(["create root/a/again/"]);
      });
    });

    test("alwaysStat: events have stats, of what is there", async () => {
      await within(way, { options: { stat: true } }, async (watcher, { root }) => {
        write(join(root, "file"), "12345");
        unlinkSync(join(root, "file"));
        write(join(root, "file"), "123");
        await watcher.sync();
        const last = watcher.readEventsSync().at(-1);
        expect(last).toMatchObject({ type: "change", stats: { size: 3n } });
      });
    });

    test("getWatched: counts of what is known", async () => {
      const before = ({ at }: Place): void => {
        mkdirSync(at("root/a/b"), { recursive: true });
        write(at("root/a/file"));
      };
      await within(way, { before }, (watcher, { root }) => {
        const { paths, entries, failed } = watcher.watched;
        expect({ paths, entries, failed }).toEqual({ paths: [root], entries: 4, failed: 0 });
      });
    });
  });
});
