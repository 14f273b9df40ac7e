/** Paths that links lead to, as those come to lead elsewhere, nowhere and back. */
import { describe, expect, test } from "bun:test";
import {
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";

import { overlay, tmpfs, watch, type WatchOptions } from "bun-butter";

import { slowness } from "../support/capabilities.ts";
import { aged } from "../support/early.ts";
import { led, ledTogether } from "../support/led.ts";
import { canMount } from "../support/mounts.ts";
import { parallel } from "../support/parallel.ts";
import { type Outcome, right, seeds } from "../support/replay.ts";
import { linesOf, type Place, within, write } from "../support/rows.ts";
import { memory, type TempDir, tempDir } from "../support/temp.ts";
import { canFanotifyTmpfs, Model, treeOf, type Way, ways } from "../support/watch.ts";

/** Lets a link lead elsewhere at once. */
function swap(link: string, target: string): void {
  symlinkSync(target, `${link}_tmp`);
  renameSync(`${link}_tmp`, link);
}

/** A file as a ConfigMap of Kubernetes shows it, in `root`. */
function configure({ at }: Place, version: number): void {
  mkdirSync(at(`root/..${version}`));
  for (const name of ["app", "other"]) write(at(`root/..${version}/${name}`), `${version}`);
  swap(at("root/..data"), `..${version}`);
  if (version > 1) rmSync(at(`root/..${version - 1}`), { recursive: true });
}

/** A directory of a version of something, in `out`. */
function release({ at }: Place, name: string, files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    const path = at("out", name, file);
    mkdirSync(join(path, ".."), { recursive: true });
    write(path, text);
  }
}

