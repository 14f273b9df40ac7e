/** Rules of gitignore files, and what Git itself makes of them. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { Gitignore } from "../../src/watch/gitignore.ts";
import { tempDir } from "../support/temp.ts";

const files = [
  "a",
  "a.log",
  "b/a",
  "b/a.log",
  "b/c/a",
  "b/c/a.log",
  "b/c/d/e.txt",
  "build/x",
  "src/build/x",
  "foo bar",
  "foo ",
  "#hash",
  "!bang",
  "back\\slash",
  "br[ack]et",
  "q?mark",
  "{x,y}",
  "x",
  "y",
  "é/ü.txt",
  "deep/a/b/c/d",
  ".hidden/.file",
  "-dash",
  "a-c",
  "star*",
  "UPPER.TXT",
  "7",
];

const patterns = [
  "a",
  "*.log",
  "/a",
  "b/a",
  "/b/*",
  "b/**",
  "b/**/a",
  "**/a",
  "**/c/a",
  "**/build",
  "build/",
  "/build/",
  "src/build/",
  "*/build",
  "deep/**/d",
  "deep/**/**/d",
  "**",
  "*",
  "/*",
  "**/",
  "*/",
  "a**",
  "**a",
  "b/**c/a",
  "foo\\ bar",
  "foo\\ ",
  "foo ",
  "foo   ",
  "\\#hash",
  "#hash",
  "\\!bang",
  "!bang",
  "back\\\\slash",
  "br\\[ack\\]et",
  "br[[]ack]et",
  "q\\?mark",
  "q?mark",
  "{x,y}",
  "[xy]",
  "[!xy]",
  "[^xy]",
  "[a-y]",
  "[z-a]",
  "[]-]dash",
  "[[:digit:]]",
  "[[:upper:]]*",
  "a[-]c",
  "a[b-]c",
  "[a",
  "star\\*",
  "star*",
  "\\a",
  "a\\",
  "é",
  "é/*.txt",
  "?",
  "é/?.txt",
  ".hidden",
  ".*",
  "*.txt\n!e.txt",
  "/*\n!/b\n/b/*\n!/b/c",
  "!a\na",
  "a\n!a",
  "*\n!*/\n!*.log",
  "b/\n!b/a",
  "a.log\r",
  "\uFEFFa.log",
  "./a",
  "a/",
  "b/c/",
  "b//a",
  "/",
  "",
];

const directories = [
  ...new Set(
    files.flatMap((file) => {
      const above: string[] = [];
      for (let path = dirname(file); path !== "."; path = dirname(path)) above.push(path);
      return above;
    }),
  ),
];

/** Whether a path or a directory above it is ignored. */
function isIgnored(rules: Gitignore, path: string, isDirectory: boolean): boolean {
  const above = dirname(path);
  if (above !== "." && isIgnored(rules, above, true)) return true;
  return rules.ignores(path, isDirectory) === true;
}

function ours(text: string): string[] {
  const rules = new Gitignore(text);
  return [
    ...files.filter((path) => isIgnored(rules, path, false)),
    ...directories.filter((path) => isIgnored(rules, path, true)),
  ].toSorted();
}

describe.skipIf(Bun.which("git") === null)("Gitignore ignores what git does (needs git)", () => {
  using dir = tempDir();
  const git = (input: string, ...args: string[]): string => {
    const { stdout } = Bun.spawnSync(["git", "-C", dir.path, ...args], {
      stdin: Buffer.from(input),
      env: { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" },
    });
    return stdout.toString();
  };
  git("", "init", "-q");
  for (const path of directories) mkdirSync(dir.at(path), { recursive: true });
  for (const path of files) writeFileSync(dir.at(path), "");
  const all = [...files, ...directories].map((path) => `${path}\0`).join("");
  const theirs = new Map(
    patterns.map((text) => {
      writeFileSync(dir.at(".gitignore"), text);
      const found = git(all, "check-ignore", "--no-index", "-z", "--stdin");
      return [
        text,
        found
          .split("\0")
          .filter((path) => path !== "")
          .toSorted(),
      ];
    }),
  );

  test.each(patterns)("%j", (text) => {
    expect(ours(text)).toEqual(theirs.get(text) ?? []);
  });
});

test("Gitignore lets the last rule that matches count, and says when none does", () => {
  const rules = new Gitignore("# comment\n*.log\n!keep.log\n/only/\n");
  expect(rules.ignores("a/b.log", false)).toBe(true);
  expect(rules.ignores("a/keep.log", false)).toBe(false);
  expect(rules.ignores("only", true)).toBe(true);
  expect(rules.ignores("only", false)).toBeUndefined();
  expect(rules.ignores("a/only", true)).toBeUndefined();
});
