/** Matchers pass and fail as they should, and say why. */
import { describe, expect, test } from "bun:test";

import { link, matchers, record, tempTree, type TreeExpected } from "bun-butter/testing";

import { runScript } from "../support/child.ts";

expect.extend(matchers);

/** What a failed expectation says, below the line that Bun puts above it. */
function messageOf(fn: () => void): string {
  try {
    fn();
  } catch (error) {
    return Bun.stripANSI((error as Error).message).replace(/^expect\(received\).*\n\n/, "");
  }
  throw new Error("It passed");
}

describe("toHaveEmitted()", () => {
  test("looks for a type and a path among what is recorded until now", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    const made = await rec.during(() => dir.write("out.txt", "x"));
    expect(rec).toHaveEmitted("create", "out.txt");
    expect(rec).toHaveEmitted("change");
    expect(rec).toHaveEmitted("create", /\.txt$/);
    expect(rec).not.toHaveEmitted("delete");
    expect(rec).not.toHaveEmitted("create", "out");
    dir.remove("out.txt");
    expect(rec).toHaveEmitted("delete", "out.txt");
    expect(made).toHaveEmitted("create", "out.txt");
    expect(made).not.toHaveEmitted("delete", "out.txt");
    expect([]).not.toHaveEmitted("create");
  });

  test("says what did happen", async () => {
    await using dir = await tempTree();
    await using rec = await record(dir.path);
    expect(messageOf(() => expect(rec).toHaveEmitted("create", "a"))).toBe(
      'expected something to tell of create "a", and nothing did',
    );
    dir.mkdir("b");
    expect(messageOf(() => expect(rec).toHaveEmitted("create", "a"))).toBe(
      'expected something to tell of create "a", and what did:\n  create b (directory)',
    );
    expect(messageOf(() => expect(rec).not.toHaveEmitted("create"))).toBe(
      "expected nothing to tell of create, and what did:\n  create b (directory)",
    );
  });

  test("fails for what can't be meant, with not as well", () => {
    expect(messageOf(() => expect(5).toHaveEmitted("create"))).toContain("expected a Recorder");
    expect(messageOf(() => expect(5).not.toHaveEmitted("create"))).toContain("expected a Recorder");
    const type = "made" as "create";
    expect(messageOf(() => expect([]).not.toHaveEmitted(type))).toContain("is none of create");
    expect(messageOf(() => expect([]).not.toHaveEmitted("create", "/x"))).toContain("relative");
  });
});

describe("toMatchTree()", () => {
  const bytes = new Uint8Array([0xff, 0xfe]);
  const content = { "a.txt": "text", bytes, "src/": { "x.ts": "1" }, l: link("a.txt"), "d/": {} };

  test.each<[TreeExpected]>([
    [content],
    [{ ...content, "a.txt": /^te/g }],
    [{ ...content, "a.txt": expect.stringContaining("ex") }],
    [{ ...content, "a.txt": expect.any(String), bytes: expect.any(Uint8Array) }],
    [
      {
        "a.txt": Buffer.from("text"),
        bytes: Buffer.from(bytes),
        "src/x.ts": "1",
        l: link("a.txt"),
        d: {},
      },
    ],
  ])("passes for %p", async (expected) => {
    await using dir = await tempTree(content);
    for (let round = 0; round < 2; round++) {
      expect(dir).toMatchTree(expected);
      expect(dir.path).toMatchTree(expected);
    }
    expect(messageOf(() => expect(dir).not.toMatchTree(expected))).toContain("it is just so");
  });

  test.each<[TreeExpected, string]>([
    [{ "a.txt": "other" }, 'different: a.txt is "text", expected "other"'],
    [{ "a.txt": /^x/ }, 'different: a.txt is "text", expected /^x/'],
    [{ "a.txt": {} }, 'different: a.txt is "text", expected a directory'],
    [{ "a.txt": link("a.txt") }, 'different: a.txt is "text", expected a link to "a.txt"'],
    [{ src: "x" }, 'different: src is a directory, expected "x"'],
    [{ l: link("b") }, 'different: l is a link to "a.txt", expected a link to "b"'],
    [{ l: "text" }, 'different: l is a link to "a.txt", expected "text"'],
    [{ bytes: /./ }, "different: bytes is Uint8Array(2) [ 255, 254 ], expected /./"],
    [{ "src/y.ts": "2" }, "missing: src/y.ts"],
    [{ "new/": {} }, "missing: new/"],
    [{}, "not expected: src/"],
    [{ "src/": {} }, "not expected: src/x.ts"],
    [{ "a.txt": expect.any(Number) }, 'different: a.txt is "text", expected Any<Number>'],
  ])("does not for %p, and says why", async (expected, line) => {
    await using dir = await tempTree(content);
    expect(dir).not.toMatchTree(expected);
    expect(messageOf(() => expect(dir).toMatchTree(expected)).split("\n")).toContain(`  ${line}`);
  });

  test("shows of a long text its beginning", async () => {
    await using dir = await tempTree({ a: "x".repeat(10_000) });
    const message = messageOf(() => expect(dir).toMatchTree({ a: "y" }));
    expect(message).toContain("… (10002 characters)");
    expect(message.length).toBeLessThan(500);
  });

  test("fails for what is no tree, with not as well", async () => {
    await using dir = await tempTree();
    expect(messageOf(() => expect(5).not.toMatchTree({}))).toContain("expected a TempTree");
    expect(messageOf(() => expect("/nonexistent").not.toMatchTree({}))).toContain("ENOENT");
    const wrong = [] as unknown as TreeExpected;
    expect(messageOf(() => expect(dir).not.toMatchTree(wrong))).toContain("expected an object");
    expect(messageOf(() => expect(dir).not.toMatchTree({ "../x": "" }))).toContain("leads out");
  });
});

test("nothing of bun:test is loaded: the module works outside of it", async () => {
  const { stdout, stderr } = await runScript(
    `import { matchers } from "bun-butter/testing"; console.log(Object.keys(matchers).join());`,
  );
  expect({ stdout, stderr }).toEqual({ stdout: "toHaveEmitted,toMatchTree\n", stderr: "" });
});
