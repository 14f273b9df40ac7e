/** What happens between two looks of a watcher at the disk: what has a path is not what had it when an event told of it. */
import { describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";

import { watch } from "bun-butter";

import { aroundReading, beforeAdding, beforeOpening, between } from "../support/between.ts";
import { exchange } from "../support/exchange.ts";
import { parallel } from "../support/parallel.ts";
import { amid, right, seeds } from "../support/replay.ts";
import { tempDir } from "../support/temp.ts";
import { line, listed, Model, treeOf, type Way, ways } from "../support/watch.ts";

describe.each(ways)("$backend tells what is there when, before a directory is read,", (way) => {
  test("one above it is exchanged with another one, which leaves", async () => {
    using dir = tempDir(way.base);
    for (const name of ["a/c/x", "b/c/y"]) mkdirSync(dir.at("root", name), { recursive: true });
    await using watcher = watch(dir.at("root"), { backend: way.backend, initial: true });
    await watcher.ready;
    const model = new Model();
    model.apply(watcher.readEventsSync());
    // With fanotify the last of these is not told: the directory is to be read again.
    const [first, second] = ["1", "2"].map((name) => dir.at("root/a/c", name)) as [string, string];
    writeFileSync(first, "");
    renameSync(first, second);
    linkSync(second, first);
    using _ = aroundReading(
      "new",
      () => exchange(dir.at("root/a"), dir.at("root/b")),
      () => renameSync(dir.at("root/a"), dir.at("outside")),
    );
    await watcher.sync();
    model.apply(watcher.readEventsSync());
    expect([model.wrong, listed(model.entries)]).toEqual([[], listed(treeOf(dir.at("root")))]);
  });

  test("one above it that left comes back into what is made at its path", async () => {
    using dir = tempDir(way.base);
    for (const name of ["root/t/d", "out"]) mkdirSync(dir.at(name), { recursive: true });
    const { backend } = way;
    await using watcher = watch(dir.at("root"), { backend, initial: true, gitignore: true });
    await watcher.ready;
    const model = new Model();
    model.apply(watcher.readEventsSync());
    // What it is, is looked at then.
    renameSync(dir.at("root/t"), dir.at("root/u"));
    await watcher.sync();
    mkdirSync(dir.at("root/u/d/e"));
    renameSync(dir.at("root/u"), dir.at("out/u"));
    using _ = aroundReading(
      "new",
      () => {
        mkdirSync(dir.at("root/u/d/e"), { recursive: true });
        renameSync(dir.at("out/u"), dir.at("root/u/d/e/x"));
      },
      () => {},
    );
    await watcher.sync();
    model.apply(watcher.readEventsSync());
    expect([model.wrong, listed(model.entries)]).toEqual([[], listed(treeOf(dir.at("root")))]);
  });

  test("it is renamed, and came from outside", async () => {
    using dir = tempDir(way.base);
    for (const name of ["root", "out/came/old"]) mkdirSync(dir.at(name), { recursive: true });
    await using watcher = watch(dir.at("root"), { backend: way.backend, initial: true });
    await watcher.ready;
    const model = new Model();
    model.apply(watcher.readEventsSync());
    renameSync(dir.at("out/came"), dir.at("root/came"));
    writeFileSync(dir.at("root/came/new"), "");
    using _ = aroundReading(
      "new",
      () => renameSync(dir.at("root/came"), dir.at("root/went")),
      () => {},
    );
    await watcher.sync();
    model.apply(watcher.readEventsSync());
    expect([model.wrong, listed(model.entries)]).toEqual([[], listed(treeOf(dir.at("root")))]);
  });
});

describe.each(ways)(
  "$backend, of a file that came before its directory was read and is gone,",
  (way) => {
    test.each([false, true])(
      "tells that it is deleted, and never that it was made: who looked when all was ready knows it. Deleted after that: %p",
      async (isKnown) => {
        using dir = tempDir(way.base);
        for (const name of ["root", "out"]) mkdirSync(dir.at(name));
        writeFileSync(dir.at("out/file"), "");
        const remove = (): void => rmSync(dir.at("root/file"));
        using _ = aroundReading(
          "new",
          () => renameSync(dir.at("out/file"), dir.at("root/file")),
          isKnown ? () => {} : remove,
        );
        const { backend } = way;
        await using watcher = watch(dir.at("root"), { backend, gitignore: true });
        await watcher.ready;
        const model = new Model();
        treeOf(dir.at("root"), model.entries);
        if (isKnown) remove();
        await watcher.sync();
        const told = watcher.readEventsSync();
        model.apply(told);
        // It may have taken the place of another one, which was known.
        const change = backend === "fanotify" ? ["change root/file"] : [];
        const lines = told.map((event) => line(event, dir.path));
        expect(lines).toEqual([...change, "delete root/file"]);
        if (isKnown) expect(model.wrong).toEqual([]);
        expect(listed(model.entries)).toEqual(listed(treeOf(dir.at("root"))));
      },
    );
  },
);

/** What a directory that was exchanged takes below the depth, if it is renamed before some look. */
async function sunk({ backend, base }: Way, look: number): Promise<readonly string[] | undefined> {
  using dir = tempDir(base);
  for (const name of ["a/c", "b", "d"]) mkdirSync(dir.at(name), { recursive: true });
  writeFileSync(dir.at("a/c/file"), "");
  using watcher = watch(dir.path, { backend, initial: true, depth: 2 });
  await watcher.ready;
  watcher.readEventsSync();
  exchange(dir.at("a"), dir.at("b"));
  let looks = 0;
  {
    using _ = between(() => {
      if (looks++ === look) renameSync(dir.at("b"), dir.at("d/b"));
    });
    await watcher.sync();
  }
  if (looks <= look) return undefined;
  await watcher.sync();
  const told = watcher.readEventsSync().map((event) => line(event, dir.path));
  return told.filter((text) => text.endsWith("file"));
}

test.each(ways)(
  "what a rename puts below the depth is deleted, whenever: $backend",
  async (way) => {
    let look = 0;
    for (let told = await sunk(way, look); told !== undefined; told = await sunk(way, ++look))
      expect([look, told]).toEqual([look, [expect.stringMatching(/^delete .*c\/file$/)]]);
    expect(look).toBeGreaterThan(2);
  },
);

/** What is told of two directories that change places by way of a third name, if the second and third rename come before some look. */
async function swapped(
  { backend, base }: Way,
  look: number,
): Promise<readonly string[] | undefined> {
  using dir = tempDir(base);
  for (const name of ["a/one", "b/two"]) mkdirSync(dir.at(name), { recursive: true });
  using watcher = watch(dir.path, { backend, initial: true });
  await watcher.ready;
  await watcher.sync();
  watcher.readEventsSync();
  renameSync(dir.at("a"), dir.at("c"));
  let looks = 0;
  {
    using _ = between(() => {
      if (looks++ !== look) return;
      renameSync(dir.at("b"), dir.at("a"));
      renameSync(dir.at("c"), dir.at("b"));
    });
    await watcher.sync();
  }
  if (looks <= look) return undefined;
  await watcher.sync();
  return watcher.readEventsSync().map((event) => line(event, dir.path));
}

test.each(ways)(
  "row 19: what takes the name of what was renamed is renamed, whenever: $backend",
  async (way) => {
    let look = 0;
    const renames = ["rename a/ c/", "rename b/ a/", "rename c/ b/"];
    for (let told = await swapped(way, look); told !== undefined; told = await swapped(way, ++look))
      expect([look, told]).toEqual([look, renames]);
    expect(look).toBeGreaterThan(2);
  },
);

test.each(ways)(
  "a rename that was merged with an earlier one is found, however quick somebody else is: $backend",
  async ({ backend, base }) => {
    using dir = tempDir(base);
    for (const name of ["root/a", "else"]) mkdirSync(dir.at(name), { recursive: true });
    using watcher = watch(dir.at("root"), { backend, initial: true });
    await watcher.ready;
    await watcher.sync();
    const model = new Model();
    model.apply(watcher.readEventsSync());
    const [one, other] = [dir.at("root/a"), dir.at("root/b")];
    for (const [from, to] of [
      [one, other],
      [other, one],
      [one, other],
    ] as const)
      renameSync(from, to);
    let looks = 0;
    {
      using _ = between(() => {
        if (looks++ < 1000) writeFileSync(dir.at("else", `${looks}`), "");
      });
      await watcher.sync();
    }
    expect(looks).toBeLessThan(1000);
    model.apply(watcher.readEventsSync());
    expect([model.wrong, listed(model.entries)]).toEqual([[], listed(treeOf(dir.at("root")))]);
  },
);

/** Makes paths in a directory. */
type At = (...names: string[]) => string;

/** Directories that are known, and what makes others of what has their paths, between the read of an event that has them looked at and that look. */
const changes: readonly {
  readonly row: string;
  readonly act: (at: At) => void;
  /** What fanotify tells: its events say what directories are. */
  readonly events: readonly string[];
}[] = [
  {
    row: "it and one above it are renamed, and others take their names",
    act: (at) => {
      mkdirSync(at("root/y/d/new"), { recursive: true });
      mkdirSync(at("root/w"));
      renameSync(at("root/b"), at("root/z"));
      renameSync(at("root/w"), at("root/b"));
      renameSync(at("root/y/d"), at("root/b/n"));
    },
    events: [
      "rename a/ b/",
      "create y/d/",
      "create y/d/new/",
      "create w/",
      "rename b/ z/",
      "rename w/ b/",
      "rename y/d/ b/n/",
    ],
  },
  {
    row: "it and one above it are renamed, and others that are known take their names",
    act: (at) => {
      renameSync(at("root/b"), at("root/z"));
      renameSync(at("root/v"), at("root/b"));
      renameSync(at("root/y/known"), at("root/b/n"));
    },
    events: ["rename a/ b/", "rename b/ z/", "rename v/ b/", "rename y/known/ b/n/"],
  },
  {
    row: "one above it is exchanged with another one, which is renamed",
    act: (at) => {
      exchange(at("root/b"), at("root/x"));
      renameSync(at("root/x"), at("root/y/x"));
      mkdirSync(at("root/y/x/n/newer"));
    },
    events: [
      "rename a/ b/",
      "delete x/n/other/",
      "delete x/n/",
      "rename b/ x/",
      "create b/",
      "rename x/ y/x/",
      "create y/x/n/newer/",
      "create b/n/",
      "create b/n/other/",
    ],
  },
  {
    row: "it is exchanged with another one, and one above it leaves",
    act: (at) => {
      exchange(at("root/b/n"), at("root/x/n"));
      renameSync(at("root/b"), at("outside"));
      mkdirSync(at("root/b/n/newer"), { recursive: true });
    },
    events: [
      "rename a/ b/",
      "delete x/n/other/",
      "rename b/n/ x/n/",
      "create b/n/",
      "delete b/n/",
      "delete b/",
      "create b/",
      "create b/n/",
      "create b/n/newer/",
    ],
  },
];

describe.each(ways)(
  "$backend tells what is there when, before a known directory is looked at,",
  (way) => {
    test.each(changes)("$row", async ({ act, events }) => {
      using dir = tempDir(way.base);
      const at: At = (...names) => dir.at(...names);
      for (const name of ["a/n/old", "v", "x/n/other", "y/known"])
        mkdirSync(at("root", name), { recursive: true });
      const model = new Model();
      treeOf(dir.at("root"), model.entries);
      await using watcher = watch(dir.at("root"), { backend: way.backend });
      await watcher.indexed;
      // What was opened below it a moment ago is looked at again.
      renameSync(dir.at("root/a"), dir.at("root/b"));
      let acted = 0;
      using _ = aroundReading(
        "check",
        () => {
          acted++;
          act(at);
        },
        () => {},
      );
      await watcher.sync();
      await watcher.sync();
      const told = watcher.readEventsSync();
      model.apply(told);
      expect([acted, model.wrong, listed(model.entries)]).toEqual([
        1,
        [],
        listed(treeOf(dir.at("root"))),
      ]);
      if (way.backend === "fanotify")
        expect(told.map((event) => line(event, at("root")))).toEqual([...events]);
    });
  },
);

describe.each(ways)(
  "$backend tells that a path is gone when one above it is added that is",
  (way) => {
    test.each([
      ["not there any more", (): void => {}],
      ["a file by then", (path: string): void => writeFileSync(path, "")],
    ])("%s", async (_, replace) => {
      using dir = tempDir(way.base);
      const [above, below] = [dir.at("root/a"), dir.at("root/a/b")];
      mkdirSync(`${below}/c`, { recursive: true });
      const options = { backend: way.backend, initial: true, mustExist: false };
      await using watcher = watch(below, options);
      await watcher.ready;
      const model = new Model();
      model.apply(watcher.readEventsSync());
      const act = (): void => {
        renameSync(above, dir.at("outside"));
        replace(above);
      };
      {
        using _acts = beforeAdding(act);
        watcher.add(above);
      }
      await watcher.sync();
      model.apply(watcher.readEventsSync());
      expect(listed(model.entries)).toEqual(listed(treeOf(above)));
      rmSync(above, { force: true });
      mkdirSync(`${below}/d`, { recursive: true });
      await watcher.sync();
      model.apply(watcher.readEventsSync());
      expect(listed(model.entries)).toEqual(listed(treeOf(above)));
      expect(model.wrong.filter((text) => text !== `create ${above} in nothing`)).toEqual([]);
    });
  },
);

test.each(ways)(
  "a directory is found although one above it was renamed each time that it was looked for, however often ($backend)",
  async ({ backend, base }) => {
    using dir = tempDir(base);
    for (const name of ["root/a", "outside/in/x"]) mkdirSync(dir.at(name), { recursive: true });
    await using watcher = watch(dir.at("root"), { backend, initial: true });
    await watcher.ready;
    const model = new Model();
    model.apply(watcher.readEventsSync());
    let [here, there] = [dir.at("root/a"), dir.at("root/b")];
    let renames = 0;
    const rename = (): void => {
      renameSync(here, there);
      [here, there] = [there, here];
      renames++;
    };
    renameSync(dir.at("outside/in"), dir.at("root/a/in"));
    rename();
    {
      using _ = beforeOpening((mode) => {
        if (mode === "new") rename();
      });
      // More often than anybody looks for what is not renamed.
      for (let reads = 0; reads < 100; reads++) model.apply(watcher.readEventsSync());
    }
    expect(renames).toBeGreaterThan(40);
    await watcher.sync();
    writeFileSync(`${here}/in/x/file`, "");
    await watcher.sync();
    model.apply(watcher.readEventsSync());
    expect([model.wrong, listed(model.entries)]).toEqual([[], listed(treeOf(dir.at("root")))]);
  },
);

describe.each(ways)("replaying $backend's events makes the tree of a random program", (way) => {
  test("that goes on between any two looks", async () => {
    // The first three of fanotify went wrong once.
    const some = [...(way.backend === "fanotify" ? [53, 123, 225] : []), ...seeds];
    const outcomes = await parallel(some, (seed) => amid(seed, way, new Model()), 1);
    expect(outcomes).toEqual(some.map(right));
  }, 120_000);
});
