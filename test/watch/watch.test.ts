/** What watch() takes, and what its watcher does beside telling of changes. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { changesSince, snapshot, watch, type Watcher, type WatchOptions } from "bun-butter";

import { bun, run, runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";
import { memory, tempDir } from "../support/temp.ts";
import { ways } from "../support/watch.ts";

async function pathsOf(watcher: Watcher): Promise<string[]> {
  await watcher.sync();
  return watcher.readEventsSync().map(({ path }) => path);
}

describe("options", () => {
  test.each([
    [{ depth: -1 }, RangeError, "depth"],
    [{ depth: 1.5 }, RangeError, "depth"],
    [{ depth: "1" }, TypeError, "depth"],
    [{ recursive: 1 }, TypeError, "recursive"],
    [{ initial: null }, TypeError, "initial"],
    [{ ignore: 5 }, TypeError, "ignore"],
    [{ ignore: [null] }, TypeError, "ignore"],
    [{ ignore: "" }, TypeError, 'ignore: "" is no glob'],
    [{ ignore: ["*.log", "/"] }, TypeError, 'ignore: "/" is no glob'],
    [
      { ignore: /x/ },
      TypeError,
      "ignore: expected a glob, a function or an array of them, got the regular expression /x/: take (path) => /x/.test(path)",
    ],
    [
      { ignore: null },
      TypeError,
      "ignore: expected a glob, a function or an array of them, got null",
    ],
    [{ ignore: [[]] }, TypeError, "got an array"],
    [{ gitignore: "" }, TypeError, "gitignore"],
    [
      { gitignore: null },
      TypeError,
      "gitignore: expected true, false or the name of a file, got null",
    ],
    [{ depth: "1" }, TypeError, 'depth: expected a number, got "1"'],
    [{ gitignore: "a/b" }, TypeError, "gitignore"],
    [{ signal: {} }, TypeError, "signal"],
    [null, TypeError, "options: expected an object, got null"],
    ["utf8", TypeError, 'options: expected an object, got "utf8"'],
    [() => {}, TypeError, "options: expected an object, got a function"],
    [{ settle: -1 }, RangeError, "settle"],
    [{ settle: { quiet: 20, max: 10 } }, RangeError, "max 10 is less than 20 ms"],
    [{ settle: "1" }, TypeError, "settle"],
    [{ batch: NaN }, RangeError, "batch"],
    [{ poll: -1 }, RangeError, "poll"],
    [{ poll: "1" }, TypeError, "poll"],
    [{ atomic: 2 ** 31 }, RangeError, "atomic"],
    [{ backend: "kqueue" }, TypeError, "backend"],
    [{ latency: -1 }, RangeError, "latency"],
  ])("%j is refused, and nothing is left open", async (options, Class, text) => {
    using dir = tempDir();
    const before = descriptorCount();
    for (let round = 0; round < 30; round++) {
      const open = (): Watcher => watch(dir.path, options as unknown as WatchOptions);
      expect(open).toThrow(Class);
      expect(open).toThrow(text);
    }
    expect(await descriptorsBackTo(before)).toBeLessThan(before + 30);
  });

  test.each([[""], [5], [null], ["a\0b"], [new URL("http://localhost/")], [["/tmp", undefined]]])(
    "%j is no path",
    (path) => {
      expect(() => watch(path as unknown as string)).toThrow(TypeError);
    },
  );

  test.each(ways)(
    "$backend says that it is the limit of descriptors, and of no other",
    async ({ backend, base }) => {
      const code = `
        import { watch } from "bun-butter";
        import { dup } from "bun-butter/syscalls";
        try { for (;;) dup(2); } catch {}
        try { watch(process.argv[1], { backend: "${backend}" }); } catch ({ message }) { console.log(message); }
      `;
      using dir = tempDir(base);
      const limited = ["sh", "-c", 'ulimit -n 64; exec "$0" --eval "$1" "$2"', bun, code, dir.path];
      const { stdout, stderr } = await run(limited);
      const call = backend === "inotify" ? "inotify_init1" : "fanotify_init";
      expect({ stdout, stderr }).toEqual({
        stdout: `Cannot ${call}: too many open files (EMFILE): this process is at its limit of open descriptors (ulimit -n)\n`,
        stderr: "",
      });
    },
  );

  test("a path is text, bytes, a URL, relative, or with slashes at its end, and told as it was given", async () => {
    using dir = tempDir();
    const { path } = dir;
    for (const given of [path, `${path}//`, Buffer.from(path), pathToFileURL(path)]) {
      using watcher = watch(given);
      expect(watcher.watched.paths).toEqual([path]);
    }
    const before = process.cwd();
    process.chdir(path);
    try {
      mkdirSync("sub");
      using watcher = watch("sub");
      process.chdir("/");
      writeFileSync(dir.at("sub/file"), "");
      expect(await pathsOf(watcher)).toEqual(["sub/file", "sub/file"]);
    } finally {
      process.chdir(before);
    }
  });
});

test("add() watches another path, and remove() ends that without a word", async () => {
  using dir = tempDir();
  for (const name of ["a", "b/c"]) mkdirSync(dir.at(name), { recursive: true });
  using watcher = watch(dir.at("a"));
  watcher.add(dir.at("b"));
  mkdirSync(dir.at("b/new"));
  expect(await pathsOf(watcher)).toEqual([dir.at("b/new")]);
  expect(watcher.remove(dir.at("b"))).toBe(true);
  expect(watcher.remove(dir.at("b"))).toBe(false);
  mkdirSync(dir.at("b/newer"));
  mkdirSync(dir.at("a/new"));
  expect(await pathsOf(watcher)).toEqual([dir.at("a/new")]);
  expect(watcher.watched.paths).toEqual([dir.at("a")]);
  expect(() => watcher.add(dir.at("none"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
});

describe("watch([])", () => {
  test.each(ways)("$backend tells nothing until add(), and nothing after remove()", async (way) => {
    using dir = tempDir(way.base);
    await using watcher = watch([], { backend: way.backend });
    await Promise.all([watcher.ready, watcher.indexed, watcher.sync()]);
    mkdirSync(dir.at("before"));
    expect(await pathsOf(watcher)).toEqual([]);
    expect(watcher.watched).toMatchObject({ paths: [], directories: 0, entries: 0 });
    for (let round = 0; round < 2; round++) {
      watcher.add(dir.path);
      mkdirSync(dir.at(`${round}`));
      expect(await pathsOf(watcher)).toEqual([dir.at(`${round}`)]);
      expect(watcher.remove(dir.path)).toBe(true);
      mkdirSync(dir.at(`${round}/after`));
      expect(await pathsOf(watcher)).toEqual([]);
      expect(watcher.watched).toMatchObject({ paths: [], directories: 0, entries: 0 });
    }
  });

  test("takes the backend that can watch whatever is added", () => {
    using watcher = watch([]);
    watcher.add("/proc/fs");
    expect(watcher.watched).toMatchObject({ backend: "inotify", failed: 0 });
    expect(watcher.watched.reason).toBe("no path says whether fanotify can");
  });

  test.each(ways)("$backend ends a loop when it is closed", async ({ backend }) => {
    const watcher = watch([], { backend });
    const loop = (async () => {
      for await (const { path } of watcher) expect(path).toBe("");
      return "over";
    })();
    await watcher.ready;
    expect(Bun.peek.status(loop)).toBe("pending");
    watcher.close();
    expect(await loop).toBe("over");
  });

  test.each(ways)("$backend holds a process only while it is read", async ({ backend, base }) => {
    using dir = tempDir(base);
    const script = `
      import { watch } from "bun-butter";
      import { mkdirSync } from "node:fs";
      const [, dir] = process.argv;
      const unread = watch([], { backend: "${backend}" });
      const weak = watch([], { backend: "${backend}", persistent: false });
      weak.readEvent().catch(() => {});
      const watcher = watch([], { backend: "${backend}" });
      setTimeout(() => {
        watcher.add(dir);
        mkdirSync(dir + "/new");
      }, 20).unref();
      for await (const { type } of watcher) {
        console.log(type);
        break;
      }
    `;
    const { stdout, exitCode } = await runScript(script, { args: [dir.path], timeout: 20_000 });
    expect([stdout, exitCode]).toEqual(["create\n", 0]);
  });
});

test("remove() of what is above a path leaves that one watched", async () => {
  using dir = tempDir();
  mkdirSync(dir.at("a/b"), { recursive: true });
  using watcher = watch([dir.at("a"), dir.at("a/b")]);
  expect(watcher.remove(dir.at("a"))).toBe(true);
  mkdirSync(dir.at("a/new"));
  mkdirSync(dir.at("a/b/new"));
  expect(await pathsOf(watcher)).toEqual([dir.at("a/b/new")]);
});

test("close() within a function that ignores ends it, whatever was read with it", async () => {
  using dir = tempDir();
  const before = descriptorCount();
  const watcher: Watcher = watch(dir.path, {
    ignore: (path) => {
      if (path === "x") watcher.close();
      return false;
    },
  });
  for (const name of ["w", "x", "y/z"]) mkdirSync(dir.at(name), { recursive: true });
  watcher.readEventsSync();
  expect(watcher.closed).toBe(true);
  expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
});

test.each([false, true])(
  "what waits for a watcher rejects when that is closed, with the reason of a signal if there is one (%p)",
  async (isAborted) => {
    using dir = tempDir(memory);
    // More than is read at once.
    for (let at = 0; at < 2000; at++) mkdirSync(dir.at(`${at}`));
    const controller = new AbortController();
    const { signal } = controller;
    using watcher = watch(dir.path, { backend: "inotify", signal });
    const waiting = [watcher.ready, watcher.indexed, watcher.sync(), watcher.readEvent()];
    const reason = new Error("no longer wanted");
    if (isAborted) controller.abort(reason);
    else watcher.close();
    const why = await Promise.all(waiting.map((promise) => promise.catch((error) => error)));
    if (isAborted) expect(why).toEqual([reason, reason, reason, reason]);
    else expect(why.map(({ code }) => code)).toEqual(["EBADF", "EBADF", "EBADF", "EBADF"]);
    expect(() => watcher.add(dir.path)).toThrow("it is closed");
  },
);

test("a watcher that is closed and opened again and again leaves nothing behind", async () => {
  using dir = tempDir();
  for (let at = 0; at < 50; at++) mkdirSync(dir.at(`${at}`));
  const before = descriptorCount();
  const watchers = Array.from({ length: 30 }, () => watch(dir.path));
  await Promise.all(watchers.map((watcher) => watcher[Symbol.asyncDispose]()));
  expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
});

describe("snapshot()", () => {
  test("leaves out what is ignored, and what is too deep", async () => {
    using dir = tempDir();
    mkdirSync(dir.at("a/b"), { recursive: true });
    writeFileSync(dir.at("a/b/file"), "");
    writeFileSync(dir.at("a/x.log"), "");
    const { tree } = await snapshot(dir.path, { ignore: "*.log", depth: 1 });
    expect(Object.keys(tree?.entries ?? {})).toEqual(["a"]);
    expect(Object.keys(tree?.entries?.["a"]?.entries ?? {})).toEqual(["b"]);
    expect(tree?.entries?.["a"]?.entries?.["b"]?.entries).toBeUndefined();
  });

  test("of nothing is an error, and changesSince() takes nothing but snapshots", async () => {
    using dir = tempDir();
    await expect(snapshot(dir.at("none"))).rejects.toMatchObject({ code: "ENOENT" });
    for (const wrong of [undefined, null, {}, { version: 2, path: "/" }])
      await expect(changesSince(wrong as never)).rejects.toThrow(TypeError);
  });

  test("ends when its signal aborts", async () => {
    using dir = tempDir();
    for (let at = 0; at < 2000; at++) writeFileSync(dir.at(`${at}`), "");
    const controller = new AbortController();
    const work = snapshot(dir.path, { signal: controller.signal });
    controller.abort(new Error("no longer wanted"));
    await expect(work).rejects.toThrow("no longer wanted");
  });

  test("keeps names of every kind apart", async () => {
    using dir = tempDir();
    const bytes = Buffer.concat([Buffer.from(`${dir.path}/`), Buffer.from([0xff])]);
    writeFileSync(bytes, "");
    writeFileSync(dir.at("__proto__"), "");
    const before = JSON.parse(JSON.stringify(await snapshot(dir.path))) as Awaited<
      ReturnType<typeof snapshot>
    >;
    expect(await changesSince(before)).toEqual([]);
    writeFileSync(bytes, "more");
    const [event] = await changesSince(before);
    expect(event).toMatchObject({ type: "change", path: `${dir.path}/\uFFFD` });
    expect(Buffer.from(event?.pathBytes ?? [])).toEqual(bytes);
  });
});

test.each([
  ["what a function leaves out", { ignore: ["out"] }],
  ["what is too deep", { depth: 2 }],
])("new directories are entered at once, but not %s", async (_, options) => {
  using dir = tempDir();
  using watcher = watch(dir.path, { backend: "inotify", ...options });
  await watcher.ready;
  const before = watcher.watched.directories;
  mkdirSync(dir.at("a/b/out/x"), { recursive: true });
  writeFileSync(dir.at("a/b/out/x/file"), "");
  await watcher.sync();
  expect(watcher.watched.directories - before).toBe(2);
});

test("more new directories than are entered at once, with more in them than is read at once", async () => {
  using dir = tempDir();
  using watcher = watch(dir.path, { backend: "inotify" });
  await watcher.ready;
  const before = descriptorCount();
  const expected: string[] = [];
  for (let at = 0; at < 50; at++) {
    expected.push(dir.at(`${at}`), dir.at(`${at}/sub`), dir.at(`${at}/sub/file`));
    mkdirSync(dir.at(`${at}/sub`), { recursive: true });
    writeFileSync(dir.at(`${at}/sub/file`), "");
  }
  for (let at = 0; at < 500; at++) {
    const path = dir.at(`0/sub/a-name-of-some-length-${at}`);
    writeFileSync(path, "");
    expected.push(path);
  }
  renameSync(dir.at("1"), dir.at("sub"));
  await watcher.sync();
  const paths = new Set<string>();
  for (const { type, path } of watcher.readEventsSync()) {
    if (type === "create") expect([path, paths.has(path)]).toEqual([path, false]);
    if (type === "create" || type === "rename") paths.add(path);
  }
  const shown = expected.map((path) => path.replace(/\/1(?=$|\/sub)/, "/sub"));
  for (const path of shown) expect([path, paths.has(path)]).toEqual([path, true]);
  expect(descriptorCount()).toBe(before);
});
