/**
 * Makes events of what happens to entries.
 *
 * @module
 */
import type { OSError } from "../../errors.ts";
import { statsOf, wordOf } from "../disk/look.ts";
import type { WatchChangeEvent, WatchEvent, WatchKind } from "../event.ts";
import type { Kind, Node } from "../tree/node.ts";
import type { PathName, Paths } from "../tree/paths.ts";
import type { Tree } from "../tree/tree.ts";
import { Order } from "./order.ts";

/** What is told of an entry. */
export type Told = WatchChangeEvent["type"];

/** Who hears what happens to entries, in order. */
export interface Teller {
  /** Who did what is told next, if that is known. */
  pid: number | undefined;
  /** Where it goes. */
  readonly order: Order;
  /** Called while the entry's path is what it is told by. */
  tell(type: Told, node: Node): void;
  /** Called before what has its name is of another kind: it was told of by the kind that it has now. */
  becoming(node: Node): void;
  /** Called before it is moved: what is held of what is below it has the path that it has now. */
  moving(node: Node): void;
  /** Called when it is where it is now. `replaced`: something was there before. */
  renamed(node: Node, from: PathName, replaced: boolean): void;
  /** It is gone without a word. */
  forgotten(node: Node): void;
  /** Called before it goes without a word because nobody wants it watched any more: what is held of what is below it is told. */
  parting(node: Node): void;
  overflow(): void;
  failed(path: PathName, kind: Kind, error: OSError): void;
}

/** What every event of an entry says. */
type About<Type> = Omit<WatchChangeEvent, "type"> & { readonly type: Type };

/** Collects events. */
export class PlainTeller implements Teller {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #stat: boolean;
  readonly order = new Order();
  pid: number | undefined;

  constructor(tree: Tree, paths: Paths, stat: boolean) {
    this.#tree = tree;
    this.#paths = paths;
    this.#stat = stat;
  }

  get size(): number {
    return this.order.size;
  }

  take(): WatchEvent[] {
    return this.order.take();
  }

  tell(type: Told, node: Node): void {
    this.emit(this.event(type, node));
  }

  /** Milliseconds, as `performance.now()` has them, at which something that is held is to be told, or `Infinity`. */
  get due(): number {
    return Infinity;
  }

  /** How much is held. */
  get held(): number {
    return 0;
  }

  /** Tells what was held until then. */
  release(_now: number): void {}

  protected event(type: Told, node: Node): WatchChangeEvent {
    return this.#about(type, node);
  }

  protected kind(node: Node): WatchKind {
    return wordOf(this.#tree.kind(node));
  }

  protected emit(event: WatchEvent): void {
    this.order.add(event);
  }

  becoming(_node: Node): void {}

  moving(_node: Node): void {}

  renamed(node: Node, { text, bytes }: PathName, _replaced: boolean): void {
    this.order.add({
      ...this.#about("rename", node),
      from: text,
      ...(bytes && { fromBytes: bytes }),
    });
  }

  forgotten(_node: Node): void {}

  parting(_node: Node): void {}

  overflow(): void {
    this.order.add({ type: "overflow", path: "", kind: "directory" });
  }

  failed({ text, bytes }: PathName, kind: Kind, error: OSError): void {
    this.order.add({
      type: "error",
      path: text,
      ...(bytes && { pathBytes: bytes }),
      kind: wordOf(kind),
      error,
    });
  }

  #about<Type extends string>(type: Type, node: Node): About<Type> {
    const { text, bytes } = this.#paths.shown(node);
    const kind = this.kind(node);
    const { pid } = this;
    // Most events have no more than this, and a storm has a million of them.
    if (bytes === undefined && !this.#stat)
      return pid === undefined ? { type, path: text, kind } : { type, path: text, kind, pid };
    const stats = this.#stat && type !== "delete" ? statsOf(this.#paths.real(node)) : undefined;
    return {
      type,
      path: text,
      kind,
      ...(bytes && { pathBytes: bytes }),
      ...(pid !== undefined && { pid }),
      ...(stats && { stats }),
    };
  }
}
