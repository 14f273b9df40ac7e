/** What comes from outside to names of a tree that was read a moment ago, while events of before that are still to be told. */
import { describe, expect, test } from "bun:test";
import { chmodSync, linkSync, mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";

import { watch, type WatchOptions } from "bun-butter";

import { afterReading } from "../support/between.ts";
import { tempDir } from "../support/temp.ts";
import { line, ways } from "../support/watch.ts";

type At = (name: string) => string;

interface Case {
  readonly what: string;
  readonly act: (at: At) => void;
  readonly events: readonly string[];
  /** The same with `settle`. */
  readonly settled?: readonly string[];
  /** The same with `atomic`. */
  readonly atomic?: readonly string[];
}

function replace(at: At): void {
  writeFileSync(at("out/new"), "");
  renameSync(at("out/new"), at("root/d/file"));
}

const cases: readonly Case[] = [
  {
    what: "a file that is replaced and deleted",
    act: (at) => {
      replace(at);
      unlinkSync(at("root/d/file"));
    },
    events: ["change d/file", "delete d/file"],
    settled: ["delete d/file"],
  },
  {
    what: "a file that is replaced twice and deleted",
    act: (at) => {
      replace(at);
      replace(at);
      unlinkSync(at("root/d/file"));
    },
    events: ["change d/file", "delete d/file"],
    settled: ["delete d/file"],
  },
  {
    what: "a file that is replaced",
    act: replace,
    events: ["change d/file"],
  },
  {
    what: "a file that is replaced twice, and has its first inode again",
    act: (at) => {
      replace(at);
      renameSync(at("out/same"), at("root/d/file"));
    },
    events: ["change d/file"],
  },
  {
    what: "a file that is replaced twice, has its first inode again and is deleted",
    act: (at) => {
      replace(at);
      renameSync(at("out/same"), at("root/d/file"));
      unlinkSync(at("root/d/file"));
    },
    events: ["change d/file", "delete d/file"],
    settled: ["delete d/file"],
  },
  {
    what: "a file that is deleted, and another one that comes and goes",
    act: (at) => {
      unlinkSync(at("root/d/file"));
      replace(at);
      unlinkSync(at("root/d/file"));
    },
    events: ["delete d/file", "create d/file", "delete d/file"],
    settled: ["delete d/file"],
    atomic: ["delete d/file"],
  },
  {
    what: "a new file that goes again",
    act: (at) => {
      writeFileSync(at("out/new"), "");
      renameSync(at("out/new"), at("root/d/new"));
      unlinkSync(at("root/d/new"));
    },
    events: ["create d/new", "delete d/new"],
    settled: [],
    atomic: [],
  },
];

/** What happens when the tree was read, and may have happened before that: what is told last of it, and that nothing was made. */
const early = [
  {
    what: "the end of a file that is replaced and deleted when it was read",
    act: (at: At): void => {
      replace(at);
      unlinkSync(at("root/d/file"));
    },
    last: "delete d/file",
  },
  {
    what: "a change of a file that is replaced twice when it was read",
    act: (at: At): void => {
      replace(at);
      // The kernel makes one event of two that are the same, one after the other.
      writeFileSync(at("root/d/other"), "");
      replace(at);
    },
    last: "change d/file",
  },
];

/** Some of these need the tree. */
const options: readonly WatchOptions[] = [
  {},
  { depth: 8 },
  { initial: true },
  { depth: 8, settle: 1 },
  { depth: 8, atomic: 1 },
];

/** Files with names so long that a read of what happens to them returns some hundred. */
const amounts = [0, 10, 400] as const;

describe.each(ways)("$backend tells exactly of", ({ backend, base }) => {
  describe.each(options)("with %p", (option) => {
    test.each(cases)("$what", async ({ act, events, settled = events, atomic = events }) => {
      for (const amount of amounts) {
        using dir = tempDir(base);
        for (const name of ["root/d", "root/noise", "out"])
          mkdirSync(dir.at(name), { recursive: true });
        writeFileSync(dir.at("root/d/file"), "");
        linkSync(dir.at("root/d/file"), dir.at("out/same"));
        using _ = afterReading(() => {
          for (let at = 0; at < amount; at++)
            writeFileSync(dir.at(`root/noise/${"x".repeat(200)}${at}`), "");
        });
        await using watcher = watch(dir.at("root"), { backend, ...option });
        await watcher.ready;
        act((name) => dir.at(name));
        await watcher.sync();
        const told = watcher
          .readEventsSync()
          .map((event) => line(event, dir.at("root")))
          .filter((text) => text.includes(" d/"));
        const before = option.initial === true ? ["create d/", "create d/file"] : [];
        const expected =
          option.settle === undefined ? (option.atomic === undefined ? events : atomic) : settled;
        // Two changes, one after the other, are as good as one.
        const once = told.filter((text, at) => text !== told[at - 1]);
        expect([amount, once]).toEqual([amount, [...before, ...expected]]);
      }
    });

    test.each(early)("$what", async ({ act, last }) => {
      using dir = tempDir(base);
      for (const name of ["root/d", "out"]) mkdirSync(dir.at(name), { recursive: true });
      writeFileSync(dir.at("root/d/file"), "");
      // What comes has another inode than what was there.
      linkSync(dir.at("root/d/file"), dir.at("out/same"));
      using _ = afterReading(() => act((name) => dir.at(name)));
      await using watcher = watch(dir.at("root"), { backend, ...option });
      await watcher.sync();
      const told = watcher.readEventsSync().map((event) => line(event, dir.at("root")));
      const ofFile = told.filter((text) => text.endsWith(" d/file"));
      expect(ofFile.at(-1)).toBe(last);
      const creates = ofFile.filter((text) => text.startsWith("create "));
      expect(creates.length).toBe(option.initial === true ? 1 : 0);
    });
  });
});

test("a rename stays one when another name of the file is met between its halves (inotify)", async () => {
  // One of these amounts lets a read end between them.
  for (let amount = 500; amount < 516; amount++) {
    using dir = tempDir();
    mkdirSync(dir.at("root"));
    for (const name of ["file", "a", "b"]) writeFileSync(dir.at("root", name), "");
    // New directories are not entered before what is told of them.
    await using watcher = watch(dir.at("root"), { backend: "inotify", gitignore: true });
    await watcher.ready;
    for (let at = 0; at < amount; at++) chmodSync(dir.at("root", at % 2 === 0 ? "a" : "b"), 0o600);
    mkdirSync(dir.at("root/new"));
    linkSync(dir.at("root/file"), dir.at("root/new/link"));
    renameSync(dir.at("root/file"), dir.at("root/moved"));
    await watcher.sync();
    const told = watcher
      .readEventsSync()
      .filter(({ type }) => type !== "attributes")
      .map((event) => line(event, dir.at("root")));
    expect([amount, told.toSorted()]).toEqual([
      amount,
      ["create new/", "create new/link", "rename file moved"],
    ]);
  }
});
