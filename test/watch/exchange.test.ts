/** Entries that change places at once (`renameat2` with `RENAME_EXCHANGE`): one is renamed, the other made where that was. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, symlinkSync, unlinkSync } from "node:fs";

import { watch } from "bun-butter";

import { exchange } from "../support/exchange.ts";
import { type Row, testRows, write } from "../support/rows.ts";
import { tempDir } from "../support/temp.ts";
import { listed, Model, treeOf, ways } from "../support/watch.ts";

const rows: readonly Row[] = [
  {
    row: "row 3: two files that are exchanged",
    before: ({ at }) => {
      write(at("root/a"));
      write(at("root/b"));
    },
    steps: ({ at }) => {
      exchange(at("root/a"), at("root/b"));
      write(at("root/a"));
      write(at("root/b"));
    },
    events: ["rename root/a root/b", "create root/a", "change root/a", "change root/b"],
  },
  {
    row: "row 3: two directories that are exchanged, each with what is in it",
    before: ({ at }) => {
      mkdirSync(at("root/a/x"), { recursive: true });
      mkdirSync(at("root/b/y"), { recursive: true });
    },
    steps: ({ at }) => exchange(at("root/a"), at("root/b")),
    events: ["delete root/b/y/", "rename root/a/ root/b/", "create root/a/", "create root/a/y/"],
  },
  {
    row: "row 3: directories of different directories that are exchanged",
    before: ({ at }) => {
      mkdirSync(at("root/c/a/x"), { recursive: true });
      mkdirSync(at("root/d/b/y"), { recursive: true });
    },
    steps: ({ at }) => exchange(at("root/c/a"), at("root/d/b")),
    events: [
      "delete root/d/b/y/",
      "rename root/c/a/ root/d/b/",
      "create root/c/a/",
      "create root/c/a/y/",
    ],
  },
  {
    row: "row 3: a directory that is exchanged with a file",
    before: ({ at }) => {
      mkdirSync(at("root/a/x"), { recursive: true });
      write(at("root/b"));
    },
    steps: ({ at }) => exchange(at("root/a"), at("root/b")),
    events: ["rename root/a/ root/b/", "create root/a"],
  },
  {
    row: "row 3: a file that is exchanged with a directory",
    before: ({ at }) => {
      write(at("root/a"));
      mkdirSync(at("root/b/y"), { recursive: true });
    },
    steps: ({ at }) => exchange(at("root/a"), at("root/b")),
    events: ["delete root/b/y/", "rename root/a root/b", "create root/a/", "create root/a/y/"],
  },
  {
    row: "row 3: a file that is exchanged with a symbolic link",
    before: ({ at }) => {
      write(at("root/a"));
      symlinkSync("nowhere", at("root/b"));
    },
    steps: ({ at }) => exchange(at("root/a"), at("root/b")),
    events: ["rename root/a root/b", "create root/a@"],
  },
  {
    row: "row 3: what is exchanged with something outside is another one",
    before: ({ at }) => {
      mkdirSync(at("root/a/x"), { recursive: true });
      mkdirSync(at("out/b/y"), { recursive: true });
    },
    steps: ({ at }) => exchange(at("root/a"), at("out/b")),
    events: ["delete root/a/x/", "delete root/a/", "create root/a/", "create root/a/y/"],
  },
  {
    row: "row 3: something outside that is exchanged with what is watched comes in its place",
    before: ({ at }) => {
      mkdirSync(at("root/a/x"), { recursive: true });
      write(at("root/b"));
      mkdirSync(at("out/a/y"), { recursive: true });
      mkdirSync(at("out/b/z"), { recursive: true });
    },
    steps: ({ at }) => {
      exchange(at("out/a"), at("root/a"));
      exchange(at("out/b"), at("root/b"));
    },
    events: [
      "create root/a/",
      "create root/a/y/",
      "create root/b/",
      "create root/b/z/",
      "delete root/a/",
      "delete root/a/x/",
      "delete root/b",
    ],
    anyOrder: true,
  },
  {
    row: "row 3: what is exchanged with something that is left out",
    before: ({ at }) => {
      write(at("root/a"));
      write(at("root/a.log"));
    },
    options: { ignore: "*.log" },
    steps: ({ at }) => exchange(at("root/a"), at("root/a.log")),
    events: ["delete root/a", "create root/a"],
  },
  {
    row: "row 6: with atomic, two files that are exchanged",
    before: ({ at }) => {
      write(at("root/a"));
      write(at("root/b"));
    },
    options: { atomic: true },
    steps: ({ at }) => exchange(at("root/a"), at("root/b")),
    events: ["rename root/a root/b", "create root/a"],
  },
  {
    row: "row 11: a root that is exchanged with another directory is that one",
    before: ({ at }) => {
      mkdirSync(at("root/x"));
      mkdirSync(at("out/y"));
    },
    steps: ({ at }) => exchange(at("root"), at("out")),
    events: ["delete root/x/", "delete root/", "create root/", "create root/y/"],
  },
  {
    row: "row 11: two roots that are exchanged",
    before: ({ at }) => {
      mkdirSync(at("root/x"));
      mkdirSync(at("out/y"));
    },
    watch: ({ at }) => [at("root"), at("out")],
    steps: ({ at }) => {
      exchange(at("root"), at("out"));
      mkdirSync(at("root/new"));
      mkdirSync(at("out/newer"));
    },
    events: [
      "delete out/y/",
      "rename root/ out/",
      "create root/",
      "create out/newer/",
      "create root/new/",
      "create root/y/",
    ],
    anyOrder: true,
  },
  {
    row: "row 11: a directory above a root that is exchanged with another one",
    before: ({ at }) => {
      mkdirSync(at("x/y/old"), { recursive: true });
      mkdirSync(at("z/y/new"), { recursive: true });
    },
    watch: ({ at }) => at("x/y"),
    steps: ({ at }) => exchange(at("x"), at("z")),
    events: ["create x/y/new/", "delete x/y/old/"],
    anyOrder: true,
  },
];

describe.each(ways)("$backend", (way) => {
  testRows(way, rows);

  test("row 3: exchanges that are followed by more before they are read end as the disk is", async () => {
    const after: Readonly<Record<string, (a: string, b: string) => void>> = {
      "back again": (a, b) => exchange(a, b),
      "three times": (a, b) => {
        exchange(a, b);
        exchange(b, a);
      },
      "one deleted": (a) => unlinkSync(a),
      "the other deleted": (_, b) => unlinkSync(b),
      "one renamed": (a, b) => renameSync(a, `${b}2`),
      "one over the other": (a, b) => renameSync(a, b),
      "the other over one": (a, b) => renameSync(b, a),
      "something over one": (a, b) => {
        write(`${b}2`);
        renameSync(`${b}2`, a);
      },
    };
    for (const [name, more] of Object.entries(after)) {
      using dir = tempDir(way.base);
      const [a, b] = [dir.at("a"), dir.at("b")];
      for (const path of [a, b]) write(path);
      await using watcher = watch(dir.path, { backend: way.backend, initial: true });
      exchange(a, b);
      more(a, b);
      await watcher.sync();
      const model = new Model();
      model.apply(watcher.readEventsSync());
      expect([name, model.wrong, listed(model.entries)]).toEqual([
        name,
        [],
        listed(treeOf(dir.path)),
      ]);
    }
  }, 30_000);
});
