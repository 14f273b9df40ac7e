/**
 * Directories that were left alone, told by one look at each instead of reading and watching them again: whatever is made, deleted or
 * renamed in a directory changes its ctime, and so does what is done to itself. Nobody can set a ctime, unlike an mtime.
 *
 * @module
 */
import { type Pinned, pinned, PinnedString } from "../../libc.ts";
import { AT } from "../../syscalls/open.ts";
import {
  read_statx_device,
  read_statx_identity,
  read_statx_latest,
  STATX,
  statx_latest,
  STATX_SIZE,
  statx_succeeds,
} from "../../syscalls/stat.ts";
import { isExact } from "../disk/file-systems.ts";
import { brief } from "../tree/brief.ts";
import { identity, type Node } from "../tree/node.ts";
import type { Tree } from "../tree/tree.ts";

/** What tells whether a directory is the one that is known, and was left alone. */
const WANTED = STATX.TYPE | STATX.INO | STATX.MTIME | STATX.CTIME;

/** The longest name that any file system has, and its NUL. */
const NAME_SIZE = 4096;

/** Looks at what is in open directories. */
export class Still implements Disposable {
  readonly #tree: Tree;
  readonly #stat: Pinned = pinned(STATX_SIZE);
  readonly #block: Pinned = pinned(NAME_SIZE);
  readonly #name = new PinnedString(this.#block);
  /** Devices, and whether their times say what happened. */
  readonly #devices = new Map<number, boolean>();

  constructor(tree: Tree) {
    this.#tree = tree;
    brief(
      this.isStill,
      this.areLeavesStill,
      this.changedIn,
      this.#changed,
      this.#isKept,
      read_statx_identity,
    );
    brief(read_statx_device, read_statx_latest, statx_latest, statx_succeeds);
  }

  /** Whether an open directory is the one that is known, and has had the same entries since then. */
  isStill(node: Node, fd: number, since: number): boolean {
    if (!this.#looksAt(fd)) return false;
    const [, low, high] = read_statx_identity(this.#stat);
    if (identity(low, high) !== this.#tree.ino(node)) return false;
    return read_statx_latest(this.#stat) < since && this.#isKept(fd);
  }

  /** Whether nothing came to an open directory or left it since then. */
  isLeftAlone(fd: number, since: number): boolean {
    return this.#looksAt(fd) && read_statx_latest(this.#stat) < since;
  }

  /** Whether the times of an open directory say what happened. */
  isExact(fd: number): boolean {
    return this.#looksAt(fd) && this.#isKept(fd);
  }

  /** Whether all entries of an open directory that have no numbers are there, and were left alone since then. */
  areLeavesStill(node: Node, fd: number, since: number): boolean {
    const tree = this.#tree;
    const end = tree.endOfLeaves(node);
    for (let leaf = tree.firstLeaf(node); leaf !== end; leaf = tree.nextLeaf(leaf)) {
      const changed = this.#changed(fd, tree.leafName(leaf));
      if (changed === -Infinity || changed >= since) return false;
    }
    return true;
  }

  /** When an entry of an open directory was changed: milliseconds since 1970, `-Infinity` if it is gone. */
  changedIn(fd: number, node: Node): number {
    const { bytes } = this.#block;
    bytes[this.#tree.copyName(node, bytes, 0)] = 0;
    return this.#changed(fd, this.#name);
  }

  #looksAt(fd: number): boolean {
    this.#block.bytes[0] = 0;
    return statx_succeeds(fd, this.#name, AT.EMPTY_PATH | AT.NO_AUTOMOUNT, WANTED, this.#stat);
  }

  #changed(fd: number, name: PinnedString): number {
    return statx_latest(fd, name, AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT, this.#stat);
  }

  [Symbol.dispose](): void {
    this.#stat[Symbol.dispose]();
    this.#block[Symbol.dispose]();
  }

  #isKept(fd: number): boolean {
    const device = read_statx_device(this.#stat);
    let isKept = this.#devices.get(device);
    if (isKept === undefined) {
      isKept = isExact(fd);
      this.#devices.set(device, isKept);
    }
    return isKept;
  }
}
