/** Snapshots that are none: cut off, changed, of another version, made up. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";

import { changesSince, type Snapshot, snapshot, type SnapshotTree } from "bun-butter";

import { Comparison } from "../../src/watch/snapshot/comparison.ts";
import { can, emulated } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";

const stat = ["file", "0:1:2", "3", "4", "5"];
const directory = ["directory", ...stat.slice(1)];

/** What is wrong with a snapshot that has this in it. */
async function fault(before: unknown): Promise<string> {
  const error = await changesSince(before as Snapshot).then(
    () => new Error("none"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).message).toStartWith("Cannot take before: ");
  return (error as Error).message.slice("Cannot take before: ".length);
}

/** With this as its tree, or in it. */
const of = (tree: unknown): object => ({ version: 1, path: "/nowhere/w", tree });
const around = (entries: unknown): object => of({ stat: directory, entries });

describe("changesSince() says what is wrong", () => {
  test.each([
    [undefined, "it is undefined and no snapshot"],
    [null, "it is null and no snapshot"],
    [3, "it is a number and no snapshot"],
    [[], "it is an array and no snapshot"],
    [JSON.stringify(of(undefined)), /^it is text and no snapshot: JSON.parse\(\)/],
    [{}, "it has no version, and so is no snapshot"],
    [{ version: 2, path: "/" }, "its version is 2, and this library reads version 1"],
    [{ version: "1", path: "/" }, 'its version is "1", and this library reads version 1'],
    [{ version: 1 }, "its path is undefined"],
    [{ version: 1, path: 7 }, "its path is 7"],
    [{ version: 1, path: "" }, 'its path is ""'],
    [{ version: 1, path: "/a\0b" }, String.raw`its path is "/a\u0000b"`],
    [of(null), 'what it says of "/nowhere/w" is null'],
    [of("tree"), 'what it says of "/nowhere/w" is a string'],
    [of({}), 'the stat of "/nowhere/w" is not five texts'],
    [of({ stat: stat.slice(1) }), 'the stat of "/nowhere/w" is not five texts'],
    [of({ stat: [...stat.slice(1), 6] }), 'the stat of "/nowhere/w" is not five texts'],
    [of({ stat: ["pipe", ...stat.slice(1)] }), 'the kind of "/nowhere/w" is "pipe"'],
    [of({ stat: ["toString", ...stat.slice(1)] }), 'the kind of "/nowhere/w" is "toString"'],
    [of({ stat, entries: { a: { stat } } }), '"/nowhere/w" has entries, and is no directory'],
    [around([]), 'the entries of "/nowhere/w" are an array'],
    [around(null), 'the entries of "/nowhere/w" are null'],
    [around({ a: 1 }), 'what it says of "/nowhere/w/a" is a number'],
    [
      around({ good: { stat }, a: { stat: directory, entries: { b: { stat: [] } } } }),
      'the stat of "/nowhere/w/a/b" is not five texts',
    ],
    [
      { version: 1, path: "/", tree: { stat: directory, entries: { a: 1 } } },
      'what it says of "/a" is a number',
    ],
  ])("%j", async (before, message) => {
    expect(await fault(before)).toMatch(message);
  });

  // Whoever does what the events say, such as removing what was deleted, would do it somewhere else.
  test.each(["", ".", "..", "../w2", "a/b", "a\0b", "\0", "\0..", "\0a/b", "\0\u012f"])(
    "%j is no name",
    async (name) => {
      expect(await fault(around({ [name]: { stat } }))).toBe(
        `in "/nowhere/w" is ${JSON.stringify(name)}, which is no name`,
      );
    },
  );
});

test("changesSince() takes what snapshot() makes, and a path where nothing was", async () => {
  using dir = tempDir();
  mkdirSync(dir.at("a/b"), { recursive: true });
  writeFileSync(Buffer.concat([Buffer.from(`${dir.path}/a/`), Buffer.from([0xff, 0x2e])]), "");
  const before = await snapshot(dir.path);
  expect(await changesSince(before)).toEqual([]);
  // Nothing was there: all that is there now was made.
  const { path, version } = before;
  // Whoever makes one may have none of a file.
  const file = { stat, entries: {} } as unknown as SnapshotTree;
  expect(await changesSince({ version, path: "/nowhere/w", tree: file })).toHaveLength(1);
  const events = await changesSince({ version, path, tree: undefined });
  expect(events.map(({ type, kind }) => `${type} ${kind}`).toSorted()).toEqual([
    "create directory",
    "create directory",
    "create directory",
    "create file",
  ]);
});

