/**
 * What is not watched.
 *
 * @module
 */
import { described } from "../../libc.ts";
import { type Anchor, pathName } from "../tree/paths.ts";
import type { Gitignore } from "./gitignore.ts";
import { flawOf } from "./glob.ts";

/**
 * What to leave out:
 *
 * - a glob: without a slash it is compared with each name (`"node_modules"`, `"*.log"`), with one with the path below
 *   the root (`"docs/*.tmp"`, `"/dist"`), as `Bun.Glob` has it, but that none begins with `"!"`, and that
 *   what begins with `{`, `[` or a backslash has an end: to leave out a name with these characters, put a backslash before each. One
 *   that ends with a slash, or with a slash and two stars, is as one without them;
 * - a function, which gets the path below the root and whether it is a directory. It is called again and again, and must be fast. It may
 *   close the watcher, but neither add paths to it nor remove any.
 */
export type IgnoreRule = string | ((path: string, isDirectory: boolean) => boolean);

/** Directories, and the rules of their files. */
export interface RuleFiles<Directory> {
  of(dir: Directory): Gitignore | undefined;
  /** The directory that one is in, which is not asked for of a root. */
  above(dir: Directory): Directory;
}

type Test = (path: string, name: string, isDirectory: boolean) => boolean;

/** All rules of a watcher. */
export class Ignore {
  readonly #tests: readonly Test[];
  /** The name of the files with rules, if those count. */
  readonly file: string | undefined;
  /** Whether there are any rules. */
  readonly active: boolean;

  /**
   * @param rules Checked by {@linkcode checkRule}.
   * @param gitignore The name of files whose rules count for what is below their directory.
   */
  constructor(rules: readonly IgnoreRule[], gitignore: string | undefined) {
    this.#tests = rules.map(testOf);
    this.file = gitignore;
    this.active = rules.length > 0 || gitignore !== undefined;
  }

  /** Whether rules are read from files. */
  get readsFiles(): boolean {
    return this.file !== undefined;
  }

  /**
   * Whether something is left out by what is known of its path below its root. What is above it is not.
   *
   * @param path Below the root.
   */
  leavesOut(path: string, isDirectory: boolean): boolean {
    if (path === "") return false;
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (this.#tests.some((test) => test(path, name, isDirectory))) return true;
    return this.file !== undefined && name === ".git" && isDirectory;
  }

  /**
   * The same, and what the files say.
   *
   * @param dir The directory that it is in.
   */
  ignores<Directory>(
    path: string,
    isDirectory: boolean,
    dir: Directory,
    files: RuleFiles<Directory>,
  ): boolean {
    if (this.leavesOut(path, isDirectory)) return true;
    if (this.file === undefined) return false;
    // The nearest file that says something counts.
    for (let at = path.lastIndexOf("/"), each = dir; ; at = path.lastIndexOf("/", at - 1)) {
      const said = files.of(each)?.ignores(path.slice(at + 1), isDirectory);
      if (said !== undefined) return said;
      if (at <= 0) return false;
      each = files.above(each);
    }
  }
}

/**
 * Checks a rule by itself.
 *
 * @throws {TypeError} It is none.
 */
export function checkRule(rule: unknown): void {
  if (typeof rule === "function") return;
  if (typeof rule !== "string") throw notRule(rule);
  const text = globOf(rule);
  const flaw = text === "" ? "is no glob" : flawOf(text);
  if (flaw !== undefined)
    throw new TypeError(`Cannot take ignore: ${JSON.stringify(rule)} ${flaw}`);
}

function notRule(value: unknown): TypeError {
  const hint = value instanceof RegExp ? `: take (path) => ${value}.test(path)` : "";
  return new TypeError(
    `Cannot take ignore: expected a glob, a function or an array of them, got ${described(value)}${hint}`,
  );
}

/** Whether a rule may say something else of an entry when a directory above it is renamed. */
export function looksAtPaths(rule: IgnoreRule): boolean {
  return typeof rule === "function" || rule.includes("/");
}

/**
 * Checks that globs begin below what is watched: none would leave out anything otherwise.
 *
 * @throws {TypeError} One begins with an absolute path that is watched.
 */
export function checkGlobs(rules: readonly IgnoreRule[], anchors: readonly Anchor[]): void {
  const roots = anchors.flatMap(({ real, shown }) =>
    [real, shown].map((path) => `${pathName(path).text}/`),
  );
  for (const rule of rules) {
    if (typeof rule !== "string" || !rule.startsWith("/")) continue;
    const root = roots.find((each) => each.length > 2 && rule.startsWith(each));
    if (root === undefined) continue;
    throw new TypeError(
      `Cannot take ignore: globs begin below what is watched: take ${JSON.stringify(rule.slice(root.length - 1))} for ${JSON.stringify(rule)}`,
    );
  }
}

function globOf(rule: string): string {
  return rule.replace(/^\.?\//, "").replace(/\/(?:\*\*)?$/, "");
}

function testOf(rule: IgnoreRule): Test {
  if (typeof rule === "function") {
    return (path, _name, isDirectory) => {
      try {
        const is: unknown = rule(path, isDirectory);
        // It would leave out everything.
        if (is instanceof Promise)
          throw new TypeError("Cannot take ignore: a function returned a Promise, not a boolean");
        return is as boolean;
      } catch (error) {
        // The user's mistake is the user's to hear of, and no reason to lose what was read.
        queueMicrotask(() => {
          throw error;
        });
        return false;
      }
    };
  }
  const text = globOf(rule);
  const glob = new Bun.Glob(text);
  // A slash at its begin is one, too.
  const isName = !text.includes("/") && rule.startsWith(text);
  if (isName) return (_path, name) => glob.match(name);
  return (path) => glob.match(path);
}
