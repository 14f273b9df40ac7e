/**
 * Holds events back for a while: until a file is left alone, and until it is known whether they are parts of one save.
 *
 * @module
 */
import type { WatchChangeEvent, WatchKind } from "../event.ts";
import type { Settings } from "../options.ts";
import { type Node, NONE } from "../tree/node.ts";
import { keyOfPath, type PathName, type Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import { PlainTeller, type Told } from "./teller.ts";

/** A file that was made or changed, and is not told of yet. */
interface Pending {
  type: "create" | "change";
  readonly first: number;
  last: number;
  /** What was told of that is saved by this, if that may be another kind. */
  readonly saved: WatchKind | undefined;
  /** Who did it last. */
  pid: number | undefined;
}

/** A file that was renamed: it may be the backup of one that is saved. */
interface HeldRename {
  readonly from: PathName;
  readonly due: number;
  readonly pid: number | undefined;
}

/** A file that was deleted: it may come again as what was saved. */
interface HeldDelete {
  readonly event: WatchChangeEvent;
  readonly due: number;
}

/** Events of files, later and fewer. Those of directories come at once, so that what is in them comes after them. */
export class CalmTeller extends PlainTeller {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #settle: Settings["settle"];
  readonly #atomic: number;
  readonly #pending = new Map<Node, Pending>();
  readonly #renames = new Map<Node, HeldRename>();
  /** Of entries that are of another kind by now, which nobody was told. */
  readonly #kinds = new Map<Node, WatchKind>();
  /** By path. */
  readonly #deletes = new Map<string, HeldDelete>();
  /** What a rename is about to replace, as it was told of. */
  #replaced: WatchKind | undefined;

  constructor(tree: Tree, paths: Paths, settings: Settings) {
    super(tree, paths, settings.stat);
    this.#tree = tree;
    this.#paths = paths;
    this.#settle = settings.settle;
    this.#atomic = settings.atomic;
  }

  override tell(type: Told, node: Node): void {
    if (this.#tree.isDirectory(node)) {
      // Their paths are below it, perhaps.
      this.#releaseHeld(Infinity);
      return super.tell(type, node);
    }
    switch (type) {
      case "create":
        return this.#made(node);
      case "change":
        return this.#changed(node);
      case "attributes":
        if (!this.#pending.has(node) && !this.#renames.has(node)) super.tell(type, node);
        return;
      case "delete":
        return this.#deleted(node);
    }
  }

  override becoming(node: Node): void {
    if (!this.#kinds.has(node)) this.#kinds.set(node, this.kind(node));
  }

  override moving(node: Node): void {
    if (this.#tree.isDirectory(node)) this.#releaseHeld(Infinity);
  }

  override renamed(node: Node, from: PathName, replaced: boolean): void {
    const known = replaced ? this.#replaced : undefined;
    this.#replaced = undefined;
    if (this.#tree.isDirectory(node)) {
      this.#releaseHeld(Infinity);
      return super.renamed(node, from, replaced);
    }
    const path = keyOfPath(this.#paths.shown(node));
    const pending = this.#pending.get(node);
    // What had the name was put aside or deleted a moment ago: this is what is saved.
    const saved = this.#takeSaved(path, node);
    if (pending?.type === "create") {
      // Nobody knows its old name. What was there before now has other contents.
      this.#pending.delete(node);
      if (saved !== undefined || known !== undefined) this.#changed(node, saved ?? known);
      else this.#pending.set(node, { ...pending, last: performance.now() });
      return;
    }
    const origin = this.#renames.get(node)?.from ?? from;
    this.#renames.delete(node);
    if (keyOfPath(origin) === path) return;
    if (this.#atomic === 0 || replaced || saved !== undefined)
      return this.#tellRename(node, origin, replaced);
    const due = performance.now() + this.#atomic;
    this.#renames.set(node, { from: origin, due, pid: this.pid });
  }

  override forgotten(node: Node): void {
    // What was in it goes before something else has its name.
    if (this.#tree.isDirectory(node)) this.#releaseHeld(Infinity);
    const pending = this.#pending.get(node);
    const kind = this.#knownKind(node);
    this.#replaced = pending?.type === "create" ? undefined : (pending?.saved ?? kind);
    this.#pending.delete(node);
    const held = this.#renames.get(node);
    this.#kinds.delete(node);
    if (held === undefined) return;
    // Told by its old name, which nothing has any more.
    this.#renames.delete(node);
    this.#replaced = undefined;
    this.#holdDelete(at(held.from, { ...this.event("delete", node), kind }), held.from);
  }

  override parting(top: Node): void {
    this.#releaseRenames(Infinity, top);
    this.#releasePending(Infinity, top);
  }

  override overflow(): void {
    this.release(Infinity);
    super.overflow();
  }

  override get held(): number {
    return this.#pending.size + this.#renames.size + this.#deletes.size;
  }

  override get due(): number {
    let due = Infinity;
    for (const pending of this.#pending.values()) due = Math.min(due, this.#dueOf(pending));
    for (const held of this.#renames.values()) due = Math.min(due, held.due);
    for (const held of this.#deletes.values()) due = Math.min(due, held.due);
    return due;
  }

  override release(now: number): void {
    this.#releaseHeld(now);
    this.#releasePending(now);
  }

  protected override event(type: Told, node: Node): WatchChangeEvent {
    if (type !== "delete") this.#kinds.delete(node);
    return super.event(type, node);
  }

  #tellRename(node: Node, from: PathName, replaced: boolean): void {
    this.#kinds.delete(node);
    super.renamed(node, from, replaced);
  }

  /** The kind by which it was told of. */
  #knownKind(node: Node): WatchKind {
    return this.#kinds.get(node) ?? this.kind(node);
  }

  #made(node: Node): void {
    const path = keyOfPath(this.#paths.shown(node));
    const saved = this.#takeSaved(path, node);
    this.#hold(node, saved === undefined ? "create" : "change", saved);
  }

  #changed(node: Node, saved?: WatchKind): void {
    if (this.#pending.has(node) || this.#renames.has(node) || this.#settle !== undefined)
      return this.#hold(node, "change", saved);
    super.tell("change", node);
  }

  #deleted(node: Node): void {
    const pending = this.#pending.get(node);
    this.#pending.delete(node);
    const held = this.#renames.get(node);
    this.#renames.delete(node);
    const kind = pending?.saved ?? this.#knownKind(node);
    this.#kinds.delete(node);
    if (pending?.type === "create") return;
    const event = { ...this.event("delete", node), kind };
    const path = held?.from ?? this.#paths.shown(node);
    const told = held === undefined ? event : at(path, event);
    // What is told in parts goes with its directory.
    if (this.#atomic > 0 && !this.order.isPart) this.#holdDelete(told, path);
    else this.emit(told);
  }

  #hold(node: Node, type: Pending["type"], saved?: WatchKind): void {
    const now = performance.now();
    const known = this.#pending.get(node);
    const { pid } = this;
    if (known === undefined) this.#pending.set(node, { type, first: now, last: now, saved, pid });
    else {
      known.last = now;
      known.pid = pid;
    }
  }

  #holdDelete(event: WatchChangeEvent, path: PathName): void {
    this.#deletes.set(keyOfPath(path), { event, due: performance.now() + this.#atomic });
  }

  /** What was told of that had this name a moment ago, and comes again as `by`. */
  #takeSaved(path: string, by: Node): WatchKind | undefined {
    const deleted = this.#deletes.get(path);
    this.#deletes.delete(path);
    return deleted?.event.kind ?? this.#putAside(path, by);
  }

  /** What had this name before `by`, if it is a backup now: it is new where it is. */
  #putAside(path: string, by: Node): WatchKind | undefined {
    for (const [node, { from }] of this.#renames) {
      if (keyOfPath(from) !== path || node === by) continue;
      this.#renames.delete(node);
      this.#pending.delete(node);
      this.#hold(node, "create");
      const kind = this.#knownKind(node);
      this.#kinds.delete(node);
      return kind;
    }
    return undefined;
  }

  #dueOf({ first, last }: Pending): number {
    const part = first + this.#atomic;
    if (this.#settle === undefined) return part;
    const { quiet, max } = this.#settle;
    return Math.max(part, Math.min(last + quiet, first + max));
  }

  /** Tells what somebody did a while ago. */
  #as(pid: number | undefined, tell: () => void): void {
    const { pid: now } = this;
    this.pid = pid;
    tell();
    this.pid = now;
  }

  /** @param top Only of what is below that. */
  #releasePending(now: number, top: Node = NONE): void {
    for (const [node, pending] of this.#pending) {
      if (this.#dueOf(pending) > now || this.#renames.has(node)) continue;
      if (top !== NONE && !this.#tree.isWithin(node, top)) continue;
      this.#pending.delete(node);
      this.#as(pending.pid, () => super.tell(pending.type, node));
    }
  }

  #releaseRenames(now: number, top: Node = NONE): void {
    for (const [node, { from, due, pid }] of this.#renames) {
      if (due > now || (top !== NONE && !this.#tree.isWithin(node, top))) continue;
      this.#renames.delete(node);
      this.#as(pid, () => this.#tellRename(node, from, false));
    }
  }

  #releaseHeld(now: number): void {
    this.#releaseRenames(now);
    for (const [path, { event, due }] of this.#deletes) {
      if (due > now) continue;
      this.#deletes.delete(path);
      this.emit(event);
    }
  }
}

/** An event by the path that its entry is known by. */
function at({ text, bytes }: PathName, event: WatchChangeEvent): WatchChangeEvent {
  const { pathBytes: _, ...rest } = event;
  return { ...rest, path: text, ...(bytes && { pathBytes: bytes }) } as WatchChangeEvent;
}
