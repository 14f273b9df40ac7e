/** Btrfs shows who reads a directory what was in it when that was opened. */
import { expect, test } from "bun:test";

import type * as Between from "../support/between.ts";
import { inMounts } from "../support/mounts.ts";
import { canLoop } from "../support/namespace.ts";
import { ways } from "../support/watch.ts";

test.skipIf(!canLoop || Bun.which("mkfs.btrfs") === null).each(ways)(
  "what is made between any two steps is told on btrfs ($backend; needs mkfs.btrfs and loop devices)",
  async ({ backend }) => {
    const { count, missed } = await inMounts(
      async ({ butter, fs, sub, dir }) => {
        const root = `${sub("btrfs")}/root`;
        const script =
          "truncate -s 128M image && mkfs.btrfs -q image && mount -o loop image btrfs && mkdir -p btrfs/root/early/deep btrfs/outside/deep";
        const done = Bun.spawnSync(["sh", "-c", script], { cwd: dir });
        if (done.exitCode !== 0) throw new Error(done.stderr.toString());
        const { between } = (await import(process.env["BETWEEN"] ?? "")) as typeof Between;
        const way = process.env["WAY"] === "fanotify" ? "fanotify" : "inotify";
        const made: string[] = [];
        // More than are entered at once.
        const names = Array.from({ length: 40 }, (_, at) => `made/${at}`);
        const places = ["early", "early/deep", "made", ...names, "moved", "moved/deep"];
        const told = new Set<string>();
        using watcher = butter.watch(root, { backend: way });
        await watcher.ready;
        const act = (): void => {
          for (const place of places) {
            if (made.length > 5000 || !fs.existsSync(`${root}/${place}`)) continue;
            const file = `${root}/${place}/file${made.length}`;
            fs.writeFileSync(file, "");
            made.push(file);
          }
        };
        const read = async (): Promise<void> => {
          await watcher.sync();
          for (const { path } of watcher.readEventsSync()) told.add(path);
        };
        {
          using _ = between(act);
          fs.mkdirSync(`${root}/made`);
          for (const name of names) fs.mkdirSync(`${root}/${name}`);
          await read();
          fs.renameSync(`${dir}/btrfs/outside`, `${root}/moved`);
          await read();
        }
        await read();
        return { count: made.length, missed: made.filter((file) => !told.has(file)) };
      },
      {
        env: { WAY: backend, BETWEEN: new URL("../support/between.ts", import.meta.url).pathname },
      },
    );
    expect(missed).toEqual([]);
    expect(count).toBeGreaterThan(0);
  },
);
