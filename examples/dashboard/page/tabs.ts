/** Which kind of line is shown. */
import { element, say } from "./dom.ts";
import { type Kind, KINDS } from "./item.ts";

const labels = {
  all: "All",
  change: "Changes",
  touch: "Touches",
  signal: "Signals",
  notice: "Notices",
};

export class Tabs {
  /** In the order of their keys. */
  readonly order: readonly (Kind | undefined)[] = [undefined, ...KINDS];
  readonly #radios = new Map<Kind | undefined, HTMLInputElement>();
  readonly #counts = new Map<Kind | undefined, HTMLElement>();
  readonly #onChange: (kind: Kind | undefined) => void;

  constructor(home: HTMLElement, onChange: (kind: Kind | undefined) => void) {
    this.#onChange = onChange;
    for (const kind of this.order) {
      const label = element("label", "tab");
      const radio = element("input");
      radio.type = "radio";
      radio.name = "kind";
      radio.value = kind ?? "all";
      radio.checked = kind === undefined;
      radio.addEventListener("change", () => onChange(kind));
      const count = element("span", "count");
      label.append(radio, element("span", "", labels[kind ?? "all"]), count);
      home.append(label);
      this.#radios.set(kind, radio);
      this.#counts.set(kind, count);
    }
  }

  choose(kind: Kind | undefined): void {
    const radio = this.#radios.get(kind);
    if (radio === undefined) return;
    radio.checked = true;
    this.#onChange(kind);
  }

  draw(countOf: (kind: Kind | undefined) => number): void {
    for (const [kind, count] of this.#counts) say(count, short(countOf(kind)));
  }
}

const compact = new Intl.NumberFormat("en", { notation: "compact" });

function short(count: number): string {
  return count === 0 ? "" : compact.format(count);
}
