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

/** Entries that are compared without a stop. */
const STEP = 64;

/** The differences of two trees. */
export class Comparison {
  readonly #events: WatchEvent[] = [];
  #steps = 0;
  /** Gone from where they were, by inode. */
  readonly #gone = new Map<string, Odd[]>();
  readonly #come: Odd[] = [];
  /** What has the name of something of another kind, which goes first. */
  readonly #late: Odd[] = [];

  /** Compares them, and stops again and again, so that others may do something meanwhile. */
  *compare(
    path: string,
    before: SnapshotTree | undefined,
    after: SnapshotTree | undefined,
  ): Generator<void, WatchEvent[], void> {
    const bytes = Buffer.from(path);
    const isDirectory = this.#compareOne(bytes, before, after);
    if (isDirectory && before && after) yield* this.#compareEntries(bytes, before, after);
    // What comes can be in what came, and what it was can be in what went.
    yield* this.#arriveAll();
    for (const odds of this.#gone.values())
      for (const { tree, path: at } of odds) yield* this.#delete(tree, at);
    this.#gone.clear();
    for (const odd of this.#late) this.#come.push(odd);
    yield* this.#arriveAll();
    return this.#events;
  }

  /** Compares two entries. @returns Whether what is in them is to be compared. */
  #compareOne(
    path: Uint8Array,
    before: SnapshotTree | undefined,
    after: SnapshotTree | undefined,
  ): boolean {
    if (before === undefined || after === undefined || before.stat[0] !== after.stat[0]) {
      if (before !== undefined) this.#leave(before, path);
      if (after !== undefined)
        (before === undefined ? this.#come : this.#late).push({ tree: after, path });
      return false;
    }
    const [kind, inode, size, mtime, ctime] = before.stat;
    const [, inodeNow, sizeNow, mtimeNow, ctimeNow] = after.stat;
    if (kind !== "directory") {
      const isChanged = inode !== inodeNow || size !== sizeNow || mtime !== mtimeNow;
      if (isChanged) this.#tell("change", path, kind);
      else if (ctime !== ctimeNow) this.#tell("attributes", path, kind);
    }
    return kind === "directory";
  }

  *#compareEntries(
    path: Uint8Array,
    before: SnapshotTree,
    after: SnapshotTree,
  ): Generator<void, void, void> {
    const [was, is] = [before.entries, after.entries];
    // Nobody knows what was in it then, or is now.
    if (was === undefined || is === undefined) return;
    for (const key of Object.keys(was)) {
      if (this.#isStep()) yield;
      const tree = was[key];
      if (tree !== undefined && !Object.hasOwn(is, key)) this.#leave(tree, joined(path, key));
    }
    for (const key of Object.keys(is)) {
      if (this.#isStep()) yield;
      const [then, now] = [Object.hasOwn(was, key) ? was[key] : undefined, is[key]];
      const inner = joined(path, key);
      const isDirectory = this.#compareOne(inner, then, now);
      if (isDirectory && then && now) yield* this.#compareEntries(inner, then, now);
    }
  }

  /** Whether it is time to stop for others. */
  #isStep(): boolean {
    return ++this.#steps % STEP === 0;
  }

  #leave(tree: SnapshotTree, path: Uint8Array): void {
    const key = `${tree.stat[0]} ${tree.stat[1]}`;
    // Several names of one file have one inode.
    this.#gone.set(key, [...(this.#gone.get(key) ?? []), { tree, path }]);
  }

  *#arriveAll(): Generator<void, void, void> {
    // What comes grows while it is looked through.
    for (const odd of this.#come) {
      if (this.#isStep()) yield;
      const gone = this.#arrive(odd);
      if (gone !== undefined) yield* this.#compareEntries(odd.path, gone, odd.tree);
      else yield* this.#comeWith(odd);
    }
    this.#come.length = 0;
  }

  /** What is in what came, came as well. */
  *#comeWith({ tree: { entries = {} }, path }: Odd): Generator<void, void, void> {
    for (const key of Object.keys(entries)) {
      if (this.#isStep()) yield;
      const tree = entries[key];
      if (tree !== undefined) this.#come.push({ tree, path: joined(path, key) });
    }
  }

  /** @returns What a directory was that has another name. */
  #arrive({ tree, path }: Odd): SnapshotTree | undefined {
    const [kind, inode, , mtime] = tree.stat;
    const key = `${kind} ${inode}`;
    const [gone, ...others] = this.#gone.get(key) ?? [];
    // Inodes are used again: a file that has other contents as well is another one.
    if (gone === undefined || (kind !== "directory" && gone.tree.stat[3] !== mtime)) {
      this.#tell("create", path, kind);
      return undefined;
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
    this.#events.push(rename);
    return kind === "directory" ? gone.tree : undefined;
  }

  *#delete(tree: SnapshotTree, path: Uint8Array): Generator<void, void, void> {
    for (const [key, entry] of Object.entries(tree.entries ?? {})) {
      if (this.#isStep()) yield;
      if (entry.entries === undefined) this.#tell("delete", joined(path, key), entry.stat[0]);
      else yield* this.#delete(entry, joined(path, key));
    }
    this.#tell("delete", path, tree.stat[0]);
  }

  #tell(type: WatchChangeEvent["type"], path: Uint8Array, kind: WatchKind): void {
    this.#events.push({ type, ...pathOf(path), kind });
  }
}
