/** Links to directories that are followed, as they come, move, are replaced and lead elsewhere. */
import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";

import { watch, type WatchKind } from "bun-butter";

import { LinkProgram } from "../support/link-program.ts";
import { parallel } from "../support/parallel.ts";
import { type Outcome, right, seeds } from "../support/replay.ts";
import { type Row, testRows, write } from "../support/rows.ts";
import { tempDir } from "../support/temp.ts";
import { listed, Model, seeded, type Way, ways } from "../support/watch.ts";

const options = { followSymlinks: true };

const rows: readonly Row[] = [
  {
    row: "a file that takes the place of a link ends what was below that",
    before: ({ at }) => {
      mkdirSync(at("out/dir/sub"), { recursive: true });
      symlinkSync("../out/dir", at("root/link"));
      write(at("root/file"));
      write(at("out/file"));
    },
    options,
    steps: ({ at }) => renameSync(at("out/file"), at("root/link")),
    events: ["delete root/link/sub/", "change root/link"],
  },
  {
    row: "a link that comes to be below what it leads to is entered no more",
    before: ({ at }) => {
      mkdirSync(at("root/a/sub"), { recursive: true });
      mkdirSync(at("root/b"));
      symlinkSync(at("root/a"), at("root/b/link"));
    },
    options,
    steps: ({ at }) => renameSync(at("root/b"), at("root/a/b")),
    events: [
      "rename root/b/ root/a/b/",
      "create root/a/b/link/b/",
      "delete root/a/b/link/b/",
      "delete root/a/b/link/sub/",
    ],
    anyOrder: true,
  },
  {
    row: "a link that is not below what it leads to any more is entered",
    before: ({ at }) => {
      mkdirSync(at("root/a/sub"), { recursive: true });
      mkdirSync(at("root/a/b"));
      symlinkSync(at("root/a"), at("root/a/b/link"));
    },
    options,
    steps: ({ at }) => renameSync(at("root/a/b"), at("root/b")),
    events: ["rename root/a/b/ root/b/", "create root/b/link/sub/"],
  },
  {
    row: "a link leads nowhere when a directory on its way is renamed",
    before: ({ at }) => {
      mkdirSync(at("root/a/b/c"), { recursive: true });
      symlinkSync("a/b", at("root/link"));
    },
    options,
    steps: ({ at }) => renameSync(at("root/a"), at("root/z")),
    events: ["rename root/a/ root/z/", "delete root/link/c/"],
  },
  {
    row: "a link in a directory that is renamed leads elsewhere from there",
    before: ({ at }) => {
      mkdirSync(at("root/x/old"), { recursive: true });
      mkdirSync(at("root/sub/x/new"), { recursive: true });
      mkdirSync(at("root/dir"));
      symlinkSync("../x", at("root/dir/link"));
    },
    options,
    steps: ({ at }) => renameSync(at("root/dir"), at("root/sub/dir")),
    events: [
      "rename root/dir/ root/sub/dir/",
      "create root/sub/dir/link/new/",
      "delete root/sub/dir/link/old/",
    ],
  },
  {
    row: "a link by way of another one leads elsewhere when that is replaced",
    before: ({ at }) => {
      mkdirSync(at("out/a/old"), { recursive: true });
      mkdirSync(at("out/b/new"), { recursive: true });
      symlinkSync("hop", at("root/link"));
      symlinkSync(at("out/a"), at("root/hop"));
      symlinkSync(at("out/b"), at("out/hop"));
    },
    options,
    steps: ({ at }) => renameSync(at("out/hop"), at("root/hop")),
    events: [
      "change root/hop@",
      "create root/hop/new/",
      "delete root/hop/old/",
      "create root/link/new/",
      "delete root/link/old/",
    ],
    anyOrder: true,
  },
];

/** What is there, by way of links as well, but for those that lead above themselves. */
function followed(
  path: string,
  above: readonly number[] = [],
  tree = new Map<string, WatchKind>(),
): Map<string, WatchKind> {
  const stat = lstatSync(path);
  tree.set(path, stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "symlink" : "file");
  let ino: number;
  try {
    const target = statSync(path);
    if (!target.isDirectory() || above.includes(target.ino)) return tree;
    ({ ino } = target);
  } catch {
    // It leads nowhere, or to itself.
    return tree;
  }
  for (const name of readdirSync(path)) followed(join(path, name), [...above, ino], tree);
  return tree;
}

const COUNT = 270;

/** Runs a program, whose events make a tree of which nothing but what came too late to be heard of is missing. */
async function run(seed: number, { backend, base }: Way): Promise<Outcome> {
  using dir = tempDir(base);
  const [root, outside] = [dir.at("root"), dir.at("outside")];
  for (const path of [root, outside]) mkdirSync(path);
  const random = seeded(seed * 104_729);
  const program = new LinkProgram(root, outside, seed);
  program.run(30);
  const model = new Model();
  await using watcher = watch(root, { ...options, backend, initial: true });
  await watcher.ready;
  for (let count = 0; count < COUNT;) {
    const some = 1 + random(12);
    program.run(some);
    count += some;
    if (random(3) === 0) await watcher.sync();
    model.apply(watcher.readEventsSync());
  }
  await watcher.sync();
  model.apply(watcher.readEventsSync());
  const there = new Set(listed(followed(root)));
  const extra = [...new Set(listed(model.entries)).difference(there)];
  watcher.add(root);
  await watcher.sync();
  model.apply(watcher.readEventsSync());
  const told = new Set(listed(model.entries));
  return {
    seed,
    extra: [...new Set(extra).union(told.difference(there))],
    missing: [...there.difference(told)],
    wrong: model.wrong,
  };
}

describe.each(ways)("$backend", (way) => {
  testRows(way, rows);

  test("replaying the events of a random program with links makes its tree", async () => {
    // The first ones went wrong once.
    const some = new Set([3, 29, 34, 36, 39, 64, 93, 158, ...seeds]);
    const outcomes = await parallel([...some], (seed) => run(seed, way));
    expect(outcomes).toEqual([...some].map(right));
  }, 120_000);
});