describe.each(ways)("$backend", (way) => {
  /** Runs with a watcher of a link in `root`. */
  function using<T>(
    before: (place: Place) => void,
    use: Parameters<typeof within<T>>[2],
    options: WatchOptions = {},
    link = "root/link",
  ): Promise<T> {
    return within(way, { before, watch: ({ at }) => at(link), options }, use);
  }

  describe("a file that links lead to", () => {
    const before = (place: Place): void => {
      configure(place, 1);
      symlinkSync("..data/app", place.at("root/app"));
    };

    test("is told as changed whenever they lead to another one, and what is written to it then as well", async () => {
      await using(
        before,
        async (watcher, place) => {
          for (let version = 2; version < 6; version++) {
            configure(place, version);
            expect(await linesOf(watcher, place)).toEqual(["change root/app"]);
            write(place.at("root/..data/app"), "more");
            expect(await linesOf(watcher, place)).toEqual(["change root/app"]);
            write(place.at("root/..data/other"), "more");
            expect(await linesOf(watcher, place)).toEqual([]);
          }
          const { directories } = watcher.watched;
          configure(place, 6);
          configure(place, 7);
          // It was written before it was known that links lead there.
          expect(new Set(await linesOf(watcher, place))).toEqual(new Set(["change root/app"]));
          expect(watcher.watched.directories).toBe(directories);
          expect(watcher.watched.entries).toBe(1);
        },
        {},
        "root/app",
      );
    });

    test("is told as deleted when they lead nowhere, and as made when they lead somewhere again", async () => {
      await using(
        before,
        async (watcher, place) => {
          for (const link of ["root/app", "root/..data"]) {
            renameSync(place.at(link), place.at("out/link"));
            expect(await linesOf(watcher, place)).toEqual(["delete root/app"]);
            renameSync(place.at("out/link"), place.at(link));
            expect(await linesOf(watcher, place)).toEqual(["create root/app"]);
          }
          renameSync(place.at("root/..1"), place.at("out/..1"));
          expect(await linesOf(watcher, place)).toEqual(["delete root/app"]);
          renameSync(place.at("out/..1"), place.at("root/..1"));
          expect(await linesOf(watcher, place)).toEqual(["create root/app"]);
          rmSync(place.at("root/..1/app"));
          expect(await linesOf(watcher, place)).toEqual(["delete root/app"]);
          write(place.at("root/..1/app"));
          expect((await linesOf(watcher, place))[0]).toBe("create root/app");
        },
        {},
        "root/app",
      );
    });

    test("is another one when it takes the place of a link, and when a link takes its place", async () => {
      await using(
        (place) => {
          before(place);
          write(place.at("out/file"));
        },
        async (watcher, place) => {
          renameSync(place.at("out/file"), place.at("root/app"));
          expect(await linesOf(watcher, place)).toEqual(["change root/app"]);
          configure(place, 2);
          expect(await linesOf(watcher, place)).toEqual([]);
          swap(place.at("root/app"), "..data/app");
          expect(await linesOf(watcher, place)).toEqual(["change root/app"]);
          configure(place, 3);
          expect(await linesOf(watcher, place)).toEqual(["change root/app"]);
        },
        {},
        "root/app",
      );
    });

    test("is not told when other links lead to the same one", async () => {
      await using(
        before,
        async (watcher, place) => {
          await aged();
          await linesOf(watcher, place);
          swap(place.at("root/app"), place.at("root/..1/app"));
          expect(await linesOf(watcher, place)).toEqual([]);
          linkSync(place.at("root/..1/app"), place.at("out/same"));
          await aged();
          await linesOf(watcher, place);
          unlinkSync(place.at("root/app"));
          symlinkSync("../out/./../out/same", place.at("root/app"));
          expect(await linesOf(watcher, place)).toEqual([]);
          write(place.at("out/same"), "more");
          expect(await linesOf(watcher, place)).toEqual(["change root/app"]);
        },
        {},
        "root/app",
      );
    });
  });

  describe.each([{}, { depth: 3 }])("a directory that links lead to, with %j", (options) => {
    const before = (place: Place): void => {
      release(place, "1", { same: "1", old: "1", "a/same": "1", "a/old": "1", "b/old": "1" });
      release(place, "2", { same: "2", new: "2", "a/same": "2", "a/new": "2", "c/new": "2" });
      linkSync(place.at("out/1/same"), place.at("out/1/linked"));
      linkSync(place.at("out/1/same"), place.at("out/2/linked"));
      symlinkSync("../out/1", place.at("root/link"));
    };
    const differences = [
      "change root/link/a/same",
      "change root/link/same",
      "create root/link/a/new",
      "create root/link/c/",
      "create root/link/c/new",
      "create root/link/new",
      "delete root/link/a/old",
      "delete root/link/b/",
      "delete root/link/b/old",
      "delete root/link/old",
    ];

    test("is told by its differences when they lead to another one", async () => {
      await using(
        before,
        async (watcher, place) => {
          await aged();
          await linesOf(watcher, place);
          swap(place.at("root/link"), "../out/2");
          rmSync(place.at("out/1"), { recursive: true });
          const lines = await linesOf(watcher, place);
          expect(lines.toSorted()).toEqual(differences);
          for (const name of ["file", "a/file", "c/file"]) {
            mkdirSync(place.at("out/2", name));
            expect(await linesOf(watcher, place)).toEqual([`create root/link/${name}/`]);
          }
        },
        options,
      );
    });

    test("is told by its differences when the link is made anew, and nothing of what is elsewhere", async () => {
      await using(
        before,
        async (watcher, place) => {
          await watcher.indexed;
          await aged();
          await linesOf(watcher, place);
          const { directories } = watcher.watched;
          unlinkSync(place.at("root/link"));
          symlinkSync(place.at("out/2"), place.at("root/link"));
          const lines = await linesOf(watcher, place);
          expect(lines.toSorted()).toEqual(differences);
          for (const name of ["1/new", "1/a/new", "3"]) mkdirSync(place.at("out", name));
          expect(await linesOf(watcher, place)).toEqual([]);
          expect(watcher.watched.directories).toBe(directories);
        },
        options,
      );
    });

    test("is told as deleted with all that is in it when they lead nowhere, and as made", async () => {
      await using(
        before,
        async (watcher, place) => {
          swap(place.at("root/link"), "../out/none");
          const gone = await linesOf(watcher, place);
          expect(gone.at(-1)).toBe("delete root/link/");
          renameSync(place.at("out/1"), place.at("out/none"));
          const made = await linesOf(watcher, place);
          expect(made[0]).toBe("create root/link/");
          expect(made.toSorted()).toEqual(
            gone.map((text) => text.replace("delete", "create")).toSorted(),
          );
          expect(made.length).toBe(9);
        },
        options,
      );
    });

    test("is told as deleted when they lead to a file, and that as made", async () => {
      await using(
        before,
        async (watcher, place) => {
          swap(place.at("root/link"), "../out/2/new");
          const lines = await linesOf(watcher, place);
          expect(lines.slice(-2)).toEqual(["delete root/link/", "create root/link"]);
          swap(place.at("root/link"), "../out/2/a");
          const events = ["delete root/link", "create root/link/"];
          expect((await linesOf(watcher, place)).slice(0, 2)).toEqual(events);
        },
        options,
      );
    });
  });

  test.each([false, true])(
    "a large directory is told by its differences when it was not read before, and it is deleted then: %p",
    async (isDeleted) => {
      using dir = tempDir(way.base);
      const place: Place = {
        root: dir.at("root"),
        out: dir.at("out"),
        at: (...names) => dir.at(...names),
      };
      mkdirSync(place.root);
      const count = 60;
      for (let at = 0; at < count; at++) {
        release(place, `1/${at}/deep`, { same: "1", old: "1" });
        if (at > 0) release(place, `2/${at}/deep`, { same: "2", new: "2" });
      }
      symlinkSync("../out/1", place.at("root/link"));
      await using watcher = watch(place.at("root/link"), { backend: way.backend });
      if (way.backend === "inotify") await watcher.ready;
      swap(place.at("root/link"), "../out/2");
      if (isDeleted) rmSync(place.at("out/1"), { recursive: true });
      const expected = ["", "/deep", "/deep/old", "/deep/same"].map(
        (name) => `delete root/link/0${name}${name.includes("p/") ? "" : "/"}`,
      );
      for (let at = 1; at < count; at++)
        for (const text of ["change same", "delete old", "create new"])
          expected.push(text.replace(" ", ` root/link/${at}/deep/`));
      const lines = await linesOf(watcher, place);
      expect(lines.toSorted()).toEqual(expected.toSorted());
    },
  );

  test.skipIf(!canMount)(
    "files of another file system are others, whatever inodes they have (needs CAP_SYS_ADMIN)",
    async () => {
      using dir = tempDir(way.base);
      const place: Place = {
        root: dir.at("root"),
        out: dir.at("out"),
        at: (...names) => dir.at(...names),
      };
      const [one, two] = [dir.at("one"), dir.at("two")];
      for (const path of [place.root, one, two]) mkdirSync(path);
      using _one = tmpfs({ target: one });
      using _two = tmpfs({ target: two });
      for (const path of [one, two]) write(join(path, "file"));
      const [ino, other] = [one, two].map((path) => statSync(join(path, "file")).ino);
      expect(ino).toBe(other ?? 0);
      await aged();
      for (const [target, told] of [
        ["one", "root/link/file"],
        ["one/file", "root/link"],
      ] as const) {
        swap(place.at("root/link"), dir.at(target));
        using watcher = watch(place.at("root/link"), { backend: way.backend });
        await watcher.ready;
        for (const name of ["two", "one"]) {
          swap(place.at("root/link"), dir.at(target.replace("one", name)));
          expect(await linesOf(watcher, place)).toEqual([`change ${told}`]);
        }
      }
    },
  );

  test("links on the way of links are followed: absolute ones, and through what is above", async () => {
    await using(
      ({ at }) => {
        for (const name of ["a/b/deep", "a/c/deep", "d"])
          mkdirSync(at("out", name), { recursive: true });
        for (const name of ["a/b", "a/c", "a"]) write(at("out", name, "file"));
        symlinkSync(at("out/hop"), at("root/link"));
        symlinkSync("a/b/deep/..", at("out/hop"));
      },
      async (watcher, { at, ...place }) => {
        const check = async (dir: string): Promise<void> => {
          write(at("out", dir, "file"), "more");
          const lines = await linesOf(watcher, { at, ...place });
          expect(lines).toEqual(["change root/link/file"]);
        };
        await check("a/b");
        swap(at("out/hop"), `${at("out/a/c/deep")}/..`);
        expect(await linesOf(watcher, { at, ...place })).toEqual(["change root/link/file"]);
        await check("a/c");
        // A directory that is on the way and not above it.
        renameSync(at("out/a/c/deep"), at("out/deep"));
        expect((await linesOf(watcher, { at, ...place })).at(-1)).toBe("delete root/link/");
        renameSync(at("out/deep"), at("out/a/c/deep"));
        expect((await linesOf(watcher, { at, ...place }))[0]).toBe("create root/link/");
        await check("a/c");
        // What is above a link becomes one.
        renameSync(at("out/a"), at("out/d/a"));
        symlinkSync("d/a", at("out/a"));
        await linesOf(watcher, { at, ...place });
        await check("d/a/c");
        unlinkSync(at("out/hop"));
        symlinkSync(at("root/link"), at("out/hop"));
        expect((await linesOf(watcher, { at, ...place })).at(-1)).toBe("delete root/link/");
        expect(await linesOf(watcher, { at, ...place })).toEqual([]);
        swap(at("root/link"), at("out/d/a"));
        const made = await linesOf(watcher, { at, ...place });
        expect(made.slice(0, 1)).toEqual(["create root/link/"]);
        await check("d/a");
      },
    );
  });

  test("the kernel says why a link leads nowhere: it follows 40 of them, and none through a file", async () => {
    await within(way, {}, (_, { at }) => {
      mkdirSync(at("out/1"));
      for (let count = 2; count <= 42; count++) symlinkSync(`${count - 1}`, at(`out/${count}`));
      write(at("out/file"));
      symlinkSync("file/..", at("out/through"));
      symlinkSync("none/..", at("out/nowhere"));
      const open = (name: string): void => watch(at("out", name), { backend: way.backend }).close();
      open("41");
      for (const [name, code] of [
        ["42", "ELOOP"],
        ["through", "ENOTDIR"],
        ["nowhere", "ENOENT"],
      ] as const)
        expect(() => open(name)).toThrow(code);
    });
  });

  test("a link that leads nowhere is told as made when what it leads to comes", async () => {
    const options = { mustExist: false };
    const before = ({ at }: Place): void => symlinkSync("../out/a/file", at("root/link"));
    await using(
      before,
      async (watcher, place) => {
        mkdirSync(place.at("out/a"));
        expect(await linesOf(watcher, place)).toEqual([]);
        write(place.at("out/a/file"));
        expect((await linesOf(watcher, place))[0]).toBe("create root/link");
        write(place.at("out/a/other"));
        write(place.at("out/a/file"), "more");
        expect(await linesOf(watcher, place)).toEqual(["change root/link"]);
      },
      options,
    );
  });

  test("what is watched by another path as well is told by that one alone, for as long as a link leads there", async () => {
    const before = (place: Place): void => {
      release(place, "1", { file: "1" });
      release(place, "2", { file: "2" });
      symlinkSync("../out/1", place.at("root/link"));
    };
    const paths = ({ at }: Place): string[] => [at("out/2"), at("root/link")];
    await within(way, { before, watch: paths }, async (watcher, place) => {
      const check = async (told: Readonly<Record<string, string>>): Promise<void> => {
        for (const [name, path] of Object.entries(told)) {
          write(place.at("out", name, "file"), "more");
          const events = path === "" ? [] : [`change ${path}/file`];
          expect(await linesOf(watcher, place)).toEqual(events);
        }
        expect(watcher.watched.paths.toSorted()).toEqual(paths(place));
      };
      await check({ 1: "root/link", 2: "out/2" });
      for (const target of ["../out/2", place.at("root/../out/2/.")]) {
        swap(place.at("root/link"), target);
        const gone = ["delete root/link/file", "delete root/link/"];
        expect(await linesOf(watcher, place)).toEqual(gone);
        await check({ 1: "", 2: "out/2" });
        swap(place.at("root/link"), "../out/1");
        const made = ["create root/link/", "create root/link/file"];
        expect(await linesOf(watcher, place)).toEqual(made);
        await check({ 1: "root/link", 2: "out/2" });
      }
      // What it leads to is above the other one.
      swap(place.at("root/link"), "../out");
      const lines = await linesOf(watcher, place);
      expect(lines).not.toContain("delete out/2/");
      await check({ 1: "root/link/1", 2: "root/link/2" });
      swap(place.at("root/link"), "../out/1");
      await linesOf(watcher, place);
      await check({ 1: "root/link", 2: "out/2" });
      expect(watcher.remove(place.at("out/2"))).toBe(true);
      swap(place.at("root/link"), "../out/2");
      await linesOf(watcher, place);
      write(place.at("out/2/file"), "more");
      expect(await linesOf(watcher, place)).toEqual(["change root/link/file"]);
    });
  });

  test("a path that leads where another one does is watched on when that is removed, or leads elsewhere", async () => {
    const before = (place: Place): void => {
      release(place, "1", { file: "1" });
      release(place, "2", { file: "2" });
      for (const name of ["a", "b", "c"]) symlinkSync("../out/1", place.at("root", name));
    };
    const paths = ({ at }: Place): string[] => ["a", "b", "c"].map((name) => at("root", name));
    await within(way, { before, watch: paths }, async (watcher, place) => {
      await watcher.indexed;
      swap(place.at("root/a"), "../out/2");
      expect(await linesOf(watcher, place)).toEqual(["change root/a/file"]);
      const check = async (name: string, told: string): Promise<void> => {
        write(place.at("out", name, "file"), "more");
        expect(await linesOf(watcher, place)).toEqual([`change ${told}/file`]);
      };
      await check("1", "root/b");
      await check("2", "root/a");
      expect(watcher.remove(place.at("root/b"))).toBe(true);
      await check("1", "root/c");
      expect(watcher.watched.paths).toEqual(["root/a", "root/c"].map((path) => place.at(path)));
      expect(watcher.watched.entries).toBe(4);
    });
  });

  test("a path is told by one above it as soon as links lead there, be that there or not", async () => {
    const before = ({ at }: Place): void => {
      mkdirSync(at("out/one"), { recursive: true });
      symlinkSync("../none", at("root/link"));
    };
    const paths = ({ at }: Place): string[] => [at("out/one"), at("root/link")];
    const options = { mustExist: false };
    await within(way, { before, watch: paths, options }, async (watcher, place) => {
      const check = async (told: string): Promise<void> => {
        write(place.at("out/one/file"), "more");
        const lines = await linesOf(watcher, place);
        expect(new Set(lines.map((text) => text.split(" ")[1]))).toEqual(new Set([told]));
      };
      swap(place.at("root/link"), "../out");
      expect(await linesOf(watcher, place)).toEqual(["create root/link/"]);
      await check("root/link/one/file");
      swap(place.at("root/link"), "../none");
      expect(await linesOf(watcher, place)).toEqual(["delete root/link/"]);
      await check("out/one/file");
      renameSync(place.at("out"), place.at("other"));
      const gone = ["delete out/one/file", "delete out/one/"];
      expect(await linesOf(watcher, place)).toEqual(gone);
      swap(place.at("root/link"), "../out");
      expect(await linesOf(watcher, place)).toEqual([]);
      renameSync(place.at("other"), place.at("out"));
      const made = ["link/", "link/one/", "link/one/file"].map((name) => `create root/${name}`);
      expect(await linesOf(watcher, place)).toEqual(made);
      await check("root/link/one/file");
      expect(watcher.watched.entries).toBe(3);
    });
  });

  test.each([false, true])(
    "what is told by a path above it is watched by itself when a link takes its place or that of what leads there, read before: %p",
    async (isRead) => {
      const before = ({ at }: Place): void => {
        for (const name of ["root/a/b/c", "out/c"]) mkdirSync(at(name), { recursive: true });
      };
      const paths = ({ at }: Place): string[] => [at("root"), at("root/a/b/c")];
      await within(way, { before, watch: paths }, async (watcher, place) => {
        if (isRead) await watcher.indexed;
        const check = async (told: string): Promise<void> => {
          write(place.at(told, "file"), "more");
          const lines = await linesOf(watcher, place);
          const expected = new Set([`create root/a/b/c/file`, `change root/a/b/c/file`]);
          expect(new Set(lines)).toEqual(expected);
          rmSync(place.at(told, "file"));
          expect(await linesOf(watcher, place)).toEqual([`delete root/a/b/c/file`]);
        };
        renameSync(place.at("root/a"), place.at("other"));
        symlinkSync("../out", place.at("root/a"));
        mkdirSync(place.at("out/b/c"), { recursive: true });
        const lines = await linesOf(watcher, place);
        expect(lines).toEqual([
          "delete root/a/b/c/",
          "delete root/a/b/",
          "delete root/a/",
          "create root/a@",
          "create root/a/b/c/",
        ]);
        await check("out/b/c");
        unlinkSync(place.at("root/a"));
        renameSync(place.at("other"), place.at("root/a"));
        await linesOf(watcher, place);
        await check("root/a/b/c");
        renameSync(place.at("root/a/b"), place.at("other"));
        symlinkSync("../../out", place.at("root/a/b"));
        await linesOf(watcher, place);
        await check("out/c");
      });
    },
  );

  test("a large directory that a link in it leads to is gone when that is replaced, with what was in it", async () => {
    const before = ({ at }: Place): void => {
      for (let left = 300; left > 0; left--) write(at("root", `${left}`));
      symlinkSync(".", at("root/link"));
    };
    await using(before, async (watcher, place) => {
      const model = new Model();
      for (const path of treeOf(place.root).keys())
        model.entries.set(path.replace(place.root, place.at("root/link")), "file");
      await watcher.indexed;
      unlinkSync(place.at("root/link"));
      write(place.at("out/file"));
      renameSync(place.at("out/file"), place.at("root/link"));
      await watcher.sync();
      model.apply(watcher.readEventsSync());
      expect(model.wrong).toEqual([]);
      expect([...model.entries]).toEqual([[place.at("root/link"), "file"]]);
    });
  });

  test("remove() gives up what is on the way of links, and nobody hears of it any more", async () => {
    const before = (place: Place): void => {
      release(place, "1/a/b", { file: "1" });
      symlinkSync(place.at("out/1/a"), place.at("out/hop"));
      symlinkSync("../out/hop/b", place.at("root/link"));
    };
    const paths = ({ at }: Place): string => at("root");
    await within(way, { before, watch: paths }, async (watcher, place) => {
      await watcher.indexed;
      const { directories, entries } = watcher.watched;
      for (let round = 0; round < 3; round++) {
        watcher.add(place.at("root/link"));
        await watcher.indexed;
        expect(watcher.watched.directories).toBeGreaterThan(directories);
        swap(place.at("out/hop"), round % 2 === 0 ? place.at("out/none") : "1/a");
        await linesOf(watcher, place);
        expect(watcher.remove(place.at("root/link"))).toBe(true);
        swap(place.at("out/hop"), "1/a");
        mkdirSync(place.at("out/1/a/b", `${round}`));
        expect(await linesOf(watcher, place)).toEqual([]);
        const { watched } = watcher;
        expect([watched.directories, watched.entries]).toEqual([directories, entries]);
      }
    });
  });

  test("swaps that are faster than anybody looks end as what is there", async () => {
    const before = (place: Place): void => {
      for (const name of ["1", "2", "3"]) release(place, name, { [name]: name, same: name });
      symlinkSync("../out/1", place.at("root/link"));
    };
    await using(before, async (watcher, place) => {
      const known = new Set(["root/link/1", "root/link/same"]);
      for (let round = 0; round < 40; round++) {
        const name = `${1 + (round % 3)}`;
        swap(place.at("root/link"), `../out/${name}`);
        write(place.at("out", name, `${round % 5}`));
        rmSync(place.at("out", name, `${(round + 2) % 5}`), { force: true });
        if (round % 7 === 3) await linesOf(watcher, place).then(apply);
        else apply(watcher.readEventsSync().map((event) => `${event.type} ${event.path}`));
      }
      function apply(lines: readonly string[]): void {
        for (const text of lines) {
          const [type = "", path = ""] = text.replace(`${place.at()}/`, "").split(" ");
          if (type === "create") known.add(path);
          if (type === "delete") known.delete(path);
        }
      }
      apply(await linesOf(watcher, place));
      const there = [...new Bun.Glob("*").scanSync(place.at("root/link/"))];
      const expected = there.map((name) => `root/link/${name}`);
      expect([...known].toSorted()).toEqual(expected.toSorted());
    });
  });
});

