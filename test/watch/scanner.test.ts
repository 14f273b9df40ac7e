/** Directories are read in slices. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";

import { O, openat, read_linux_dirents64_rows } from "bun-butter/syscalls";

import { type Portion, Scanner } from "../../src/watch/directories/scanner.ts";
import { descriptorCount } from "../support/descriptors.ts";
import { tempDir } from "../support/temp.ts";

/** Who takes no directory without a scan. */
const slow = { isBusy: false, sweep: () => -1, take: () => false };

function countOf({ buffer, rows }: Portion, length: number): number {
  return read_linux_dirents64_rows(buffer, length, rows);
}

/** More entries with such names than two reads take, as thousands are with short ones. */
const MANY = 500;
const LONG = "x".repeat(200);

test.each([
  ["new", false],
  ["new", true],
  ["compare", false],
] as const)(
  "Scanner: what is told or looked at is read in smaller portions (%s, %p)",
  (mode, loud) => {
    using dir = tempDir();
    for (let at = 0; at < MANY; at++) writeFileSync(dir.at(`${LONG}${at}`), "");
    const counts: number[] = [];
    using scanner = new Scanner({
      ...slow,
      open: () => openat(-100, dir.path, O.RDONLY | O.DIRECTORY, 0),
      found: (_, portion, length) => counts.push(countOf(portion, length)),
      end: () => true,
    });
    scanner.push(1, mode, loud);
    scanner.run(Infinity);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(MANY);
    const isQuick = mode === "new" && !loud;
    expect(Math.max(...counts) > 100).toBe(isQuick);
  },
);

test("Scanner: of directories a few are read at once, of one with more entries than that not all", () => {
  using dir = tempDir();
  mkdirSync(dir.at("large"));
  for (let at = 0; at < MANY; at++) writeFileSync(dir.at(`large/${LONG}${at}`), "");
  const small = ["a", "b", "c", "d"];
  for (const name of small) mkdirSync(dir.at(name));
  const names = ["large", ...small];
  let entries = 0;
  const ended: string[] = [];
  using scanner = new Scanner({
    ...slow,
    open: ({ node }) => openat(-100, dir.at(names[node - 1] ?? ""), O.RDONLY | O.DIRECTORY, 0),
    found: (_, portion, length) => (entries += countOf(portion, length)),
    end: ({ node }) => ended.push(names[node - 1] ?? "") > 0,
  });
  // The last wish comes first.
  names.forEach((_, at) => scanner.push(at + 1, "new", false));
  scanner.run(-Infinity, 10);
  expect(ended).toEqual(small.toReversed());
  expect(entries).toBeGreaterThan(0);
  expect(entries).toBeLessThan(MANY);
  expect(scanner.idle).toBe(false);
  while (!scanner.idle) scanner.run(-Infinity);
  expect(ended).toEqual([...small.toReversed(), "large"]);
  expect(entries).toBe(MANY);
});

test.each(["run", "finish"] as const)(
  "Scanner: what is to be done at the end of a directory is done a part at a time (within %s)",
  (within) => {
    using dir = tempDir();
    writeFileSync(dir.at("file"), "");
    let left = 5;
    using scanner = new Scanner({
      ...slow,
      open: () => openat(-100, dir.path, O.RDONLY | O.DIRECTORY, 0),
      found: () => {},
      end: () => --left === 0,
    });
    scanner.push(1, "compare", true);
    for (const before of [5, 4, 3, 2]) {
      if (within === "run") scanner.run(-Infinity);
      else expect(scanner.finish(1, 1)).toBe(false);
      expect(left).toBe(before - 1);
      expect(scanner.isLoud(1)).toBe(true);
    }
    if (within === "run") scanner.run(-Infinity);
    else expect(scanner.finish(1)).toBe(true);
    expect([left, scanner.idle]).toEqual([0, true]);
  },
);

