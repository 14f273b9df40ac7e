/** What a full queue hid, found in a tree most of which was left alone. */
import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";

import { watch, type Watcher } from "bun-butter";

import { can } from "../support/capabilities.ts";
import { sysctl } from "../support/sysctl.ts";
import { memory, tempDir } from "../support/temp.ts";
import { canFanotify, listed, Model, treeOf, type Way } from "../support/watch.ts";

const QUEUE = 16;

const ways: readonly Way[] = [
  { backend: "inotify", base: tmpdir() },
  ...(canFanotify ? [{ backend: "fanotify", base: memory } as const] : []),
];

/** With what is there told of at first, and without. */
const places = ways.flatMap(({ backend, base }) =>
  [true, false].map((initial) => ({ backend, base, initial })),
);

/** Directories with files, three levels deep. */
function make(root: string): void {
  for (let a = 0; a < 4; a++)
    for (let b = 0; b < 4; b++) {
      mkdirSync(`${root}/${a}/${b}/deep`, { recursive: true });
      for (const name of ["x", "y", "deep/z"]) writeFileSync(`${root}/${a}/${b}/${name}`, name);
    }
}

/** More files than the queue has room for, and gone again. */
function flood(root: string): void {
  for (let at = 0; at < 4 * QUEUE; at++) writeFileSync(`${root}/flood-${at}`, "");
  for (let at = 0; at < 4 * QUEUE; at++) unlinkSync(`${root}/flood-${at}`);
}

/** Reads on until nothing that was done before is as young as what a rescan looks at. */
async function age(watcher: Watcher, model: Model): Promise<void> {
  const until = Date.now() + 60;
  do {
    await watcher.sync();
    model.apply(watcher.readEventsSync());
  } while (Date.now() < until);
}

const changes: readonly (readonly [title: string, change: (root: string) => void])[] = [
  ["nothing", () => {}],
  ["a file made, deep down", (root) => writeFileSync(`${root}/0/0/deep/new`, "")],
  ["a file deleted", (root) => unlinkSync(`${root}/1/1/x`)],
  ["a file in place of another", (root) => renameSync(`${root}/1/2/y`, `${root}/1/2/x`)],
  ["a directory with all below it deleted", (root) => rmSync(`${root}/2`, { recursive: true })],
  ["a directory renamed", (root) => renameSync(`${root}/2/1`, `${root}/3/moved`)],
  [
    "directories that changed places, whose own entries are as old as before",
    (root) => {
      renameSync(`${root}/0`, `${root}/tmp`);
      renameSync(`${root}/1`, `${root}/0`);
      renameSync(`${root}/tmp`, `${root}/1`);
      writeFileSync(`${root}/0/0/deep/late`, "");
    },
  ],
  [
    "an empty directory made again in its place",
    (root) => {
      unlinkSync(`${root}/3/3/deep/z`);
      rmdirSync(`${root}/3/3/deep`);
      mkdirSync(`${root}/3/3/deep`);
    },
  ],
  [
    "a directory whose mtime was set back",
    (root) => {
      writeFileSync(`${root}/3/2/deep/hidden`, "");
      utimesSync(`${root}/3/2/deep`, 1, 1);
    },
  ],
  ["permissions", (root) => chmodSync(`${root}/3/2`, 0o700)],
];

describe.each(places)("$backend in $base, initial: $initial", ({ backend, base, initial }) => {
  const isAllowed = can("CAP_SYS_ADMIN");
  test.if(isAllowed).each(changes)(
    `row 2: behind an overflow there was %s${isAllowed ? "" : " (needs CAP_SYS_ADMIN)"}`,
    async (_, change) => {
      using dir = tempDir(base);
      const root = dir.at("root");
      mkdirSync(root);
      make(root);
      const model = new Model();
      await using watcher = openWith(root, backend, initial);
      await watcher.ready;
      if (!initial) for (const [path, kind] of treeOf(root)) model.entries.set(path, kind);
      await age(watcher, model);
      flood(root);
      change(root);
      await watcher.sync();
      model.apply(watcher.readEventsSync());
      expect(model.overflows).toBeGreaterThan(0);
      expect(model.wrong).toEqual([]);
      expect(listed(model.entries)).toEqual(listed(treeOf(root)));
      // All of it is watched, be it that it came meanwhile.
      const directories = [...treeOf(root)].filter(([, kind]) => kind === "directory");
      for (const [at, [path]] of directories.entries()) {
        writeFileSync(`${path}/after`, "");
        if (at % 4 < 3) continue;
        await watcher.sync();
        model.apply(watcher.readEventsSync());
      }
      await watcher.sync();
      model.apply(watcher.readEventsSync());
      expect(model.wrong).toEqual([]);
      expect(listed(model.entries)).toEqual(listed(treeOf(root)));
    },
  );

  test.if(isAllowed)(
    `row 2: behind an overflow files were written, which is told${isAllowed ? "" : " (needs CAP_SYS_ADMIN)"}`,
    async () => {
      using dir = tempDir(base);
      const root = dir.at("root");
      mkdirSync(root);
      make(root);
      await using watcher = openWith(root, backend, initial);
      await age(watcher, new Model());
      flood(root);
      const written = [`${root}/0/0/deep/z`, `${root}/2/1/x`];
      for (const path of written) appendFileSync(path, "more");
      await watcher.sync();
      const told = watcher.readEventsSync().filter(({ type }) => type === "change");
      const paths = told.map(({ path }) => path).filter((path) => !path.includes("flood"));
      // The queue of fanotify is for whatever else happens in the file system as well.
      if (backend === "fanotify") expect(paths).toEqual(expect.arrayContaining(written));
      else expect([...new Set(paths)].toSorted()).toEqual(written);
    },
  );
});

/** What the kernel keeps for a reader is set when the source is made. */
function openWith(root: string, backend: Way["backend"], initial: boolean): Watcher {
  using _ = sysctl(`fs.${backend}.max_queued_events`, QUEUE);
  return watch(root, { initial, backend });
}
