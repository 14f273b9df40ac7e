/** Sets of names, and which of them are in a directory. */
import { describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";

import { watch } from "bun-butter";
import fc from "fast-check";

import { close, O } from "../../src/syscalls/fd.ts";
import { AT, openat } from "../../src/syscalls/open.ts";
import { listed } from "../../src/watch/disk/listing.ts";
import { NameSet } from "../../src/watch/tree/name-set.ts";
import { keyOf, nameOf } from "../../src/watch/tree/paths.ts";
import { memory, tempDir } from "../support/temp.ts";
import { ways } from "../support/watch.ts";

const named = (text: string) => nameOf(Buffer.from(text));

function setOf(names: readonly string[]): NameSet {
  const set = new NameSet();
  for (const name of names) set.add(named(name));
  return set;
}

test("NameSet keeps each name once, in order, and finds it", () => {
  const name = fc.uint8Array({ minLength: 1, maxLength: 4, max: 3 });
  fc.assert(
    fc.property(fc.array(name, { maxLength: 300 }), name, (names, other) => {
      const set = new NameSet();
      for (const bytes of names)
        set.add({ bytes: Buffer.concat([bytes, bytes]), start: 0, end: bytes.length });
      const keys = [...new Set(names.map((bytes) => keyOf(bytes)))];
      expect(set.size).toBe(keys.length);
      const kept = keys.map((_, index) => set.at(index));
      expect(kept.map(({ bytes, start, end }) => keyOf(bytes, start, end))).toEqual(keys);
      for (const bytes of [...names, other])
        expect(set.indexOf(nameOf(bytes))).toBe(keys.indexOf(keyOf(bytes)));
    }),
  );
});

describe("listed()", () => {
  const names = Array.from({ length: 20 }, (_, at) => `name-${at}`);

  /** Which of them are said to be in a directory. */
  function ask(path: string, some: readonly string[]): readonly string[] | undefined {
    const fd = openat(AT.FDCWD, path, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
    try {
      const found = listed(fd, setOf(some));
      return found && some.filter((_, at) => found[at] === 1);
    } finally {
      close(fd);
    }
  }

  test("finds those that are there among others", () => {
    using dir = tempDir(memory);
    for (const name of ["name-3", "name-17", "other", "name-"]) writeFileSync(dir.at(name), "");
    expect(ask(dir.path, names)).toEqual(["name-3", "name-17"]);
  });

  test("finds nothing in an empty directory", () => {
    using dir = tempDir(memory);
    expect(ask(dir.path, names)).toEqual([]);
  });

  test("does not answer for a large directory, for few names, and for one that is gone", () => {
    using dir = tempDir(memory);
    expect(ask(dir.path, names.slice(0, 3))).toBeUndefined();
    for (let at = 0; at < 400; at++) writeFileSync(dir.at(`a-long-name-of-a-file-${at}`), "");
    expect(ask(dir.path, names)).toBeUndefined();
    mkdirSync(dir.at("gone"));
    const fd = openat(AT.FDCWD, dir.at("gone"), O.RDONLY | O.DIRECTORY | O.CLOEXEC);
    rmSync(dir.at("gone"), { recursive: true });
    expect(listed(fd, setOf(names))).toBeUndefined();
    close(fd);
  });

  test("does not answer for a file system that may keep names otherwise", () => {
    expect(ask("/proc/self", names)).toBeUndefined();
  });
});

describe.each(ways)("$backend tells of many names that were taken again at once", (way) => {
  test("those that are there in the end", async () => {
    using dir = tempDir(way.base);
    for (const name of ["root", "out"]) mkdirSync(dir.at(name));
    const at = (name: string): string => dir.at("root", name);
    const out = (name: string): string => dir.at("out", name);
    await using watcher = watch(dir.at("root"), { backend: way.backend });
    await watcher.ready;
    const names = Array.from({ length: 40 }, (_, index) => `name-${index}`);
    for (const [index, name] of names.entries()) {
      writeFileSync(at(name), "");
      linkSync(at(name), out(name));
      unlinkSync(at(name));
      // Another link to the same, which the kernel tells of by the same event.
      if (index % 3 === 0) linkSync(out(name), at(name));
    }
    await watcher.sync();
    const there = new Set<string>();
    for (const { type, path } of watcher.readEventsSync()) {
      if (type === "create") there.add(path);
      if (type === "delete") there.delete(path);
    }
    expect([...there].toSorted()).toEqual(
      names
        .filter((_, index) => index % 3 === 0)
        .map(at)
        .toSorted(),
    );
  });
});
