/** The way to the server, by either transport. It goes on where it was when it was lost. */
import type { Message } from "../wire.ts";

export type Transport = "socket" | "events";
export type State = "connecting" | "live" | "lost" | "denied";

/** Milliseconds until the next attempt: the first, and the most. */
const SOON = 300;
const LATE = 5000;

export interface Listener {
  messages(messages: readonly Message[]): void;
  state(state: State): void;
}

export class Connection {
  readonly #listener: Listener;
  #transport: Transport = "socket";
  #epoch = "";
  /** The last event's id. */
  #id = 0;
  /** Of the connection that there is. */
  #ended = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wait = SOON;

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  /** Connects, in place of a connection that there is. */
  open(transport: Transport = this.#transport): void {
    clearTimeout(this.#timer);
    this.#ended.abort();
    this.#ended = new AbortController();
    this.#transport = transport;
    const last = this.#epoch === "" ? "" : `?last=${this.#epoch}.${this.#id}`;
    if (transport === "socket") this.#socket(last, this.#ended.signal);
    else this.#events(last, this.#ended.signal);
  }

  #socket(last: string, signal: AbortSignal): void {
    const url = new URL(`/socket${last}`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    const take = ({ data }: MessageEvent): void =>
      this.#take(JSON.parse(String(data)) as Message[]);
    socket.addEventListener("message", take, { signal });
    socket.addEventListener("close", () => void this.#lost(signal), { signal });
    signal.addEventListener("abort", () => socket.close());
  }

  #events(last: string, signal: AbortSignal): void {
    const source = new EventSource(`/events${last}`);
    const take = ({ data }: MessageEvent): void =>
      this.#take([JSON.parse(String(data)) as Message]);
    source.addEventListener("message", take, { signal });
    const failed = (): void => {
      // The browser comes back by itself, with Last-Event-ID, unless it was refused.
      if (source.readyState === EventSource.CONNECTING) this.#listener.state("lost");
      else void this.#lost(signal);
    };
    source.addEventListener("error", failed, { signal });
    signal.addEventListener("abort", () => source.close());
  }

  #take(messages: readonly Message[]): void {
    this.#wait = SOON;
    this.#listener.state("live");
    const fresh: Message[] = [];
    for (const message of messages) {
      if (message.type === "hello" && message.epoch !== this.#epoch) {
        this.#epoch = message.epoch;
        this.#id = 0;
      }
      if ("id" in message) {
        // Told before, by the connection that was there then.
        if (message.id <= this.#id) continue;
        this.#id = message.id;
      }
      fresh.push(message);
    }
    this.#listener.messages(fresh);
  }

  async #lost(signal: AbortSignal): Promise<void> {
    this.#listener.state("lost");
    const status = await statusOf("/session");
    if (signal.aborted) return;
    if (status === 401) return this.#listener.state("denied");
    this.#timer = setTimeout(() => this.open(), this.#wait);
    this.#wait = Math.min(LATE, this.#wait * 2);
  }
}

/** What the server answers, or `undefined` if it doesn't. */
export async function statusOf(path: string, init?: RequestInit): Promise<number | undefined> {
  try {
    return (await fetch(path, init)).status;
  } catch {
    return undefined;
  }
}
