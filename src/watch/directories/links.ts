/**
 * How far symbolic links are followed. Each that leads to a directory with others in it multiplies what there is to watch,
 * and in a tree such as /proc, where every process has links to everything, that has no end worth waiting for.
 *
 * @module
 */
import { ERRNO, OSError } from "../../errors.ts";
import type { Teller } from "../teller/teller.ts";
import { FLAG, KIND, type Node, NONE } from "../tree/node.ts";
import type { Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";

/** Entries that are watched by way of links, which take some 100 MB. */
const MOST_ENTRIES = 1_000_000;

/** Paths by which one directory is watched: each is looked at whenever another one is found. */
const MOST_PATHS = 256;

const reasons = {
  // Not at once: the first `toLocaleString()` takes 3 ms, which every import of the package would.
  entries: () => `${MOST_ENTRIES.toLocaleString("en")} entries are watched by way of links`,
  paths: () => `${MOST_PATHS} paths lead there by way of links`,
} as const;

/** What is watched by way of links. */
export class Links {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #teller: Teller;
  readonly #told = new Set<keyof typeof reasons>();
  #count = 0;
  /** Links that are followed. */
  readonly #followed = new Set<Node>();
  /** Whether any of them may lead elsewhere: what may be on their way was renamed, or is not there any more. */
  #isUnsure = false;

  constructor(tree: Tree, paths: Paths, teller: Teller) {
    this.#tree = tree;
    this.#paths = paths;
    this.#teller = teller;
  }

  /** Something was renamed, or is gone, or is another one. Of a directory that is deleted all hear that lead there. */
  moved(node: Node): void {
    if (this.#tree.kind(node) !== KIND.FILE) this.#isUnsure = true;
  }

  /** The links that may lead elsewhere, once. */
  takeUnsure(): readonly Node[] {
    const unsure = this.#isUnsure ? [...this.#followed] : [];
    this.#isUnsure = false;
    return unsure;
  }

  /** A link leads to a directory. */
  follow(node: Node): void {
    this.#tree.set(node, FLAG.FOLLOWED);
    this.#followed.add(node);
  }

  /** It does no more. */
  leave(node: Node): void {
    this.#tree.clear(node, FLAG.FOLLOWED);
    this.#followed.delete(node);
  }

  /** An entry was added. */
  added(node: Node): void {
    const parent = this.#tree.parent(node);
    if (parent === NONE || !this.#tree.has(parent, FLAG.LINKED | FLAG.FOLLOWED)) return;
    this.#tree.set(node, FLAG.LINKED);
    this.#count++;
  }

  /** An entry is about to be removed. */
  removed(node: Node): void {
    if (!this.#tree.isDirectory(node)) this.moved(node);
    if (this.#tree.has(node, FLAG.LINKED)) this.#count--;
    this.#followed.delete(node);
  }

  /** Whether what is in a directory may be watched, as far as links are concerned. The user is told of the first that may not. */
  admits(node: Node): boolean {
    if (this.#count < MOST_ENTRIES || !this.#tree.has(node, FLAG.LINKED | FLAG.FOLLOWED))
      return true;
    this.#refuse(node, "entries");
    return false;
  }

  /** Whether a directory that so many paths lead to may be watched by one more. */
  admitsPath(node: Node, others: number): boolean {
    if (others < MOST_PATHS || !this.#tree.has(node, FLAG.LINKED | FLAG.FOLLOWED)) return true;
    this.#refuse(node, "paths");
    return false;
  }

  #refuse(node: Node, reason: keyof typeof reasons): void {
    if (this.#told.has(reason)) return;
    this.#told.add(reason);
    const shown = this.#paths.shown(node);
    const hint = `${reasons[reason]()}: leave some out with ignore, or set depth`;
    const details = { syscall: "watch", path: shown.text, hint };
    this.#teller.failed(shown, this.#tree.kind(node), new OSError(ERRNO.ELOOP[0], details));
  }
}
