/** Overlays: which backend watches them, and what it tells of them and of the file systems that they are made of. */
import { expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";

import { mount, overlay, watch, type WatchOptions } from "bun-butter";
import { statfs } from "bun-butter/syscalls";

import { memory, type TempDir, tempDir } from "../support/temp.ts";
import { canFanotifyTmpfs, listed, Model, treeOf } from "../support/watch.ts";

type Options = NonNullable<Parameters<typeof overlay>[0]["options"]>;

/** With it all of an overlay can be opened by file handles. */
const EXPORTED: Options = { index: "on", nfs_export: "on", metacopy: "off" };

/** An overlay at `root/merged`, whose parts are in `root` too. */
function overlayIn(dir: TempDir, options: Options): Disposable {
  for (const name of ["lower/below/deep", "upper", "work", "merged"])
    mkdirSync(dir.at("root", name), { recursive: true });
  writeFileSync(dir.at("root/lower/below/file"), "");
  return overlay({
    target: dir.at("root/merged"),
    lower: [dir.at("root/lower")],
    upper: dir.at("root/upper"),
    work: dir.at("root/work"),
    options,
  });
}

/** Whether events alone tell what is there after changes through the overlay. */
async function expectTold(dir: TempDir, path: string, options: WatchOptions): Promise<void> {
  const at = (...names: readonly string[]): string => dir.at("root/merged", ...names);
  await using watcher = watch(path, { ...options, initial: true });
  await watcher.ready;
  const model = new Model();
  const told = async (): Promise<void> => {
    await watcher.sync();
    model.apply(watcher.readEventsSync());
  };
  await told();
  mkdirSync(at("new/deep"), { recursive: true });
  writeFileSync(at("new/deep/file"), "");
  writeFileSync(at("below/deep/file"), "");
  await told();
  writeFileSync(at("below/file"), "text");
  renameSync(at("new"), at("below/deep/moved"));
  writeFileSync(at("below/deep/moved/deep/late"), "");
  await told();
  rmSync(at("below/deep/moved/deep/file"));
  mkdirSync(at("below/deep/moved/new"));
  await told();
  expect(model.wrong).toEqual([]);
  expect(listed(model.entries)).toEqual(listed(treeOf(path)));
}

test.skipIf(!canFanotifyTmpfs)(
  "auto takes inotify for an overlay that opens nothing by handle, and says why (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    using _over = overlayIn(dir, {});
    {
      using watcher = watch(dir.at("root/merged"));
      const { backend, reason } = watcher.watched;
      expect([backend, reason]).toEqual([
        "inotify",
        "the file system has no file handles, or none that last",
      ]);
    }
    await expectTold(dir, dir.at("root/merged"), {});
  },
);

test.skipIf(!canFanotifyTmpfs)(
  "fanotify tells of an overlay with nfs_export (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    using _over = overlayIn(dir, EXPORTED);
    await expectTold(dir, dir.at("root/merged"), { backend: "fanotify" });
  },
);

test.skipIf(!canFanotifyTmpfs)(
  "fanotify tells of an overlay that has its fsid from another file system of the tree (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    // Before Linux 6.6 all have.
    using _over = overlayIn(dir, { ...EXPORTED, uuid: "off" });
    expect(statfs(dir.at("root/merged")).f_fsid).toEqual(statfs(dir.at("root")).f_fsid);
    await expectTold(dir, dir.at("root"), { backend: "fanotify" });
  },
);

test.skipIf(!canFanotifyTmpfs)(
  "fanotify says once of what is mounted in the tree that it can't watch that, and what can (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    using _over = overlayIn(dir, {});
    await using watcher = watch(dir.at("root"), { backend: "fanotify" });
    await watcher.indexed;
    await watcher.sync();
    const errors = watcher
      .readEventsSync()
      .flatMap((event) => (event.type === "error" ? [event] : []));
    expect(errors.map(({ path }) => path)).toEqual([dir.at("root/merged")]);
    expect(errors[0]?.error.message).toContain('take backend: "inotify"');
    expect(watcher.watched.failed).toBe(3);
  },
);

test.skipIf(!canFanotifyTmpfs)(
  "auto takes inotify when something is mounted in the tree that fanotify can't watch, unless it is left out, too deep or made up (needs CAP_SYS_ADMIN, Linux 5.17)",
  async () => {
    using dir = tempDir(memory);
    using _over = overlayIn(dir, {});
    const target = dir.at("root/made up");
    mkdirSync(target);
    const proc = mount({ type: "proc", source: "proc", target });
    using _proc = proc;
    writeFileSync(dir.at("root/.gitignore"), "upper\n");
    const chosen = (path: string, options: WatchOptions = {}): string => {
      using watcher = watch(path, options);
      return watcher.watched.backend;
    };
    const ignored: readonly WatchOptions[] = [
      { ignore: "merged" },
      { ignore: (path) => path === "root/merged" },
      { depth: 1 },
    ];
    expect(ignored.map((options) => chosen(dir.path, options))).toEqual(
      ignored.map(() => "fanotify"),
    );
    expect(chosen(dir.path, { gitignore: true, depth: 2 })).toBe("inotify");
    writeFileSync(dir.at("root/.gitignore"), "/merged\n");
    expect(chosen(dir.path, { gitignore: true })).toBe("fanotify");
    proc.unmount();
    await using watcher = watch(dir.path);
    const { backend, reason } = watcher.watched;
    expect([backend, reason]).toEqual([
      "inotify",
      `overlay is mounted at ${JSON.stringify(dir.at("root/merged"))}: the file system has no file handles, or none that last`,
    ]);
    await watcher.ready;
    writeFileSync(dir.at("root/merged/below/new"), "");
    await watcher.sync();
    const told = watcher.readEventsSync().map(({ type, path }) => `${type} ${path}`);
    expect(told).toContain(`create ${dir.at("root/merged/below/new")}`);
    expect(told.join()).not.toContain("error");
  },
);
