/** changesSince() recognises what was renamed, and nothing else as that. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";

import { changesSince, type Snapshot, snapshot } from "bun-butter";

import { FileProgram } from "../support/file-program.ts";
import { place, seeds } from "../support/replay.ts";
import { memory, tempDir } from "../support/temp.ts";
import { line, listed, Model, treeOf, ways } from "../support/watch.ts";

type Steps = (at: (name: string) => string) => void;

/** As it comes out of a file. */
async function taken(path: string): Promise<Snapshot> {
  return JSON.parse(JSON.stringify(await snapshot(path))) as Snapshot;
}

/** As archives have it: the same for all files. */
function backdate(path: string): void {
  utimesSync(path, 1, 1);
}

describe("changesSince()", () => {
  test.each<readonly [what: string, before: Steps, after: Steps, lines: readonly string[]]>([
    [
      "a file that was moved out of a directory that is gone",
      (at) => {
        mkdirSync(at("a/b"), { recursive: true });
        writeFileSync(at("a/b/file"), "text");
      },
      (at) => {
        renameSync(at("a/b/file"), at("file"));
        rmSync(at("a"), { recursive: true });
      },
      ["rename a/b/file file", "delete a/b/", "delete a/"],
    ],
    [
      "a file that was moved out of a directory that is renamed",
      (at) => {
        mkdirSync(at("b"));
        writeFileSync(at("b/file"), "text");
      },
      (at) => {
        renameSync(at("b/file"), at("a"));
        renameSync(at("b"), at("c"));
      },
      ["rename b/ c/", "rename c/file a"],
    ],
    [
      "a directory that was moved, with what it was in below it",
      (at) => {
        mkdirSync(at("a/b/c"), { recursive: true });
        writeFileSync(at("a/b/file"), "text");
      },
      (at) => {
        renameSync(at("a/b/c"), at("c"));
        mkdirSync(at("d"));
        renameSync(at("a"), at("d/a"));
      },
      ["rename a/b/c/ c/", "create d/", "rename a/ d/a/"],
    ],
    [
      "another name of a file whose directory was moved",
      (at) => {
        mkdirSync(at("a"));
        writeFileSync(at("a/file"), "text");
      },
      (at) => {
        mkdirSync(at("b"));
        renameSync(at("a"), at("b/a"));
        mkdirSync(at("c"));
        linkSync(at("b/a/file"), at("c/file"));
      },
      ["create b/", "create c/", "rename a/ b/a/", "create c/file", "attributes b/a/file"],
    ],
    [
      "a file that was written, renamed, and has its time again",
      (at) => {
        writeFileSync(at("a"), "text");
        backdate(at("a"));
      },
      (at) => {
        appendFileSync(at("a"), "more");
        backdate(at("a"));
        renameSync(at("a"), at("b"));
      },
      ["create b", "delete a"],
    ],
    [
      "a file that was deleted, and one of the same time with its inode",
      (at) => {
        writeFileSync(at("a"), "text");
        backdate(at("a"));
      },
      (at) => {
        unlinkSync(at("a"));
        writeFileSync(at("b"), "other");
        backdate(at("b"));
      },
      ["create b", "delete a"],
    ],
    [
      "a file that took the place of the directory it was in",
      (at) => {
        mkdirSync(at("a"));
        writeFileSync(at("a/a"), "text");
      },
      (at) => {
        renameSync(at("a/a"), at("b"));
        rmdirSync(at("a"));
        renameSync(at("b"), at("a"));
      },
      ["delete a/a", "delete a/", "create a"],
    ],
  ])("%s", async (_, before, after, lines) => {
    // In which order a directory is read is its own affair: on tmpfs what came last is first.
    for (const base of [tmpdir(), memory]) {
      using dir = tempDir(base);
      before((name) => dir.at(name));
      const then = await taken(dir.path);
      after((name) => dir.at(name));
      const told = (await changesSince(then)).map((event) => line(event, dir.path));
      expect(told.toSorted()).toEqual([...lines].toSorted());
    }
  });

  test.each(ways)("what it tells of a random program makes its tree: $base", async (way) => {
    for (const seed of seeds) {
      using where = place(way);
      const { root, outside } = where;
      const program = new FileProgram(root, outside, seed);
      program.run(150);
      const [then, model] = [await taken(root), new Model()];
      for (const [path, kind] of treeOf(root)) model.entries.set(path, kind);
      program.run(20 + seed);
      model.apply(await changesSince(then));
      expect([seed, model.wrong, listed(model.entries)]).toEqual([seed, [], listed(treeOf(root))]);
    }
  });
});
