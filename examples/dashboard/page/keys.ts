/** What keys do, and the list of them. */
import { element } from "./dom.ts";

export interface Shortcut {
  /** As `KeyboardEvent.key` has them; the first is shown. */
  readonly keys: readonly string[];
  readonly does: string;
  readonly run: () => void;
}

const names: Readonly<Record<string, string>> = {
  ArrowDown: "↓",
  ArrowUp: "↑",
  Escape: "Esc",
};

/** Listens for them, and writes them down. */
export function shortcuts(list: readonly Shortcut[], home: HTMLElement): void {
  const byKey = new Map(list.flatMap((shortcut) => shortcut.keys.map((key) => [key, shortcut])));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyped(event)) return;
    const shortcut = byKey.get(event.key);
    if (shortcut === undefined) return;
    event.preventDefault();
    shortcut.run();
  });
  for (const { keys, does } of list) {
    const term = element("dt");
    for (const key of keys) term.append(element("kbd", "", names[key] ?? key));
    home.append(term, element("dd", "", does));
  }
}

/** Whether the key is somebody else's: text that is written, a button that is pressed, a dialog that is open. */
function isTyped({ target, key }: KeyboardEvent): boolean {
  if (!(target instanceof Element)) return false;
  if (document.querySelector("dialog[open]") !== null) return true;
  if (target.closest("input[type=radio]") !== null) return key.startsWith("Arrow");
  if (target.closest("input, select") !== null) return key !== "Escape";
  return key === "Enter" && target.closest("button, a") !== null;
}
