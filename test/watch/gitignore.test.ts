/** Rules of gitignore files, and what Git itself makes of them. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { Gitignore } from "../../src/watch/ignore/gitignore.ts";
import { tempDir } from "../support/temp.ts";
import { seeded } from "../support/watch.ts";

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

/** What patterns and names are made of at random. */
const parts = {
  pattern: [
    "a",
    "a",
    "b",
    "c",
    "/",
    "/",
    "*",
    "*",
    "**",
    "**/",
    "/**",
    "/**/",
    "?",
    "é",
    " ",
    "-",
    "!",
    "#",
    "\\",
    "[",
    "]",
  ]
    .concat([
      "[ab]",
      "[!a]",
      "[^b-]",
      "[a-b]",
      "[]a]",
      "[b-a]",
      "[\\]]",
      "[a\\-c]",
      "[[:alpha:]]",
      "[[:space:]b]",
      "[[:x:]]",
    ])
    .concat(["[[:alpha]", "[[:digit:]-a]", "[/a]", "[", "\r", "\0"]),
  name: ["a", "a", "a", "b", "b", "c", "é", " ", "-", "!", "#", "\\", "[", "]", "*", "7"],
};

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

/** Runs Git in a directory, as nobody has set it up. */
function gitIn(path: string, input: string, ...args: string[]): string {
  const { stdout } = Bun.spawnSync(["git", "-C", path, ...args], {
    stdin: Buffer.from(input),
    env: { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" },
  });
  return stdout.toString();
}

describe.skipIf(Bun.which("git") === null)("Gitignore ignores what git does (needs git)", () => {
  using dir = tempDir();
  const git = (input: string, ...args: string[]): string => gitIn(dir.path, input, ...args);
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

test.skipIf(Bun.which("git") === null)(
  "Gitignore ignores what git does, of patterns and paths at random (needs git)",
  () => {
    const random = seeded(20261126);
    const some = (of: readonly string[], most: number): string =>
      Array.from({ length: 1 + random(most) }, () => of[random(of.length)]).join("");
    const rulesOf = (): string =>
      Array.from({ length: 1 + random(3) }, () => some(parts.pattern, 8)).join("\n");
    using dir = tempDir();
    gitIn(dir.path, "", "init", "-q");
    const texts = Array.from({ length: 300 }, rulesOf);
    const paths: string[] = [];
    for (const [index, text] of texts.entries()) {
      mkdirSync(dir.at(`${index}`));
      writeFileSync(dir.at(`${index}`, ".gitignore"), text);
      for (let count = 0; count < 30; count++) {
        const names = Array.from({ length: 1 + random(4) }, () => some(parts.name, 4));
        paths.push(`${index}/${names.join("/")}`);
      }
    }
    const input = paths.map((path) => `${path}\0`).join("");
    const theirs = new Set(
      gitIn(dir.path, input, "check-ignore", "--no-index", "-z", "--stdin").split("\0"),
    );
    const rules = texts.map((text) => new Gitignore(text));
    const different = paths.flatMap((path) => {
      const index = Number.parseInt(path, 10);
      const inner = path.slice(`${index}/`.length);
      const isOurs = isIgnored(rules[index] as Gitignore, inner, false);
      return isOurs === theirs.has(path) ? [] : [{ rules: texts[index], path: inner, isOurs }];
    });
    expect(theirs.size).toBeGreaterThan(paths.length / 20);
    expect(different).toEqual([]);
  },
);

test("Gitignore takes no longer for patterns that a regular expression would never be done with", () => {
  const name = "a".repeat(250);
  const path = `${"a/".repeat(120)}a`;
  for (const [text, long] of [
    [`${"*a".repeat(20)}*b`, name],
    [`${"?*".repeat(100)}b`, name],
    [`/${"**/*a".repeat(20)}b`, path],
    [`${"**/a/".repeat(40)}b`, path],
    [`/${"**/*a*/".repeat(40)}b`, path],
    [`${"[ab]*".repeat(40)}c`, name],
  ] as const)
    expect(new Gitignore(text).ignores(long, false)).toBeUndefined();
  // Blanks that do not end a line, and a name that is one star short of a match.
  expect(new Gitignore(`${" ".repeat(200_000)}x`).ignores(name, false)).toBeUndefined();
  expect(new Gitignore(`${"*a".repeat(20)}`).ignores(name, false)).toBe(true);
  expect(new Gitignore(`${"**/a/".repeat(40)}a`).ignores(path, false)).toBe(true);
});
