/**
 * What is different between two snapshots, as events.
 *
 * @module
 */
import type { WatchChangeEvent, WatchEvent, WatchKind, WatchRenameEvent } from "../event.ts";
import { pathName } from "../tree/paths.ts";
import type { SnapshotTree } from "./snapshot.ts";

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

/** An entry that came. */
interface Come {
  readonly tree: SnapshotTree;
  readonly path: Uint8Array;
}

/** An entry that is gone from where it was, or is in one that is. */
interface Gone {
  readonly tree: SnapshotTree;
  /** Where it is, unless that is its name in what it was in. */
  path: Uint8Array | undefined;
  readonly above: Gone | undefined;
  readonly name: string;
  /** Another one with its inode. */
  next: Gone | undefined;
}

/** Entries that are compared without a stop. */
const STEP = 64;

/** The differences of two trees. */
export class Comparison {
  readonly #events: WatchEvent[] = [];
  #steps = 0;
  /** Gone from where they were. */
  readonly #tops: Gone[] = [];
  /** The same, and later on what was in them as well, by inode. */
  readonly #gone = new Map<string, Gone>();
  /** Whether it is later on. */
  #isDeep = false;
  /** What is known to be somewhere. */
  readonly #met = new Set<SnapshotTree>();
  #come: Come[] = [];
  /** What has the name of something of another kind, which goes first. */
  readonly #late: Come[] = [];

  /** Compares them, and stops again and again, so that others may do something meanwhile. */
  *compare(
    path: string,
    before: SnapshotTree | undefined,
    after: SnapshotTree | undefined,
  ): Generator<void, WatchEvent[], void> {
    const bytes = Buffer.from(path);
    const isDirectory = this.#compareOne(bytes, before, after);
    if (isDirectory && before && after) yield* this.#compareEntries(bytes, before, after);
    // A directory that is renamed takes with it what was in it: only of what is left it matters where that was.
    const rest = yield* this.#arriveAll();
    this.#isDeep = true;
    if (rest.length > 0) yield* this.#lookInto();
    this.#come = rest;
    yield* this.#arriveAll();
    for (const top of this.#tops)
      if (!this.#met.has(top.tree)) yield* this.#delete(top.tree, placeOf(top));
    this.#gone.clear();
    this.#come = this.#late;
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
    if (this.#isDeep) this.#met.add(before);
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
      const [known, now] = [Object.hasOwn(was, key) ? was[key] : undefined, is[key]];
      // It is somewhere else.
      const then = known !== undefined && this.#met.has(known) ? undefined : known;
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
    if (this.#met.has(tree)) return;
    const key = inodeOf(tree);
    // It was in one that is gone, perhaps.
    let gone = this.#isDeep ? this.#gone.get(key) : undefined;
    while (gone !== undefined && gone.tree !== tree) gone = gone.next;
    if (gone === undefined) this.#add(key, (gone = goneFrom(tree, path)));
    gone.path = path;
    this.#tops.push(gone);
  }

  /** Several names of one file have one inode. */
  #add(key: string, gone: Gone): void {
    gone.next = this.#gone.get(key);
    this.#gone.set(key, gone);
  }

  /** Finds what was in what is gone. */
  *#lookInto(): Generator<void, void, void> {
    const dirs = this.#tops.filter(({ tree }) => !this.#met.has(tree));
    for (let above = dirs.pop(); above !== undefined; above = dirs.pop()) {
      const { entries = {} } = above.tree;
      for (const name of Object.keys(entries)) {
        if (this.#isStep()) yield;
        const tree = entries[name];
        if (tree === undefined) continue;
        const gone: Gone = { tree, path: undefined, above, name, next: undefined };
        this.#add(inodeOf(tree), gone);
        if (tree.entries !== undefined) dirs.push(gone);
      }
    }
  }

  /** @returns What is to be looked for in what is gone, before that is looked into. */
  *#arriveAll(): Generator<void, Come[], void> {
    const rest: Come[] = [];
    const others: Come[] = [];
    // What comes grows while it is looked through. What a directory takes with it stays what it was, and a further name of that is new.
    for (const come of this.#come)
      if (come.tree.stat[0] === "directory") yield* this.#arrive(come, rest);
      else others.push(come);
    for (const come of others) yield* this.#arrive(come, rest);
    this.#come = [];
    return rest;
  }

  *#arrive(come: Come, rest: Come[]): Generator<void, void, void> {
    if (this.#isStep()) yield;
    const { tree, path } = come;
    const gone = this.#take(tree);
    if (gone !== undefined) {
      this.#rename(gone, come);
      if (tree.stat[0] === "directory") yield* this.#compareEntries(path, gone.tree, tree);
    } else if (this.#isDeep) {
      this.#tell("create", path, tree.stat[0]);
      yield* this.#comeWith(come);
    } else rest.push(come);
  }

  /** What is in what came, came as well. */
  *#comeWith({ tree: { entries = {} }, path }: Come): Generator<void, void, void> {
    for (const key of Object.keys(entries)) {
      if (this.#isStep()) yield;
      const tree = entries[key];
      if (tree !== undefined) this.#come.push({ tree, path: joined(path, key) });
    }
  }

  /** @returns What it was by another name, which it is no more. */
  #take(tree: SnapshotTree): Gone | undefined {
    const key = inodeOf(tree);
    let gone = this.#gone.get(key);
    while (gone !== undefined && this.#met.has(gone.tree)) gone = gone.next;
    // The others stay behind it.
    if (gone === undefined) this.#gone.delete(key);
    else this.#gone.set(key, gone);
    while (gone !== undefined && (this.#met.has(gone.tree) || !isSame(gone, tree)))
      gone = gone.next;
    if (gone !== undefined) this.#met.add(gone.tree);
    return gone;
  }

  #rename(gone: Gone, { tree, path }: Come): void {
    const from = pathOf(placeOf(gone));
    gone.path = path;
    const rename: WatchRenameEvent = {
      type: "rename",
      ...pathOf(path),
      kind: tree.stat[0],
      from: from.path,
      ...(from.pathBytes && { fromBytes: from.pathBytes }),
    };
    this.#events.push(rename);
  }

  *#delete(tree: SnapshotTree, path: Uint8Array): Generator<void, void, void> {
    for (const [key, entry] of Object.entries(tree.entries ?? {})) {
      if (this.#isStep()) yield;
      if (this.#met.has(entry)) continue;
      if (entry.entries === undefined) this.#tell("delete", joined(path, key), entry.stat[0]);
      else yield* this.#delete(entry, joined(path, key));
    }
    this.#tell("delete", path, tree.stat[0]);
  }

  #tell(type: WatchChangeEvent["type"], path: Uint8Array, kind: WatchKind): void {
    this.#events.push({ type, ...pathOf(path), kind });
  }
}

function goneFrom(tree: SnapshotTree, path: Uint8Array): Gone {
  return { tree, path, above: undefined, name: "", next: undefined };
}

/** Where it is by now. */
function placeOf({ path, above, name }: Gone): Uint8Array {
  if (path !== undefined) return path;
  return above === undefined ? Buffer.from(name) : joined(placeOf(above), name);
}

function inodeOf({ stat: [kind, inode] }: SnapshotTree): string {
  return `${kind} ${inode}`;
}

/** Inodes are used again: what has another size or time as well is another one. Of a directory both change with what is in it. */
function isSame(gone: Gone, { stat: [kind, , size, mtime] }: SnapshotTree): boolean {
  if (kind === "directory" && gone.path !== undefined) return true;
  return gone.tree.stat[2] === size && gone.tree.stat[3] === mtime;
}
