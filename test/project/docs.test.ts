/** The examples in the documentation run and print what they say, and every export is documented. */
import { describe, expect, test } from "bun:test";

import { bun, run } from "../support/child.ts";
import { type Fence, fencesOf, lacks } from "../support/fences.ts";
import { parallel } from "../support/parallel.ts";
import { entryPoints, exportsOf, filesOf, textOf } from "../support/source.ts";
import { tempDir } from "../support/temp.ts";

const files = [...filesOf("src/**/*.ts"), ...filesOf("*.md"), ...filesOf("docs/**/*.md")];
const examples = files.flatMap(fencesOf).filter(({ language }) => language === "ts");

/** What its `console.log(…); // output` lines say that they print. */
function outputsOf(code: string): readonly string[] {
  return [...code.matchAll(/^\s*console\.log\(.*\);? \/\/ (.+)$/gm)].map(([, text = ""]) => text);
}

/** Objects as they are written in a comment: without the line breaks that `console.log` makes of their commas. */
function onOneLine(stdout: string): string {
  return stdout
    .replaceAll(/([{[(])\n\s*/g, "$1 ")
    .replaceAll(/,\n\s*([}\])])/g, " $1")
    .replaceAll(/,\n\s*/g, ", ");
}

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

/** Examples of one process: starting one costs more than most of them. */
const SHARE = 10;

/** What is printed before each example, on both streams. */
const mark = (at: number): string => `\0${at}\n`;

/**
 * Runs examples one after another in one process, and those of a process in which something went wrong each in its own. They
 * are text, so that there is no file; the package is found by its own name.
 */
async function runExamples(list: readonly Fence[]): Promise<(readonly [string, Outcome])[]> {
  const [{ words } = { words: [] }] = list;
  using dir = tempDir();
  // What an example makes in /tmp goes where it is removed again, and what it mounts is gone with it.
  const unshare = isPrivileged({ words }) ? ["unshare", "--mount"] : [];
  const codes = list.map(({ code }) => code.replaceAll(/(["'`])\/tmp\//g, `$1${dir.path}/`));
  const script = `
    const codes = ${JSON.stringify(codes)};
    Bun.plugin({ name: "examples", setup: (build) => codes.forEach((contents, at) =>
      build.module("example:" + at, () => ({ contents, loader: "ts" }))) });
    for (const at of codes.keys()) {
      await Bun.write(Bun.stdout, "\\0" + at + "\\n");
      await Bun.write(Bun.stderr, "\\0" + at + "\\n");
      await import("example:" + at);
    }
  `;
  const { stdout, stderr, exitCode } = await run([...unshare, bun, "--eval", script]);
  const outcomes = list.map(({ at }, index) => {
    const [out, err] = [stdout, stderr].map((text) => text.split(mark(index))[1]?.split("\0")[0]);
    return [at, { stdout: out ?? "", stderr: err ?? stderr, exitCode }] as const;
  });
  const isClean = outcomes.every(([, outcome]) => outcome.stderr === "" && exitCode === 0);
  if (isClean || list.length === 1) return outcomes;
  return (await Promise.all(list.map((one) => runExamples([one])))).flat();
}

function isPrivileged({ words }: Pick<Fence, "words">): boolean {
  return words.includes("CAP_SYS_ADMIN");
}

/** In portions of those that are run in the same way. */
function portions(list: readonly Fence[]): readonly (readonly Fence[])[] {
  return Object.values(Object.groupBy(list, (one) => `${isPrivileged(one)}`)).flatMap(
    (alike = []) =>
      Array.from({ length: Math.ceil(alike.length / SHARE) }, (_, at) =>
        alike.slice(at * SHARE, (at + 1) * SHARE),
      ),
  );
}

describe("examples", async () => {
  const runnable = examples.filter((example) => lacks(example).length === 0);
  const outcomes = new Map((await parallel(portions(runnable), runExamples)).flat());

  test("are found in the source and in the documents", () => {
    const found = new Set(examples.map(({ at }) => at.split(":")[0]));
    expect(found).toContain("src/events/inotify.ts");
    expect(found).toContain("README.md");
    expect(found).toContain("docs/guides/getting-started.md");
  });

  for (const example of examples) {
    const { at, code } = example;
    const lacking = lacks(example);
    const why = lacking.length === 0 ? "" : ` (needs ${lacking.join(", ")})`;
    test.skipIf(lacking.length > 0)(`${at} runs, and prints what it says${why}`, () => {
      const { stdout = "", stderr, exitCode } = outcomes.get(at) ?? {};
      expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
      // In this order; what other lines print is between.
      let rest = onOneLine(stdout).split("\n");
      for (const output of outputsOf(code)) {
        expect(rest).toContain(output);
        rest = rest.slice(rest.indexOf(output) + 1);
      }
    });
  }
});

describe("doc comments", () => {
  const points = [...entryPoints()].map(([specifier, file]) => ({ specifier, file }));

  test.each(points)("every export of $specifier has one", ({ file }) => {
    const exported = [...exportsOf(file).values()];
    const documented = new Set(exported.filter(({ doc }) => doc !== "").map(({ name }) => name));
    const bare = exported.filter(({ doc, declaration }) => {
      // The type of a table's values says nothing that the table's comment doesn't.
      const table = /^export type \w+ = \(typeof (\w+)\)\[keyof typeof \1\];$/.exec(
        declaration,
      )?.[1];
      return doc === "" && !(table !== undefined && documented.has(table));
    });
    expect(bare.map(({ name, file: where }) => `${name} in ${where}`)).toEqual([]);
  });

  test.each(filesOf("src/**/*.ts"))("%s says what it is, at its top", (file) => {
    expect(textOf(file)).toMatch(/^(?:#!.*\n)?\/\*\*[\s\S]*?\*\/\n/);
  });

  test.each(filesOf("src/syscalls/*.ts"))("%s: each man page is linked at the top", (file) => {
    const links = textOf(file).match(/\{@link https:\/\/man7\.org\S+ \| \S+\}/g) ?? [];
    const [module = ""] = textOf(file).split("*/");
    for (const link of links) expect(module).toContain(link);
  });
});
