/** What is known of a tree, in memory. */
import { expect, test } from "bun:test";

import { KINDS } from "../../src/watch/disk/look.ts";
import { KIND, type Node, NONE, ROW } from "../../src/watch/tree/node.ts";
import { nameOfText } from "../../src/watch/tree/paths.ts";
import { Tree } from "../../src/watch/tree/tree.ts";

const DT_DIR = 4;
const DT_REG = 8;

/** Rows as a read of a directory has them. */
function rowsOf(names: readonly string[], typeOf: (at: number) => number = () => DT_REG) {
  const bytes = Buffer.from(names.join(""));
  const rows = new Int32Array(names.length * ROW.LENGTH);
  let start = 0;
  for (const [at, name] of names.entries()) {
    const length = Buffer.byteLength(name);
    rows.set([at + 1, -1, typeOf(at), start, length], at * ROW.LENGTH);
    start += length;
  }
  return { bytes, rows, count: names.length };
}

function childrenOf(tree: Tree, dir: Node): string[] {
  const names: string[] = [];
  for (let child = tree.first(dir); child !== NONE; child = tree.next(child))
    names.push(Buffer.from(tree.name(child)).toString());
  return names.toSorted();
}

test("Tree.fill() adds what is not there, and stops at what is or what it may not add", () => {
  const tree = new Tree();
  const root = tree.add(NONE, nameOfText(""), KIND.DIRECTORY, 1);
  const known = tree.add(root, nameOfText("b"), KIND.FILE, 7);
  const { bytes, rows, count } = rowsOf(["a", "b", "c", "d"], (at) => [8, 8, DT_DIR, 0][at] ?? 0);
  const met: Node[] = [];
  const fill = (from: number): number => tree.fill(root, bytes, rows, from, count, KINDS, met);
  expect(fill(0)).toBe(1);
  expect(fill(2)).toBe(3);
  expect(fill(4)).toBe(4);
  expect(childrenOf(tree, root)).toEqual(["a", "b", "c"]);
  expect(tree.size).toBe(4);
  const c = tree.find(root, nameOfText("c"));
  expect(met).toEqual([c]);
  expect([tree.kind(c), tree.ino(c), tree.parent(c)]).toEqual([
    KIND.DIRECTORY,
    0x1ff800 * 2 ** 32 + 3,
    root,
  ]);
  expect([tree.ino(known), tree.find(root, nameOfText("d"))]).toEqual([7, NONE]);
});

test("Tree.fill() and removals leave each entry where its name leads, however many there are", () => {
  const tree = new Tree();
  const root = tree.add(NONE, nameOfText(""), KIND.DIRECTORY, 1);
  const nameAt = (at: number): string => `${at}${"x".repeat(at % 40)}`;
  const dirs = Array.from({ length: 40 }, (_, at) =>
    tree.add(root, nameOfText(nameAt(at)), KIND.DIRECTORY, at),
  );
  const met: Node[] = [];
  const names = Array.from({ length: 1300 }, (_, at) => nameAt(at));
  const { bytes, rows, count } = rowsOf(names, (at) => (at % 7 === 0 ? DT_DIR : DT_REG));
  for (const dir of dirs) expect(tree.fill(dir, bytes, rows, 0, count, KINDS, met)).toBe(count);
  expect(tree.size).toBe(1 + dirs.length * (1 + count));
  for (const [at, dir] of dirs.entries())
    if (at % 2 === 0) while (tree.first(dir) !== NONE) tree.remove(tree.first(dir));
  for (const [at, dir] of dirs.entries())
    if (at % 4 === 0) expect(tree.fill(dir, bytes, rows, 0, count, KINDS, met)).toBe(count);
  const expected = names.toSorted();
  for (const [at, dir] of dirs.entries())
    expect(childrenOf(tree, dir)).toEqual(at % 4 === 2 ? [] : expected);
  const wrong = dirs.filter((dir, at) =>
    names.some((name) => {
      const node = tree.find(dir, nameOfText(name));
      return at % 4 === 2 ? node !== NONE : tree.parent(node) !== dir;
    }),
  );
  expect(wrong).toEqual([]);
});

test("Tree moves the names that are left a few at a time, and gives back the memory of the others", () => {
  const tree = new Tree();
  const root = tree.add(NONE, nameOfText(""), KIND.DIRECTORY, 1);
  const nameAt = (at: number): string => `${at}${"x".repeat(at % 30)}`;
  const add = (at: number): Node => tree.add(root, nameOfText(nameAt(at)), KIND.FILE, at);
  const nodes = Array.from({ length: 60_000 }, (_, at) => add(at));
  const whole = tree.byteLength;
  // New names come while the others are moved, which happens several times.
  let count = nodes.length;
  const sizes: number[] = [];
  for (let at = 0; at < 59_000; at++) {
    tree.remove(nodes[at] ?? NONE);
    if (at % 10 === 0) nodes.push(add(count++));
    sizes.push(tree.byteLength);
  }
  const steps = sizes.keys().filter((at) => at > 0 && sizes[at] !== sizes[at - 1]);
  const [begins = 0, ...later] = [...steps];
  const ends = later.find((at) => (sizes[at] ?? 0) < (sizes[at - 1] ?? 0)) ?? 0;
  expect((sizes[begins] ?? 0) - (sizes[begins - 1] ?? 0)).toBe(1024);
  expect(ends - begins).toBeGreaterThan(500);
  expect(tree.byteLength).toBeLessThan(whole - 500_000);
  for (let at = 59_000; at < count; at++) {
    const node = nodes[at] ?? NONE;
    expect(Buffer.from(tree.name(node)).toString()).toBe(nameAt(at));
    expect(tree.find(root, nameOfText(nameAt(at)))).toBe(node);
  }
});
