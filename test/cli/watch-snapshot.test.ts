/** Files of snapshots: written whole, and refused if they are something else. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";

import { FileError, UsageError } from "../../src/cli/command.ts";
import { isAbout, SnapshotFile } from "../../src/cli/watch-snapshot.ts";
import { tempDir } from "../support/temp.ts";

test("SnapshotFile: what was written is read, by any spelling of the path", async () => {
  using dir = tempDir();
  mkdirSync(dir.at("w"));
  const file = dir.at("state");
  const written = new SnapshotFile(file, [dir.at("w"), dir.at("missing")], {});
  written.write(await written.take());
  expect(readdirSync(dir.path).toSorted()).toEqual(["state", "w"]);
  writeFileSync(dir.at("w/new"), "");
  mkdirSync(dir.at("missing"));
  const other = dir.at("missing/../w/");
  const read = new SnapshotFile(file, [other, dir.at("missing")], {});
  const events = await Promise.all(read.read().map((before) => read.changes(before)));
  expect(events.flat()).toEqual([
    { type: "create", path: `${dir.at("w")}/new`, kind: "file" },
    { type: "create", path: dir.at("missing"), kind: "directory" },
  ]);
});

test.each([
  ["", "is no snapshot: it is empty"],
  ["null", "is no snapshot: it is JSON of something else"],
  ['["w"]', "is no snapshot: it is JSON of something else"],
  ["{}", 'has no snapshot of "/", but of nothing'],
  ['{"/home": {}, "/tmp": {}}', 'has no snapshot of "/", but of "/home", "/tmp"'],
  ['{"/": 1}', "is no snapshot: it is a number and no snapshot"],
  [
    '{"/": {"version": 2, "path": "/"}}',
    "is no snapshot: its version is 2, and this library reads version 1",
  ],
  [
    '{"/": {"version": 1, "path": "/", "tree": {"stat": 3}}}',
    'is no snapshot: the stat of "/" is not five texts',
  ],
])("SnapshotFile: a file with %p is refused", async (content, message) => {
  using dir = tempDir();
  writeFileSync(dir.at("state"), content);
  const file = new SnapshotFile(dir.at("state"), ["/"], { depth: 0 });
  const compare = async () => await Promise.all(file.read().map((before) => file.changes(before)));
  const error = await compare().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(FileError);
  expect(`${error}`).toEndWith(`Cannot take --since: "${dir.at("state")}" ${message}`);
});

test("SnapshotFile: a file that is cut off is refused, wherever that is", async () => {
  using dir = tempDir();
  mkdirSync(dir.at("w/a/b"), { recursive: true });
  const file = new SnapshotFile(dir.at("state"), [dir.at("w")], {});
  const text = JSON.stringify(await file.take());
  for (let length = 1; length < text.length; length++) {
    writeFileSync(dir.at("state"), text.slice(0, length));
    expect(() => file.read()).toThrow(/ is no snapshot: it is cut off, or no JSON \(.+\)$/);
  }
});

test("SnapshotFile: a path that is not UTF-8, and a file that can't be written", () => {
  expect(() => new SnapshotFile("f", [new Uint8Array([0xff])], {})).toThrow(UsageError);
  using dir = tempDir();
  expect(() => new SnapshotFile(dir.at("no/state"), [], {}).write({})).toThrow(
    /^Cannot write ".*no\/state": ENOENT/,
  );
});

test("SnapshotFile: checkPlace() says so before, and leaves nothing there", () => {
  using dir = tempDir();
  writeFileSync(dir.at("file"), "");
  for (const [path, why] of [
    ["no/state", "ENOENT"],
    ["file/state", "ENOTDIR"],
    [".", "it is a directory"],
  ] as const) {
    const place = new SnapshotFile(dir.at(path), [], {});
    expect(() => place.checkPlace()).toThrow(FileError);
    expect(() => place.checkPlace()).toThrow(`Cannot write "${dir.at(path)}": ${why}`);
  }
  for (const path of ["file", "state"]) new SnapshotFile(dir.at(path), [], {}).checkPlace();
  expect(readdirSync(dir.path)).toEqual(["file"]);
});

test("isAbout() knows a file by any path to it, and what it is while it is written", () => {
  const event = (path: string) => ({ type: "change", path, kind: "file" }) as const;
  expect(isAbout(event("./w/../state"), [undefined, "state"])).toBe(true);
  expect(isAbout(event("state.tmp"), ["state"])).toBe(true);
  expect(isAbout(event("state.tmp2"), ["state", undefined])).toBe(false);
});
