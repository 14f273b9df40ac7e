/** tempTree() is there for the time of a test, and gone whatever happens. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

import { statfs } from "bun-butter/syscalls";
import { link, TempTree, tempTree, type TreeContent } from "bun-butter/testing";

import { bun, run, runScript } from "../support/child.ts";
import { descriptorCount } from "../support/descriptors.ts";
import { tempDir } from "../support/temp.ts";

describe("content", () => {
  test("is planted, and read again as it was", async () => {
    const content = {
      "a.txt": "text",
      bytes: new Uint8Array([0xff, 0, 1]),
      empty: "",
      dir: { nested: { deep: "x" }, none: {} },
      latest: link("dir/nested"),
      ["__proto__"]: "a name like any other",
      ["\ufeffmark"]: "\ufeffstays",
    };
    await using dir = await tempTree(content);
    expect(dir.tree()).toEqual(content);
    expect(dir.read("latest/deep")).toBe("x");
  });

  test("has names that are paths, and directories with a slash", async () => {
    await using dir = await tempTree({
      "src/": {},
      "src/a/b.ts": "1",
      "./src/a": { "c.ts": "2", "d/e/": {} },
      out: {},
    });
    expect(dir.tree()).toEqual({ src: { a: { "b.ts": "1", "c.ts": "2", d: { e: {} } } }, out: {} });
  });

  test.each([
    [{ "/etc/x": "" }, RangeError, "relative"],
    [{ "../x": "" }, RangeError, "leads out"],
    [{ "a/../../x": "" }, RangeError, "leads out"],
    [{ "a\0b": "" }, TypeError, "NUL"],
    [{ "": "" }, TypeError, "names nothing"],
    [{ ".": {} }, TypeError, "names nothing"],
    [{ a: 5 }, TypeError, '"a"'],
    [{ "d/": { a: null } }, TypeError, '"d/a"'],
    [{ a: undefined }, TypeError, '"a"'],
    [{ "a/": "text" }, TypeError, "a directory's is an object"],
    [{ a: "", "a/b": "" }, TypeError, "something else"],
    [{ "a/b": "", a: "" }, TypeError, "something else"],
    [{ a: { b: "" }, "a/b": "" }, TypeError, "something else"],
    [{ a: ["x"] }, TypeError, '"a"'],
    [[], TypeError, "expected an object"],
    [null, TypeError, "expected an object"],
    ["text", TypeError, "expected an object"],
  ])("%j is refused, and leaves nothing", async (content, Class, text) => {
    using parent = tempDir();
    const call = tempTree(content as unknown as TreeContent, { parent: parent.path });
    const error = await call.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Class);
    expect((error as Error).message).toContain(text);
    expect(readdirSync(parent.path)).toEqual([]);
  });

  test.each([5, null, "", "a\0"])("link(%j) is refused", (target) => {
    expect(() => link(target as string)).toThrow(TypeError);
  });

  test("that can't be planted leaves nothing", async () => {
    using parent = tempDir();
    const name = "x".repeat(256);
    expect(tempTree({ a: "", [name]: "" }, { parent: parent.path })).rejects.toThrow(
      "ENAMETOOLONG",
    );
    expect(tempTree({}, { parent: parent.at("missing") })).rejects.toThrow("ENOENT");
    expect(tempTree({}, { parent: "" })).rejects.toThrow(TypeError);
    expect(readdirSync(parent.path)).toEqual([]);
  });
});

describe("the directory", () => {
  test("is on a tmpfs in which programs can be run, if there is one", async () => {
    const fit = [tmpdir(), "/dev/shm"].find((path) => {
      if (!existsSync(path)) return false;
      const { f_type, f_flags } = statfs(path);
      return f_type === 0x01021994n && (f_flags & 9n) === 0n;
    });
    await using dir = await tempTree({ program: "#!/bin/sh\necho runs\n" });
    expect(dirname(dir.path)).toBe(realpathSync(fit ?? tmpdir()));
    dir.chmod("program", 0o755);
    expect(await Bun.$`${dir.at("program")}`.text()).toBe("runs\n");
    expect(statSync(dir.path).mode & 0o777).toBe(0o700);
  });

  test("is where parent says, by its path without links", async () => {
    using parent = tempDir();
    mkdirSync(parent.at("real"));
    symlinkSync("real", parent.at("link"));
    await using dir = await tempTree({ a: "" }, { parent: parent.at("link") });
    expect(dir.path).toBe(join(realpathSync(parent.at("real")), basename(dir.path)));
  });

  test("is written, read, renamed and removed by paths within it", async () => {
    await using dir = await tempTree();
    dir.write("a/b/c", "1");
    dir.append("a/b/c", "2");
    dir.append("new/log", "3");
    expect(dir.read("a/b/c")).toBe("12");
    expect([...dir.bytes("a/b/c")]).toEqual([0x31, 0x32]);
    dir.mkdir("x/y");
    dir.rename("a/b", "x/y/z");
    dir.plant({ "x/y/z/c": "again", l: link("nowhere") });
    expect([dir.has("l"), dir.has("a/b"), dir.has("x/y/z/c")]).toEqual([true, false, true]);
    dir.remove("a");
    dir.remove("a");
    dir.remove("new");
    expect(dir.tree()).toEqual({ x: { y: { z: { c: "again" } } }, l: link("nowhere") });
    expect(dir.at(".")).toBe(dir.path);
  });

  test("is not left by a path", async () => {
    await using dir = await tempTree();
    for (const path of ["/etc/passwd", "..", "a/../../b"]) {
      expect(() => dir.at(path)).toThrow(RangeError);
      expect(() => dir.write(path, "")).toThrow(RangeError);
      expect(() => dir.rename("a", path)).toThrow(RangeError);
      expect(() => dir.remove(path)).toThrow(RangeError);
    }
    expect(() => dir.remove(".")).toThrow("the tree itself");
    expect(() => dir.at(undefined as unknown as string)).toThrow(TypeError);
  });

  test("has a pipe in it that nobody writes to, and is read all the same", async () => {
    await using dir = await tempTree({ a: "" });
    await Bun.$`mkfifo ${dir.at("pipe")}`;
    expect(dir.tree()).toEqual({ a: "" });
  });
});

describe("the end", () => {
  test("removes all, whatever rights are missing, and twice is nothing", async () => {
    const dir = new TempTree({ "locked/inner/": { a: "" } });
    chmodSync(dir.at("locked/inner"), 0o000);
    chmodSync(dir.at("locked"), 0o500);
    dir[Symbol.dispose]();
    expect(existsSync(dir.path)).toBe(false);
    await dir[Symbol.asyncDispose]();
  });

  const unprivileged = process.getuid?.() === 0 && Bun.which("setpriv") !== null;

  test.skipIf(!unprivileged)(
    `removes what its owner locked, without a privilege${unprivileged ? "" : " (needs root and setpriv)"}`,
    async () => {
      using parent = tempDir();
      chmodSync(parent.path, 0o777);
      writeFileSync(
        parent.at("script.ts"),
        `import { chmodSync, existsSync } from "node:fs";
         const { TempTree } = await import(process.argv[2]);
         const dir = new TempTree({ "locked/inner/": { a: "" } }, { parent: ${JSON.stringify(parent.path)} });
         chmodSync(dir.at("locked/inner"), 0o000);
         chmodSync(dir.at("locked"), 0o000);
         dir[Symbol.dispose]();
         console.log(process.getuid(), existsSync(dir.path));`,
      );
      const bundle = await Bun.build({
        entrypoints: [new URL("../../src/testing/index.ts", import.meta.url).pathname],
        target: "bun",
      });
      await Bun.write(parent.at("testing.js"), bundle.outputs[0] ?? "");
      await Bun.write(parent.at("bun"), Bun.file(bun));
      chmodSync(parent.at("bun"), 0o755);
      const drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
      const result = await run(
        [...drop, parent.at("bun"), parent.at("script.ts"), parent.at("testing.js")],
        { cwd: parent.path, env: { HOME: parent.path } },
      );
      expect({ ...result, stderr: "" }).toMatchObject({ stdout: "65534 false\n", exitCode: 0 });
    },
  );

  test("comes although a program still writes there", async () => {
    const dir = await tempTree();
    const script = "echo go; while mkdir -p a/b 2>/dev/null && : > a/b/$((n=n+1)); do :; done";
    await using child = Bun.spawn(["sh", "-c", script], {
      cwd: dir.path,
      stdout: "pipe",
      stderr: "ignore",
    });
    await child.stdout.getReader().read();
    await dir[Symbol.asyncDispose]();
    expect(existsSync(dir.path)).toBe(false);
    await child.exited;
  });

  const leaving = `
    const { TempTree } = await import("bun-butter/testing");
    const dir = new TempTree({ a: "" }, { parent: process.argv[1] });
    console.log(dir.path);
  `;

  test.each(["", "process.exit(3);", "throw new Error('uncaught');"])(
    "comes when the process exits: %j",
    async (end) => {
      using parent = tempDir();
      const { stdout } = await runScript(leaving + end, { args: [parent.path] });
      expect(dirname(stdout.trim())).toBe(parent.path);
      expect(readdirSync(parent.path)).toEqual([]);
    },
  );

  test("comes with the next tree if the process is killed, and no other's is touched", async () => {
    using parent = tempDir();
    const killed = await runScript(`${leaving} process.kill(process.pid, "SIGKILL");`, {
      args: [parent.path],
    });
    const path = killed.stdout.trim();
    expect(readdirSync(parent.path)).toEqual([basename(path)]);
    // Of a process that lives, and of another pid namespace.
    const [namespace = ""] = /(?<=butter-tree-)\d+/.exec(path) ?? [];
    const others = [`butter-tree-${namespace}-${process.pid}-abcdef`, "butter-tree-1-1-abcdef"];
    for (const name of [...others, "else"]) mkdirSync(parent.at(name));
    await runScript(leaving, { args: [parent.path] });
    expect(readdirSync(parent.path).toSorted()).toEqual([...others, "else"].toSorted());
  });

  test("comes with the next tree after tests that forgot it, passed or failed", async () => {
    using parent = tempDir();
    const testing = new URL("../../src/testing/index.ts", import.meta.url).pathname;
    writeFileSync(
      parent.at("forgets.test.ts"),
      `import { expect, test } from "bun:test";
       import { tempTree } from ${JSON.stringify(testing)};
       const make = async () => {
         const { path } = await tempTree({ a: "" }, { parent: ${JSON.stringify(parent.path)} });
         expect(path).toStartWith(${JSON.stringify(parent.path)});
       };
       test("passes", make);
       test("fails", async () => { await make(); throw new Error("as it should"); });`,
    );
    const { stderr, exitCode } = await run([bun, "test"], { cwd: parent.path });
    expect(stderr).toContain("1 pass\n 1 fail");
    expect(exitCode).toBe(1);
    await runScript(leaving, { args: [parent.path] });
    expect(readdirSync(parent.path)).toEqual(["forgets.test.ts"]);
  });
});

test("a hundred set-ups and tear-downs leave nothing", async () => {
  using parent = tempDir();
  const before = descriptorCount();
  for (let round = 0; round < 100; round++) {
    await using dir = await tempTree({ a: "x", "b/c": "y" }, { parent: parent.path });
    dir.write("b/d", "z");
  }
  expect(readdirSync(parent.path)).toEqual([]);
  expect(descriptorCount()).toBeLessThanOrEqual(before);
});
