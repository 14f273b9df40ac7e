/** FAT, where directories have other file handles when the kernel has forgotten them. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { inMounts } from "../support/mounts.ts";
import { canLoop } from "../support/namespace.ts";

const canFat: boolean =
  canLoop &&
  Bun.which("mkfs.vfat") !== null &&
  (readFileSync("/proc/filesystems", "utf8").includes("\tvfat\n") ||
    (Bun.which("modprobe") !== null && Bun.spawnSync(["modprobe", "vfat"]).success));

test.skipIf(!canFat)(
  "auto tells of FAT what happens in directories that the kernel has forgotten (needs mkfs.vfat, loop devices and vfat)",
  async () => {
    const { backend, lines } = await inMounts(async ({ butter, fs, sub, dir }) => {
      const root = sub("fat");
      const script = "truncate -s 8M image && mkfs.vfat image && mount -o loop image fat";
      const made = Bun.spawnSync(["sh", "-c", script], { cwd: dir });
      if (made.exitCode !== 0) throw new Error(made.stderr.toString());
      fs.mkdirSync(`${root}/below`);
      using watcher = butter.watch(`${root}/below`);
      await watcher.indexed;
      Bun.spawnSync(["sync"]);
      fs.writeFileSync("/proc/sys/vm/drop_caches", "2");
      fs.mkdirSync(`${root}/below/new`);
      await watcher.sync();
      const events = watcher.readEventsSync();
      return {
        backend: watcher.watched.backend,
        lines: events.map(({ type, path }) => `${type} ${path.slice(root.length)}`),
      };
    });
    expect(lines).toEqual(["create /below/new"]);
    expect(backend).toBe("inotify");
  },
);
