/** What is left out, when rules change, move, go, or can't be read. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from "node:fs";

import { can, emulated } from "../support/capabilities.ts";
import { bun, run } from "../support/child.ts";
import { linesOf, type Row, testRows, within as withWatcher, write } from "../support/rows.ts";
import { ways } from "../support/watch.ts";

const rows: readonly Row[] = [
  {
    row: "a rename that makes a path ignored deletes it, and one that makes it so no more creates it",
    before: ({ at }) => {
      mkdirSync(at("root/a/c"), { recursive: true });
      write(at("root/a/c/file"));
      mkdirSync(at("root/x/d"), { recursive: true });
      write(at("root/x/d/file"));
    },
    options: { ignore: ["b/c", "x/d"] },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/b"));
      renameSync(at("root/x"), at("root/y"));
    },
    events: [
      "rename root/a/ root/b/",
      "rename root/x/ root/y/",
      "create root/y/d/",
      "create root/y/d/file",
      "delete root/b/c/file",
      "delete root/b/c/",
    ],
  },
  {
    row: "a rename into an ignored path and the end of the directory are told from the bottom up",
    before: ({ at }) => {
      mkdirSync(at("root/a/c"), { recursive: true });
      write(at("root/a/c/file"));
    },
    options: { ignore: ["b/c"] },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/b"));
      rmSync(at("root/b"), { recursive: true });
    },
    events: [
      "rename root/a/ root/b/",
      "delete root/b/c/file",
      "delete root/b/c/",
      "delete root/b/",
    ],
  },
  {
    row: "a link to a file with rules is none, as Git has it, until a file takes its place",
    before: ({ at }) => {
      write(at("root/rules"), "*.log\n");
      symlinkSync("rules", at("root/.gitignore"));
      write(at("root/a.log"));
    },
    options: { gitignore: true },
    steps: ({ at }) => {
      mkdirSync(at("root/b.log"));
      renameSync(at("root/rules"), at("root/.gitignore"));
    },
    events: [
      "create root/b.log/",
      "rename root/rules root/.gitignore",
      "delete root/a.log",
      "delete root/b.log/",
    ],
    anyOrder: true,
  },
  {
    row: "rules end when a link takes the place of their file",
    before: ({ at }) => {
      write(at("root/.gitignore"), "*.log\n");
      mkdirSync(at("root/b.log"));
      symlinkSync(at("out/rules"), at("out/link"));
    },
    options: { gitignore: true },
    steps: ({ at }) => {
      renameSync(at("root/.gitignore"), at("out/rules"));
      renameSync(at("out/link"), at("root/.gitignore"));
    },
    events: ["delete root/.gitignore", "create root/.gitignore@", "create root/b.log/"],
  },
  {
    row: "a rule that comes deletes what it is about",
    before: ({ at }) => {
      mkdirSync(at("root/deep/dist/lib"), { recursive: true });
      write(at("root/a.log"));
      write(at("root/deep/a.log"));
      write(at("root/deep/dist/lib/file"));
    },
    options: { gitignore: true },
    steps: ({ at }) => write(at("root/.gitignore"), "*.log\ndist/\n"),
    events: [
      "create root/.gitignore",
      "change root/.gitignore",
      "delete root/a.log",
      "delete root/deep/a.log",
      "delete root/deep/dist/lib/file",
      "delete root/deep/dist/lib/",
      "delete root/deep/dist/",
    ],
    anyOrder: true,
  },
  {
    row: "a rule that goes with its file creates what it was about",
    before: ({ at }) => {
      mkdirSync(at("root/dist"));
      write(at("root/a.log"));
      write(at("root/dist/file"));
      write(at("root/.gitignore"), "*.log\ndist/\n");
    },
    options: { gitignore: true },
    steps: ({ at }) => unlinkSync(at("root/.gitignore")),
    events: [
      "delete root/.gitignore",
      "create root/a.log",
      "create root/dist/",
      "create root/dist/file",
    ],
    anyOrder: true,
  },
  {
    row: "rules that leave out their own file are read again when it changes",
    before: ({ at }) => {
      write(at("root/.gitignore"), "*\n");
      write(at("root/a"));
    },
    options: { gitignore: true },
    steps: ({ at }) => write(at("root/.gitignore"), "\n"),
    events: ["create root/.gitignore", "create root/a"],
    anyOrder: true,
  },
  {
    row: "rules that come by a rename, and leave out their own file",
    before: ({ at }) => {
      write(at("root/a"));
      write(at("out/rules"), "*\n");
    },
    options: { gitignore: true },
    steps: ({ at }) => renameSync(at("out/rules"), at("root/.gitignore")),
    events: ["create root/.gitignore", "delete root/.gitignore", "delete root/a"],
    anyOrder: true,
  },
  {
    row: "a link that is moved to where it led, and leads nowhere from there",
    before: ({ at }) => {
      mkdirSync(at("root/y"));
      symlinkSync("y", at("root/n"));
    },
    options: { followSymlinks: true },
    steps: ({ at }) => renameSync(at("root/n"), at("root/y/n")),
    events: ["rename root/n@ root/y/n@"],
  },
  {
    row: "rules below a link that is followed are read again when they change",
    before: ({ at }) => {
      mkdirSync(at("out/dir/a.log"), { recursive: true });
      symlinkSync(at("out/dir"), at("root/link"));
    },
    options: { gitignore: true, followSymlinks: true },
    steps: ({ at }) => write(at("out/dir/.gitignore"), "*.log\n.gitignore\n"),
    events: [
      "create root/link/.gitignore",
      "change root/link/.gitignore",
      "delete root/link/.gitignore",
      "delete root/link/a.log/",
    ],
    anyOrder: true,
  },
  {
    row: "rules above a link that is followed count below it when they change",
    before: ({ at }) => {
      mkdirSync(at("out/dir/sub/a.log"), { recursive: true });
      symlinkSync(at("out/dir"), at("root/link"));
    },
    options: { gitignore: true, followSymlinks: true },
    steps: ({ at }) => write(at("root/.gitignore"), "*.log\n"),
    events: ["create root/.gitignore", "change root/.gitignore", "delete root/link/sub/a.log/"],
  },
  {
    row: "rules in a directory that was made a moment ago",
    options: { gitignore: true },
    steps: ({ at }) => {
      mkdirSync(at("root/p/q"), { recursive: true });
      write(at("root/p/.gitignore"), "*.log\n.gitignore\n");
      write(at("root/p/a.log"));
      mkdirSync(at("root/p/q/r"));
      write(at("root/p/q/r/a.log"));
    },
    events: ["create root/p/", "create root/p/q/", "create root/p/q/r/"],
  },
  {
    row: "depth: what a rename puts below it is deleted, and what comes above it is created",
    before: ({ at }) => {
      mkdirSync(at("root/a"));
      mkdirSync(at("root/c/b"), { recursive: true });
      write(at("root/a/file"));
      write(at("root/c/b/file"));
    },
    options: { depth: 1 },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/c/a"));
      renameSync(at("root/c/b"), at("root/b"));
    },
    events: [
      "rename root/a/ root/c/a/",
      "delete root/c/a/file",
      "rename root/c/b/ root/b/",
      "create root/b/file",
    ],
  },
  {
    row: "depth: the same of what is further below",
    before: ({ at }) => {
      mkdirSync(at("root/a/b"), { recursive: true });
      mkdirSync(at("root/c/d/e"), { recursive: true });
      write(at("root/a/b/file"));
      write(at("root/c/d/e/file"));
    },
    options: { depth: 2 },
    steps: ({ at }) => {
      renameSync(at("root/a"), at("root/c/a"));
      renameSync(at("root/c/d"), at("root/d"));
    },
    events: [
      "rename root/a/ root/c/a/",
      "rename root/c/d/ root/d/",
      "create root/d/e/file",
      "delete root/c/a/b/file",
    ],
    anyOrder: true,
  },
];

describe.each(ways)("$backend", (way) => {
  const { backend, base } = way;
  const within = (
    row: Pick<Row, "before" | "options">,
    use: Parameters<typeof withWatcher>[2],
  ): Promise<unknown> => withWatcher(way, row, use);

  describe("steps and events", () => {
    testRows(way, rows);
  });

  test("rules end with their directory", async () => {
    const before: Row["before"] = ({ at }) => {
      mkdirSync(at("root/p"));
      write(at("root/p/.gitignore"), "*.log");
    };
    await within({ before, options: { gitignore: true } }, async (watcher, place) => {
      rmSync(place.at("root/p"), { recursive: true });
      await linesOf(watcher, place);
      mkdirSync(place.at("root/p"));
      mkdirSync(place.at("root/p/a.log"));
      expect(await linesOf(watcher, place)).toEqual(["create root/p/", "create root/p/a.log/"]);
    });
  });

  test("rules move with their directory, and are not left behind", async () => {
    const before: Row["before"] = ({ at }) => {
      mkdirSync(at("root/p"));
      write(at("root/p/.gitignore"), "*.log");
    };
    await within({ before, options: { gitignore: true } }, async (watcher, place) => {
      renameSync(place.at("root/p"), place.at("root/q"));
      mkdirSync(place.at("root/q/b.log"));
      mkdirSync(place.at("root/p"));
      mkdirSync(place.at("root/p/a.log"));
      expect(await linesOf(watcher, place)).toEqual([
        "rename root/p/ root/q/",
        "create root/p/",
        "create root/p/a.log/",
      ]);
    });
  });

  test("depth: what is below it is not watched any more", async () => {
    const before: Row["before"] = ({ at }) => {
      mkdirSync(at("root/a/b"), { recursive: true });
      mkdirSync(at("root/c"));
    };
    await within({ before, options: { depth: 2 } }, async (watcher, place) => {
      const { directories, entries } = watcher.watched;
      renameSync(place.at("root/a"), place.at("root/c/a"));
      await linesOf(watcher, place);
      mkdirSync(place.at("root/c/a/b/new"));
      expect(await linesOf(watcher, place)).toEqual([]);
      expect(watcher.watched.entries).toBe(entries);
      expect(watcher.watched.directories).toBeLessThan(directories);
    });
  });

  test("rules whose path is longer than the kernel takes are read", async () => {
    await within({ options: { gitignore: true } }, async (watcher, { root }) => {
      const name = "n".repeat(200);
      const make = `import os
os.chdir(${JSON.stringify(root)})
for _ in range(30):
    os.mkdir("${name}"); os.chdir("${name}")
open(".gitignore", "w").write("*.log")
for name in ["a.log", "b.txt"]: os.mkdir(name)`;
      expect((await run(["python3", "-c", make])).exitCode).toBe(0);
      await watcher.sync();
      const names = watcher.readEventsSync().map(({ path }) => path.slice(path.lastIndexOf("/")));
      expect(names.filter((each) => !/^(?:\/nnn.*)?$/.test(each)).toSorted()).toEqual([
        "/.gitignore",
        ...(names.filter((each) => each === "/.gitignore").length > 1 ? ["/.gitignore"] : []),
        "/b.txt",
      ]);
      await run(["rm", "-r", `${root}/${name}`]);
    });
  });

  /** Runs a script that watches a directory of its own, with so many descriptors, and gives the lines that it printed. */
  async function script(code: string): Promise<readonly string[]> {
    const prelude = `
  import { chmodSync, chownSync, closeSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
  import { watch } from "bun-butter";
  import { tempDir } from "./test/support/temp.ts";

  using dir = tempDir("${base}");
  const root = dir.at("root");
  mkdirSync(root);
  const start = async () => {
    const watcher = watch(root, { backend: "${backend}", gitignore: true });
    await watcher.ready;
    return watcher;
  };
  const tell = async (watcher) => {
    await watcher.sync();
    for (const { type, from, path, kind, error } of watcher.readEventsSync())
      // Others may be busy in the same file system.
      if (type !== "overflow") console.log([type, from, path, error?.code].filter((part) => part !== undefined).join(" ").replaceAll(dir.path + "/", ""));
  };
`;
    const limited = ["sh", "-c", 'ulimit -n 128; exec "$0" --eval "$1"', bun, prelude + code];
    const { stdout, stderr, exitCode } = await run(limited, { timeout: 15_000 });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    return stdout.trimEnd().split("\n");
  }

  test("rules that can't be read at the limit of descriptors stay what they were, and are read later", async () => {
    const lines = await script(`
      mkdirSync(root + "/node_modules/a", { recursive: true });
      mkdirSync(root + "/deep");
      writeFileSync(root + "/.gitignore", "node_modules");
      using watcher = await start();
      await tell(watcher);
      const held = [];
      try { for (;;) held.push(openSync("/dev/null")); } catch {}
      closeSync(held.pop());
      writeFileSync(root + "/.gitignore", "node_modules\\n*.log");
      await tell(watcher);
      console.log(watcher.watched.failed);
      for (const fd of held) closeSync(fd);
      await tell(watcher);
      console.log(watcher.watched.failed);
      mkdirSync(root + "/deep/a.log");
      mkdirSync(root + "/deep/new");
      await tell(watcher);
    `);
    expect(lines).toEqual([
      "change root/.gitignore",
      "error root EMFILE",
      "1",
      // It may have been written to while it could not be compared.
      ...lines.slice(3, -2).filter((text) => text === "change root/.gitignore"),
      "0",
      "create root/deep/new",
    ]);
  });

  test("a pipe, a directory and a link that leads nowhere are no files with rules", async () => {
    const lines = await script(`
      for (const name of ["pipe", "directory", "link"]) mkdirSync(root + "/" + name);
      const { exitCode } = Bun.spawnSync(["mkfifo", root + "/pipe/.gitignore"]);
      Bun.spawnSync(["ln", "-s", ".gitignore", root + "/link/.gitignore"]);
      mkdirSync(root + "/directory/.gitignore");
      using watcher = await start();
      await tell(watcher);
      Bun.spawnSync(["mkfifo", root + "/.gitignore"]);
      await tell(watcher);
      for (const name of ["pipe", "directory", "link"]) mkdirSync(root + "/" + name + "/new");
      await tell(watcher);
      console.log(exitCode, watcher.watched.failed);
    `);
    expect(lines).toEqual([
      "create root/.gitignore",
      "create root/pipe/new",
      "create root/directory/new",
      "create root/link/new",
      "0 0",
    ]);
  });

  test("a file with more rules than are read is an error, told once, and the rules before it stay", async () => {
    const lines = await script(`
      writeFileSync(root + "/.gitignore", "a.log");
      mkdirSync(root + "/a.log");
      using watcher = await start();
      writeFileSync(dir.at("large"), "b.log\\n".repeat(200_000));
      renameSync(dir.at("large"), root + "/.gitignore");
      await tell(watcher);
      watcher.add(root);
      mkdirSync(root + "/b.log");
      await tell(watcher);
      writeFileSync(dir.at("small"), "b.log");
      renameSync(dir.at("small"), root + "/.gitignore");
      await tell(watcher);
    `);
    // A change may be told twice by a comparison that comes soon.
    const others = lines.filter((text) => text !== "change root/.gitignore");
    expect(others).toEqual([
      "error root/.gitignore EFBIG",
      "create root/b.log",
      ...["create root/a.log", "delete root/b.log"].toSorted(
        (one, other) => others.indexOf(one) - others.indexOf(other),
      ),
    ]);
  });

  test.skipIf(!can("CAP_SYS_ADMIN") || emulated || backend !== "inotify")(
    "rules that may not be read are an error, and are read when they may (needs root; whoever has fanotify may read all)",
    async () => {
      const lines = await script(`
        writeFileSync(root + "/.gitignore", "*.log");
        for (const path of [dir.path, root, root + "/.gitignore"]) chownSync(path, 65534, 65534);
        chmodSync(root + "/.gitignore", 0);
        process.setegid(65534);
        process.seteuid(65534);
        using watcher = await start();
        mkdirSync(root + "/a.log");
        await tell(watcher);
        chmodSync(root + "/.gitignore", 0o600);
        await tell(watcher);
        process.seteuid(0);
        process.setegid(0);
      `);
      expect(lines).toEqual([
        "error root/.gitignore EACCES",
        "create root/a.log",
        "attributes root/.gitignore",
        "delete root/a.log",
      ]);
    },
  );
});
