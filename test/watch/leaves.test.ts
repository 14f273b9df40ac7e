/** Entries that nobody has asked for. */
import { expect, test } from "bun:test";

import {
  linux_dirent64_rows,
  type Pinned,
  pinned,
  read_linux_dirents64_rows,
} from "bun-butter/syscalls";
import fc from "fast-check";

import {
  KINDS,
  KINDS_WITHOUT_LINKS,
  LEAF_KINDS,
  LEAF_KINDS_WITHOUT_LINKS,
} from "../../src/watch/disk/look.ts";
import { identity, KIND, type Kind, type Node, NONE } from "../../src/watch/tree/node.ts";
import { keyOf, nameOf, nameOfText } from "../../src/watch/tree/paths.ts";
import { Tree } from "../../src/watch/tree/tree.ts";

const TYPES = { [KIND.FILE]: 8, [KIND.DIRECTORY]: 4, [KIND.SYMLINK]: 10, [KIND.OTHER]: 1 };

interface Entry {
  readonly name: Uint8Array;
  readonly kind: Kind;
  readonly low: number;
  readonly high: number;
}

/** Writes entries as one read returns them. @returns How many bytes they are. */
function write({ view, bytes }: Pinned, entries: readonly Entry[]): number {
  // What is behind a name's NUL is whatever was there.
  bytes.fill(0x41);
  let length = 0;
  for (const { name, kind, low, high } of entries) {
    const reclen = (19 + name.length + 1 + 7) & ~7;
    view.setInt32(length, low, true);
    view.setInt32(length + 4, high, true);
    view.setUint16(length + 16, reclen, true);
    bytes[length + 18] = TYPES[kind];
    bytes.set(name, length + 19);
    bytes[length + 19 + name.length] = 0;
    length += reclen;
  }
  return length;
}

/** Fills a directory with what one read returned. @returns Those that are directories. */
function fill(tree: Tree, dir: Node, entries: readonly Entry[]): { end: number; met: Node[] } {
  using buffer = pinned(entries.reduce((sum, { name }) => sum + name.length + 32, 32));
  const length = write(buffer, entries);
  const rows = linux_dirent64_rows(buffer.byteLength);
  const met: Node[] = [];
  let end = entries.length;
  if (tree.isEmpty(dir))
    expect(tree.keep(dir, buffer, length, KINDS, LEAF_KINDS, rows, met)).toBe(true);
  else {
    const count = read_linux_dirents64_rows(buffer, length, rows);
    end = tree.fill(dir, buffer.bytes, rows, 0, count, KINDS, met);
  }
  buffer.bytes.fill(0xff);
  return { end, met };
}

function entry(name: string, kind: Kind = KIND.FILE, low: number = 1, high: number = 0): Entry {
  return { name: Buffer.from(name), kind, low, high };
}

/** All that is known of what is in a directory, by name. */
function contents(tree: Tree, dir: Node): Map<string, readonly [Kind, number]> {
  const found = new Map<string, readonly [Kind, number]>();
  for (let node = tree.first(dir); node !== NONE; node = tree.next(node)) {
    expect([tree.parent(node), tree.find(dir, nameOf(tree.name(node)))]).toEqual([dir, node]);
    found.set(keyOf(tree.name(node)), [tree.kind(node), tree.ino(node)]);
  }
  return found;
}

function leavesOf(tree: Tree, dir: Node): string[] {
  const names: string[] = [];
  const end = tree.endOfLeaves(dir);
  for (let leaf = tree.firstLeaf(dir); leaf !== end; leaf = tree.nextLeaf(leaf))
    names.push(keyOf(tree.leafName(leaf).bytes));
  return names;
}

function numbered(tree: Tree, dir: Node): string[] {
  const names: string[] = [];
  for (let node = tree.firstNumbered(dir); node !== NONE; node = tree.next(node))
    names.push(keyOf(tree.name(node)));
  return names.toSorted();
}

function treeWith(): { tree: Tree; dir: Node } {
  const tree = new Tree();
  return { tree, dir: tree.add(NONE, nameOfText(""), KIND.DIRECTORY, 1) };
}

test("Tree.keep() gives no numbers to what is no directory, until one of them is asked for", () => {
  const { tree, dir } = treeWith();
  const long = "n".repeat(255);
  const bytes = Buffer.from([0xff, 0x41, 0xfe]);
  const entries: Entry[] = [
    entry("a", KIND.FILE, 1),
    entry("sub", KIND.DIRECTORY, 2),
    entry(long, KIND.SYMLINK, -1, 0x1fffff),
    { name: bytes, kind: KIND.OTHER, low: 3, high: -1 },
    entry("last", KIND.FILE, 0x7fffffff, 0x200000),
  ];
  const { end, met } = fill(tree, dir, entries);
  expect([end, met.length, tree.size]).toEqual([5, 1, 6]);
  expect(numbered(tree, dir)).toEqual(["sub"]);
  expect(leavesOf(tree, dir)).toEqual(["a", long, keyOf(bytes), "last"]);
  const last = tree.find(dir, nameOfText("last"));
  expect([tree.kind(last), tree.ino(last)]).toEqual([KIND.FILE, identity(0x7fffffff, 0x200000)]);
  expect([leavesOf(tree, dir), tree.size]).toEqual([[], 6]);
  expect(contents(tree, dir)).toEqual(
    new Map([
      ["a", [KIND.FILE, 1]],
      ["sub", [KIND.DIRECTORY, 2]],
      [long, [KIND.SYMLINK, 0x1fffff * 2 ** 32 + 0xffffffff]],
      [keyOf(bytes), [KIND.OTHER, identity(3, 0xffffffff)]],
      ["last", [KIND.FILE, identity(0x7fffffff, 0x200000)]],
    ]),
  );
});

