/**
 * What is different between two snapshots, as events.
 *
 * @module
 */
import type { WatchChangeEvent, WatchEvent, WatchKind, WatchRenameEvent } from "./event.ts";
import { pathName } from "./paths.ts";
import type { SnapshotTree } from "./snapshot.ts";

/** A name as a key: one that is not UTF-8 has a NUL before its bytes. */
export function keyOf(name: Uint8Array): string {
  const { text, bytes } = pathName(name);
  return bytes === undefined ? text : `\0${Buffer.from(bytes).toString("latin1")}`;
}

/** A path put together of keys. */
function pathOf(path: Uint8Array): { path: string; pathBytes?: Uint8Array } {
  const { text, bytes } = pathName(path);
  return { path: text, ...(bytes && { pathBytes: bytes }) };
}

function joined(path: Uint8Array, key: string): Uint8Array {
  const name = key.startsWith("\0") ? Buffer.from(key.slice(1), "latin1") : Buffer.from(key);
  const slash = path.at(-1) === 0x2f ? "" : "/";
  return Buffer.concat([path, Buffer.from(slash), name]);
}

/** An entry of one of the trees that the other one has not by that name. */
interface Odd {
  readonly tree: SnapshotTree;
  readonly path: Uint8Array;
}

/** The differences of two trees. */
export class Comparison {
  readonly events: WatchEvent[] = [];
  /** Gone from where they were, by inode. */
  readonly #gone = new Map<string, Odd[]>();
  readonly #come: Odd[] = [];
  /** What has the name of something of another kind, which goes first. */
  readonly #late: Odd[] = [];

  constructor(path: string, before: SnapshotTree | undefined, after: SnapshotTree | undefined) {
    const bytes = Buffer.from(path);
    this.#compare(bytes, before, after);
    // What comes can be in what came, and what it was can be in what went.
    this.#arriveAll();
    for (const { tree, path: at } of [...this.#gone.values()].flat()) this.#delete(tree, at);
    this.#gone.clear();
    this.#come.push(...this.#late);
    this.#arriveAll();
  }

  #compare(path: Uint8Array, before: SnapshotTree | undefined, after: SnapshotTree | undefined) {
    if (before === undefined || after === undefined || before.stat[0] !== after.stat[0]) {
      if (before !== undefined) this.#leave(before, path);
      if (after !== undefined)
        (before === undefined ? this.#come : this.#late).push({ tree: after, path });
      return;
    }
    const [kind, inode, size, mtime, ctime] = before.stat;
    const [, inodeNow, sizeNow, mtimeNow, ctimeNow] = after.stat;
    if (kind !== "directory") {
      const isChanged = inode !== inodeNow || size !== sizeNow || mtime !== mtimeNow;
      if (isChanged) this.#tell("change", path, kind);
      else if (ctime !== ctimeNow) this.#tell("attributes", path, kind);
      return;
    }
    this.#compareEntries(path, before, after);
  }

  #compareEntries(path: Uint8Array, before: SnapshotTree, after: SnapshotTree): void {
    const [was, is] = [before.entries, after.entries];
    // Nobody knows what was in it then, or is now.
    if (was === undefined || is === undefined) return;
    for (const [key, tree] of Object.entries(was))
      if (!Object.hasOwn(is, key)) this.#leave(tree, joined(path, key));
    for (const [key, tree] of Object.entries(is))
      this.#compare(joined(path, key), Object.hasOwn(was, key) ? was[key] : undefined, tree);
  }

  #leave(tree: SnapshotTree, path: Uint8Array): void {
    const key = `${tree.stat[0]} ${tree.stat[1]}`;
    // Several names of one file have one inode.
    this.#gone.set(key, [...(this.#gone.get(key) ?? []), { tree, path }]);
  }

  #arriveAll(): void {
    // What comes grows while it is looked through.
    for (const odd of this.#come) this.#arrive(odd);
    this.#come.length = 0;
  }

  #arrive({ tree, path }: Odd): void {
    const [kind, inode, , mtime] = tree.stat;
    const key = `${kind} ${inode}`;
    const [gone, ...others] = this.#gone.get(key) ?? [];
    // Inodes are used again: a file that has other contents as well is another one.
    if (gone === undefined || (kind !== "directory" && gone.tree.stat[3] !== mtime)) {
      this.#tell("create", path, kind);
      for (const [name, entry] of Object.entries(tree.entries ?? {}))
        this.#come.push({ tree: entry, path: joined(path, name) });
      return;
    }
    this.#gone.set(key, others);
    const from = pathOf(gone.path);
    const rename: WatchRenameEvent = {
      type: "rename",
      ...pathOf(path),
      kind,
      from: from.path,
      ...(from.pathBytes && { fromBytes: from.pathBytes }),
    };
    this.events.push(rename);
    if (kind === "directory") this.#compareEntries(path, gone.tree, tree);
  }

  #delete(tree: SnapshotTree, path: Uint8Array): void {
    for (const [key, entry] of Object.entries(tree.entries ?? {}))
      this.#delete(entry, joined(path, key));
    this.#tell("delete", path, tree.stat[0]);
  }

  #tell(type: WatchChangeEvent["type"], path: Uint8Array, kind: WatchKind): void {
    this.events.push({ type, ...pathOf(path), kind });
  }
}
