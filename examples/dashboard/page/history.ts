/** What was told, as far as it is kept, and which part of it is shown. */
import type { Item, Kind } from "./item.ts";

/** Lines that are kept. */
export const MOST = 5000;

/** How many may be over that until the oldest are cut off: cutting each time would move all of the others. */
const SLACK = 500;

/** What is looked for. */
export type Query = (item: Item) => boolean;

/** Words that have to be there, and with `-` before them must not. */
export function queryOf(text: string): Query {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "" && word !== "-");
  const without = words.filter((word) => word.startsWith("-")).map((word) => word.slice(1));
  const within = words.filter((word) => !word.startsWith("-"));
  return ({ text: all }) =>
    within.every((word) => all.includes(word)) && !without.some((word) => all.includes(word));
}

export class History {
  #items: Item[] = [];
  #shown: Item[] = [];
  #kind: Kind | undefined;
  #query: Query = () => true;
  readonly #counts = new Map<Kind, number>();

  /** The oldest first. */
  get items(): readonly Item[] {
    return this.#items;
  }

  /** Those that match. */
  get shown(): readonly Item[] {
    return this.#shown;
  }

  /** How many of a kind there are. */
  count(kind: Kind | undefined): number {
    return kind === undefined ? this.#items.length : (this.#counts.get(kind) ?? 0);
  }

  /** @returns How many of them are shown. */
  add(items: readonly Item[]): number {
    let added = 0;
    for (const item of items) {
      this.#items.push(item);
      this.#counts.set(item.kind, (this.#counts.get(item.kind) ?? 0) + 1);
      if (!this.#matches(item)) continue;
      this.#shown.push(item);
      added++;
    }
    if (this.#items.length > MOST + SLACK) this.#cut();
    return added;
  }

  /** Shows one kind, or all, of what matches. */
  show(kind: Kind | undefined, query: Query): void {
    this.#kind = kind;
    this.#query = query;
    this.#shown = this.#items.filter((item) => this.#matches(item));
  }

  clear(): void {
    this.#items = [];
    this.#shown = [];
    this.#counts.clear();
  }

  #matches(item: Item): boolean {
    return (this.#kind === undefined || item.kind === this.#kind) && this.#query(item);
  }

  #cut(): void {
    const gone = new Set(this.#items.splice(0, this.#items.length - MOST));
    for (const { kind } of gone) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) - 1);
    const kept = this.#shown.findIndex((item) => !gone.has(item));
    this.#shown.splice(0, kept === -1 ? this.#shown.length : kept);
  }
}