test("Tree.fill() of a further read gives numbers to what the first one found", () => {
  const { tree, dir } = treeWith();
  fill(tree, dir, [entry("a", KIND.FILE, 1), entry("b", KIND.FILE, 2)]);
  expect(fill(tree, dir, [entry("c", KIND.FILE, 3), entry("b", KIND.FILE, 9)]).end).toBe(1);
  expect([leavesOf(tree, dir), numbered(tree, dir), tree.size]).toEqual([[], ["a", "b", "c"], 4]);
  expect(tree.ino(tree.find(dir, nameOfText("b")))).toBe(2);
});

test("Tree counts a name once that one read told of twice, and never makes a file of a directory", () => {
  const { tree, dir } = treeWith();
  fill(tree, dir, [
    entry("twice", KIND.FILE, 1),
    entry("d", KIND.FILE, 2),
    entry("twice", KIND.SYMLINK, 3),
    entry("d", KIND.DIRECTORY, 4),
    entry("rest", KIND.FILE, 5),
  ]);
  expect(contents(tree, dir)).toEqual(
    new Map([
      ["twice", [KIND.SYMLINK, 3]],
      ["d", [KIND.DIRECTORY, 4]],
      ["rest", [KIND.FILE, 5]],
    ]),
  );
  expect(tree.size).toBe(4);
});

test("Tree.keep() adds all directories of a read that told of one of them twice", () => {
  const { tree, dir } = treeWith();
  const twice = ["a", "a", "b", "b", "c"].map((name, at) => entry(name, KIND.DIRECTORY, at));
  const { met } = fill(tree, dir, [...twice, entry("x")]);
  expect(met.map((node) => keyOf(tree.name(node)))).toEqual(["a", "b", "c"]);
  expect([numbered(tree, dir), leavesOf(tree, dir), tree.size]).toEqual([
    ["a", "b", "c"],
    ["x"],
    5,
  ]);
});

test("Tree.keep() adds nothing of a read that does not tell the kind of all", () => {
  const { tree, dir } = treeWith();
  const [a, b, c] = [entry("a"), entry("b", KIND.DIRECTORY), entry("c", KIND.SYMLINK)];
  using buffer = pinned(1024);
  const length = write(buffer, [a, b, c]);
  const met: Node[] = [];
  const rows = linux_dirent64_rows(buffer.byteLength);
  const kinds = [KINDS_WITHOUT_LINKS, LEAF_KINDS_WITHOUT_LINKS] as const;
  expect(tree.keep(dir, buffer, length, ...kinds, rows, met)).toBe(false);
  expect([tree.isEmpty(dir), met, tree.size]).toEqual([true, [], 1]);
});

test("Tree gives numbers to what is in a directory before something joins, or is held in it", () => {
  const { tree, dir } = treeWith();
  fill(tree, dir, [entry("a"), entry("sub", KIND.DIRECTORY), entry("to", KIND.DIRECTORY)]);
  const [sub, to] = ["sub", "to"].map((name) =>
    [tree.firstNumbered(dir), tree.next(tree.firstNumbered(dir))].find(
      (node) => keyOf(tree.name(node)) === name,
    ),
  ) as [Node, Node];
  for (const one of [sub, to]) fill(tree, one, [entry("x")]);
  tree.conceal(sub);
  expect(leavesOf(tree, dir)).toEqual([]);
  tree.move(sub, to, nameOfText("sub"));
  expect([numbered(tree, to), numbered(tree, dir)]).toEqual([
    ["sub", "x"],
    ["a", "to"],
  ]);
  expect(leavesOf(tree, sub)).toEqual(["x"]);
});

test("Tree keeps nothing of what is discarded, or removed", () => {
  const { tree, dir } = treeWith();
  const [sub = NONE] = fill(tree, dir, [entry("sub", KIND.DIRECTORY), entry("a")]).met;
  fill(tree, sub, [entry("x"), entry("y")]);
  tree.remove(sub);
  expect(tree.size).toBe(2);
  tree.discard(dir);
  expect(tree.size).toBe(1);
  const again = tree.add(dir, nameOfText("again"), KIND.DIRECTORY, 1);
  expect([again, tree.first(again), tree.first(dir)]).toEqual([sub, NONE, again]);
});

