/** What is known of one file: what it is now, and what happened to it. */
import { byId, element } from "./dom.ts";
import type { Item } from "./item.ts";
import { clock } from "./list.ts";

/** Lines of the past. */
const MOST = 50;

/** What `/file` answers. */
interface Facts {
  readonly kind: string;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly modified: number;
}

export class Details {
  readonly #dialog = byId("details", HTMLDialogElement);
  readonly #title = byId("details-title", HTMLElement);
  readonly #facts = byId("details-facts", HTMLElement);
  readonly #past = byId("details-past", HTMLElement);

  /** @param items Everything that is kept. */
  async open(item: Item, items: readonly Item[]): Promise<void> {
    if (item.rootIndex === undefined) return;
    const { rootIndex, path } = item;
    const past = items
      .filter((one) => one.rootIndex === rootIndex && (one.path === path || one.oldPath === path))
      .slice(-MOST)
      .toReversed();
    this.#title.textContent = `${item.directory}${item.name}`;
    this.#past.replaceChildren(
      ...past.map(({ time, what, who }) => {
        const line = element("li");
        line.append(element("span", "time", clock(time)), element("span", "", what));
        line.append(element("span", "who", who));
        return line;
      }),
    );
    this.#say([["Now", "…"]]);
    this.#dialog.showModal();
    this.#say(await factsOf(rootIndex, path));
  }

  #say(facts: readonly (readonly [name: string, value: string])[]): void {
    this.#facts.replaceChildren(
      ...facts.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]),
    );
  }
}

async function factsOf(root: number, path: string): Promise<[name: string, value: string][]> {
  const query = new URLSearchParams({ root: `${root}`, path });
  try {
    const response = await fetch(`/file?${query.toString()}`);
    if (!response.ok) return [["Now", "It is not there any more"]];
    const { kind, size, mode, uid, gid, links, modified } = (await response.json()) as Facts;
    return [
      ["Kind", links > 1 && kind === "file" ? `${kind}, ${links} names` : kind],
      ["Size", `${new Intl.NumberFormat("en").format(size)} bytes`],
      ["Permissions", mode.toString(8).padStart(4, "0")],
      ["Owner", `user ${uid}, group ${gid}`],
      ["Modified", new Date(modified).toLocaleString()],
    ];
  } catch {
    return [["Now", "The server does not answer"]];
  }
}
