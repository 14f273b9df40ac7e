/**
 * When each file was changed, as far as the user was told: what a comparison with the disk finds different is news. Times are compared
 * with those of the same file alone, because another machine's clock may be any other.
 *
 * @module
 */
import type { OSError } from "../errors.ts";
import { changedAt } from "./look.ts";
import type { Order } from "./order.ts";
import type { PathName, Paths } from "./paths.ts";
import type { Teller, Told } from "./teller.ts";
import { grown, type Kind, type Node, type Tree } from "./tree.ts";

/** The time of each entry that is no directory. */
export class Times {
  /** Milliseconds since 1970, 0 if it is not known. */
  #at = new Float64Array(64);

  /** What is told of a file from now on is known up to that time. */
  note(node: Node, time: number): void {
    if (node >= this.#at.length)
      this.#at = grown(this.#at, new Float64Array(Math.max(node + 1, this.#at.length * 2)));
    this.#at[node] = time;
  }

  /** Whether a file has another time than when it was looked at last. It is the known one then. */
  differs(node: Node, time: number): boolean {
    const before = this.#at[node] ?? 0;
    this.note(node, time);
    return before !== 0 && before !== time;
  }

  /** The entry is gone. */
  forget(node: Node): void {
    if (node < this.#at.length) this.#at[node] = 0;
  }
}

/** Notes the time of each file that is told of, before it is: what the user does then has seen it. */
export class TimedTeller implements Teller {
  readonly #tree: Tree;
  readonly #paths: Paths;
  readonly #times: Times;
  readonly #next: Teller;

  constructor(tree: Tree, paths: Paths, times: Times, next: Teller) {
    this.#tree = tree;
    this.#paths = paths;
    this.#times = times;
    this.#next = next;
  }

  get pid(): number | undefined {
    return this.#next.pid;
  }

  set pid(pid: number | undefined) {
    this.#next.pid = pid;
  }

  get order(): Order {
    return this.#next.order;
  }

  tell(type: Told, node: Node): void {
    if (type === "delete") this.#times.forget(node);
    else this.#look(node);
    this.#next.tell(type, node);
  }

  moving(node: Node): void {
    this.#next.moving(node);
  }

  renamed(node: Node, from: PathName, replaced: boolean): void {
    this.#look(node);
    this.#next.renamed(node, from, replaced);
  }

  forgotten(node: Node): void {
    this.#times.forget(node);
    this.#next.forgotten(node);
  }

  parting(node: Node): void {
    this.#next.parting(node);
  }

  overflow(): void {
    this.#next.overflow();
  }

  failed(path: PathName, kind: Kind, error: OSError): void {
    this.#next.failed(path, kind, error);
  }

  #look(node: Node): void {
    if (!this.#tree.isDirectory(node)) this.#times.note(node, changedAt(this.#paths.real(node)));
  }
}
