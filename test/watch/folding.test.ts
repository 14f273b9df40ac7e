/** File systems in which upper and lower case are the same: events have the names that the disk has, however those are spelled by who uses them. */
import { describe, expect, test } from "bun:test";

import { slowness } from "../support/capabilities.ts";
import type * as Programs from "../support/file-program.ts";
import { foldings, type Row } from "../support/folding.ts";
import { inMounts } from "../support/mounts.ts";
import { right } from "../support/replay.ts";
import type * as Support from "../support/watch.ts";

const rows: readonly Row[] = [
  [">Draft", "rm draft", ["delete Draft"]],
  [">Draft", "echo text >draft", ["change Draft"]],
  [">Draft", "chmod 500 draft", ["attributes Draft"]],
  [">Draft", "mv draft Other", ["rename Draft Other"]],
  [">Draft", "mv draft sub/Other", ["rename Draft sub/Other"]],
  [">Draft", "mv draft ../../outside/$$", ["delete Draft"]],
  [">Goal; >Tmp", "mv tmp GOAL", ["rename Tmp Goal"]],
  [">Goal; >Tmp; stat GOAL TMP", "mv tmp goal", ["rename Tmp Goal"]],
  [">Draft", "rm draft; mkdir DRAFT", ["delete Draft", "create DRAFT/"]],
  [
    ">Draft",
    "mv Draft between; mv BETWEEN draft",
    ["rename Draft between", "rename between draft"],
  ],
  [">Draft", "mv draft sub/x; mv sub/X DRAFT", ["rename Draft sub/x", "rename sub/x DRAFT"]],
  ["mkdir Old; >Old/file", "mv old New", ["rename Old/ New/"]],
  ["mkdir Old; >Old/file", "rm -r old", ["delete Old/file", "delete Old/"]],
  ["mkdir Old", "mkdir old/Made", ["create Old/Made/"]],
  ["mkdir Old New", "mv -T old new", ["rename Old/ New/"]],
  ["mkdir Old", "rmdir old; mkdir -p OLD/Made", ["delete Old/", "create OLD/", "create OLD/Made/"]],
  [">Draft", "perl -e 'rename q(Draft), q(draft)'", []],
];

