/** What new users get wrong says so, and loses nothing. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { relative } from "node:path";

import { type IgnoreRule, snapshot, watch } from "bun-butter/watch";

import { runScript } from "../support/child.ts";
import { tempDir } from "../support/temp.ts";
import { ways } from "../support/watch.ts";

test.each(["add()", "remove()", "sync()"] as const)(
  "%s of a closed watcher says that",
  async (name) => {
    using dir = tempDir();
    const watcher = watch(dir.path, { backend: "inotify" });
    watcher.close();
    const uses: Readonly<Record<typeof name, () => unknown>> = {
      "add()": () => watcher.add(dir.path),
      "remove()": () => watcher.remove(dir.path),
      "sync()": () => watcher.sync(),
    };
    const error = await Promise.try(async () => uses[name]()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "EBADF", syscall: name, path: "Watcher" });
  },
);

test("a time in settle is called by its name", () => {
  expect(() => watch("/", { settle: {} as never })).toThrow(/^Cannot take settle\.quiet: /);
});

describe("ignore", () => {
  /** The paths that are told of, with this left out. */
  async function told(ignore: IgnoreRule): Promise<readonly string[]> {
    using dir = tempDir();
    using watcher = watch(dir.path, { backend: "inotify", ignore });
    mkdirSync(dir.at("a/dist"), { recursive: true });
    mkdirSync(dir.at("dist"));
    writeFileSync(dir.at("dist/file"), "");
    await watcher.sync();
    const paths = watcher.readEventsSync().map(({ path }) => relative(dir.path, path));
    return [...new Set(paths)].toSorted();
  }

  test.each([
    ["/dist", ["a", "a/dist"]],
    ["./dist", ["a", "a/dist"]],
    ["/dist/", ["a", "a/dist"]],
    ["dist", ["a"]],
    ["dist/", ["a"]],
    ["dist/**", ["a"]],
    ["a/dist", ["a", "dist", "dist/file"]],
    ["/a/dist", ["a", "dist", "dist/file"]],
  ])("%s leaves out what is there, or what is called so", async (glob, paths) => {
    expect(await told(glob)).toEqual(paths);
  });

  test("a glob with the watched path in it says where globs begin", async () => {
    using dir = tempDir();
    mkdirSync(dir.at("w/w/dist"), { recursive: true });
    const rule = dir.at("w/dist");
    const message = `Cannot take ignore: globs begin below what is watched: take "/dist" for ${JSON.stringify(rule)}`;
    expect(() => watch([dir.at("w/w"), dir.at("w")], { ignore: [rule] })).toThrow(message);
    await expect(snapshot(dir.at("w"), { ignore: rule })).rejects.toThrow(message);
    using watcher = watch(dir.at("w/w"), { ignore: rule });
    expect(() => watcher.add(dir.at("w"))).toThrow(message);
    expect(watcher.watched.paths).toEqual([dir.at("w/w")]);
    // Everything is below the root, and so is that.
    using all = watch("/", { ignore: "/*", backend: "inotify" });
    expect(all.watched.entries).toBe(1);
  });

  test('a glob that begins with "!" says that it would leave out the rest', () => {
    expect(() => watch("/", { ignore: "!*.ts" })).toThrow(
      /^Cannot take ignore: "!\*\.ts" would leave out all but that/,
    );
  });

  test.each([
    ["[draft", 'does not end its "["'],
    ["*.[!]", 'does not end its "["'],
    ["[a\\]", 'does not end its "["'],
    ["*.{js,ts", 'does not end its "{"'],
    ["{a,{b,c}", 'does not end its "{"'],
    ["{a\\}", 'does not end its "{"'],
    ["build\\", 'does not end its "\\\\"'],
    ["../dist", 'matches nothing: no path has a part ".."'],
    ["a/./b", 'matches nothing: no path has a part "."'],
    ["a//b", 'matches nothing: no path has a part ""'],
  ])("%s says what is wrong with it", async (glob, flaw) => {
    const message = `Cannot take ignore: ${JSON.stringify(glob)} ${flaw}`;
    expect(() => watch("/", { ignore: ["ok", glob] })).toThrow(message);
    await expect(snapshot("/", { ignore: glob })).rejects.toThrow(message);
  });

  test.each([
    ["\\[a", "[a"],
    ["\\{a", "{a"],
    ["a\\\\", "a\\"],
    ["[]]a", "]a"],
    ["[^\\]]a", "[a"],
    ["]a}", "]a}"],
    ["{a,[}]}", "}"],
    ["{a,{b,c}}", "c"],
  ])("%s leaves out %s", async (glob, name) => {
    using dir = tempDir();
    using watcher = watch(dir.path, { backend: "inotify", ignore: glob });
    mkdirSync(dir.at(name));
    mkdirSync(dir.at("other"));
    await watcher.sync();
    expect(watcher.readEventsSync().map(({ path }) => relative(dir.path, path))).toEqual(["other"]);
  });

  test.each(ways)(
    "what is put into the list afterwards leaves out nothing: $backend",
    async (way) => {
      using dir = tempDir(way.base);
      const ignore: IgnoreRule[] = ["*.log"];
      using watcher = watch(dir.path, { backend: way.backend, ignore });
      ignore.push("*.txt", null as never);
      writeFileSync(dir.at("a.log"), "");
      writeFileSync(dir.at("a.txt"), "");
      await watcher.sync();
      expect(new Set(watcher.readEventsSync().map(({ path }) => path))).toEqual(
        new Set([dir.at("a.txt")]),
      );
    },
  );

  test("a function that returns a Promise leaves out nothing, and that is an uncaught error", async () => {
    using dir = tempDir();
    const { stdout } = await runScript(
      `
        import { watch } from "bun-butter/watch";
        import { writeFileSync } from "node:fs";
        process.on("uncaughtException", ({ message }) => console.log(message));
        const [, dir] = process.argv;
        using watcher = watch(dir, { ignore: async () => true });
        writeFileSync(dir + "/file", "");
        const { type } = await watcher.readEvent();
        console.log(type);
      `,
      { args: [dir.path] },
    );
    expect(stdout).toStartWith(
      "Cannot take ignore: a function returned a Promise, not a boolean\n",
    );
    expect(stdout).toContain("create\n");
  });
});
