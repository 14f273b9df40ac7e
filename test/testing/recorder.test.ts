/** record() tells what happens in a tree, in order, without a sleep. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";

import type { WatchEvent } from "bun-butter";
import { record, Recorder, type RecordOptions, tempTree } from "bun-butter/testing";

import { emulated } from "../support/capabilities.ts";
import { runScript } from "../support/child.ts";
import { descriptorCount, descriptorsBackTo } from "../support/descriptors.ts";

function lines(events: readonly WatchEvent[]): readonly string[] {
  return events.map((event) =>
    event.type === "rename" ? `rename ${event.from} ${event.path}` : `${event.type} ${event.path}`,
  );
}

describe("events", () => {
  test("have what this process did as soon as it is done, with paths relative to the tree", async () => {
    await using dir = await tempTree({ "a/": {} });
    await using rec = await record(dir.path);
    expect(rec.events).toEqual([]);
    dir.write("a/x", "1");
    expect(lines(rec.events)).toEqual(["create a/x", "change a/x"]);
    dir.rename("a/x", "y");
    dir.remove("a");
    await rec.quiet();
    expect(lines(rec.events).slice(2)).toEqual(["rename a/x y", "delete a"]);
    expect(rec.events[2]).toEqual({ type: "rename", from: "a/x", path: "y", kind: "file" });
  });

  test("are none of what was there before, or happened before", async () => {
    await using dir = await tempTree({ a: "1", "b/c": "2" });
    dir.write("d", "3");
    await using rec = await record(dir.path);
    expect(await rec.quiet()).toEqual([]);
  });

  test("stay in order whatever asks for them, between turns of the event loop", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const expected: string[] = [];
    for (let round = 0; round < 300; round++) {
      mkdirSync(dir.at(`${round}`));
      expected.push(`create ${round}`);
      if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      if (round % 5 === 0) await Promise.resolve();
      if (round % 7 === 0) await rec.next("create", `${round}`);
      if (round % 2 === 0) expect(lines(rec.events)).toEqual(expected);
    }
    expect(lines(await rec.quiet())).toEqual(expected);
  });

  test("of the tree itself have the path ., and its end is told", async () => {
    await using dir = await tempTree({ "sub/": {} });
    await using rec = await record(`${dir.path}/sub/`);
    rmSync(dir.at("sub"), { recursive: true });
    expect(lines(await rec.quiet())).toEqual(["delete ."]);
    await using file = await tempTree({ f: "" });
    await using single = await record(file.at("f"));
    file.append("f", "more");
    expect(lines(await single.quiet())).toEqual(["change ."]);
  });

  test("have a name that is no text as bytes, relative as well", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    writeFileSync(Buffer.concat([Buffer.from(`${dir.path}/x`), Buffer.from([0xff])]), "");
    const [event] = await rec.quiet();
    expect(event?.path).toBe("x\ufffd");
    expect(event?.pathBytes).toEqual(new Uint8Array([0x78, 0xff]));
  });

  test("stay when the record is closed, with what happened right before", async () => {
    await using dir = await tempTree();
    const rec = await record(dir.path);
    mkdirSync(dir.at("a"));
    rec.close();
    rec.close();
    mkdirSync(dir.at("b"));
    expect(lines(rec.events)).toEqual(["create a"]);
    expect(rec.quiet()).rejects.toThrow("it is closed");
    expect(rec.next("create")).rejects.toThrow("it is closed");
  });

  test("leave out what options say", async () => {
    await using dir = await tempTree({ "a/b/": {} });
    await using rec = await record(dir.path, { ignore: "*.log", depth: 1 });
    for (const path of ["x.log", "a/y", "a/b/z"]) dir.mkdir(path);
    expect(lines(await rec.quiet())).toEqual(["create a/y"]);
  });
});

describe("next()", () => {
  test("returns each event once, the oldest that matches, whether it is there or still comes", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const waiting = rec.next("create", "b");
    for (const name of ["a", "b", "c"]) dir.mkdir(name);
    expect(await waiting).toEqual({ type: "create", path: "b", kind: "directory" });
    expect((await rec.next("create")).path).toBe("a");
    expect((await rec.next("create", /./g)).path).toBe("c");
    dir.mkdir("d");
    expect((await rec.next("create", "./d/")).path).toBe("d");
    expect(rec.next("create", undefined, { timeout: 0 })).rejects.toThrow("within 0 ms");
  });

  test("gives two who wait for the same one event each, in turn", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const both = Promise.all([rec.next("create"), rec.next("create")]);
    dir.mkdir("1");
    dir.mkdir("2");
    expect(lines(await both)).toEqual(["create 1", "create 2"]);
  });

  test("waits for another process", async () => {
    await using dir = await tempTree({ in: "hello" });
    await using rec = await record(dir.path);
    await using child = Bun.spawn(["sh", "-c", "cat in > out; mv out end"], { cwd: dir.path });
    const event = await rec.next("rename", "end");
    expect(event.from).toBe("out");
    await child.exited;
    expect(lines(await rec.quiet())).toEqual(["create out", "change out", "rename out end"]);
  });

  test("gives up with what did happen, and nothing is lost by that", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const none = await rec.next("create", "x", { timeout: 1 }).catch((error: unknown) => error);
    expect(none).toBeInstanceOf(Error);
    expect((none as Error).name).toBe("TimeoutError");
    expect((none as Error).message).toBe(
      'Cannot next() on Recorder: nothing told of create "x" within 1 ms, and nothing did',
    );
    for (let at = 0; at < 60; at++) dir.mkdir(`${at}`);
    dir.rename("0", "zero");
    const some = await rec.next("delete", /^x/, { timeout: 1 }).catch((error: unknown) => error);
    const { message } = some as Error;
    expect(message).toStartWith(
      "Cannot next() on Recorder: nothing told of delete /^x/ within 1 ms, and what did:\n",
    );
    expect(message).toContain("\n  … 11 before these\n");
    expect(message).toEndWith("\n  create 59 (directory)\n  rename 0 to zero (directory)");
    expect((await rec.next("create", "5")).path).toBe("5");
  });

  test("ends with its signal, and with the record", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const end = new AbortController();
    const aborted = rec.next("create", "a", { signal: end.signal });
    end.abort(new Error("enough"));
    expect(aborted).rejects.toThrow("enough");
    const closed = rec.next("create", "a");
    rec.close();
    expect(closed).rejects.toThrow("it is closed");
    expect(rec.next("create", "a", { signal: end.signal })).rejects.toThrow("it is closed");
  });

  test.each([
    ["made", undefined, TypeError, "none of create, change"],
    ["toString", undefined, TypeError, "none of create"],
    [undefined, undefined, TypeError, "none of create"],
    ["create", "/tmp/x", RangeError, "relative"],
    ["create", "a/../../x", RangeError, "leads out"],
    ["create", 5, TypeError, "expected a string"],
    ["create", "a\0b", TypeError, "NUL"],
  ])("%p of %p is refused at once", async (type, path, Class, text) => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const call = rec.next(type as "create", path as string);
    expect(call).rejects.toThrow(Class);
    expect(call).rejects.toThrow(text);
  });
});

describe("quiet()", () => {
  test("has all of what a program did that has exited, deep and new directories included", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const script = "for i in $(seq 50); do mkdir -p d$i/e/f; echo x > d$i/e/f/g; done";
    await using child = Bun.spawn(["sh", "-c", script], { cwd: dir.path });
    await child.exited;
    const created = lines(await rec.quiet()).filter((line) => line.startsWith("create"));
    const paths = Array.from({ length: 50 }, (_, at) =>
      ["", "/e", "/e/f", "/e/f/g"].map((below) => `create d${at + 1}${below}`),
    );
    expect(created.toSorted()).toEqual(paths.flat().toSorted());
  });

  test("tells of what was moved out, which nothing else says", async () => {
    await using dir = await tempTree({ a: "" });
    await using other = await tempTree();
    await using rec = await record(dir.path);
    renameSync(dir.at("a"), other.at("a"));
    expect(lines(await rec.quiet())).toEqual(["delete a"]);
  });

  test("rejects when the record is closed meanwhile", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const quiet = rec.quiet();
    rec.close();
    await quiet.catch((error: unknown) => expect(error).toHaveProperty("code", "EBADF"));
    expect(rec.quiet()).rejects.toHaveProperty("code", "EBADF");
  });
});

describe("during()", () => {
  test("returns what happened meanwhile, and nothing from before or after", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    dir.mkdir("before");
    const events = await rec.during(async () => {
      dir.mkdir("sync");
      await Bun.$`mkdir async`.cwd(dir.path);
    });
    dir.mkdir("after");
    expect(lines(events)).toEqual(["create sync", "create async"]);
    expect(await rec.during(() => {})).toEqual([]);
  });

  test("throws what its function throws", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const failing = (): never => {
      throw new Error("mine");
    };
    expect(rec.during(failing)).rejects.toThrow("mine");
    expect(rec.during(() => Promise.reject(new Error("later")))).rejects.toThrow("later");
  });
});

describe("record()", () => {
  test.each([
    [5, {}, TypeError],
    ["", {}, TypeError],
    ["/nonexistent/butter", {}, Error],
    ["/tmp", { timeout: -1 }, RangeError],
    ["/tmp", { timeout: "1" }, TypeError],
    ["/tmp", { depth: -1 }, RangeError],
  ])("%p with %p is refused, and leaves no descriptor", async (path, options, Class) => {
    const before = descriptorCount();
    for (let round = 0; round < 30; round++) {
      const call = record(path as string, options as RecordOptions);
      expect(await call.catch((error: unknown) => error)).toBeInstanceOf(Class);
    }
    expect(await descriptorsBackTo(before)).toBeLessThan(before + 30);
  });

  test("leaves no descriptor behind, by close() or at the end of its block", async () => {
    await using dir = await tempTree();
    {
      await using _warm = await record(dir.path);
    }
    const before = descriptorCount();
    for (let round = 0; round < 50; round++) {
      await using rec = await record(dir.path);
      using other = new Recorder(dir.path);
      dir.mkdir(`${round}`);
      expect(lines(rec.events)).toEqual(lines(other.events));
    }
    expect(await descriptorsBackTo(before)).toBeLessThanOrEqual(before);
  });

  test("keeps no process alive, but who waits does", async () => {
    const { stdout, stderr, exitCode } = await runScript(`
      import { record, tempTree } from "bun-butter/testing";
      await using dir = await tempTree();
      const rec = await record(dir.path);
      const later = setTimeout(() => dir.mkdir("a"), 20);
      later.unref();
      console.log((await rec.next("create", "a")).path);
      globalThis.kept = rec;
    `);
    expect({ stdout, stderr, exitCode }).toEqual({ stdout: "a\n", stderr: "", exitCode: 0 });
  });
});

test(`one small test again and again has the same events each time`, async () => {
  for (let round = 0; round < (emulated ? 20 : 60); round++) {
    await using dir = await tempTree({ in: "x" });
    await using rec = await record(dir.path);
    const out = rec.next("create", "out/1");
    dir.write("out/1", "y");
    await out;
    dir.remove("in");
    expect(lines(await rec.quiet())).toEqual(["create out", "create out/1", "delete in"]);
  }
});