test("Tree gives back the memory of what got numbers, and keeps the rest as it is", () => {
  const { tree, dir } = treeWith();
  const names = Array.from({ length: 3000 }, (_, at) => entry(`${at}`, KIND.DIRECTORY, at));
  const { met } = fill(tree, dir, names);
  const inside = (at: number): Entry[] =>
    Array.from({ length: 1 + (at % 9) }, (_, index) =>
      entry(`${index}`.padEnd(1 + ((at * 7) % 255), "x"), KIND.FILE, at, at % 2 === 0 ? index : 0),
    );
  for (const [at, one] of met.entries()) fill(tree, one, inside(at));
  const before = tree.byteLength;
  const size = tree.size;
  for (const [at, one] of met.entries()) if (at % 8 !== 0) tree.discard(one);
  expect(tree.byteLength).toBeLessThan(before / 2);
  expect(tree.size).toBeLessThan(size / 2);
  const wrong = met.filter((one, at) => {
    const expected = inside(at).map(({ name }) => keyOf(name));
    return !Bun.deepEquals(leavesOf(tree, one), at % 8 === 0 ? expected : []);
  });
  expect(wrong).toEqual([]);
  const inode = tree.ino(
    tree.find(met[2976] ?? NONE, nameOf(inside(2976)[5]?.name ?? Buffer.alloc(0))),
  );
  expect(inode).toBe(identity(2976, 5));
});

test("Tree knows what a map of maps does, whichever entries are asked for", () => {
  const name = fc
    .uint8Array({ minLength: 1, maxLength: 3, max: 4 })
    .map((bytes) => Buffer.from(bytes.map((byte) => [0x61, 0x62, 0xff, 0xc3, 0xa9][byte] ?? 0x61)));
  const ino = fc.integer({ min: -0x80000000, max: 0x7fffffff });
  const some = fc.record({
    name,
    kind: fc.constantFrom(KIND.FILE, KIND.FILE, KIND.SYMLINK, KIND.OTHER, KIND.DIRECTORY),
    low: ino,
    high: fc.oneof(fc.constant(0), ino),
  });
  const which = fc.nat(1000);
  const step = fc.oneof(
    fc.record({
      what: fc.constant("fill" as const),
      which,
      entries: fc.array(some, { maxLength: 12 }),
    }),
    fc.record({ what: fc.constantFrom("find", "remove", "first"), which, name }),
    fc.record({ what: fc.constant("move" as const), which, name, to: which }),
    fc.record({ what: fc.constant("add" as const), which, one: some }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { tree, dir: root } = treeWith();
      type Known = Map<string, readonly [Kind, number]>;
      const model = new Map<Node, Known>([[root, new Map()]]);
      const isEmpty = (node: Node): boolean => (model.get(node)?.size ?? 0) === 0;
      for (const one of steps) {
        const dirs = [...model.keys()];
        const dir = dirs[one.which % dirs.length] ?? root;
        const known = model.get(dir) as Known;
        const add = ({ name: called, kind, low, high }: Entry): void => {
          known.set(keyOf(called), [kind, identity(low >>> 0, high >>> 0)]);
        };
        if ("entries" in one) {
          // One read tells of a name once.
          const names = new Set(known.keys());
          const entries = one.entries.filter(
            (each) => !names.has(keyOf(each.name)) && names.add(keyOf(each.name)),
          );
          const { end, met } = fill(tree, dir, entries);
          expect(end).toBe(entries.length);
          entries.forEach(add);
          for (const node of met) model.set(node, new Map());
        } else if ("one" in one) {
          const called = nameOf(one.one.name);
          if (tree.find(dir, called) !== NONE) continue;
          const node = tree.add(
            dir,
            called,
            one.one.kind,
            identity(one.one.low >>> 0, one.one.high >>> 0),
          );
          add(one.one);
          if (one.one.kind === KIND.DIRECTORY) model.set(node, new Map());
        } else {
          const key = keyOf(one.name);
          if (one.what === "first") {
            expect(contents(tree, dir)).toEqual(known);
            continue;
          }
          const node = tree.find(dir, nameOf(one.name));
          expect(node !== NONE).toBe(known.has(key));
          if (node === NONE) continue;
          if (one.what === "remove" && isEmpty(node)) {
            tree.remove(node);
            known.delete(key);
            model.delete(node);
          } else if ("to" in one) {
            const to = dirs[one.to % dirs.length] ?? root;
            if (tree.isWithin(to, node) || tree.find(to, nameOf(one.name)) !== NONE) continue;
            tree.move(node, to, nameOf(one.name));
            model.get(to)?.set(key, known.get(key) ?? [KIND.FILE, 0]);
            known.delete(key);
          }
        }
        let size = 1;
        for (const each of model.values()) size += each.size;
        expect(tree.size).toBe(size);
      }
      for (const [dir, known] of model) expect(contents(tree, dir)).toEqual(known);
    }),
  );
});
