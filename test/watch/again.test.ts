/** Names that are taken again before anything is read, which the kernel may tell of as if they had been taken once. */
import { describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { watch } from "bun-butter";

import { exchange } from "../support/exchange.ts";
import { tempDir } from "../support/temp.ts";
import { listed, Model, treeOf, ways } from "../support/watch.ts";

type At = (name: string) => string;

const cases: readonly (readonly [title: string, steps: (at: At, out: At) => void])[] = [
  [
    "by a link to what was renamed",
    (at) => {
      writeFileSync(at("a"), "");
      renameSync(at("a"), at("b"));
      linkSync(at("b"), at("a"));
    },
  ],
  [
    "by what was renamed, after a rename to and fro",
    (at) => {
      writeFileSync(at("a"), "");
      for (const [from, to] of [
        ["a", "b"],
        ["b", "a"],
        ["a", "b"],
        ["b", "a"],
      ] as const)
        renameSync(at(from), at(to));
    },
  ],
  [
    "by a directory that came back",
    (at) => {
      mkdirSync(at("a"));
      writeFileSync(at("a/file"), "");
      renameSync(at("a"), at("b"));
      renameSync(at("b"), at("a"));
      renameSync(at("a"), at("b"));
    },
  ],
  [
    "by a link to what was renamed over what was deleted",
    (at) => {
      writeFileSync(at("b"), "");
      unlinkSync(at("b"));
      writeFileSync(at("a"), "");
      renameSync(at("a"), at("b"));
      linkSync(at("b"), at("a"));
      unlinkSync(at("b"));
    },
  ],
  [
    "by two directories from outside, each in exchange for the one before",
    (at, out) => {
      writeFileSync(at("a"), "");
      mkdirSync(out("b"));
      mkdirSync(out("c/file"), { recursive: true });
      exchange(at("a"), out("b"));
      exchange(out("c"), at("a"));
    },
  ],
];

describe.each(ways)("$backend tells of a name that is taken again", ({ backend, base }) => {
  test.each(cases)("%s", async (_, steps) => {
    using dir = tempDir(base);
    const [root, outside] = [dir.at("root"), dir.at("out")];
    for (const path of [root, outside]) mkdirSync(path);
    await using watcher = watch(root, { backend });
    await watcher.ready;
    steps(
      (name) => join(root, name),
      (name) => join(outside, name),
    );
    await watcher.sync();
    const model = new Model();
    model.entries.set(root, "directory");
    model.apply(watcher.readEventsSync());
    expect(model.wrong).toEqual([]);
    const told = listed(model.entries).filter((line) => !line.startsWith(`${root} `));
    expect(told.toSorted()).toEqual(
      listed(treeOf(root))
        .filter((line) => !line.startsWith(`${root} `))
        .toSorted(),
    );
  });
});