test.each(["run", "finish"] as const)(
  "Scanner.finish() leaves alone what another directory's read has found (within %s)",
  (within) => {
    using dir = tempDir();
    const names = ["outer", "inner", "innermost"];
    for (const name of names) {
      mkdirSync(dir.at(name));
      writeFileSync(dir.at(`${name}/in-${name}`), "");
    }
    const found: string[] = [];
    using scanner = new Scanner({
      ...slow,
      open: ({ node }) => openat(-100, dir.at(names[node - 1] ?? ""), O.RDONLY | O.DIRECTORY, 0),
      found: ({ node }, portion, length) => {
        if (node < names.length) scanner.finish(node + 1);
        const count = countOf(portion, length);
        expect(count).toBe(1);
        const [, , , start = 0, size = 0] = portion.rows;
        found.push(new TextDecoder().decode(portion.buffer.bytes.subarray(start, start + size)));
      },
      end: () => true,
    });
    // The last wish comes first.
    for (const at of names.keys()) scanner.push(names.length - at, "new", false);
    if (within === "run") scanner.run(Infinity);
    else scanner.finish(1);
    expect(found).toEqual(["in-innermost", "in-inner", "in-outer"]);
    expect(scanner.idle).toBe(true);
  },
);

/** A scanner that is told what it does with a tree: node 1 is its root, the others are numbered as they are met. */
function sweeping(dir: string, isTaken: (node: number) => boolean) {
  const paths = new Map([[1, dir]]);
  const told: string[] = [];
  const meet = ({ buffer, rows }: Portion, node: number, length: number): void => {
    const count = countOf({ buffer, rows }, length);
    for (let row = 0; row < count * 5; row += 5) {
      const start = rows[row + 3] ?? 0;
      const name = Buffer.from(buffer.bytes.subarray(start, start + (rows[row + 4] ?? 0)));
      const path = `${paths.get(node)}/${name.toString()}`;
      told.push(path.slice(dir.length + 1));
      if (rows[row + 2] !== 4) continue;
      paths.set(paths.size + 1, path);
      scanner.push(paths.size, "new", false);
    }
  };
  const open = (node: number): number =>
    openat(-100, paths.get(node) ?? "", O.RDONLY | O.DIRECTORY, 0);
  const scanner: Scanner = new Scanner({
    isBusy: false,
    sweep: (node) => open(node),
    take: (node, portion, length) => {
      if (isTaken(node)) meet(portion, node, length);
      return isTaken(node);
    },
    open: ({ node }) => open(node),
    found: ({ node }, portion, length) => meet(portion, node, length),
    end: () => true,
  });
  return { scanner, told };
}

test.each([
  ["is taken", () => true],
  ["is not", () => false],
  ["is sometimes", (node: number) => node % 2 === 0],
])("Scanner: whatever is swept is met once, if what the first read returns %s", (_, isTaken) => {
  using dir = tempDir();
  const expected: string[] = [];
  for (const sub of ["a", "a/b", "a/b/c", "d", "d/e"]) {
    mkdirSync(dir.at(sub));
    expected.push(sub);
    for (let at = 0; at < 3; at++) {
      writeFileSync(dir.at(`${sub}/${at}`), "");
      expected.push(`${sub}/${at}`);
    }
  }
  // More than one read takes.
  for (let at = 0; at < MANY; at++) {
    writeFileSync(dir.at(`d/${LONG}${at}`), "");
    expected.push(`d/${LONG}${at}`);
  }
  const before = descriptorCount();
  const { scanner, told } = sweeping(dir.path, isTaken);
  scanner.push(1, "new", false);
  while (!scanner.idle) scanner.run(-Infinity);
  expect(told.toSorted()).toEqual(expected.toSorted());
  scanner[Symbol.dispose]();
  expect(descriptorCount()).toBe(before);
});

test("Scanner: what waits can be cancelled, wished for again, and in another way", () => {
  using dir = tempDir();
  writeFileSync(dir.at("file"), "");
  const { scanner, told } = sweeping(dir.path, () => true);
  scanner.push(1, "new", false);
  expect([scanner.isLoud(1), scanner.modeOf(1)]).toEqual([false, "new"]);
  scanner.cancel(1);
  expect([scanner.isLoud(1), scanner.modeOf(1)]).toEqual([undefined, undefined]);
  scanner.run(Infinity);
  expect([told, scanner.idle]).toEqual([[], true]);
  scanner.push(1, "new", false);
  scanner.push(1, "new", false);
  scanner.push(1, "compare", true);
  // It was not to be told when it was wished for first.
  expect([scanner.isLoud(1), scanner.modeOf(1)]).toEqual([false, "compare"]);
  scanner.run(Infinity);
  expect([told, scanner.idle]).toEqual([["file"], true]);
  scanner.push(1, "new", false);
  scanner.cancel(1);
  scanner.push(1, "new", false);
  scanner.run(Infinity);
  expect([told, scanner.idle]).toEqual([["file", "file"], true]);
  scanner[Symbol.dispose]();
});
