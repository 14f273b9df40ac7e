/**
 * What is not watched.
 *
 * @module
 */
import type { Gitignore } from "./gitignore.ts";

/**
 * What to leave out:
 *
 * - a glob: without a slash it is compared with each name (`"node_modules"`, `"*.log"`), with one with the path below
 *   the root (`"docs/*.tmp"`), as `Bun.Glob` has it. One that ends with a slash and two stars leaves out the directory before
 *   them as well;
 * - a function, which gets the path below the root and whether it is a directory. It is called again and again, and must be fast.
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

  /** @param gitignore The name of files whose rules count for what is below their directory. */
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

function testOf(rule: IgnoreRule): Test {
  if (typeof rule === "function") {
    return (path, _name, isDirectory) => {
      try {
        return rule(path, isDirectory);
      } catch (error) {
        // The user's mistake is the user's to hear of, and no reason to lose what was read.
        queueMicrotask(() => {
          throw error;
        });
        return false;
      }
    };
  }
  if (typeof rule !== "string")
    throw new TypeError(`Cannot take ignore: expected a glob or a function, got ${typeof rule}`);
  const text = rule.replace(/^\.?\//, "").replace(/\/(?:\*\*)?$/, "");
  if (text === "") throw new TypeError(`Cannot take ignore: ${JSON.stringify(rule)} is no glob`);
  const glob = new Bun.Glob(text);
  if (!text.includes("/")) return (_path, name) => glob.match(name);
  return (path) => glob.match(path);
}
