/** The bar at the top: whose events these are, and whether they come. */
import type { Hello } from "../wire.ts";
import type { State } from "./connection.ts";
import { byId, say } from "./dom.ts";

const words: Readonly<Record<State, string>> = {
  connecting: "Connecting",
  live: "Live",
  lost: "Reconnecting",
  denied: "Token needed",
};

export class Header {
  readonly #state = byId("state", HTMLElement);
  readonly #pause = byId("pause", HTMLElement);
  readonly #pauseText = byId("pause-text", HTMLElement);
  readonly #blind = byId("blind", HTMLElement);

  hello({ host, roots, blind, pid, backend }: Hello): void {
    say(byId("host", HTMLElement), host);
    const places = byId("roots", HTMLElement);
    say(places, roots.join("  "));
    places.title = `${roots.join("\n")}\nby ${backend}, process ${pid}`;
    this.#blind.hidden = blind === undefined;
    if (blind !== undefined) say(this.#blind, `Who touches which file is not shown: ${blind}`);
  }

  state(state: State): void {
    this.#state.dataset["state"] = state;
    say(this.#state, words[state]);
  }

  paused(isPaused: boolean): void {
    this.#pause.ariaPressed = `${isPaused}`;
    document.body.classList.toggle("paused", isPaused);
    say(this.#pauseText, isPaused ? "Paused" : "Pause");
  }

  /** So many events wait for the pause to end. */
  held(count: number): void {
    say(this.#pauseText, count === 0 ? "Paused" : `Paused, ${count} new`);
  }
}
