/**
 * The history as rows, of which only those in sight are elements. The newest is at the top; who has scrolled down stays
 * where they are.
 */
import { element, say } from "./dom.ts";
import type { Item } from "./item.ts";

/** More rows than are in sight, above and below. */
const SPARE = 4;

/** An element that shows one item, and then another one. */
interface Row {
  readonly top: HTMLElement;
  readonly time: HTMLElement;
  readonly what: HTMLElement;
  readonly root: HTMLElement;
  readonly from: HTMLElement;
  readonly directory: HTMLElement;
  readonly name: HTMLElement;
  readonly who: HTMLElement;
  item: Item | undefined;
}

export class List {
  readonly #list: HTMLElement;
  readonly #rows: HTMLElement;
  readonly #pool: Row[] = [];
  #items: readonly Item[] = [];
  #selected: Item | undefined;
  #onOpen: (item: Item) => void = () => {};

  constructor(list: HTMLElement, rows: HTMLElement) {
    this.#list = list;
    this.#rows = rows;
    list.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(list);
    rows.addEventListener("click", ({ target }) => {
      const top = target instanceof Element ? target.closest(".row") : null;
      const item = this.#pool.find((row) => row.top === top)?.item;
      if (item === undefined) return;
      this.#select(item);
      this.#onOpen(item);
    });
  }

  /** Calls back when a row is opened. */
  whenOpened(open: (item: Item) => void): void {
    this.#onOpen = open;
  }

  get selected(): Item | undefined {
    return this.#selected;
  }

  /** Whether the newest row is in sight. */
  get atTop(): boolean {
    return this.#list.scrollTop < this.#height;
  }

  /** Shows other items, `added` of which are new. */
  show(items: readonly Item[], added: number): void {
    const stays = !this.atTop;
    this.#items = items;
    this.#rows.style.height = `${items.length * this.#height}px`;
    this.#list.setAttribute("aria-rowcount", `${items.length + 1}`);
    if (stays && added > 0) this.#list.scrollTop += added * this.#height;
    this.draw();
  }

  /** Goes to the newest. */
  toTop(): void {
    this.#list.scrollTop = 0;
  }

  /** Selects the row that many below the selected one; above, if it is negative. */
  move(by: number): void {
    const last = this.#items.length - 1;
    if (last < 0) return;
    const at = this.#selected === undefined ? -1 : this.#items.lastIndexOf(this.#selected);
    const from = at === -1 ? (by > 0 ? -1 : 0) : last - at;
    const to = Math.min(last, Math.max(0, from + by));
    const item = this.#items[last - to];
    if (item === undefined) return;
    this.#reveal(to);
    this.#select(item);
  }

  /** Opens the selected row. */
  open(): void {
    if (this.#selected !== undefined) this.#onOpen(this.#selected);
  }

  draw(): void {
    const height = this.#height;
    const first = Math.max(0, Math.floor(this.#list.scrollTop / height) - SPARE);
    const inSight = Math.ceil(this.#list.clientHeight / height) + 2 * SPARE;
    const count = Math.min(inSight, this.#items.length - first);
    while (this.#pool.length < count) this.#pool.push(this.#newRow());
    let active = "";
    for (const [index, row] of this.#pool.entries()) {
      const at = first + index;
      row.item = index < count ? this.#items[this.#items.length - 1 - at] : undefined;
      row.top.hidden = row.item === undefined;
      if (row.item === undefined) continue;
      fill(row, row.item);
      row.top.style.transform = `translateY(${at * height}px)`;
      row.top.ariaRowIndex = `${at + 2}`;
      const isSelected = row.item === this.#selected;
      row.top.ariaSelected = `${isSelected}`;
      if (isSelected) active = row.top.id;
    }
    if (active === "") this.#list.removeAttribute("aria-activedescendant");
    else this.#list.setAttribute("aria-activedescendant", active);
  }

  #select(item: Item): void {
    this.#selected = item;
    this.draw();
  }

  /** Scrolls as little as is needed. */
  #reveal(index: number): void {
    const height = this.#height;
    const top = index * height;
    const head = this.#rows.offsetTop;
    const bottom = top + height - (this.#list.clientHeight - head);
    if (this.#list.scrollTop > top) this.#list.scrollTop = top;
    else if (this.#list.scrollTop < bottom) this.#list.scrollTop = bottom;
  }

  /** Of a row: two lines where it is narrow. */
  get #height(): number {
    return Number.parseFloat(getComputedStyle(this.#list).getPropertyValue("--row")) || 28;
  }

  #newRow(): Row {
    const top = element("div", "row");
    top.role = "row";
    top.id = `row-${this.#pool.length}`;
    const cell = (className: string): HTMLElement => {
      const made = element("span", className);
      made.role = "gridcell";
      top.append(made);
      return made;
    };
    const time = cell("time");
    const what = element("span", "badge");
    cell("what").append(what);
    const path = cell("path");
    const part = (className: string): HTMLElement => {
      const made = element("bdi", className);
      path.append(made);
      return made;
    };
    const [root, from, directory, name] = ["root", "from", "directory", "name"].map(part);
    const who = cell("who");
    this.#rows.append(top);
    if (!root || !from || !directory || !name) throw new TypeError("Cannot make a row");
    return { top, time, what, root, from, directory, name, who, item: undefined };
  }
}

function fill(row: Row, item: Item): void {
  say(row.time, clock(item.time));
  say(row.what, item.what);
  row.what.dataset["tone"] = item.tone;
  row.what.title = item.title;
  say(row.root, item.root);
  say(row.from, item.from === "" ? "" : `${item.from} → `);
  say(row.directory, item.directory);
  say(row.name, item.name);
  say(row.who, item.who);
  row.top.dataset["kind"] = item.kind;
}

/** `16:05:09.042` */
export function clock(time: number): string {
  const date = new Date(time);
  const two = (value: number): string => `${value}`.padStart(2, "0");
  const milliseconds = `${date.getMilliseconds()}`.padStart(3, "0");
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${milliseconds}`;
}