/** Runs a script with a directory of its own, as root and with few descriptors, and gives the lines that it printed. */
async function script(code: string): Promise<readonly string[]> {
  const prelude = `
  import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
  import { changesSince, snapshot } from "bun-butter";
  import { tempDir } from "./test/support/temp.ts";

  using dir = tempDir();
  const names = ({ entries }) => entries && Object.keys(entries).toSorted().join();
  const changes = async (before, options) => {
    const events = await changesSince(before, options);
    return events.map(({ type, path }) => type + path.slice(dir.path.length)).join();
  };
`;
  const limited = ["sh", "-c", 'ulimit -n 128; exec "$0" --eval "$1"', bun, prelude + code];
  const { stdout, stderr, exitCode } = await run(limited);
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  return stdout.trimEnd().split("\n");
}

test.each([{ initial: true }, { followSymlinks: true }, { backend: "inotify" }])(
  "an option of watch() that means nothing to snapshot() and changesSince() is refused: %p",
  async (option) => {
    using dir = tempDir();
    const before = await snapshot(dir.path);
    const [name] = Object.keys(option);
    const error = new TypeError(
      `Cannot take ${name}: there is no such option, only recursive, depth, ignore, gitignore, signal`,
    );
    await expect(snapshot(dir.path, option as object)).rejects.toThrow(error);
    await expect(changesSince(before, option as object)).rejects.toThrow(error);
  },
);

test("snapshot() and changesSince() reject at the limit of descriptors, and do not say that all is gone", async () => {
  const lines = await script(`
    mkdirSync(dir.at("a/b"), { recursive: true });
    writeFileSync(dir.at("a/b/file"), "");
    writeFileSync(dir.at(".gitignore"), "*.log");
    writeFileSync(dir.at("a.log"), "");
    const options = { gitignore: true };
    const before = await snapshot(dir.path, options);
    const held = [];
    try { for (;;) held.push(openSync("/dev/null")); } catch {}
    // None for a directory, and then one for that and none for its rules.
    for (let free = 0; free < 2; free++) {
      for (const work of [() => snapshot(dir.path, options), () => changesSince(before, options)])
        console.log(await work().then(() => "resolved", ({ name, code }) => name + " " + code));
      closeSync(held.pop());
    }
    console.log("changes", \`[\${await changes(before, options)}]\`);
    for (const fd of held) closeSync(fd);
  `);
  expect(lines).toEqual([...Array<string>(4).fill("OSError EMFILE"), "changes []"]);
});

test.skipIf(!can("CAP_SYS_ADMIN") || emulated)(
  "snapshot() takes down directories that may not be read or searched without entries, and changesSince() tells nothing of what is in them (needs root)",
  async () => {
    const lines = await script(`
      for (const name of ["open", "shut", "named", "searched"]) {
        mkdirSync(dir.at(name));
        for (const file of ["1", "2"]) writeFileSync(dir.at(name, file), "");
        mkdirSync(dir.at(name, "below"));
      }
      const whole = await snapshot(dir.path);
      chmodSync(dir.path, 0o755);
      chmodSync(dir.at("shut"), 0);
      chmodSync(dir.at("named"), 0o744);
      chmodSync(dir.at("searched"), 0o711);
      process.setegid(65534);
      process.seteuid(65534);
      const { tree } = await snapshot(dir.path);
      console.log(names(tree));
      for (const name of ["open", "shut", "named", "searched"]) console.log(name, names(tree.entries[name]));
      console.log("changes", \`[\${await changes(whole)}]\`);
      process.seteuid(0);
      process.setegid(0);
      console.log("changes", \`[\${await changes({ ...whole, tree })}]\`);
    `);
    expect(lines).toEqual([
      "named,open,searched,shut",
      "open 1,2,below",
      "shut undefined",
      "named undefined",
      "searched undefined",
      "changes []",
      "changes []",
    ]);
  },
);

test("a comparison stops again and again, so that others may do something meanwhile", () => {
  const entries = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, at) => [`${at}`, { stat: ["file", `${at}`, "", "", ""] }]),
  );
  const tree = { stat: directory, entries } as unknown as SnapshotTree;
  const empty = { stat: directory, entries: {} } as unknown as SnapshotTree;
  for (const [before, after, count] of [
    [tree, tree, 0],
    [tree, empty, 10_000],
    [empty, tree, 10_000],
    [undefined, tree, 10_001],
    [tree, undefined, 10_001],
  ] as const) {
    const comparing = new Comparison().compare("/w", before, after);
    let stops = 0;
    let step = comparing.next();
    for (; step.done !== true; step = comparing.next()) stops++;
    expect(stops).toBeGreaterThan(100);
    expect(step.value).toHaveLength(count);
  }
});
