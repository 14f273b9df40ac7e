/** How often which signal came. */
import type { Hello } from "../wire.ts";
import { byId, element, say } from "./dom.ts";

export class Signals {
  readonly #home: HTMLElement;
  readonly #counts = new Map<string, { count: number; readonly text: HTMLElement }>();

  constructor(home: HTMLElement) {
    this.#home = home;
  }

  hello({ pid, signals }: Hello): void {
    say(byId("kill", HTMLElement), `kill -USR1 ${pid}`);
    for (const signal of signals) this.#of(signal);
  }

  add(signal: string): void {
    const entry = this.#of(signal);
    entry.count++;
    say(entry.text, `${entry.count}`);
  }

  #of(signal: string): { count: number; readonly text: HTMLElement } {
    return this.#counts.getOrInsertComputed(signal, () => {
      const text = element("span", "count", "0");
      const chip = element("li", "", signal.replace(/^SIG/, ""));
      chip.append(text);
      this.#home.append(chip);
      return { count: 0, text };
    });
  }
}
