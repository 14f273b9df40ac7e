/** Paths of fanotify's events are true, or not there: whatever was renamed, exchanged, deleted or mounted meanwhile. */
import { describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, renameSync, writeFileSync } from "node:fs";

import { Fanotify } from "bun-butter";

import { can, emulated, kernel } from "../support/capabilities.ts";
import { run } from "../support/child.ts";
import { exchange } from "../support/exchange.ts";
import { canMount } from "../support/namespace.ts";
import { tempDir } from "../support/temp.ts";

/** Events as rows: what, and where. */
const rows = (fanotify: Fanotify): string[] =>
  fanotify.readEventsSync().map(({ events, path, missing }) => {
    return `${[...events].join("|")} ${path ?? missing.path}`;
  });

describe.skipIf(emulated || !can("CAP_DAC_READ_SEARCH"))(
  "paths (needs CAP_DAC_READ_SEARCH)",
  () => {
    test.skipIf(!kernel(5, 17))(
      "a rename that is told makes none true that was not told (Linux 5.17)",
      () => {
        using dir = tempDir();
        mkdirSync(dir.at("x/a"), { recursive: true });
        mkdirSync(dir.at("d/s"), { recursive: true });
        using fanotify = new Fanotify({ own: true });
        fanotify.mark(dir.at("x/a"), "create");
        fanotify.mark(dir.at("d"), "rename", { dirs: true });
        renameSync(dir.at("x"), dir.at("y"));
        renameSync(dir.at("d/s"), dir.at("d/t"));
        writeFileSync(dir.at("y/a/1"), "");
        expect(rows(fanotify)).toEqual([`rename ${dir.at("d/t")}`, `create ${dir.at("y/a/1")}`]);
      },
    );

    test("a directory that is renamed right after it was made has its new path", () => {
      using dir = tempDir();
      using fanotify = new Fanotify({ own: true });
      fanotify.mark(dir.path, "create", { dirs: true });
      mkdirSync(dir.at("a"));
      renameSync(dir.at("a"), dir.at("b"));
      fanotify.mark(dir.at("b"), "create");
      writeFileSync(dir.at("b/1"), "");
      expect(rows(fanotify)).toEqual([`create ${dir.at("a")}`, `create ${dir.at("b/1")}`]);
    });

    test.skipIf(!kernel(5, 17))("directories that exchange their names (Linux 5.17)", () => {
      using dir = tempDir();
      using fanotify = new Fanotify({ own: true });
      fanotify.mark(dir.path, "rename", { dirs: true });
      for (const name of ["a", "b"]) {
        mkdirSync(dir.at(name));
        fanotify.mark(dir.at(name), "create");
        writeFileSync(dir.at(`${name}/1`), "");
      }
      expect(rows(fanotify)).toHaveLength(2);
      exchange(dir.at("a"), dir.at("b"));
      for (const name of ["a", "b"]) writeFileSync(dir.at(`${name}/2`), "");
      expect(rows(fanotify).slice(-2)).toEqual([
        `create ${dir.at("a/2")}`,
        `create ${dir.at("b/2")}`,
      ]);
      writeFileSync(dir.at("a/3"), "");
      expect(rows(fanotify)).toEqual([`create ${dir.at("a/3")}`]);
    });
  },
);

describe.skipIf(!canMount)('paths with report: "fd" (needs CAP_SYS_ADMIN)', () => {
  test("a path of another mount namespace is none here", async () => {
    using dir = tempDir();
    for (const name of ["real", "elsewhere"]) mkdirSync(dir.at(name));
    writeFileSync(dir.at("real/file"), "");
    using fanotify = new Fanotify({ report: "fd" });
    fanotify.mark(dir.at("real/file"), "open");
    const script = 'mount --bind "$0/real" "$0/elsewhere" && cat "$0/elsewhere/file"';
    const unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script];
    expect((await run([...unshare, dir.path])).stderr).toBe("");
    expect(rows(fanotify)).toEqual(["open no path leads there"]);
    await run(["cat", dir.at("real/file")]);
    expect(rows(fanotify)).toEqual([`open ${dir.at("real/file")}`]);
  });

  test("a name that was deleted is told as it was, also if the file has another one", async () => {
    using dir = tempDir();
    writeFileSync(dir.at("a"), "");
    linkSync(dir.at("a"), dir.at("b"));
    using fanotify = new Fanotify({ report: "fd" });
    fanotify.mark(dir.at("a"), "open");
    await run(["sh", "-c", ': <"$0/a"; rm "$0/a"', dir.path]);
    expect(rows(fanotify)).toEqual([`open ${dir.at("a")}`]);
  });
});
