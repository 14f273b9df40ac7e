/** How far one client has come. */
import type { Format, Hub } from "./hub.ts";
import type { Dropped, End, Hello } from "./wire.ts";

export class HubClient implements Disposable {
  readonly #hub: Hub;
  /** Messages that are this client's own, before the next event. */
  readonly #own: (Hello | Dropped)[];
  #at: number;
  #end: End | undefined;
  #over = false;
  #woken: (() => void) | undefined;

  constructor(hub: Hub, at: number, hello: Hello) {
    this.#hub = hub;
    this.#at = at;
    this.#own = [hello];
  }

  /** The id of the event that it gets next. */
  get at(): number {
    return this.#at;
  }

  /** Whether it has got the last message of all. */
  get over(): boolean {
    return this.#over;
  }

  /** What is to be sent next, or `undefined` if there is nothing now. Asked for when there is room, so that what waits is the log's. */
  take(format: Format): string | undefined {
    const missed = this.#hub.first - this.#at;
    if (missed > 0) {
      this.#hub.drop(missed);
      this.#own.push({ type: "dropped", dropped: missed });
      this.#at = this.#hub.first;
    }
    if (this.#own.length > 0)
      return format.all(this.#own.splice(0).map((message) => format.one(JSON.stringify(message))));
    if (this.#at < this.#hub.next) {
      const { text, to } = this.#hub.chunk(this.#at, format);
      this.#at = to;
      return text;
    }
    if (this.#end === undefined || this.#over) return undefined;
    this.#over = true;
    return format.all([format.one(JSON.stringify(this.#end))]);
  }

  /** Calls back, once, when there may be something to take. */
  whenWoken(woken: () => void): void {
    this.#woken = woken;
  }

  wake(): void {
    const woken = this.#woken;
    this.#woken = undefined;
    woken?.();
  }

  /** Lets it have what is left, and then the end. */
  end(message: End): void {
    this.#end = message;
    this.wake();
  }

  [Symbol.dispose](): void {
    this.#hub.leave(this);
  }
}
