/**
 * The Linux Test Project's tests of fanotify, each by its behaviour, on tmpfs, ext4 and overlayfs. The cases of one file
 * system run in one child, in a mount namespace of its own.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";

import { kernel, slowness } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";
import { deciding } from "../support/ltp-decide.ts";
import { notifying } from "../support/ltp-notify.ts";
import { isOn, type Kind, kinds } from "../support/ltp.ts";
import { canLoop, canMount } from "../support/namespace.ts";
import { tempDir } from "../support/temp.ts";

const cases = [...notifying, ...deciding];

const able: Readonly<Record<Kind, boolean>> = {
  tmpfs: canMount,
  ext4: canLoop,
  overlayfs: canMount && kernel(6, 8),
};

const needs: Readonly<Record<Kind, string>> = {
  tmpfs: "needs CAP_SYS_ADMIN and unshare",
  ext4: "needs CAP_SYS_ADMIN, unshare, mkfs.ext4 and loop devices",
  overlayfs: "needs CAP_SYS_ADMIN, unshare and Linux 6.8",
};

/** What is wrong, by kind and title. */
const wrong = new Map<Kind, ReadonlyMap<string, string>>();

beforeAll(async () => {
  await Promise.all(
    kinds.map(async (kind) => {
      if (able[kind]) wrong.set(kind, await runAll(kind));
    }),
  );
}, 60_000 * slowness);

async function runAll(kind: Kind): Promise<ReadonlyMap<string, string>> {
  using dir = tempDir();
  const child = join(import.meta.dir, "../support/ltp-child.ts");
  const unshare = ["unshare", "--mount", "--propagation", "private"];
  const { stdout, stderr, exitCode } = await run([...unshare, bun, child, kind, dir.path], {
    timeout: 55_000 * slowness,
  });
  const lines = stdout.split("\n").filter((line) => line !== "");
  const results = new Map(lines.map((line) => JSON.parse(line) as [string, string]));
  for (const { title } of cases)
    if (!results.has(title)) results.set(title, `it ended (${exitCode}) before: ${stderr}`);
  return results;
}

for (const kind of kinds) {
  describe.skipIf(!able[kind])(`fanotify on ${kind} (${needs[kind]})`, () => {
    for (const one of cases) {
      if (one.on?.includes(kind) === false) continue;
      const needed = one.lacks === undefined ? "" : ` (${one.lacks})`;
      test.skipIf(!isOn(one, kind))(`${one.title}${needed}`, () => {
        expect(wrong.get(kind)?.get(one.title)).toBe("");
      });
    }
  });
}

/** Those that other tests are the counterparts of, with a part of their titles. */
const elsewhere: readonly (readonly [ltp: string, file: string, title: string])[] = [
  [
    "fanotify04",
    "../syscalls/fanotify.test.ts",
    "fanotify_init() and fanotify_mark() say why they refuse",
  ],
  ["fanotify05", "fanotify.test.ts", "overflow is an event, after which events come again"],
  ["fanotify14", "fanotify.test.ts", "options that exclude each other are refused"],
  ["fanotify14", "fanotify.test.ts", "marks that a group can't have are refused"],
  ["fanotify18", "fanotify.test.ts", "it watches what may be read, and says what it can't do"],
  ["fanotify19", "fanotify.test.ts", "it watches what may be read, and says what it can't do"],
  ["fanotify20", "fanotify.test.ts", "options that exclude each other are refused"],
  ["fanotify21", "fanotify.test.ts", "pidfd holds who did it, or says that it ended"],
  ["fanotify23", "fanotify.test.ts", "evictable excludes a mark that is not"],
];

test.each(elsewhere)("%s has a counterpart in %s: %s", async (_, file, title) => {
  expect(await Bun.file(join(import.meta.dir, file)).text()).toContain(title);
});

test("each of the project's tests has a counterpart", () => {
  const all = Array.from({ length: 25 }, (_, n) => `fanotify${`${n + 1}`.padStart(2, "0")}`);
  const names = [...cases.flatMap(({ ltp }) => ltp.split(", ")), ...elsewhere.map(([ltp]) => ltp)];
  expect([...new Set(names)].toSorted()).toEqual(all);
});
