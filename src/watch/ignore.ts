/**
 * What is not watched.
 *
 * @module
 */
import { builtin } from "../libc.ts";
import { Gitignore } from "./gitignore.ts";

/**
 * What to leave out:
 *
 * - a glob: without a slash it is compared with each name (`"node_modules"`, `"*.log"`), with one with the path below
 *   the root (`"docs/*.tmp"`), as `Bun.Glob` has it. One that ends with a slash and two stars leaves out the directory before
 *   them as well;
 * - a function, which gets the path below the root and whether it is a directory. It is called again and again, and must be fast.
 */
export type IgnoreRule = string | ((path: string, isDirectory: boolean) => boolean);

/** Where the rules of a directory's file are read from, and which directory they are for. */
export interface RulesAt {
  /** Where the directory is. */
  readonly real: Uint8Array;
  /** Its path below the root, `""` for the root. */
  readonly path: string;
}

type Test = (path: string, name: string, isDirectory: boolean) => boolean;

/** All rules of a watcher. */
export class Ignore {
  readonly #tests: readonly Test[];
  /** The name of the files with rules, if those count. */
  readonly #file: string | undefined;
  /** Their rules by root, and then by their directory's path below it. */
  readonly #files = new Map<string, Gitignore>();
  /** Whether there are any rules. */
  readonly active: boolean;

  /** @param gitignore The name of files whose rules count for what is below their directory. */
  constructor(rules: readonly IgnoreRule[], gitignore: string | undefined) {
    this.#tests = rules.map(testOf);
    this.#file = gitignore;
    this.active = rules.length > 0 || gitignore !== undefined;
  }

  /** Whether rules are read from files. */
  get readsFiles(): boolean {
    return this.#file !== undefined;
  }

  /** Whether rules are read from files of this name. */
  isFile(name: string): boolean {
    return this.#file !== undefined && name === this.#file;
  }

  /**
   * Whether something is left out. What is above it is not.
   *
   * @param root Tells one root from another.
   * @param path Below the root.
   */
  ignores(root: number, path: string, isDirectory: boolean): boolean {
    if (path === "") return false;
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (this.#tests.some((test) => test(path, name, isDirectory))) return true;
    if (this.#file === undefined) return false;
    if (name === ".git" && isDirectory) return true;
    // The nearest file that says something counts.
    for (let at = path.lastIndexOf("/"); ; at = path.lastIndexOf("/", at - 1)) {
      const directory = at === -1 ? "" : path.slice(0, at);
      const said = this.#files
        .get(`${root}\0${directory}`)
        ?.ignores(at === -1 ? path : path.slice(at + 1), isDirectory);
      if (said !== undefined) return said;
      if (at <= 0) return false;
    }
  }

  /** Reads the rules of a directory anew. */
  load(root: number, directory: RulesAt): void {
    if (this.#file === undefined) return;
    const key = `${root}\0${directory.path}`;
    try {
      const path = Buffer.concat([directory.real, Buffer.from(`/${this.#file}`)]);
      this.#files.set(key, new Gitignore(builtin("node:fs").readFileSync(path, "utf8")));
    } catch {
      this.#files.delete(key);
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
