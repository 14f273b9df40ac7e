/** Directories that are watched by their paths, while those change between the two calls. */
import { describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { Trust } from "../../src/watch/directories/trust.ts";
import { exchange } from "../support/exchange.ts";
import { memory, tempDir } from "../support/temp.ts";
import { listed, seeded, treeOf } from "../support/watch.ts";
import { Watching } from "../support/watching.ts";

/** More of them by hand. */
const SEEDS = Number(process.env["BUTTER_SEEDS"] ?? 60);

/** Two directories with the same below them, but for the names and contents of files. */
function make(root: string): void {
  for (const top of ["p", "q"]) {
    mkdirSync(join(root, top, "n/deep"), { recursive: true });
    for (const at of ["", "n", "n/deep"]) {
      writeFileSync(join(root, top, at, "both"), "text");
      writeFileSync(join(root, top, at, `of-${top}`), "text");
    }
  }
}

/** Where it happens: `root` is watched, `other` is beside the directory that it is in. */
interface Place {
  readonly root: string;
  readonly outside: string;
  readonly above: string;
  readonly other: string;
}

type Step = (place: Place) => void;

const swap: Step = ({ root }) => exchange(`${root}/p`, `${root}/q`);
const swapAbove: Step = ({ above, other }) => exchange(above, other);

/** What happens before and after the call that watches `root/p/n` by its path, and opens it then. */
const cases: readonly (readonly [title: string, before: Step | undefined, after: Step])[] = [
  ["the directory above it changes places with another", undefined, swap],
  ["the directory above it is in its place again", swap, swap],
  [
    "it changes places with another",
    undefined,
    ({ root }) => exchange(`${root}/p/n`, `${root}/q/n`),
  ],
  [
    "another one takes its place, and it is moved",
    undefined,
    ({ root }) => {
      renameSync(`${root}/p/n`, `${root}/moved`);
      renameSync(`${root}/q/n`, `${root}/p/n`);
    },
  ],
  [
    "one from outside takes its place, and it goes there",
    undefined,
    ({ root, outside }) => {
      renameSync(`${root}/p/n`, `${outside}/gone`);
      renameSync(`${outside}/n`, `${root}/p/n`);
    },
  ],
  [
    "what is above it is moved, and another one takes the place of that",
    undefined,
    ({ root }) => {
      renameSync(`${root}/p`, `${root}/moved`);
      renameSync(`${root}/q`, `${root}/p`);
    },
  ],
  [
    "it is deleted and made again",
    undefined,
    ({ root }) => {
      rmSync(`${root}/p/n`, { recursive: true });
      mkdirSync(`${root}/p/n`);
      writeFileSync(`${root}/p/n/new`, "text");
    },
  ],
  [
    "a link takes its place",
    undefined,
    ({ root, outside }) => {
      renameSync(`${root}/p/n`, `${root}/moved`);
      symlinkSync(`${outside}/n`, `${root}/p/n`);
    },
  ],
  [
    "a link takes the place of what is above it",
    undefined,
    ({ root, outside }) => {
      renameSync(`${root}/p`, `${root}/moved`);
      symlinkSync(outside, `${root}/p`);
    },
  ],
  ["it goes away", undefined, ({ root, outside }) => renameSync(`${root}/p/n`, `${outside}/gone`)],
  ["what is above the root changes places with another", undefined, swapAbove],
  ["what is above the root is in its place again", swapAbove, swapAbove],
];

describe.each([true, false])("Trust, when what is there is told of: %p", (loud) => {
  test.each(cases)("ends as the disk does if between the two calls %s", (_, before, after) => {
    using dir = tempDir();
    const place: Place = {
      root: dir.at("above/root"),
      outside: dir.at("outside"),
      above: dir.at("above"),
      other: dir.at("other"),
    };
    const { root, outside } = place;
    make(root);
    make(dir.at("other/root"));
    writeFileSync(dir.at("other/root/p/n/elsewhere"), "text");
    mkdirSync(`${outside}/n`, { recursive: true });
    writeFileSync(`${outside}/n/of-outside`, "text");
    let calls = 0;
    using watching = new Watching(root, loud, {
      before: (path) => {
        if (path === `${root}/p/n` && calls === 0) before?.(place);
      },
      after: (path) => {
        if (path === `${root}/p/n` && calls++ === 0) after(place);
      },
    });
    expect(calls).toBe(1);
    // Nothing of it was read yet, and nobody hears of this if it is another directory that is watched.
    for (const path of [`${root}/p/n/both`, `${root}/q/n/both`])
      if (treeOf(path).size > 0) appendFileSync(path, "more");
    const told = watching.read();
    const there = [...treeOf(root).keys()].toSorted();
    expect(watching.known).toEqual(there);
    if (before === swapAbove) expect(told).toContain(`change ${root}/p/n/both`);
    if (loud) {
      expect(watching.model.wrong).toEqual([]);
      expect(listed(watching.model.entries)).toEqual(listed(treeOf(root)));
    }
    // All of it is watched, and by its own name.
    const directories = [...treeOf(root)].filter(([, kind]) => kind === "directory");
    for (const [path] of directories) writeFileSync(`${path}/late`, "");
    const late = watching.read().filter((line) => line.startsWith("create "));
    expect(late.toSorted()).toEqual(directories.map(([path]) => `create ${path}/late`).toSorted());
  });
});

/** Renames and exchanges directories of a tree at random, a few times at most. */
function disturb(root: string, seed: number): () => void {
  const random = seeded(seed);
  let left = 1 + random(8);
  const rate = 1 + random(12);
  return () => {
    if (left === 0 || random(rate) !== 0) return;
    left--;
    const [a, b, c, d] = [3, 3, 3, 3].map((below) => `${root}/${random(below)}`);
    const [in_a, in_b] = [`${a}/${random(3)}`, `${b}/${random(3)}`];
    if (a === undefined || b === undefined || c === undefined || d === undefined) return;
    const ways: readonly (() => void)[] = [
      () => exchange(a, b),
      () => exchange(in_a, in_b),
      () => exchange(`${in_a}/x`, `${in_b}/x`),
      () => {
        renameSync(a, `${root}/away`);
        renameSync(`${root}/away`, a);
      },
      () => {
        if (c === d) return;
        renameSync(c, `${root}/away`);
        renameSync(d, c);
        renameSync(`${root}/away`, d);
      },
    ];
    ways[random(ways.length)]?.();
  };
}

test("Trust ends as the disk does whatever is renamed before and after each call", () => {
  const wrong: number[] = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    using dir = tempDir(memory);
    const root = dir.at("root");
    for (let a = 0; a < 3; a++)
      for (let b = 0; b < 3; b++) {
        mkdirSync(`${root}/${a}/${b}/x`, { recursive: true });
        for (const at of ["", "x"]) writeFileSync(join(root, `${a}/${b}`, at, `${a}-${b}`), "");
      }
    const random = disturb(root, seed);
    using watching = new Watching(root, true, { before: random, after: random });
    for (let turn = 0; turn < 3; turn++) watching.read();
    const isRight = Bun.deepEquals(listed(watching.model.entries), listed(treeOf(root)));
    if (!isRight || watching.model.wrong.length > 0) wrong.push(seed);
  }
  expect(wrong).toEqual([]);
}, 60_000);

test("Trust ends when what was read after some time brought nothing to look at, twice", () => {
  const trust = new Trust();
  expect(trust.since).toBe(Infinity);
  trust.begin();
  const { since } = trust;
  expect([since <= Date.now(), trust.isOn]).toEqual([true, true]);
  const now = performance.now();
  trust.emptied(now + 60_000);
  trust.end();
  for (const [after, until] of [
    [9_000, since],
    [60_000, since],
    [61_000, since],
    [75_000, Infinity],
  ] as const) {
    trust.emptied(now + after);
    expect(trust.since).toBe(until);
  }
});
