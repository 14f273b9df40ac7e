/** What entries are told to be, where neither names nor events say it. */
import { expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";

import { watch } from "bun-butter";

import { inMounts } from "../support/mounts.ts";
import { canLoop } from "../support/namespace.ts";
import { memory, tempDir } from "../support/temp.ts";
import { canFanotify, ways } from "../support/watch.ts";

test.skipIf(!canFanotify).each([true, false])(
  "fanotify's events tell what an entry is by its handle, where its name is another's or nothing's by then (initial: %p)",
  async (initial) => {
    using dir = tempDir(memory);
    for (const name of ["a", "b"]) mkdirSync(dir.at("root", name), { recursive: true });
    await using watcher = watch(dir.at("root"), { backend: "fanotify", initial });
    await watcher.indexed;
    await watcher.sync();
    watcher.readEventsSync();
    const at = (name: string): string => dir.at("root", name);
    // A link has the name of what was a file.
    writeFileSync(at("a/draft"), "");
    renameSync(at("a/draft"), at("a/file"));
    symlinkSync("x", at("a/draft"));
    // Nothing has it.
    symlinkSync("x", at("b/draft"));
    renameSync(at("b/draft"), at("b/link"));
    writeFileSync(at("b/draft"), "");
    rmSync(at("b/draft"));
    mkdirSync(at("b/draft"));
    renameSync(at("b"), at("c"));
    await watcher.sync();
    const lines = watcher
      .readEventsSync()
      .map((event) => `${event.type} ${event.kind} ${event.path.slice(dir.at("root").length + 1)}`);
    expect(lines).toEqual([
      "create file a/draft",
      "change file a/draft",
      "rename file a/file",
      "create symlink a/draft",
      "create symlink b/draft",
      "rename symlink b/link",
      "create file b/draft",
      "change file b/draft",
      "delete file b/draft",
      "create directory b/draft",
      "rename directory c",
    ]);
  },
);

test.skipIf(!canLoop).each(ways)(
  "what entries are is looked for where names do not tell it ($backend; needs mkfs.ext4 and loop devices)",
  async ({ backend }) => {
    const told = await inMounts(
      async ({ s, butter, fs, sub, dir }) => {
        const root = sub("ext4");
        const script =
          "truncate -s 8M image && mkfs.ext4 -q -O ^filetype image && mount -o loop image ext4";
        const made = Bun.spawnSync(["sh", "-c", script], { cwd: dir });
        if (made.exitCode !== 0) throw new Error(made.stderr.toString());
        fs.rmdirSync(`${root}/lost+found`);
        fs.mkdirSync(`${root}/d/e`, { recursive: true });
        for (const name of ["a", "d/b", "d/e/c"]) fs.writeFileSync(`${root}/${name}`, "");
        fs.symlinkSync("e", `${root}/d/link`);
        using buffer = s.pinned(4096);
        const types = new Set<number>();
        const fd = s.openat(s.AT.FDCWD, root, s.O.RDONLY);
        s.read_linux_dirents64(buffer, s.getdents64(fd, buffer), (_low, _high, type) =>
          types.add(type),
        );
        s.close(fd);
        const way = process.env["WAY"] === "fanotify" ? "fanotify" : "inotify";
        const results: unknown[] = [[...types]];
        for (const initial of [true, false]) {
          using watcher = butter.watch(root, { backend: way, initial });
          await watcher.indexed;
          await watcher.sync();
          watcher.add(root);
          await watcher.sync();
          const events = watcher.readEventsSync();
          const lines = events.map(({ type, kind, path }) => [type, kind, path.slice(root.length)]);
          results.push([watcher.watched.entries, lines.map((line) => line.join(" ")).toSorted()]);
        }
        const { tree } = await butter.snapshot(root);
        const kinds: string[] = [];
        const list = (entry: typeof tree, path: string): void => {
          kinds.push(`${entry?.stat[0]} ${path}`);
          for (const [name, one] of Object.entries(entry?.entries ?? {}))
            list(one, `${path}/${name}`);
        };
        list(tree, "");
        return [...results, kinds.toSorted()];
      },
      { env: { WAY: backend } },
    );
    const kinds = [
      "directory ",
      "directory /d",
      "directory /d/e",
      "file /a",
      "file /d/b",
      "file /d/e/c",
      "symlink /d/link",
    ];
    expect(told).toEqual([[0], [7, kinds.map((kind) => `create ${kind}`)], [7, []], kinds]);
  },
);
