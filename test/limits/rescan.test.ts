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

import { beforeHandingOut } from "../support/between.ts";
import { can } from "../support/capabilities.ts";
import { sysctl } from "../support/sysctl.ts";
import { memory, tempDir } from "../support/temp.ts";
import { canFanotify, listed, Model, treeOf, type Way } from "../support/watch.ts";

const QUEUE = 16;

/** More than one read returns. */
const LONG_QUEUE = 6000;

/** How many reads more happens behind: fewer than it takes to come to the overflow. */
const READS = 2;

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

  // One overflow event stands for all that is lost until it is read, also for what is lost behind events that come after it.
  test.if(isAllowed)(
    `row 2: behind an overflow that is still to be read there was more, of which the end was lost${isAllowed ? "" : " (needs CAP_SYS_ADMIN)"}`,
    async () => {
      using dir = tempDir(base);
      const root = dir.at("root");
      for (const name of ["fill", "parent"]) mkdirSync(`${root}/${name}`, { recursive: true });
      await using watcher = openWith(root, backend, initial, LONG_QUEUE);
      await watcher.ready;
      const model = new Model();
      if (!initial) for (const [path, kind] of treeOf(root)) model.entries.set(path, kind);
      await age(watcher, model);
      const fill = (name: string, count: number): void => {
        for (let at = 0; at < count; at++) writeFileSync(`${root}/fill/${name}-${at}`, "");
      };
      fill("first", LONG_QUEUE + 100);
      let reads = 0;
      {
        using _ = beforeHandingOut(() => {
          const at = reads++;
          if (at >= READS) return;
          // There is room in the queue for these, and not for what follows.
          for (const name of ["new", "empty", "old", "parent/made"])
            mkdirSync(`${root}/${name}-${at}`);
          writeFileSync(`${root}/file-${at}`, "");
          renameSync(`${root}/old-${at}`, `${root}/older-${at}`);
          fill(`${at}`, LONG_QUEUE / 2);
          // Another process: what this one does is merged with what is there.
          const lost = `mkdir -p new-$1/lost/deep; touch new-$1/lost/file parent/made-$1/lost; rmdir empty-$1; rm file-$1; mv older-$1 oldest-$1`;
          Bun.spawnSync(["sh", "-c", lost, "sh", `${at}`], { cwd: root });
          if (at === READS - 1) Bun.spawnSync(["mv", "parent", "elsewhere"], { cwd: root });
        });
        await watcher.sync();
      }
      await watcher.sync();
      model.apply(watcher.readEventsSync());
      expect(model.overflows).toBeGreaterThan(0);
      expect(model.wrong).toEqual([]);
      expect(listed(model.entries)).toEqual(listed(treeOf(root)));
      for (let at = 0; at < READS; at++) writeFileSync(`${root}/new-${at}/lost/deep/after`, "");
      await watcher.sync();
      model.apply(watcher.readEventsSync());
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
function openWith(
  root: string,
  backend: Way["backend"],
  initial: boolean,
  queue: number = QUEUE,
): Watcher {
  using _ = sysctl(`fs.${backend}.max_queued_events`, queue);
  return watch(root, { initial, backend });
}
