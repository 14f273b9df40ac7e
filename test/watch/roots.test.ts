/** Paths that are watched, above and below each other, as they come and go: by the user's wish, or on the disk. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";

import { watch, type Watcher, type WatchOptions } from "bun-butter";

import { slowness } from "../support/capabilities.ts";
import { parallel } from "../support/parallel.ts";
import { poke } from "../support/poke.ts";
import { type Outcome, right, seeds } from "../support/replay.ts";
import { rootedAmid, rootedBeside } from "../support/rooted.ts";
import { linesOf, type Place, within, write } from "../support/rows.ts";
import { type Way, ways } from "../support/watch.ts";

describe.each(ways)("$backend", (way) => {
  /** Runs with a watcher of some paths, in which nothing but directories is. */
  function using<T>(
    watched: readonly string[],
    use: Parameters<typeof within<T>>[2],
    options: WatchOptions = {},
  ): Promise<T> {
    const before = ({ at }: Place): void => void mkdirSync(at("root/c/deep"), { recursive: true });
    const paths = ({ at }: Place): string[] => watched.map((path) => at(path));
    return within(way, { before, watch: paths, options }, use);
  }

  describe.each([{}, { initial: true }, { atomic: true }, { settle: 10_000 }, { batch: 10_000 }])(
    "%j",
    (options) => {
      /** What was told of a file that was made, as often as that is told. */
      const once = (lines: readonly string[], path: string): readonly string[] =>
        lines.filter((line) => line.startsWith("create") && line.endsWith(path));

      test("remove() is followed by what happened before it, and by nothing else", async () => {
        await using(
          ["root"],
          async (watcher, place) => {
            watcher.readEventsSync();
            write(place.at("root/file"));
            mkdirSync(place.at("root/new/er"), { recursive: true });
            write(place.at("root/new/er/file"));
            expect(watcher.remove(place.root)).toBe(true);
            write(place.at("root/late"));
            const lines = await linesOf(watcher, place);
            for (const path of ["root/file", "root/new/", "root/new/er/", "root/new/er/file"])
              expect(once(lines, ` ${path}`)).toEqual([`create ${path}`]);
            expect(lines.join()).not.toContain("late");
            expect(lines.join()).not.toContain("delete");
          },
          options,
        );
      });

      test("remove() of what is above a path loses nothing of it", async () => {
        await using(
          ["root", "root/c"],
          async (watcher, place) => {
            await watcher.sync();
            watcher.readEventsSync();
            write(place.at("root/c/file"));
            write(place.at("root/c/deep/file"));
            expect(watcher.remove(place.root)).toBe(true);
            write(place.at("root/late"));
            write(place.at("root/c/deep/later"));
            const lines = await linesOf(watcher, place);
            for (const path of ["root/c/file", "root/c/deep/file", "root/c/deep/later"])
              expect(once(lines, path)).toEqual([`create ${path}`]);
            expect(lines.join()).not.toContain("root/late");
            expect(watcher.watched.paths).toEqual([place.at("root/c")]);
          },
          options,
        );
      });

      test("add() of what is above a path loses nothing of it, and tells nothing twice", async () => {
        await using(
          ["root/c"],
          async (watcher, place) => {
            await watcher.sync();
            watcher.readEventsSync();
            write(place.at("root/c/file"));
            write(place.at("root/c/deep/file"));
            watcher.add(place.root);
            write(place.at("root/new"));
            write(place.at("root/c/deep/later"));
            const lines = await linesOf(watcher, place);
            for (const path of ["root/c/file", "root/c/deep/file", "root/new", "root/c/deep/later"])
              expect(once(lines, path)).toEqual([`create ${path}`]);
            expect(once(lines, "root/c/")).toEqual([]);
            expect(once(lines, "root/")).toEqual(options.initial === true ? ["create root/"] : []);
            renameSync(place.at("root/c"), place.at("root/d"));
            expect(await linesOf(watcher, place)).toEqual(["rename root/c/ root/d/"]);
          },
          options,
        );
      });
    },
  );

  test("remove() is followed by the deletion of what left before it", async () => {
    await using(["root"], async (watcher, place) => {
      renameSync(place.at("root/c"), place.at("out/c"));
      watcher.remove(place.root);
      const events = ["delete root/c/deep/", "delete root/c/"];
      expect(await linesOf(watcher, place)).toEqual(events);
    });
  });

  test("a path is watched through add() and remove() of all that is above it", async () => {
    await using(["root/c/deep"], async (watcher, place) => {
      write(place.at("root/c/deep/file"));
      await linesOf(watcher, place);
      const check = async (): Promise<void> => {
        appendFileSync(place.at("root/c/deep/file"), "more");
        expect(await linesOf(watcher, place)).toEqual(["change root/c/deep/file"]);
      };
      const { directories } = watcher.watched;
      for (const path of ["root/c", "root", ""]) {
        watcher.add(place.at(path));
        await check();
      }
      watcher.add(place.at("root/c/deep/file"));
      await linesOf(watcher, place);
      await check();
      for (const path of ["", "root/c", "root"]) {
        expect(watcher.remove(place.at(path))).toBe(true);
        await check();
      }
      expect(watcher.watched.directories).toBe(directories);
      watcher.remove(place.at("root/c/deep"));
      await check();
      renameSync(place.at("root/c/deep/file"), place.at("root/c/deep/other"));
      renameSync(place.at("root/c/deep/other"), place.at("root/c/deep/file"));
      expect(await linesOf(watcher, place)).toEqual([
        "delete root/c/deep/file",
        "create root/c/deep/file",
      ]);
      await check();
    });
  });

  describe("a path that need not be there", () => {
    const options = { mustExist: false };

    test("is told as deleted when a directory above it has left before that was read, and as made again", async () => {
      await using(
        ["root/c/file"],
        async (watcher, place) => {
          write(place.at("root/c/file"));
          renameSync(place.at("root/c"), place.at("out/c"));
          const [made, ...rest] = await linesOf(watcher, place);
          expect(made).toBe("create root/c/file");
          expect(rest.at(-1)).toBe("delete root/c/file");
          for (let round = 0; round < 2; round++) {
            mkdirSync(place.at("root/c"));
            write(place.at("root/c/file"));
            expect((await linesOf(watcher, place))[0]).toBe("create root/c/file");
            rmSync(place.at("root/c"), { recursive: true });
            expect(await linesOf(watcher, place)).toEqual(["delete root/c/file"]);
          }
        },
        options,
      );
    });

    test("is another one when a directory above it was replaced before that was read", async () => {
      await using(
        ["root/c/file"],
        async (watcher, place) => {
          write(place.at("root/c/file"));
          renameSync(place.at("root/c"), place.at("out/c"));
          mkdirSync(place.at("root/c"));
          await linesOf(watcher, place);
          write(place.at("root/c/other"));
          write(place.at("out/c/file"));
          expect(await linesOf(watcher, place)).toEqual([]);
          write(place.at("root/c/file"));
          expect((await linesOf(watcher, place))[0]).toBe("create root/c/file");
          rmSync(place.at("root/c/file"));
          expect(await linesOf(watcher, place)).toEqual(["delete root/c/file"]);
        },
        options,
      );
    });
  });

  test("what happens below a path that was given twice is told as if it was given once", async () => {
    const before = ({ at }: Place): void => {
      for (const name of ["c/deep", "e"]) mkdirSync(at("root", name), { recursive: true });
      for (const name of ["c/deep/old", "e/old"]) write(at("root", name));
      symlinkSync("root", at("link"));
    };
    const steps = async (watcher: Watcher, place: Place): Promise<string[]> => {
      write(place.at("root/file"));
      write(place.at("root/c/file"));
      // Later than what a comparison takes for the start.
      const later = new Date(Date.now() + 60_000);
      for (const name of ["file", "c/file"]) utimesSync(place.at("root", name), later, later);
      renameSync(place.at("root/e"), place.at("root/c/e"));
      // It is read before that is told.
      expect(watcher.watched.failed).toBe(0);
      renameSync(place.at("root/c"), place.at("root/d"));
      const lines = await linesOf(watcher, place);
      expect(watcher.watched.entries).toBe(8);
      return lines;
    };
    const told: string[][] = [];
    for (const paths of [["root"], ["root", "link"], ["root", "root", "root/c"]]) {
      const list = ({ at }: Place): string[] => paths.map((path) => at(path));
      // Nothing has been read yet.
      told.push(await within(way, { before, watch: list }, steps));
    }
    expect(told.slice(1, 2)).toEqual(told.slice(0, 1));
    expect(told[2]).toEqual(told[0] ?? []);
  });

  test("a path is told when links on the way that led nowhere lead there", async () => {
    const before = ({ at }: Place): void => {
      symlinkSync(at("root/hop"), at("root/link"));
      symlinkSync("../out/far/away", at("root/hop"));
    };
    const paths = ({ at }: Place): string[] => [at("root/link/b/file")];
    const options = { mustExist: false };
    await within(way, { before, watch: paths, options }, async (watcher, place) => {
      const told = "root/link/b/file";
      mkdirSync(place.at("out/far/away"), { recursive: true });
      expect(await linesOf(watcher, place)).toEqual([]);
      mkdirSync(place.at("out/far/away/b"));
      write(place.at("out/far/away/b/file"));
      expect((await linesOf(watcher, place))[0]).toBe(`create ${told}`);
      // What leads there leads nowhere, or elsewhere, and there again.
      renameSync(place.at("out/far"), place.at("out/further"));
      expect(await linesOf(watcher, place)).toEqual([`delete ${told}`]);
      renameSync(place.at("out/further"), place.at("out/far"));
      expect((await linesOf(watcher, place))[0]).toBe(`create ${told}`);
      rmSync(place.at("root/link"));
      symlinkSync("none", place.at("root/link"));
      expect(await linesOf(watcher, place)).toEqual([`delete ${told}`]);
      symlinkSync("../out/far/away", place.at("root/none"));
      expect((await linesOf(watcher, place))[0]).toBe(`create ${told}`);
      // What was on the way is not any more.
      mkdirSync(place.at("root/hopping"));
      write(place.at("out/far/other"));
      expect(await linesOf(watcher, place)).toEqual([]);
    });
  });

  test("what is above paths is not watched because they were moved into each other", async () => {
    const before = ({ at }: Place): void => {
      for (const name of ["root/a/x", "root/secret"]) mkdirSync(at(name), { recursive: true });
    };
    const paths = ({ at }: Place): string[] => ["root/a", "root/b"].map((path) => at(path));
    const options = { mustExist: false };
    await within(way, { before, watch: paths, options }, async (watcher, place) => {
      renameSync(place.at("root/a/x"), place.at("root/b"));
      renameSync(place.at("root/b"), place.at("root/a/x"));
      renameSync(place.at("root/a/x"), place.at("root/b"));
      renameSync(place.at("root/a"), place.at("root/b/a"));
      expect((await linesOf(watcher, place)).join()).not.toContain("secret");
      mkdirSync(place.at("root/secret/more"));
      mkdirSync(place.at("root/new"));
      expect(await linesOf(watcher, place)).toEqual([]);
      mkdirSync(place.at("root/b/a/new"));
      mkdirSync(place.at("root/a"));
      const lines = await linesOf(watcher, place);
      expect(lines.toSorted()).toEqual(["create root/a/", "create root/b/a/new/"]);
    });
  });

  test("add() of a part of what is watched compares that with the disk, and nothing else", async () => {
    await using(["root"], async (watcher, place) => {
      const files = ["root/file", "root/c/file", "root/c/deep/file"];
      for (const path of files) write(place.at(path));
      await linesOf(watcher, place);
      for (const [path, told] of [
        ["root/c", ["root/c/file", "root/c/deep/file"]],
        ["root/c/deep/file", ["root/c/deep/file"]],
        ["root/c", ["root/c/file", "root/c/deep/file"]],
        ["root", files],
      ] as const) {
        for (const file of files) poke(place.at(file));
        watcher.add(place.at(path));
        const lines = await linesOf(watcher, place);
        expect(lines.toSorted()).toEqual(told.map((file) => `change ${file}`).toSorted());
      }
      expect(() => watcher.add(place.at("root/c/none"))).toThrow("ENOENT");
    });
  });

  test.each([[["root"]], [["root", "root/c"]], [["root/c"]]])(
    "add() of what is watched and not there at the moment throws, and all of %j stays watched",
    async (watched) => {
      await using(watched, async (watcher, place) => {
        await watcher.indexed;
        const path = place.at(watched.at(-1) ?? "");
        rmSync(path, { recursive: true });
        await linesOf(watcher, place);
        const { paths } = watcher.watched;
        expect(() => watcher.add(path)).toThrow("ENOENT");
        expect(watcher.watched.paths).toEqual(paths);
        mkdirSync(path);
        write(place.at(`${watched.at(-1)}/late`));
        const lines = await linesOf(watcher, place);
        expect(lines.join()).toContain(`create ${watched.at(-1)}/late`);
      });
    },
  );

  test.each([{}, { initial: true }, { settle: 1 }, { followSymlinks: true }])(
    "add() of what is watched tells no change that was told, or was before it was watched: %j",
    async (options) => {
      const before = ({ at }: Place): void => {
        mkdirSync(at("root/c/deep"), { recursive: true });
        for (const path of ["root/old", "root/c/old", "out/alone"]) write(at(path));
      };
      const watched = ({ at }: Place): string[] => [at("root"), at("out/alone")];
      await within(way, { before, watch: watched, options }, async (watcher, place) => {
        const { at } = place;
        await watcher.indexed;
        const isTold = async (lines: readonly string[]): Promise<void> => {
          for (const path of ["root", "root/c", "root/c/old", "root", "out/alone"]) {
            watcher.add(at(path));
            expect(await linesOf(watcher, place)).toEqual([...lines]);
          }
        };
        await linesOf(watcher, place);
        await isTold([]);
        for (const path of ["root/new", "root/c/deep/new", "out/alone"]) write(at(path));
        await linesOf(watcher, place);
        await isTold([]);
        chmodSync(at("root/old"), 0o600);
        renameSync(at("root/c/deep/new"), at("root/moved"));
        await linesOf(watcher, place);
        await isTold([]);
        for (const path of ["root/c/old", "root/moved", "out/alone"]) poke(at(path));
        watcher.add(at("root"));
        watcher.add(at("out/alone"));
        const told = ["change out/alone", "change root/c/old", "change root/moved"];
        expect((await linesOf(watcher, place)).toSorted()).toEqual(told);
        await isTold([]);
      });
    },
  );

  test("remove() of a link ends what it led to, and add() watches what it leads to now", async () => {
    await using(["out"], async (watcher, place) => {
      const link = place.at("link");
      const lead = (name: string): void => {
        rmSync(link, { force: true });
        symlinkSync(place.at(name), link);
      };
      lead("root/c");
      watcher.add(link);
      lead("root");
      watcher.add(link);
      mkdirSync(place.at("root/new"));
      mkdirSync(place.at("root/c/new"));
      const lines = await linesOf(watcher, place);
      expect(lines.toSorted()).toEqual([
        "create link/c/",
        "create link/c/deep/",
        "create link/c/new/",
        "create link/new/",
        "delete link/deep/",
      ]);
      rmSync(link);
      expect(() => watcher.add(link)).toThrow("ENOENT");
      lead("root");
      expect(watcher.watched.paths).toEqual([place.out, link]);
      await linesOf(watcher, place);
      mkdirSync(place.at("root/newer"));
      expect(await linesOf(watcher, place)).toEqual(["create link/newer/"]);
      expect(watcher.remove(link)).toBe(true);
      expect(watcher.watched.paths).toEqual([place.out]);
      mkdirSync(place.at("root/newest"));
      mkdirSync(place.at("out/new"));
      expect(await linesOf(watcher, place)).toEqual(["create out/new/"]);
    });
  });

  test("a root that a link took the place of is watched by add() where that leads, once", async () => {
    await using(["root/c"], async (watcher, place) => {
      renameSync(place.at("root/c"), place.at("out/c"));
      symlinkSync(place.at("out/c"), place.at("root/c"));
      await linesOf(watcher, place);
      watcher.add(place.at("root/c"));
      expect(watcher.watched.paths).toEqual([place.at("root/c")]);
      mkdirSync(place.at("out/c/new"));
      expect(await linesOf(watcher, place)).toEqual(["create root/c/new/"]);
    });
  });

  test("a socket and a pipe can be watched", async () => {
    await using(["out"], async (_, place) => {
      using socket = Bun.listen({ unix: place.at("root/socket"), socket: { data() {} } });
      expect(Bun.spawnSync(["mkfifo", place.at("root/pipe")]).exitCode).toBe(0);
      for (const name of ["socket", "pipe"]) {
        using watcher = watch(place.at("root", name), { backend: way.backend });
        renameSync(place.at("root", name), place.at("out", name));
        const lines = await linesOf(watcher, place);
        expect(lines).toEqual([`delete root/${name}`]);
      }
      socket.stop();
    });
  });

  test("what files of rules leave out is watched if it was asked for, whatever they come to say", async () => {
    await using(["out"], async (_, place) => {
      writeFileSync(place.at("root/.gitignore"), "c\n*.log\n");
      const paths = ["root", "root/c/deep", "root/x.log"].map((path) => place.at(path));
      write(place.at("root/x.log"));
      const options = { gitignore: true, backend: way.backend } as const;
      await using watcher = watch(paths, options);
      await watcher.ready;
      const check = async (): Promise<void> => {
        for (const path of ["root/c/deep/new", "root/c/other", "root/new"])
          mkdirSync(place.at(path));
        appendFileSync(place.at("root/x.log"), "more");
        const lines = await linesOf(watcher, place);
        for (const told of ["create root/c/deep/new/", "change root/x.log", "create root/new/"])
          expect(lines.filter((text) => text === told)).toEqual([told]);
        expect(lines.filter((text) => text.startsWith("delete"))).toEqual([]);
        for (const path of ["root/c/deep/new", "root/c/other", "root/new"])
          rmdirSync(place.at(path));
        await linesOf(watcher, place);
        expect(watcher.watched.paths.toSorted()).toEqual(paths.toSorted());
      };
      await check();
      for (const rules of ["", "deep\n", "c\n*.log\n", "x.*\nc/d*\n", "!c\n"]) {
        writeFileSync(place.at("root/.gitignore"), rules);
        await linesOf(watcher, place);
        await check();
      }
      rmSync(place.at("root/.gitignore"));
      await linesOf(watcher, place);
      await check();
    });
  });

  test.each([{ depth: 0 }, { ignore: "c" }])(
    "a rename is one event where the directory is above another root as well: %j",
    async (options) => {
      await using(
        ["root", "root/c/deep", "root/c/alone"],
        async (watcher, place) => {
          mkdirSync(place.at("root/x"));
          write(place.at("root/file"));
          await linesOf(watcher, place);
          for (const [from, to] of [
            ["x", "y"],
            ["y", "x"],
          ] as const) {
            renameSync(place.at("root", from), place.at("root", to));
            expect(await linesOf(watcher, place)).toEqual([`rename root/${from}/ root/${to}/`]);
          }
          renameSync(place.at("root/file"), place.at("root/other"));
          expect(await linesOf(watcher, place)).toEqual(["rename root/file root/other"]);
          renameSync(place.at("root/x"), place.at("out/x"));
          expect(await linesOf(watcher, place)).toEqual(["delete root/x/"]);
          mkdirSync(place.at("root/c/alone"));
          renameSync(place.at("root/c/alone"), place.at("root/c/other"));
          expect(await linesOf(watcher, place)).toEqual([
            "create root/c/alone/",
            "delete root/c/alone/",
          ]);
          mkdirSync(place.at("root/c/deep/new"));
          renameSync(place.at("root/c/deep"), place.at("root/c/alone"));
          const lines = await linesOf(watcher, place);
          expect(lines).toEqual(["create root/c/deep/new/", "rename root/c/deep/ root/c/alone/"]);
        },
        { ...options, mustExist: false },
      );
    },
  );

  test("a link that takes the place of a root is what it leads to, whoever looks at it", async () => {
    await using(
      ["root/c", "root/none"],
      async (watcher, place) => {
        renameSync(place.at("root/c"), place.at("out/c"));
        symlinkSync("../out", place.at("root/c"));
        const gone = ["delete root/c/deep/", "delete root/c/"];
        const made = ["create root/c/", "create root/c/c/", "create root/c/c/deep/"];
        expect(await linesOf(watcher, place)).toEqual([...gone, ...made]);
        // It is looked at again because something happens where the other one is waited for.
        chmodSync(place.root, 0o700);
        expect(await linesOf(watcher, place)).toEqual([]);
        // Both are compared with the disk.
        watcher.add(place.root);
        watcher.remove(place.root);
        expect(await linesOf(watcher, place)).toEqual([]);
        mkdirSync(place.at("out/new"));
        expect(await linesOf(watcher, place)).toEqual(["create root/c/new/"]);
        symlinkSync("nowhere", place.at("root/none"));
        expect(await linesOf(watcher, place)).toEqual([]);
        mkdirSync(place.at("root/nowhere"));
        expect(await linesOf(watcher, place)).toEqual(["create root/none/"]);
        rmSync(place.at("root/c"));
        mkdirSync(place.at("root/c"));
        const lines = await linesOf(watcher, place);
        expect(lines.toSorted()).toEqual([
          "delete root/c/c/",
          "delete root/c/c/deep/",
          "delete root/c/new/",
        ]);
      },
      { mustExist: false },
    );
  });

  test("a link that leads nowhere is not there, and what takes its place is told as made", async () => {
    await using(["out"], async (watcher, place) => {
      symlinkSync("nowhere", place.at("root/link"));
      expect(() => watcher.add(place.at("root/link"))).toThrow("ENOENT");
      expect(watcher.watched.paths).toEqual([place.out]);
      const options = { backend: way.backend, mustExist: false };
      using other = watch(place.at("root/link"), options);
      rmSync(place.at("root/link"));
      expect(await linesOf(other, place)).toEqual([]);
      write(place.at("root/link"));
      const lines = await linesOf(other, place);
      expect(lines[0]).toBe("create root/link");
    });
  });

  test("a directory on the way to a root is told of when rules leave it out no more, and when they do again", async () => {
    await using(["out"], async (_, place) => {
      writeFileSync(place.at("root/.gitignore"), "c\n");
      const paths = ["root", "root/c/deep"].map((path) => place.at(path));
      await using watcher = watch(paths, { gitignore: true, backend: way.backend });
      await watcher.ready;
      for (let round = 0; round < 2; round++) {
        rmSync(place.at("root/.gitignore"));
        const without = ["delete root/.gitignore", "create root/c/"];
        expect(await linesOf(watcher, place)).toEqual(without);
        writeFileSync(place.at("root/.gitignore"), "c\n");
        const lines = await linesOf(watcher, place);
        const others = lines.filter((text) => !text.endsWith(".gitignore"));
        expect(others).toEqual(["delete root/c/"]);
      }
    });
  });

  test("rules that go away between two looks at them leave nothing that is told twice", async () => {
    await using(["out"], async (_, place) => {
      writeFileSync(place.at("root/.gitignore"), "c\n");
      const ignore = (): boolean => {
        // They were read, to find out whether the second path is a part of the first.
        rmSync(place.at("root/.gitignore"), { force: true });
        return false;
      };
      const paths = ["root", "root/c/deep"].map((path) => place.at(path));
      const options = { gitignore: true, initial: true, ignore, backend: way.backend };
      await using watcher = watch(paths, options);
      await watcher.ready;
      const made = ["create root/", "create root/c/", "create root/c/deep/"];
      expect((await linesOf(watcher, place)).toSorted()).toEqual(made);
      mkdirSync(place.at("root/c/deep/new"));
      expect(await linesOf(watcher, place)).toEqual(["create root/c/deep/new/"]);
    });
  });

  test("a path behind a link that leads to itself is told when a directory takes the place of that", async () => {
    await using(["out"], async (_, place) => {
      symlinkSync("loop", place.at("root/loop"));
      const options = { backend: way.backend, mustExist: false };
      await using watcher = watch(place.at("root/loop/deep/file"), options);
      watcher.readEventsSync();
      rmSync(place.at("root/loop"));
      mkdirSync(place.at("root/loop/deep"), { recursive: true });
      await linesOf(watcher, place);
      write(place.at("root/loop/deep/file"));
      expect((await linesOf(watcher, place))[0]).toBe("create root/loop/deep/file");
    });
  });
});

describe.each(ways)(
  "replaying $backend's events makes what is below paths that come and go",
  (way) => {
    test.each<[string, (seed: number, way: Way) => Promise<Outcome>]>([
      ["while a random program goes on between any two looks", rootedAmid],
      ["while another process runs one", rootedBeside],
    ])(
      "%s",
      async (_, run) => {
        // `BUTTER_SEEDS=200` does more of it.
        const some = seeds.slice(0, Math.ceil(seeds.length / 2));
        expect(await parallel(some, (seed) => run(seed, way), 1)).toEqual(some.map(right));
      },
      120_000 * slowness,
    );
  },
);
