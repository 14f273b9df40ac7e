/**
 * What is left out of a watched tree: rules of files are kept by the directories that the files are in, wherever those move, and as long as
 * they are known.
 *
 * @module
 */
import { OSError } from "../../errors.ts";
import { isLimit, withPath } from "../disk/errors.ts";
import type { Gitignore } from "../ignore/gitignore.ts";
import type { Ignore, RuleFiles } from "../ignore/ignore.ts";
import { readRules } from "../ignore/rule-file.ts";
import type { Teller } from "../teller/teller.ts";
import { KIND, type NameBytes, type Node, NONE } from "../tree/node.ts";
import { type Anchor, nameOfText, pathName, type Paths, reach } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";

/** The rules of a tree. */
export class Rules implements RuleFiles<Node> {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #ignore: Ignore;
  readonly #teller: Teller;
  readonly #name: NameBytes;
  /** Of all directories that were looked at, those without a file among them. */
  readonly #files = new Map<Node, Gitignore | undefined>();
  /** Directories whose files can't be read, and why. */
  readonly #faults = new Map<Node, string>();

  constructor(tree: Tree, paths: Paths, ignore: Ignore, teller: Teller) {
    this.#tree = tree;
    this.#paths = paths;
    this.#ignore = ignore;
    this.#teller = teller;
    this.#name = nameOfText(ignore.file ?? "");
  }

  /** Whether an entry is left out. */
  isIgnored(dir: Node, name: NameBytes, isDirectory: boolean): boolean {
    if (!this.#ignore.active) return false;
    return this.#ignore.ignores(this.#paths.relative(dir, name), isDirectory, dir, this);
  }

  /**
   * Whether something below a root, or a directory on the way, is left out by what the files say, those that were not read yet among them.
   *
   * @param top What is known of the root.
   * @param isDirectory Whether it is one, as far as that is known.
   */
  leavesOut(
    top: Node,
    { real: root }: Anchor,
    { real: path }: Anchor,
    isDirectory: boolean,
  ): boolean {
    if (!this.#ignore.active) return false;
    const from = root.length === 1 ? 0 : root.length;
    const parts = pathName(path.subarray(from + 1)).text.split("/");
    const files: (Gitignore | undefined)[] = [];
    const above = { of: (at: number) => files[at], above: (at: number) => at - 1 };
    let end = from;
    let dir = top;
    return parts.some((_, at) => {
      // What was read counts until it is read again: that of which an event is still to be read was not yet.
      files.push(this.#files.has(dir) ? this.#files.get(dir) : this.#read(path.subarray(0, end)));
      const start = end + 1;
      end = path.indexOf(SLASH, start);
      if (dir !== NONE && end !== -1) dir = this.#tree.find(dir, { bytes: path, start, end });
      const isOnTheWay = at < parts.length - 1;
      const name = parts.slice(0, at + 1).join("/");
      return this.#ignore.ignores(name, isOnTheWay || isDirectory, at, above);
    });
  }

  /** Whether an entry is a file with rules. */
  isFile({ bytes, start, end }: NameBytes): boolean {
    if (this.#ignore.file === undefined) return false;
    return Buffer.compare(bytes.subarray(start, end), this.#name.bytes) === 0;
  }

  /**
   * Reads the rules of a directory anew. Those that can't be read stay what they were, and that is told.
   *
   * @param dirfd Of the directory, if it is open.
   * @returns The error, if it is one of a limit: then nobody knows what the rules are, and nothing was told.
   */
  load(dir: Node, dirfd?: number): OSError | undefined {
    if (this.#ignore.file === undefined) return undefined;
    try {
      const rules =
        dirfd === undefined
          ? reach(this.#paths.real(dir, this.#name), readRules)
          : readRules(dirfd, this.#name.bytes);
      this.#files.set(dir, rules);
      this.#faults.delete(dir);
    } catch (error) {
      return this.#fail(dir, error);
    }
    return undefined;
  }

  /** An entry is gone. */
  forget(dir: Node): void {
    this.#files.delete(dir);
    this.#faults.delete(dir);
  }

  of(dir: Node): Gitignore | undefined {
    return this.#files.get(dir);
  }

  above(dir: Node): Node {
    return this.#tree.parent(dir);
  }

  /** The rules of a directory, if they can be read. */
  #read(dir: Uint8Array): Gitignore | undefined {
    if (this.#ignore.file === undefined) return undefined;
    try {
      return reach(Buffer.concat([dir, SEPARATOR, this.#name.bytes]), readRules);
    } catch (error) {
      if (error instanceof OSError) return undefined;
      throw error;
    }
  }

  #fail(dir: Node, error: unknown): OSError | undefined {
    if (!(error instanceof OSError)) throw error;
    if (isLimit(error.code)) return error;
    // It is gone, or was renamed, with a directory above it.
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    if (this.#faults.get(dir) === error.code) return undefined;
    this.#faults.set(dir, error.code);
    const shown = pathName(
      Buffer.concat([bytesOf(this.#paths.shown(dir)), SEPARATOR, this.#name.bytes]),
    );
    this.#teller.failed(shown, KIND.FILE, withPath(error, shown.text));
    return undefined;
  }
}

const SLASH = 0x2f;

const SEPARATOR = Buffer.of(SLASH);

function bytesOf({ text, bytes }: ReturnType<Paths["shown"]>): Uint8Array {
  return bytes ?? Buffer.from(text);
}
