/** A tree as those know it who heard all events of it: what changed while nobody told them is what is different from it. */
import type { SnapshotTree, WatchEvent, WatchKind } from "bun-butter";

interface Entry {
  stat: SnapshotTree["stat"];
  /** Of a directory. */
  readonly entries: Map<string, Entry>;
}

/** Of an entry that an event told of: whoever compares it sees a change, or what it is by then. */
const unknown = (kind: WatchKind): SnapshotTree["stat"] => [kind, "", "", "", ""];

export class Told {
  readonly #path: string;
  /** The root, by the name `""`. */
  readonly #top: Entry = { stat: unknown("directory"), entries: new Map() };

  /** @param tree What it was when the first event was told. `undefined` if nothing had been told. */
  constructor(path: string, tree: SnapshotTree | undefined) {
    this.#path = path;
    if (tree !== undefined) this.#top.entries.set("", entryOf(tree));
  }

  /** Once more is nothing: what is made may be there, and what is renamed or deleted may be gone. */
  apply(event: WatchEvent): void {
    const { type, path, kind } = event;
    if (type === "overflow" || type === "error") return;
    const [entries, name] = this.#placeOf(path);
    if (type === "delete") return void entries.delete(name);
    const moved = type === "rename" ? this.#take(event.from) : undefined;
    const entry = moved ?? entries.get(name) ?? { stat: unknown(kind), entries: new Map() };
    if (kind !== "directory") entry.stat = unknown(kind);
    entries.set(name, entry);
  }

  /**
   * The tree, with what a snapshot says of its entries.
   *
   * @param seen Taken before the last event was told: what it shows, and no later change, has been told.
   */
  tree(seen: SnapshotTree | undefined): SnapshotTree | undefined {
    const root = this.#top.entries.get("");
    return root && treeOf(root, seen);
  }

  #take(path: string): Entry | undefined {
    const [entries, name] = this.#placeOf(path);
    const entry = entries.get(name);
    entries.delete(name);
    return entry;
  }

  /** The entries of the directory that it is in, and its name there. */
  #placeOf(path: string): [Map<string, Entry>, string] {
    const names = ["", ...path.slice(this.#path.length).split("/").filter(Boolean)];
    const name = names.pop() ?? "";
    let { entries } = this.#top;
    for (const above of names) {
      const entry = entries.get(above) ?? { stat: unknown("directory"), entries: new Map() };
      entries.set(above, entry);
      ({ entries } = entry);
    }
    return [entries, name];
  }
}

function entryOf({ stat, entries = {} }: SnapshotTree): Entry {
  const inner = Object.entries(entries).map(([name, tree]) => [name, entryOf(tree)] as const);
  return { stat, entries: new Map(inner) };
}

function treeOf(entry: Entry, seen: SnapshotTree | undefined): SnapshotTree {
  const entries: Record<string, SnapshotTree> = Object.create(null);
  for (const [name, inner] of entry.entries) entries[name] = treeOf(inner, at(seen, name));
  return { stat: seen?.stat[0] === entry.stat[0] ? seen.stat : entry.stat, entries };
}

const at = (tree: SnapshotTree | undefined, name: string): SnapshotTree | undefined =>
  tree?.entries && Object.hasOwn(tree.entries, name) ? tree.entries[name] : undefined;
