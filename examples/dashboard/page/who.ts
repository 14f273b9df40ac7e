/** Which processes touched most in the last minute. */
import { element } from "./dom.ts";
import type { Item } from "./item.ts";

/** Milliseconds that count. */
const SPAN = 60_000;

/** Processes that are listed. */
const MOST = 6;

interface Doer {
  readonly who: string;
  /** How many in each second, by its number. */
  readonly seconds: Map<number, number>;
  last: Item;
}

export class Who {
  readonly #home: HTMLElement;
  readonly #doers = new Map<string, Doer>();
  readonly #pick: (who: string) => void;
  /** Whether anybody tells. */
  isKnown = true;

  /** @param pick Called with a process that was chosen. */
  constructor(home: HTMLElement, pick: (who: string) => void) {
    this.#home = home;
    this.#pick = pick;
  }

  add(item: Item): void {
    if (item.who === "") return;
    const doer = this.#doers.getOrInsertComputed(item.who, (who) => ({
      who,
      seconds: new Map(),
      last: item,
    }));
    const second = Math.floor(item.time / 1000);
    doer.seconds.set(second, (doer.seconds.get(second) ?? 0) + 1);
    doer.last = item;
  }

  draw(now: number): void {
    const first = Math.floor((now - SPAN) / 1000);
    const busy: [doer: Doer, count: number][] = [];
    for (const doer of this.#doers.values()) {
      let count = 0;
      for (const [second, touches] of doer.seconds) {
        if (second < first) doer.seconds.delete(second);
        else count += touches;
      }
      if (count === 0) this.#doers.delete(doer.who);
      else busy.push([doer, count]);
    }
    const rows = busy
      .toSorted(([a, most], [b, more]) => more - most || a.who.localeCompare(b.who))
      .slice(0, MOST)
      .map(([doer, count]) => this.#row(doer, count));
    if (rows.length === 0) rows.push(nobody(this.isKnown));
    // Who is about to press a button there finds it where it was.
    if (!this.#home.contains(document.activeElement)) this.#home.replaceChildren(...rows);
  }

  #row({ who, last }: Doer, count: number): HTMLTableRowElement {
    const row = element("tr");
    const process = element("td");
    const button = element("button", "link", who);
    button.title = `Filter by ${who}`;
    button.addEventListener("click", () => this.#pick(who));
    process.append(button);
    const file = element("td", "file");
    file.append(element("bdi", "", `${last.directory}${last.name}`));
    file.title = `${last.what} ${last.directory}${last.name}`;
    row.append(process, file, element("td", "number", `${count}`));
    return row;
  }
}

function nobody(isKnown: boolean): HTMLTableRowElement {
  const row = element("tr");
  const text = isKnown ? "Nobody touched a file" : "Not known without the privileges";
  const cell = element("td", "none", text);
  cell.colSpan = 3;
  row.append(cell);
  return row;
}