/** A directory in a file system that fanotify can't mark. */
function unmarkable(dir: TempDir): Disposable {
  for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(dir.at(name));
  const [lower, upper, work] = ["lower", "upper", "work"].map((name) => dir.at(name));
  const target = dir.at("merged");
  return overlay({ target, lower: [lower ?? ""], upper: upper ?? "", work: work ?? "" });
}

test.skipIf(!canFanotifyTmpfs)(
  "a link in a file system that fanotify can't mark is heard of, by whichever backend can (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    using _ = unmarkable(dir);
    mkdirSync(dir.at("a"));
    mkdirSync(dir.at("b"));
    symlinkSync(dir.at("a"), dir.at("merged/link"));
    await using watcher = watch(dir.at("merged/link"));
    await watcher.ready;
    write(dir.at("b/file"));
    swap(dir.at("merged/link"), dir.at("b"));
    await watcher.sync();
    const told = watcher.readEventsSync().map(({ type, path }) => `${type} ${path}`);
    expect(told).toContain(`create ${dir.at("merged/link/file")}`);
  },
);

test.skipIf(!canFanotifyTmpfs)(
  "fanotify tells of a link that comes to lead where it can't watch, and watches what it leads to then (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    using _ = unmarkable(dir);
    mkdirSync(dir.at("a"));
    for (const path of ["a/file", "merged/file"]) write(dir.at(path));
    await aged();
    for (const file of ["", "/file"]) {
      swap(dir.at("link"), dir.at(`a${file}`));
      await using watcher = watch(dir.at("link"), { backend: "fanotify" });
      await watcher.indexed;
      const told = async (): Promise<string[]> => {
        await watcher.sync();
        return watcher.readEventsSync().map((event) => {
          if (event.type !== "error") return `${event.type} ${event.path}`;
          expect(event.error.message).toContain('take backend: "inotify"');
          return `${event.type} ${event.error.code}`;
        });
      };
      swap(dir.at("link"), dir.at(`merged${file}`));
      expect(await told()).toContain("error EOPNOTSUPP");
      expect(watcher.watched.failed).toBe(1);
      swap(dir.at("link"), dir.at(`a${file}`));
      expect(await told()).toEqual([`change ${dir.at("link")}${file === "" ? "/file" : ""}`]);
      expect(watcher.watched.failed).toBe(0);
      write(dir.at("a/file"), "more");
      expect(await told()).toEqual([`change ${dir.at("link")}${file === "" ? "/file" : ""}`]);
    }
  },
);

describe.each(ways)("replaying $backend's events makes what links lead to", (way) => {
  test.each<[string, (seed: number, way: Way) => Promise<Outcome>]>([
    ["of one path", led],
    ["of several", ledTogether],
  ])(
    "%s",
    async (_, run) => {
      expect(await parallel(seeds, (seed) => run(seed, way), 1)).toEqual(seeds.map(right));
    },
    120_000 * slowness,
  );
});