for (const { name, can, needs, script, ways, ...folding } of foldings) {
  describe.each(ways)(`on ${name}, $backend`, ({ backend }) => {
    const own = [...rows, ...folding.rows];
    const env = {
      WAY: backend,
      SCRIPT: script,
      WITHOUT: folding.without.join(),
      ROWS: JSON.stringify(own),
      SUPPORT: new URL("../support", import.meta.url).pathname,
    };

    test.skipIf(!can || name === "msdos")(
      `tells by its own name of what is done by another one (needs ${needs})`,
      async () => {
        const told = await inMounts(
          async ({ butter, fs, sub, dir }) => {
            const { line } = (await import(`${process.env["SUPPORT"]}/watch.ts`)) as typeof Support;
            const way = process.env["WAY"] === "fanotify" ? "fanotify" : "inotify";
            sub("fs");
            const sh = (commands: string, cwd: string): void => {
              const done = Bun.spawnSync(["sh", "-ec", commands], { cwd });
              if (done.exitCode !== 0) throw new Error(`${commands}: ${done.stderr.toString()}`);
            };
            sh(process.env["SCRIPT"] ?? "", dir);
            const all: unknown[] = [];
            for (const [at, row] of (JSON.parse(process.env["ROWS"] ?? "") as Row[]).entries()) {
              const root = `${dir}/fs/root/${at}`;
              fs.mkdirSync(`${root}/sub`, { recursive: true });
              sh(row[0], root);
              if (!row[0].includes("stat")) fs.writeFileSync("/proc/sys/vm/drop_caches", "2");
              using watcher = butter.watch(root, { backend: way });
              await watcher.indexed;
              await watcher.sync();
              watcher.readEventsSync();
              sh(row[1], root);
              await watcher.sync();
              all.push([row[1], watcher.readEventsSync().map((event) => line(event, root))]);
            }
            return all;
          },
          { env },
        );
        expect(told).toEqual(own.map(([, done, lines]) => [done, lines]));
      },
      60_000 * slowness,
    );

    test.skipIf(!can || name === "msdos")(
      `leaves out and finds again what is spelled otherwise (needs ${needs})`,
      async () => {
        const told = await inMounts(
          async ({ butter, fs, sub, dir }) => {
            const { line } = (await import(`${process.env["SUPPORT"]}/watch.ts`)) as typeof Support;
            const way = process.env["WAY"] === "fanotify" ? "fanotify" : "inotify";
            sub("fs");
            const done = Bun.spawnSync(["sh", "-ec", process.env["SCRIPT"] ?? ""], { cwd: dir });
            if (done.exitCode !== 0) throw new Error(done.stderr.toString());
            const root = `${dir}/fs/root`;
            fs.mkdirSync(`${root}/Project`);
            for (const file of ["Draft", "Other"]) fs.writeFileSync(`${root}/${file}`, "");
            fs.writeFileSync("/proc/sys/vm/drop_caches", "2");
            using selective = butter.watch(root, { backend: way, ignore: ["Draft"] });
            using below = butter.watch(`${root}/Project`, { backend: way });
            await selective.indexed;
            await below.indexed;
            for (const file of ["draft", "other"]) fs.chmodSync(`${root}/${file}`, 0o500);
            fs.rmdirSync(`${root}/project`);
            fs.mkdirSync(`${root}/PROJECT`);
            await selective.sync();
            await below.sync();
            return [selective, below].map((watcher) =>
              watcher.readEventsSync().map((event) => line(event, root)),
            );
          },
          { env },
        );
        expect(told).toEqual([
          ["attributes Other", "delete Project/", "create PROJECT/"],
          ["delete Project/", "create Project/"],
        ]);
      },
      60_000 * slowness,
    );

    test.skipIf(!can || !name.startsWith("ext4"))(
      `finds out that a directory is such a one while it is watched (needs ${needs})`,
      async () => {
        const told = await inMounts(
          async ({ butter, fs, sub, dir }) => {
            const { line } = (await import(`${process.env["SUPPORT"]}/watch.ts`)) as typeof Support;
            const way = process.env["WAY"] === "fanotify" ? "fanotify" : "inotify";
            sub("fs");
            const done = Bun.spawnSync(["sh", "-ec", process.env["SCRIPT"] ?? ""], { cwd: dir });
            if (done.exitCode !== 0) throw new Error(done.stderr.toString());
            const root = `${dir}/fs/outside`;
            using watcher = butter.watch(root, { backend: way });
            await watcher.indexed;
            const lines: string[][] = [];
            const read = async (): Promise<void> => {
              await watcher.sync();
              lines.push(watcher.readEventsSync().map((event) => line(event, root)));
            };
            fs.mkdirSync(`${root}/below`);
            // Something that nobody knows yet is asked for there.
            fs.mkdirSync(`${root}/between`);
            await read();
            fs.renameSync(`${root}/between`, `${root}/below/between`);
            await read();
            fs.rmdirSync(`${root}/below/between`);
            Bun.spawnSync(["chattr", "+F", `${root}/below`]);
            fs.symlinkSync("between", `${root}/below/Draft`);
            await read();
            fs.writeFileSync("/proc/sys/vm/drop_caches", "2");
            fs.unlinkSync(`${root}/below/draft`);
            await read();
            return lines;
          },
          { env },
        );
        expect(told).toEqual([
          ["create below/", "create between/"],
          ["rename between/ below/between/"],
          ["delete below/between/", "create below/Draft@"],
          ["delete below/Draft@"],
        ]);
      },
      60_000 * slowness,
    );

    test.skipIf(!can)(
      `tells what is there after random programs that spell names at random (needs ${needs})`,
      async () => {
        const outcomes = await inMounts(
          async ({ butter, fs, sub, dir }) => {
            const support = process.env["SUPPORT"];
            const { listed, Model, seeded, treeOf } = (await import(
              `${support}/watch.ts`
            )) as typeof Support;
            const { FileProgram } = (await import(`${support}/file-program.ts`)) as typeof Programs;
            const way = process.env["WAY"] === "fanotify" ? "fanotify" : "inotify";
            sub("fs");
            const done = Bun.spawnSync(["sh", "-ec", process.env["SCRIPT"] ?? ""], { cwd: dir });
            if (done.exitCode !== 0) throw new Error(done.stderr.toString());
            const without = (process.env["WITHOUT"] ?? "").split(",");
            const all: unknown[] = [];
            for (const seed of [1, 2, 3, 4, 5, 6]) {
              const [root, outside] = [`${dir}/fs/root/${seed}`, `${dir}/fs/outside/${seed}`];
              for (const path of [root, outside]) fs.mkdirSync(path);
              const random = seeded(seed * 31);
              const spell = (word: string): string =>
                [...word].map((one) => (random(2) === 0 ? one.toUpperCase() : one)).join("");
              const program = new FileProgram(root, outside, seed, without, spell);
              program.run(60);
              using watcher = butter.watch(root, { backend: way, initial: true });
              await watcher.indexed;
              const model = new Model();
              for (let burst = 0; burst < 12; burst++) {
                program.run(1 + ((seed + burst * 7) % 40));
                // What is kept of names is forgotten, and they are spelled anew.
                if (burst % 4 === 0) fs.writeFileSync("/proc/sys/vm/drop_caches", "2");
                if (burst % 3 === 0) await watcher.sync();
                model.apply(watcher.readEventsSync());
              }
              await watcher.sync();
              model.apply(watcher.readEventsSync());
              const [there, told] = [new Set(listed(treeOf(root))), new Set(listed(model.entries))];
              all.push({
                seed,
                extra: [...told.difference(there)],
                missing: [...there.difference(told)],
                wrong: model.wrong,
              });
            }
            return all;
          },
          { env },
        );
        expect(outcomes).toEqual([1, 2, 3, 4, 5, 6].map(right));
      },
      60_000 * slowness,
    );
  });
}
